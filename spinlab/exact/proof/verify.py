"""The verifier: shows from the model alone that a certificate's bound and energy are right.

It shares no code with what searched. Every sum is one of integers; floating point enters at one place, a
Cholesky decomposition whose rounding is bounded (S. M. Rump, BIT Numer. Math. 46, 433 (2006)).
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..._core.results import Result
from ...models import IsingModel, ModelLike, SparseIsing, as_model
from .certificate import ENUMERATED, LINEAR, SEMIDEFINITE, SHAPES, SPLIT, TIED, Certificate, fingerprint

_MOST_ENUMERATED = 16  # free spins of a leaf that is enumerated
_SIGNS = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]])


class CertificateError(ValueError):
    """A certificate that does not prove what it says; the message says where."""


@dataclass(frozen=True, repr=False)
class Verdict(Result):
    """What a certificate was found to prove: ``lower_bound`` <= E0 <= ``energy``.

    Attributes
    ----------
    energy, lower_bound : float
    certified : bool
        Whether they are equal, for real couplings to 4 (n + 15) 2**-53 sum |J|.
    cases : int
        Leaves of the tree.
    """

    energy: float
    lower_bound: float
    certified: bool
    cases: int


def verify(model: ModelLike, certificate: Certificate) -> Verdict:
    """Check a certificate against the model.

    Parameters
    ----------
    model : IsingModel or anything that :func:`spinlab.models.as_model` takes
    certificate : Certificate

    Returns
    -------
    Verdict

    Raises
    ------
    CertificateError
        Saying which part is wrong: the model, the state, the tree, or a leaf by number.

    Notes
    -----
    Cost: O(n^3) for a semidefinite leaf of n spins, 2^16 states for an enumerated one.

    Examples
    --------
    >>> import spinlab as sl
    >>> model = sl.ensembles.sk(20, rng=0)
    >>> answer = sl.exact.branching.ground_state(model, certificate=True)
    >>> sl.exact.verify(model, answer.certificate).certified
    True
    """
    model = as_model(model)
    if not isinstance(certificate, Certificate):
        raise TypeError(f"certificate must be a Certificate, got {type(certificate).__name__}")
    if fingerprint(model) != certificate.model:
        raise CertificateError(
            "the certificate is of another model: spins, couplings, fields or offset differ"
        )
    _check_form(model, certificate)
    n_ties = int((certificate.nodes[:, 0] == TIED).argmin())
    ties = certificate.nodes[:n_ties, 1:].tolist()
    numbers = _Numbers(model, certificate.base, certificate.exponent, ties)
    state = certificate.state.astype(np.int64)
    best = numbers.value(numbers.reduced(state))
    cases, top = _walk(numbers, certificate, n_ties)
    if top < best:  # no set of leaves can that were rightly judged: it would show a mistake of this file
        raise CertificateError("the leaves exclude the certificate's own state")
    step = numbers.step()
    top = best + (top - best) // step * step
    unit = numbers.unit
    offset = Fraction(float(model.offset))
    # What the model's numbers stand for may differ from them, where they were converted (from 0/1 units). The
    # last factor is what the solvers add for their sums in float64: no bound here needs it.
    converted = (Fraction(model.rounding) + Fraction(model.coupling_rounding())) * (1 + Fraction(1, 2**50))
    proven = _down(offset - numbers.met - top * unit / 2 - numbers.lost - converted)
    tolerance = (
        4 * (numbers.n + 15) * Fraction(1, 2**53) * numbers.size * unit if numbers.lost else Fraction(0)
    )
    exact = offset - _exact(model, state)
    slack = Fraction(math.ulp(float(exact)) or 0.0)
    if not math.isfinite(certificate.energy) or abs(Fraction(certificate.energy) - exact) > slack:
        raise CertificateError(f"the state has the energy {float(exact)!r}, not {certificate.energy!r}")
    if not certificate.lower_bound <= proven:
        raise CertificateError(f"the leaves prove {proven!r}, not the bound {certificate.lower_bound!r}")
    # A complete one claims a bound that meets the energy; that more was proven does not help its reader.
    bound = certificate.lower_bound
    closed = False
    if math.isfinite(bound):
        closed = exact - Fraction(bound) <= tolerance + converted + slack + Fraction(math.ulp(bound))
    if certificate.certified and not closed:
        raise CertificateError(f"it is said to be complete, but {bound!r} lies below {certificate.energy!r}")
    return Verdict(certificate.energy, certificate.lower_bound, certificate.certified, cases)


def _check_form(model: IsingModel, certificate: Certificate) -> None:
    for name, (dtype, ndim) in SHAPES.items():  # sums of other types than integers might be rounded
        array = np.asarray(getattr(certificate, name))
        if array.dtype != dtype or array.ndim != ndim:
            raise CertificateError(f"{name} is not an array of {np.dtype(dtype)} with {ndim} axes")
    state, nodes = certificate.state, certificate.nodes
    if state.shape != (model.n_spins,) or not np.isin(state, (-1, 1)).all():
        raise CertificateError(f"the state is not one of {model.n_spins} spins of +-1")
    if nodes.ndim != 2 or nodes.shape[1] != 3 or not len(nodes):
        raise CertificateError("the tree has no nodes")
    if not (-1300 < certificate.exponent < 1200 and 0 < certificate.base < 2**53):
        raise CertificateError(f"the unit {certificate.base} 2**{certificate.exponent} is out of range")
    kinds, n_local = nodes[:, 0], len(certificate.local_multipliers)
    for name, sizes, count, total in (
        ("D", certificate.D_sizes, int((kinds == SEMIDEFINITE).sum()), len(certificate.D)),
        ("triangles", certificate.g_sizes, int((kinds == SEMIDEFINITE).sum()), len(certificate.g)),
        ("rows", certificate.row_counts, int((kinds == LINEAR).sum()), len(certificate.multipliers)),
        ("cycles", certificate.cycle_sizes, len(certificate.multipliers), len(certificate.cycles)),
        ("local rows", _local_counts(certificate), int((kinds == LINEAR).sum()), n_local),
        ("edges in local rows", certificate.local_sizes, n_local, len(certificate.local_edges)),
    ):
        if len(sizes) != count or (sizes < 0).any() or sum(sizes.tolist()) != total:
            raise CertificateError(f"the numbers of {name} do not add up")
    if certificate.triangles.shape != (len(certificate.g), 4) or len(certificate.odd) != len(
        certificate.cycles
    ):
        raise CertificateError("the numbers of triangles or of edges in cycles do not add up")
    if len(certificate.local_weights) != len(certificate.local_edges) or (
        len(certificate.local_thresholds) != n_local
    ):
        raise CertificateError("the numbers of weights or of thresholds in local rows do not add up")


def _local_counts(certificate: Certificate) -> np.ndarray:
    """Local rows of each linear leaf."""
    counts = certificate.local_counts
    return counts if len(counts) else np.zeros(int((certificate.nodes[:, 0] == LINEAR).sum()), np.int64)


class _Numbers:
    """The model in integers, spin 0 a ghost where there are fields, tied spins taken for one."""

    def __init__(self, model: IsingModel, base: int, exponent: int, ties: list[list[int]]) -> None:
        sparse = model if isinstance(model, SparseIsing) else model.to_sparse()
        i, j, J = sparse.edges()
        b = np.asarray(model.b, np.float64)
        self.ghost = bool(b.any())
        if self.ghost:
            at = np.flatnonzero(b)
            i, j = np.concatenate([0 * at, i + 1]), np.concatenate([at + 1, j + 1])
            J = np.concatenate([b[at], J])
        kept = J != 0
        i, j, exact = i[kept], j[kept], [Fraction(x) for x in J[kept].tolist()]
        self.n = model.n_spins + self.ghost
        self.tied, self.met = _Classes(self.n, []), Fraction(0)
        if ties:
            self.tied, self.met, (i, j, exact) = _contracted(self.n, i, j, exact, ties)
            self.n = len(self.tied.names)
        self.lost = Fraction(0)
        self.unit = unit = base * Fraction(2) ** exponent
        whole: list[int] = []
        for x in exact:
            c = round(x / unit)
            whole.append(c)
            self.lost += abs(x - c * unit)
        self.size = sum(abs(c) for c in whole)
        if self.size >= 2**60:
            raise CertificateError(f"sums of the couplings in units of {base} 2**{exponent} leave 60 bits")
        numbers = np.array(whole, np.int64)
        kept = numbers != 0
        self.i, self.j, self.c = i[kept], j[kept], numbers[kept]
        self._matrix: np.ndarray | None = None
        self.valid: set[tuple[bytes, bytes, int]] = set()  # local rows that were checked

    def reduced(self, state: np.ndarray) -> np.ndarray:
        """One spin for each class of tied ones."""
        s = np.concatenate([[1], state]) if self.ghost else state
        r = s[self.tied.names]
        if (r[self.tied.of] * self.tied.sign != s).any():
            raise CertificateError("the state breaks a tie")
        return r

    def value(self, s: np.ndarray) -> int:
        """s.C.s"""
        return 2 * int((self.c * s[self.i] * s[self.j]).sum())

    def step(self) -> int:
        """All s.C.s differ by multiples: flipping a spin changes them by 4 s_i (sum_j C_ij s_j)."""
        rows = [0] * self.n
        g = 0
        for i, j, c in zip(self.i.tolist(), self.j.tolist(), self.c.tolist(), strict=True):
            rows[i] += c
            rows[j] += c
            g = math.gcd(g, 8 * c)
        return math.gcd(g, *(4 * r for r in rows)) or 1 << 60

    @property
    def matrix(self) -> np.ndarray:
        if self._matrix is None:
            self._matrix = np.zeros((self.n, self.n), np.int64)
            self._matrix[self.i, self.j] = self.c
            self._matrix[self.j, self.i] = self.c
        return self._matrix


class _Classes:
    """Spins that a path of splits ties to each other: s_i = sign_i s_root(i)."""

    def __init__(self, n: int, path: list[tuple[int, int, int]]) -> None:
        root, sign = list(range(n)), [1] * n

        def find(i: int) -> tuple[int, int]:
            passed = []
            while root[i] != i:
                passed.append(i)
                i = root[i]
            total = 1
            for k in reversed(passed):  # the next walk is short
                total *= sign[k]
                root[k], sign[k] = i, total
            return i, total

        for i, j, tie in path:
            (a, p), (b, q) = find(i), find(j)
            if a == b:
                raise CertificateError(f"the tree splits on spins {i} and {j}, which are already tied")
            low, high = min(a, b), max(a, b)
            root[high], sign[high] = low, p * q * tie
        found = [find(i) for i in range(n)]
        self.root = np.array([r for r, _ in found])
        self.sign = np.array([x for _, x in found], np.int64)
        self.names, self.of = np.unique(self.root, return_inverse=True)


def _contracted(
    n: int, i: np.ndarray, j: np.ndarray, exact: list[Fraction], ties: list[list[int]]
) -> tuple[_Classes, Fraction, tuple[np.ndarray, np.ndarray, list[Fraction]]]:
    """Classes of tied spins, -energy of what they hold, and the couplings (i, j, C_ij) between them.

    The best sign of spin i is that of sum_k C_ik s_k, which |C_ij| >= sum of the other |C_ik| makes that of
    C_ij s_j (or leaves free): a state of least energy is left when i is tied to j.
    """
    rows: list[dict[int, Fraction]] = [{} for _ in range(n)]
    for a, b, x in zip(i.tolist(), j.tolist(), exact, strict=True):
        rows[a][b] = rows[b][a] = x
    path: list[tuple[int, int, int]] = []
    met = Fraction(0)
    gone = [False] * n
    for number, (a, b) in enumerate(ties):
        if not (0 <= a < n and 0 <= b < n and a != b) or gone[a] or gone[b]:
            raise CertificateError(f"tie {number} is of the spins {a} and {b}, which are not both free")
        row = rows[a]
        strength = row.pop(b, Fraction(0))
        if abs(strength) < sum(map(abs, row.values())):
            raise CertificateError(f"tie {number}: spin {a} does not follow spin {b} whatever the others do")
        sign = -1 if strength < 0 else 1
        path.append((a, b, sign))
        met += abs(strength)
        rows[b].pop(a, None)
        gone[a] = True
        for k, x in row.items():
            del rows[k][a]
            rows[b][k] = rows[k][b] = rows[b].get(k, Fraction(0)) + sign * x
    classes = _Classes(n, path)
    edges = []
    for a in range(n):
        for b, x in rows[a].items() if not gone[a] else ():
            if classes.of[a] < classes.of[b] and x:
                x *= int(classes.sign[a] * classes.sign[b])
                edges.append((int(classes.of[a]), int(classes.of[b]), x))
    edges.sort()
    ends = np.array([edge[:2] for edge in edges], np.int64).reshape(-1, 2)
    return classes, met, (ends[:, 0], ends[:, 1], [edge[2] for edge in edges])


def _walk(numbers: _Numbers, certificate: Certificate, begin: int) -> tuple[int, int]:
    """(number of leaves, the largest bound on s.C.s among them)."""
    n = numbers.n
    leaf, cases = 0, 0
    top: int | None = None
    starts = {
        "D": np.concatenate([[0], np.cumsum(certificate.D_sizes)]),
        "g": np.concatenate([[0], np.cumsum(certificate.g_sizes)]),
        "row": np.concatenate([[0], np.cumsum(certificate.row_counts)]),
        "cycle": np.concatenate([[0], np.cumsum(certificate.cycle_sizes)]),
        "local": np.concatenate([[0], np.cumsum(_local_counts(certificate))]),
        "local_row": np.concatenate([[0], np.cumsum(certificate.local_sizes)]),
    }
    linear = 0
    open_paths: list[list[tuple[int, int, int]]] = [[]]
    for number, (kind, i, j) in enumerate(certificate.nodes[begin:].tolist(), begin):
        if not open_paths:
            raise CertificateError(f"node {number} of the tree hangs in the air")
        path = open_paths.pop()
        if kind in (SPLIT, TIED):
            what = "splits on" if kind == SPLIT else "ties"
            if not (0 <= i < n and 0 <= j < n and i != j):
                raise CertificateError(f"node {number} of the tree {what} spins {i} and {j} of {n}")
            if len(path) >= n - 1:
                raise CertificateError(f"node {number} of the tree {what} spins where all {n} are tied")
            if kind == TIED:
                open_paths.append([*path, (i, j, _sign_of_tie(numbers, path, number, i, j))])
            else:
                open_paths.append([*path, (i, j, -1)])
                open_paths.append([*path, (i, j, 1)])
            continue
        cases += 1
        classes = _Classes(n, path)
        try:
            if kind == ENUMERATED:
                bound = _enumerated(numbers, classes)
            elif kind == SEMIDEFINITE:
                d = slice(starts["D"][leaf], starts["D"][leaf + 1])
                t = slice(starts["g"][leaf], starts["g"][leaf + 1])
                leaf += 1
                bound = _semidefinite(
                    numbers, classes, certificate.D[d], certificate.triangles[t], certificate.g[t]
                )
            elif kind == LINEAR:
                r = slice(starts["row"][linear], starts["row"][linear + 1])
                local = slice(starts["local"][linear], starts["local"][linear + 1])
                linear += 1
                bound = _linear(numbers, classes, certificate, (r, local), starts)
            else:
                raise CertificateError(f"there is no kind {kind}")
        except CertificateError as error:
            raise CertificateError(f"node {number} of the tree: {error}") from None
        top = bound if top is None else max(top, bound)
    if open_paths:
        raise CertificateError(f"the tree is not complete: {len(open_paths)} cases are missing")
    assert top is not None
    return cases, top


def _sign_of_tie(numbers: _Numbers, path: list[tuple[int, int, int]], number: int, i: int, j: int) -> int:
    """s_i s_j in a best state among those of a path, if the class of i follows that of j in all of them."""
    classes = _Classes(numbers.n, path)
    a, b = classes.of[i], classes.of[j]
    p, q = classes.of[numbers.i], classes.of[numbers.j]
    met = (p != q) & ((p == a) | (q == a))
    c = numbers.c * classes.sign[numbers.i] * classes.sign[numbers.j]
    row = np.zeros(len(classes.names), np.int64)
    np.add.at(row, (p + q - a)[met], c[met])
    # (Of one class with j the row is 0 at b: what the first condition refuses was tied before, rightly.)
    if a == b or 2 * abs(int(row[b])) < sum(np.abs(row).tolist()):
        raise CertificateError(f"node {number} of the tree: spin {i} does not follow spin {j} in its states")
    return (-1 if row[b] < 0 else 1) * int(classes.sign[i] * classes.sign[j])


def _reduced(numbers: _Numbers, classes: _Classes) -> tuple[np.ndarray, int]:
    """Couplings between the classes, and the constant of those within: s.C.s = r.C'.r + constant."""
    m = len(classes.names)
    C = np.zeros((m, m), np.int64)
    a, b = classes.of[numbers.i], classes.of[numbers.j]
    c = numbers.c * classes.sign[numbers.i] * classes.sign[numbers.j]
    inside = a == b
    np.add.at(C, (a[~inside], b[~inside]), c[~inside])
    return C + C.T, 2 * int(c[inside].sum())


