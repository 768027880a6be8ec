"""Diagnosis of weight matrices: known phases, invariances, input in every form, bad input."""

from __future__ import annotations

import itertools
import json
import math
import sys
import tracemalloc
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse
import scipy.spatial
import xarray as xr

import spinlab as sl
from spinlab.cli import main
from spinlab.diagnose import diagnose, read_model
from spinlab.diagnose.canonical import canonical
from spinlab.diagnose.structure import structure

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import trained_machines
import validate_diagnose


def lines(model, beta=1.0):
    model, negative = canonical(model, beta)
    spectrum = sl.observables.spectrum(model)
    return structure(model, spectrum, sl.observables.stability(model, spectrum=spectrum), negative)


def verdicts(source, **options):
    report = diagnose(source, extras=False, **options)
    return [(v.value, v.probabilities) for v in (report.phase, report.metastability, report.dynamics)]


@pytest.mark.parametrize(
    ("model", "beta", "phase"),
    [
        (sl.ensembles.sk(150, rng=1), 0.6, "paramagnet"),
        (sl.ensembles.sk(150, rng=1), 2.0, "spin glass"),
        (sl.ensembles.mattis(60, rng=1).scaled(1 / 60), 2.0, "ordered"),
        (sl.ensembles.mattis(60, rng=1).scaled(1 / 60), 0.6, "paramagnet"),
        (sl.ensembles.hopfield(300, 6, rng=1), 3.0, "ordered"),
        (sl.ensembles.hopfield(200, 80, rng=1), 1.2, "spin glass"),
        (sl.ensembles.rbm_gaussian(40, 160, rng=1), 2 / 6400**0.25, "spin glass"),
        (sl.ensembles.rbm_gaussian(40, 160, rng=1), 0.6 / 6400**0.25, "paramagnet"),
        (sl.ensembles.edwards_anderson(shape=(12, 12), rng=1), 2.0, "paramagnet"),
        (sl.ensembles.mattis(60, rng=1).scaled(-1 / 60), 3.0, "paramagnet"),
    ],
)
def test_known_phases(model, beta, phase):
    assert diagnose(model, beta=beta, extras=False).phase.value == phase


@pytest.mark.parametrize("groups", [4, 6])
def test_groups_that_are_all_opposed_are_order_along_many_directions(groups):
    """-q/N between q groups: eigenvalue 1 (q - 1 times), 1 - q for their sum, and T_c = 1. The latter once
    made the cumulants of the spectrum so negative that there was no line, and an error."""
    group = np.repeat(np.arange(groups), 30)
    model = sl.models.DenseIsing(np.where(group[:, None] == group, 0.0, -groups / len(group)))
    assert lines(model, 1 / 1.4).log_order == pytest.approx(math.log(1.4), abs=0.3)
    assert diagnose(model, beta=1 / 1.5, extras=False).phase.value == "paramagnet"
    assert diagnose(model, beta=1 / 0.6, extras=False).phase.value == "ordered"


def test_a_small_budget_takes_fewer_temperatures_says_so_and_begins_no_proof(monkeypatch):
    monkeypatch.setattr(sl.exact.branching, "probe", lambda *args, **options: 1 / 0)
    report = diagnose(sl.ensembles.sk(120, rng=1), beta=2.5, seconds=0.01)
    n = len(report.evidence["equilibrium"]["T_over_T"]) + 1
    assert n == 8
    assert any(f"seconds=0.01 pays for replicas at {n} temperatures" in text for text in report.warnings)
    assert not report.evidence["accessibility"]["proven"]


@pytest.fixture(scope="module")
def bars():
    """Weights of a machine that has learned the 16 images of four bars from scale 0.01."""
    return trained_machines.learned("bars", 16, 40, "exact", np.random.default_rng(1))


