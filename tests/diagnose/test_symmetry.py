"""States that symmetries take into each other, walls, thin lattices, fields that couplings take back."""

from __future__ import annotations

import itertools
import math
import sys
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from spinlab.diagnose import diagnose
from spinlab.diagnose.canonical import canonical
from spinlab.diagnose.correlation import reach
from spinlab.diagnose.decision import NAMES, Numbers, shares
from spinlab.diagnose.report import _susceptibility
from spinlab.diagnose.structure import _distances, _geometry, _grows_on
from spinlab.diagnose.symmetry import related, symmetries
from spinlab.diagnose.weights import WEIGHTS
from spinlab.models import SparseIsing

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
import fourth_unseen
import phase_families
import second_unseen


def fully_frustrated(L, rng):
    return next(
        c for c in fourth_unseen.cases() if c.family == "fully frustrated cubic" and c.name == f"L={L}"
    ).make(rng)


def winner(n):
    return max(NAMES, key=shares(n, WEIGHTS).get)


def test_symmetries_keep_every_coupling():
    rng = np.random.default_rng(0)
    for model in (
        fully_frustrated(6, rng),
        second_unseen.plane("triangular", lambda n: -np.ones(n)),
        phase_families.gauged(phase_families.lattice((3, 5), np.ones), rng),
    ):
        J = np.array(model.couplings())
        found = symmetries(canonical(model, 1.0)[0], rng)
        assert found
        assert symmetries(model, rng)
        for p, x in symmetries(model, rng):
            assert sorted(p) == list(range(len(J)))
            assert p[0] != 0
            np.testing.assert_array_equal(J, J[np.ix_(p, p)] * np.outer(x, x))
    # Random couplings have none, nor does one negative bond leave those of a torus that move everything.
    assert symmetries(phase_families.lattice((6, 6), phase_families.signs(rng)), rng) == []
    torus = phase_families.lattice((4, 4), rng.standard_normal)
    assert math.isnan(related(torus, np.ones((2, 4, 16), np.int8)))


def test_sublattices_that_change_places_are_related():
    # Three sublattices, up, down and down: three images; overlaps of 1/9 on average, or -1/3 and 1.
    model = second_unseen.plane("triangular", lambda n: -np.ones(n))
    row, column = np.divmod(np.arange(144), 12)
    images = [np.where((row + column) % 3 == k, 1, -1) for k in range(3)]
    rng = np.random.default_rng(0)
    states = np.array(images, np.int8)[rng.integers(3, size=(4, 8))]
    assert related(model, states) == pytest.approx(1, abs=0.1)  # less chance, 2 ln(200)/144
    s = rng.choice(np.array([-1, 1], np.int8), 144)
    i, j, J = model.edges()
    hidden = SparseIsing.from_edges(i, j, J * s[i] * s[j], 144)  # the same in signs that nobody can read off
    assert related(hidden, states * s) == pytest.approx(related(model, states), abs=0.05)
    # Random states, each kept by all records: a glass of this graph.
    frozen = np.broadcast_to(rng.choice(np.array([-1, 1], np.int8), (8, 144)), (4, 8, 144))
    assert related(model, frozen) == pytest.approx(0, abs=0.03)
    fields = SparseIsing(model.to_sparse()._J, np.ones(144))
    assert math.isnan(related(fields, states))


def test_related_states_are_order_and_no_glass():
    # Numbers of the fully frustrated cubic lattice at .65 T_c, which was called a glass.
    crystal = Numbers(216, -0.87, math.inf, 2.64, False, False, False, 0.12, True, 0.83, 0.0, related=1.9)
    assert winner(crystal) == "ordered"
    assert winner(replace(crystal, related=0.2)) == winner(replace(crystal, related=math.nan)) == "spin glass"


@pytest.mark.parametrize(("T", "phase"), [(0.874, "ordered"), (1.949, "paramagnet")])
def test_the_fully_frustrated_cubic_lattice(T, phase):
    report = diagnose(fully_frustrated(6, np.random.default_rng(0)), beta=1 / T, extras=False, threads=1)
    assert report.phase.value == phase
    related = report.evidence["decision"]["related"]
    assert related > 1 if phase == "ordered" else math.isnan(related)
    said = [reason for reason in report.phase.reasons if "images of each other" in reason]
    assert len(said) == (phase == "ordered")


def test_walls_that_form_freely_leave_no_order():
    # Overlaps without a frustrated loop: order unless pairs of walls have e^(wall) places and more.
    magnet = Numbers(160, math.inf, -0.5, 1.4, False, True, False, 0.4, True, 0.5, 0.02, wall=15.0)
    assert winner(magnet) == "ordered"
    assert winner(replace(magnet, wall=3.0)) == "paramagnet"
    # What few replicas say of replica symmetry counts for nothing.
    assert shares(replace(magnet, instability=2.0), WEIGHTS) == shares(magnet, WEIGHTS)
    # Lowest walls of a square torus: two, each of L bonds at 2 beta; those met have kinks.
    square = phase_families.lattice((10, 10), np.ones)
    found = diagnose(square, beta=0.6, extras=False, threads=1)
    assert 24 - 1e-6 < found.evidence["decision"]["wall"] < 48
    assert found.phase.value == "ordered"
    for graph, T in ((nx.ladder_graph(80), 0.9), (nx.circular_ladder_graph(50), 1.0)):
        ladder = phase_families.graph_model(graph, np.ones)
        assert diagnose(ladder, beta=1 / T, extras=False, threads=1).phase.value != "ordered"