def _enumerated(numbers: _Numbers, classes: _Classes) -> int:
    """The largest s.C.s, by trying all states."""
    C, constant = _reduced(numbers, classes)
    m = len(C)
    if m - 1 > _MOST_ENUMERATED:
        raise CertificateError(f"{m - 1} free spins are not enumerated here: at most {_MOST_ENUMERATED}")
    values = np.zeros(1, np.int64)  # of all states of the first k classes, the first at +1
    for k in range(1, m):
        field = np.full(1, C[0, k])
        for j in range(1, k):
            field = np.concatenate([field + C[j, k], field - C[j, k]])
        values = np.concatenate([values + 2 * field, values - 2 * field])
    return int(values.max()) + constant


def _semidefinite(
    numbers: _Numbers, classes: _Classes, D: np.ndarray, triangles: np.ndarray, g: np.ndarray
) -> int:
    """sum D + 2 sum g, if Diag(D) - C - T'(g) is shown to be positive semidefinite."""
    C, constant = _reduced(numbers, classes)
    m = len(C)
    if len(D) != m:
        raise CertificateError(f"it has {len(D)} diagonal multipliers for {m} classes of spins")
    if (g < 0).any():
        raise CertificateError("a triangle has a negative multiplier")
    sizes = [abs(x) for x in D.tolist()], g.tolist()
    if sum(sizes[0]) + 6 * sum(sizes[1]) + 4 * numbers.size >= 2**62:
        raise CertificateError("sums of the multipliers leave 62 bits")
    Z = np.diag(D) - C
    if len(g):
        # Any other three numbers in range would give a true inequality, too; only the form is asked for.
        i, j, k, code = triangles.astype(np.int64).T
        if not ((i >= 0) & (i < j) & (j < k) & (k < m) & (code >= 0) & (code < 4)).all():
            raise CertificateError("a triangle is not one of three spins i < j < k with a code of signs")
        T = np.zeros((m, m), np.int64)
        for pair, sign in zip(((i, j), (i, k), (j, k)), _SIGNS[code].T, strict=True):
            np.add.at(T, pair, sign * g)
        Z -= T + T.T
    if not _is_positive(Z):
        raise CertificateError("its matrix is not shown to be positive semidefinite")
    return sum(D.tolist()) + 2 * sum(g.tolist()) + constant


