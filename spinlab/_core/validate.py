"""Checks at the public edge: every message says what was given, what is allowed, what to do."""

from __future__ import annotations

import difflib
import math
import numbers
import operator
import os
import warnings
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from typing import Any

import numpy as np

from .tables import Names, check_names

_LARGEST_EXACT = 2**53
ASYMMETRY = 1e-10  # of the largest entry, that is taken for rounding
_BLOCK = 2**15  # numbers that are looked at together
_TILE = 128  # rows and columns of them
_REMEDIES = {
    "b": "; .astype(float) makes numbers of it",
    "O": "; .astype(float) makes numbers of it",
    "c": "; take .real where the imaginary parts are zero",
}
_LARGEST_SUM = 1e150  # its square is finite, so are all sums and products of couplings


def as_real_array(x: Any, name: str, ndim: int | tuple[int, ...], exact: bool = False) -> np.ndarray:
    """A finite float64 C-ordered copy of ``x``, whose absolute sum is at most 1e150.

    Integers that float64 rounds are refused, where it has to be ``exact`` also longer floats.
    """
    array = _as_numbers(x, name)
    allowed = (ndim,) if isinstance(ndim, int) else ndim
    if array.ndim not in allowed:
        shape = " or ".join(str(n) for n in allowed)
        raise ValueError(f"{name} must have {shape} axes, got shape {array.shape}")
    if array.dtype.kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > _LARGEST_EXACT:
        raise ValueError(f"{name} has integers above 2**53, which float64 cannot hold exactly; rescale it")
    given = array
    with np.errstate(over="ignore", invalid="ignore"):
        array = np.array(given, dtype=np.float64, order="C")
        total = _size(array)
    if not math.isfinite(total) and not np.isfinite(array).all():
        raise ValueError(
            f"{name} has NaN or infinite entries (or values beyond float64); only finite numbers"
        )
    if total > _LARGEST_SUM:
        raise ValueError(f"{name} is too large: the sum of its absolute values exceeds 1e150; rescale it")
    if exact and given.dtype.kind == "f" and given.dtype.itemsize > 8 and (array != given).any():
        raise ValueError(
            f"{name} has numbers of {given.dtype} that float64 cannot hold exactly; "
            "round them by .astype(float)"
        )
    if given is not x and given.dtype.kind == "f" and total >= _LARGEST_EXACT:
        _refuse_rounded_integers(x, name)
    return array


def _refuse_rounded_integers(x: Any, name: str) -> None:
    """Of a list or a frame, whose integers become floats as soon as one of the numbers is none."""
    parts = [column for _, column in x.items()] if hasattr(x, "items") else [x]
    whole = (n for part in parts for n in np.asarray(part, dtype=object).ravel().tolist())
    if any(isinstance(n, numbers.Integral) and int(float(n)) != int(n) for n in whole):
        raise ValueError(f"{name} has integers above 2**53, which float64 cannot hold exactly; rescale it")


def rounded_off(x: Any, nearest: float) -> float:
    """How far a number of any kind (Fraction, Decimal, numpy.longdouble) lies from float64's, rounded up."""
    ratio = getattr(x, "as_integer_ratio", None)
    if ratio is None or isinstance(x, float):
        return 0.0
    apart = abs(Fraction(*ratio()) - Fraction(nearest))
    return math.nextafter(float(apart), math.inf) if apart else 0.0


def _size(array: np.ndarray) -> float:
    """Sum of all |x|, some at a time: a large array is passed through the cache once, and not doubled."""
    flat = array.reshape(-1)
    return sum(float(np.abs(flat[i : i + _BLOCK]).sum()) for i in range(0, len(flat), _BLOCK))


