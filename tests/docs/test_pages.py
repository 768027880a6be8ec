"""The checks of the built pages find what they look for, and the inventories of neighbours can be read."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

import spinlab

DOCS = Path(__file__).parents[2] / "docs"
sys.path[:0] = [str(DOCS), str(DOCS / "_ext")]
check = importlib.import_module("check")
inventories = importlib.import_module("inventories")
public = importlib.import_module("public")


def test_every_public_name_is_asked_for() -> None:
    names = dict(public.public_objects())
    assert {"spinlab.ground_state", "spinlab.exact.GroundState", "spinlab.models.ModelLike"} <= set(names)
    assert names["spinlab.observables.errors.jackknife"] is spinlab.observables.errors.jackknife
    assert "spinlab.observables.errors.as_samples" not in names


def test_inventories_hold_what_is_named(tmp_path: Path) -> None:
    mapping = inventories.mapping(tmp_path)
    assert {"python", "numpy", "scipy", "xarray", "networkx"} <= set(mapping)
    assert "numpy.random.Generator" in check.inventory(Path(mapping["numpy"][1]))


def page(tmp_path: Path, text: str) -> dict[Path, object]:
    path = tmp_path.resolve() / "page.html"
    path.write_text(text, encoding="utf-8")
    return {path: check.Page(path)}


@pytest.mark.parametrize(
    ("link", "is_broken"),
    [
        ("#here", False),
        ("page.html#here", False),
        ("https://example.org/x", False),
        ("#there", True),
        ("no.html", True),
    ],
)
def test_links_are_followed(tmp_path: Path, link: str, is_broken: bool) -> None:
    pages = page(tmp_path, f'<p id="here"><a href="{link}">x</a></p>')
    assert bool(check.broken_links(tmp_path.resolve(), pages)) == is_broken


def test_text_of_code_and_equations_is_no_text(tmp_path: Path) -> None:
    (found,) = page(tmp_path, "<p>N^2 <code>x^2</code><math><mi>y^2</mi></math></p>").values()
    assert check.PLAIN_EQUATION.search("".join(found.text))
    (found,) = page(tmp_path, "<p>size <code>x^2</code><math><mi>y^2</mi></math></p>").values()
    assert not check.PLAIN_EQUATION.search("".join(found.text))
    assert found.n_equations == 1
    assert found.unlinked == ["x^2"]


def test_names_without_a_link_are_seen(tmp_path: Path) -> None:
    code = "<code><span>ground_state(J,</span> <span>rng=0)</span></code>"
    (found,) = page(tmp_path, f'<p>{code} <a href="x"><code>gibbs</code></a></p>').values()
    assert found.unlinked == ["ground_state(J, rng=0)"]
    assert check.spelt(found.unlinked[0]) == "ground_state"
    assert [check.spelt(x) for x in ("sl.scan", "count_minima(...).at_least")] == ["scan", "count_minima"]


def test_what_is_loaded_from_elsewhere_is_seen(tmp_path: Path) -> None:
    (found,) = page(
        tmp_path, '<script src="https://cdn.example.org/x.js"></script><img src="a.png">'
    ).values()
    assert found.loaded == ["https://cdn.example.org/x.js", "a.png"]