def _is_positive(Z: np.ndarray) -> bool:
    """Whether an integer matrix is positive semidefinite, by a Cholesky decomposition of Z - c."""
    n = len(Z)
    trace = sum(np.diag(Z).tolist())
    if trace <= 0:
        return not Z.any()
    # The decomposition of fl(Z) - c in float64 can only succeed if the least eigenvalue of fl(Z) - c exceeds
    # -(n + 1) u tr (1 + small), u = 2^-53; fl(Z) differs from Z by at most u tr in norm, fl(Z) - c by u tr.
    # That is (n + 3) u tr; twice n + 2 is margin for what is small, which no matrix was found to need.
    c = float(Fraction(2 * (n + 2) * trace, 2**53))
    A = Z.astype(np.float64)
    A[np.diag_indices(n)] -= math.nextafter(c, math.inf)
    for k in range(n):
        if not A[k, k] > 0.0:
            return False
        column = A[k:, k] / math.sqrt(A[k, k])
        A[k:, k] = column
        A[k + 1 :, k + 1 :] -= column[1:, None] * column[1:]
    return True


def _linear(
    numbers: _Numbers,
    classes: _Classes,
    certificate: Certificate,
    parts: tuple[slice, slice],
    starts: dict[str, np.ndarray],
) -> int:
    """The bound of odd cycles and local rows with multipliers, for x_e = 1 where an edge is cut."""
    # s.C.s = 2 sum c - 4 sum c x. For lam >= 0 and A x <= r, r = |F| - 1 of a cycle x(F) - x(C - F),
    # -sum c x <= lam.r + sum_e max over x_e of (-c_e - (A^T lam)_e) x_e.
    rows, locals_ = parts
    lam = certificate.multipliers[rows]
    if (lam < 0).any():
        raise CertificateError("a cycle has a negative multiplier")
    first = int(rows.start)
    lengths = certificate.cycle_sizes[rows]
    lam_list = lam.tolist()
    size = numbers.size + sum(x * int(m) for x, m in zip(lam_list, lengths.tolist(), strict=True))
    local_rows = _local_rows(numbers, certificate, locals_, starts["local_row"])
    size += sum(x * int(np.abs(w).sum() + abs(t)) for _, w, t, x in local_rows)
    if size >= 2**61:
        raise CertificateError("sums of the multipliers leave 61 bits")
    total = 0
    gain = -numbers.c.copy()
    for r, x in enumerate(lam_list):
        part = slice(starts["cycle"][first + r], starts["cycle"][first + r + 1])
        edges, odd = certificate.cycles[part], certificate.odd[part]
        _check_cycle(numbers, edges)
        size = int(odd.sum())
        if size % 2 == 0:
            raise CertificateError(f"row {r} has an even set F of {size} edges")
        total += x * (size - 1)
        gain[edges] -= np.where(odd, x, -x)
    for edges, w, threshold, x in local_rows:
        total += x * (int(w[w > 0].sum()) - threshold)
        gain[edges] -= x * w
    a, b = classes.of[numbers.i], classes.of[numbers.j]
    tied = a == b
    cut = tied & (classes.sign[numbers.i] != classes.sign[numbers.j])
    total += sum(gain[cut].tolist()) + sum(np.maximum(gain[~tied], 0).tolist())
    return 2 * sum(numbers.c.tolist()) + 4 * total


