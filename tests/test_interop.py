"""The samplers for dimod, by dimod's own checks and against its exhaustive solver."""

from __future__ import annotations

import subprocess
import sys
import unittest

import dimod
import dimod.testing
import networkx as nx
import numpy as np
import pytest
from dimod.exceptions import SamplerUnknownArgWarning
from hypothesis import given, settings
from hypothesis import strategies as st

import spinlab as sl
from spinlab import exact, interop
from spinlab.interop import AnnealingSampler, ExactSampler

SAMPLERS = (ExactSampler, AnnealingSampler)
quick = settings(max_examples=60, deadline=None, derandomize=True)


@dimod.testing.load_sampler_bqm_tests(ExactSampler)
@dimod.testing.load_sampler_bqm_tests(AnnealingSampler)
class TestByDimod(unittest.TestCase):
    """dimod's own tests of a sampler: empty, one variable, paths; every vartype and kind of BQM."""

    def test_api(self):
        for sampler in SAMPLERS:
            dimod.testing.assert_sampler_api(sampler())

    def test_more_tests_were_loaded(self):
        assert sum(name.startswith("test_sample") for name in dir(self)) > 50


VARIABLES = (
    st.integers(-3, 30) | st.text(max_size=2) | st.tuples(st.integers(0, 3)) | st.frozensets(st.booleans())
)


@st.composite
def bqms(draw, numbers=st.floats(-1e3, 1e3) | st.integers(-4, 4).map(float)):  # noqa: B008
    bqm = dimod.BQM(draw(st.sampled_from(["SPIN", "BINARY"])))
    variables = draw(st.lists(VARIABLES, max_size=6, unique=True))
    for u in variables:
        bqm.add_linear(u, draw(numbers))
    for k, u in enumerate(variables):
        for v in variables[:k]:
            if draw(st.booleans()):
                bqm.add_quadratic(u, v, draw(numbers))
    bqm.offset = draw(numbers)
    return bqm


def lowest(bqm):
    return float(dimod.ExactSolver().sample(bqm).first.energy) if bqm.num_variables else float(bqm.offset)


@quick
@given(bqm=bqms())
def test_exact_sampler_finds_the_lowest_energy(bqm):
    answer = ExactSampler().sample(bqm)
    dimod.testing.assert_response_energies(answer, bqm)
    assert answer.vartype is bqm.vartype
    assert answer.info["certified"] is True
    assert answer.first.energy == pytest.approx(lowest(bqm), rel=1e-12, abs=1e-9)
    assert answer.info["lower_bound"] <= lowest(bqm)  # a proof leaves no room for rounding


@quick
@given(bqm=bqms(st.integers(-50, 50).map(float)))
def test_integers_are_exact(bqm):
    answer = ExactSampler().sample(bqm)
    assert answer.first.energy == answer.info["lower_bound"] == lowest(bqm)


@quick
@given(bqm=bqms(), seed=st.integers(0, 9))
def test_annealing_sampler_is_consistent(bqm, seed):
    answer = AnnealingSampler().sample(bqm, num_reads=4, num_sweeps=20, seed=seed)
    dimod.testing.assert_response_energies(answer, bqm, precision=6)
    assert len(answer) == 4
    assert answer.info["certified"] is False
    assert answer == AnnealingSampler().sample(bqm, num_reads=4, num_sweeps=20, seed=seed)
    assert answer.first.energy >= lowest(bqm) - 1e-9


@quick
@given(bqm=bqms())
def test_models_have_the_energies_of_bqms(bqm):
    if not bqm.num_variables:
        return
    model = sl.models.from_bqm(bqm)
    samples = dimod.ExactSolver().sample(bqm)
    values = samples.record.sample[:, [samples.variables.index(v) for v in model.labels]]
    spins = values if bqm.vartype is dimod.SPIN else 2 * values - 1
    np.testing.assert_allclose(model.energy(spins), samples.record.energy, rtol=1e-12, atol=1e-10)


def test_annealing_finds_ground_states():
    bqm = sl.models.to_bqm(sl.ensembles.sk(N=20, rng=0))
    found = AnnealingSampler().sample(bqm, num_reads=20, seed=0).first.energy
    assert found == pytest.approx(ExactSampler().sample(bqm).first.energy)