def test_a_trained_machine_is_ordered(bars):
    # All 2^16 visible states: pixels correlate with their own bar, and the images hold the law.
    v = 2.0 * ((np.arange(2**16)[:, None] >> np.arange(16)) & 1) - 1
    p = np.exp(np.logaddexp(v @ bars, -v @ bars).sum(1))
    p /= p.sum()
    C = (v.T * p) @ v
    same = np.arange(16)[:, None] % 4 == np.arange(16) % 4
    assert C[same].min() > 2 * np.abs(C[~same]).max()
    image = (v.reshape(-1, 4, 4) == v[:, None, :4]).all((1, 2))
    assert image.sum() == 16
    assert p[image].sum() > 0.25
    report = diagnose(bars, rbm=True, extras=False)
    assert report.phase.value == "ordered"
    assert report.evidence["stability"]["n_directions"] == 4
    assert report.evidence["stability"]["log_T_over_glass"] > 2


def test_machines_that_training_has_hardly_moved_are_glasses():
    # Sixteen units would be too few: few states have their weight.
    W = trained_machines.hardly_trained(36, 72, 3.0, "cd", np.random.default_rng(0))
    assert diagnose(W, rbm=True, extras=False).phase.value == "spin glass"


def test_order_on_few_sites_does_not_hide_a_glass():
    # Eight strongly coupled spins of a hundred: an isolated eigenvalue, but the overlap is the SK model's.
    J = np.array(sl.ensembles.sk(100, rng=0).couplings())
    J[:8, :8] = 0.5 * (1 - np.eye(8))
    report = diagnose(J, beta=2.0, extras=False)
    assert report.evidence["stability"]["log_T_over_order"] < report.evidence["stability"]["log_T_over_glass"]
    assert report.phase.value == "spin glass"


def test_neither_few_nor_many_directions_are_undecided():
    rng = np.random.default_rng(0)
    u, w = np.linalg.qr(rng.normal(size=(16, 16)))[0], np.linalg.qr(rng.normal(size=(64, 16)))[0]
    report = diagnose(u * np.repeat([3.0, 0.05], [7, 9]) @ w.T, rbm=True, extras=False)
    assert report.evidence["stability"]["n_set_apart"] == 7
    assert report.phase.value == "undecided"
    # Eight binary patterns in sixteen units: seven or fewer states have the weight.
    patterns = 0.3 * sl.ensembles.ra_rbm(16, 128, 8, rng=1).weights()
    for W in (patterns, patterns + 0.01 * rng.normal(size=(16, 128))):
        report = diagnose(W, rbm=True, extras=False)
        assert report.phase.value == "undecided"
        assert any("few states" in reason for reason in report.phase.reasons)


def test_few_and_many_minima_and_dynamics():
    few = diagnose(sl.ensembles.hopfield(201, 3, rng=0), beta=2.0, extras=False)
    many = diagnose(sl.ensembles.sk(200, rng=0), beta=0.4, extras=False)
    assert few.metastability.value == "few"
    assert many.metastability.value == "many"
    assert many.dynamics.value == "equilibrates"
    # H >> V and a large scale: block Gibbs sampling does not move the visible layer.
    frozen = diagnose(sl.ensembles.rbm_gaussian(12, 600, rng=0).scaled(3.0), extras=False)
    assert frozen.dynamics.value == "frozen"
    trapped = diagnose(sl.ensembles.sk(500, rng=0), beta=4.0, extras=False)
    assert trapped.dynamics.value == "trapped"


def test_lines_from_the_couplings():
    # Standard deviations of the estimates are below .05 at these sizes (SK N=400: .03); bounds at 3 or more.
    assert lines(sl.ensembles.sk(400, rng=0), 0.5).log_distance == pytest.approx(math.log(2), abs=0.15)
    assert lines(sl.ensembles.hopfield(400, 120, rng=0)).log_distance == pytest.approx(
        -math.log(1 + 0.3**0.5), abs=0.1
    )
    graph = sl.ensembles.edwards_anderson(nx.random_regular_graph(4, 300, seed=1), law="pm1", rng=0)
    # 3 tanh^2 beta = 1, the same for every graph of degree four.
    assert lines(graph, 1.0).log_distance == pytest.approx(math.log(math.atanh(3**-0.5)), abs=1e-5)
    lattice = lines(sl.ensembles.edwards_anderson(shape=(20, 20), rng=0))
    assert lattice.dimension == pytest.approx(2.0)
    assert not lattice.tree_like
    assert lines(graph).tree_like
    # 4 tanh^2 beta = 1 for a machine with five weights at each unit, whatever its other 115 zeros.
    W, units, rng = np.zeros((120, 120)), np.arange(120), np.random.default_rng(0)
    for shift in (0, 1, 5, 25, 70):
        W[units, (units + shift) % 120] = rng.choice([-1.0, 1.0], 120)
    found = lines(sl.models.BipartiteIsing(W))
    assert found.log_distance == pytest.approx(math.log(math.atanh(0.5)), abs=1e-5)
    assert found.method == "bonds"
    # A strong bond between two sites is no collective transition.
    pair = np.zeros((40, 40))
    pair[0, 1] = pair[1, 0] = 50.0
    J = sl.ensembles.sk(40, rng=0).couplings() * 0.3 + pair
    assert lines(sl.models.DenseIsing(J)).log_distance > 0.5


