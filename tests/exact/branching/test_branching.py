"""Branching against enumeration, matching and the tree method, and its promises when it is stopped."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

import spinlab as sl
from spinlab.exact import branching, enumeration, verify
from spinlab.exact.branching import cycles


def couplings(law, n, rng):
    """A symmetric matrix; the laws that are hard for exact arithmetic are among them."""
    J = {
        "sk": lambda: rng.normal(size=(n, n)),
        "signs": lambda: rng.choice([-1.0, 1.0], size=(n, n)),
        "integers": lambda: rng.integers(-9, 10, size=(n, n)).astype(float),
        "tenths": lambda: rng.choice([-0.1, 0.1, 0.3], size=(n, n)),
        "equal sizes": lambda: rng.choice([-0.1, 0.1], size=(n, n)),
        "antiferromagnet": lambda: -np.ones((n, n)),
        "ferromagnet": lambda: np.full((n, n), 0.7),
        "graph": lambda: -1.0 * (rng.random((n, n)) < 0.5),
        "ring": lambda: np.roll(np.diag(rng.choice([-1.0, 1.0], n)), 1, axis=1),
        "two parts": lambda: np.kron(np.eye(2), np.ones((n, n)))[:n, :n] * rng.normal(size=(n, n)),
        "huge": lambda: rng.normal(size=(n, n)) * 1e140,
        "tiny": lambda: rng.normal(size=(n, n)) * 1e-250,
        "wide": lambda: rng.normal(size=(n, n)) * 10.0 ** rng.integers(-12, 12, size=(n, n)),
        "nearly integers": lambda: rng.integers(-3, 4, size=(n, n)) * (1 + 1e-14 * rng.random((n, n))),
        "none": lambda: np.zeros((n, n)),
    }[law]()
    J = np.triu(J, 1)
    return J + J.T


LAWS = (
    "sk",
    "signs",
    "integers",
    "tenths",
    "equal sizes",
    "antiferromagnet",
    "ferromagnet",
    "graph",
    "ring",
    "two parts",
    "huge",
    "tiny",
    "wide",
    "nearly integers",
    "none",
)


def draw(law, seed, most=24):
    """(model, what float64 resolves in its energies)."""
    rng = np.random.default_rng([LAWS.index(law), seed])
    n = int(rng.integers(1, most + 1))
    J = couplings(law, n, rng)
    top = np.abs(J).max(initial=0.0) or 1.0
    b = None if seed % 2 else rng.choice([0.0, 1.0, -2.0], n) * top if seed % 4 else rng.normal(size=n) * top
    offset = float(rng.choice([0.0, 1e3, -0.3])) * top
    model = sl.models.DenseIsing(J, b, offset=offset)
    size = np.abs(J).sum() / 2 + (0.0 if b is None else np.abs(b).sum()) + abs(offset)
    return model, 8 * (n + 16) * 2.0**-53 * size


def relaxations():
    return ("semidefinite", "cycles") if branching.limits.has_cycles_solver() else ("semidefinite",)


@pytest.mark.parametrize("relaxation", ["semidefinite", "cycles"])
@pytest.mark.parametrize("law", LAWS)
def test_small_models_against_enumeration(law, relaxation):
    if relaxation == "cycles":
        pytest.importorskip("highspy")
    for seed in range(6):
        model, tolerance = draw(law, seed, 24 if relaxation == "semidefinite" else 10)
        E0 = enumeration.ground_state(model).energy
        answer = branching.ground_state(model, relaxation=relaxation, certificate=True)
        assert answer.certified
        assert abs(answer.energy - E0) <= tolerance
        assert answer.energy - tolerance <= answer.lower_bound <= E0
        assert model.energy(answer.state) == pytest.approx(answer.energy, rel=1e-12, abs=tolerance)
        assert verify(model, answer.certificate).lower_bound == answer.lower_bound
        # stopped at once, and after one node: the bound holds and is proven
        for nodes in (0, 1):
            stopped = branching.ground_state(model, relaxation=relaxation, certificate=True, nodes=nodes)
            assert stopped.lower_bound <= E0
            assert stopped.energy >= E0 - tolerance
            assert verify(model, stopped.certificate).lower_bound == stopped.lower_bound


@pytest.mark.parametrize("law", ["integers", "signs", "equal sizes"])
def test_what_is_exact_has_no_gap(law):
    for seed in range(1, 8, 2):  # without fields
        model, _ = draw(law, seed)
        answer = branching.ground_state(sl.models.DenseIsing(model.couplings()))
        assert answer.bound_gap == 0.0 or law == "equal sizes"
        assert answer.relative_gap <= 2.0**-52


@pytest.mark.slow
@pytest.mark.parametrize("law", LAWS)
def test_thousands_of_small_models(law):
    for seed in range(6, 150):
        for relaxation in relaxations():
            model, tolerance = draw(law, seed, 30 if relaxation == "semidefinite" else 10)
            E0 = enumeration.ground_state(model).energy
            answer = branching.ground_state(model, relaxation=relaxation)
            assert answer.certified
            assert abs(answer.energy - E0) <= tolerance
            assert answer.lower_bound <= E0


def frustrated(seed=0, n=45, law="sk"):
    return sl.models.DenseIsing(couplings(law, n, np.random.default_rng(seed)))


@pytest.mark.parametrize("relaxation", ["semidefinite", "cycles"])
def test_the_number_of_threads_changes_no_bit(relaxation):
    if relaxation == "cycles":
        pytest.importorskip("highspy")
        model = sl.ensembles.edwards_anderson(shape=(5, 5, 5), law="pm1", rng=1, periodic=True)
    else:
        model = frustrated(law="signs", n=50)
    answers = [
        branching.ground_state(model, relaxation=relaxation, certificate=True, threads=t, nodes=40)
        for t in (1, 2)
    ]
    first, second = (a.certificate for a in answers)
    for name, array in first._arrays().items():
        np.testing.assert_array_equal(array, second._arrays()[name], err_msg=name)
    assert answers[0].reason == answers[1].reason


def test_bounds_rise_with_every_node_and_never_pass_the_energy():
    model = frustrated(n=50)
    seen = []
    final = branching.ground_state(model, progress=seen.append)
    assert final.certified
    bounds = [step.lower_bound for step in seen]
    energies = [step.energy for step in seen]
    assert bounds == sorted(bounds)
    assert energies == sorted(energies, reverse=True)
    assert max(bounds) <= final.energy + 1e-9
    assert len(seen) > 2
    for nodes in (1, 3, 17, 33):
        stopped = branching.ground_state(model, nodes=nodes)
        assert stopped.lower_bound <= final.energy <= stopped.energy + 1e-9
        assert np.isfinite(stopped.lower_bound)


def test_a_child_is_bounded_by_its_parents_multipliers():
    """Integer multipliers of a random node, merged: the bound is the same and still proven."""
    rng = np.random.default_rng(3)
    C = couplings("sk", 14, rng)
    problem = branching.problem.make_problem(
        14, *np.triu_indices(14, 1), C[np.triu_indices(14, 1)], np.zeros(14), 0.0
    )
    dense = branching.dense.Dense(problem.matrix(), problem.scale, problem.step, problem.slack, 2)
    from spinlab._core.blas import one_blas_thread

    with one_blas_thread():
        root = branching.tree.Node(None, 1, 1 << 62, 0)
        outcome = dense(root, -(1 << 60), np.zeros(1, np.int8))
    proof = outcome.proof
    assert len(proof.g) > 20
    M = problem.matrix()
    states = np.array(np.meshgrid(*[[1, -1]] * 14, indexing="ij")).reshape(14, -1)
    for spin in range(1, 14):
        for sign in (1, -1):
            child = branching.dense.inherit(proof, spin, sign, int(M[0, spin]))
            reduced = branching.dense.reduced_of(M, [(0, spin, sign)])
            assert child.h2() + reduced.constant == proof.h2()
            assert branching.dense.proven(reduced.C, child)
            members = states[:, states[0] * states[spin] == sign].astype(float)
            assert ((M.astype(float) @ members) * members).sum(0).max() <= proof.h2()


def test_a_wrong_proof_is_not_proven():
    C = np.array([[0, 4, -4], [4, 0, 4], [-4, 4, 0]]) << 20
    triangle = np.array([[0, 1, 2, 2]], np.int16)
    # frustrated: eigenvalues 4, 4 and -8; with g = 4 the triangle takes all of C away
    for d, g, right in ((4, 0, True), (3, 0, False), (0, 4, True), (0, 3, False), (1, 3, True)):
        proof = branching.dense.Proof(np.full(3, (d << 20) + 64), triangle, np.array([g << 20]))
        assert branching.dense.proven(C, proof) is right


def test_planar_and_thin_graphs_against_other_methods():
    pytest.importorskip("highspy")
    for seed in range(3):
        for law in ("gaussian", "pm1"):
            square = sl.ensembles.edwards_anderson(shape=(12, 12), law=law, rng=seed, periodic=False)
            answer = branching.ground_state(square, certificate=True)
            assert answer.certified
            assert answer.energy == pytest.approx(sl.exact.planar.ground_state(square).energy, rel=1e-12)
            verify(square, answer.certificate)
            torus = sl.ensembles.edwards_anderson(shape=(20, 4), law=law, rng=seed, periodic=True)
            fields = np.random.default_rng(seed).normal(size=80) * 0.3
            for b in (None, fields):
                model = sl.models.SparseIsing(torus.J, b)
                answer = branching.ground_state(model)
                assert answer.certified
                assert answer.energy == pytest.approx(sl.exact.tree.ground_state(model).energy, rel=1e-12)


def test_a_partial_certificate_resumes(tmp_path):
    model = frustrated(n=60, law="signs")
    partial = branching.ground_state(model, nodes=8, certificate=True)
    assert not partial.certified
    partial.certificate.save(tmp_path / "proof.npz")
    loaded = sl.exact.load_certificate(tmp_path / "proof.npz")
    whole = branching.ground_state(model, resume=loaded, certificate=True)
    assert whole.certified
    assert whole.energy == branching.ground_state(model).energy
    assert verify(model, whole.certificate).certified
    with pytest.raises(ValueError, match="another model"):
        branching.ground_state(frustrated(n=61), resume=loaded)


def test_a_partial_certificate_by_cycles_resumes():
    pytest.importorskip("highspy")
    model = sl.ensembles.edwards_anderson(shape=(5, 5, 5), law="pm1", rng=3, periodic=True)
    whole = branching.ground_state(model, certificate=True)
    for nodes in (0, 1, 4):
        partial = branching.ground_state(model, nodes=nodes, certificate=True)
        resumed = branching.ground_state(model, resume=partial.certificate, certificate=True)
        assert resumed.certified
        assert resumed.energy == resumed.lower_bound == whole.energy
        assert verify(model, resumed.certificate).certified
    with pytest.raises(ValueError, match="another relaxation"):
        branching.ground_state(model, resume=partial.certificate, relaxation="semidefinite")


def test_a_start_is_used_and_the_clock_is_kept():
    model = frustrated(n=110)
    good = sl.dynamics.search(model, rng=0)
    stopped = branching.ground_state(model, start=good.state, seconds=0.0)
    assert stopped.energy <= good.energy + 1e-9
    assert not stopped.certified
    assert np.isfinite(stopped.lower_bound)
    close = branching.ground_state(model, start=good.state, relative_gap=0.25)
    assert close.relative_gap <= 0.25
    assert not close.certified


def test_a_node_that_is_halted_looks_at_few_states():
    model = frustrated(n=60)
    work = branching.solver.Run(model, "semidefinite").work
    C = work.C / work.scale
    dual = branching.semidefinite.start(C)
    seen = [
        branching.semidefinite.improve(
            C, dual, branching.semidefinite.ROOT, -1e300, work.unit, np.full(1, halt, np.int8)
        )
        for halt in (1, 0)
    ]
    assert [len(bound.states) for bound in seen] == [4, len(C)]
    assert seen[0].evaluations == 1
    for states, n in ((seen[0].states, 4), (seen[1].states, len(C))):
        state, h2 = work._best_state(work.C, states)
        values = [int(s @ work.C @ s) for s in states.astype(np.int64)]
        assert h2 == max(values) == int(state.astype(np.int64) @ work.C @ state)
        assert len(states) == n


def test_little_memory_goes_depth_first_to_the_same_answer():
    model = frustrated(n=45)
    assert branching.ground_state(model, memory=0).energy == branching.ground_state(model).energy


def test_bad_input():
    model = frustrated(n=8)
    with pytest.raises(ValueError, match="does not count"):
        branching.ground_state(model, degeneracy=True)
    with pytest.raises(ValueError, match="limited to N="):
        branching.ground_state(np.zeros((1001, 1001)), relaxation="semidefinite")
    with pytest.raises(ValueError, match="seconds"):
        branching.ground_state(model, seconds=-1.0)
    with pytest.raises(ValueError, match="relative_gap"):
        branching.ground_state(model, relative_gap=-0.1)
    with pytest.raises(ValueError, match="relaxation"):
        branching.ground_state(model, relaxation="linear")
    with pytest.raises(TypeError, match="progress"):
        branching.ground_state(model, progress=3)
    with pytest.raises(TypeError, match="Certificate"):
        branching.ground_state(model, resume="proof.npz")
    with pytest.raises(ValueError, match="spins"):
        branching.ground_state(model, start=np.ones(7))


def test_a_missing_solver_is_named(monkeypatch):
    glass = sl.ensembles.edwards_anderson(shape=(8, 8, 8), law="pm1", rng=0, periodic=True)
    monkeypatch.setitem(sys.modules, "highspy", None)
    with pytest.raises(ImportError, match=r"pip install spinlab\[cuts\]"):
        branching.ground_state(glass, relaxation="cycles")
    assert branching.limits.relaxation_of(glass) == "semidefinite"
    monkeypatch.setattr(branching.solver, "PROBE_SECONDS", 0.1)
    with pytest.raises(ValueError, match=r"branching: a proof takes .*pip install spinlab\[cuts\]"):
        sl.ground_state(glass)
    large = sl.ensembles.edwards_anderson(shape=(12, 12, 12), law="pm1", rng=0, periodic=True)
    with pytest.raises(ValueError, match=r"limited to N=1000.*pip install spinlab\[cuts\]"):
        branching.ground_state(large)


def test_ctrl_c_returns_what_is_known():
    """Whether it comes from the terminal or out of the function that shows progress."""
    model = frustrated(n=70)
    seen = []

    def press(step):
        seen.append(step)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)

    def give_up(step):
        seen.append(step)
        if len(seen) == 2:
            raise KeyboardInterrupt

    for stop in (press, give_up):
        seen.clear()
        answer = branching.ground_state(model, progress=stop, certificate=True)
        assert len(seen) <= 3
        assert not answer.certified
        assert answer.reason.endswith("interrupted")
        assert answer.lower_bound == max(step.lower_bound for step in seen)
        assert verify(model, answer.certificate).lower_bound == answer.lower_bound
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    seen.clear()
    from_front = sl.ground_state(model, "branching", progress=press)
    assert from_front.lower_bound < from_front.energy
    assert not from_front.certified


@pytest.mark.parametrize("relaxation", ["semidefinite", "cycles"])
def test_work_ends_soon_after_the_clock(relaxation):
    """A linear program or a bound that takes longer than there is time is left in the middle."""
    if relaxation == "cycles":
        pytest.importorskip("highspy")
        model = sl.ensembles.edwards_anderson(shape=(16, 16, 16), law="pm1", rng=0, periodic=True)
    else:
        model = sl.ensembles.sk(400, rng=0)
    problem = branching.problem.make_problem(
        model.n_spins, *model.to_sparse().edges(), np.zeros(model.n_spins), 0.0
    )
    halt = np.ones(1, np.int8)  # the clock has stopped before the work begins
    descent = branching.descent.Descent(problem)
    if relaxation == "cycles":
        work = branching.cycles.Cycles(problem, descent)
    else:
        work = branching.dense.Dense(problem.matrix(), problem.scale, problem.step, problem.slack, 2)
    best = descent.from_random(1)[1]
    outcome = work(branching.tree.Node(None, 1, work.trivial().h2(), 0), best, halt)
    assert outcome.halted
    assert outcome.work <= 2
    assert best <= outcome.h2 <= work.trivial().h2()


def test_a_certificate_is_verified_before_it_is_resumed():
    model = frustrated(n=30, law="integers")
    partial = branching.ground_state(model, nodes=1, certificate=True).certificate
    lie = replace(partial, D=partial.D - int(partial.D.max()) // 4)
    with pytest.raises(sl.exact.CertificateError, match="semidefinite"):
        branching.ground_state(model, resume=lie)
    # An enumerated leaf may hold a better state than the certificate's own.
    small = frustrated(n=15, law="integers")
    whole = branching.ground_state(small, certificate=True)
    poor = replace(whole.certificate, state=np.ones(15, np.int8), certified=False)
    poor = replace(poor, energy=float(small.energy(poor.state)))
    assert poor.nodes.tolist() == [[2, 0, 0]]
    assert branching.ground_state(small, resume=poor).energy == whole.energy


def test_multipliers_beyond_62_bits_are_refused():
    C = np.array([[0, 4, -4], [4, 0, 4], [-4, 4, 0]]) << 20
    triangle = np.array([[0, 1, 2, 2]] * 4, np.int16)
    D = np.full(3, 1 << 30)
    # 4 multipliers of 2^62 sum to 2^64, which is 0 in int64.
    assert not branching.dense.proven(C, branching.dense.Proof(D, triangle, np.full(4, 1 << 62)))
    assert branching.dense.proven(C, branching.dense.Proof(D, triangle, np.full(4, 1 << 10)))
    proof = branching.dense.lifted(C, branching.dense.Proof(D, triangle, np.full(4, 1 << 62)), 8)
    assert branching.dense.proven(C, proof)
    assert len(proof.g) == 0


def test_a_certificate_claims_what_its_leaves_show():
    """Should the tree know more than the proof of a leaf, the certificate says the less."""
    model = frustrated(n=40)
    for nodes in (0, 1, 5):
        certificate = branching.ground_state(model, nodes=nodes, certificate=True).certificate
        assert verify(model, certificate).lower_bound == certificate.lower_bound
    problem = branching.problem.make_problem(40, *model.to_sparse().edges(), np.zeros(40), 0.0)
    dense = branching.dense.Dense(problem.matrix(), problem.scale, problem.step, problem.slack, 16)
    state, best = branching.descent.Descent(problem).from_random(1)
    root = branching.tree.Node(None, 1, dense.trivial().h2(), 0)
    tree = branching.tree.Tree(root, best, state, problem.step, problem.slack, True)
    root.proof, root.h2 = dense.trivial(), best + 1000 * problem.step  # the tree claims more
    energy = float(problem.energy_of(best))
    fingerprint = sl.exact.proof.certificate.fingerprint(model)
    made = branching.certify.to_certificate(tree, problem, fingerprint, energy, energy - 1.0, dense)
    assert made.lower_bound < energy - 1.0
    assert verify(model, made).lower_bound == made.lower_bound


def test_a_certificate_is_complete_only_if_leaves_tree_and_energy_say_so():
    def made(offset=0.0, more=0, solved=True, lower=None):
        i, j = np.triu_indices(5, 1)
        problem = branching.problem.make_problem(5, i, j, np.full(10, -1.0), np.zeros(5), offset)
        dense = branching.dense.Dense(problem.matrix(), problem.scale, problem.step, problem.slack, 0)
        state = np.array([1, 1, 1, -1, -1], np.int8)
        root = branching.tree.Node(None, 1, problem.h2(state), 0)
        proof = dense.trivial()
        root.proof, root.solved = proof._replace(D=proof.D + more), solved
        tree = branching.tree.Tree(root, problem.h2(state), state, problem.step, problem.slack, True)
        energy = float(problem.energy_of(tree.best))
        lower = energy if lower is None else lower
        return branching.certify.to_certificate(tree, problem, "", energy, lower, dense), problem.step

    whole, step = made()
    assert (whole.certified, whole.energy, whole.lower_bound) == (True, -2.0, -2.0)
    assert not made(lower=-3.0)[0].certified
    assert not made(solved=False)[0].certified  # open, as the answer says
    # Beside such an offset all energies are one number: only the leaf knows that it leaves room.
    assert made(offset=2.0**70)[0].certified
    assert not made(offset=2.0**70, more=step)[0].certified


def test_couplings_of_large_models_are_not_written_out(monkeypatch):
    """Patterns of many spins cost a product each to ask, not N^2 numbers."""
    model = sl.ensembles.hopfield(N=20_000, K=2, rng=0)
    monkeypatch.setattr(type(model), "couplings", None)
    monkeypatch.setattr(type(model), "to_sparse", None)
    assert branching.least(model).seconds == np.inf
    assert "limited to N=1000, got N=20000" in branching.refusal(model)
    small = sl.ensembles.hopfield(N=1000, K=2, rng=0)
    assert branching.least(small).seconds == 0.05


def test_even_without_time_the_bound_is_the_largest_eigenvalue():
    model = frustrated(n=60)
    stopped = branching.ground_state(model, nodes=0, certificate=True)
    spectral = -len(model.J) * np.linalg.eigvalsh(model.J)[-1] / 2
    assert stopped.lower_bound == pytest.approx(spectral, rel=1e-6)
    assert stopped.lower_bound <= spectral
    assert verify(model, stopped.certificate).lower_bound == stopped.lower_bound


def test_the_root_is_cut_to_the_end_however_poor_the_best_state():
    """Chimera of 4 x 4 cells: the bound of the root must not depend on how far away the energy seems."""
    pytest.importorskip("highspy")
    number = np.arange(128).reshape(4, 4, 2, 4)
    pairs = [(a, b) for cell in number.reshape(-1, 2, 4) for a in cell[0] for b in cell[1]]
    pairs += zip(number[:, :-1, 0].ravel(), number[:, 1:, 0].ravel(), strict=True)
    pairs += zip(number[:-1, :, 1].ravel(), number[1:, :, 1].ravel(), strict=True)
    i, j = np.array(pairs).T
    J = np.random.default_rng(0).normal(size=len(i))
    n = 128
    problem = branching.problem.make_problem(n, i, j, J, np.zeros(n), 0.0)
    work = cycles.Cycles(problem, lambda states: (states[0], -(1 << 60)))
    outcome = work(branching.tree.Node(None, 1, work.trivial().h2(), 0), -(1 << 60), np.zeros(1, np.int8))
    E0 = sl.exact.tree.ground_state(sl.models.SparseIsing.from_edges(i, j, J, n)).energy
    bound = problem.lower_bound(outcome.h2)
    assert bound <= E0 <= bound + 1e-3 * abs(E0)


def test_equal_couplings_on_random_graphs_are_not_left_to_cycles():
    """Proofs of random graphs of degree 6 and 130 spins took 2 to 8 s by odd cycles, .6 to 1.8 otherwise."""
    relaxation, rng = branching.limits.relaxation_of, np.random.default_rng(0)
    graph = nx.gnm_random_graph(130, 390, seed=1)
    i, j = np.array(graph.edges).T
    signs = rng.choice([-2.0, 2.0], 390)
    assert relaxation(sl.models.SparseIsing.from_edges(i, j, signs, 130)) == "semidefinite"
    assert relaxation(sl.models.SparseIsing.from_edges(i, j, rng.normal(size=390), 130)) == "cycles"
    for shape in ((4, 4, 4), (5, 5, 5), (6, 6, 6), (10, 10)):
        lattice = sl.ensembles.edwards_anderson(shape=shape, law="pm1", rng=0, periodic=True)
        assert relaxation(lattice) == "cycles"


@pytest.mark.parametrize("seed", range(3))
def test_short_cycles_are_counted(seed):
    graph = nx.gnm_random_graph(12, 36, seed=seed)
    triangles = sum(nx.triangles(graph).values()) // 3
    squares = sum(1 for cycle in nx.simple_cycles(graph, 4) if len(cycle) == 4)
    i, j = np.array(graph.edges).T
    model = sl.models.SparseIsing.from_edges(i, j, np.ones(36), 12)
    count = branching.limits._short_cycles(model.n_spins, i, j)
    assert count == triangles + squares
