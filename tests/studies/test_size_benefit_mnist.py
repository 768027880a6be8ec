"""The benefit at the size of MNIST: sentences with numbers that make them false, and what is measured."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab import studies

study = studies.load("size_benefit_mnist")
WIGGLE = np.array([-0.01, 0.0, 0.02, -0.01])


def said(short=0, **changed):
    """Patterns are behind by 9 nats at first and level later, and ahead by 1 in ln tau."""
    here = {"nll": (-9.0, 0.0), "log_tau": (1.0, 1.0)} | changed
    found = {name: {e: x + WIGGLE for e, x in zip((1, 10), pair, strict=True)} for name, pair in here.items()}
    recipe = "K=32, PCD, own scale"
    return " ".join(study.statements({recipe: found}, {recipe: {1: 0, 10: short}}))


@pytest.mark.parametrize(
    ("sentence", "false"),
    [
        ("epoch 1: -9.00 ± 0.01 (behind)", {"nll": (9.0, 0.0)}),
        ("epoch 10: +0.00 ± 0.01 (not decided)", {"nll": (-9.0, 0.2)}),
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"log_tau": (1.0, -1.0)}),
        ("epoch 10: +1.00 ± 0.01 (ahead)", {"short": 1}),
    ],
)
def test_sentences_follow_their_numbers(sentence, false):
    assert sentence in said()
    assert sentence not in said(**false)


def test_a_run_that_is_too_short_decides_nothing():
    assert "epoch 10: not resolved (3 of 8 runs too short)" in said(short=3)
    assert "epoch 10: +0.00 ± 0.01 (not decided)" in said(short=3)  # the likelihood needs no chains


def test_a_machine_without_couplings(monkeypatch):
    """Independent pixels: the likelihood is that of the biases, and tau is 1/2."""
    settings = {"dataset": "digits", "H": 8, "epochs": (1,), "temperatures": 100, "steps": 400}
    monkeypatch.setattr(study, "RATES", {"lr_standard": 1e-9, "lr_own": 1e-9, "own_scale": 1e-4})
    found = study.point("K=4, PCD, own scale", rng=1, **settings)
    data = sl.datasets.digits()
    b = sl.rbm.data_biases(data.train[:10_000])
    expected = (np.logaddexp(b, -b) - data.test[:500] * b).sum(1).mean()
    assert found["nll"][0] == pytest.approx(expected, abs=0.05)
    assert found["log_tau"][0] == pytest.approx(np.log(0.5), abs=0.1)
    assert found["done"][0] > 10


def test_benefits_are_free_weights_minus_patterns(tmp_path):
    study.main("small", tmp_path, workers=None, progress=False)
    assert (tmp_path / "size_benefit_mnist.png").stat().st_size > 1000
    text = (tmp_path / "verdict.md").read_text()
    assert text.count("against free weights") == 4
