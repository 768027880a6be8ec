"""Equations as MathML, written at build time: the pages need no script and no network to show them."""

from __future__ import annotations

from html import escape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def mathml(node: nodes.Element, display: bool) -> str:
    """The element <math> of an equation in TeX."""
    try:
        found = convert(node.astext(), display="block" if display else "inline")
        if "\\" in found:  # what it does not know stays in TeX
            raise ValueError(found)
        return found
    except Exception as error:
        logger.warning("no MathML for %s: %r", node.astext(), error, location=node)
        return f"<code>{escape(node.astext())}</code>"


def _inline(translator, node: nodes.math) -> None:
    translator.body.append(mathml(node, display=False))
    raise nodes.SkipNode


def _block(translator, node: nodes.math_block) -> None:
    # Wide equations scroll by themselves on narrow screens.
    translator.body.append(translator.starttag(node, "div", CLASS="equation"))
    translator.body.append(mathml(node, display=True))
    translator.body.append("</div>")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
