"""Articles and preprints named in the text are links; docs/references.bib knows where they can be read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from pybtex.database import parse_file
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

BIBLIOGRAPHY = Path(__file__).parents[1] / "references.bib"
ARXIV = r"arXiv:(?P<arxiv>\d{4}\.\d{4,5})"
DOI = r"doi:(?P<doi>10\.\d{4,}/[^\s),;]*[^\s),;.])"


def in_words(journal: str, volume: str, first_page: str) -> str:
    """The way an article is named in the text: ``Phys. Rev. Lett. 35, 1792``."""
    return f"{journal} {volume}, {first_page}"


@cache
def articles() -> dict[str, str]:
    """DOI by the words that name an article."""
    found = {}
    for entry in parse_file(str(BIBLIOGRAPHY)).entries.values():
        fields = entry.fields
        if {"journal", "volume", "pages", "doi"} <= set(fields):
            journal = fields["journal"].replace("\\", "")
            found[in_words(journal, fields["volume"], fields["pages"].split("-")[0])] = fields["doi"]
    return found


@cache
def pattern() -> re.Pattern[str]:
    """All that can be linked."""
    words = sorted(articles(), key=len, reverse=True)
    known = "|".join(r"\s+".join(map(re.escape, text.split())) for text in words)
    return re.compile(rf"(?P<article>{known})(?!\d)|{ARXIV}|{DOI}")


def address(match: re.Match[str]) -> str:
    """Where the work can be read."""
    if match["arxiv"]:
        return f"https://arxiv.org/abs/{match['arxiv']}"
    return "https://doi.org/" + (match["doi"] or articles()[" ".join(match["article"].split())])


class LinkCitations(SphinxPostTransform):
    """Splits text around works it names."""

    default_priority = 6

    def run(self, **_: Any) -> None:
        passed_over = (
            nodes.reference,
            nodes.literal,
            nodes.literal_block,
            nodes.title,
            nodes.math,
            nodes.raw,
        )
        for node in list(self.document.findall(nodes.Text)):
            parent = node.parent
            while parent is not None and not isinstance(parent, passed_over):
                parent = parent.parent
            if parent is not None or not pattern().search(node):
                continue
            parts, done = [], 0
            for match in pattern().finditer(node):
                parts.append(nodes.Text(node[done : match.start()]))
                parts.append(nodes.reference("", match[0], internal=False, refuri=address(match)))
                done = match.end()
            parts.append(nodes.Text(node[done:]))
            node.parent.replace(node, [part for part in parts if part.astext()])


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(LinkCitations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
