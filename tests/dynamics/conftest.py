"""These tests are about the samplers' own kernels, which a small first call may do without."""

from __future__ import annotations

import pytest

from spinlab.dynamics import _single_spin


@pytest.fixture(autouse=True)
def lanes_from_the_first_call(monkeypatch):
    monkeypatch.setattr(_single_spin, "can_wait", lambda kernel, seconds: False)