def test_dimension_of_hubs_surfaces_and_solids():
    pairs = nx.Graph([(0, 1)])
    for _ in range(4):  # every bond becomes two paths of two bonds: dimension 2, and hubs
        finer = nx.Graph()
        for k, (a, b) in enumerate(pairs.edges):
            n = len(pairs) + 2 * k
            finer.add_edges_from([(a, n), (n, b), (a, n + 1), (n + 1, b)])
        pairs = finer
    hubs = lines(sl.ensembles.edwards_anderson(pairs, law="pm1", rng=0))
    assert len(pairs) == 172
    assert hubs.dimension < 2
    assert not hubs.tree_like
    gasket = nx.Graph([((0, 0), (1, 0)), ((0, 0), (0, 1)), ((1, 0), (0, 1))])
    for size in (1, 2, 4, 8, 16):  # ln 3/ln 2 dimensions, and shells that jump where three parts meet
        part = list(gasket.edges)
        for x, y in ((size, 0), (0, size)):
            gasket.add_edges_from([((a + x, b + y), (c + x, d + y)) for (a, b), (c, d) in part])
    gasket = nx.convert_node_labels_to_integers(gasket)
    assert lines(sl.ensembles.edwards_anderson(gasket, rng=0)).dimension < 2
    points = np.random.default_rng(0).random((200, 2))
    copies = np.concatenate([points + d for d in itertools.product((0, 1, -1), repeat=2)])
    triangles = scipy.spatial.Delaunay(copies).simplices
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [0, 2]], triangles[:, [1, 2]]])
    torus = nx.Graph(map(tuple, (edges[(edges < 200).any(1)] % 200).tolist()))
    assert lines(sl.ensembles.edwards_anderson(torus, rng=0)).dimension == 2
    for L in (4, 6):
        cubic = nx.convert_node_labels_to_integers(nx.grid_graph((L, L, L), periodic=True))
        assert lines(sl.ensembles.edwards_anderson(cubic, rng=0)).dimension > 2.25
    honeycomb = nx.hexagonal_lattice_graph(12, 12, periodic=True)
    assert not lines(sl.ensembles.edwards_anderson(honeycomb, rng=0)).tree_like
    for N in (50, 100, 200):  # N < (2 <r>)^2 too, but without short loops
        assert lines(sl.ensembles.edwards_anderson(nx.random_regular_graph(3, N, seed=1), rng=0)).tree_like