def _local_rows(
    numbers: _Numbers, certificate: Certificate, rows: slice, starts: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray, int, int]]:
    """(edges, weights, threshold, multiplier) of the local rows of a leaf, each shown to hold."""
    found = []
    for r in range(rows.start, rows.stop):
        part = slice(starts[r], starts[r + 1])
        edges, w = certificate.local_edges[part], certificate.local_weights[part].astype(np.int64)
        threshold, x = int(certificate.local_thresholds[r]), int(certificate.local_multipliers[r])
        if x < 0:
            raise CertificateError("a local row has a negative multiplier")
        if threshold < 2:
            raise CertificateError("a local row has a threshold below 2: it is a cycle, or says nothing")
        key = edges.tobytes(), w.tobytes(), threshold
        if key not in numbers.valid:
            if len(edges) == 0 or edges.min() < 0 or edges.max() >= len(numbers.c):
                raise CertificateError("a local row has an edge that the model has not")
            if len(np.unique(edges)) != len(edges):
                raise CertificateError("a local row has an edge twice")
            ends = zip(numbers.i[edges].tolist(), numbers.j[edges].tolist(), w.tolist(), strict=True)
            if _largest(list(ends)) > int(w[w > 0].sum()) - threshold:
                raise CertificateError(f"a local row claims {threshold}, which a state falls short of")
            numbers.valid.add(key)
        found.append((edges, w, threshold, x))
    return found


