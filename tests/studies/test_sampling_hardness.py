"""The study of relaxation times: what it holds equal, its statistics, sentences with data against them."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import scipy.stats

import spinlab as sl
from spinlab import studies
from spinlab.studies import _sampling_hardness_verdict as words


@pytest.fixture(scope="module")
def study():
    return studies.load("sampling_hardness")


def test_entropy(study):
    """Against -sum p ln p over all states."""
    model = sl.ensembles.rbm_gaussian(3, 4, rng=1)
    spins = 2 * ((np.arange(2**7)[:, None] >> np.arange(7)) & 1) - 1
    w = np.exp(-0.7 * model.energy(spins))
    p = w / w.sum()
    assert study.entropy(model, 0.7) == pytest.approx(-(p * np.log2(p)).sum() / 7)
    assert study.entropy(model, study.scale_of_entropy(model, 0.6)) == pytest.approx(0.6, abs=1e-3)


def test_lines(study):
    """Independent weights: s (VH)^(1/4) = 1; many patterns tend to them, two to b = 1."""
    rng = np.random.default_rng(0)
    assert study.model_of("free", 16, rng)[1] == pytest.approx(0.25)
    model, line = study.model_of("two", 400, rng)
    assert line * 400 / 2**0.5 == pytest.approx(1, rel=0.15)
    assert model.coupling_std() == pytest.approx(1, rel=0.05)
    alpha = 0.5
    u = (study.model_of("half", 12, rng)[1] * 12) ** 2 / 6
    assert u**2 * (alpha**2 * (1 + u) + 2 * alpha * (1 - u)) == pytest.approx((1 - u) ** 3)


def test_noisy_bars(study):
    images = study.noisy_bars(4000, np.random.default_rng(0))
    clean = np.concatenate([sl.datasets.bars(4).train, sl.datasets.bars(4).test])
    nearest = (16 - np.abs(images.astype(int) @ clean.T).max(1)) / 2
    assert 0.6 < nearest.mean() < 0.81  # .8 pixels are inverted, a few of them beyond recognition


def test_rank_correlation():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=30), rng.normal(size=30)
    x[3] = np.nan
    expected = scipy.stats.spearmanr(np.delete(x, 3), np.delete(y, 3))[0]
    assert words.rank_correlation(x, y) == pytest.approx(expected)
    assert math.isnan(words.rank_correlation(np.ones(5), np.arange(5.0)))


def test_bootstrapped_error():
    """Independent numbers have a rank correlation of 0 with error 1/sqrt(n - 1)."""
    rng = np.random.default_rng(1)
    rho, error = words.bootstrapped(
        words.rank_correlation, rng.normal(size=(1, 200)), rng.normal(size=(1, 200))
    )
    assert abs(rho) < 4 / 199**0.5  # chance 6e-5
    assert error == pytest.approx(199**-0.5, rel=0.25)


def test_within_groups_differences_between_groups_do_not_count():
    rows = np.arange(5.0)
    x, y = np.stack([rows, rows + 100]), np.stack([-rows, 100 - rows])
    assert words.within(x, y) == pytest.approx(-1)
    assert words.rank_correlation(x, y) > 0


def test_where_the_likelihood_reaches_a_value():
    path = np.array([[11.0, 0.0], [8.0, 1.0], [6.0, 3.0], [7.0, 9.0]])
    assert words.at(path, 7.0) == pytest.approx(2.0)
    assert words.at(path, 8.0) == pytest.approx(1.0)
    assert math.isnan(words.at(path, 5.0))
    assert math.isnan(words.at(path, 12.0))


NUMBERS = {
    "V": 10,
    "against": {
        "line": {"two": {1.0: (0.5, 0.1)}, "half": {1.0: (0.1, 0.1)}},
        "std": {"two": {0.4: (1.0, 0.1)}, "half": {0.4: (0.0, 0.1)}},
        "entropy": {"two": {0.5: (-1.0, 0.1)}, "half": {0.5: (-0.5, 0.1)}},
    },
    "growth": {"free": {0.5: (0.8, 0.02)}, "two": {0.5: (0.4, 0.02)}, "half": {0.5: (0.79, 0.02)}},
    "trained": {7.0: {"difference": (-0.8, 0.1)}, 6.5: {"difference": (0.1, 0.1)}},
    "correlations": {"all": {"accessibility": (0.7, 0.05), "excess": (-0.9, 0.05), "barrier_F": (0.9, 0.02)}},
    "block_and_sites": (0.8, 0.02),
}


@pytest.mark.parametrize(
    ("sentence", "path", "value"),
    [
        ("independent weights by more than 3 errors: K = 2 patterns faster at none, slower at 1;",
         ("against", "line", "two", 1.0), (0.2, 0.1)),
        ("K = V/2 patterns faster at 0.5, slower at none", ("against", "entropy", "half", 0.5), (0.5, 0.1)),
        ("K = 2 patterns: slower; K = V/2 patterns: not decidedly", ("growth", "two", 0.5), (0.9, 0.02)),
        ("K = V/2 patterns: not decidedly different", ("growth", "half", 0.5), (0.9, 0.02)),
        ("faster by more than 3 errors at 7 nats", ("trained", 7.0, "difference"), (-0.2, 0.1)),
        ("and slower at none, of 7, 6.5", ("trained", 6.5, "difference"), (0.4, 0.1)),
        ("right sign): excess (-0.90 ± 0.05), barrier of F", ("correlations", "all", "excess"), (-0.7, 0.05)),
        ("by 3 errors: accessibility (+0.70 ± 0.05);", ("correlations", "all", "accessibility"), (0.1, 0.05)),
    ],
)  # fmt: skip
def test_sentences(sentence, path, value):
    assert sentence in " ".join(words.statements(NUMBERS))
    false = copy.deepcopy(NUMBERS)
    *inner, last = path
    part = false
    for key in inner:
        part = part[key]
    part[last] = value
    assert sentence not in " ".join(words.statements(false))


def test_whether_it_depends():
    for (line, entropy), words_said in {
        (0.5, -0.5): "depends on what is held equal",
        (-0.5, -0.5): "easier to sample wherever",
        (0.5, 0.5): "harder to sample wherever",
        (0.0, 0.0): "no difference is seen",
    }.items():
        against = {"line": {"two": {1.0: (line, 0.1)}}, "entropy": {"two": {1.0: (entropy, 0.1)}}}
        assert words_said in words._depends(against)