def test_thin_lattices_are_no_trees():
    rng = np.random.default_rng(0)

    def grows(graph):
        J = graph.to_sparse()._J
        return _grows_on(_distances(graph), np.diff(J.indptr))

    thin = [c for c in fourth_unseen.cases() if c[:2] == ("diluted edwards anderson", "L=8")]
    assert max(grows(c.make(rng)) for c in thin) < 0.95
    assert not _geometry(thin[0].make(rng))[1]
    assert _geometry(phase_families.regular(300, 3, np.ones, rng))[1]
    assert grows(fourth_unseen.honeycomb(np.ones)) < 0.9
    for N, c in ((100, 3), (300, 4)):
        assert grows(phase_families.regular(N, c, np.ones, rng)) > 1 - 0.02
        assert grows(phase_families.poisson(N, c, np.ones, rng)) > 1 - 0.02


def test_reach_is_that_of_the_largest_part():
    rng = np.random.default_rng(0)
    torus = phase_families.lattice((6, 6), np.ones)
    i, j, J = torus.edges()
    loose = SparseIsing.from_edges(i, j, J, 36 + 40)  # and forty sites without bonds
    s = rng.choice(np.array([-1, 1], np.int8), (20, 6, 76), p=[0.2, 0.8])
    assert reach(loose, s) == pytest.approx(reach(torus, s[:, :, :36]), rel=1e-6)


def test_overlaps_without_equilibrium_between_a_lattices_bound_and_its_transition():
    # Cubic, normal couplings at 1.33 T_c: below the bound of trees, above the transition.
    hot = Numbers(512, -0.3, math.inf, 2.7, False, False, False, 0.1, False, 0.9, 0.0)
    assert max(shares(hot, WEIGHTS).values()) < 0.65
    assert winner(replace(hot, converged=True)) == "spin glass"
    cold = replace(hot, log_glass=-1.0)
    assert max(shares(cold, WEIGHTS).values()) > 0.65


def test_couplings_that_take_back_fields_hide_their_line():
    # Half up, half down in a strong field: <s> = 0, where the field alone would leave no susceptibility.
    class Replicas:
        states = np.repeat(np.array([[[1, -1] * 20], [[-1, 1] * 20]], np.int8), 4, 1)

    assert _susceptibility(Replicas) == pytest.approx(1)
    # Without bias from few records: free spins, error 1/8/sqrt(400).
    Replicas.states = np.random.default_rng(0).choice(np.array([-1, 1], np.int8), (2, 8, 400))
    assert _susceptibility(Replicas) == pytest.approx(1, abs=0.03)
    ordered = Numbers(
        144, 5.0, math.inf, 2.0, False, False, False, 0.4, True, 0.08, 0.0, field=3.75, hidden=True
    )
    assert winner(ordered) == "ordered"
    said = shares(replace(ordered, hidden=False), WEIGHTS)["paramagnet"]
    assert said > shares(ordered, WEIGHTS)["paramagnet"] + 0.3
    assert winner(replace(ordered, q2=0.01)) == "paramagnet"


@pytest.mark.parametrize("name", ["squares", "hexagons"])
def test_hard_particles_order_beyond_baxters_activity(name):
    for case in fourth_unseen.cases():
        if case.name == name and case.family == "hard particles":
            report = diagnose(case.make(np.random.default_rng(1)), extras=False, threads=1, seconds=1.0)
            assert report.phase.value == case.truth
            assert report.evidence["decision"]["hidden"]


def test_the_fourth_list_is_what_it_says():
    cases = fourth_unseen.cases()
    assert len(cases) == 130
    assert len({c.family for c in cases}) == 30

    def model(family, name):
        case = next(c for c in cases if (c.family, c.name) == (family, name))
        return np.array(case.make(np.random.default_rng(0)).couplings())

    # Degrees, and triangles per site: of five faces at a site three are triangles, and four.
    for name, degree, per_site in (
        ("4.8.8", 3, 0), ("3.12.12", 3, 1 / 3), ("3.3.4.3.4", 5, 1), ("3.3.3.3.6", 5, 4 / 3)
    ):  # fmt: skip
        A = np.abs(model("archimedean ferromagnets", name))
        assert set(A.sum(0)) == {degree}
        assert np.trace(A @ A @ A) / 6 == pytest.approx(per_site * len(A))
    # Every square of the fully frustrated lattice: a product of -1.
    J = model("fully frustrated cubic", "L=6")
    site = np.arange(216).reshape(6, 6, 6)
    for u, v in itertools.combinations(range(3), 2):
        a, b, c = site, np.roll(site, -1, u), np.roll(site, -1, v)
        d = np.roll(b, -1, v)
        assert (J[a, b] * J[b, d] * J[d, c] * J[c, a] == -1).all()
    # n = (1 + s)/2: one particle gains ln z, and no pair of neighbours may stand.
    gas = fourth_unseen.exclusion(phase_families.lattice((4, 4), np.ones), 3.0)
    s = -np.ones((3, 16))
    s[1, 0], s[2, :2] = 1, 1
    E = gas.energy(s)
    assert E[1] - E[0] == pytest.approx(-math.log(3))
    assert E[2] - E[0] == pytest.approx(16 - 2 * math.log(3))
    # R-transforms at the transition: beta^2 R' = 1.
    T_c = next(c.T for c in cases if c.family == "sk with an orthogonal matrix") / 0.6
    z = 1 / T_c
    slope = 1 + 1 / (2 * math.sqrt(1 + z * z)) - (math.sqrt(1 + z * z) - 1) / (2 * z * z)
    assert z * z * slope == pytest.approx(1, abs=1e-6)
