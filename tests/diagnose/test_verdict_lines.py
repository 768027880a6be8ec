"""Rules of the verdicts that no model of the other tests needs: each on evidence made for it."""

from __future__ import annotations

import numpy as np
import pytest

import spinlab as sl
from spinlab.diagnose import diagnose
from spinlab.diagnose.verdicts import metastability
from spinlab.observables import Estimate, MinimaCount


def count(found, coverage):
    estimate, none = Estimate(float(found), 1.0, 1000), np.empty(0)
    return MinimaCount(estimate, False, found, coverage, none, none, np.empty((0, 100)), True, 1000)


@pytest.mark.parametrize(
    ("found", "coverage", "value"),
    [(6, 0.99, "few"), (14, 0.99, "few"), (400, 0.99, "many"), (400, 0.5, "many"), (20, 0.5, "many")],
)
def test_many_minima_are_many_though_all_were_met(found, coverage, value):
    assert metastability(100, count(found, coverage), has_fields=False).value == value


def test_fields_make_a_phase_less_certain():
    # The lines are those of models without fields: far from them, confidence falls with the field alone.
    rng = np.random.default_rng(0)
    J = sl.ensembles.sk(60, rng=1).J
    plain = diagnose(sl.models.DenseIsing(J), beta=0.3, extras=False).phase
    field = diagnose(sl.models.DenseIsing(J, 1.5 * rng.normal(size=60)), beta=0.3, extras=False).phase
    assert plain.value == "paramagnet"
    assert field.confidence < plain.confidence - 0.1
    assert any("fields of rms" in reason for reason in field.reasons)
    assert not any("fields of rms" in reason for reason in plain.reasons)
