"""Quadratic models as text whose energy is +sum, in 0/1 or +-1 variables.

- coo (dimod): ``# vartype=SPIN`` or ``BINARY``, lines ``i j x``; linear terms have i = j.
- qubo (qbsolv): ``p qubo 0 maxNodes nNodes nCouplers``, nNodes lines ``i i q``, nCouplers lines ``i j q``.
- bq (Bonn): ``n m``, then m entries ``i j q`` of Q, 1-based, each counting once in x.Q.x.
- bqp (Biq Mac): ``n m``, then m lines ``i j q``, 1-based: x.Q.x with Q symmetric, each pair given once.

Fields and constant of a 0/1 model, x = (1 + s)/2, are sums over its couplings. They are added in
decimals, as written, and rounded once. So what cancels on paper is zero, and what is written reads
back bit by bit.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np

from .._core.instance_formats import VARTYPES
from .._core.validate import as_choice
from ._labels import dump_labels, parse_labels
from ._lines import NUMBER, InstanceError, check_size, header_value
from .base import IsingModel
from .sparse import SparseIsing

_EXACT_INTEGERS = 2**53

# Exact or an error: from 1e-324 to 1e150 sums have fewer than 500 digits.
_EXACT = decimal.Context(prec=2000, traps=[decimal.Inexact, decimal.InvalidOperation])
_NUMBER = re.compile(NUMBER)
_ENTRY = re.compile(rf"([0-9]{{1,18}})\s+([0-9]{{1,18}})\s+({_NUMBER.pattern})")
_VARTYPE = re.compile(r"^[ \t\f]*#.*?vartype[:=][ \t]*([\w.-]+)", re.MULTILINE)

Entries = dict[tuple[int, int], Decimal]


@dataclass
class Quadratic:
    """sum_i q_ii x_i + sum_{i<j} q_ij x_i x_j + constant, the variables being named by integers."""

    vartype: str
    names: list[int]
    entries: Entries
    constant: Decimal = Decimal(0)
    labels: Any = None


def vartypes(text: str) -> set[str]:
    """All that the comments of a file call its vartype."""
    return set(_VARTYPE.findall(text))


def parse(
    text: str, format: str, name: str, vartype: str | None = None
) -> tuple[SparseIsing, dict[str, Any]]:
    """The model and its metadata."""
    file = _File(text, name, ("c", "C", "#") if format == "qubo" else ("#",))
    try:
        with decimal.localcontext(_EXACT):
            if format == "coo":
                problem = _read_coo(file, vartype)
            else:
                problem = _read_qubo(file) if format == "qubo" else _read_matrix(file, format)
            problem.constant = file.number("offset")
            if "labels" in file.header:
                problem.labels = parse_labels(file.header["labels"])
            model = _to_model(problem)
    except InstanceError:
        raise
    except decimal.Inexact:
        raise file.error("its numbers have too many digits to be added exactly; round them") from None
    except (ValueError, TypeError) as error:
        raise file.error(str(error)) from None
    header = {key: header_value(value) for key, value in file.header.items()}
    return model, header | {"vartype": problem.vartype, "N": model.n_spins}


def dump(model: IsingModel, format: str, metadata: dict[str, str | int | float]) -> bytes:
    with decimal.localcontext(_EXACT):
        problem = _from_model(model, format)
        comments = {"offset": _plain(problem.constant)} if problem.constant else {}
        if problem.labels is not None:
            comments["labels"] = dump_labels(problem.labels)
        mark = "c" if format == "qubo" else "#"
        head = [f"{mark} {key}: {value}" for key, value in (comments | metadata).items()]
        linear = {(i, i): problem.entries[i, i] for i in problem.names}
        pairs = {pair: q for pair, q in problem.entries.items() if pair not in linear}
        if format == "qubo":
            head.append(f"p qubo 0 {problem.names[-1] + 1} {len(linear)} {len(pairs)}")
        elif vartypes("\n".join(head)):
            raise ValueError("labels and metadata must not say 'vartype=': it would be read as the vartype")
        else:
            head.insert(0, f"# vartype={problem.vartype}")
        if format == "coo":  # like dimod, linear terms that are not zero; and variables without couplings
            coupled = {name for pair in pairs for name in pair}
            linear = {(i, i): q for (i, _), q in linear.items() if q or i not in coupled}
        if format in ("bq", "bqp"):
            if format == "bq":
                head.insert(1, "# format: bq")
            head.append(f"{len(linear)} {len(linear) + len(pairs)}")
            linear = {(i + 1, i + 1): q for (i, _), q in linear.items()}
            pairs = {(i + 1, j + 1): q if format == "bq" else q / 2 for (i, j), q in pairs.items()}
        body = (f"{i} {j} {_plain(q)}" for (i, j), q in (linear | pairs).items())
        return "\n".join([*head, *body, ""]).encode()


@dataclass
class _File:
    """Comments and lines of data, and errors that say where they are."""

    text: str
    path: str
    marks: tuple[str, ...]
    header: dict[str, str] = field(init=False, default_factory=dict)
    rows: list[tuple[int, str]] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        for number, line in enumerate(self.text.split("\n"), 1):
            line = line.strip()
            if not line.startswith(self.marks):
                if line:
                    self.rows.append((number, line))
                continue
            key, colon, value = line[1:].partition(":")
            key = key.strip()
            if key in ("offset", "labels") and key in self.header:
                raise self.error(f"{key} is given a second time", number)
            if colon:
                self.header[key] = value.strip()

    def error(self, message: str, line: int | None = None) -> InstanceError:
        return InstanceError(f"{self.path}{'' if line is None else f', line {line}'}: {message}")

    def number(self, key: str) -> Decimal:
        """A number from the comments, zero if it is not there."""
        text = self.header.get(key, "0")
        if not _NUMBER.fullmatch(text) or not math.isfinite(float(text)):
            raise self.error(f"{key} must be a finite number, got {text[:80]!r}")
        return Decimal(text)

    def sizes(self, pattern: str, what: str) -> list[int]:
        """The integers in the first line of data."""
        if not self.rows:
            raise self.error("the file has no data")
        number, line = self.rows[0]
        found = re.fullmatch(pattern, line)
        if not found:
            raise self.error(f"{what}, got {line[:80]!r}", number)
        return [int(size) for size in found.groups()]

    def entries(
        self, rows: Iterable[tuple[int, str]], sites: range | None = None, *, ordered: bool = False
    ) -> Entries:
        """Numbers by pair of sites, i <= j, each once; where (i, j) and (j, i) are ``ordered``, their sum."""
        entries: Entries = {}
        seen = set()
        for number, line in rows:
            found = _ENTRY.fullmatch(line)
            x = float(found[3]) if found else math.nan
            if not found or not math.isfinite(x):
                raise self.error(f"expected two sites and a finite number, got {line[:80]!r}", number)
            i, j, q = int(found[1]), int(found[2]), Decimal(found[3])
            rounded_integer = (
                abs(x) >= _EXACT_INTEGERS and found[3].lstrip("+-").isdigit() and q != Decimal(x)
            )
            if rounded_integer or (q and not x):
                raise self.error(f"float64 cannot hold the number {found[3][:80]}; rescale it", number)
            if sites is not None and not (i in sites and j in sites):
                raise self.error(
                    f"sites {i} and {j}: sites must be in {sites.start}..{sites.stop - 1}", number
                )
            pair = (i, j) if i <= j else (j, i)
            place = (i, j) if ordered else pair
            if place in seen:
                raise self.error(
                    f"sites {i} and {j} are given a second time; each pair must occur once", number
                )
            seen.add(place)
            entries[pair] = entries.get(pair, Decimal(0)) + q
        return entries


def _read_coo(file: _File, vartype: str | None) -> Quadratic:
    said = vartypes(file.text) | ({vartype} if vartype is not None else set())
    if not said:
        raise file.error(
            "a COO file begins with '# vartype=SPIN' or '# vartype=BINARY'; where it does not, give vartype="
        )
    if len(said) > 1:
        raise file.error(f"its vartypes contradict each other: {', '.join(sorted(said))}")
    return _named_by_number(as_choice(said.pop(), "vartype", VARTYPES), file.entries(file.rows))


def _read_qubo(file: _File) -> Quadratic:
    limit, nodes, couplers = file.sizes(
        r"(?i:p\s+qubo)\s+\S+\s+([0-9]{1,18})\s+([0-9]{1,18})\s+([0-9]{1,18})",
        "a QUBO file begins with 'p qubo 0 maxNodes nNodes nCouplers'",
    )
    entries = file.entries(file.rows[1:], range(limit))
    diagonal = sum(i == j for i, j in entries)
    if (diagonal, len(entries) - diagonal) != (nodes, couplers):
        raise file.error(
            f"{nodes} nodes and {couplers} couplers are announced, the file has {diagonal} and "
            f"{len(entries) - diagonal}; is it complete?"
        )
    return _named_by_number("BINARY", entries)


def _named_by_number(vartype: str, entries: Entries) -> Quadratic:
    """The variables are those that occur; their numbers are labels unless they are 0..N-1."""
    if not entries:
        raise ValueError("it names no variable; a model needs at least one")
    names = sorted({name for pair in entries for name in pair})
    labels = None if names == list(range(len(names))) else names
    return Quadratic(vartype, names, entries, labels=labels)


def _read_matrix(file: _File, format: str) -> Quadratic:
    """x.Q.x, from the entries of Q (bq) or those of one triangle of a symmetric Q (bqp)."""
    if vartypes(file.text) - {"BINARY"}:
        raise file.error("the variables of a 0-1 problem x.Q.x are 0 and 1, its vartype is BINARY")
    n, m = file.sizes(
        r"([0-9]{1,18})\s+([0-9]{1,18})",
        "a 0-1 problem begins with its numbers of variables and entries, 'n m'",
    )
    rows = file.rows[1:]
    if len(rows) != m:
        raise file.error(f"{m} entries are announced, the file has {len(rows)}; is it complete?")
    check_size(n, 2 * len(rows))
    entries = file.entries(rows, range(1, n + 1), ordered=format == "bq")
    factor = 1 if format == "bq" else 2
    counted = {(i - 1, j - 1): q if i == j else factor * q for (i, j), q in entries.items()}
    return Quadratic("BINARY", list(range(n)), counted)


def _to_model(problem: Quadratic) -> SparseIsing:
    site = {name: k for k, name in enumerate(problem.names)}
    h = [problem.entries.get((name, name), Decimal(0)) for name in problem.names]
    edges = [(site[i], site[j], q) for (i, j), q in problem.entries.items() if i != j]
    constant = problem.constant
    lost = Decimal(0)
    if problem.vartype == "BINARY":
        # What is written may be meant as decimals or as the nearest numbers of float64: both are covered.
        lost = _lost([constant, *h, *(q for _, _, q in edges)])
        h = [x / 2 for x in h]
        edges = [(i, j, q / 4) for i, j, q in edges]
        constant += sum(h) + sum(q for _, _, q in edges)
        for i, j, q in edges:
            h[i] += q
            h[j] += q
        lost += _lost([constant, *h, *(q for _, _, q in edges)])
    model = SparseIsing.from_edges(
        [i for i, _, _ in edges],
        [j for _, j, _ in edges],
        [0.0 - float(q) for _, _, q in edges],
        len(problem.names),
        [0.0 - float(x) for x in h],
        offset=float(constant),
        labels=problem.labels,
    )
    return model._off_by(float(lost))


def _lost(numbers: list[Decimal]) -> Decimal:
    """What the numbers lose in all as float64."""
    return sum((abs(x - Decimal(float(x))) for x in numbers), Decimal(0))


def _from_model(model: IsingModel, format: str) -> Quadratic:
    """The inverse of :func:`_to_model`."""
    h = [-_decimal(x) for x in model.b.tolist()]
    i, j, J = (x.tolist() for x in model.to_sparse().edges())
    edges = [(a, c, -_decimal(x)) for a, c, x in zip(i, j, J, strict=True)]
    constant = _decimal(model.offset)
    if format != "coo":
        constant += sum(q for _, _, q in edges) - sum(h)
        for a, c, q in edges:
            h[a] -= q
            h[c] -= q
        h = [2 * x for x in h]
        edges = [(a, c, 4 * q) for a, c, q in edges]
    names, labels = list(range(model.n_spins)), model.labels
    numbers = _numbers(labels)
    if format not in ("bq", "bqp") and numbers and numbers != names:
        names, labels = numbers, None
    entries = {(name, name): x for name, x in zip(names, h, strict=True)}
    entries |= {(names[a], names[c]): q for a, c, q in edges}
    return Quadratic("SPIN" if format == "coo" else "BINARY", names, entries, constant, labels)


def _numbers(labels: tuple[Hashable, ...] | None) -> list[int]:
    """Labels that can serve as increasing numbers of sites; else nothing."""
    known = (int, np.integer)
    numbers = sorted(
        int(x) for x in labels or () if isinstance(x, known) and type(x) is not bool and 0 <= x < 10**18
    )
    return numbers if tuple(numbers) == labels else []


def _decimal(x: float) -> Decimal:
    """The shortest decimal that reads back as ``x``."""
    return Decimal(repr(x))


def _plain(x: Decimal) -> str:
    """Without exponent, which dimod's reader does not know; a rounded number must not pass as an integer."""
    text = f"{x.normalize():f}" if x else "0"
    return text if "." in text or abs(x) < _EXACT_INTEGERS else f"{text}.0"
