"""Every example runs: python and console blocks of the pages, and the examples in docstrings.

A page is run from top to bottom in one namespace and one temporary folder. A ``python`` block is
executed; in a ``console`` block each line that starts with ``$ spinlab`` is run through the command
line, and the other lines are what it prints (not compared: numbers of seconds differ). Commands that
install, download or take minutes stand in ``sh`` blocks, which are not run.
"""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import shlex
from pathlib import Path

import pytest

import spinlab

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[int, str, str]]:
    """(line, language, source) of the runnable blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(2)) + 1, m[1], m[2]) for m in BLOCK.finditer(text)]


RUNNABLE = [page for page in PAGES if blocks(page)]
MODULES = [
    m.name
    for m in pkgutil.walk_packages(spinlab.__path__, "spinlab.")
    if "_studies" not in m.name and not m.name.endswith("__main__")
]


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")


def test_the_main_pages_have_examples() -> None:
    assert {"README.md", "tutorial.md", "extending.md"} <= {page.name for page in RUNNABLE}


@pytest.mark.parametrize("page", RUNNABLE, ids=lambda page: str(page.relative_to(ROOT)))
def test_page_runs(page: Path) -> None:
    from spinlab.cli import main

    namespace: dict[str, object] = {"__name__": "page"}
    for line, language, source in blocks(page):
        if language == "python":
            # Blank lines in front keep the page's line numbers in a traceback.
            exec(compile("\n" * (line - 1) + source, str(page), "exec"), namespace)
            continue
        for command in re.findall(r"^\$ spinlab (.*)$", source, re.MULTILINE):
            try:
                status = main(shlex.split(os.path.expandvars(command), comments=True))
            except SystemExit as leave:
                status = leave.code  # type: ignore[assignment]
            assert status in (0, None), f"{page.name}:{line}: spinlab {command} ended with {status}"


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def test_public_functions_have_an_example() -> None:
    """Every callable in the registries teaches by example."""
    lacking = []
    for package in ("models", "ensembles", "exact", "dynamics", "observables", "sweeps", "plotting"):
        module = importlib.import_module(f"spinlab.{package}")
        for name in module.__all__:
            thing = getattr(module, name)
            if callable(thing) and ">>>" not in (thing.__doc__ or ""):
                lacking.append(f"{package}.{name}")
    assert lacking == []