def test_annealing_keywords():
    bqm = dimod.BQM({}, {("a", "b"): -1.0}, 0.0, "SPIN")
    hot = AnnealingSampler().sample(
        bqm, num_reads=5, beta_range=[0.1, 3.0], beta_schedule_type="linear", seed=1
    )
    assert (hot.record.energy == -1.0).all()
    for keywords, message in (
        ({"beta_range": [1.0]}, "beta_range must be two inverse temperatures"),
        ({"beta_range": [2.0, 1.0]}, "from hot to cold"),
        ({"beta_schedule_type": "custom"}, "needs the inverse temperatures: give beta_schedule"),
        ({"beta_schedule_type": "steep"}, "known: thermodynamic, linear, geometric, custom"),
        ({"beta_schedule": [1.0], "beta_range": [1, 2]}, "leave out beta_range"),
        ({"beta_schedule": [1.0], "beta_schedule_type": "linear"}, "the other types"),
        ({"beta_schedule": [1.0], "num_sweeps": 2}, "has 1 temperatures, but num_sweeps is 2"),
        ({"beta_schedule": [-1.0]}, "betas must be 0 or more"),
        ({"beta_schedule": []}, "betas is empty"),
        ({"initial_states_generator": "all"}, "known: random, tile, none"),
        ({"initial_states_generator": "none"}, "insufficient number of initial states"),
        (
            {"initial_states": {"a": 1, "b": 1}, "num_reads": 2, "initial_states_generator": "none"},
            "insufficient number",
        ),
        ({"initial_states": {"a": 1}}, "mismatch between variables"),
        ({"num_sweeps": 0}, "num_sweeps must be at least 1"),
        ({"num_reads": 0}, "num_reads must be at least 1"),
    ):
        with pytest.raises(ValueError, match=message):
            AnnealingSampler().sample(bqm, **keywords)


def test_annealing_follows_a_schedule():
    bqm = sl.models.to_bqm(sl.ensembles.sk(N=30, rng=0))
    sample = AnnealingSampler().sample
    custom = sample(bqm, num_reads=8, beta_schedule=np.linspace(0.1, 3, 50), seed=2)
    named = {"num_sweeps": 50, "beta_range": (0.1, 3), "beta_schedule_type": "linear"}
    assert custom == sample(bqm, num_reads=8, seed=2, **named)
    assert custom == sample(bqm, num_reads=8, beta_schedule=np.linspace(0.1, 3, 50), num_sweeps=50, seed=2)
    assert custom != sample(bqm, num_reads=8, num_sweeps=50, seed=2)


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_annealing_starts_where_it_is_told(vartype):
    # Two ground states behind a barrier that a cold walk does not cross; the variables in another order.
    bqm = dimod.BQM({}, {(i, j): -1.0 for i in "abc" for j in "def"}, 0.0, "SPIN")
    up, down = dict.fromkeys("fedcba", 1), dict.fromkeys("abcdef", -1)
    bqm.change_vartype(vartype)
    cold = {"beta_schedule": [50.0] * 5, "seed": 0}
    sample = AnnealingSampler().sample

    def magnetization(**options):
        return sample(bqm, **cold, **options).change_vartype("SPIN", inplace=False).record.sample.sum(1)

    assert magnetization(initial_states=[up, down]).tolist() == [6, -6]
    assert magnetization(initial_states=dimod.SampleSet.from_samples(down, "SPIN", 0.0)).tolist() == [-6]
    tiled = magnetization(initial_states=[up, down], num_reads=5, initial_states_generator="tile")
    assert tiled.tolist() == [6, -6, 6, -6, 6]
    mixed = magnetization(initial_states=up, num_reads=40)
    assert mixed[0] == 6
    assert set(mixed.tolist()) == {6, -6}


