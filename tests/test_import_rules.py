"""The order of the layers and the other rules on imports, read from the source itself."""

from __future__ import annotations

import ast
import functools
import importlib.util
import inspect
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import spinlab

PACKAGE = Path(spinlab.__file__).parent
STUDIES = PACKAGE.parent / "studies"
SOURCES = sorted(p for p in PACKAGE.rglob("*.py") if "_studies" not in p.parts)

# A layer may import the layers with a smaller number, and itself.
RANK = {
    "_core": 0,
    "models": 1,
    "ensembles": 2,
    "datasets": 2,
    "exact": 3,
    "dynamics": 3,
    "anytime": 4,
    "solve": 5,
    "observables": 6,
    "interop": 6,
    "rbm": 7,
    "diagnose": 8,
    "scans": 8,
}
# The doors into the package may open every room; no room opens a door.
DOORS = {"__init__", "__main__", "cli", "studies", "_commands"}
# These stand beside the stack.
BESIDE: dict[str, set[str]] = {"sweeps": {"_core"}, "plotting": set(), "theory": set()}

# The top of the stack compares measurements with theory, keeps them in stores and draws them.
USES_BESIDE = {"diagnose", "scans"}

# Third parties that take long to import: only inside functions.
ON_USE = {"matplotlib", "xarray", "pandas", "dimod", "networkx", "tqdm", "netCDF4", "dask", "sklearn"}
ON_USE |= {"pooch", "h5py", "safetensors", "cloudpickle", "highspy", "arviz"}
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil"}
PICKLERS = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}
# The two exceptions: numba's own index in a folder that only this user can write, and functions on their way
# from this process to workers that it started.
UNPICKLES = {"_core/kernel_cache.py": {"pickle"}, "sweeps/execute.py": {"cloudpickle"}}


