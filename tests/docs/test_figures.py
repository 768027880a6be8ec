"""Captions say how many instances or runs a figure shows; figures stand on a page, and sections once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FIGURE = re.compile(r"```\{figure\} figures/(\S+)\n:alt: ([^\n]+)\n\n(.+?)```", re.DOTALL)
NUMBER = re.compile(
    r"\b(\d+|one|two|three|kept)( of \w+)?\s+(\w+\s+)?(instances?|runs?|machines|seeds|splits|repeats)\b"
    r"|\brun each\b",
    re.IGNORECASE,
)
FIGURES = {
    (page.name, name): (alt, caption)
    for page in sorted(DOCS.glob("*.md"))
    for name, alt, caption in FIGURE.findall(page.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("figure", FIGURES, ids="/".join)
def test_captions_count(figure: tuple[str, str]) -> None:
    alt, caption = FIGURES[figure]
    assert NUMBER.search(caption), f"how many instances, runs or splits does {figure[1]} show?"
    assert len(alt) > 20
    assert alt not in caption


def test_the_number_is_looked_for() -> None:
    assert not NUMBER.search("Held-out NLL, means over the runs that have not diverged; dashed: the uniform.")
    assert NUMBER.search("100 runs of RAPID, 25 of CD")
    assert not NUMBER.search("$N = 400$; the load of theory, dashed.")


def test_every_figure_stands_on_a_page() -> None:
    shown = {name for _, name in FIGURES}
    assert shown == {path.name for path in (DOCS / "figures").glob("*.png")}
    assert len(shown) > 30


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.stem)
def test_no_section_stands_twice(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    sections = re.findall(r"^## .+$", text, re.MULTILINE)
    assert len(sections) == len(set(sections)), sections
