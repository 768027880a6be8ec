"""A literal that names a public object becomes a link to its page.

``sl.ground_state(J)``, ``exact.GroundState``, ``Trainer.fit``, ``count_minima(J).error`` and, on the page of
its package, ``gibbs``. A name that is written with the package in front and does not exist is an error of the
build.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from typing import Any

from docutils import nodes
from public import public_modules, public_objects
from sphinx.application import Sphinx
from sphinx.ext.intersphinx import InventoryAdapter
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)

SPAN = re.compile(
    r"(?:\w+=)?(?P<prefix>(?:sl|spinlab)\.)?(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"(?P<call>\(.*\)(?:\.\w+)*)?",
    re.DOTALL,
)
FILE = re.compile(r"\.(?:py|md|txt|toml|cff|npz|nc|sqlite|json|png|pdf|ini|yml)$|^spinlab\.\w+$")
SHORT = {"np": "numpy", "nx": "networkx", "xr": "xarray", "plt": "matplotlib.pyplot"}

# Bare names on these pages are those of a package.
CONTEXT = {
    "choose_a_solver": ["spinlab", "spinlab.exact"],
    "proofs": ["spinlab.exact", "spinlab.exact.branching"],
    "dynamics": ["spinlab.dynamics", "spinlab.dynamics.equilibration"],
    "observables": ["spinlab.observables", "spinlab.observables.errors", "spinlab.dynamics.equilibration"],
    "interop": ["spinlab.models", "spinlab.interop"],
    "file_formats": ["spinlab.models", "spinlab.rbm"],
    "training": ["spinlab.rbm"],
    "evaluation": ["spinlab.rbm"],
    "training_studies": ["spinlab.rbm"],
    "gpu": ["spinlab.dynamics", "spinlab.rbm"],
    "benchmarks": ["spinlab.dynamics"],
    "scans": ["spinlab.scans"],
    "sweeps": ["spinlab.sweeps"],
    "diagnose": ["spinlab.diagnose", "spinlab.observables"],
    "theory": ["spinlab.theory"],
}


class Names:
    """Public names, in full and by their last part, and those of neighbouring packages."""

    def __init__(self, env: Any) -> None:
        self.objects = env.get_domain("py").objects
        self.packages = {m.__name__.removeprefix("spinlab.").split(".")[0] for m in public_modules()} - {
            "spinlab"
        }
        self.by_last: dict[str, set[str]] = defaultdict(set)
        for name, thing in public_objects():
            if callable(thing):
                self.by_last[name.rpartition(".")[2]].add(name)
        self.by_end: dict[str, set[str]] = defaultdict(set)
        for name in self.objects:
            parts = name.split(".")
            for i in range(1, len(parts) - 1):
                self.by_end[".".join(parts[i:])].add(name)
        self.elsewhere = {
            name: item.uri
            for kind, items in InventoryAdapter(env).main_inventory.items()
            if kind.startswith("py:")
            for name, item in items.items()
        }

    def find(self, text: str, docname: str) -> str | None:
        """The full name of the object that a span names, or None."""
        match = SPAN.fullmatch(text)
        if not match or (FILE.search(match["name"]) and not match["prefix"]):
            return None
        name = match["name"]
        context = CONTEXT.get(docname, ["spinlab"])
        if docname.startswith("reference/generated/"):
            context = [docname.split("/")[-1].rpartition(".")[0]]
        for home in ["spinlab"] if match["prefix"] else ["spinlab", *context]:
            if f"{home}.{name}" in self.objects:
                return f"{home}.{name}"
        if name in self.objects:
            return name
        if "." in name:
            found = self.by_end.get(name, set())
            return self.first(found)
        distinct = bool(match["call"]) or "_" in name or name[0].isupper()
        return self.first(self.by_last.get(name, set())) if distinct else None

    def first(self, found: set[str]) -> str | None:
        """The only one; of several, the one nearest to the top if it is alone there."""
        depth = min((name.count(".") for name in found), default=0)
        nearest = {name for name in found if name.count(".") == depth}
        return nearest.pop() if len(nearest) == 1 else None

    def is_claimed(self, text: str) -> bool:
        """Whether a span says that it is a name of this package."""
        match = SPAN.fullmatch(text)
        if not match:
            return False
        if match["prefix"]:
            return not FILE.search(text.removeprefix("spinlab.")) and match["prefix"] == "sl."
        return "." in match["name"] and match["name"].split(".")[0] in self.packages and not FILE.search(text)


@cache
def _names(env: Any) -> Names:
    """Complete, since pages are written after all have been read."""
    return Names(env)


class LinkNames(SphinxPostTransform):
    """Wraps literals into references."""

    default_priority = 5

    def run(self, **_: Any) -> None:
        names = _names(self.env)
        docname = self.env.docname
        for node in list(self.document.findall(nodes.literal)):
            if isinstance(node.parent, nodes.reference | nodes.title) or "xref" in node.get("classes", []):
                continue
            text = node.astext()
            full = names.find(text, docname)
            if full:
                entry = names.objects[full]
                # An alias is shown on the page of the object itself.
                link = make_refnode(self.app.builder, docname, entry.docname, entry.node_id, [], full)
            else:
                short, dot, rest = SPAN.sub(r"\g<name>", text, count=1).partition(".")
                uri = names.elsewhere.get(SHORT.get(short, short) + dot + rest)
                if uri is None:
                    if names.is_claimed(text) and not docname.startswith(("reference/", "changelog")):
                        logger.warning("%s names nothing public", text, location=node, type="names")
                    continue
                link = nodes.reference("", "", internal=False, refuri=uri)
            node.replace_self(link)
            link += node


def setup(app: Sphinx) -> dict[str, bool]:
    """Called by Sphinx."""
    app.add_post_transform(LinkNames)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
