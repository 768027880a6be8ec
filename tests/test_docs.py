"""Every example runs: python and console blocks of the pages, and the examples in docstrings.

A page is run from top to bottom as one module, in a temporary folder. A ``python`` block is executed,
and a ``text`` block right after it must be what it prints (``...`` stands for anything). In a
``console`` block each line that starts with ``$ spinlab`` is run through the command line; what the
page shows below it is not compared, since seconds and folders differ. Commands that install or take
minutes stand in ``sh`` blocks, which are not run.
"""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
import shlex
import sys
import types
from pathlib import Path

import pytest

import spinlab
from spinlab.cli import main

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^```(python|console)\n(.*?)^```$(?:\n+```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
OUTPUT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def blocks(page: Path) -> list[tuple[int, str, str, str | None]]:
    """(line, language, source, expected output) of the runnable blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start(2)), m[1], m[2], m[3]) for m in BLOCK.finditer(text)]


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
def test_page_runs(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("page")
    module.__file__ = str(page)
    monkeypatch.setitem(sys.modules, "page", module)
    for line, language, source, expected in blocks(page):
        if language == "console":
            for command in re.findall(r"^\$ spinlab\b(.*)$", source, re.MULTILINE):
                run_command(command, f"{page.name}:{line + 1}")
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            # Blank lines in front keep the page's line numbers in a traceback.
            exec(compile("\n" * line + source, str(page), "exec"), module.__dict__)
        if expected is not None:
            example = doctest.Example(source, expected)
            checker = doctest.OutputChecker()
            assert checker.check_output(expected, printed.getvalue(), OUTPUT), checker.output_difference(
                example, printed.getvalue(), OUTPUT
            )


def run_command(arguments: str, where: str) -> None:
    try:
        status: object = main(shlex.split(arguments, comments=True))
    except SystemExit as leave:
        status = leave.code
    assert status in (0, None), f"{where}: spinlab{arguments} ended with {status}"


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_public_functions_have_an_example() -> None:
    """Every function in the registries teaches by example."""
    lacking = []
    for package in ("models", "ensembles", "datasets", "exact", "dynamics", "observables", "sweeps"):
        module = importlib.import_module(f"spinlab.{package}")
        for name in module.__all__:
            thing = getattr(module, name)
            if inspect.isfunction(thing) and ">>>" not in (thing.__doc__ or ""):
                lacking.append(f"{package}.{name}")
    assert lacking == []
