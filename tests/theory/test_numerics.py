"""Gaussian averages, roots, the Curie-Weiss magnet, coordinates, and what all of theory refuses."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

import spinlab as sl
from spinlab.theory import _numerics, bipartite, coordinates, curie_weiss, hopfield, ising2d, minima, sk


def mean(f: Callable[[float], float], A: float, B: float) -> float:
    """E f(A + B z) over a standard normal z, by adaptive quadrature with breaks at the kink of tanh."""
    kink = -A / B
    breaks = np.clip([-12, -6, 0, 6, 12, *(kink + np.array([-20, -3, 0, 3, 20]) / B)], -12, 12)
    breaks = np.unique(breaks)

    def g(z: float) -> float:
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * f(A + B * z)

    pieces = (quad(g, a, b, epsabs=1e-15, epsrel=1e-12, limit=200)[0] for a, b in pairwise(breaks))
    return math.fsum(pieces)


def sech2(y: float) -> float:
    return 0.0 if abs(y) > 300 else 1 / math.cosh(y) ** 2


@pytest.mark.parametrize("B", [0.01, 0.3, 0.6999999, 0.7, 1.0, 3.0, 50.0, 1e4])
@pytest.mark.parametrize("t", [0.0, 0.3, 1.5, 4.0])
def test_gaussian_averages(B: float, t: float) -> None:
    A = t * B
    found = _numerics.averages(np.array([A]), np.array([B]))
    expected = [
        mean(math.tanh, A, B),
        mean(lambda y: math.tanh(y) ** 2, A, B),
        mean(sech2, A, B),
        mean(lambda y: sech2(y) ** 2, A, B),
        mean(lambda y: 2 * math.tanh(y) * sech2(y), A, B),
        mean(lambda y: 2 * (y - A) / B * math.tanh(y) * sech2(y), A, B),
    ]
    np.testing.assert_allclose(np.ravel(found), expected, rtol=1e-11, atol=2e-14)
    log_2cosh = _numerics.mean_log_2cosh(np.array([A]), np.array([B]))[0]
    assert log_2cosh == pytest.approx(mean(lambda y: float(np.logaddexp(y, -y)), A, B), rel=3e-14)


def test_narrow_averages_keep_relative_accuracy() -> None:
    """E tanh^2(Bz) = B^2 - 2 B^4 + ... for small B."""
    B = np.array([1e-8, 1e-5, 1e-3])
    found = _numerics.averages(0 * B, B).tanh2
    np.testing.assert_allclose(found, B**2 - 2 * B**4 + 17 / 3 * B**6, rtol=1e-13)


def test_roots() -> None:
    target = np.array([0.1, 2.0, 5.0, 30.0])
    found = _numerics.root(lambda x, y: np.exp(x) - y, -50.0, 50.0, target)
    np.testing.assert_allclose(found, np.log(target), atol=1e-13)
    flat = _numerics.root(lambda x: (x - 0.3) ** 9, 0.0, np.ones(1))
    assert flat[0] == pytest.approx(0.3, abs=1e-9)


def test_magnet_against_the_exact_sum() -> None:
    """ln Z = ln sum_n C(N, n) exp(N (m^2/2 + h m) / T); the difference to N -> infinity is of order 1/N."""
    N = 20000
    n = np.arange(N + 1)
    m = 2 * n / N - 1
    log_count = gammaln(N + 1) - gammaln(n + 1) - gammaln(N - n + 1)
    for T, h in [(0.3, 0.0), (0.8, 0.1), (0.9, -0.3), (2.0, 0.0), (1.5, 0.7)]:
        log_weight = log_count + N * (m**2 / 2 + h * m) / T
        top = log_weight.max()
        weight = np.exp(log_weight - top)
        f = -T * (top + math.log(weight.sum())) / N
        assert curie_weiss.free_energy(T, h) == pytest.approx(f, abs=2e-4)
        side = weight * (np.sign(m) == (np.sign(h) or 1))
        average = side @ m / side.sum()
        found = curie_weiss.magnetisation(T, h)
        if h == 0 and T > 1:
            assert found == 0
        else:
            assert found == pytest.approx(average, abs=1e-4)
            assert found == pytest.approx(math.tanh((found + h) / T), abs=1e-13)


def test_magnet_at_its_transition() -> None:
    """m^2 -> 3 (1 - T) below, m^3 -> 3 h on the critical isotherm."""
    assert curie_weiss.magnetisation(1 - 1e-8) ** 2 == pytest.approx(3e-8, rel=1e-6)
    assert curie_weiss.magnetisation(1.0, 1e-12) ** 3 == pytest.approx(3e-12, rel=1e-3)


def test_coordinates_agree_with_the_ensembles() -> None:
    """The temperature at beta = 1 is read off the couplings of drawn models."""
    N, K = 60, 5
    hopfield_model = sl.ensembles.hopfield(N=N, K=K, rng=0)
    couplings = hopfield_model.to_dense().J[np.triu_indices(N, 1)]
    assert np.sqrt(np.mean(couplings**2)) == pytest.approx(math.sqrt(K) / N, rel=0.1)
    alpha, T = coordinates.hopfield(N, K, math.sqrt(K) / N, beta=1 / 0.3)
    assert alpha == K / N
    assert pytest.approx(0.3) == T
    V, H = 40, 30
    W = sl.ensembles.ra_rbm(V=V, H=H, K=K, rng=1).scaled(0.2).to_dense().J[:V, V:]
    std = np.sqrt(np.mean(W**2))
    assert coordinates.ra_rbm(V, H, K, std).b == pytest.approx(0.2 * math.sqrt(V * H / K), rel=0.1)


def test_coordinates_are_one_scale() -> None:
    """Only beta s counts; a pair counted twice doubles it; the inverse functions are inverse."""
    for there, back, sizes in [
        (coordinates.sk, coordinates.sk_std, (50,)),
        (coordinates.curie_weiss, coordinates.curie_weiss_std, (50,)),
        (lambda *x, **y: coordinates.hopfield(*x, **y).T, coordinates.hopfield_std, (50, 7)),
    ]:
        T = there(*sizes, 0.3, beta=2.0)
        assert there(*sizes, 0.6) == pytest.approx(T)
        assert there(*sizes, 0.3, counted=2) == pytest.approx(T)
        assert back(*sizes, T, beta=2.0) == pytest.approx(0.3)
        assert back(*sizes, T, counted=2) == pytest.approx(0.3)
    b = coordinates.ra_rbm(20, 30, 4, 0.3, beta=2.0).b
    assert coordinates.ra_rbm_std(20, 30, 4, b, beta=2.0) == pytest.approx(0.3)
    x = coordinates.gaussian_rbm(20, 30, 0.3, beta=2.0)
    assert coordinates.gaussian_rbm_std(20, 30, x, beta=2.0) == pytest.approx(0.3)
    assert x == pytest.approx(0.6 / bipartite.gaussian_glass_scale(20, 30))


def test_temperatures_of_hopfield_and_sk_differ_by_the_root_of_the_load() -> None:
    alpha, T = coordinates.hopfield(100, 30, 0.17)
    assert coordinates.sk(100, 0.17) == pytest.approx(T / math.sqrt(alpha))


def test_scalars_give_floats_and_arrays_broadcast() -> None:
    assert type(hopfield.retrieval(0.05, 0.2).m) is float
    assert hopfield.retrieval([[0.01], [0.05]], [0.2, 0.4, 0.6]).m.shape == (2, 3)
    assert type(bipartite.glass_line(0.1, 0.1)) is float
    assert curie_weiss.magnetisation(np.full((2, 0), 0.5)).shape == (2, 0)
    assert type(hopfield.phase(0.05, 0.2)) is str


WITH_T = [
    lambda T: curie_weiss.magnetisation(T),
    lambda T: curie_weiss.free_energy(T),
    lambda T: hopfield.retrieval(0.1, T),
    lambda T: hopfield.spin_glass(0.1, T),
    lambda T: hopfield.equilibrium(0.1, T),
    lambda T: hopfield.phase(0.1, T),
    sk.replica_symmetric,
    sk.at_line,
    ising2d.free_energy,
    ising2d.energy,
    ising2d.specific_heat,
    ising2d.magnetisation,
    lambda T: ising2d.kaufman(4, 4, T),
    lambda T: sk.log_partition(10, T),
    lambda b: bipartite.recall(0.1, 0.1, b),
    lambda b: bipartite.glass(0.1, 0.1, b),
    lambda b: bipartite.low_load(b),
    bipartite.capacity,
    bipartite.equilibrium_load,
    bipartite.gaussian_state,
    lambda a: minima.ra_rbm(a, 0.1),
    lambda a: minima.ra_rbm(0.1, a),
    minima.gaussian_rbm,
    minima.hopfield,
    lambda s: coordinates.hopfield(10, 3, s),
    lambda s: coordinates.sk(10, s),
    lambda s: coordinates.ra_rbm(10, 10, 3, s),
]


@pytest.mark.parametrize("function", WITH_T)
@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, -math.inf, [1.5, math.nan]])
def test_a_temperature_must_be_positive(function: Callable[..., object], bad: object) -> None:
    with pytest.raises(ValueError, match=r"positive number|of at least"):
        function(bad)


@pytest.mark.parametrize(
    "function",
    [
        lambda a: hopfield.retrieval(a, 0.5),
        hopfield.glass_line,
        hopfield.retrieval_line,
        hopfield.coexistence_line,
        hopfield.at_line,
        hopfield.capacity,
        lambda a: bipartite.glass_line(a, 0.1),
        sk.parisi,
    ],
)
@pytest.mark.parametrize("bad", [-1e-9, math.nan, math.inf])
def test_a_load_must_not_be_negative(function: Callable[..., object], bad: float) -> None:
    with pytest.raises(ValueError, match="of at least 0"):
        function(bad)


@pytest.mark.parametrize("bad", ["0.5", None, 1j, [True], np.ma.masked_array([0.5], [True])])
def test_what_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(TypeError, match="T must be a real number"):
        curie_weiss.magnetisation(bad)


def test_other_refusals() -> None:
    with pytest.raises(ValueError, match="T must be above 1"):
        sk.log_partition(10, 1.0)
    with pytest.raises(ValueError, match="must be below 1"):
        bipartite.gaussian_log_partition(10, 10, 0.4)
    for function in (sk.log_partition, lambda *x: bipartite.gaussian_log_partition(3, *x)):
        with pytest.raises(ValueError, match="'gaussian' or 'pm1'"):
            function(10, 0.1 if function is not sk.log_partition else 2.0, "uniform")
    with pytest.raises(ValueError, match="use T = 0"):
        sk.parisi(0.01)
    with pytest.raises(ValueError, match="k must be an integer from 0 to 10"):
        sk.parisi(0.5, 11)
    with pytest.raises(ValueError, match="single number"):
        sk.parisi([0.5, 0.6])
    with pytest.raises(ValueError, match="N must be at least 2"):
        minima.sk_log_mean_number(1)
    with pytest.raises(TypeError, match="N must be an integer"):
        minima.sk_log_mean_number(5.0)
    with pytest.raises(ValueError, match="L must be at least 2"):
        ising2d.kaufman(1, 4, 2.0)
    with pytest.raises(TypeError, match="M must be an integer"):
        ising2d.kaufman(4, 4.0, 2.0)
    with pytest.raises(ValueError, match="counted must be 1 or 2"):
        coordinates.sk(10, counted=3)
    with pytest.raises(ValueError, match="N must be a finite number of at least 1"):
        coordinates.sk(0)
    with pytest.raises(ValueError, match=r"positive number \(1e-100 to 1e\+08\)"):
        bipartite.recall(0.1, 0.1, math.inf)
    with pytest.raises(ValueError, match="H/V"):
        bipartite.recall(1e4, 1e-4, 2.0)
    with pytest.raises(ValueError, match="broadcast"):
        hopfield.retrieval([0.1, 0.2], [0.1, 0.2, 0.3])


def test_every_public_function_has_an_example() -> None:
    lacking = []
    for name in sl.theory.__all__:
        module = getattr(sl.theory, name)
        for member in module.__all__:
            thing = getattr(module, member)
            if inspect.isfunction(thing) and ">>>" not in (thing.__doc__ or ""):
                lacking.append(f"{name}.{member}")
    assert lacking == []