def _as_numbers(x: Any, name: str, kinds: str = "iuf") -> np.ndarray:
    if isinstance(x, np.ma.MaskedArray) or (
        isinstance(x, list | tuple) and any(isinstance(row, np.ma.MaskedArray) for row in x)
    ):
        raise TypeError(f"{name} is a masked array; fill the masked entries first (for example .filled(0))")
    if hasattr(x, "__cuda_array_interface__"):
        raise TypeError(
            f"{name} lies on the GPU; functions take arrays of the host, also for a model on the GPU: use "
            ".get() of CuPy, or .cpu().numpy() of torch"
        )
    try:
        array = np.asarray(x)
    except (ValueError, OverflowError) as error:
        why = "rows must have one length" if "inhomogeneous" in str(error) else error
        raise ValueError(f"{name} is not a regular array of numbers: {why}") from None
    if array.dtype.kind not in kinds:
        what = f"dtype {array.dtype}" if array.ndim else f"{type(x).__name__}"
        remedy = _REMEDIES.get(array.dtype.kind, "") if array.ndim else ""
        raise TypeError(f"{name} must hold real numbers, got {what}{remedy}")
    return array


def as_couplings(J: Any, name: str = "J") -> np.ndarray:
    """A symmetric (N, N) matrix with zero diagonal, as :func:`symmetrised` makes it."""
    return symmetrised(J, name)[0]


def symmetrised(J: Any, name: str = "J") -> tuple[np.ndarray, float]:
    """A matrix (N, N) with zero diagonal that is symmetric up to rounding, made symmetric.

    Returns the mean of both triangles and the sum of |J_ij - J_ji| / 2 over all pairs, rounded up.
    """
    J = as_real_array(J, name, 2, exact=True)
    if J.shape[0] != J.shape[1]:
        raise ValueError(
            f"{name} must be square, got shape {J.shape}; "
            "for the weights of a restricted Boltzmann machine use models.BipartiteIsing(W)"
        )
    if J.shape[0] == 0:
        raise ValueError(f"{name} is empty; a model needs at least one spin")
    if np.diagonal(J).any():
        i = int(np.flatnonzero(np.diagonal(J))[0])
        raise ValueError(
            f"{name} has a non-zero diagonal ({name}[{i},{i}] = {J[i, i]}); s_i s_i = 1 is only a constant: "
            "set the diagonal to zero and add -sum(diag)/2 to the energy yourself; a QUBO matrix, for x of 0 "
            "and 1, is read by models.from_qubo"
        )
    if _is_symmetric(J):
        return J, 0.0
    if not np.tril(J).any() or not np.triu(J).any():
        raise ValueError(f"{name} is triangular; give the full symmetric matrix, {name} + {name}.T")
    apart = np.abs(J - J.T)
    if apart.max() <= ASYMMETRY * np.abs(J).max():
        mean = J / 2 + J.T / 2
        # A mean is rounded, too, by less than 2^-52 of the larger entry.
        lost = np.where(apart > 0, apart / 2 + 2.0**-52 * np.abs(mean) + 2.0**-1073, 0.0)
        return mean, float(np.triu(lost).sum()) * (1 + 2.0**-40)
    i, j = (int(k[0]) for k in np.nonzero(apart > ASYMMETRY * np.abs(J).max()))
    raise ValueError(
        f"{name} must be symmetric, but {name}[{i},{j}] = {J[i, j]} and {name}[{j},{i}] = {J[j, i]}; "
        f"symmetrise it, for example ({name} + {name}.T) / 2 (differences of up to {ASYMMETRY:g} of the "
        "largest entry are taken for rounding)"
    )


def _is_symmetric(J: np.ndarray) -> bool:
    """Whether J equals its transpose, tile by tile, so that both stay in the cache."""
    n = len(J)
    return all(
        np.array_equal(J[i : i + _TILE, j : j + _TILE], J[j : j + _TILE, i : i + _TILE].T)
        for i in range(0, n, _TILE)
        for j in range(i, n, _TILE)
    )


