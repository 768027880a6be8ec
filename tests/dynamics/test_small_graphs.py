"""Every sampler on 40 small graphs with equal couplings: chi-square, one record of each chain."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from chi_square import p_value
from naive import all_states, energies

import spinlab as sl
from spinlab.dynamics import annealing

# Of all samplers, graphs and temperatures together, which share it equally (Bonferroni).
JOINT_FALSE_ALARM = 1e-3


def graphs():
    """Twenty connected graphs of 2 to 8 sites, and some with loose sites, by name."""
    loose = nx.disjoint_union(nx.cycle_graph(4), nx.empty_graph(2))
    tail = nx.cycle_graph(3)
    tail.add_edge(2, 3)
    return {
        **{f"ring {n}": nx.cycle_graph(n) for n in (3, 4, 5, 6, 8)},
        **{f"path {n}": nx.path_graph(n) for n in (2, 5)},
        **{f"complete {n}": nx.complete_graph(n) for n in (4, 5, 6)},
        **{f"K{n}{m}": nx.complete_bipartite_graph(n, m) for n, m in ((1, 5), (2, 3), (3, 3), (4, 4))},
        "ladder": nx.ladder_graph(3),
        "wheel": nx.wheel_graph(6),
        "cube": nx.hypercube_graph(3),
        "tail": tail,
        "loose": loose,
        "free": nx.empty_graph(3),
    }  # fmt: skip


# Ferromagnets, and the antiferromagnets on the same graphs.
CASES = [
    (f"{name} {sign:+d}", sign * nx.to_numpy_array(graph))
    for name, graph in graphs().items()
    for sign in (1, -1)
]

# The twenty graphs once each, the signs in turn.
HALF = [case for k, case in enumerate(CASES) if k % 4 in (0, 3)]


def two_layers(J):
    """The model as two layers, or None where the graph is not bipartite."""
    graph = nx.from_numpy_array(J)
    if not nx.is_bipartite(graph):
        return None
    colour = nx.bipartite.color(graph)
    v = [i for i in range(len(J)) if colour[i] == 0]
    h = [i for i in range(len(J)) if colour[i] == 1]
    return (sl.models.BipartiteIsing(J[np.ix_(v, h)]), [*v, *h]) if h else None


def single(sampler, **options):
    def draw(J, beta, n, rng, **more):
        return sampler(J, 40, n, beta=beta, rng=rng, **options, **more).states

    return draw


def block(J, beta, n, rng):
    if (found := two_layers(J)) is None:
        return None
    model, order = found
    states = np.empty((n, len(J)), np.int8)
    states[:, order] = sl.dynamics.block_gibbs(model, 40, n, beta=beta, rng=rng).states
    return states


def annealed(sampler):
    """The sampler of ``anneal`` at one temperature; its quench is left out by the test."""

    def draw(J, beta, n, rng, **more):
        betas = np.full(40, beta)
        return sl.dynamics.anneal(J, n_chains=n, betas=betas, sampler=sampler, rng=rng, **more).states

    return draw


def in_words(draw):
    """The same with 64 chains in a word; no site of these graphs has more than eight neighbours."""

    def draw_words(J, beta, n, rng):
        return draw(sl.models.as_model(J).to_sparse(), beta, n, rng, multispin=True)

    return draw_words


def tempered(multispin=False, **options):
    def draw(J, beta, n, rng):
        run = sl.dynamics.parallel_tempering(
            sl.models.as_model(J).to_sparse(),
            12,
            n,
            betas=[beta / 3, beta, 2 * beta],
            rng=rng,
            multispin=multispin,
            **options,
        )
        return run.states[:, 1]

    return draw


def clustered(J, beta, n, rng):
    return tempered(cluster=True)(J, beta, 2 * n, rng)[::2]  # pairs share clusters: one of each


def population(sampler):
    # 40 steps after the last resampling: copies have parted.
    def draw(J, beta, n, rng, **more):
        p = sl.dynamics.population_annealing(
            J, n // 2, betas=[0, beta / 2, beta], n_steps=40, n_runs=2, sampler=sampler, rng=rng, **more
        )
        return p.states.reshape(n // 2 * 2, -1)

    return draw


SAMPLERS = {
    "gibbs, in order": single(sl.dynamics.gibbs),
    "gibbs, at random": single(sl.dynamics.gibbs, order="random"),
    "gibbs, float32": single(sl.dynamics.gibbs, dtype="float32"),
    "metropolis, in order": single(sl.dynamics.metropolis),
    "metropolis, at random": single(sl.dynamics.metropolis, order="random"),
    "metropolis, float32": single(sl.dynamics.metropolis, dtype="float32"),
    "block_gibbs": block,
    "anneal, metropolis": annealed("metropolis"),
    "anneal, gibbs": annealed("gibbs"),
    "tempering, gibbs": tempered(sampler="gibbs"),
    "tempering, metropolis": tempered(sampler="metropolis"),
    "tempering, metropolis at random": tempered(sampler="metropolis", order="random"),
    "tempering, clusters": clustered,
    "population, gibbs": population("gibbs"),
    "population, metropolis": population("metropolis"),
    "words, gibbs": in_words(single(sl.dynamics.gibbs)),
    "words, metropolis": in_words(single(sl.dynamics.metropolis)),
    "words, anneal": in_words(annealed("metropolis")),
    "words, tempering": tempered(sampler="metropolis", multispin=True),
    "words, population": in_words(population("gibbs")),
}


def smallest_p(draw, cases, betas, n):
    """Smallest p-value over graphs and temperatures, times their number and that of the samplers."""
    p_values = []
    for seed, (_, J) in enumerate(cases):
        for beta in betas:
            if (states := draw(J, beta, n, 1000 + seed)) is not None:
                weights = np.exp(-beta * energies(J, np.zeros(len(J)), 0.0, all_states(len(J))))
                p_values.append(p_value(states, weights / weights.sum()))
    assert len(p_values) >= len(cases) * len(betas) / 2
    return min(p_values) * len(p_values) * len(SAMPLERS)


def test_there_are_40_graphs():
    assert len(CASES) == 2 * len(HALF) == 40


@pytest.mark.parametrize("name", SAMPLERS)
def test_states_follow_the_boltzmann_distribution(name, monkeypatch):
    monkeypatch.setattr(annealing, "QUENCH", 0)
    assert smallest_p(SAMPLERS[name], HALF, [0.4], 1000) > JOINT_FALSE_ALARM


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLERS)
def test_many_states_at_many_temperatures(name, monkeypatch):
    monkeypatch.setattr(annealing, "QUENCH", 0)
    assert smallest_p(SAMPLERS[name], CASES, [0.02, 0.2, 0.4, 0.7], 20_000) > JOINT_FALSE_ALARM


def test_a_spin_that_stays_and_a_temperature_10_percent_off_are_noticed():
    def frozen(J, beta, n, rng):
        states = sl.dynamics.gibbs(J, 40, n, beta=beta, rng=rng).states
        states[:, 0] = 1
        return states

    def hot(J, beta, n, rng):
        return sl.dynamics.gibbs(J, 40, n, beta=0.9 * beta, rng=rng).states

    assert smallest_p(frozen, HALF, [0.4], 1000) < JOINT_FALSE_ALARM
    assert smallest_p(hot, HALF, [0.4], 1000) < JOINT_FALSE_ALARM