def _viana_bray(N, degree, seed):
    rng = np.random.default_rng(seed)
    graph = nx.gnm_random_graph(N, N * degree // 2, seed=seed)
    for i, j in graph.edges:
        graph[i][j]["weight"] = rng.choice([-1.0, 1.0])
    return graph


@pytest.mark.parametrize("ratio", [1.35, 1.5, 1.8])
def test_hubs_are_no_order(ratio):
    # c tanh^2(1/T_c) = 1 at mean degree c (L. Viana, A. J. Bray, J. Phys. C 18, 3037 (1985)).
    T = ratio / math.atanh(4**-0.5)
    found = lines(sl.models.as_model(_viana_bray(300, 4, 2)), 1 / T)
    assert found.log_distance == pytest.approx(math.log(ratio), abs=0.06)  # of 8 graphs: .015
    assert math.isinf(found.log_order)
    assert diagnose(_viana_bray(300, 4, 2), beta=1 / T, extras=False).phase.value == "paramagnet"


def test_lines_of_a_graph_are_eigenvalues_of_its_non_backtracking_matrix():
    from spinlab.diagnose.bethe import bethe_lines

    rng = np.random.default_rng(0)
    graph = nx.gnm_random_graph(20, 50, seed=3)
    for i, j in graph.edges:
        graph[i][j]["weight"] = rng.normal() + 1
    J = sl.models.as_model(graph).to_sparse().J.tocsr()
    J.sort_indices()
    walks = [(i, j) for i in range(20) for j in J.indices[J.indptr[i] : J.indptr[i + 1]]]
    follows = np.array([[a[1] == b[0] and a[0] != b[1] for b in walks] for a in walks])

    def top(c, power):
        weight = np.tanh(c * np.array([J[i, j] for i, j in walks])) ** power
        values = np.linalg.eigvals(follows * weight)
        return values[np.abs(values.imag) < 1e-9].real.max()

    found = bethe_lines(J)
    assert top(math.exp(found.log_glass), 2) == pytest.approx(1, abs=1e-4)
    assert top(math.exp(found.log_order), 1) == pytest.approx(1, abs=1e-4)
    assert found.log_order < found.log_glass
    edges = np.array(nx.random_regular_graph(5, 40, seed=1).edges)
    regular = sl.models.SparseIsing.from_edges(*edges.T, np.ones(100), 40).J.tocsr()
    magnet = bethe_lines(regular, balanced=True)  # 4 tanh(c) = 1
    assert (magnet.log_glass, magnet.log_order) == (
        math.inf,
        pytest.approx(math.log(math.atanh(0.25)), abs=1e-5),
    )
    ring = sl.models.SparseIsing.from_edges(range(9), np.roll(range(9), -1), np.ones(9), 9).J.tocsr()
    assert bethe_lines(ring, balanced=True).log_order == math.inf
    path = sl.models.SparseIsing.from_edges(range(8), range(1, 9), np.ones(8), 9).J.tocsr()
    assert bethe_lines(path).log_glass == bethe_lines(path).log_order == math.inf


@pytest.mark.parametrize("T", [0.3, 0.5, 0.8])
def test_the_free_energy_of_a_pattern_is_exact(T):
    # ln Z of the Mattis model by its magnetisation, one of two states; nine points were .001 to .028 off.
    from scipy.special import gammaln

    from spinlab.diagnose.equilibrium import equilibrium
    from spinlab.diagnose.simulation import from_pattern

    N = 400
    model, _ = canonical(sl.ensembles.mattis(N, rng=0).scaled(1 / N), 1 / T)
    n = np.arange(N + 1)
    terms = gammaln(N + 1) - gammaln(n + 1) - gammaln(N - n + 1) + ((2 * n - N) ** 2 - N) / (2 * N * T)
    exact = np.logaddexp.reduce(terms) - math.log(2)
    rng = np.random.default_rng(0)
    spectrum = sl.observables.spectrum(model)
    stability = sl.observables.stability(model, spectrum=spectrum)
    hot = equilibrium(model, math.log(T), spectrum, stability, rng, seconds=0.3)
    found = from_pattern(model, np.ones((1, N), dtype=np.int8), hot, rng).log_partition
    assert found / N == pytest.approx(exact / N, abs=0.003)


def test_chains_that_split_between_states_are_not_in_equilibrium():
    # One in three ends against a field that equilibrium follows; the energies differ by .01 per spin.
    xi = np.random.default_rng(1).choice([-1.0, 1.0], 200)
    J = np.outer(xi, xi) / 200
    np.fill_diagonal(J, 0)
    report = diagnose(sl.models.DenseIsing(J, 0.005 * xi), beta=3.0, extras=False)
    assert report.dynamics.value == "trapped"


def _transformed(J, rng):
    order, signs = rng.permutation(len(J)), rng.choice([-1.0, 1.0], len(J))
    return (signs[:, None] * J * signs)[np.ix_(order, order)]


@pytest.mark.parametrize(
    ("J", "beta"),
    [
        (sl.ensembles.sk(60, rng=3).couplings(), 1.0),
        (sl.ensembles.hopfield(100, 3, rng=3).couplings(), 1.5),
        (sl.ensembles.edwards_anderson(shape=(8, 8), rng=3).couplings(), 1.0),
    ],
)
def test_gauge_permutation_and_units_change_nothing(J, beta):
    rng = np.random.default_rng(0)
    first = verdicts(J, beta=beta)
    assert verdicts(_transformed(J, rng), beta=beta) == first
    assert verdicts(0.3 * J, beta=beta / 0.3) == first
    assert verdicts(7 * _transformed(J, rng), beta=beta / 7) == first


def test_transposed_weights_with_biases(bars):
    rng = np.random.default_rng(1)
    W, bv, bh = rng.normal(size=(15, 40)) / 5, rng.normal(size=15) / 10, rng.normal(size=40) / 10
    first = verdicts(sl.models.BipartiteIsing(W, bv, bh))
    assert verdicts(sl.models.BipartiteIsing(W.T, bh, bv)) == first
    signs = rng.choice([-1.0, 1.0], 15)
    assert verdicts(sl.models.BipartiteIsing((signs * W.T).T, signs * bv, bh)) == first
    signs, order = rng.choice([-1.0, 1.0], 16), rng.permutation(40)
    assert verdicts(signs * bars[:, order].T / 3, rbm=True, beta=3.0) == verdicts(bars, rbm=True)
    square = rng.normal(size=(20, 20)) / 4
    assert verdicts(square, rbm=True) == verdicts(square.T, rbm=True)


def test_the_representative_has_the_same_energies():
    rng = np.random.default_rng(2)
    for model in (
        sl.ensembles.sk(7, field_std=0.5, rng=rng),
        sl.ensembles.edwards_anderson(shape=(3, 3), field_std=0.5, rng=rng),
        sl.ensembles.rbm_gaussian(3, 5, field_std=0.5, rng=rng),
    ):
        other, _ = canonical(model, 1.7)
        N = model.n_spins
        states = 2 * ((np.arange(2**N)[:, None] >> np.arange(N)) & 1) - 1
        np.testing.assert_allclose(
            np.sort(1.7 * model.energy(states)), np.sort(other.energy(states)), atol=1e-9
        )


def test_unfrustrated_models_have_no_negative_coupling_left():
    _, negative = canonical(sl.ensembles.mattis(30, rng=0), 1.0)
    assert negative.size == 0
    _, negative = canonical(sl.ensembles.sk(30, rng=0), 1.0)
    assert negative.size > 0


def test_every_kind_of_input(tmp_path):
    J = sl.ensembles.sk(24, rng=0).couplings()
    W = np.random.default_rng(0).normal(size=(6, 9))
    np.save(tmp_path / "J.npy", J)
    np.save(tmp_path / "W.npy", W)
    np.savez(tmp_path / "rbm.npz", W=W.T, bv=np.zeros(6), bh=np.ones(9))
    np.savez(tmp_path / "J.npz", J=J, b=np.ones(24))
    sl.models.save_instance(sl.models.DenseIsing(J), tmp_path / "model.npz")
    sl.models.save_instance(sl.models.DenseIsing(J), tmp_path / "model.txt")
    for source in (J, J.tolist(), tmp_path / "J.npy", tmp_path / "model.npz", str(tmp_path / "model.txt"),
                   sl.models.to_networkx(sl.models.DenseIsing(J)), sl.models.DenseIsing(J)):  # fmt: skip
        np.testing.assert_allclose(read_model(source).couplings(), J)
    np.testing.assert_array_equal(read_model(tmp_path / "W.npy", rbm=True).weights(), W)
    rbm = read_model(tmp_path / "rbm.npz")  # (H, V) as torch stores it, told by the biases
    np.testing.assert_array_equal(rbm.weights(), W)
    np.testing.assert_array_equal(rbm.bh, np.ones(9))
    assert read_model(tmp_path / "J.npz").has_fields
    C = np.corrcoef(np.random.default_rng(1).normal(size=(30, 50)))
    assert not np.array_equal(C, C.T)  # to rounding only
    np.testing.assert_allclose(read_model(C).couplings(), C - np.eye(30), atol=1e-12)
    machine = sl.rbm.RBM(5, 4, rng=0)
    np.testing.assert_allclose(read_model(machine).weights(), machine.as_ising().weights())


def test_matrices_in_text(tmp_path, capsys):
    from spinlab.cli import main

    rng = np.random.default_rng(4)
    J, W = rng.normal(size=(5, 5)), rng.normal(size=(4, 3))
    J += J.T
    for separator, name in ((",", "csv"), (" ", "txt"), ("\t", "tsv")):
        np.savetxt(tmp_path / f"J.{name}", J, "%.17g", delimiter=separator)
        np.savetxt(tmp_path / f"W.{name}", W, "%.17g", delimiter=separator)
        couplings = read_model(tmp_path / f"J.{name}").couplings()
        np.testing.assert_array_equal(couplings, J - np.diag(np.diag(J)))
        machine = read_model(tmp_path / f"W.{name}", rbm=True)
        np.testing.assert_array_equal(machine.weights(), W)
        as_binary = read_model(tmp_path / f"W.{name}", rbm=True, binary=True)
        np.testing.assert_array_equal(as_binary.weights(), W / 4)
    edges = tmp_path / "edges.txt"
    edges.write_text("# N: 3\n0 1 1\n1 2 1\n0 2 1\n")
    with pytest.raises(ValueError, match="a model already, <SparseIsing: N=3"):
        read_model(edges, rbm=True)
    with pytest.raises(ValueError, match="instance files know their units"):
        read_model(edges, binary=True)
    with pytest.raises(ValueError, match=r"no square matrix of numbers.*--rbm"):
        read_model(tmp_path / "W.csv")
    assert main(["diagnose", str(tmp_path / "W.csv"), "--rbm", "--json"]) == 0
    assert '"phase"' in capsys.readouterr().out


def test_the_package_called_by_mistake_names_its_function():
    with pytest.raises(TypeError, match=r"its function is spinlab\.diagnose\.diagnose\(weights"):
        sl.diagnose(np.zeros((3, 3)))


def test_zero_one_units_keep_their_energies():
    rng = np.random.default_rng(0)
    W, bv, bh = rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=2)
    np_states = ((np.arange(32)[:, None] >> np.arange(5)) & 1).astype(float)
    x, y = np_states[:, :3], np_states[:, 3:]
    expected = -np.einsum("si,ia,sa->s", x, W, y) - x @ bv - y @ bh
    from spinlab.models import rbm_from_binary

    model = rbm_from_binary(W, bv, bh)
    np.testing.assert_allclose(model.energy(2 * np_states - 1), expected, atol=1e-12)
    np.testing.assert_allclose(read_model(W, rbm=True, binary=True).weights(), W / 4)


