"""Instance files: ``i j J`` text, graphs and 0-1 problems of other packages, and .npz archives."""

from __future__ import annotations

import io
import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import scipy.sparse

from .._core.files import atomic_write, read_all
from .._core.instance_formats import FORMATS, QUADRATIC, SUFFIXES, VARTYPES, WRITABLE
from .._core.npz import read_npy
from .._core.validate import as_choice, memory
from . import _graphs, _market, _matrix, _npz, _qubo, _text
from ._lines import NUMBER
from .base import IsingModel
from .dense import DenseIsing
from .sparse import SparseIsing

# A file of text takes up to this many times its size in memory while it is read.
_TEXT_IN_MEMORY = 20
_BLOCK = 2**20

_NUMBER = re.compile(NUMBER)

_IJ_KEY = re.compile(r"^[ \t]*#[ \t]*(N|nnz|ghost|convention)[ \t]*:", re.MULTILINE)
_FORMAT_KEY = re.compile(r"^[ \t]*#[ \t]*format[ \t]*:[ \t]*(\w+)[ \t]*$", re.MULTILINE | re.ASCII)
_NPY = b"\x93NUMPY"
_MAGIC = {
    b"\x1f\x8b": "a gzip-compressed file; unpack it first (gunzip)",
    b"BZh": "a bzip2-compressed file; unpack it first (bunzip2)",
    b"\xfd7zXZ": "an xz-compressed file; unpack it first (unxz)",
    b"\x28\xb5\x2f\xfd": "a zstd-compressed file; unpack it first (unzstd)",
    b"\x89HDF": "an HDF5 file",
    _NPY: "a .npy array; format='matrix' reads one",
    b"DIMODBQM": "dimod's own file; dimod.BinaryQuadraticModel.from_file(path) gives a model",
    b"MATLAB 5.0": "a MATLAB file; scipy.io.loadmat(path) gives its matrices",
    b"PAR1": "a Parquet table; pandas.read_parquet(path) gives a frame",
    b"\x80\x03": "a pickle, which is never opened (it can run code); save the matrix by numpy.save",
    b"\x80\x04": "a pickle, which is never opened (it can run code); save the matrix by numpy.save",
    b"\x80\x05": "a pickle, which is never opened (it can run code); save the matrix by numpy.save",
    b">>graph6<<": "a graph6 list; networkx.read_graph6(path) gives a graph",
    b">>sparse6<<": "a sparse6 list; networkx.read_sparse6(path) gives a graph",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
}
# What other packages write and this one does not read, by its first line of data.
_FOREIGN = {
    r"[{\[]": "JSON (bqpjson, dimod, OpenJij); build a BQM with its package and pass it",
    r"(?i:%%MatrixMarket)": "a Matrix Market file, which does not say what it is; format='matrix' reads "
    "couplings J, for a maximum cut or a QUBO scipy.io.mmread gives the matrix: pass minus the weights, or "
    "models.from_qubo(Q)",
    r"<": "XML; networkx.read_graphml gives a graph",
    r"(?i:graph|digraph|creator)\b": "a GML or DOT graph; networkx.read_gml gives a graph",
    r"(?i:min|max|minimi[sz]e|maximi[sz]e)\b": "a linear program (LP) or a list with a goal; turn it into "
    "a minimum and write it as qubo",
    r"(?i:p\s+(?!qubo\b)\S+)": "a DIMACS problem other than 'p qubo'",
    r"NAME\b": "an MPS file",
    r"(?i:\*(?:vertices|network))": "a Pajek network; networkx.read_pajek gives a graph",
    r"h(?:\s+-?[0-9]+)+$|\*\s*$": "constraints (WCNF, OPB); write it as qubo with penalties",
    r"[0-9]+\s*$": "a list that begins with one number: the OR-Library counts problems there (to be "
    "maximised), others their sites; cut out one problem, begin it with 'n m' and say what it is by format=",
    r"\S+\s+\S+.*\{": "networkx's list of edges with attributes; networkx.read_edgelist gives a graph",
    r"[^\s,;]*\s*[,;]": "a table between commas or semicolons that is no square matrix of numbers. The "
    "weights of an RBM: `spinlab diagnose --rbm`, or give the matrix to models.BipartiteIsing; a list of "
    "edges: put blanks in place of the commas",
}

