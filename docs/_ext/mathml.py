"""Equations as MathML, written at build time: the pages need no script and no network to show them."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from xml.etree.ElementTree import Element, tostring
from xml.sax.saxutils import unescape

from docutils import nodes
from latex2mathml.converter import convert_to_element
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)

ROWS = {"math", "mrow", "mstyle", "mtd"}  # other elements have a fixed number of children
FENCES = {"&#x027E8;", "&#x027E9;"}  # which the converter takes for letters


def space(element: Element) -> None:
    """Thin spaces beside ln, tanh.. as TeX sets them: towards letters, numbers and what is made of them."""
    children = list(element)
    for child in children:
        space(child)
    if element.tag not in ROWS:
        return
    for left, right in pairwise(children):
        beside = not {left.tag, right.tag} & {"mo", "mspace"} and not {left.text, right.text} & FENCES
        if beside and (named(left) or named(right)):
            element.insert(list(element).index(right), Element("mspace", width="0.167em"))


def named(element: Element) -> bool:
    """Whether it is a function such as ln, with an index or a power or without."""
    if element.tag in {"msub", "msup", "msubsup"}:
        return named(element[0])
    text = element.text or ""
    return element.tag == "mi" and len(text) > 1 and text.isalpha()


def mathml(node: nodes.Element, display: bool) -> str:
    """The element <math> of an equation in TeX."""
    try:
        tree = convert_to_element(node.astext(), display="block" if display else "inline")
        space(tree)
        found = unescape(tostring(tree, encoding="unicode"))
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