def layer(path: Path) -> str:
    """``exact`` for spinlab/exact/*.py, ``solve`` for spinlab/solve.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(nodes: Iterable[ast.AST], path: Path) -> Iterator[tuple[int, str, str | None]]:
    """(line, module in full, imported name) of every import among ``nodes``."""
    here = ("spinlab", *path.relative_to(PACKAGE).parent.parts)
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, module, alias.name


def on_import(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported: no function bodies, no TYPE_CHECKING."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from on_import(node.orelse)
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from on_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from on_import(handler.body)


def target(module: str, name: str | None) -> str | None:
    """The layer of spinlab that an import reaches, None for other packages."""
    parts = module.split(".")
    if parts[0] != "spinlab":
        return None
    return parts[1] if len(parts) > 1 else name


Import = tuple[int, str, str | None]


class Source(NamedTuple):
    """What the rules ask of a file: it is read once, and the trees of all files would fill the memory."""

    imports: list[Import]
    on_import: list[Import]
    """Those that run when the file is imported."""
    numba: list[tuple[int, str]]
    """(line, x) of every ``numba.x``."""
    kernels: list[tuple[int, str, set[str]]]
    """(line, name, names in it) of every kernel."""
    unfinished: list[int]
    """Lines that name NotImplementedError."""
    allow_pickle: list[tuple[int, str]]
    classes: set[str]


@functools.cache
def read(path: Path) -> Source:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    nodes = list(ast.walk(tree))
    return Source(
        imports=list(imports(nodes, path)),
        on_import=list(imports(on_import(tree.body), path)),
        numba=[
            (node.lineno, node.attr)
            for node in nodes
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "numba"
        ],
        kernels=[
            (node.lineno, node.name, {n.id for n in ast.walk(node) if isinstance(n, ast.Name)})
            for node in nodes
            if isinstance(node, ast.FunctionDef) and any(map(_is_kernel, node.decorator_list))
        ],
        unfinished=[
            node.lineno for node in nodes if isinstance(node, ast.Name) and node.id == "NotImplementedError"
        ],
        allow_pickle=[
            (node.value.lineno, ast.unparse(node.value))
            for node in nodes
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle"
        ],
        classes={node.name for node in tree.body if isinstance(node, ast.ClassDef)},
    )


def _is_kernel(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Name | ast.Call) and ast.unparse(decorator).startswith("kernel")


def test_relative_imports_are_resolved() -> None:
    tree = ast.parse(
        "from .._core.jit import kernel\nfrom . import result\nfrom .. import models\nimport numba"
    )
    found = [target(m, n) for _, m, n in imports(ast.walk(tree), PACKAGE / "exact" / "new.py")]
    assert found == ["_core", "exact", "models", None]


def test_imports_in_functions_do_not_run_on_import() -> None:
    tree = ast.parse(
        "try:\n    import a\nexcept E:\n    import b\nclass C:\n    def f(self):\n        import c"
    )
    assert [m for _, m, _ in imports(on_import(tree.body), PACKAGE / "new.py")] == ["a", "b"]


def test_every_module_has_a_place_in_the_order() -> None:
    assert {layer(p) for p in SOURCES} <= {*RANK, *BESIDE, *DOORS}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down_only(path: Path) -> None:
    own = layer(path)
    if own in DOORS:
        return
    for line, module, name in read(path).imports:
        other = target(module, name)
        if other in (None, own, "__version__"):
            continue
        where = f"{path}:{line} imports {module}.{name or ''}"
        if own in BESIDE:
            assert other in BESIDE[own], where
        else:
            if own in USES_BESIDE and other in BESIDE:
                continue
            assert other in RANK, where
            assert RANK[other] < RANK[own], where


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_third_parties_are_imported_where_they_are_allowed(path: Path) -> None:
    for line, module, name in read(path).on_import:
        root = module.split(".")[0]
        full = f"{module}.{name}" if name else module
        assert root not in ON_USE, f"{path}:{line}: import {root} inside the function that uses it"
        assert not full.startswith("scipy.stats"), f"{path}:{line}: scipy.stats takes seconds to import"
        if root == "numba":
            assert layer(path) == "_core", f"{path}:{line}: numba is reached through _core.jit only"
    allowed = UNPICKLES.get(path.relative_to(PACKAGE).as_posix(), set())
    for line, module, _ in read(path).imports:
        assert module.split(".")[0] not in PICKLERS - allowed, f"{path}:{line}: unpickling runs foreign code"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_one_decorator_compiles(path: Path) -> None:
    if path == PACKAGE / "_core" / "jit.py":
        return
    for line, module, name in read(path).imports:
        assert not (module.startswith("numba") and name in COMPILERS), f"{path}:{line}: use _core.jit.kernel"
    for line, name in read(path).numba:
        assert name not in COMPILERS, f"{path}:{line}: use _core.jit.kernel"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_kernels_call_their_own_file_and_core_only(path: Path) -> None:
    """numba's disk cache does not notice an edit in another file; _core is hashed, others are not."""
    foreign = {
        name
        for _, module, name in read(path).imports
        if target(module, name) not in (None, "_core") and name is not None
    }
    for line, kernel, used in read(path).kernels:
        assert not used & foreign, f"{path}:{line}: kernel {kernel} uses {used & foreign}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_nothing_is_left_unfinished_or_unpickled(path: Path) -> None:
    assert not read(path).unfinished or path == PACKAGE / "_core" / "primitives.py", path
    for line, value in read(path).allow_pickle:
        assert value == "False", f"{path}:{line}"


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.py")), ids=lambda p: p.name)
def test_studies_use_the_public_api_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            private = [p for p in parts[1:] if p.startswith("_") and p != "__version__"]
            assert parts[0] != "spinlab" or not private, f"{path}:{node.lineno}: {name} is private"


# Floors within a package; a file of it may import the lower ones and its own. Rooms on one floor do not see
# each other: training and judging, or two methods that share nothing.
FLOORS: dict[str, tuple[set[str], ...]] = {
    "exact": (
        {"accuracy", "couplings", "method", "proof"},
        {"result"},
        {"choice", "parts", "enumeration", "layer", "planar", "tree", "branching"},
        {"lowrank"},
        {"minima", "states"},
    ),
    "rbm": ({"machines"}, {"negative"}, {"training", "judging", "exchange"}, {"estimator"}),
}


