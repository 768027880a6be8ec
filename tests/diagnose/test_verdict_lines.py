"""A rule of the verdicts that no model of the other tests needs, on evidence made for it."""

from __future__ import annotations

import numpy as np
import pytest

from spinlab.diagnose.verdicts import metastability
from spinlab.observables import Estimate, MinimaCount


def count(found, coverage):
    estimate, none = Estimate(float(found), 1.0, 1000), np.empty(0)
    return MinimaCount(
        estimate, estimate.value, False, found, coverage, none, none, np.empty((0, 100)), True, 1000
    )


@pytest.mark.parametrize(
    ("found", "coverage", "value"),
    [(6, 0.99, "few"), (14, 0.99, "few"), (400, 0.99, "many"), (400, 0.5, "many"), (20, 0.5, "many")],
)
def test_many_minima_are_many_though_all_were_met(found, coverage, value):
    assert metastability(100, count(found, coverage), has_fields=False).value == value
