"""The 159 shared instances with known ground energies: solved and certified, where needed by branching."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import spinlab as sl

# (family, part of the name): number, solved by default or not
SOLVED = {
    ("sk1_hamerly", "SK1_N10_"): 10,
    ("sk1_hamerly", "SK1_N20_"): 10,
    ("sk1_hamerly", "SK1_N30_"): 10,
    ("sk1_hamerly", "SK1_N40_"): 10,
    ("mc50_hamerly", "MC50_N10_"): 10,
    ("mc50_hamerly", "MC50_N20_"): 10,
    ("mc50_hamerly", "MC50_N30_"): 10,
    ("mc50_hamerly", "MC50_N40_"): 10,
    ("biqmac_torus2d", "t2g10_"): 3,
    ("chimera_power", "chimera128_"): 3,
}
BRANCHED = {
    ("sk1_hamerly", "SK1_N50_"): 10,
    ("sk1_hamerly", "SK1_N60_"): 10,
    ("mc50_hamerly", "MC50_N50_"): 10,
    ("biqmac_g05", "g05_60"): 10,
    ("biqmac_pm1d", "pm1d_80"): 10,
    ("biqmac_pm1s", "pm1s_80"): 10,
    ("biqmac_torus3d", "t3g5_"): 3,
    ("biqmac_w", "w05_100"): 10,
}


def instances(family, part):
    data = os.environ.get("SPINLAB_DATA")
    if not data:
        pytest.skip("set SPINLAB_DATA to the folder that holds instances/<family>/<name>.txt")
    return sorted((Path(data) / "instances" / family).glob(f"{part}*.txt"))


def known(path):
    return float(sl.models.instance_metadata(path)["known_ground_energy"])


def name(case):
    return case[1].rstrip("_")


def test_the_table_has_all_families():
    assert sum(SOLVED.values()) + sum(BRANCHED.values()) == 159


@pytest.mark.parametrize("case", SOLVED, ids=name)
def test_solved(case):
    """All couplings are integers: energies are equal, not close."""
    paths = instances(*case)
    assert len(paths) == SOLVED[case]
    for path in paths[:: 5 if "N40" in case[1] else 1]:
        model = sl.models.load_instance(path)
        gs = sl.ground_state(model)
        assert gs.certified
        assert gs.energy == gs.lower_bound == known(path) == model.energy(gs.state), path.stem


@pytest.mark.slow
@pytest.mark.parametrize("case", [case for case in SOLVED if "N40" in case[1]], ids=name)
def test_all_of_forty_spins(case):
    for path in instances(*case):
        gs = sl.ground_state(sl.models.load_instance(path))
        assert gs.certified
        assert gs.energy == known(path), path.stem


@pytest.mark.parametrize(
    ("case", "count"),
    [(case, 1) for case in BRANCHED if "w05" not in case[1]]
    + [pytest.param(case, 10, marks=pytest.mark.slow) for case in BRANCHED],
    ids=lambda x: name(x) if isinstance(x, tuple) else str(x),
)
def test_proven_by_branching(case, count):
    """Proven with a certificate that passes; the first of each family by default."""
    pytest.importorskip("highspy")
    paths = instances(*case)
    assert len(paths) == BRANCHED[case]
    for path in paths[:count]:
        model = sl.models.load_instance(path)
        gs = sl.exact.branching.ground_state(model, certificate=True)
        assert gs.certified
        assert gs.energy == gs.lower_bound == known(path) == model.energy(gs.state), path.stem
        assert sl.exact.verify(model, gs.certificate).certified


@pytest.mark.parametrize(
    ("case", "count"),
    [
        (("sk1_hamerly", "SK1_N50_"), 10),
        pytest.param(("sk1_hamerly", "SK1_N60_"), 10, marks=pytest.mark.slow),
        pytest.param(("mc50_hamerly", "MC50_N50_"), 4, marks=pytest.mark.slow),
    ],
)
def test_pruned_search_beyond_forty_spins(case, count):
    """At the caller's risk: seconds for +-1 couplings on all pairs, up to a minute on half of them."""
    for path in instances(*case)[:count]:
        gs = sl.ground_state(sl.models.load_instance(path), "enumeration", max_spins=60)
        assert gs.certified
        assert gs.energy == gs.lower_bound == known(path), path.stem