def module_of(path: Path) -> str:
    """``spinlab.exact.tree`` for spinlab/exact/tree/__init__.py."""
    parts = ["spinlab", *path.relative_to(PACKAGE).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(p): p for p in SOURCES}


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module of spinlab) of every import, those in functions and for type checkers included."""
    for line, module, name in read(path).imports:
        full = f"{module}.{name}"
        if full in MODULES:
            yield line, full
        elif module in MODULES:
            yield line, module


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_floors_within_a_package(path: Path) -> None:
    own, *rest = path.relative_to(PACKAGE).with_suffix("").parts
    floors = FLOORS.get(own)
    if floors is None or rest[0] == "__init__":
        return
    height = {room: i for i, rooms in enumerate(floors) for room in rooms}
    assert rest[0] in height, f"{path} stands on no floor"
    for line, module in imported_modules(path):
        parts = module.split(".")
        if parts[1:2] == [own] and len(parts) > 2 and parts[2] != rest[0]:
            assert height[parts[2]] < height[rest[0]], f"{path}:{line} imports {module}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_no_module_imports_from_the_package_that_it_is_in(path: Path) -> None:
    """Such an import runs in a circle through ``__init__``."""
    own = module_of(path)
    for line, module in imported_modules(path):
        inside = own.startswith(f"{module}.") and module != "spinlab"
        assert not inside, f"{path}:{line}: import from the module, not through {module}"


def test_imports_run_in_no_circle() -> None:
    """Over all modules; also where an import is for annotations only, or inside a function."""
    graph = {name: {m for _, m in imported_modules(path)} - {name} for name, path in MODULES.items()}
    del graph["spinlab"]  # loads its packages on use; the others read its version
    while removable := {name for name, needs in graph.items() if not needs & graph.keys()}:
        graph = {name: needs for name, needs in graph.items() if name not in removable}
    while tips := graph.keys() - set().union(*graph.values()):
        graph = {name: needs for name, needs in graph.items() if name not in tips}
    assert {n: sorted(needs & graph.keys()) for n, needs in graph.items()} == {}


def public() -> Iterator[tuple[str, object]]:
    """(name, object) of everything in the ``__all__`` of every package, packages within packages included."""
    waiting, seen = [spinlab], set()
    while waiting:
        module = waiting.pop()
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if not inspect.ismodule(thing):
                yield f"{module.__name__}.{name}", thing
            elif thing.__name__ not in seen:
                seen.add(thing.__name__)
                waiting.append(thing)


def test_what_public_functions_return_is_public() -> None:
    own = set().union(*(read(path).classes for path in SOURCES))
    shown = {getattr(thing, "__name__", "") for _, thing in public()}
    lacking = set()
    for name, thing in public():
        if inspect.isfunction(thing):
            returned = set(
                re.findall(r"(?<!nx\.)\b[A-Za-z_]\w*", str(inspect.signature(thing).return_annotation))
            )
            lacking |= {f"{name} returns {kind}" for kind in (returned & own) - shown}
    assert lacking == set()


def test_examples_of_extending_import_nothing_private() -> None:
    page = (STUDIES.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    found = (imports(ast.walk(ast.parse(block)), PACKAGE / "page.py") for block in blocks)
    imported = [f"{module}.{name}" for each in found for _, module, name in each]
    assert "spinlab.models.DenseIsing" in imported
    assert [name for name in imported if name.startswith("spinlab") and "._" in name] == []


def test_no_benchmark_hides_a_module() -> None:
    """A script's folder comes first where modules are looked for; numba imports `coverage` if it is there."""
    scripts = {path.stem: path for path in (STUDIES.parent / "tests" / "benchmarks").glob("*.py")}
    found = {name: importlib.util.find_spec(name) for name in scripts}  # some test may have made it a path
    other = {name for name, spec in found.items() if spec and spec.origin != str(scripts[name])}
    assert "bench_branching" in scripts
    assert {name for name in scripts if name == "coverage"} | other == set()