def test_a_diagonal_is_a_field_of_zero_one_units_and_a_constant_of_spins(tmp_path):
    rng = np.random.default_rng(1)
    J, b = rng.normal(size=(4, 4)), rng.normal(size=4)
    J += J.T
    states = list(itertools.product((0, 1), repeat=4))
    E = [-sum(J[i, j] * x[i] * x[j] for i in range(4) for j in range(4)) / 2 - b @ x for x in states]
    np.savez(tmp_path / "J.npz", J=J, b=b)
    model = read_model(tmp_path / "J.npz", binary=True)
    np.testing.assert_allclose(model.energy(2 * np.array(states) - 1), E, atol=1e-12)
    np.testing.assert_array_equal(read_model(tmp_path / "J.npz").couplings(), J - np.diag(np.diag(J)))
    np.testing.assert_array_equal(read_model(tmp_path / "J.npz").b, b)
    # One rule for every way to give them; what is given is left as it was.
    matrix, graph = scipy.sparse.csr_array(J), nx.from_numpy_array(J)
    scipy.io.mmwrite(tmp_path / "J.mtx", matrix)
    scipy.io.mmwrite(tmp_path / "full.mtx", J)
    files = tmp_path / "J.mtx", tmp_path / "full.mtx"
    frames = pd.DataFrame(J), xr.DataArray(J)
    graphs = graph, nx.MultiGraph(graph)
    for source in (J, matrix, matrix.tocoo(), scipy.sparse.csc_matrix(J), *graphs, *frames, *files):
        np.testing.assert_allclose(read_model(source).couplings(), J - np.diag(np.diag(J)), rtol=1e-15)
    assert matrix.diagonal().all()
    assert nx.number_of_selfloops(graph) == 4
    with pytest.raises(ValueError, match="square"):
        read_model(scipy.sparse.csr_array(np.ones((2, 3))))


