"""Where neighbouring packages document what is named here, written down by hand: a build needs no network."""

from __future__ import annotations

import zlib
from pathlib import Path

# Per package: its pages, and lines "kind name page" ("$" stands for the name).
PACKAGES = {
    "python": (
        "https://docs.python.org/3/",
        """class int library/functions.html#int
        class float library/functions.html#float
        class str library/stdtypes.html#str
        class bool library/functions.html#bool
        class dict library/stdtypes.html#dict
        class tuple library/stdtypes.html#tuple
        class list library/stdtypes.html#list
        exception ValueError library/exceptions.html#ValueError
        exception TypeError library/exceptions.html#TypeError
        exception KeyboardInterrupt library/exceptions.html#KeyboardInterrupt
        class pathlib.Path library/pathlib.html#pathlib.Path
        class concurrent.futures.Executor library/concurrent.futures.html#concurrent.futures.Executor
        class collections.abc.Callable library/collections.abc.html#collections.abc.Callable
        class collections.abc.Sequence library/collections.abc.html#collections.abc.Sequence
        class collections.abc.Mapping library/collections.abc.html#collections.abc.Mapping
        class collections.abc.Iterator library/collections.abc.html#collections.abc.Iterator
        class typing.Any library/typing.html#typing.Any
        class typing.NamedTuple library/typing.html#typing.NamedTuple""",
    ),
    "numpy": (
        "https://numpy.org/doc/stable/",
        """class numpy.ndarray reference/generated/numpy.ndarray.html#$
        class numpy.random.Generator reference/random/generator.html#$
        function numpy.random.default_rng reference/random/generator.html#$
        function numpy.load reference/generated/numpy.load.html#$
        function numpy.savez reference/generated/numpy.savez.html#$
        function numpy.savez_compressed reference/generated/numpy.savez_compressed.html#$
        data numpy.typing.ArrayLike reference/typing.html#$
        data numpy.typing.DTypeLike reference/typing.html#$""",
    ),
    "scipy": (
        "https://docs.scipy.org/doc/scipy/",
        """module scipy.sparse reference/sparse.html#module-$
        class scipy.sparse.csr_array reference/generated/scipy.sparse.csr_array.html#$
        class scipy.sparse.coo_array reference/generated/scipy.sparse.coo_array.html#$
        class scipy.sparse.sparray reference/generated/scipy.sparse.sparray.html#$""",
    ),
    "xarray": (
        "https://docs.xarray.dev/en/stable/",
        """class xarray.Dataset generated/xarray.Dataset.html#$
        class xarray.DataArray generated/xarray.DataArray.html#$
        function xarray.open_dataset generated/xarray.open_dataset.html#$
        method xarray.Dataset.to_netcdf generated/xarray.Dataset.to_netcdf.html#$""",
    ),
    "networkx": (
        "https://networkx.org/documentation/stable/",
        """class networkx.Graph reference/classes/graph.html#$
        class networkx.MultiGraph reference/classes/multigraph.html#$
        class networkx.DiGraph reference/classes/digraph.html#$""",
    ),
    "matplotlib": (
        "https://matplotlib.org/stable/",
        """class matplotlib.axes.Axes api/_as_gen/matplotlib.axes.Axes.html#$
        class matplotlib.figure.Figure api/_as_gen/matplotlib.figure.Figure.html#$""",
    ),
}


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """``intersphinx_mapping`` with inventories that are written into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for package, (address, lines) in PACKAGES.items():
        entries = [line.split() for line in lines.split("\n")]
        body = "".join(f"{name} py:{kind} 1 {page} -\n" for kind, name, page in entries)
        head = f"# Sphinx inventory version 2\n# Project: {package}\n# Version: \n"
        head += "# The remainder of this file is compressed using zlib.\n"
        path = folder / f"{package}.inv"
        path.write_bytes(head.encode() + zlib.compress(body.encode()))
        found[package] = (address, str(path))
    return found
