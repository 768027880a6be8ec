"""The reference: a page per public object, summary tables, and every public name in the index.

``.. public:: spinlab.dynamics`` gives the docstring of a package, a table of its functions, one of its
classes, and its constants. The packages' ``__all__`` is the registry that all of it follows.
"""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from docutils.statemachine import StringList
from public import names_of, public_modules, public_objects
from sphinx.application import Sphinx
from sphinx.domains.python import ObjectEntry
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

FOLDER = "reference/generated"


def shown_at() -> dict[int, str]:
    """By id of an object, the name that has a page: of a function the shortest, of a class its package's."""
    names: dict[int, list[str]] = {}
    for name, thing in public_objects():
        if callable(thing):
            names.setdefault(id(thing), []).append(name)
    classes = {id(thing) for _, thing in public_objects() if inspect.isclass(thing)}

    def depth(name: str) -> int:
        return name.count(".")

    return {i: (max if i in classes else min)(found, key=depth) for i, found in names.items()}


def contents(module: ModuleType) -> tuple[list[str], list[str], list[str]]:
    """Names of the functions, classes and constants that have their place with this package."""
    pages = set(shown_at().values())
    functions, classes, constants = [], [], []
    for name in sorted(names_of(module)):
        thing, full = getattr(module, name), f"{module.__name__}.{name}"
        if inspect.ismodule(thing):
            continue
        if not callable(thing):
            constants.append(full)
        elif full in pages:
            (classes if inspect.isclass(thing) else functions).append(full)
    return functions, classes, constants


def page(name: str, is_class: bool) -> str:
    """Source of the page of one object."""
    module, _, last = name.rpartition(".")
    title = f"{module.removeprefix('spinlab.')}.{last}" if module != "spinlab" else name
    kind = "autoclass" if is_class else "autofunction"
    options = "   :members:\n   :show-inheritance:\n" if is_class else ""
    # Three hundred entries would bury the side bar; the tables of the packages lead here, and the line back.
    head = f":orphan:\n\n{title}\n{'=' * len(title)}\n\nOf :py:mod:`{module}`.\n\n"
    return f"{head}.. currentmodule:: {module}\n\n.. {kind}:: {name}\n{options}"


def write_pages(app: Sphinx) -> None:
    """A file per object; one that is as it was keeps its time, and stale ones go."""
    folder = Path(app.srcdir, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    by_id = {id(thing): thing for _, thing in public_objects()}
    wanted = {f"{name}.rst": page(name, inspect.isclass(by_id[i])) for i, name in shown_at().items()}
    for path in folder.glob("*.rst"):
        if path.name not in wanted:
            path.unlink()
            Path(app.outdir, FOLDER, path.name).with_suffix(".html").unlink(missing_ok=True)
    for file, text in wanted.items():
        path = folder / file
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


class Public(SphinxDirective):
    """Docstring and tables of a package."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        module = next(m for m in public_modules() if m.__name__ == name)
        functions, classes, constants = contents(module)
        lines = [f".. automodule:: {name}", "   :no-members:", ""]
        for title, names in (("Functions", functions), ("Classes and results", classes)):
            if names:
                lines += [f".. rubric:: {title}", "", ".. autosummary::", "   :nosignatures:", ""]
                lines += [f"   {full.removeprefix(name + '.')}" for full in names] + [""]
        if constants:
            lines += [".. rubric:: Constants", ""]
            lines += [line for full in constants for line in self.constant(full)]
        parent = nodes.Element()
        source = StringList(lines, source=self.env.doc2path(self.env.docname))
        self.state.nested_parse(source, self.content_offset, parent)
        return parent.children

    def constant(self, full: str) -> list[str]:
        """A constant with its value, if that is short."""
        module, _, last = full.rpartition(".")
        value = getattr(importlib.import_module(module), last)
        short = isinstance(value, str | float | tuple)
        return [f".. py:data:: {last}", *([f"   :value: {value!r}"] if short else []), ""]


def name_everything(env: Any) -> None:
    """Objects that two packages list are found under both names; what has no place at all is an error."""
    objects = env.get_domain("py").objects
    pages = shown_at()
    for name, thing in public_objects():
        if name in objects:
            continue
        shown = pages.get(id(thing))
        if shown in objects:
            entry = objects[shown]
            objects[name] = ObjectEntry(entry.docname, entry.node_id, entry.objtype, True)
        else:
            logger.warning("%s is public but in no index of the reference", name)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.setup_extension("sphinx.ext.autosummary")
    app.add_directive("public", Public)
    app.connect("builder-inited", write_pages)
    app.connect("env-check-consistency", lambda app, env: name_everything(env))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