@pytest.mark.parametrize(
    "form", [list, scipy.sparse.csr_array, pd.DataFrame, xr.DataArray, "entries", "full"]
)
def test_what_rbm_and_binary_mean_is_the_same_for_every_matrix(form, tmp_path):
    for W in ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0, 2.0], [1.0, 0.0, -1.0]]):  # square, symmetric: the trap
        source = W
        if form in ("entries", "full"):
            source = tmp_path / "W.mtx"
            scipy.io.mmwrite(source, np.array(W) if form == "full" else scipy.sparse.coo_array(W))
        elif form is not list:
            source = form(np.array(W))
        machine = read_model(source, rbm=True)
        np.testing.assert_array_equal(machine.weights(), W)
        of_bits = read_model(source, rbm=True, binary=True)
        np.testing.assert_array_equal(of_bits.weights(), np.array(W) / 4)  # W v h with v = (1 + s) / 2
    with pytest.raises(ValueError, match="say rbm=True"):
        read_model(source)


def test_a_model_is_no_matrix_of_weights():
    for source in (sl.ensembles.sk(4, rng=0), nx.empty_graph(2)):
        with pytest.raises(ValueError, match=r"makes a machine of a bare matrix W.*a model already, <"):
            read_model(source, rbm=True)
    machine = sl.ensembles.ra_rbm(3, 4, 2, rng=0)
    assert read_model(machine, rbm=True) is machine
    with pytest.raises(TypeError, match="rbm must be True or False, got 'yes'"):
        read_model(np.eye(2), rbm="yes")


