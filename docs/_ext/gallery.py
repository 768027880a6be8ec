"""The gallery: cards with the figure of each notebook, and the notebooks to take away."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import nbformat
from docutils import nodes
from myst_nb.core.read import read_myst_markdown_notebook
from myst_parser.config.main import MdParserConfig
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

NOTEBOOKS = ("which_phase", "ground_state", "accessibility_map", "training", "fig1", "qubo")


class Gallery(SphinxDirective):
    """A card per notebook."""

    def run(self) -> list[nodes.Node]:
        here = self.env.docname.startswith("gallery/")
        lines = ["::::{grid} 1 2 3 3", ":gutter: 3", ""]
        for name in NOTEBOOKS:
            source = Path(self.env.srcdir, "gallery", f"{name}.md").read_text(encoding="utf-8")
            title = re.search(r"^# (.*)$", source, re.MULTILINE)[1]
            image = f"{'../' if here else ''}_images/thumbnail_{name}.png"
            lines += [
                ":::{grid-item-card}",
                f":link: {'' if here else 'gallery/'}{name}",
                ":link-type: doc",
                "",
            ]
            lines += [
                "```{raw} html",
                f'<img class="thumbnail" alt="" src="{image}">',
                "```",
                "",
                title,
                ":::",
                "",
            ]
        return self.parse_text_to_nodes("\n".join([*lines, "::::"]))


def add_downloads(app: Sphinx, docname: str, source: list[str]) -> None:
    """A line at the end of each notebook of the gallery."""
    folder, _, name = docname.rpartition("/")
    if folder == "gallery" and name in NOTEBOOKS:
        links = " or ".join(f'<a href="{name}.{kind}" download>{name}.{kind}</a>' for kind in ("ipynb", "py"))
        source[0] += f"\n\n```{{raw}} html\n<p>Take this page as {links}.</p>\n```\n"


def find_thumbnail(app: Sphinx, doctree: nodes.document) -> None:
    """The last figure of the cell that is tagged, or of the page."""
    folder, _, name = app.env.docname.rpartition("/")
    if folder != "gallery" or name not in NOTEBOOKS:
        return
    cells = [n for n in doctree.findall(nodes.container) if "thumbnail" in str(n.get("classes", []))]
    images = [image for cell in cells or [doctree] for image in cell.findall(nodes.image)]
    if images:
        app.env.gallery_thumbnails = getattr(app.env, "gallery_thumbnails", {}) | {name: images[-1]["uri"]}


def write(app: Sphinx, exception: Exception | None) -> None:
    """Thumbnails beside the other images, notebooks and scripts beside their pages."""
    if exception or app.builder.format != "html":
        return
    for name, uri in getattr(app.env, "gallery_thumbnails", {}).items():
        found = next((p for p in (Path(app.srcdir, uri.lstrip("/")), Path(uri)) if p.is_file()), None)
        if found:
            shutil.copyfile(found, Path(app.outdir, "_images", f"thumbnail_{name}.png"))
    for name in NOTEBOOKS:
        text = Path(app.srcdir, "gallery", f"{name}.md").read_text(encoding="utf-8")
        notebook = read_myst_markdown_notebook(text, MdParserConfig())
        page = Path(app.outdir, "gallery", name)
        nbformat.write(notebook, page.with_suffix(".ipynb"))
        page.with_suffix(".py").write_text(as_script(notebook), encoding="utf-8")


def as_script(notebook: Any) -> str:
    """Cells divided by ``# %%``, text as comments."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = "\n".join(f"# {line}".rstrip() for line in cell.source.splitlines())
            parts.append(f"# %% [markdown]\n{text}\n")
        else:
            parts.append(f"# %%\n{cell.source}\n")
    return "\n".join(parts)


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_directive("gallery", Gallery)
    app.connect("source-read", add_downloads)
    app.connect("doctree-read", find_thumbnail)
    app.connect("build-finished", write)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
