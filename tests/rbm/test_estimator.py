"""The scikit-learn estimator: scikit-learn's own checks, and the machine behind it."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

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
    bits = np.random.default_rng(0).integers(0, 2, (30, 6))
    np.testing.assert_array_equal(
        RBMTransformer(binarize=None, **SMALL).fit(bits).transform(bits),
        RBMTransformer(binarize=None, **SMALL).fit(2 * bits - 1).transform(2 * bits - 1),
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


def test_all_checks_with_the_array_api_on():
    """In a process of its own, since scipy reads the variable when it is imported."""
    script = f"""
from sklearn.utils.estimator_checks import check_estimator
from spinlab.rbm.estimator import RBMTransformer
for estimator in (RBMTransformer(**{SMALL}), RBMTransformer(n_patterns=2, negative="pid", **{SMALL})):
    for check in check_estimator(estimator, on_skip=None, on_fail=None):
        if check["status"] != "passed":
            print(check["check_name"], check["status"], check["exception"])
"""
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout) == (0, ""), run.stderr


@pytest.mark.parametrize(
    ("X", "threshold"),
    [
        ([[0.1, 0.9], [0.4, 1.0]], 0.5),  # grey levels that a threshold of 0 would make all alike
        ([[0, 1], [1, 1]], 0.5),
        ([[-1, 1], [1, 1]], 0.0),
        ([[0, 255], [30, 200]], 127.5),
        ([[0.7, 0.8], [0.9, 1.0]], 0.85),  # the middle, where the rule would make all alike
        ([[-3.0, -1.0], [-2.0, -1.0]], -2.0),
        ([[1, 1], [1, 1]], 0.5),
    ],
)
def test_the_threshold_is_chosen_from_the_data(X, threshold):
    machine = RBMTransformer(n_components=2, n_iter=1, random_state=0).fit(X)
    assert machine.threshold_ == pytest.approx(threshold)
    spins = np.where(np.array(X) > threshold, 1.0, -1.0)
    fields = machine.machine_.as_ising().hidden_input(spins)
    np.testing.assert_allclose(machine.transform(X), 1 / (1 + np.exp(-2 * fields)), rtol=1e-12)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -3, 0.05])
def test_a_threshold_that_makes_all_alike_is_refused(threshold):
    with pytest.raises(ValueError, match=r"makes all features alike: they lie between 0\.1 and 1"):
        RBMTransformer(binarize=threshold).fit([[0.1, 0.9], [0.4, 1.0]])


def test_partial_fit_goes_on():
    """Rows in parts: the machine, its chains and the counters are kept; a single call is one epoch of fit."""
    X = sl.datasets.bars(3).train
    whole, parts = RBMTransformer(**SMALL | {"n_iter": 3}).fit(X), RBMTransformer(**SMALL)
    for _ in range(3):
        parts.partial_fit(X)
    np.testing.assert_array_equal(whole.machine_.W, parts.machine_.W)
    assert parts.history_.sizes["epoch"] == 3
    parts.partial_fit(X[:3])
    assert parts.history_["updates"].values.tolist() == [1, 2, 3, 4]
    with pytest.raises(ValueError, match="features"):
        parts.partial_fit(X[:, :5])
    broken = RBMTransformer(lr=-1.0)
    for _ in range(2):
        with pytest.raises(ValueError, match="lr must"):
            broken.partial_fit(X)
    copy = pickle.loads(pickle.dumps(parts)).partial_fit(X)
    np.testing.assert_array_equal(copy.machine_.W, parts.partial_fit(X).machine_.W)


def test_settings_that_are_changed_between_calls_are_taken_or_refused():
    X = sl.datasets.bars(3).train
    for name, value in {"negative": "cd", "n_steps": 2, "biases": False, "binarize": 0.5}.items():
        machine = RBMTransformer(**SMALL).partial_fit(X)
        with pytest.raises(ValueError, match=f"now {name}={value!r}"):
            machine.set_params(**{name: value}).partial_fit(X)
    machine = RBMTransformer(**SMALL).partial_fit(X)
    machine.set_params(lr=0.5, batch_size=2).partial_fit(X)
    assert machine.history_["lr"].values.tolist() == [0.01, 0.5]
    assert np.diff(machine.history_["updates"]).tolist() == [-(-len(X) // 2)]
    warm = RBMTransformer(warm_start=True, **SMALL).fit(X)
    for name, value in {"n_patterns": 2, "biases": False}.items():
        with pytest.raises(ValueError, match=f"now {name}={value!r}"):
            warm.set_params(**{name: value}).fit(X)
        warm.set_params(**{name: warm._settings[name]})


def test_a_machine_changed_by_hand_has_its_own_normalisation():
    X = sl.datasets.bars(3).train
    machine = RBMTransformer(**SMALL).fit(X)
    machine.score(X)
    machine.machine_.W[...] *= 3
    expected = machine.machine_.log_likelihood(machine._spins(X))
    np.testing.assert_allclose(machine.score_samples(X), expected, rtol=1e-12)


def test_warm_start_callbacks_and_checkpoint(tmp_path):
    X, path = sl.datasets.bars(3).train, tmp_path / "run.npz"
    cold = RBMTransformer(**SMALL).fit(X)
    start = cold.machine_.W.copy()
    assert np.array_equal(cold.fit(X).machine_.W, start)
    cold.set_params(warm_start=True)
    machine = cold.machine_
    assert cold.fit(X).machine_ is machine
    assert not np.array_equal(machine.W, start)
    with pytest.raises(ValueError, match="has n_components=4, now n_components=5"):
        cold.set_params(n_components=5).fit(X)
    seen = []
    one = RBMTransformer(
        callbacks=[lambda t: seen.append(t.epoch) or {"n": t.epoch}], checkpoint=path, **SMALL
    )
    assert one.fit(X).history_["n"].values.tolist() == [1, 2] == seen
    again = RBMTransformer(checkpoint=path, **SMALL | {"n_iter": 5}).fit(X)
    assert again.history_.sizes["epoch"] == 5
    np.testing.assert_array_equal(again.machine_.W, RBMTransformer(**SMALL | {"n_iter": 5}).fit(X).machine_.W)
    with pytest.raises(ValueError, match="another run"):
        RBMTransformer(checkpoint=path, **SMALL | {"random_state": 1}).fit(X)
    free = {"n_components": 4, "n_iter": 2, "checkpoint": tmp_path / "free.npz"}
    W = RBMTransformer(**free).fit(X).machine_.W
    np.testing.assert_array_equal(W, RBMTransformer(**free).fit(X).machine_.W)  # a seed left open


def test_messages_name_the_class():
    with pytest.raises(TypeError, match=r"^RBMTransformer\.__init__\(\) got an unexpected keyword"):
        RBMTransformer(foo=3)