def test_report_page_figure_and_json(tmp_path, capsys):
    np.save(tmp_path / "W.npy", sl.ensembles.ra_rbm(20, 50, 3, rng=0).weights())
    command = ["diagnose", str(tmp_path / "W.npy"), "--rbm", "--beta", "0.2"]
    files = ["--figure", str(tmp_path / "page.png"), "--json", str(tmp_path / "report.json")]
    assert main([*command, *files]) == 0
    text = capsys.readouterr().out
    for part in ("phase", "minima", "dynamics", "spectrum", "accessibility", "independent random weights"):
        assert part in text
    assert (tmp_path / "page.png").read_bytes()[:4] == b"\x89PNG"
    record = json.loads((tmp_path / "report.json").read_text())
    assert set(record) >= {"phase", "metastability", "dynamics", "evidence", "warnings"}
    assert record["evidence"]["accessibility"]["proven"]
    assert 0 <= record["phase"]["confidence"] <= 1
    for option, name, message in (("--figure", "a.xyz", "ends in '.xyz'"), ("--json", "none/a", "no folder")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("spinlab.diagnose.diagnose", lambda *args, **options: 1 / 0)
            assert main([*command, option, str(tmp_path / name)]) == 1
        assert message in capsys.readouterr().err
    assert main([*command, "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["phase"] == record["phase"]


def test_ultrametricity_and_accessibility_decide_nothing():
    model = sl.ensembles.sk(60, rng=0)
    with_extras = diagnose(model, beta=2.0)
    without = diagnose(model, beta=2.0, extras=False)
    assert "ultrametricity" in with_extras.evidence
    assert "ultrametricity" not in without.evidence
    for name in ("phase", "metastability", "dynamics"):
        assert getattr(with_extras, name) == getattr(without, name)


def test_degenerate_models():
    for source in ([[0.0]], np.zeros((4, 4)), np.array([[0.0, 1.0], [1.0, 0.0]]), nx.path_graph(1)):
        report = diagnose(source)
        assert report.phase.value in ("paramagnet", "ordered", "undecided")
        json.loads(report.to_json())
        report.text()
        assert f"$N$ = {report.evidence['size']['N']}, " in report.figure().get_suptitle()
    assert diagnose(np.ones((1, 1)), rbm=True).phase.value in ("paramagnet", "ordered", "undecided")


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (np.array([[0, np.nan], [np.nan, 0]]), {}, "NaN"),
        (np.ones((2, 3)), {}, "rbm=True"),
        (np.array([[0.0, 1.0], [2.0, 0.0]]), {}, r"not symmetric.*\(J \+ J.T\) / 2"),
        (np.array([[1.0, 2.0], [0.0, 0.0]]), {}, r"triangular.*the full matrix is J \+ J.T$"),
        (np.ones((2, 2, 2)), {}, "must have 2 axes"),
        (np.ones((0, 3)), {"rbm": True}, "empty"),
        (np.zeros((2, 2)), {"beta": 0.0}, "beta must be a finite number above 0"),
        (np.zeros((2, 2)), {"beta": math.inf}, "beta must be a finite number above 0"),
        (sl.models.DenseIsing(np.zeros((2, 2))), {"binary": True}, "know their units"),
        (1e-300 * (np.ones((3, 3)) - np.eye(3)), {}, "largest coupling is 1e-300.*rescale"),
        (np.full((2, 3), 1e100), {"rbm": True}, "largest coupling is 1e.100.*rescale"),
        (np.ones((2, 3)), {"rbm": True, "beta": 1e-300}, "times beta 1e-300.*change beta"),
    ],
)
def test_bad_input(source, options, message):
    with pytest.raises(ValueError, match=message):
        diagnose(source, **options)


def test_bad_files(tmp_path, capsys):
    np.save(tmp_path / "object.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError, match="plain numbers"):
        read_model(tmp_path / "object.npy")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "object.npy").read_bytes()[:20])
    with pytest.raises(ValueError, match="not a readable array file"):
        read_model(tmp_path / "cut.npy")
    header = "{'descr': '<f8', 'fortran_order': False, 'shape': (30000, 30000), }"
    np.save(tmp_path / "lies.npy", np.ones((3, 3)))  # a header of 118 characters
    content = bytearray((tmp_path / "lies.npy").read_bytes())
    content[10:128] = header.ljust(117).encode() + b"\n"
    (tmp_path / "lies.npy").write_bytes(content)
    np.savez_compressed(tmp_path / "bomb.npz", W=np.zeros((8000, 8000)))
    for name, message in (("lies.npy", "needs 7200000128 bytes and has 200"), ("bomb.npz", "times its size")):
        tracemalloc.start()
        with pytest.raises(ValueError, match=rf"{name}: .*{message}"):
            read_model(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 1e6  # refused before memory is taken
        tracemalloc.stop()
    np.savez(tmp_path / "two.npz", x=np.ones(2), y=np.ones(2))
    with pytest.raises(ValueError, match="name the arrays"):
        read_model(tmp_path / "two.npz")
    np.savez(tmp_path / "both.npz", W=np.ones((2, 3)), J=np.zeros((3, 3)))
    with pytest.raises(ValueError, match="both the weights of an RBM and couplings J"):
        read_model(tmp_path / "both.npz")
    with pytest.raises(TypeError, match="real numbers"):
        read_model(np.array([["a", "b"], ["b", "a"]]))
    assert main(["diagnose", str(tmp_path / "none.npy")]) == 1
    assert "none.npy" in capsys.readouterr().err


@pytest.mark.slow
def test_validation_on_a_small_set(tmp_path):
    """The benchmark's code, on one in twenty of its small models, with the development seed."""
    out = tmp_path / "results.jsonl"
    assert validate_diagnose.run(seed=1, out=out, small=True) == 0
    records = [json.loads(line) for line in out.read_text().splitlines()]
    far = [r for r in records if r["group"] == "far"]
    right = [r["phase"]["verdict"] == r["phase"]["truth"] for r in far]
    # The seed is fixed, so this fails only if the rules change; an SK model of 20 spins is undecided.
    assert np.mean(right) >= 0.9
    assert not [r for r in far if r["phase"]["verdict"] not in (r["phase"]["truth"], "undecided")]
    assert not [
        r for r in far if r["phase"]["truth"] != "spin glass" and r["phase"]["verdict"] == "spin glass"
    ]
    assert "balanced" in validate_diagnose.table(records).lower()


@pytest.mark.slow
def test_truths_are_not_ambiguous():
    cases = validate_diagnose.cases()
    assert len(cases) >= 600
    for case in cases:
        assert (case.phase is None) == (case.group == "on")
        assert case.group != "far" or abs(case.distance) > 0.3