_NEIGHBOURS = "lists of neighbours, as METIS and Chaco have them; build a networkx.Graph from them"
_NEIGHBOUR_SUFFIXES = (".graph", ".metis", ".chaco")

# Comments of other programs: % and // never begin data, c only where no name can stand.
_COMMENT = re.compile(r"^[ \t]*(?:%(?!%matrixmarket)|//).*$", re.MULTILINE | re.IGNORECASE)
_C_COMMENT = re.compile(r"^[ \t]*c(?:[ \t].*)?$", re.MULTILINE | re.IGNORECASE)
_FORTRAN = re.compile(r"(?<=[0-9.])[dD](?=[+-]?[0-9])")


def load_instance(
    path: str | os.PathLike[str] | BinaryIO,
    format: str = "auto",
    *,
    vartype: str | None = None,
    first: int | None = None,
) -> IsingModel:
    """Read an Ising model from a file; the energies are those of the file, state by state.

    Parameters
    ----------
    path : path or open file
        Pipes and ``/dev/stdin`` too.
    format : {"auto", "ij", "rudy", "sg", "sgs", "maxcut", "matrix", "npz", "coo", "qubo", "bq", "bqp"}
        "auto" goes by the content of the file; where several formats fit it, by header or suffix, and
        where these do not tell either, it refuses and names them.

        - "ij": lines ``i j J`` with 0-based sites, each pair once, E = -sum_{i<j} J_ij s_i s_j,
          after a header of lines ``# key: value``; where J is left out in all lines it is 1. The keys
          N and nnz (if given) must agree with the lines. The key ``ghost`` names a site whose couplings
          are the fields of the others (s_ghost = +1): it becomes ``b`` and is no site of the model.
          ``offset`` and ``labels`` (JSON) are read too, other keys are left to
          :func:`instance_metadata`. After ``# N=.. num_fields=.. num_couplings=..`` come lines ``i b``,
          then lines ``i j J``, for E = -sum J_ij s_i s_j - sum b_i s_i.
        - "rudy": first line ``n m``, then m lines ``i j w`` with 1-based vertices (w = 1 where no line has
          one): a graph for maximum cut, as in the Biq Mac library and the Gset. The couplings are J = -w,
          so that cut = (sum w - E) / 2 and a ground state is a maximum cut.
        - "maxcut": the same after a line ``MAX-CUT n m`` and comments that begin with c; loops do not
          count, the weights of repeated edges add up.
        - "sg": first line ``n m``, then m lines ``i j J``, 1-based, E = -sum J_ij s_i s_j (.sg and .gsg
          of Bonn).
        - "sgs": what the spin glass server took: ``type: pm``, gauss (L x L spins), pm3, gauss3 (L^3) or
          sk, ``size: L`` and ``name: ...``, then lines ``i j J``, 1-based, E = -sum J_ij s_i s_j.
        - "matrix": J of E = -sum_{i<j} J_ij s_i s_j, symmetric and with zero diagonal, as a .npy array or as
          text, N lines of N numbers between commas, semicolons, tabs or blanks; names of the sites may stand
          in a first line, and again in a first column. "auto" takes for it what can be nothing else. Matrix
          Market files are read when the format is given, as they do not say what their numbers mean.
        - "npz": written by :func:`save_instance`.
        - "coo": what dimod writes, lines ``i j x`` for E = +sum_{i<j} x_ij s_i s_j + sum_i x_ii s_i
          after the line ``# vartype=SPIN``, or the same in 0/1 variables after ``# vartype=BINARY``.
        - "qubo": as of qbsolv, ``p qubo 0 maxNodes nNodes nCouplers``, then lines ``i i q`` and
          ``i j q`` with 0-based nodes, E = sum_i q_ii x_i + sum_{i<j} q_ij x_i x_j, x in {0, 1};
          lines that start with c are comments.
        - "bq": first line ``n m``, then the m entries ``i j q`` of a matrix, 1-based, E = x.Q.x: each
          entry counts once (.bq of Bonn).
        - "bqp": 0-1 problem of the Biq Mac library, first line ``n m``, then m lines ``i j q`` with
          1-based variables and each pair once, E = x.Q.x with Q symmetric (so q counts twice).

        The spins of 0/1 variables are s = 2 x - 1. In the last four formats a comment
        ``offset: c`` adds c to every energy; sites that are not numbered 0, 1, 2, ... in coo and
        qubo keep their numbers as labels.
    vartype : {"SPIN", "BINARY"}, optional
        Of a COO file that does not say it itself (dimod leaves it out by default).
    first : {0, 1}, optional
        The lowest site of an ij file. By default 0, with a warning where no line names it.

    Returns
    -------
    IsingModel
        A SparseIsing from text (``.to_dense()`` for a dense one), a DenseIsing from a matrix with all its
        entries, the saved form from .npz.

    Raises
    ------
    ValueError
        If the file is damaged or inconsistent, or larger than the memory allows; the message has the
        file and the line. At most a million sites may be without coupling, labels nested 20 deep, and an
        archive packed to a 64th.
    OSError
        If the file cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spinlab.models import load_instance
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "triangle.rudy"
    >>> _ = path.write_text("3 3\\n1 2 1\\n1 3 1\\n2 3 1\\n")
    >>> model = load_instance(path)
    >>> float(model.energy([1, 1, -1]))  # cut 2 = (3 - E) / 2
    -1.0
    """
    return read_instance(path, format, vartype=vartype, first=first)[0]


