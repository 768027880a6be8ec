"""One door for everything that describes an Ising model: arrays, graphs, BQMs, our models."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .._core.tables import shared_names
from .._core.validate import as_plain_array, as_real, as_real_array
from ._sums import Sums
from .base import IsingModel
from .dense import DenseIsing
from .sparse import SparseIsing, sum_parallel

if TYPE_CHECKING:
    import dimod
    import networkx as nx
    import scipy.sparse
    from numpy.typing import ArrayLike

ModelLike: TypeAlias = "IsingModel | ArrayLike | scipy.sparse.sparray | nx.Graph | dimod.BinaryQuadraticModel"
"""What :func:`as_model` takes, and with it every function that takes a model."""


def as_model(x: ModelLike) -> IsingModel:
    """An Ising model from a model, a matrix, scipy.sparse, a networkx graph or a dimod BQM.

    Parameters
    ----------
    x : IsingModel, array_like (N, N), scipy.sparse, networkx.Graph, dimod.BinaryQuadraticModel
        The names of a pandas.DataFrame or xarray.DataArray, the same for rows and columns, become ``labels``.
        A BQM has the opposite sign of energy (E = +sum J s s + sum h s); signs, 0/1 units and
        its offset are converted, so that energies agree.

    Examples
    --------
    >>> from spinlab.models import as_model
    >>> as_model([[0, 1], [1, 0]])
    <DenseIsing: N=2>
    """
    if isinstance(x, IsingModel):
        return x
    # Optional packages are recognised only if the caller has already imported them.
    if "scipy.sparse" in sys.modules and sys.modules["scipy.sparse"].issparse(x):
        return SparseIsing(x)
    if "networkx" in sys.modules and isinstance(x, sys.modules["networkx"].Graph):
        return from_networkx(x)
    if "dimod" in sys.modules and isinstance(
        x, sys.modules["dimod"].BinaryQuadraticModel | sys.modules["dimod"].DictBQM
    ):
        return from_bqm(x)
    if hasattr(x, "as_ising"):
        raise TypeError(f"got {x!r}, a machine; its model is what as_ising() returns")
    if _is_graph(x):
        raise TypeError(
            f"got a {type(x).__name__} of {type(x).__module__.partition('.')[0]}; make it a networkx.Graph "
            "(igraph: graph.to_networkx()) with a weight on each edge, or pass its matrix of weights"
        )
    if isinstance(x, tuple) and any(isinstance(part, Mapping) for part in x):
        raise TypeError(
            "got a tuple with a mapping in it; dimod.BinaryQuadraticModel.from_ising(h, J, offset) makes a "
            "model of one in spins, models.from_qubo(Q, offset=c) of a QUBO (Q, c)"
        )
    if isinstance(x, str | bytes | os.PathLike):
        what = "path" if isinstance(x, os.PathLike) else "text"
        raise TypeError(f"got the {what} {str(x)!r}; read an instance file with models.load_instance(path)")
    if hasattr(x, "data_vars"):
        raise TypeError(f"got a Dataset with {', '.join(map(str, x.data_vars))}; pass the one that is J")
    if isinstance(x, Mapping):
        raise TypeError(
            "got a mapping of pairs; models.from_qubo(Q) takes one of x_i Q_ij x_j with x = 0, 1, "
            "dimod.BinaryQuadraticModel.from_ising(h, J) one of spins"
        )
    if "dimod" in sys.modules and type(x).__module__.startswith("dimod."):
        raise TypeError(
            f"got a {type(x).__name__}; make it a BinaryQuadraticModel first (dimod.cqm_to_bqm where there "
            "are constraints)"
        )
    labels = shared_names(x)
    dtypes = getattr(x, "dtypes", ())
    if hasattr(x, "columns") and all(getattr(dtype, "kind", "O") in "iuf" for dtype in dtypes):
        x = as_plain_array(x, "J")  # nullable columns become numbers; words do not, even where they could
    return DenseIsing(x, labels=labels)


def _is_graph(x: Any) -> bool:
    """A graph of another package (igraph, rustworkx, graph-tool), which numpy would not understand."""
    return (
        hasattr(x, "vertices")
        or type(x).__module__.startswith(("igraph", "rustworkx"))
        or (type(x).__name__ in ("PyGraph", "PyDiGraph"))
    )


def from_networkx(graph: nx.Graph, weight: str = "weight", field: str = "field") -> SparseIsing:
    """Sparse model on a graph: couplings from edge attributes, fields from node attributes.

    Parameters
    ----------
    graph : networkx.Graph or networkx.MultiGraph
        Undirected, no self-loops. Missing weights are refused, those of parallel edges are added.
    weight, field : str
        Names of the edge and node attributes; nodes without the field attribute have none. A graph
        attribute ``offset``, which :func:`to_networkx` writes, is added to every energy.

    Returns
    -------
    SparseIsing
        Its ``labels`` are the nodes in the graph's order.

    Examples
    --------
    >>> import networkx as nx
    >>> from spinlab.models import from_networkx
    >>> chain = nx.path_graph(3)
    >>> nx.set_edge_attributes(chain, 1.0, "weight")
    >>> float(from_networkx(chain).energy([1, 1, -1]))
    0.0
    """
    import networkx as nx

    if not isinstance(graph, nx.Graph):
        raise TypeError(
            f"graph must be a networkx.Graph, got {type(graph).__name__}; as_model takes matrices"
        )
    if graph.is_directed():
        raise ValueError(
            "the graph must be undirected; where an edge and its reverse are two couplings, add them in a "
            "networkx.MultiGraph"
        )
    nodes = list(graph.nodes)
    if not nodes:
        raise ValueError("the graph has no nodes; a model needs at least one spin")
    number = {node: i for i, node in enumerate(nodes)}
    i: Any = []
    j: Any = []
    values = []
    for u, v, J in graph.edges(data=weight):
        if u == v:
            raise ValueError(
                f"the graph has a self-loop at {u!r}; remove it (s_i s_i = 1 is only a constant)"
            )
        if J is None:
            raise ValueError(
                f"edge ({u!r}, {v!r}) has no attribute {weight!r}; set it or pass weight=NAME (all alike: "
                f"networkx.set_edge_attributes(graph, 1.0, {weight!r}), -1.0 for a largest cut)"
            )
        i.append(number[u])
        j.append(number[v])
        values.append(J)
    couplings = as_real_array(values, f"edge attribute {weight!r}", 1, exact=True)
    sums = Sums()
    fields = [graph.nodes[node].get(field, 0.0) for node in nodes]
    b = as_real_array(fields, f"node attribute {field!r}", 1, exact=True)
    if graph.is_multigraph():
        i, j, couplings = sum_parallel(
            np.array(i, dtype=np.int64), np.array(j, dtype=np.int64), couplings, sums
        )
    offset = graph.graph.get("offset", 0.0)
    as_real(offset, "graph attribute 'offset'")
    model = SparseIsing.from_edges(i, j, couplings, len(nodes), b, offset=offset, labels=nodes)
    return model._off_by(sums.lost)


def to_networkx(model: ModelLike, weight: str = "weight", field: str = "field") -> nx.Graph:
    """Graph of the couplings; node attribute ``field`` holds b_i, graph attribute ``offset``.

    Parameters
    ----------
    model : IsingModel, or anything that :func:`as_model` takes
    weight, field : str
        Names of the edge and node attributes.

    Examples
    --------
    >>> from spinlab.models import DenseIsing, to_networkx
    >>> to_networkx(DenseIsing([[0, 2], [2, 0]])).edges[0, 1]
    {'weight': 2.0}
    """
    import networkx as nx

    model = as_model(model)
    sparse = model.to_sparse()
    labels = model.labels if model.labels is not None else range(model.n_spins)
    graph = nx.Graph(offset=model.offset)
    for label, b in zip(labels, sparse.b, strict=True):
        graph.add_node(label, **{field: float(b)})
    for i, j, J in zip(*sparse.edges(), strict=True):
        graph.add_edge(labels[i], labels[j], **{weight: float(J)})
    return graph


def from_bqm(bqm: Any) -> SparseIsing:
    """Sparse model from a dimod BQM, with J = -quadratic, b = -linear and the BQM's offset.

    What float64 cannot hold of a BINARY one is bounded by the ``rounding`` of the model; where its fields
    are such rounding altogether, as those of maximum cuts, they are left out.

    Examples
    --------
    >>> import dimod
    >>> from spinlab.models import from_bqm
    >>> bqm = dimod.BinaryQuadraticModel({"x": 1.0}, {("x", "y"): -2.0}, 0.0, "BINARY")
    >>> float(from_bqm(bqm).energy([1, 1])), float(bqm.energy({"x": 1, "y": 1}))
    (-1.0, -1.0)
    """
    import dimod

    if not isinstance(bqm, dimod.BinaryQuadraticModel | dimod.DictBQM):
        raise TypeError(f"bqm must be a dimod.BinaryQuadraticModel, got {type(bqm).__name__}")
    variables = list(bqm.variables)
    if not variables:
        raise ValueError("the BQM has no variables; a model needs at least one spin")
    number = {v: i for i, v in enumerate(variables)}
    i, j = [number[u] for u, _ in bqm.quadratic], [number[v] for _, v in bqm.quadratic]
    sums = Sums()
    numbers = [*bqm.quadratic.values(), *bqm.linear.values(), bqm.offset]
    if not np.isfinite(np.array(numbers, dtype=float)).all():
        raise ValueError("the biases and the offset of the BQM must be finite, got NaN or infinity")
    J = [-sums.number(x) for x in bqm.quadratic.values()]
    b = [-sums.number(bqm.linear[v]) for v in variables]
    offset = sums.number(bqm.offset)
    if bqm.vartype is dimod.BINARY:
        J, b = [x / 4 for x in J], [x / 2 for x in b]
        terms = [[x] for x in b]
        for u, v, x in zip(i, j, J, strict=True):
            terms[u].append(x)
            terms[v].append(x)
        offset = sums.add([offset, *(-x for x in J), *(-x for x in b)])
        b = sums.fields(terms)
    model = SparseIsing.from_edges(i, j, J, len(variables), b, offset=offset, labels=variables)
    return model._off_by(sums.lost)


def to_bqm(model: ModelLike) -> Any:
    """dimod BQM (SPIN) with the same energies: quadratic = -J, linear = -b.

    Parameters
    ----------
    model : IsingModel, or anything that :func:`as_model` takes

    Examples
    --------
    >>> from spinlab.models import DenseIsing, to_bqm
    >>> float(to_bqm(DenseIsing([[0, 1], [1, 0]])).energy({0: 1, 1: 1}))
    -1.0
    """
    import dimod

    model = as_model(model)
    sparse = model.to_sparse()
    labels = model.labels if model.labels is not None else tuple(range(model.n_spins))
    linear = {label: -float(b) for label, b in zip(labels, sparse.b, strict=True)}
    quadratic = {(labels[i], labels[j]): -float(J) for i, j, J in zip(*sparse.edges(), strict=True)}
    bqm = dimod.BinaryQuadraticModel(linear, {}, model.offset, "SPIN")  # first all variables, in our order
    bqm.add_quadratic_from(quadratic)
    return bqm


def to_binary(model: ModelLike) -> tuple[np.ndarray, np.ndarray, float]:
    """(J, b, offset) of the 0/1 model with the same energies, the inverse of :func:`from_binary`.

    Parameters
    ----------
    model : IsingModel, or anything that :func:`as_model` takes

    Examples
    --------
    >>> from spinlab.models import DenseIsing, to_binary
    >>> J, b, offset = to_binary(DenseIsing([[0, 1], [1, 0]]))
    >>> float(J[0, 1]), b, float(offset)  # E(x) = -4 x y + 2 x + 2 y - 1
    (4.0, array([-2., -2.]), -1.0)
    """
    model = as_model(model)
    J = model.couplings()
    return 4 * J, 2 * model.b - 2 * J.sum(1), model.offset - float(J.sum()) / 2 + float(model.b.sum())
