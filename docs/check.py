"""Checks of the built documentation: ``python docs/check.py docs/_build/html``; ``make docs`` ends with it.

- every public name is in objects.inv, result types and methods of the guide included;
- every link within the pages leads somewhere;
- no page loads a script, a style or a font from elsewhere, and equations are MathML;
- no docstring shows an equation as plain text;
- names of the package in the guide's text are links.
"""

from __future__ import annotations

import re
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from public import public_objects

# What only an equation has: a power, a sum with its index, a root, an average of a product.
PLAIN_EQUATION = re.compile(r"\w\^[\w({-]|sum_[\w{]|sqrt\(|\b[A-Za-z]_\{|\bexp\(-|<\w_\w")
FEWEST_LINKED_NAMES = 400
# Spans of the guide that are spelt as a public name and mean something else there, by page.
WORDS = {
    "choose_a_solver": {"energy"},  # of a result, as in the next ones
    "interop": {"energy"},
    "proofs": {"energy"},
    "tutorial": {"mean"},  # a column of the sweep
    "extending": {"NAME", "cost", "least", "refusal"}
    | {f"{name}(model, task)" for name in ("cost", "least", "refusal")},  # of one's own method
    "file_formats": {"sk"},  # a type of instance
    "scans": {"hopfield", "ra", "sk"},  # ensembles of the command
    "sweeps": {"scan"},  # a command
    "theory": {"hopfield", "sk"},  # modules
    "training": {"free_energy(v)"},  # of one's own machine
    "training_studies": {"capacity", "cost"},  # studies
}


class Page(HTMLParser):
    """Addresses, targets and text of a page; text in code, equations and scripts is left out."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.ids: set[str] = set()
        self.text: list[str] = []
        self.linked_names = 0
        self.unlinked: list[str] = []
        self.n_equations = 0
        self._open: list[str] = []
        self._in_link = 0
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found[key] for key in ("id", "name") if key in found}
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
            self._in_link += 1
        if tag in ("script", "img", "iframe") and "src" in found:
            self.loaded.append(found["src"])
        if tag == "link" and found.get("rel") in ("stylesheet", "preload", "icon"):
            self.loaded.append(found["href"])
        self.linked_names += tag == "code" and self._in_link > 0
        self.n_equations += tag == "math"
        if tag in ("code", "pre", "math", "script", "style", "title", "svg"):
            self._open.append(tag)
            if tag == "code" and not self._in_link:
                self.unlinked.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a":
            self._in_link -= 1
        if self._open and self._open[-1] == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        if not self._open:
            self.text.append(data)
        elif self._open[-1] == "code" and not self._in_link:
            self.unlinked[-1] += data


def inventory(path: Path) -> set[str]:
    """The names in an objects.inv."""
    head = path.read_bytes().split(b"\n", 4)
    return {line.split()[0] for line in zlib.decompress(head[4]).decode().splitlines() if " py:" in line}


def missing_names(html: Path) -> list[str]:
    """Public names that cannot be looked up."""
    known = inventory(html / "objects.inv")
    return [f"{name} is not in objects.inv" for name, _ in public_objects() if name not in known]


def broken_links(html: Path, pages: dict[Path, Page]) -> list[str]:
    """Links within the pages that lead nowhere."""
    found = []
    for path, page in pages.items():
        if (
            path.relative_to(html).parts[0] == "_modules"
        ):  # the ways back from source code are guesses of viewcode
            continue
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            where = f"{path.relative_to(html)} links to {link}"
            if not target.exists() or (
                parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids
            ):
                found.append(where)
    return found


def spelt(span: str) -> str:
    """The last part of the name that a span begins with."""
    return re.sub(r"\(.*", "", span, flags=re.DOTALL).rpartition(".")[2].strip()


def problems(html: Path) -> list[str]:
    """Everything that is wrong, a line each."""
    paths = [path.resolve() for path in html.rglob("*.html") if "_static" not in path.parts]
    pages = {path: Page(path) for path in paths}
    found = missing_names(html) + broken_links(html.resolve(), pages)
    for path, page in pages.items():
        name = path.relative_to(html.resolve()).as_posix()
        found += [f"{name} loads {source}" for source in page.loaded if urlsplit(source).netloc]
        if name.startswith("reference/"):
            plain = PLAIN_EQUATION.search(" ".join(page.text))
            if plain:
                found.append(f"{name} shows an equation as text: ..{plain[0]}..")
    guide = [page for path, page in pages.items() if path.parent == html.resolve()]
    linked = sum(page.linked_names for page in guide)
    if linked < FEWEST_LINKED_NAMES:
        found.append(f"only {linked} names in the guide are links")
    last = {name.rpartition(".")[2] for name, _ in public_objects()}
    for page, spans in ((path.stem, page.unlinked) for path, page in pages.items() if page in guide):
        for span in sorted(set(spans) - WORDS.get(page, set())):
            if spelt(span) in last:
                found.append(f"{page}.html: `{span}` is a public name and no link")
    n_equations = sum(page.n_equations for page in pages.values())
    print(f"{len(pages)} pages, {n_equations} equations, {linked} names linked in the guide")
    return found


if __name__ == "__main__":
    failures = problems(Path(sys.argv[1]))
    print("\n".join(failures) or "documentation: all checks passed")
    sys.exit(bool(failures))