def instance_metadata(
    path: str | os.PathLike[str] | BinaryIO,
    format: str = "auto",
    *,
    vartype: str | None = None,
    first: int | None = None,
) -> dict[str, Any]:
    """What an instance file says about itself: its format, and the keys of its header.

    Numbers (N, nnz, known_ground_energy, ...) come as numbers, all else as text.
    N counts the sites in the file, a ghost included. For coo, qubo, bq and bqp there is the vartype too.

    Parameters
    ----------
    path, format, vartype, first
        As for :func:`load_instance`, with the same errors.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spinlab.models import DenseIsing, instance_metadata, save_instance
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pair.txt"
    >>> save_instance(DenseIsing([[0, 1], [1, 0]]), path, metadata={"known_ground_energy": -1})
    >>> instance_metadata(path)["known_ground_energy"]
    -1
    """
    return read_instance(path, format, vartype=vartype, first=first)[1]


def read_instance(
    path: str | os.PathLike[str] | BinaryIO,
    format: str = "auto",
    *,
    vartype: str | None = None,
    first: int | None = None,
) -> tuple[IsingModel, dict[str, Any]]:
    """Model and metadata at once: a pipe can be read only once."""
    as_choice(format, "format", ("auto", *FORMATS))
    if vartype is not None:
        as_choice(vartype, "vartype", VARTYPES)
    if first not in (None, 0, 1) or isinstance(first, bool | float):
        raise ValueError(f"first must be 0 or 1, the lowest site of an ij file, got {first!r}")
    if hasattr(path, "read"):
        name = str(getattr(path, "name", "the open file"))
        return _read(path, name, format, vartype, first)
    name = os.fsdecode(path)  # refuses what is no path
    with open(path, "rb") as file:
        return _read(file, name, format, vartype, first)