def as_fields(b: Any, n: int, name: str = "b", names: Names | None = None) -> np.ndarray:
    """Fields of shape (n,): None means zero, a number a uniform field; ``names`` are the sites' own."""
    if b is None:
        return np.zeros(n)
    check_names(b, name, names)
    b = as_real_array(b, name, (0, 1), exact=True)
    if b.ndim == 0:
        return np.full(n, float(b))
    if b.shape != (n,):
        raise ValueError(f"{name} must be a number or have shape ({n},), got shape {b.shape}")
    return b


def as_spins(s: Any, n: int, name: str = "states", names: Names | None = None) -> np.ndarray:
    """Spins +-1 as int8, shape (..., n); ``names`` are those of the sites."""
    check_names(s, name, names, -1)
    array = _as_numbers(s, name, "biuf")
    if array.dtype.kind == "b":
        raise TypeError(f"{name} must hold +1 and -1, got booleans; 0/1 units are converted by 2 * x - 1")
    if array.ndim == 0 or array.shape[-1] != n:
        raise ValueError(
            f"{name} must have {n} spins on the last axis, got shape {array.shape}{_rows_of(array, n, name)}"
        )
    if not ((array == 1) | (array == -1)).all():
        raise ValueError(
            f"{name} must hold only +1 and -1, got {_range(array)}; 0/1 units are converted by 2 * x - 1"
        )
    return np.ascontiguousarray(array, dtype=np.int8)


def as_data(x: Any, n: int, name: str = "data") -> np.ndarray:
    """Data as spins +-1, int8, shape (..., n): +-1 as they are, booleans and 0/1 by 2 x - 1.

    All ones are +1 in both readings. Frames (also of nullable types) and sparse matrices are welcome.
    """
    array = _as_numbers(as_plain_array(x, name), name, "biuf")
    if array.dtype.kind == "b" or _is_binary(array):
        array = np.where(array, np.int8(1), np.int8(-1))
    elif not ((array == 1) | (array == -1)).all():
        raise ValueError(
            f"{name} must hold only +1 and -1, or 0 and 1, got {_range(array)}; {_to_spins(array, name)}"
        )
    return as_spins(array, n, name)


def as_plain_array(x: Any, name: str) -> Any:
    """A frame or a sparse matrix as an array, other things as they are."""
    if hasattr(x, "toarray") and hasattr(x, "nnz"):
        check_memory(2 * x.dtype.itemsize * math.prod(x.shape), f"{name} of shape {x.shape} written out")
        return x.toarray()
    if hasattr(x, "to_numpy") and np.asarray(x).dtype.kind == "O":  # nullable or mixed columns
        try:
            return x.to_numpy(dtype=np.float64, na_value=math.nan)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name} must hold numbers or booleans in every column: {error}; for words take "
                f"{name} == 'yes'"
            ) from None
    if hasattr(x, "requires_grad"):  # a tensor of torch says by itself why it is no array
        return x.detach()
    return x


def _rows_of(array: np.ndarray, n: int, name: str) -> str:
    """How rows of n come out of an array whose last axis is another one."""
    if array.ndim == 2 and len(array) == n:
        return f"; states are rows: {name}.T"
    if array.ndim > 2 and math.prod(array.shape[1:]) == n:
        return f"; images become rows by {name}.reshape({len(array)}, {n})"
    return ""


def _is_binary(array: np.ndarray) -> bool:
    off = array == 0
    return bool(off.any() and (off | (array == 1)).all())


def _range(array: np.ndarray) -> str:
    if array.dtype.kind == "f" and np.isnan(array).any():
        return f"NaN in {int(np.isnan(array).sum())} of {array.size} entries"
    return f"values from {array.min():g} to {array.max():g}"