def _largest(edges: list[tuple[int, int, int]]) -> int:
    """The largest sum of w over the edges (i, j, w) that a state cuts: ends and chains, then all states."""
    around: dict[int, dict[int, tuple[int, int]]] = {}  # for two spins, the values where alike and where not

    def join(a: int, b: int, alike: int, unlike: int) -> None:
        p, q = around.setdefault(a, {}).get(b, (0, 0))
        around[a][b] = around.setdefault(b, {})[a] = (p + alike, q + unlike)

    for a, b, w in edges:
        join(a, b, 0, w)
    total = 0
    while True:
        v = next((v for v in around if len(around[v]) <= 2), None)
        if v is None:
            break
        ends = around.pop(v)
        for a in ends:
            del around[a][v]
        if len(ends) == 1:
            total += max(next(iter(ends.values())))
        elif len(ends) == 2:
            (a, first), (b, second) = ends.items()
            alike = max(first[0] + second[0], first[1] + second[1])
            join(a, b, alike, max(first[0] + second[1], first[1] + second[0]))
    names = {v: k for k, v in enumerate(around)}
    if len(names) > _MOST_ENUMERATED + 1:
        raise CertificateError(f"a local row joins {len(names)} spins in more than chains")
    if not names:
        return total
    states = np.arange(1 << (len(names) - 1))  # bit k of spin k, the last one is +1
    values = np.zeros(len(states), np.int64)
    for a in around:
        for b, (alike, unlike) in around[a].items():
            if names[a] < names[b]:
                values += np.where((states >> names[a] ^ states >> names[b]) & 1, unlike, alike)
    return total + int(values.max())


