"""The scikit-learn estimator: scikit-learn's own checks, and the machine behind it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from naive import all_states

import spinlab as sl

pytest.importorskip("sklearn")
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from spinlab.rbm.estimator import RBMTransformer

SMALL = {"n_components": 4, "n_iter": 2, "batch_size": 20, "n_chains": 10, "random_state": 0}


@parametrize_with_checks([RBMTransformer(**SMALL), RBMTransformer(n_patterns=2, negative="pid", **SMALL)])
def test_scikit_learns_checks(estimator, check):
    check(estimator)


def test_learns_a_distribution():
    data = sl.datasets.bars(3)
    X = (data.train + 1) // 2  # 0/1
    machine = RBMTransformer(
        n_components=12, n_iter=600, lr=0.05, negative="exact", batch_size=4, random_state=0
    ).fit(X)
    log_p = machine.score_samples(X)
    assert log_p.mean() > -2  # uniform: -6.24; at best -ln 4 = -1.39
    assert machine.score(X) == pytest.approx(log_p.mean())
    np.testing.assert_allclose(log_p, machine.machine_.log_likelihood(data.train), rtol=1e-9)
    assert np.exp(machine.score_samples(all_states(9))).sum() == pytest.approx(1, rel=1e-9)
    drawn = machine.sample(500, n_steps=200, random_state=1)
    assert set(np.unique(drawn)) == {-1, 1}
    assert machine.score(drawn) > -4
    np.testing.assert_array_equal(drawn, machine.sample(500, n_steps=200, random_state=1))
    again = machine.gibbs(X, random_state=2)
    assert again.shape == X.shape
    assert (again == data.train).mean() > 0.75


def test_transform_is_the_conditional_probability():
    X = np.random.default_rng(0).random((30, 6))
    machine = RBMTransformer(binarize=0.5, **SMALL).fit(X)
    spins = np.where(X > 0.5, 1, -1)
    model = machine.machine_.as_ising()
    fields = spins @ model.weights() + model.bh
    np.testing.assert_allclose(machine.transform(X), 1 / (1 + np.exp(-2 * fields)), rtol=1e-12)
    np.testing.assert_array_equal(
        machine.transform(X), RBMTransformer(binarize=None, **SMALL).fit(spins).transform(spins)
    )
    with pytest.raises(ValueError, match="only \\+1 and -1"):
        RBMTransformer(binarize=None, **SMALL).fit(X)


def test_wide_machines_are_annealed():
    X = np.random.default_rng(0).random((50, 60)) < 0.3
    machine = RBMTransformer(n_components=40, n_iter=1, random_state=0).fit(X)
    log_p = machine.score_samples(X)
    p = X.mean()
    assert log_p.mean() == pytest.approx(60 * (p * np.log(p) + (1 - p) * np.log(1 - p)), rel=0.1)
    np.testing.assert_array_equal(log_p, machine.score_samples(X))  # ln Z is kept


def test_in_pipelines_searches_and_pickles():
    digits = sl.datasets.digits()
    pipeline = make_pipeline(
        RBMTransformer(n_components=64, n_iter=20, lr=0.05, random_state=0), LogisticRegression(max_iter=500)
    )
    pipeline.fit(digits.train[:500], digits.train_labels[:500])
    assert pipeline.score(digits.test, digits.test_labels) > 0.8
    search = GridSearchCV(RBMTransformer(**SMALL), {"lr": [0.001, 0.01]}, cv=2)
    search.fit(sl.datasets.bars(3, train_fraction=0.6).train)
    assert search.best_params_["lr"] in (0.001, 0.01)
    machine = pipeline[0]
    copy = pickle.loads(pickle.dumps(machine))
    np.testing.assert_array_equal(copy.transform(digits.test), machine.transform(digits.test))


def test_bad_parameters():
    X = np.ones((4, 3))
    for parameters, message in (
        ({"n_components": 0}, "n_components must be at least 1"),
        ({"n_patterns": 0}, "n_patterns must be at least 1"),
        ({"negative": "magic"}, "unknown negative 'magic'; known: cd, pcd, tempering, pid, exact"),
        ({"binarize": np.nan}, "binarize must be a finite number"),
    ):
        with pytest.raises(ValueError, match=message):
            RBMTransformer(**parameters).fit(X)
