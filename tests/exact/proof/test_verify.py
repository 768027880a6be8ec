"""The verifier: right proofs pass, every tampered one is refused, and it shares nothing with the solvers."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import spinlab as sl
from spinlab import exact
from spinlab.exact import CertificateError, branching, load_certificate, proof, verify
from spinlab.exact.proof.certificate import ENUMERATED, LINEAR, SEMIDEFINITE, SPLIT, TIED


@cache
def dense(seed=0, fields=False):
    rng = np.random.default_rng(seed)
    J = np.triu(rng.choice([-1.0, 1.0], size=(40, 40)), 1)
    model = sl.models.DenseIsing(J + J.T, rng.normal(size=40) if fields else None)
    return model, branching.ground_state(model, certificate=True, relaxation="semidefinite").certificate


@cache
def sparse(seed=0):
    pytest.importorskip("highspy")
    model = sl.ensembles.edwards_anderson(shape=(5, 5, 5), law="pm1", rng=seed, periodic=True)
    return model, branching.ground_state(model, certificate=True, relaxation="cycles").certificate


CASES = {"dense": dense, "fields": lambda: dense(1, True), "sparse": sparse, "cliques": lambda: sparse(1)}


@pytest.mark.parametrize("case", CASES)
def test_right_proofs_pass(case, tmp_path):
    model, certificate = CASES[case]()
    verdict = verify(model, certificate)
    assert verdict.certified
    assert verdict.lower_bound <= verdict.energy
    certificate.save(tmp_path / "c.npz")
    again = load_certificate(tmp_path / "c.npz")
    assert verify(model.to_sparse(), again) == verdict
    assert "proof" in repr(again)


def changed(array, at, value):
    array = array.copy()
    array[at] = value
    return array


def tampered(certificate, rng):
    """(what was done, the certificate) with one change that leaves no valid proof of what is claimed."""
    c = certificate
    kinds = c.nodes[:, 0]
    options = ["state", "energy", "bound", "cut tree", "more tree", "unit", "model", "nan", "huge bound"]
    options += ["low bound"]
    if (kinds == SEMIDEFINITE).any():
        options += ["lower D", "less g", "sign", "order", "negative g", "shorter D", "kind"]
    if (kinds == SPLIT).any():
        options += ["other split", "same split"]
    if (kinds == LINEAR).any():
        options += ["even F", "open cycle", "repeated edge", "negative row", "other edge", "no rows"]
    if len(c.local_counts):
        options += [
            "threshold",
            "weight",
            "local edge",
            "edge twice",
            "cycle's threshold",
            "local row",
            "lost row",
        ]
    what = options[rng.integers(len(options))]
    scale = float(2.0 ** (np.abs(c.D).max().item().bit_length() - 2)) if len(c.D) else 0.0
    if what == "state":
        return what, replace(c, state=changed(c.state, rng.integers(len(c.state)), 0))
    if what == "energy":
        return what, replace(c, energy=c.energy - 0.5)
    if what == "bound":
        return what, replace(c, lower_bound=c.lower_bound + 1e-6 * abs(c.lower_bound))
    if what == "huge bound":
        return what, replace(c, lower_bound=float("inf"))
    if what == "low bound":  # true, but no bound of a complete proof
        return what, replace(c, lower_bound=c.lower_bound - 1e-9 * abs(c.lower_bound))
    if what == "nan":
        return what, replace(c, lower_bound=float("nan"))
    if what == "cut tree":
        return what, replace(c, nodes=c.nodes[:-1])
    if what == "more tree":
        return what, replace(c, nodes=np.concatenate([c.nodes, np.array([[ENUMERATED, 0, 0]], np.int32)]))
    if what == "unit":
        return what, replace(c, exponent=c.exponent + int(rng.choice([-1, 1])))
    if what == "model":
        return what, replace(c, model=c.model[::-1])
    if what == "lower D":
        at = rng.integers(len(c.D))
        return what, replace(c, D=changed(c.D, at, int(c.D[at] - scale)))
    if what == "less g":  # all of them at once: the matrix loses its positive part somewhere
        return what, replace(c, g=c.g // 2)
    if what == "sign":
        triangles = c.triangles.copy()
        heavy = np.argsort(-c.g)[: max(20, len(c.g) // 4)]
        triangles[heavy, 3] = (triangles[heavy, 3] + 1 + rng.integers(3)) % 4
        return what, replace(c, triangles=triangles)
    if what == "order":
        at = rng.integers(len(c.g))
        return what, replace(c, triangles=changed(c.triangles, at, c.triangles[at][[1, 0, 2, 3]]))
    if what == "negative g":
        return what, replace(c, g=changed(c.g, rng.integers(len(c.g)), -1))
    if what == "shorter D":
        return what, replace(c, D=c.D[:-1])
    if what == "kind":
        leaves = np.flatnonzero(kinds == SEMIDEFINITE)
        return what, replace(c, nodes=changed(c.nodes, (rng.choice(leaves), 0), 7))
    if what in ("other split", "same split"):
        splits = np.flatnonzero(kinds == SPLIT)
        at = rng.choice(splits)
        j = 10**6 if what == "other split" else c.nodes[at, 1]
        return what, replace(c, nodes=changed(c.nodes, (at, 2), j))
    if what == "threshold":
        at = rng.integers(len(c.local_thresholds))
        return what, replace(c, local_thresholds=changed(c.local_thresholds, at, 5))
    if what == "cycle's threshold":
        return what, replace(c, local_thresholds=changed(c.local_thresholds, 0, 1))
    if what == "weight":
        at = rng.integers(len(c.local_weights))
        return what, replace(c, local_weights=changed(c.local_weights, at, -c.local_weights[at]))
    if what == "local edge":
        return what, replace(c, local_edges=changed(c.local_edges, rng.integers(len(c.local_edges)), 10**6))
    if what == "edge twice":
        return what, replace(c, local_edges=changed(c.local_edges, 0, c.local_edges[1]))
    if what == "local row":
        at = rng.integers(len(c.local_multipliers))
        return what, replace(c, local_multipliers=changed(c.local_multipliers, at, -1))
    if what == "lost row":
        return what, replace(c, local_counts=c.local_counts - 1)
    starts = np.cumsum(c.cycle_sizes) - c.cycle_sizes
    row = rng.integers(len(starts))
    at = starts[row]
    if what == "even F":
        return what, replace(c, odd=changed(c.odd, at, not c.odd[at]))
    if what == "open cycle":
        used = c.cycles[at : at + c.cycle_sizes[row]]
        fresh = next(e for e in range(300) if e not in used)
        return what, replace(c, cycles=changed(c.cycles, at, fresh))
    if what == "repeated edge":
        return what, replace(c, cycles=changed(c.cycles, at, c.cycles[at + 1]))
    if what == "other edge":
        return what, replace(c, cycles=changed(c.cycles, at, 10**6))
    if what == "negative row":
        return what, replace(c, multipliers=changed(c.multipliers, row, -1))
    return "no rows", replace(c, multipliers=c.multipliers * 0)


# What the refusal says.
TREE, PROVEN = r"node \d+ of the tree: ", "the leaves prove|the leaves exclude"
NAMED = {
    "state": "the state is not one of",
    "energy": "the state has the energy",
    "bound": PROVEN,
    "huge bound": PROVEN,
    "nan": PROVEN,
    "low bound": "said to be complete",
    "cut tree": "not complete|do not add up|has no nodes",
    "more tree": "hangs in the air",
    "unit": f"{PROVEN}|{TREE}",
    "model": "another model",
    "lower D": f"{TREE}its matrix|{PROVEN}",
    "less g": f"{TREE}its matrix|{PROVEN}",
    "sign": f"{TREE}its matrix|{PROVEN}",
    "order": f"{TREE}a triangle is not",
    "negative g": f"{TREE}a triangle has a negative",
    "shorter D": "numbers of D do not",
    "kind": "do not add up",
    "other split": "splits on spins",
    "same split": "already tied|its matrix|diagonal multipliers|splits on spins",
    "even F": f"{TREE}row .* even set",
    "open cycle": f"{TREE}a cycle is not closed",
    "repeated edge": f"{TREE}a cycle passes an edge twice",
    "negative row": f"{TREE}a cycle has a negative",
    "other edge": f"{TREE}a cycle has an edge",
    "no rows": PROVEN,
    "threshold": f"{TREE}a local row claims 5",
    "cycle's threshold": f"{TREE}a local row has a threshold below 2",
    "weight": f"{TREE}a local row claims|{PROVEN}",
    "local edge": f"{TREE}a local row has an edge that",
    "edge twice": f"{TREE}a local row has an edge twice",
    "local row": f"{TREE}a local row has a negative",
    "lost row": "numbers of local rows do not",
}


@pytest.mark.parametrize("count", [20, pytest.param(70, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES)
def test_tampered_proofs_are_refused(case, count):
    """Sixty by default, 210 in all; each of the ways it can be done, too."""
    model, certificate = CASES[case]()
    rng = np.random.default_rng(7)
    refused = []
    for _ in range(count):
        what, wrong = tampered(certificate, rng)
        try:
            verify(model, wrong)
        except CertificateError as error:
            assert re.search(NAMED[what], str(error)), what  # noqa: PT017
            refused.append(what)
        else:
            pytest.fail(f"passed: {what}")
    assert len(refused) == count
    assert len(set(refused)) > (9 if count == 20 else 13)


def scrambled(c, n, rng):
    """Some numbers of a certificate replaced by others of the right form."""
    for name in rng.choice(["D", "g", "triangles", "nodes"], 2):
        array = getattr(c, name).copy()
        at = rng.integers(len(array))
        if name == "triangles":
            array[at] = [*np.sort(rng.choice(n, 3, replace=False)), rng.integers(4)]
        elif name == "nodes":
            array[at] = [rng.integers(4), *rng.integers(0, n, 2)]
        else:
            factors = rng.uniform(0.5, 1.3, len(array)) if rng.random() < 0.5 else rng.choice([0.9, 1.1])
            array = (array * factors).astype(np.int64)
        c = replace(c, **{name: array})
    return c


def test_what_a_scrambled_proof_shows_is_true():
    """Against all states: the verifier may refuse it, but not believe too much."""
    rng = np.random.default_rng(3)
    shown, tight = 0, 0
    for law in ("pm1", "gaussian"):
        model = sl.ensembles.sk(18, law=law, rng=1)
        E0 = exact.enumeration.ground_state(model).energy
        c = branching.ground_state(model, certificate=True, nodes=1).certificate
        state = np.ones(model.n_spins, np.int8)  # a poor one, below which a wrong bound might hide
        c = replace(c, state=state, energy=model.energy(state), certified=False, lower_bound=np.inf)
        for _ in range(150):
            wrong = scrambled(c, model.n_spins, rng)
            with pytest.raises(CertificateError) as error:
                verify(model, wrong)
            found = re.match(r"the leaves prove (\S+), not", str(error.value))
            if found:
                assert float(found[1]) <= E0
                shown += 1
                tight += float(found[1]) > 1.2 * E0
    assert shown > 20
    assert tight


@pytest.mark.parametrize("case", CASES)
def test_a_proof_of_another_model_is_refused(case):
    model, certificate = CASES[case]()
    sparse = model.to_sparse()
    i, j, J = sparse.edges()
    other = sl.models.SparseIsing.from_edges(i, j, changed(J, 5, J[5] + 1), model.n_spins, model.b)
    with pytest.raises(CertificateError, match="another model"):
        verify(other, certificate)
    # the certificate's author may say it is of that model: then the numbers do not fit
    lie = replace(certificate, model=proof.certificate.fingerprint(other))
    with pytest.raises(CertificateError):
        verify(other, lie)
    with pytest.raises(CertificateError):
        verify(sl.models.SparseIsing.from_edges(i, j, J, model.n_spins, model.b, offset=1.0), certificate)


def test_a_partial_proof_that_says_it_is_complete_is_refused():
    model = sl.ensembles.sk(60, rng=0)
    certificate = branching.ground_state(model, nodes=1, certificate=True).certificate
    assert not verify(model, certificate).certified
    with pytest.raises(CertificateError, match="complete"):
        verify(model, replace(certificate, certified=True))


def hostile(certificate, **changes):
    """A certificate without multipliers, but for the given arrays."""
    names = ("D", "D_sizes", "triangles", "g", "g_sizes")
    return replace(certificate, **{name: getattr(certificate, name)[:0] for name in names} | changes)


def test_a_tree_deeper_than_the_spins_is_refused_where_it_leaves_them():
    """60 000 nested splits took 8 s and more than 6 GB."""
    model, certificate = dense()
    deep = hostile(certificate, nodes=np.tile(np.int32([[SPLIT, 0, 1]]), (60_000, 1)))
    with pytest.raises(CertificateError, match="node 39 of the tree splits on spins where all 40 are tied"):
        verify(model, deep)


def test_a_bound_beyond_float64_is_no_bound():
    """It was an OverflowError."""
    model, certificate = dense()
    sizes = {"D_sizes": np.int64([40]), "g_sizes": np.int64([0]), "nodes": np.int32([[SEMIDEFINITE, 0, 0]])}
    unit = {"base": 2**52, "exponent": 1190, "certified": False}
    vast = hostile(certificate, D=np.full(40, 2**55), **sizes, **unit, lower_bound=-1e308)
    with pytest.raises(CertificateError, match="the leaves prove -inf"):
        verify(model, vast)
    assert verify(model, replace(vast, lower_bound=-np.inf)).certified is False


def test_a_large_leaf_is_not_enumerated():
    model = sl.models.DenseIsing(np.zeros((30, 30)))
    certificate = branching.ground_state(model, certificate=True, relaxation="semidefinite").certificate
    lazy = hostile(certificate, nodes=np.array([[ENUMERATED, 0, 0]], np.int32))
    with pytest.raises(CertificateError, match="not enumerated"):
        verify(model, lazy)


def test_damaged_files_are_named(tmp_path):
    _, certificate = dense()
    path = tmp_path / "c.npz"
    certificate.save(path)
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    for at in rng.integers(0, len(content), 25):
        wrong = bytearray(content)
        wrong[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(bytes(wrong))
        try:
            loaded = load_certificate(path)
        except ValueError as error:
            assert "c.npz" in str(error)  # noqa: PT017
        else:  # a bit of the archive that means nothing
            assert verify(dense()[0], loaded).certified
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"c\.npz: damaged"):
        load_certificate(path)
    hostile = {
        "unpacks to": {"D": np.zeros(2**26, dtype=np.int64)},
        "at most 10000": {f"x{k}": 0 for k in range(10_001)},
        "'D' is missing": {"D": np.zeros(3)},
        "pickled": {"D": np.array([None])},
    }
    for message, arrays in hostile.items():  # nothing is unpacked before sizes are known
        np.savez_compressed(path, **certificate._arrays() | {"version": 1, "digest": "x"} | arrays)
        with pytest.raises(ValueError, match=rf"c\.npz: damaged .*{message}"):
            load_certificate(path)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=r"c\.npz: damaged"):
        load_certificate(path)
    np.savez(path, x=1)
    with pytest.raises(ValueError, match="no certificate"):
        load_certificate(path)
    with pytest.raises(FileNotFoundError):
        load_certificate(tmp_path / "missing.npz")
    with pytest.raises(TypeError, match="Certificate"):
        verify(dense()[0], "c.npz")


def test_the_verifier_shares_no_code_with_the_solvers():
    """It sees models and files; nothing of exact but its own folder, no compiled kernel, no HiGHS."""
    folder = Path(proof.__file__).parent
    allowed = {"models", "_core.files", "_core.npz", "_core.results", "certificate", "verify"}
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.level:
                names = [node.module] if node.module else [alias.name for alias in node.names]
                assert set(names) <= allowed, f"{path.name}:{node.lineno}"
            elif isinstance(node, ast.Import | ast.ImportFrom):
                name = node.module if isinstance(node, ast.ImportFrom) else node.names[0].name
                standard = {
                    "hashlib",
                    "io",
                    "math",
                    "os",
                    "zipfile",
                    "fractions",
                    "pathlib",
                    "sys",
                    "typing",
                    "dataclasses",
                }
                assert name.split(".")[0] in standard | {"__future__", "numpy"}, f"{path.name}:{node.lineno}"


def test_a_bound_is_refused_as_soon_as_it_lies_above_what_is_shown():
    # What the units of real couplings lose, and what a conversion did, is not part of what is shown.
    for seed in range(6):
        J = np.triu(np.random.default_rng(seed).normal(size=(14, 14)), 1)
        model = sl.models.DenseIsing(J + J.T)
        made = branching.ground_state(model, certificate=True).certificate
        forged = replace(made, lower_bound=float(np.nextafter(made.lower_bound, np.inf)), certified=False)
        with pytest.raises(CertificateError, match="the leaves prove"):
            verify(model, forged)
    rough = sl.ensembles.sk(12, rng=0)._off_by(1e-3)
    made = branching.ground_state(rough, certificate=True).certificate
    assert verify(rough, made).lower_bound == made.lower_bound
    with pytest.raises(CertificateError, match="the leaves prove"):
        verify(rough, replace(made, lower_bound=made.lower_bound + 1e-5, certified=False))


def test_a_matrix_that_only_rounding_makes_positive_is_not_shown_to_be():
    a = 2**53  # a + 1 is rounded to a, and the determinant -1 to 2 a
    Z = np.array([[a, a + 1], [a + 1, a + 2]])
    assert not proof.verify.__globals__["_is_positive"](Z)
    positive = proof.verify.__globals__["_is_positive"]
    assert positive(Z + np.diag([64, 64]))
    # Beyond 2^53 the numbers are rounded, too: found among 60 000, this one passes with 2^-53 tr Z.
    a, b, d = 1632285859579614857, 1632285859579614318, 1632285859579613679
    assert a * d < b * b
    assert not positive(np.array([[a, b], [b, d]]))
    for Z, right in (
        ([[0, 1], [1, 0]], False),
        ([[0, 0], [0, 0]], True),
        ([[-1]], False),
        ([[3, 0], [0, -4]], False),
    ):
        assert positive(np.array(Z)) is right


def test_sums_that_might_wrap_are_refused():
    model, made = dense(1, True)
    for name, values, terms in (("D", made.D, made.D_sizes[0]), ("g", made.g, 6 * made.g_sizes[0])):
        least = 2**62 // int(terms) + 1  # of the first leaf
        with pytest.raises(CertificateError, match="leave 62 bits"):
            verify(model, replace(made, **{name: np.full_like(values, least)}))
    with pytest.raises(CertificateError, match="leave 60 bits"):
        verify(model, replace(made, exponent=made.exponent - 5))
    model, made = sparse()
    least = 2**61 // int(made.cycle_sizes[: made.row_counts[0]].sum()) + 1
    with pytest.raises(CertificateError, match="leave 61 bits"):
        verify(model, replace(made, multipliers=np.full_like(made.multipliers, least)))


def by_hand(J, nodes, state, b=None, **changes):
    """(model, a certificate of these nodes, all of them enumerated); what is claimed is far too high."""
    upper = np.triu(np.array(J, float), 1)
    model = sl.models.DenseIsing(upper + upper.T, b)
    made = branching.ground_state(model, certificate=True, relaxation="semidefinite").certificate
    state = np.array(state, np.int8)
    given = {"base": 1, "exponent": 0, "state": state, "energy": model.energy(state), "lower_bound": 1e9}
    nodes = np.array([[*node, 0, 0][:3] for node in nodes], np.int32)
    return model, hostile(made, nodes=nodes, certified=False, **given | changes)


def shown(model, certificate):
    """The bound that the leaves prove."""
    with pytest.raises(CertificateError, match="the leaves prove") as error:
        verify(model, certificate)
    return float(re.search(r"prove (\S+), not", str(error.value))[1])


def test_spins_that_do_not_follow_are_not_tied():
    """s_0 is coupled to s_1 by 2, and to two that go against s_1 by 3, so that a tie excludes E0, or by 2."""
    for last, follows in ((2, False), (1, True)):
        J = np.zeros((4, 4))
        J[0, 1:] = 2, last, 1
        J[1, 2:] = -10
        E0 = -20 - (last + 1 - 2)
        inside = [(SPLIT, 2, 3), (TIED, 0, 1), (ENUMERATED,), (ENUMERATED,)]
        for nodes in ([(TIED, 0, 1), (ENUMERATED,)], inside):
            model, certificate = by_hand(J, nodes, [1, 1, -1, -1])
            if follows:  # as strongly as by all others together
                assert shown(model, certificate) == E0
            else:
                with pytest.raises(CertificateError, match="spin 0 does not follow spin 1"):
                    verify(model, certificate)
        assert exact.enumeration.ground_state(model).energy == E0
        twice = [(SPLIT, 2, 3), (SPLIT, 3, 2), (ENUMERATED,), (ENUMERATED,), (ENUMERATED,)]
        with pytest.raises(CertificateError, match="already tied"):
            verify(model, replace(certificate, nodes=by_hand(J, twice, [1, 1, -1, -1])[1].nodes))
        cut = by_hand(J, [(SPLIT, 2, 3), (ENUMERATED,)], [1, 1, -1, -1])[1].nodes
        with pytest.raises(CertificateError, match="not complete: 1 cases are missing"):
            verify(model, replace(certificate, nodes=cut))
        tied = [(SPLIT, 2, 3), (TIED, 2, 3), (ENUMERATED,), (ENUMERATED,)]
        with pytest.raises(CertificateError, match="does not follow"):
            verify(model, replace(certificate, nodes=by_hand(J, tied, [1, 1, -1, -1])[1].nodes))


def test_the_sign_of_a_tie_is_that_of_classes():
    """Spin 3 stands for the opposite of spin 0, which follows 1 by -4 + 1: so 3 follows 1 by 3."""
    J = np.zeros((4, 4))
    J[0, 1], J[1, 3], J[0, 2], J[0, 3] = -4, -1, 1, -3
    model, certificate = by_hand(
        J, [(SPLIT, 0, 3), (ENUMERATED,), (TIED, 3, 1), (ENUMERATED,)], [1, -1, 1, -1]
    )
    assert shown(model, certificate) == exact.enumeration.ground_state(model).energy


def test_edges_that_a_path_cuts_count_in_full():
    """A triangle without a row: with s_0 = -s_1 the bond of -5 gives -7 or, by the step of 4, -5."""
    nodes = [(SPLIT, 0, 1), (LINEAR,), (LINEAR,)]
    J = [[0, -5, 1], [0, 0, 1], [0, 0, 0]]
    model, certificate = by_hand(J, nodes, [1, -1, 1], row_counts=np.int64([0, 0]))
    assert shown(model, certificate) == exact.enumeration.ground_state(model).energy == -5


def test_steps_divide_all_differences():
    """Of the verifier and of the solver; a step that is too large would round a bound up."""
    ring = np.arange(8)
    graphs = [np.stack([np.r_[ring, ring], np.r_[ring + 1, ring + 2] % 8])]  # four equal bonds at each spin
    rng = np.random.default_rng(0)
    graphs += [np.stack(np.triu_indices(8, 1))[:, rng.random(28) < p] for p in (0.3, 0.5, 0.9)]
    states = np.array(np.meshgrid(*[[1, -1]] * 8, indexing="ij")).reshape(8, -1).T
    for i, j in graphs:
        for sizes in ([1], [1, -1], [2, -6], [4, 6], [3, 5, -7]):
            J = rng.choice(np.array(sizes, float), len(i))
            model = sl.models.SparseIsing.from_edges(i, j, J, 8)
            numbers = verify.__globals__["_Numbers"](model, 1, 0, [])
            values = [numbers.value(s) for s in states.astype(np.int64)]
            assert np.gcd.reduce(np.array(values) - values[0]) % numbers.step() == 0
            problem = branching.problem.make_problem(8, *model.edges(), np.zeros(8), 0.0)
            if len(problem.c):
                of = states[:, : problem.n]
                values = [problem.h2(s) for s in of]
                assert np.gcd.reduce(np.array(values) - values[0]) % problem.step == 0


def test_what_is_claimed_is_taken_to_its_rounding():
    model, made = dense()
    ulp = np.spacing(abs(made.energy))
    for changes, words in (
        ({"lower_bound": made.lower_bound - 10 * ulp}, "said to be complete"),  # integers are exact
        ({"lower_bound": -np.inf}, "said to be complete"),
        ({"energy": made.energy + 3 * ulp}, "the state has the energy"),
        ({"energy": np.inf}, "the state has the energy"),
        ({"D": made.D.astype(float)}, "D is not an array of int64"),
        ({"base": 0}, "out of range"),
        ({"base": 2**60}, "out of range"),
        ({"exponent": 10**9}, "out of range"),
    ):
        with pytest.raises(CertificateError, match=words):
            verify(model, replace(made, **changes))


def test_negative_numbers_and_rows_without_edges_are_refused():
    """Edge -1 would be the last one, and a cycle may not pass it twice."""
    model, made = sparse()
    row = int(np.argmax(made.cycle_sizes > 4))
    at = int(made.cycle_sizes[:row].sum())
    for edge in (-1, 10**6):
        with pytest.raises(CertificateError, match="a cycle has an edge that the model has not"):
            verify(model, replace(made, cycles=changed(made.cycles, at, edge)))
    size = int(made.cycle_sizes[0])
    negative = [made.cycle_sizes[0] + made.cycle_sizes[1] + 1, -1]
    with pytest.raises(CertificateError, match="the numbers of cycles do not add up"):
        verify(model, replace(made, cycle_sizes=np.append(negative, made.cycle_sizes[2:])))
    with pytest.raises(CertificateError, match="a cycle has a negative multiplier"):
        verify(model, replace(made, multipliers=changed(made.multipliers, row, -1)))
    model_of_g, with_g = dense()
    with pytest.raises(CertificateError, match="a triangle has a negative multiplier"):
        verify(model_of_g, replace(with_g, g=changed(with_g.g, 0, -1)))
    empty = {
        "cycles": made.cycles[size:],
        "odd": made.odd[size:],
        "cycle_sizes": changed(made.cycle_sizes, 0, 0),
    }
    with pytest.raises(CertificateError, match="a cycle has an edge that the model has not"):
        verify(model, replace(made, **empty))
