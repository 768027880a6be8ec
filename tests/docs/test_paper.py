"""The paper's statements: every row says what was found and where the numbers are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
FOUND = ("holds", "fails", "depends on", "partly", "open", "first half", "the reading")
LINK = re.compile(r"\]\(([\w/]+\.md)(#[\w-]+)?\)")


def rows(text: str) -> list[list[str]]:
    """Cells of the rows of all tables."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if row[0] not in ("where", "---")]


def fault(row: list[str]) -> str:
    """What a reader would miss, or nothing."""
    if len(row) != 4:
        return f"{len(row)} cells"
    if not row[2].startswith(FOUND):
        return f"found: {row[2]!r}"
    pages = [page for page, _ in LINK.findall(row[3])]
    if not pages:
        return "no link"
    return ", ".join(page for page in pages if not (DOCS / page).is_file())


ROWS = rows((DOCS / "paper.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}: {row[1][:40]}")
def test_statements_are_traced(row: list[str]) -> None:
    assert not fault(row)


def test_faults_are_found() -> None:
    assert len(ROWS) > 50
    assert fault(["IV", "x", "holds"]) == "3 cells"
    assert fault(["IV", "x", "perhaps", "[verdict](verdicts/fig1.md)"]).startswith("found")
    assert fault(["IV", "x", "holds", "by algebra"]) == "no link"
    assert fault(["IV", "x", "holds", "[verdict](verdicts/none.md)"]) == "verdicts/none.md"
    assert not fault(["IV", "x", "holds", "[verdict](verdicts/fig1.md)"])
