"""Sphinx settings. The build reads nothing from the network."""

import contextlib
import importlib
import inspect
import io
import os

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util import logging

import spinlab
from spinlab import cli

logger = logging.getLogger(__name__)

project = "spinlab"
author = "The spinlab developers"
copyright = author
release = version = spinlab.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"spinlab {release}"
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

# The `__all__` of a package is its registry, so the reference follows it.
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "groupwise"
autodoc_type_aliases = {"RNG": "RNG"}  # None, int, Generator, ...
python_use_unqualified_type_names = True

napoleon_google_docstring = False
napoleon_use_ivar = True  # attributes of dataclasses are listed once
napoleon_use_param = False  # numpydoc's free text for types, "array_like of +-1, shape (N,)", stays whole
napoleon_use_rtype = False


class CommandHelp(Directive):
    """A section for ``spinlab --help`` and one for each of its commands."""

    def run(self) -> list[nodes.Node]:
        sections: list[nodes.Node] = []
        for command in ("", *(name.replace("_", "-") for name in cli.COMMANDS)):
            words = f"spinlab {command}".split()
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
                cli.main([*words[1:], "--help"])
            section = nodes.section(ids=["-".join(words)])
            section += nodes.title(text=" ".join(words))
            section += nodes.literal_block(text=printed.getvalue(), language="text")
            sections.append(section)
        return sections


def bars_are_absolute_values(app, what, name, obj, options, lines: list[str]) -> None:
    """Docstrings write sum |J| as in mathematics; reStructuredText would look for a substitution."""
    in_example = False
    for i, line in enumerate(lines):
        in_example = line.lstrip().startswith(">>>") or (in_example and bool(line.strip()))
        if not in_example:
            parts = line.split("``")  # every second part is literal
            parts[::2] = [part.replace("|", r"\|") for part in parts[::2]]
            lines[i] = "``".join(parts)


def public_objects():
    """(name, object) of all that the packages list in ``__all__``, packages within packages included."""
    waiting, seen = [spinlab], set()
    while waiting:
        module = waiting.pop()
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                yield f"{module.__name__}.{name}", thing
            elif thing not in seen:
                seen.add(thing)
                waiting.append(thing)


def check_that_all_is_shown(app, env) -> None:
    """A public function or class that has no place in the index is an error of the build."""
    shown = []
    for name in env.get_domain("py").objects:
        package, _, last = name.rpartition(".")
        with contextlib.suppress(ImportError, AttributeError, ValueError):  # methods and attributes
            shown.append(getattr(importlib.import_module(package), last))
    for name, thing in public_objects():
        if callable(thing) and not any(thing is other for other in shown):
            logger.warning("%s is public but in no index of the reference", name)


def verdicts_stay_out_of_the_side_bar(app, name: str, source: list[str]) -> None:
    """They are reached from the page of their study."""
    if name.startswith("verdicts/"):
        source[0] = f"---\norphan: true\n---\n{source[0]}"


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("source-read", verdicts_stay_out_of_the_side_bar)
    app.connect("env-check-consistency", check_that_all_is_shown)
    app.connect("autodoc-process-docstring", bars_are_absolute_values, priority=900)  # after napoleon
    os.environ["COLUMNS"] = "100"  # argparse wraps to the terminal otherwise
    app.add_directive("command-help", CommandHelp)