def test_annealing_is_interrupted():
    bqm = sl.models.to_bqm(sl.ensembles.sk(N=20, rng=0))
    whole = AnnealingSampler().sample(bqm, num_reads=20, num_sweeps=10, seed=0)
    for threads in (1, 2):
        asked = []

        def stop(asked=asked):
            asked.append(None)
            return len(asked) == 3

        some = AnnealingSampler().sample(
            bqm, num_reads=20, num_sweeps=10, seed=0, threads=threads, interrupt_function=stop
        )
        assert len(some) == 12
        np.testing.assert_array_equal(some.record.sample, whole.record.sample[:12])
    first = AnnealingSampler().sample(bqm, num_reads=20, interrupt_function=lambda: True)
    assert len(first) == 4
    never = AnnealingSampler().sample(
        bqm, num_reads=20, num_sweeps=10, seed=0, interrupt_function=lambda: None
    )
    assert never == whole


def test_reads_of_one_state_are_counted():
    answer = ExactSampler().sample_ising({"a": 1.0}, {}, num_reads=7)
    assert answer.record.num_occurrences.tolist() == [7]
    assert ExactSampler().sample(dimod.BQM("SPIN"), num_reads=7).record.num_occurrences.tolist() == [7]


def test_models_beyond_a_proof():
    graph = nx.random_regular_graph(20, 160, seed=0)
    bqm = dimod.BQM.from_ising({}, {edge: 1.0 + 0.1 * k for k, edge in enumerate(graph.edges)})
    with pytest.raises(ValueError, match="no exact method can take"):
        ExactSampler().sample(bqm)
    for keywords, method in (
        ({"allow_heuristic": True}, "tempering"),
        ({"method": "annealing"}, "annealing"),
    ):
        answer = ExactSampler().sample(bqm, **keywords)
        assert answer.info["certified"] is False
        assert answer.info["lower_bound"] < answer.first.energy
        assert answer.info["method"] == method


def test_method_by_name():
    bqm = dimod.BQM({}, {("a", "b"): -1.0}, 0.0, "SPIN")
    sampler = ExactSampler()
    assert set(sampler.properties["methods"]) == {"auto", "tempering", "annealing", *exact.METHODS}
    assert sampler.sample(bqm, method="enumeration").info["method"] == "enumeration"
    with pytest.raises(ValueError, match="unknown method 'magic'"):
        sampler.sample(bqm, method="magic")


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_unknown_keywords_are_skipped_with_a_warning(sampler):
    bqm = dimod.BQM({"a": 1.0}, {}, 0.0, "SPIN")
    with pytest.warns(SamplerUnknownArgWarning, match="chain_strength"):
        assert sampler().sample(bqm, chain_strength=3).first.sample == {"a": -1}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("bad", [None, [[0, 1], [1, 0]], {("a", "b"): 1.0}, sl.ensembles.sk(N=3, rng=0)])
def test_only_bqms_are_sampled(sampler, bad):
    with pytest.raises(TypeError, match=r"takes a dimod\.BinaryQuadraticModel, got"):
        sampler().sample(bad)


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("bias", [np.nan, np.inf])
def test_biases_must_be_finite(sampler, bias):
    for vartype in ("SPIN", "BINARY"):
        with pytest.raises(ValueError, match=r"finite|NaN"):
            sampler().sample(dimod.BQM({"a": bias}, {("a", "b"): 1.0}, 0.0, vartype))


def test_composites_of_dimod_take_the_samplers():
    bqm = dimod.BQM({}, {("a", "b"): -1.0, ("c", "d"): 2.0}, 0.0, "SPIN")
    assert dimod.TrackingComposite(ExactSampler()).sample(bqm).first.energy == -3.0


def test_the_namespace():
    assert sl.interop is interop
    assert dir(interop) == ["AnnealingSampler", "ExactSampler"]
    assert interop.ExactSampler is ExactSampler
    with pytest.raises(
        AttributeError, match="has no attribute 'Sampler'; it has AnnealingSampler, ExactSampler"
    ):
        interop.Sampler  # noqa: B018


def test_without_dimod_the_error_says_what_to_install():
    code = (
        "import sys; sys.modules['dimod'] = None; import spinlab.interop\n"
        "try:\n    spinlab.interop.ExactSampler\n"
        "except ImportError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "the samplers need dimod: pip install spinlab[interop]"
