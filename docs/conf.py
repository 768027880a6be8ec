"""Sphinx settings. The build reads nothing from the network."""

import ast
import contextlib
import io
import os
import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.util.docutils import SphinxDirective

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import inventories  # noqa: E402

import spinlab  # noqa: E402
from spinlab import cli, studies  # noqa: E402

project = "spinlab"
author = "The spinlab developers"
copyright = author
release = version = spinlab.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.intersphinx",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    "citations",
    "equations",
    "gallery",
    "mathml",
    "names",
    "reference",
]
exclude_patterns = ["_build", "_ext"]
html_theme = "furo"
html_title = f"spinlab {release}"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "deflist", "colon_fence"]
os.environ.pop("MPLBACKEND", None)  # a backend without notebooks would leave their figures out
nb_execution_mode = "cache"  # below docs/_build: a notebook is executed again when its cells change
nb_execution_cache_path = str(HERE / "_build" / "notebooks")
nb_execution_timeout = 300
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_excludepatterns = ["gallery/first_steps.ipynb"]  # executed by tests/test_notebook.py
nb_output_stderr = "remove"  # what the compiler says about itself
bibtex_bibfiles = ["references.bib"]
intersphinx_mapping = inventories.mapping(HERE / "_build" / "inventories")
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
autosummary_generate = False  # the pages of objects are written by _ext/reference.py
myst_heading_anchors = 3

autodoc_default_options = {"show-inheritance": True}
autodoc_member_order = "groupwise"
# Short in a signature: RNG is None, an int, a Generator, ...; ModelLike whatever becomes a model.
autodoc_type_aliases = {"RNG": "RNG", "ModelLike": "ModelLike"}
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


class Studies(SphinxDirective):
    """A card per study: its figure, its first line, its verdict."""

    def run(self) -> list[nodes.Node]:
        lines = ["::::{grid} 1 2 2 2", ":gutter: 3", ""]
        for name in studies.names():
            source = Path(studies.__path__[0], f"{name}.py").read_text(encoding="utf-8")
            title = (ast.get_docstring(ast.parse(source)) or name).splitlines()[0]
            lines += [f":::{{grid-item-card}} {name}"]
            if (HERE / "figures" / f"{name}.png").exists():
                lines += [f":img-top: figures/{name}.png"]
            if (HERE / "verdicts" / f"{name}.md").exists():
                lines += [f":link: verdicts/{name}", ":link-type: doc"]
            lines += ["", title, ":::", ""]
        return self.parse_text_to_nodes("\n".join([*lines, "::::"]))


def verdicts_stay_out_of_the_side_bar(app, name: str, source: list[str]) -> None:
    """They are reached from the page of their study."""
    if name.startswith("verdicts/"):
        source[0] = f"---\norphan: true\n---\n{source[0]}"


def figures_open_in_full(app, doctree) -> None:
    """Sphinx links an image with a width to its file."""
    for image in doctree.findall(nodes.image):
        if not {"width", "height", "scale"} & set(image.attributes):
            image["width"] = "100%"


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("source-read", verdicts_stay_out_of_the_side_bar)
    app.connect("doctree-read", figures_open_in_full)
    os.environ["COLUMNS"] = "100"  # argparse wraps to the terminal otherwise
    app.add_directive("command-help", CommandHelp)
    app.add_directive("studies", Studies)
