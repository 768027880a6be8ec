"""The heuristic search: exact answers where they are known, and what it says about itself."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from model_forms import FORMS, make
from naive import ground_energy_and_degeneracy

import spinlab as sl
from spinlab._core.stopwatch import Stopwatch
from spinlab.dynamics import _dense_steps, search
from spinlab.dynamics._groups import Groups, Piece
from spinlab.dynamics._quench import quench
from spinlab.dynamics._recombine import Pool
from spinlab.models import DenseIsing

FAMILIES = {
    "biqmac_pm1d": "pm1d_80",
    "biqmac_pm1s": "pm1s_80",
    "biqmac_g05": "g05_60",
    "biqmac_w": "w05_100",
    "biqmac_torus2d": "t2g10",
    "biqmac_torus3d": "t3g5",
    "sk1_hamerly": "SK1_N",
    "mc50_hamerly": "MC50_N50",
    "chimera_power": "chimera128",
}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@pytest.mark.parametrize("fields", [False, True])
def test_small_models(form, fields):
    case = make(form, integer=False, fields=fields)
    E0, _ = ground_energy_and_degeneracy(case.J, case.b, case.offset)
    found = search(case.model, n_steps=50, rng=0)
    assert found.energy == pytest.approx(E0, rel=1e-12)
    assert case.model.energy(found.state) == found.energy
    assert found.stopped in ("agreement", "bound")
    assert 3 <= found.hits <= found.equilibrated <= found.groups == 4 or found.stopped == "bound"


def test_entropy_hides_the_lowest_level():
    """An open triangular antiferromagnet: two ground states below exp(18) others (exact ln Z).

    Three and four of four groups agreed on the level above.
    """
    import networkx

    graph = networkx.convert_node_labels_to_integers(networkx.triangular_lattice_graph(10, 14))
    i, j = np.array(graph.edges).T
    model = sl.models.SparseIsing.from_edges(i, j, -np.ones(len(i)), N=len(graph))
    found = search(model, rng=1, max_steps=2000)
    assert found.energy == sl.ground_state(model, method="tree").energy == -87 or found.hits == 0


@pytest.mark.parametrize(("shape", "energy"), [((9, 9), -106), ((4, 30), -160)])
def test_many_ground_states_hide_nothing(shape, energy):
    """Small +-J tori keep about .14 of entropy per spin at their coldest temperature (energies by trees)."""
    model = sl.ensembles.edwards_anderson(shape=shape, law="pm1", rng=0)
    found = search(model, rng=0, max_steps=2000)
    assert (found.energy, found.stopped) == (energy, "agreement")
    assert found.hits >= 3


@pytest.mark.parametrize("seed", range(3))
def test_planar_spin_glasses(seed):
    # 144 spins, solved exactly by matching; sparse, so that pairs of ladders exchange clusters.
    model = sl.ensembles.edwards_anderson(shape=(12, 12), periodic=False, rng=seed)
    assert search(model, rng=0).energy == pytest.approx(sl.ground_state(model).energy, rel=1e-12)


# Exact by trees, matching or, where nothing is frustrated, by counting; the torus is the best that is known.
LATTICES = {
    "torus 30 x 10": ({"shape": (30, 10)}, 0, -414),
    "open 20 x 20": ({"shape": (20, 20), "periodic": False}, 0, -544),
    "another": ({"shape": (20, 20), "periodic": False}, 1, -536),
    "chain of 1000": ({"shape": (1000,), "periodic": False}, 0, -999),
    "frustrated ring": ({"shape": (64,)}, 0, -62),
    "torus 8 x 8 x 8": ({"shape": (8, 8, 8)}, 0, -898),
}


@pytest.mark.parametrize("name", LATTICES)
def test_discrete_couplings(name):
    options, seed, E0 = LATTICES[name]
    model = sl.ensembles.edwards_anderson(law="pm1", rng=seed, **options)
    found = search(model, target=E0, rng=0)
    assert found.energy == E0
    assert found.stopped == ("bound" if name == "chain of 1000" else "target")


@pytest.mark.parametrize(
    ("N", "exponent", "law", "lowest"),
    [(100, 3.0, "pm1", -97.857943283), (100, 1.5, "pm1", -100.447092678), (300, 3.0, "normal", -229.53895)],
)
def test_chains_with_power_law_couplings(N, exponent, law, lowest):
    # The lowest energies of long searches. Without moves of domains the last is missed by 2.
    rng, (i, j) = np.random.default_rng(0), np.triu_indices(N, 1)
    x = rng.choice([-1, 1], i.size) if law == "pm1" else rng.standard_normal(i.size)
    J = np.zeros((N, N))
    J[i, j] = x / (j - i) ** exponent
    found = search(J + J.T, target=lowest + 1e-5, max_steps=4000, rng=2)
    assert found.energy == pytest.approx(lowest, abs=1e-5)


def test_a_proof_looks_at_every_coupling():
    # A frustrated triangle beside a strong bond, and under an offset: rounding hides its violated bond.
    J = np.zeros((5, 5))
    J[0, 1], J[2:, 2:] = 1e17, -1.0
    J = np.triu(J, 1)
    assert search(J + J.T, n_steps=10, max_steps=20, rng=0).stopped != "bound"
    glass = DenseIsing(np.eye(3) - 1.0, offset=1e17)
    assert search(glass, n_steps=10, max_steps=20, rng=0).stopped != "bound"
    assert search(DenseIsing(1.0 - np.eye(3), offset=1e17), n_steps=10, rng=0).stopped == "bound"


def test_no_agreement_before_equilibrium():
    # A short search of a hard model: groups may meet one energy, and it says nothing.
    model = sl.ensembles.edwards_anderson(shape=(8, 8, 8), rng=0)
    found = search(model, n_steps=10, max_steps=40, rng=0)
    assert (found.n_steps, found.stopped) == (40, "steps")
    assert found.hits == found.equilibrated == 0


def test_what_equilibrium_takes():
    groups = Groups(
        DenseIsing(np.zeros((2, 2))),
        2,
        np.array([1.0, 2.0]),
        cluster=False,
        generator=np.random.default_rng(0),
        threads=1,
    )

    def judge(first, second, trips, lowest=0.0):
        energy = np.zeros((2, 2)), np.array([[9.0, first], [9.0, second]])
        groups.measured = [Piece(10, x, np.array([1.0])) for x in energy]
        groups._ladders.round_trips[:] = trips
        return groups.equilibrated(lowest).tolist()

    assert judge(0.9, 0.9, 10) == [True, True]  # a drift by 1.8 kT
    assert judge(1.1, 0.9, 10) == [False, True]
    assert judge(0.9, 0.9, [9, 10]) == [False, True]
    assert judge(0.9, 0.5, 10, -0.1) == [True, True]  # 2 kT above the lowest energy
    assert judge(0.9, 0.5, 10, -0.2) == [False, True]
    assert not groups.is_too_hot(-0.2)
    assert groups.is_too_hot(-5.0)
    groups._ladders.round_trips[0] = 9  # one of two may be late
    assert groups.is_too_hot(-5.0)
    groups._ladders.round_trips[1] = 9
    assert not groups.is_too_hot(-5.0)
    groups.measured.pop()
    assert groups.equilibrated(-1.0).tolist() == [False, False]  # nothing to compare with
    groups.measured.pop()
    assert groups.equilibrated(-1.0).tolist() == [False, False]
    groups.extend()
    assert groups.betas.tolist() == [1.0, 2.0, 4.0]
    assert groups.measured == []
    assert groups.mixed().tolist() == [False, False]


class Alone(Stopwatch):
    """A clock on a machine without other work."""

    def worked(self):
        return self.seconds()

    def _rate(self):
        return 1.0


@pytest.mark.parametrize("seconds", [0.05, 0.3, 2.0])
def test_the_budget_of_time_is_used_and_kept(seconds, monkeypatch):
    # A machine whose steps take 1 ms, and three times as long from the middle on.
    now = 0.0

    class Clock(Alone):
        def seconds(self):
            nonlocal now
            now += 1e-6
            return now

    class Slow(Groups):
        def advance(self, n_steps, burn_in=0):
            nonlocal now
            now += n_steps * (0.001 if now < seconds / 2 else 0.003)
            return super().advance(n_steps, burn_in)

    def slow_anneal(*args, betas, **options):
        nonlocal now
        now += len(betas) * 0.00001
        assert now < 0.2 * seconds
        return sl.dynamics.anneal(*args, betas=betas, **options)

    module = sys.modules["spinlab.dynamics.search"]
    monkeypatch.setattr(module, "Stopwatch", Clock)
    monkeypatch.setattr(module, "anneal", slow_anneal)
    monkeypatch.setattr(module, "Groups", Slow)
    found = search(sl.ensembles.sk(N=10, rng=0), seconds=seconds, rng=0)  # all groups agree at once
    assert found.stopped == "seconds"
    assert 0.8 * seconds <= found.seconds <= 1.2 * seconds
    assert search(sl.ensembles.sk(N=10, rng=0), seconds=seconds, max_steps=200, rng=0).n_steps <= 200


def test_a_callback_need_not_wait_for_its_share_of_a_large_budget(monkeypatch):
    # A machine on which every look at the clock takes 1 ms: a tenth of the budget would be 10^5 of them.
    looks = 0

    class Clock(Alone):
        def seconds(self):
            nonlocal looks
            looks += 1
            assert looks < 2000
            return 0.001 * looks

    class Watched(Groups):
        def advance(self, n_steps, burn_in=0):
            assert n_steps < 2000
            return super().advance(n_steps, burn_in)

    module = sys.modules["spinlab.dynamics.search"]
    monkeypatch.setattr(module, "Stopwatch", Clock)
    monkeypatch.setattr(module, "Groups", Watched)
    agreed = [
        search(sl.ensembles.sk(N=20, rng=0), seconds=seconds, callback=lambda found: found.hits >= 3, rng=0)
        for seconds in (100.0, 1000.0)
    ]
    assert all(found.stopped == "callback" and found.n_steps < 2000 for found in agreed)
    assert agreed[0].n_steps == agreed[1].n_steps


def test_recombination_ends_with_the_time():
    model = sl.ensembles.sk(N=200, rng=0)
    states = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (40, 200))
    late = iter([False, True, True, True])
    found = {}
    for name, is_late in (("hurried", lambda: next(late)), ("late", lambda: True), ("early", lambda: False)):
        pool = Pool(model, np.random.default_rng(1), 1, is_late)
        found[name] = float(pool.recombine(states.copy(), model.energy(states))[1][0])
    assert found["late"] == model.energy(states).min()  # nothing was combined
    assert found["early"] < found["hurried"] < found["late"]


@pytest.mark.parametrize(("seconds", "fits"), [(0.5, False), (20, False), (35, False), (100, True)])
def test_set_up_that_does_not_fit_is_left_out(seconds, fits, monkeypatch):
    # Time is work: a sum over the couplings takes 1, a quench of a few states 3, looking for temperatures 25.
    now = 0.0
    module = sys.modules["spinlab.dynamics.search"]

    class Clock(Alone):
        def seconds(self):
            return now

    def takes(name, time):
        function = getattr(module, name)

        def slow(*args, **options):
            nonlocal now
            now += time
            return function(*args, **options)

        monkeypatch.setattr(module, name, slow)

    monkeypatch.setattr(module, "Stopwatch", Clock)
    for name, time in {"field_bounds": 1.0, "quench": 3.0, "cooling_span": 25.0}.items():
        takes(name, time)
    model = sl.ensembles.sk(N=30, rng=0)
    found = search(model, seconds=seconds, callback=lambda found: fits, rng=0)
    assert found.energy == model.energy(found.state)
    if fits:
        assert found.stopped == "callback"
        assert now <= seconds
        return
    assert (found.n_steps, found.hits, len(found.betas), found.stopped) == (0, 0, 0, "seconds")
    assert max(4.0, 0.8 * seconds) <= now <= max(4.0, 1.2 * seconds)


def test_a_dense_model_is_cut_into_tiles_once(monkeypatch):
    cuts = []
    cut = _dense_steps.Tiles.cut

    def counted(*args):
        cuts.append(args)
        return cut(*args)

    monkeypatch.setattr(_dense_steps.Tiles, "cut", counted)
    model = sl.ensembles.sk(N=40, rng=0)
    kept = search(model, max_steps=40, rng=0)
    assert len(cuts) == 1
    assert not _dense_steps._kept
    with monkeypatch.context() as patch:
        patch.setattr(_dense_steps, "_kept", {})
        patch.setattr(sys.modules["spinlab.dynamics.search"], "tiles_kept", lambda model: nullcontext())
        again = search(model, max_steps=40, rng=0)
    assert len(cuts) > 2
    assert (kept.state == again.state).all()
    assert (kept.betas == again.betas).all()
    cuts.clear()
    assert search(model, seconds=1e-9, rng=0).n_steps == 0  # a state or two are not worth it
    assert not cuts
    with pytest.raises(KeyboardInterrupt), _dense_steps.tiles_kept(model), _dense_steps.tiles_kept(model):
        raise KeyboardInterrupt
    assert not _dense_steps._kept


def test_a_quench_without_tiles_takes_the_same_steps():
    model = sl.ensembles.sk(N=150, rng=0)
    start = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (3, 150))
    ends = []
    for tiles in (True, False):
        ends.append(start.copy())
        quench(model, ends[-1], np.uint64(1), 1, tiles=tiles)
    assert (ends[0] == ends[1]).all()


def test_a_state_is_found_however_short_the_time():
    model = sl.ensembles.edwards_anderson(shape=(8, 8, 8), rng=0)
    found = search(model, seconds=1e-9, rng=0)
    assert (found.n_steps, found.hits, found.stopped) == (0, 0, "seconds")
    known = search(model, seconds=1.0, rng=0).state
    again = search(model, seconds=1e-9, initial=known, rng=0)
    assert again.energy <= model.energy(known) + 1e-9
    assert search(model, seconds=1e-9, target=0.0, rng=0).stopped == "target"
    assert search(np.eye(2) * 0 + 1 - np.eye(2), seconds=1e-9, rng=0).stopped == "bound"


def test_target_and_callback_end_a_search():
    model = sl.ensembles.edwards_anderson(shape=(6, 6, 6), rng=0)
    seen = []

    def third(found):
        seen.append(found)
        return len(seen) == 3

    stopped = search(model, n_steps=10, callback=third, rng=0)
    assert (stopped.stopped, stopped.n_steps, len(seen)) == ("callback", 5 + 1 + 2, 3)
    assert all(found.stopped == "running" for found in seen)
    easy = search(model, n_steps=2, target=seen[0].energy, callback=lambda found: None, rng=0)
    assert easy.stopped == "target"
    assert easy.n_steps > 0
    assert easy.energy <= seen[0].energy
    # Looking on changes nothing.
    a, b = search(model, max_steps=250, rng=1), search(model, max_steps=250, callback=seen.append, rng=1)
    np.testing.assert_array_equal(a.state, b.state)


def test_annealing_runs_come_first_where_there_is_a_target(monkeypatch):
    module = sys.modules["spinlab.dynamics.search"]
    lengths = []

    def counted(*args, betas, **options):
        lengths.append(len(betas))
        return sl.dynamics.anneal(*args, betas=betas, **options)

    monkeypatch.setattr(module, "anneal", counted)
    model = sl.ensembles.edwards_anderson(shape=(6, 6, 6), law="pm1", rng=0)
    found = search(model, target=-378, rng=0)  # proven by branching
    assert (found.energy, found.stopped, found.n_steps) == (-378, "target", 0)
    assert lengths == [100 * 2**k for k in range(len(lengths))]
    lengths.clear()
    # A target that nothing meets: as many steps of a state as 250 of each replica, quenches counted.
    missed = search(model, target=-379, max_steps=300, rng=0)
    assert lengths[:3] == [100, 200, 300]
    assert set(lengths[3:]) == {300}
    least, most = (4 * 2 * 250 * (len(missed.betas) + k) for k in (-2, 2))  # the ladder was spaced anew
    assert least - 8 * 310 < sum(8 * (n + 10) for n in lengths) <= most
    lengths.clear()
    search(model, max_steps=2, rng=0)
    assert lengths == []


def test_a_known_state_is_kept_and_improved():
    model = sl.ensembles.edwards_anderson(shape=(10, 10), rng=0)
    E0 = sl.ground_state(model)
    start = E0.state.copy()
    start[7] *= -1  # a quench finds the way back
    for initial in (start, np.stack([-start, np.ones(100)])):
        found = search(model, initial=initial, max_steps=2, n_steps=2, rng=0)
        assert found.energy == pytest.approx(E0.energy, rel=1e-12)
        assert found.hits == 0  # no group found it by itself
    assert search(model, initial=start, target=E0.energy + 1e-9).n_steps == 0


@pytest.mark.parametrize("scale", [2.0**-500, 2.0**300])
def test_any_scale(scale):
    model = sl.ensembles.sk(N=40, rng=0)
    a, b = search(model, rng=0), search(model.scaled(scale), rng=0)
    assert (a.hits, a.n_steps, a.energy * scale) == (b.hits, b.n_steps, b.energy)
    np.testing.assert_array_equal(a.state, b.state)


def test_same_answer_for_any_number_of_threads():
    model = sl.ensembles.edwards_anderson(shape=(6, 6), rng=0)
    a, b = (search(model, n_steps=20, max_steps=60, rng=1, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(a.state, b.state)
    np.testing.assert_array_equal(a.betas, b.betas)


def test_models_without_anything_to_find():
    assert search(np.zeros((3, 3)), n_steps=2, rng=0).energy == 0.0
    assert search([[0.0]], n_steps=2, rng=0).stopped == "bound"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": 1}, "n_steps"),
        ({"max_steps": 0}, "max_steps"),
        ({"n_groups": 1}, "n_groups"),
        ({"seconds": 0.0}, "seconds"),
        ({"seconds": np.inf}, "seconds"),
        ({"target": np.nan}, "target"),
        ({"callback": 3}, "callback must be a function of a Search, got int"),
        ({"initial": np.ones(5)}, "initial"),
        ({"initial": np.ones((1, 1, 6))}, r"shape \(6,\) or \(k, 6\), got shape \(1, 1, 6\)"),
        ({"progress": 2}, "progress"),
    ],
)
def test_bad_arguments(change, message):
    with pytest.raises((ValueError, TypeError), match=message):
        search(sl.ensembles.sk(N=6, rng=0), **change)


@pytest.mark.slow
@pytest.mark.skipif("SPINLAB_DATA" not in os.environ, reason="set SPINLAB_DATA to the folder of test data")
@pytest.mark.parametrize("family", FAMILIES)
def test_every_known_optimum_is_found_within_the_default_budget(family):
    folder = Path(os.environ["SPINLAB_DATA"]) / "instances" / family
    paths = sorted(folder.glob(f"{FAMILIES[family]}*.txt"))
    assert len(paths) >= 3
    for path in paths:
        known = float(sl.models.instance_metadata(path)["known_ground_energy"])
        model = sl.models.load_instance(path)
        for seed in range(3):
            assert search(model, rng=seed).energy == known, (path.name, seed)
