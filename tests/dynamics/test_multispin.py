"""64 chains in the bits of a word: probabilities in rationals, decisions one by one, the distribution."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
import scipy.stats
import sweeps_of_chains as exact
from chi_square import FALSE_ALARM, N_CHAINS, p_value
from naive import all_states, energies

import spinlab as sl
from spinlab._core.heat_bath import heat_share
from spinlab._core.multispin import REACH, room, sweeps, unsatisfied
from spinlab._core.request import COLDEST, Request
from spinlab.dynamics import anneal, gibbs, metropolis, parallel_tempering, population_annealing
from spinlab.dynamics._bonds import Bonds
from spinlab.dynamics._flip_odds import FlipOdds
from spinlab.dynamics._multispin import Plan
from spinlab.dynamics._scales import typical_field
from spinlab.models import SparseIsing

WORDS = 2**32
EVERY = range(REACH + 1)
RULES = {"gibbs": gibbs, "metropolis": metropolis}


def model_of(J, b=None):
    return SparseIsing(scipy.sparse.csr_array(np.array(J, dtype=float)), b)


def lattice(*shape, **options):
    return sl.ensembles.edwards_anderson(shape=shape, law="pm1", rng=1, **options)


def star(n, sign=1.0):
    """A centre with n neighbours."""
    J = np.zeros((n + 1, n + 1))
    J[0, 1:] = J[1:, 0] = sign
    return model_of(J)


def with_fields():
    """Couplings and fields of one and two units, an isolated site in a field and a free one."""
    J = np.zeros((7, 7))
    for i, j, m in ((0, 1, 1), (1, 2, -2), (2, 0, 1), (2, 3, 1), (3, 4, -1)):
        J[i, j] = J[j, i] = 0.7 * m
    return model_of(J, 0.7 * np.array([1, -2, 0, 1, 0, 3, 0]))


MODELS = {
    "pair": model_of([[0, 1], [1, 0]]),
    "ring 5": model_of(exact.ring(5)),
    "triangle with a tail": model_of(exact.triangle_with_a_tail()),
    "2 x 2 torus": model_of(exact.torus(2, 2)),
    "3 x 3 torus": lattice(3, 3),
    "4 x 5, open": lattice(4, 5, periodic=False),
    "degree 7": star(7),
    "degree 8": star(8, -1.0),
    "K5": model_of(1 - np.eye(5)),
    "fields": with_fields(),
    "free": model_of(np.zeros((3, 3))),
}


# Probabilities


def exponential(x):
    """exp(x) for 0 <= x <= 64 to 2^-300 of itself."""
    total, term = Fraction(0), Fraction(1)
    for n in range(1, 330):
        total += term
        term = Fraction(round(term * x / n * 2**500), 2**500)
    return total


def flip_probability(x, heat):
    """Of a flip that costs x temperatures."""
    z = 1 / exponential(abs(x))
    bath = z / (1 + z) if x >= 0 else 1 / (1 + z)
    return Fraction(heat, WORDS) * bath + Fraction(WORDS - heat, WORDS) * (z if x >= 0 else 1)


def number(odds, row, h):
    """q and whether it is inverted."""
    q = Fraction(int(odds.bits[row, REACH + h]), 2 ** (64 + int(odds.zeros[row, REACH + h])))
    return q, bool(odds.inverted[row, REACH + h])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("beta", [0.0, 1e-9, 0.25, 0.5, 1.0, 2.0, 3.7])
@pytest.mark.parametrize("unit", [1.0, 0.3])
def test_probabilities_are_right_to_their_64th_bit(rule, beta, unit):
    typical = 2.4
    odds = FlipOdds.of(np.array([1.5, beta]), unit, EVERY, rule == "metropolis", typical)
    heat = int(heat_share(2 * beta * typical)) if rule == "metropolis" else WORDS
    for h in range(-REACH, REACH + 1):
        p = flip_probability(2 * Fraction(beta) * Fraction(unit) * h, heat)
        q, inverted = number(odds, 1, h)
        wanted = 1 - p if inverted else p
        assert 0 <= wanted - q <= wanted / 2**62
        assert wanted - q < Fraction(1, 2**64)
        assert 0 < q <= Fraction(1, 2)


@pytest.mark.parametrize("fields", [[0, 2, 4, 6], [1, 3], [0], [5, 5, 0]])
def test_fields_that_do_not_occur_are_left_out(fields):
    betas = np.array([0.0, 0.7, 3.0])
    some, every = (FlipOdds.of(betas, 0.9, f, True, 2.0) for f in (fields, EVERY))
    columns = [REACH + sign * h for h in {0, *fields} for sign in (1, -1)]
    for a, b in zip(some, every, strict=True):
        np.testing.assert_array_equal(a[:, columns], b[:, columns])


def test_metropolis_accepts_with_2_to_the_minus_34_at_beta_2():
    odds = FlipOdds.of(np.array([2.0]), 1.0, EVERY, True, math.sqrt(6))
    q, inverted = number(odds, 0, 6)
    assert not inverted
    assert abs(float(q) / math.exp(-24) - 1) < 1e-9
    assert -34.7 < math.log2(q) < -34.6


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("beta", [50.0, 1e3, 1e9, 1e18, 1e30, 1e300, np.nextafter(COLDEST, 0)])
def test_no_flip_is_impossible_at_any_finite_temperature(rule, beta):
    odds = FlipOdds.of(np.array([beta]), 1.0, EVERY, rule == "metropolis", 2.0)
    assert (odds.bits >= 2**63).all()  # no number is zero
    assert (odds.zeros >= 0).all()
    assert not odds.inverted[0, REACH + 1 :].any()
    assert odds.inverted[0, :REACH].all()
    for h in range(1, REACH + 1):  # q = exp(-2 beta h) but for factors that no one can see
        bits = min(2 * float(beta) / math.log(2) * h, 2.0**62)
        assert abs(float(odds.zeros[0, REACH + h]) / bits - 1) < 0.02


@pytest.mark.parametrize("rule", RULES)
def test_at_zero_temperature_fields_decide_and_ties_are_left_to_chance(rule):
    odds = FlipOdds.of(np.array([COLDEST]), 1.0, EVERY, rule == "metropolis", 2.0)
    assert (odds.bits[0, np.arange(17) != REACH] == 0).all()
    assert odds.inverted[0, :REACH].all()
    assert not odds.inverted[0, REACH + 1 :].any()
    q, inverted = number(odds, 0, 0)
    assert (q, inverted) == ((Fraction(1, 2), False) if rule == "gibbs" else (Fraction(1, 4), True))


# The model


def rebuilt(bonds, N):
    """Couplings and fields in units, from the two ends of each bond, and from the neighbours."""
    found = []
    sites = np.append(bonds.site, N)
    for directed in (False, True):
        J = np.zeros((N + 1, N + 1))
        if directed:
            pairs = []
            for first, last, degree, offset in bonds.runs:
                width = last - first
                words = bonds.neighbours[offset : offset + degree * width]
                pairs += [(first + k % width, word) for k, word in enumerate(words)]
        else:
            pairs = bonds.ends.T
        for a, word in pairs:
            sign, c = (1, int(word)) if word <= N else (-1, int(word) - N - 1)
            J[sites[int(a)], sites[c]] += sign
        found.append((J[:N, :N] if directed else J[:N, :N] + J[:N, :N].T, J[:N, N]))
    return found


@pytest.mark.parametrize("name", MODELS)
def test_the_bonds_are_those_of_the_model(name):
    model = MODELS[name]
    bonds = Bonds.of(model)
    for J, b in rebuilt(bonds, model.n_spins):
        np.testing.assert_array_equal(bonds.unit * J, model.to_dense().J)
        np.testing.assert_array_equal(bonds.unit * b, model.b)
    J = model.to_dense().J
    for first, last, degree, _ in bonds.runs:  # no bonds within a run
        own = bonds.site[first:last]
        assert not J[np.ix_(own, own)].any()
        assert 0 <= degree <= REACH


@pytest.mark.parametrize("n", [0, 1, 127, 128, 129, 2047, 2048, 9000])
@pytest.mark.parametrize("kind", ["random", "none satisfied", "half of the chains"])
def test_unsatisfied_bonds_are_counted_in_every_chain(n, kind):
    rng = np.random.default_rng(n)
    words = rng.integers(0, 2**64, 500, dtype=np.uint64)
    ends = rng.integers(0, 500, (2, n)).astype(np.uint32)
    if kind != "random":
        words[0], words[1] = 0, 2**64 - 1 if kind == "none satisfied" else 0xAAAAAAAAAAAAAAAA
        ends[0], ends[1] = 0, 1
    found = np.empty(64, np.int64)
    unsatisfied(words, ends, found)
    differ = words[ends[0]] ^ words[ends[1]]
    expected = [int((differ >> np.uint64(r) & np.uint64(1)).sum()) for r in range(64)]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 6), (6,), (5, 7, 3)])
def test_lattices_with_two_sublattices_have_two_runs(shape):
    model = lattice(*shape, periodic=all(L % 2 == 0 for L in shape))
    bonds = Bonds.of(model)
    assert len({int(first) for first, *_ in bonds.runs}) <= 4  # two parities of open ends
    if all(L % 2 == 0 for L in shape):
        assert len(bonds.runs) == 2


def test_what_does_not_apply_is_left_alone_or_refused():
    refused = {
        "gaussian": sl.ensembles.edwards_anderson(shape=(4, 4), law="gaussian", rng=0),
        "nine neighbours": star(9),
        "half units": model_of([[0, 1, 0], [1, 0, 1.5], [0, 1.5, 0]]),
        "strong field": model_of([[0, 1], [1, 0]], [0.0, 8.0]),
        "far apart": model_of([[0, 1e-150, 0], [1e-150, 0, 1e149], [0, 1e149, 0]]),
        "dense": sl.models.DenseIsing([[0.0, 1.0], [1.0, 0.0]]),
    }
    for model in refused.values():
        assert Bonds.of(model) is None
        with pytest.raises(ValueError, match=r"multispin=True takes a SparseIsing .* leave multispin out"):
            gibbs(model, 1, 4, multispin=True)
        few, many = (gibbs(model, 3, n, rng=0, multispin=m) for n, m in ((70, None), (70, False)))
        np.testing.assert_array_equal(few.states, many.states)
    with pytest.raises(ValueError, match="random order"):
        gibbs(MODELS["pair"], 1, 4, order="random", multispin=True)
    for multispin in (None, True):
        with pytest.raises(ValueError, match="float32"):
            gibbs(MODELS["pair"], 1, 64, dtype="float32", multispin=multispin)
    with pytest.raises(TypeError, match="multispin"):
        gibbs(MODELS["pair"], 1, 4, multispin="yes")


def test_it_is_taken_from_64_chains_on():
    model = lattice(4, 4)
    for n, taken in ((63, False), (64, True)):
        run, other = (gibbs(model, 3, n, rng=0, multispin=m) for m in (None, taken))
        np.testing.assert_array_equal(run.states, other.states)
        assert (gibbs(model, 3, n, rng=0, multispin=not taken).states != run.states).any()


# Decisions


def philox(key, c0, c1, c2, c3):
    """Philox4x32-10 in integers of any size."""
    x, k = [c0, c1, c2, c3], [key % WORDS, key >> 32]
    for _ in range(10):
        p, q = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(q >> 32) ^ x[1] ^ k[0], q % WORDS, (p >> 32) ^ x[3] ^ k[1], p % WORDS]
        k = [(k[0] + 0x9E3779B9) % WORDS, (k[1] + 0xBB67AE85) % WORDS]
    return x


def random_numbers(key, place, word, step):
    """A number in [0, 1) with 40 bits for each of 64 chains: bit b of all of them in one plane."""
    planes = []
    for pair in range(20):
        x = philox(key, place, word, step, 8 + 256 * pair)
        planes += [x[0] + (x[1] << 32), x[2] + (x[3] << 32)]
    return [
        Fraction(sum((plane >> lane & 1) << (39 - b) for b, plane in enumerate(planes)), 2**40)
        for lane in range(64)
    ]


def naive_steps(model, s, beta, rule, n_steps, key, first):
    """One chain after the other, one spin after the other."""
    J, b, order = model.to_dense().J, model.b, Bonds.of(model).site
    heat = int(heat_share(2 * beta * typical_field(model))) if rule == "metropolis" else WORDS
    s, known = s.copy(), {}
    for t in range(n_steps):
        for place, i in enumerate(order.tolist()):
            u = random_numbers(key, place, first // 64, t)
            for r, chain in enumerate(s):
                h = chain[i] * float(J[i] @ chain + b[i])
                if h not in known:
                    p = flip_probability(2 * Fraction(beta) * Fraction(h).limit_denominator(1000), heat)
                    inverted = h < 0 or p > Fraction(1, 2)
                    known[h] = 1 - p if inverted else p, inverted
                q, inverted = known[h]
                if (u[r] < q) != inverted:
                    chain[i] *= -1
    return s


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", MODELS)
def test_every_decision_is_that_of_chains_one_by_one(name, rule):
    model, beta = MODELS[name], {"degree 7": 0.1, "K5": 0.0}.get(name, 0.45)
    rng = np.random.default_rng(3)
    initial = rng.choice([-1, 1], (130, model.n_spins)).astype(np.int8)
    seed = 5
    chains = RULES[rule](model, 2, 130, beta=beta, initial=initial, multispin=True, rng=seed)
    key = int(np.random.default_rng(seed).integers(0, 2**64, dtype=np.uint64))
    for first in (0, 64, 128):
        own = slice(first, first + 64)
        expected = naive_steps(model, initial[own], beta, rule, 2, key, first)
        np.testing.assert_array_equal(chains.states[own], expected)


@pytest.mark.parametrize("zeros", [11, 12, 16, 17, 20, 21])
def test_planes_beyond_the_first_count(zeros):
    """After a sweep of the heat bath a pair's bond is broken with probability 2^-zeros, whatever was before.

    Ten planes are drawn for all sites and six more have terms beforehand; a bit that is wrong beyond them
    would change this rate by half. False alarm 1e-6 each.
    """
    q, n, n_sweeps = 2.0**-zeros, 20_000, 100 if zeros < 16 else 400
    i = np.arange(0, 2 * n, 2)
    model = SparseIsing.from_edges(i, i + 1, np.ones(n), 2 * n)
    request = Request.check("gibbs", n_sweeps, 64, math.log(1 / q - 1) / 2, np.uint64(zeros))
    bonds = Bonds.of(model)
    plan = Plan.of(bonds, model, request)
    words, flipped = np.zeros(2 * (2 * n + 1), np.uint64), np.zeros(2 * n, np.uint64)
    words[2 * n :] = ~np.uint64(0)
    broken, found = 0, np.empty(64, np.int64)
    for t in range(n_sweeps):
        options = (bonds.runs, bonds.neighbours, words, flipped, plan.key, 0, *room())
        sweeps(t, t + 1, plan.rows, *plan.odds, *options)
        unsatisfied(words, bonds.ends, found)
        broken += int(found.sum())
    expected = 64 * n * n_sweeps * q
    assert abs(broken - expected) < 5 * math.sqrt(expected)


def counts(sampler, model, n_each, beta, **options):
    """How often each state follows each in one step."""
    n = model.n_spins
    starts = np.repeat(all_states(n), n_each, axis=0)
    chains = sampler(model, 1, len(starts), beta=beta, initial=starts, multispin=True, **options)
    ends = ((chains.states > 0) @ (1 << np.arange(n - 1, -1, -1))).reshape(2**n, n_each)
    return np.array([np.bincount(row, minlength=2**n) for row in ends])


SMALL = {
    "pair": [[0, 1], [1, 0]],
    "chain": [[0, 0, 1], [0, 0, -1], [1, -1, 0]],
    "triangle": [[0, 1, 1], [1, 0, 1], [1, 1, 0]],
    "frustrated": [[0, -1, 1], [-1, 0, 1], [1, 1, 0]],
    "double": [[0, 2, 0], [2, 0, 1], [0, 1, 0]],
    "loose": [[0, 0, 1], [0, 0, 0], [1, 0, 0]],
}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("beta", [0.0, 0.4, 1.5])
@pytest.mark.parametrize("name", SMALL)
def test_one_step_follows_the_exact_matrix(name, beta, rule):
    """Chi-square of each row over what is expected ten times; false alarm 1e-6 in each of 264 rows."""
    J = np.array(SMALL[name], dtype=float)
    model, n_each = model_of(J), 8_000
    order = Bonds.of(model).site
    P = J[np.ix_(order, order)]
    K = exact.sweep(P, beta, exact.heat_bath if rule == "gibbs" else exact.metropolis(P, beta), "sequential")
    # Numbers of states with the sites in the order of visits.
    state = ((all_states(len(J))[:, order] > 0) @ (1 << np.arange(len(J) - 1, -1, -1))).astype(int)
    K = K[np.ix_(state, state)]
    for row, seen in zip(K, counts(RULES[rule], model, n_each, beta, rng=9), strict=True):
        often = n_each * row >= 10
        expected = np.append(n_each * row[often], n_each * row[~often].sum())
        found = np.append(seen[often], seen[~often].sum())
        if expected[-1] < 10:
            assert found[-1] <= 40  # at most 10 expected: false alarm 1e-12
            expected, found = expected[:-1], found[:-1]
        if len(found) > 1:
            expected *= found.sum() / expected.sum()
            assert scipy.stats.chisquare(found, expected).pvalue > FALSE_ALARM


# The distribution


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("name", [name for name in MODELS if MODELS[name].n_spins <= 9])
def test_states_follow_the_boltzmann_distribution(name, rule):
    model, beta = MODELS[name], 0.4
    weights = np.exp(-beta * energies(model.to_dense().J, model.b, 0.0, all_states(model.n_spins)))
    states = RULES[rule](model, 40, N_CHAINS, beta=beta, multispin=True, rng=4).states
    assert p_value(states, weights / weights.sum()) > FALSE_ALARM
    hotter = np.exp(-0.8 * beta * energies(model.to_dense().J, model.b, 0.0, all_states(model.n_spins)))
    if name != "free":
        assert p_value(states, hotter / hotter.sum()) < FALSE_ALARM  # so much the test would see


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("beta", [0.3, 0.8])
def test_energies_are_those_of_the_chains_one_by_one(rule, beta):
    # Two samples of 4000 independent energies: chi-square of their histograms, false alarm 1e-6.
    model = lattice(4, 4, 4)
    words, single = (
        RULES[rule](model, 100, 4000, beta=beta, multispin=m, rng=7).energy for m in (True, False)
    )
    edges = np.unique(np.quantile(np.append(words, single), np.linspace(0, 1, 13))) - 0.5
    edges[-1] += 1
    table = np.array([np.histogram(E, edges)[0] for E in (words, single)])
    assert table.sum() == 8000
    assert scipy.stats.chi2_contingency(table).pvalue > FALSE_ALARM


def test_the_energy_of_a_torus_is_exact():
    # 5 sigma of independent chains, false alarm 6e-7.
    model = lattice(4, 6)
    E = gibbs(model, 200, 4000, beta=0.6, multispin=True, rng=1).energy
    assert abs(E.mean() - sl.mean_energy(model, 0.6)) < 5 * E.std() / np.sqrt(len(E))


@pytest.mark.parametrize("beta", [1e9, 1e308])
def test_free_spins_and_ties_at_the_coldest_temperatures(beta):
    free = model_of(np.zeros((40, 40)))
    for states in (
        gibbs(free, 1, 100, beta=beta, rng=0, multispin=True).states,
        metropolis(free, 3, 100, beta=beta, rng=0, multispin=True).states,
        anneal(free, 3, 100, beta_min=1.0, beta_max=beta, rng=0, multispin=True).states,
    ):
        assert abs(states.mean()) < 5 / np.sqrt(states.size)  # false alarm 6e-7
    ring = model_of(exact.ring(4, -1.0))  # every minimum has a flip that costs nothing
    assert (gibbs(ring, 30, 200, beta=beta, rng=0, multispin=True).energy == -2).all()
    assert len(np.unique(gibbs(ring, 30, 200, beta=beta, rng=0, multispin=True).states, axis=0)) == 8
    assert (gibbs(MODELS["pair"], 1, 64, beta=beta, rng=0).energy == -1).all()


# What every sampler promises


@pytest.fixture(params=RULES)
def sampler(request):
    return RULES[request.param]


def test_same_bits_for_any_number_of_threads_and_companions(sampler):
    model = lattice(5, 5)
    runs = [sampler(model, 7, 300, beta=0.5, rng=4, threads=threads) for threads in (1, 2, 5)]
    for run in runs[1:]:
        np.testing.assert_array_equal(run.states, runs[0].states)
        np.testing.assert_array_equal(run.energy, runs[0].energy)
    few = sampler(model, 7, 3, beta=0.5, rng=4, multispin=True)
    np.testing.assert_array_equal(few.states, runs[0].states[:3])
    assert (sampler(model, 7, 300, beta=0.5, rng=5).states != runs[0].states).any()
    assert len(np.unique(runs[0].states, axis=0)) > 290


def test_records_do_not_disturb_the_chain(sampler):
    model = lattice(3, 4, 4)
    plain = sampler(model, 25, 70, beta=0.5, rng=2)
    recorded = sampler(model, 25, 70, beta=0.5, rng=2, burn_in=3, record_every=5)
    np.testing.assert_array_equal(plain.states, recorded.states)
    np.testing.assert_array_equal(recorded.samples[1], sampler(model, 13, 70, beta=0.5, rng=2).states)
    np.testing.assert_array_equal(recorded.sample_energy, model.energy(recorded.samples))
    every = sampler(model, 25, 70, beta=1.0, rng=2, record_every=1)
    np.testing.assert_array_equal(every.moved, (every.samples != every.initial).any(axis=0))
    assert not every.moved.all()


def test_annealing_takes_it_and_can_be_interrupted():
    model = lattice(10, 10)
    ground = sl.ground_state(model).energy
    runs = anneal(model, 500, 128, rng=0)
    np.testing.assert_array_equal(runs.states, anneal(model, 500, 128, rng=0, multispin=True).states)
    assert runs.energy.min() == ground
    J = model.to_dense().J
    assert (runs.states * (runs.states @ J) >= 0).all()  # quenched
    asked = []
    some = anneal(model, 50, 200, rng=0, threads=1, interrupt=lambda: len(asked) > 0 or asked.append(1))
    np.testing.assert_array_equal(some.states, anneal(model, 50, 200, rng=0).states[:128])


# Tempering and population annealing on the same words


def test_tempering_keeps_states_energies_and_bests_together():
    model, n = lattice(3, 4, 4), 100
    run = parallel_tempering(model, 30, n, betas=[0.2, 0.4, 0.7], burn_in=0, record_every=1, rng=3)
    np.testing.assert_array_equal(run.sample_energy, model.energy(run.samples))
    np.testing.assert_array_equal(run.states, run.samples[-1])
    np.testing.assert_allclose(run.mean_energy, run.sample_energy.mean(0), rtol=1e-12)
    np.testing.assert_allclose(run.energy_variance, run.sample_energy.var(0), rtol=1e-9)
    # Records follow the exchanges, as bests do not; both see the same states.
    np.testing.assert_array_equal(run.best_energy, run.sample_energy.min((0, 2)))
    assert ((run.samples == run.best_state[:, None]).all(-1)).any((0, 2)).all()
    plain = parallel_tempering(model, 30, n, betas=[0.2, 0.4, 0.7], rng=3, threads=3)
    np.testing.assert_array_equal(plain.states, run.states)
    few = parallel_tempering(model, 30, 3, betas=[0.2, 0.4, 0.7], rng=3, multispin=True)
    np.testing.assert_array_equal(few.states, run.states[:3])
    np.testing.assert_array_equal(few.round_trips, run.round_trips[:3])


def test_frozen_replicas_go_where_they_are_sent():
    # Equal energies are always exchanged: 0 with 1 in even steps, 1 with 2 in odd ones. Nothing flips.
    torus, options = model_of(exact.torus(4, 4)), {"betas": [300, 400, 500], "burn_in": 0}
    up, stripe = np.ones(16, np.int8), np.tile([1, 1, -1, -1], 4).astype(np.int8)
    kinds = np.array([up, -up, up])
    places = [0, 1, 2]
    for n_steps in range(1, 7):
        l = (n_steps - 1) % 2
        places[l], places[l + 1] = places[l + 1], places[l]
        initial = np.tile(kinds, (70, 1, 1))
        run = parallel_tempering(torus, n_steps, 70, initial=initial, rng=n_steps, **options)
        np.testing.assert_array_equal(run.states, np.tile(kinds[places], (70, 1, 1)))
    # A higher energy moves to the hotter temperature, each ladder by itself.
    initial[::2] = up, stripe, -up
    initial[1::2] = stripe, up, -up
    run = parallel_tempering(torus, 1, 70, initial=initial, rng=0, **options)
    np.testing.assert_array_equal(run.states, np.tile([stripe, up, -up], (70, 1, 1)))


@pytest.mark.parametrize("rule", RULES)
def test_tempering_samples_every_temperature(rule):
    model, betas = lattice(3, 3), [0.2, 0.5, 1.0]
    run = parallel_tempering(model, 30, N_CHAINS, betas=betas, sampler=rule, rng=6)
    E = energies(model.to_dense().J, model.b, 0.0, all_states(9))
    for l, beta in enumerate(betas):
        weights = np.exp(-beta * (E - E.min()))
        assert p_value(run.states[:, l], weights / weights.sum()) > FALSE_ALARM


def test_population_annealing_in_words():
    model = lattice(3, 4, 4)
    found = [population_annealing(model, 200, beta=0.6, n_steps=4, rng=1, threads=k) for k in (1, 3)]
    np.testing.assert_array_equal(found[0].states, found[1].states)
    np.testing.assert_array_equal(found[0].energy, model.energy(found[0].states))
    single = population_annealing(model, 200, beta=0.6, n_steps=4, rng=1, multispin=False)
    for (
        words
    ) in found:  # 5 sigma of four runs each, with room for errors of errors: t of 6 degrees of freedom
        error = np.hypot(words.log_z_error[-1], single.log_z_error[-1])
        assert abs(words.log_z[-1] - single.log_z[-1]) < 20 * error


def test_free_energy_of_a_torus():
    # Student's t of four runs is above 20 for 3e-4 of all seeds.
    model = lattice(4, 4)
    run = population_annealing(model, 1000, beta=1.2, rng=1)
    assert abs(run.log_z[-1] - sl.log_partition(model, 1.2)) < 20 * run.log_z_error[-1]
    assert run.log_z_error[-1] < 0.1


def test_clusters_and_layers_are_refused():
    with pytest.raises(ValueError, match="cluster moves need the chains one by one"):
        parallel_tempering(lattice(4, 4), 2, 64, betas=[0.1, 1.0], cluster=True, multispin=True)
    layers = sl.models.BipartiteIsing(np.ones((2, 2)))
    with pytest.raises(ValueError, match="block_gibbs"):
        parallel_tempering(layers, 2, 64, betas=[0.1, 1.0], sampler="block_gibbs", multispin=True)
    model = lattice(4, 4)
    runs = [
        parallel_tempering(model, 4, 64, betas=[0.1, 1.0], cluster=True, rng=0, multispin=m)
        for m in (None, False)
    ]
    np.testing.assert_array_equal(runs[0].states, runs[1].states)