def _to_spins(array: np.ndarray, name: str) -> str:
    """What to do with values that are no spins."""
    if array.dtype.kind == "f" and np.isnan(array).any():
        return "fill or drop the missing entries"
    codes = np.unique(array)
    whole = np.isfinite(codes).all() and (codes == np.rint(codes)).all()
    if len(codes) == 2 and whole and codes[1] != 255:  # such as 1 and 2
        return f"for two codes take {name} == {codes[1]:g}"
    if array.min() < 0 or array.max() > 255:
        return "choose a threshold"
    scaled = name if array.max() <= 1 else f"{name} / 255"
    return f"grey levels become spins by datasets.binarized({scaled})"


def as_count(n: Any, name: str, minimum: int = 1) -> int:
    """An integer of at least ``minimum`` (numpy integers welcome, booleans and floats not)."""
    if isinstance(n, bool | np.bool_):
        raise TypeError(f"{name} must be an integer, got {n!r}")
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError(f"{name} must be an integer, got {n!r}") from None
    if n < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {n}")
    if n >= 2**63:
        raise ValueError(f"{name} must be below 2**63, got a number of {n.bit_length()} bits")
    return n


def as_real(x: Any, name: str, minimum: float = -math.inf, exclusive: bool = False) -> float:
    """A finite number, at least (or above) ``minimum``."""
    if isinstance(x, np.ndarray) and x.ndim == 0:
        x = x[()]
    not_a_number = isinstance(x, bool | np.bool_ | str | bytes | bytearray | np.ndarray)
    if not_a_number or (isinstance(x, numbers.Complex) and not isinstance(x, numbers.Real)):
        raise TypeError(f"{name} must be a real number, got {x!r}")
    try:
        value = float(x)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a real number, got {x!r}") from None
    except OverflowError:
        raise ValueError(f"{name} is too large for float64, got {x!r}") from None
    if not math.isfinite(value) or value < minimum or (exclusive and value == minimum):
        bound = "" if minimum == -math.inf else f" {'above' if exclusive else 'of at least'} {minimum:g}"
        raise ValueError(f"{name} must be a finite number{bound}, got {x!r}")
    return value


def memory() -> int | None:
    """Bytes that this process may ever use: those of the machine, or its own lower limit; None if unknown."""
    known = []
    with suppress(AttributeError, ValueError, OSError):
        known.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    with suppress(ImportError, ValueError, OSError):  # absent on Windows
        import resource

        known += [resource.getrlimit(limit)[0] for limit in (resource.RLIMIT_AS, resource.RLIMIT_DATA)]
    return min((n for n in known if n > 0), default=None)  # no limit is -1


def check_memory(n_bytes: int, what: str) -> None:
    """Refuse what cannot fit, before the system kills the process for trying."""
    available = memory()
    if available is not None and n_bytes > available:
        raise ValueError(
            f"{what} needs about {n_bytes / 2**30:.3g} GiB of memory, this machine has "
            f"{available / 2**30:.3g} GiB; take a smaller size"
        )


def as_choice(x: Any, name: str, known: Iterable[str]) -> str:
    """One of the known names."""
    known = list(known)
    if not isinstance(x, str) or x not in known:
        close = difflib.get_close_matches(x.lower(), known, 1) if isinstance(x, str) else []
        hint = f"; did you mean {close[0]!r}?" if close else ";"
        raise ValueError(f"unknown {name} {x!r}{hint} known: {', '.join(known)}")
    return x


def as_renamed(old: Any, new: Any, old_name: str, new_name: str) -> Any:
    """The value of a keyword that had another name, which still works, with a warning."""
    if old is None:
        return new
    if new is not None:
        raise TypeError(f"{old_name} is an older name of {new_name}: give {new_name} alone")
    warnings.warn(f"{old_name} is now called {new_name}", FutureWarning, stacklevel=3)
    return old


def as_flag(x: Any, name: str) -> bool:
    """True or False (numpy booleans welcome, numbers and text not)."""
    if not isinstance(x, bool | np.bool_):
        raise TypeError(f"{name} must be True or False, got {x!r}")
    return bool(x)