def _check_cycle(numbers: _Numbers, edges: np.ndarray) -> None:
    """A closed walk of distinct edges: every spin is met an even number of times."""
    if len(edges) == 0 or edges.min() < 0 or edges.max() >= len(numbers.c):
        raise CertificateError("a cycle has an edge that the model has not")
    if len(np.unique(edges)) != len(edges):
        raise CertificateError("a cycle passes an edge twice")
    ends = np.concatenate([numbers.i[edges], numbers.j[edges]])
    if (np.unique(ends, return_counts=True)[1] % 2).any():
        raise CertificateError("a cycle is not closed")


def _exact(model: IsingModel, state: np.ndarray) -> Fraction:
    """sum_{i<j} J_ij s_i s_j + sum b_i s_i, exactly."""
    sparse = model if isinstance(model, SparseIsing) else model.to_sparse()
    i, j, J = sparse.edges()
    terms = [*(J * state[i] * state[j]).tolist(), *(model.b * state).tolist()]
    return sum(map(Fraction, terms), Fraction(0))


def _down(x: Fraction) -> float:
    """The largest float at or below x."""
    if x < -Fraction(sys.float_info.max):
        return -math.inf
    value = float(min(x, Fraction(sys.float_info.max)))
    return math.nextafter(value, -math.inf) if Fraction(value) > x else value