def save_instance(
    model: IsingModel,
    path: str | os.PathLike[str],
    format: str = "auto",
    metadata: Mapping[str, str | int | float] | None = None,
) -> None:
    """Write a model to a file, which is complete or absent: an error leaves an older file as it was.

    Parameters
    ----------
    model : IsingModel
    path : path
    format : {"auto", "ij", "rudy", "sg", "npz", "coo", "qubo", "bq", "bqp"}
        As for :func:`load_instance`; "auto" goes by the suffix: .txt, .ij; .rudy, .rud, .mc; .sg, .gsg;
        .npz; .coo; .qubo; .bq; .sparse, .bqp.

        - "npz" keeps the form of the model and every bit.
        - "ij" keeps couplings, fields, offset and labels, with numbers that read back exactly;
          fields become couplings to a ghost, the last site of the file.
        - "rudy" and "sg" keep couplings only: fields and an offset are refused, labels become 1..n.
        - "coo" (as vartype SPIN), "qubo", "bq" and "bqp" keep the same as "ij", offset and labels in
          comments, which other readers skip.
    metadata : mapping, optional
        Text and numbers for the header, for example name or known_ground_energy.

    Raises
    ------
    ValueError, TypeError
        If the format cannot hold the model, its labels or the metadata.
    OSError
        If the file cannot be written (folder missing, disk full, ...).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from spinlab.models import DenseIsing, load_instance, save_instance
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "pair.txt"
    >>> save_instance(DenseIsing([[0, 1], [1, 0]], b=0.5), path)
    >>> load_instance(path)
    <SparseIsing: N=2, 1 edges, with fields>
    """
    if not isinstance(model, IsingModel):
        raise TypeError(f"save_instance needs a model, got {type(model).__name__}; use as_model(x) first")
    as_choice(format, "format", ("auto", *WRITABLE))
    if format == "auto":
        suffix = Path(path).suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(
                f"cannot tell the format of {os.fspath(path)!r} from its suffix; use one of "
                f"{', '.join(SUFFIXES)}, or give format= one of {', '.join(WRITABLE)}"
            )
        format = SUFFIXES[suffix]
    header = _checked_metadata({} if metadata is None else metadata)
    if format == "npz":
        content = _npz.dump(model, header)
    elif format == "ij":
        content = _text.dump(model, header)
    else:
        content = (_qubo if format in QUADRATIC else _graphs).dump(model, format, header)
    with atomic_write(path) as temporary:
        temporary.write_bytes(content)


