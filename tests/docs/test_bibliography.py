"""What pages and docstrings cite stands in the bibliography."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

parse_file = pytest.importorskip("pybtex.database").parse_file

ROOT = Path(__file__).parents[2]
ENTRIES = parse_file(str(ROOT / "docs" / "references.bib")).entries.values()
ARTICLE = re.compile(r"[A-Z][\w.]* (\d+),\s(L?\d+)\s\((?:19|20)\d\d\)")  # Phys. Rev. E 82, 026704 (2010)
PREPRINT = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


@functools.cache
def cited() -> list[tuple[str, str]]:
    """(where, text) of every page and every docstring."""
    return list(_cited())


def _cited() -> Iterator[tuple[str, str]]:
    for page in sorted((ROOT / "docs").glob("*.md")):
        yield page.name, page.read_text(encoding="utf-8")
    for source in sorted([*(ROOT / "spinlab").rglob("*.py"), *(ROOT / "studies").glob("*.py")]):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield source.relative_to(ROOT).as_posix(), ast.get_docstring(node) or ""


def test_articles_and_preprints_are_listed() -> None:
    fields = [entry.fields for entry in ENTRIES]
    articles = {(f["volume"], f["pages"].split("-")[0]) for f in fields if {"volume", "pages"} <= set(f)}
    preprints = {f["eprint"] for f in fields if "eprint" in f}
    found = [(where, m) for where, text in cited() for m in ARTICLE.findall(re.sub(r"\s+", " ", text))]
    assert len(found) > 60
    assert not [(where, m) for where, m in found if m not in articles]
    named = [(where, m) for where, text in cited() for m in PREPRINT.findall(text)]
    assert {m for _, m in named} <= preprints


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.key)
def test_an_entry_can_be_found(entry: object) -> None:
    fields = entry.fields  # type: ignore[attr-defined]
    assert {"title", "year"} <= set(fields)
    assert "eprint" in fields or "doi" in fields or {"journal", "volume", "pages"} <= set(fields)
