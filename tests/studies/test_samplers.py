"""Which samplers the studies rest on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.py"))


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_no_verdict_rests_on_metropolis_annealing_or_a_search(path):
    # Those would have to be computed again whenever temperatures or rules of these change.
    found = re.findall(r"metropolis|\banneal\(|\bsearch\(|allow_heuristic|\"tempering\"", path.read_text())
    assert not found