def _read(
    file: Any, name: str, format: str, vartype: str | None, first: int | None
) -> tuple[IsingModel, dict[str, Any]]:
    """Bytes, or text where the file was opened as such."""
    try:
        start = file.read(_BLOCK)
        if isinstance(start, str):
            start, file = (start + file.read()).encode("utf-8", "surrogateescape"), io.BytesIO()
        if format == "npz" or (format == "auto" and start.startswith(b"PK")):
            if not file.seekable():
                limit = (memory() or 2**40) // 4
                file = io.BytesIO(read_all(file, name, limit, start))
            elif not file.tell():  # the text file above
                file = io.BytesIO(start)
            model, header = _npz.parse(file, name)
            return model, header | {"format": "npz"}
        if format in ("auto", "matrix") and start.startswith(_NPY):
            if not file.seekable():
                file = io.BytesIO(read_all(file, name, (memory() or 2**40) // 4, start))
            return _of_matrix(read_npy(file, name), None, name), {"format": "matrix"}
        text = _as_text(start, file, name)
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, f"{error.strerror}, reading", name) from error
    if format == "auto":
        format = _guess(text, name, vartype)
    if vartype is not None and format != "coo":
        raise ValueError(f"{name}: vartype is for COO files, the format of this one is {format}")
    if first is not None and format != "ij":
        raise ValueError(f"{name}: first is for ij files, the format of this one is {format}")
    if format not in ("qubo", "maxcut", "matrix"):  # comments of their own, with the offset; names of sites
        text = _C_COMMENT.sub("", text)
    text = _with_e(text)
    if format in QUADRATIC:
        model, header = _qubo.parse(text, format, name, vartype)
    elif format == "ij":
        model, header = _text.parse(text, name, first)
    elif format == "matrix":
        market = _market.is_market(text)
        matrix, labels = (_market.read(text, name), None) if market else _matrix.parse(text, name)
        model, header = _of_matrix(matrix, labels, name), {}
    else:
        model, header = _graphs.parse(text, format, name)
    return model, header | {"format": format}


def _with_e(text: str) -> str:
    """Fortran's 1.0D+00 as 1.0E+00; comments stay as they are."""
    if not _FORTRAN.search(text):
        return text
    lines = text.split("\n")
    for number, line in enumerate(lines):
        data, mark, comment = line.partition("#")
        if not data.lstrip().startswith(("c", "C")) and not _graphs.is_key(line):
            lines[number] = _FORTRAN.sub("E", data) + mark + comment
    return "\n".join(lines)


def _of_matrix(
    matrix: np.ndarray | scipy.sparse.sparray, labels: tuple[str, ...] | None, name: str
) -> IsingModel:
    try:
        return (SparseIsing if scipy.sparse.issparse(matrix) else DenseIsing)(matrix, labels=labels)
    except (ValueError, TypeError) as error:
        raise type(error)(f"{name}: {error}") from None


def read_matrix(
    path: str | os.PathLike[str], any_table: bool = False
) -> np.ndarray | scipy.sparse.sparray | None:
    """The numbers of a file that is a square matrix, or any table; None where it is another instance file."""
    name = os.fsdecode(path)
    with open(path, "rb") as file:
        start = file.read(_BLOCK)
        if b"\0" in start or any(map(start.startswith, _MAGIC)):
            return None
        text = _as_text(start, file, name)
    if _market.is_market(text):
        return _market.read(_with_e(text), name)
    try:
        is_matrix = _guess(text, name, None) == "matrix"
    except ValueError:
        is_matrix = any_table
    table = _matrix.read(text) if is_matrix else None
    return None if table is None else table.numbers


def _as_text(start: bytes, file: BinaryIO, name: str) -> str:
    """The whole content as text, unless its first block shows that it is none, or it is too long."""
    for magic, what in _MAGIC.items():
        if start.startswith(magic):
            raise ValueError(f"{name}: neither a text file nor an .npz archive, but {what}")
    if b"\0" not in start:
        limit = (memory() or 2**40) // _TEXT_IN_MEMORY
        content = read_all(file, name, limit, start)
    if b"\0" in start or b"\0" in content:
        raise ValueError(f"{name}: neither a text file nor an .npz archive")
    what = "not ASCII"
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, what = content.decode("latin-1"), "neither a text file nor an .npz archive"
    text = _COMMENT.sub("", text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\x1a"))
    if not text.isascii():
        for number, line in enumerate(text.split("\n"), 1):
            data = line.partition("#")[0]
            if not data.isascii() and not line.startswith(("c", "C")) and not _graphs.is_key(line):
                raise ValueError(f"{name}, line {number}: {what}, {data[:80]!a}{_blanks(data)}")
    return text


def _blanks(data: str) -> str:
    """What to do about signs that look like blanks or minus signs, as on web pages."""
    strange = any(c.isspace() or c in "\u2212\u2013" for c in data if not c.isascii())
    return "; put plain blanks and minus signs in place of those of a web page" if strange else ""


def _guess(text: str, name: str, vartype: str | None) -> str:
    """The format, from the first line of data; where several formats fit, from the header or the suffix."""
    suffix = Path(name).suffix.lower()
    named = None if suffix == ".txt" else SUFFIXES.get(suffix)  # all kinds of lists are called .txt
    if found := _FORMAT_KEY.search(text):
        named = found[1] if found[1] in FORMATS else named
    has_vartype = bool(_qubo.vartypes(text))
    if _text.has_field_block(text):
        return "ij"
    if _graphs.is_mail(text):
        return "sgs"
    if _graphs.is_max_cut(text):
        return "maxcut"
    number, tokens = _first_data(text)
    line = " ".join(tokens)
    if re.match(r"(?i:p\s+qubo)\b", line):
        return "qubo"
    if named in (None, "ij") and not has_vartype and not _IJ_KEY.search(text) and _matrix.fits(text):
        return "matrix"
    for pattern, what in _FOREIGN.items():
        if re.match(pattern, line):
            raise ValueError(
                f"{name}, line {number}: this looks like {what}. Known formats: {', '.join(FORMATS)}"
            )
    if named is None and not all(_NUMBER.fullmatch(_FORTRAN.sub("E", token)) for token in tokens):
        raise _no_instance(name, number, line)
    fits = {"ij": bool(_IJ_KEY.search(text)), "coo": has_vartype or vartype is not None}
    if len(tokens) == 2 and not ((fits["ij"] or named == "ij") and _shape(text)[0] == {2}):
        return _guess_sized(text, name, named, has_vartype)
    if len(tokens) not in (0, 2, 3):
        raise _no_instance(name, number, line)
    if not tokens and not any(fits.values()):
        raise ValueError(f"{name}: the file has no data")
    if not any(fits.values()) and named in fits:
        return str(named)
    if sum(fits.values()) != 1:
        raise ValueError(
            f"{name}: lines of three numbers may be ij (E = -sum J_ij s_i s_j) or coo (E = "
            "+sum, as dimod writes), undecided by the header; say format='ij' or format='coo', or begin "
            "the file with '# N: 5' (its number of sites) for ij, with '# vartype=SPIN' or BINARY for coo"
        )
    return "ij" if fits["ij"] else "coo"


def _guess_sized(text: str, name: str, named: str | None, has_vartype: bool) -> str:
    """The format of a file that begins with 'n m': four have this header, of three different energies."""
    if named in ("rudy", "sg", "bq", "bqp"):
        return named
    if has_vartype:
        return "bqp"
    number, tokens = _first_data(text)
    widths, loop = _shape(text)
    if Path(name).suffix.lower() in _NEIGHBOUR_SUFFIXES or (widths == {2} and _lists_neighbours(text)):
        raise ValueError(f"{name}: this looks like {_NEIGHBOURS}; a list of edges is read with format=")
    if widths <= {2}:
        return "rudy"  # only graphs come without weights; and where there are no lines, all say the same
    if not all(re.fullmatch("[0-9]+", token) for token in tokens):
        raise _no_instance(name, number, " ".join(tokens))
    fits = "'bq' or 'bqp' (0/1 variables, minimise x.Q.x)"
    if loop is None:
        fits = f"'rudy' (maximum cut, J = -w), 'sg' (spin glass, J > 0 for parallel spins), {fits}"
    else:
        fits = f"{fits}, as line {loop} is a line 'i i w', which has no place in a graph"
    raise ValueError(
        f"{name}: a file that begins with 'n m' and whose suffix decides nothing may be {fits}; say format="
    )


def _no_instance(name: str, number: int, line: str) -> ValueError:
    return ValueError(
        f"{name}, line {number}: expected 'i j J' or 'n m', got {line[:80]!r}; "
        f"the known formats are {', '.join(FORMATS)}"
    )


def _lists_neighbours(text: str) -> bool:
    """Whether line k after 'n m' can hold the two neighbours of vertex k: then the lines are no edges."""
    rows = [line.partition("#")[0].split() for line in text.split("\n") if not line.startswith(("c", "C"))]
    (n, m), *rows = (row for row in rows if row)
    if not len(rows) == int(n) == int(m) or not all(x.isdecimal() for row in rows for x in row):
        return False
    of = {k: {int(x) for x in row} for k, row in enumerate(rows, 1)}
    return all(k not in near and all(k in of.get(j, ()) for j in near) for k, near in of.items())


def _first_data(text: str) -> tuple[int, list[str]]:
    """Number and fields of the first line that is no comment in any format."""
    for number, line in enumerate(text.split("\n"), 1):
        tokens = line.partition("#")[0].split()
        if tokens and not line.startswith(("c", "C")):
            return number, tokens
    return 0, []


def _shape(text: str) -> tuple[set[int], int | None]:
    """How many fields the lines after the first line of data have, and the first line ``i i w``."""
    first, _ = _first_data(text)
    widths, loop = set(), None
    for number, line in enumerate(text.split("\n")[first:], first + 1):
        tokens = line.partition("#")[0].split(None, 3)
        if tokens:
            widths.add(len(tokens))
        if loop is None and len(tokens) == 3 and tokens[0] == tokens[1]:
            loop = number
    return widths, loop


def _checked_metadata(metadata: Mapping[str, str | int | float]) -> dict[str, str | int | float]:
    if not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping, got {type(metadata).__name__}")
    header = {key: x.item() if isinstance(x, np.generic) else x for key, x in metadata.items()}
    for key, value in header.items():
        if not isinstance(key, str) or not key or key != key.strip() or set(key) & set(":\r\n"):
            raise ValueError(f"metadata key {key!r} must be text without colons and line breaks")
        if key in ("format", "form", *_text.RESERVED):
            raise ValueError(f"metadata key {key!r} is written by save_instance itself; take another name")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError(f"metadata {key!r} must be text or a number, got {type(value).__name__}")
        if isinstance(value, float) and not math.isfinite(value):  # JSON has no such number
            raise ValueError(f"metadata {key!r} must be a finite number or text, got {value}")
        if isinstance(value, str) and ("\n" in value or "\r" in value):
            raise ValueError(f"metadata {key!r} must be one line")
    return header
