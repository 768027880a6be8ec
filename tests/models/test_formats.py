"""Formats of other packages: the energy of each by brute force, and what is refused by name."""

from __future__ import annotations

import io
import itertools
import json
import math
import os
import pickle
import re
import subprocess
import sys
import threading
import warnings

import networkx as nx
import numpy as np
import pytest

from spinlab._core.instance_formats import FORMATS, SUFFIXES, WRITABLE
from spinlab.cli import main
from spinlab.models import DenseIsing, SparseIsing, instance_metadata, load_instance, save_instance

EDGES = [(1, 2, 3), (1, 3, -1), (2, 3, 2), (3, 4, 4), (5, 1, -2.5)]
LINES = "".join(f"{i} {j} {w}\n" for i, j, w in EDGES)
LOOPS = [(1, 1, 2), (4, 4, -1.5)]
LOOP_LINES = "".join(f"{i} {j} {w}\n" for i, j, w in LOOPS)


@pytest.fixture
def write(tmp_path):
    def write(content, name="instance"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def spins(n):
    return [dict(enumerate(s, 1)) for s in itertools.product((-1, 1), repeat=n)]


def check(model, energy, n=5, first=1):
    """The energies of all states, exactly; ``energy`` takes spins by site."""
    assert model.n_spins == n
    states = np.array(list(itertools.product((-1, 1), repeat=n)))
    expected = [energy(dict(enumerate(s, first))) for s in states.tolist()]
    np.testing.assert_array_equal(model.energy(states), expected)


# Energies. s: spin by site; x = (1 + s)/2


def spin_glass(s, edges=EDGES):
    return -sum(J * s[i] * s[j] for i, j, J in edges)


def cut(s, edges=EDGES):
    return sum(w for i, j, w in edges if s[i] != s[j])


def quadratic(s, edges):
    x = {i: (1 + s[i]) // 2 for i in s}
    return sum(q * x[i] * x[j] for i, j, q in edges)


def test_ij():
    text = "# N: 5\n0 1 2\n3 1 -0.5\n2 4 1\n"
    edges = [(0, 1, 2), (3, 1, -0.5), (2, 4, 1)]
    check(load_instance(io.BytesIO(text.encode())), lambda s: spin_glass(s, edges), first=0)


@pytest.mark.parametrize("suffix", [".mc", ".rudy", ".rud"])
def test_rudy(write, suffix):
    model = load_instance(write(f"5 5\n{LINES}", f"graph{suffix}"))
    total = sum(w for _, _, w in EDGES)
    check(model, lambda s: total - 2 * cut(s))


@pytest.mark.parametrize("suffix", [".sg", ".gsg", ".SG"])
def test_spin_glasses_of_bonn(write, suffix):
    path = write(f"# a comment\n5 5\n{LINES}", f"grid{suffix}")
    check(load_instance(path), spin_glass)
    assert instance_metadata(path) == {"format": "sg", "N": 5, "nnz": 5}


def test_a_spin_glass_is_no_maximum_cut(write):
    """An antiferromagnetic triangle: E = -1, six states; as a cut it would be E = -3, two states."""
    text = "3 3\n1 2 -1\n1 3 -1\n2 3 -1\n"
    energies = [
        load_instance(write(text, name)).energy(list(itertools.product((-1, 1), repeat=3)))
        for name in ("a.sg", "a.mc")
    ]
    assert [(E.min(), (E.min() == E).sum()) for E in energies] == [(-1, 6), (-3, 2)]
    with pytest.raises(ValueError, match=r"'n m'.*'rudy' .*'sg' .*'bq' .*'bqp'"):
        load_instance(write(text, "a.txt"))


# The example of the server's manual: 3 x 3 spins on a torus, and the answer that it printed.
TORUS = """\
1 2 -1.089460678023
2 3 0.526296171959
3 1 1.492510060258
4 5 0.542925533731
5 6 0.440804946137
6 4 -0.555618772831
7 8 0.400843564493
8 9 0.005781770273
9 7 -0.283108779696
1 4 -1.428048251086
2 5 0.063139021975
3 6 1.529559080159
4 7 -1.669458764103
5 8 0.193231695455
6 9 1.291781128584
7 1 0.604670335948
8 2 0.890948261885
9 3 -0.822280541834
"""


@pytest.mark.parametrize(
    "head",
    [
        "type: gauss\nsize: 3\nname: 3x3 system, a test\n\n",
        "# a mail\n\nName: caf\u00e9 # 1\nSize: 3\n  TYPE : Gauss\n",
        "name: 3x3\n",
        "type: sk\nsize: 9\n",
    ],
)
def test_mails_to_the_spin_glass_server(write, head):
    path = write(head + TORUS)
    model = load_instance(path)
    states = np.array(list(itertools.product((-1, 1), repeat=9)))
    E = model.energy(states)
    assert round(E.min() / 9, 11) == -0.98580397885
    up = {tuple(np.flatnonzero(s > 0) + 1) for s in states[E.min() == E]}
    assert up == {(2, 4, 5, 8), (1, 3, 6, 7, 9)}
    assert instance_metadata(path)["format"] == "sgs"
    assert instance_metadata(path)["N"] == 9


def test_sizes_of_mails(write):
    assert load_instance(write("type: pm3\nsize: 2\n\n1 2 1\n")).n_spins == 8
    assert load_instance(write("size: 3\ntype: pm\n1 2 1\n")).n_spins == 9
    for text, message in (
        ("type: potts\nsize: 3\n1 2 1\n", "type 'potts' is not known; known: pm, gauss"),
        ("type: pm\n1 2 1\n", "needs the size"),
        ("type: pm\nsize: x\n1 2 1\n", "size must be an integer"),
        ("type: pm\nsize: -3\n1 2 1\n", "positive"),
        ("type: pm\nsize: 3\nsize: 3\n1 2 1\n", "line 3: size is given a second time"),
        ("type: pm\nsize: 2\n1 5 1\n", r"line 3: sites 1 and 5: sites must be in 1\.\.4"),
        ("type: pm3\nsize: 999999999999999999\n1 5 1\n", "GiB"),
        ("type: pm\nsize: 3\n1 5\n4 5 1\n", "line 4: expected three"),
    ):
        with pytest.raises(ValueError, match=message):
            load_instance(write(text))


def test_max_cut_files(write):
    head = "c\nc An instance\nMAX-CUT 5 8\n"
    path = write(f"{head}2 1 1\nc in between\n1 2 2\n1 3 -1.0\n2 3 2\n3 4 4e0\n5 1 -2.5\n4 4 9\n1 1 1\n")
    total = sum(w for _, _, w in EDGES)
    check(load_instance(path), lambda s: total - 2 * cut(s))
    assert instance_metadata(path) == {"format": "maxcut", "N": 5, "nnz": 8}
    tenths = "max-cut 2 3\n1 2 0.1\n2 1 0.2\n1 2 -0.3\n"
    assert load_instance(write(tenths)).edges()[2].tolist() == [-math.fsum([0.1, 0.2, -0.3])]
    for text, message in (
        ("MAX-CUT 3 2\n1 2 1\n", "2 edges are announced, the file has 1"),
        ("MAX-CUT 3\n1 2 1\n", "line 1: the file begins with 'MAX-CUT n m'"),
        ("MAX-CUT 3 1\n1 4 1\n", r"line 2: sites 1 and 4: sites must be in 1\.\.3"),
        ("MAX-CUT 3 1\n1 2 nan\n", "line 2: expected three finite"),
        ("MAX-CUT 0 0\n", "N = 0"),
    ):
        with pytest.raises(ValueError, match=message):
            load_instance(write(text))


@pytest.mark.parametrize("name", ["a.bq", "a.BQ"])
def test_bq_counts_each_entry(write, name):
    """x.Q.x of the matrix as it is written: one triangle counts once, two add up."""
    entries = [*EDGES, *LOOPS, (2, 1, 1)]
    path = write(f"# a comment\n5 8\n{LINES}{LOOP_LINES}2 1 1\n", name)
    check(load_instance(path), lambda s: quadratic(s, entries))
    assert instance_metadata(path) == {"format": "bq", "vartype": "BINARY", "N": 5}
    with pytest.raises(ValueError, match="line 4: sites 2 and 1 are given a second time"):
        load_instance(write("3 3\n2 1 1\n1 2 1\n2 1 1\n", name))
    without_diagonal = load_instance(write("3 3\n1 2 -1\n1 3 -1\n2 3 -1\n", name))
    check(without_diagonal, lambda s: quadratic(s, [(1, 2, -1), (1, 3, -1), (2, 3, -1)]), n=3)


@pytest.mark.parametrize("suffix", [".sparse", ".bqp"])
def test_bqp_counts_pairs_twice(write, suffix):
    path = write(f"5 7\n{LINES}{LOOP_LINES}", f"a{suffix}")
    check(load_instance(path), lambda s: quadratic(s, [*EDGES, *EDGES, *LOOPS]))


def test_qubo_and_coo(write):
    edges = [(i - 1, j - 1, q) for i, j, q in [*LOOPS, *EDGES]]
    lines = "".join(f"{i} {j} {q}\n" for i, j, q in edges)
    check(load_instance(write(f"p qubo 0 5 2 5\n{lines}")), lambda s: quadratic(s, edges), first=0)
    check(load_instance(write(f"# vartype=BINARY\n{lines}")), lambda s: quadratic(s, edges), first=0)
    check(
        load_instance(write(f"# vartype=SPIN\n{lines}")),
        lambda s: sum(q * (s[i] if i == j else s[i] * s[j]) for i, j, q in edges),
        first=0,
    )


def test_edges_without_weights(write):
    pairs = [(1, 2), (2, 3), (3, 1), (3, 4)]
    lines = "".join(f"{i} {j}\n" for i, j in pairs)
    weighted = [(i, j, 1) for i, j in pairs]
    for name in ("g", "g.txt", "g.mc"):
        check(load_instance(write(f"4 4\n{lines}", name)), lambda s: 4 - 2 * cut(s, weighted), n=4)
    check(load_instance(write(f"4 4\n{lines}", "g.sg")), lambda s: spin_glass(s, weighted), n=4)
    check(
        load_instance(write("# N: 3\n0 1\n1 2\n", "g")), lambda s: spin_glass(s, [(0, 1, 1), (1, 2, 1)]), 3, 0
    )
    check(load_instance(write("0 1\n1 2\n", "g.ij")), lambda s: spin_glass(s, [(0, 1, 1), (1, 2, 1)]), 3, 0)
    with pytest.raises(ValueError, match="line 3: expected three finite numbers 'i j J', got '2 3 5'"):
        load_instance(write("3 2\n1 2\n2 3 5\n", "g.mc"))
    with pytest.raises(ValueError, match="2 edges are announced, the file has 3"):
        load_instance(write("1 2\n1 3\n2 3\n2 4\n", "g"))


def test_blocks_of_fields(write):
    text = "# model=RFIM N=4 meanJ=1 num_fields=4 num_couplings=2\n0 0.5\n1 -1\n2 0\n3 2\n0 1 1.5\n2 3 -1\n"
    path = write(text)
    b = [0.5, -1, 0, 2]
    check(
        load_instance(path),
        lambda s: spin_glass(s, [(0, 1, 1.5), (2, 3, -1)]) - sum(b[i] * s[i] for i in range(4)),
        4,
        0,
    )
    header = instance_metadata(path)
    assert (header["format"], header["N"], header["num_fields"], header["meanJ"]) == ("ij", 4, 4, 1)
    assert load_instance(write("# num_fields=1 num_couplings=1\n1 5\n0 2 1\n")).b.tolist() == [0, 5, 0]
    assert load_instance(write("# N=3 num_fields=3 num_couplings=0\n0 5\n1 1\n2 1\n")).n_edges == 0
    for head, body, message in (
        ("N=2 num_fields=3 num_couplings=1", "0 1\n1 1\n0 1 1\n", "line 4: expected a site and"),
        ("N=2 num_fields=3 num_couplings=1", "0 1\n1 1\n", "3 fields are announced, the file has 2"),
        ("N=2 num_fields=2 num_couplings=2", "0 1\n1 1\n0 1 1\n", "2 edges are announced, the file has 1"),
        ("N=2 num_fields=2 num_couplings=1", "0 1\n0 1\n0 1 1\n", "line 3: site 0: .*each with one field"),
        ("N=2 num_fields=2 num_couplings=1", "0 1\n2 1\n0 1 1\n", r"line 3: site 2: sites must be in 0\.\.1"),
        ("N=2 num_fields=2 num_couplings=1", "0 1\n0.5 1\n0 1 1\n", "line 3: site 0.5"),
        ("N=2 num_fields=x num_couplings=1", "0 1\n", "num_fields must be an integer"),
        ("N=2 num_fields=-1 num_couplings=1", "0 1\n", "number of lines"),
        ("N=2 num_fields=2 num_couplings=1", "0 1\n1 nan\n0 1 1\n", "line 3: expected a site"),
        ("N=99999999999999 num_fields=1 num_couplings=0", "0 1\n", "GiB"),
    ):
        with pytest.raises(ValueError, match=message):
            load_instance(write(f"# {head}\n{body}"))


# Names, encodings, numbering


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_names_that_are_numbers_of_numpy(suffix, tmp_path):
    graph = nx.Graph()
    graph.add_edge(np.int64(3), np.int32(7), weight=1.5)
    graph.add_edge(np.int64(7), np.uint8(9), weight=-2.0)
    from spinlab.models import from_networkx

    model = from_networkx(graph)
    path = tmp_path / f"model{suffix}"
    save_instance(model, path)
    loaded = load_instance(path)
    if FORMATS[SUFFIXES[suffix]].first == 0:
        assert loaded.labels == (3, 7, 9)
    np.testing.assert_array_equal(loaded.couplings(), model.couplings())
    tuples = SparseIsing.from_edges([0], [1], [1.0], 2, labels=[(np.int64(0), np.float64(1.5)), "a"])
    if FORMATS[SUFFIXES[suffix]].quadratic:
        save_instance(tuples, path)
        assert load_instance(path).labels == ((0, 1.5), "a")


def test_comments_in_latin_1(write):
    path = write("# N: 3\n# author: J\u00fcnger, K\u00f6ln\n0 1 1\n1 2 1\n".encode("latin-1"))
    assert load_instance(path).n_spins == 3
    assert instance_metadata(path)["author"] == "J\u00fcnger, K\u00f6ln"
    assert (
        instance_metadata(write("c caf\u00e9\np qubo 0 2 0 1\n0 1 1\n".encode("latin-1")))["format"] == "qubo"
    )
    for data, message in (
        ("0 1 1\u00b2", r"'0 1 1\\xb2'$"),
        ("\u0660 \u0661 \u0661", ""),
        ("0\u00a01 1", "plain blanks"),
        ("0 1 \u22121", "minus signs"),  # as web pages have them
    ):
        with pytest.raises(ValueError, match=f"line 2: not ASCII.*{message}"):
            load_instance(write(f"# N: 2\n{data}\n"))


def test_files_that_count_from_1(write):
    text = "1 2 2\n2 3 -1\n"
    with pytest.warns(UserWarning, match="no line names site 0, .*say first=1"):
        model = load_instance(write(text, "a.ij"))
    assert model.n_spins == 4
    check(load_instance(write(text, "a.ij"), first=1), lambda s: spin_glass(s, [(1, 2, 2), (2, 3, -1)]), n=3)
    assert load_instance(write(text, "a.ij"), first=0).n_spins == 4
    assert load_instance(write(f"# N: 3\n# ghost: 1\n{text}"), first=1).b.tolist() == [2, 0]
    with pytest.raises(
        ValueError, match=r"line 3: sites 2 and 3: .*0\.\.2; if the file counts from 1, say first=1"
    ):
        load_instance(write(f"# N: 3\n{text}"))
    with pytest.raises(ValueError, match=r"line 1: sites 0 and 1: .*1\.\.2"):
        load_instance(write("0 1 2\n1 2 2\n", "a.ij"), first=1)
    for first in (2, -1, True, 1.0, "1"):
        with pytest.raises(ValueError, match="first must be 0 or 1"):
            load_instance(write(text, "a.ij"), first=first)
    with pytest.raises(ValueError, match="first is for ij files, the format of this one is sg"):
        load_instance(write("2 1\n1 2 1\n", "a.sg"), first=1)


def test_what_we_write_ourselves_brings_no_warning(tmp_path):
    save_instance(SparseIsing.from_edges([1], [2], [1.0], 3), tmp_path / "a.txt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_instance(tmp_path / "a.txt").n_spins == 3


# Round trips


@pytest.mark.parametrize("format", WRITABLE)
def test_what_is_written_has_the_same_energies_and_is_recognised(format, tmp_path):
    fields = None if format in ("rudy", "sg") else [0.5, 0, -2, 0]
    model = SparseIsing.from_edges([0, 1, 0], [1, 2, 3], [1.5, -2.0, 0.25], 4, fields)
    states = np.array(list(itertools.product((-1, 1), repeat=4)))
    for suffix in FORMATS[format].suffixes:
        path = tmp_path / f"model{suffix}"
        save_instance(model, path)
        np.testing.assert_array_equal(load_instance(path).energy(states), model.energy(states))
        anonymous = path.rename(tmp_path / "model")
        if format == "rudy":
            with pytest.raises(ValueError, match="say format="):
                load_instance(anonymous)
        else:
            assert instance_metadata(anonymous)["format"] == format


@pytest.mark.parametrize("format", sorted(set(FORMATS) - set(WRITABLE)))
def test_formats_that_are_only_read(format, tmp_path):
    with pytest.raises(ValueError, match="unknown format"):
        save_instance(DenseIsing([[0, 1], [1, 0]]), tmp_path / "a", format)


def test_what_a_spin_glass_file_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match="a sg file holds no fields"):
        save_instance(DenseIsing([[0, 1], [1, 0]], 1.0), tmp_path / "a.sg")


# What fits several formats, and what belongs to others


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 2\n1 2 1\n2 3 1\n", r"'rudy' \(maximum cut.*'sg' \(spin glass.*'bq' or 'bqp'.*say format="),
        ("3 2\n1 2 1\n2 2 1\n", r"may be 'bq' or 'bqp' .*line 3 is a line 'i i w'"),
        ("0 1 1\n", "format='ij' or format='coo'"),
        ('{"linear_terms": []}\n', "looks like JSON"),
        ("%%MatrixMarket matrix coordinate real symmetric\n3 3 1\n1 2 1\n", "format='matrix' .*mmread"),
        ("<?xml version='1.0'?>\n<graphml>\n", "XML.*read_graphml"),
        ("graph [\n  node [\n", "GML"),
        ("Minimize\n obj: x\n", "linear program"),
        ("MAXIMIZE\n2.0\n0 0 1\n", "linear program .*or a list with a goal"),
        ("p edge 3 2\ne 1 2\n", "DIMACS"),
        ("p cnf 3 2\n1 2 0\n", "DIMACS"),
        ("NAME  bqp\nROWS\n", "MPS"),
        ("1\n3 2\n1 2 1\n2 3 1\n", "OR-Library"),
        ("0 1 {'weight': 1.0}\n", r"networkx.read_edgelist"),
        ("0,1,1.0\n", "commas"),
        ("0;1;1.0\n", "commas"),
        ("a b c\n", "expected 'i j J' or 'n m', got 'a b c'"),
        ("MAXCUT 3 2\n1 2 1\n", "expected 'i j J' or 'n m', got 'MAXCUT 3 2'"),
        ("a: 1\n", "expected 'i j J' or 'n m', got 'a: 1'"),
        ("%%matrixmarket matrix array real general\n2 2\n0\n", r"Matrix Market.*mmread"),
        ("*Vertices 3\n*Edges\n1 2 1\n", "read_pajek"),
        ("* #variable= 2 #constraint= 0\nmin: +1 x1 ;\n", "penalties"),
        ("h 1 2 0\n1 -1 0\n", "penalties"),
        ("6 6\n2 6\n1 3\n2 4\n3 5\n4 6\n1 5\n", "lists of neighbours, as METIS"),
    ],
)
def test_refused_by_name(write, text, message):
    path = write(text)
    for function in (load_instance, instance_metadata):
        with pytest.raises(ValueError, match=message) as caught:
            function(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x1f\x8b\x08\x00", "gunzip"),
        (b"BZh91AY", "bunzip2"),
        (b"\xfd7zXZ\x00", "unxz"),
        (b"\x89HDF\r\n", "HDF5"),
        (b"\x93NUMPY\x01\x00", r"format='matrix'"),
        ("# N: 2\n0 1 1\n".encode("utf-16"), "UTF-16"),
        (b"DIMODBQM\x02\x00", "from_file"),
        (b"MATLAB 5.0 MAT-file", "loadmat"),
        (b"PAR1\x15\x04", "read_parquet"),
        (pickle.dumps([1]), "pickle"),
        (b">>graph6<<Bw\n", "read_graph6"),
    ],
)
def test_binary_files_refused_by_name(write, content, message):
    with pytest.raises(ValueError, match=f"neither a text file nor an .npz archive, but .*{message}"):
        load_instance(write(content), format="ij" if b"NUMPY" in content else "auto")


def test_a_ring_as_edges_is_no_list_of_neighbours(write):
    """Line k of 'n m' graphs of n edges holds an edge, not the neighbours of vertex k."""
    ring = "4 4\n1 2\n2 3\n3 4\n4 1\n"
    check(load_instance(write(ring)), lambda s: sum(s[i] * s[i % 4 + 1] for i in range(1, 5)), n=4)
    neighbours = write("6 6\n2 6\n1 3\n2 4\n3 5\n4 6\n1 5\n", "ring.graph")
    with pytest.raises(ValueError, match="METIS"):
        load_instance(neighbours)
    assert load_instance(neighbours, format="rudy").to_sparse().n_edges == 6


COMMENTED = {
    "rudy": "{0}\n5 5\n{0}\n" + LINES,
    "sg": "{0}\n5 5\n" + LINES + "{0}\n",
    "ij": "{0}\n" + LINES,
    "bq": "{0}\n5 5\n{0}\n" + LINES,
    "coo": "# vartype=SPIN\n{0}\n" + LINES,
    "qubo": "{0}\np qubo 0 6 0 5\n{0}\n" + LINES,
}


@pytest.mark.parametrize(
    "mark", ["c", "c word", "C word", "%", "% word", "// word", "# word", "  % w\u00f6rd"]
)
@pytest.mark.parametrize("format", COMMENTED)
@pytest.mark.filterwarnings("ignore:.*no line names site 0")
def test_comments_of_other_programs(write, format, mark):
    bare = load_instance(write(COMMENTED[format].replace("{0}\n", ""), "bare"), format=format)
    model = load_instance(write(COMMENTED[format].format(mark), "commented"), format=format)
    states = 2 * np.random.default_rng(0).integers(2, size=(20, bare.n_spins)) - 1
    np.testing.assert_array_equal(model.energy(states), bare.energy(states))


@pytest.mark.parametrize("format", COMMENTED)
@pytest.mark.filterwarnings("ignore:.*no line names site 0")
def test_exponents_of_fortran_and_the_end_of_dos_files(write, format):
    text = COMMENTED[format].replace("{0}\n", "")
    bare = load_instance(write(text, "bare"), format=format)
    fortran = load_instance(write(text.replace("-2.5", "-0.25D+01") + "\x1a", "f"), format=format)
    short = load_instance(write(text.replace(" -1\n", " -1.d0\n"), "g"), format=format)
    for model in (fortran, short):
        states = 2 * np.random.default_rng(0).integers(2, size=(20, bare.n_spins)) - 1
        np.testing.assert_array_equal(model.energy(states), bare.energy(states))


def test_exponents_in_names_stay(write):
    model = load_instance(write('# N: 2\n# labels: ["1d2", "3D+4"]\n0 1 1.0D0\n'))
    assert model.labels == ("1d2", "3D+4")


# Open files and pipes


def test_open_files(tmp_path):
    path = tmp_path / "a.sg"
    path.write_text(f"5 5\n{LINES}")
    archive = tmp_path / "a.npz"
    save_instance(load_instance(path), archive)
    for opened in (path.open("rb"), path.open(), archive.open("rb"), io.BytesIO(archive.read_bytes())):
        with opened as file:
            check(load_instance(file), spin_glass)
    with path.open() as file:
        assert instance_metadata(file)["format"] == "sg"
    check(load_instance(io.StringIO(f"5 5\n{LINES}"), "sg"), spin_glass)
    with pytest.raises(ValueError, match="the open file: a file that begins with 'n m'"):
        load_instance(io.BytesIO(f"5 5\n{LINES}".encode()))


@pytest.mark.skipif(os.name == "nt", reason="POSIX pipes")
@pytest.mark.parametrize("suffix", [".sg", ".npz"])
def test_pipes(tmp_path, suffix):
    path, pipe = tmp_path / f"a{suffix}", tmp_path / f"pipe{suffix}"
    save_instance(load_instance(io.BytesIO(f"5 5\n{LINES}".encode()), "sg"), path)
    for function in (load_instance, instance_metadata):
        os.mkfifo(pipe)
        writer = threading.Thread(target=lambda: pipe.write_bytes(path.read_bytes()))
        writer.start()
        found = function(pipe)
        writer.join()
        pipe.unlink()
        if function is load_instance:
            check(found, spin_glass)
        else:
            assert found["format"] == suffix[1:]


@pytest.mark.skipif(not os.path.exists("/dev/stdin"), reason="no /dev/stdin here")
@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_of_the_command_line(name):
    call = [sys.executable, "-m", "spinlab", "ground-state", name, "--format", "sg", "--degeneracy", "--json"]
    text = "3 3\n1 2 -1\n1 3 -1\n2 3 -1\n"
    done = subprocess.run(call, input=text, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert (found["file"], found["format"]) == (name, "sg")
    assert (found["energy"], found["degeneracy"], found["labels"]) == (-1.0, 6, [1, 2, 3])


def test_command_line_with_files_that_count_from_1(write, capsys):
    path = write("1 2 -2\n", "a.ij")
    assert main(["ground-state", str(path), "--first", "1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["labels"] == [1, 2]


def test_every_format_is_in_the_help_and_on_its_page(capsys):
    from pathlib import Path

    with pytest.raises(SystemExit):
        main(["ground-state", "--help"])
    shown = capsys.readouterr().out
    page = (Path(__file__).parents[2] / "docs" / "file_formats.md").read_text()
    for name, format in FORMATS.items():
        assert re.search(rf"^  {name} +", shown, re.MULTILINE)
        assert f"`{name}`" in page
        assert all(f"`{suffix}`" in page for suffix in format.suffixes)


def test_a_list_of_edges_alone_is_refused_with_what_it_lacks(tmp_path):
    path = tmp_path / "edges.txt"
    for text in ("1 2\n2 3\n3 1\n", "0 1\n1 2\n2 0\n"):
        path.write_text(text)
        with pytest.raises(
            ValueError, match="the first line is read as 'n m', the numbers of spins and edges"
        ):
            load_instance(path)
    path.write_text("3 3\n1 2\n2 3\n3 1\n")
    assert load_instance(path).energy([1, 1, -1]) == -1.0  # a cut of two edges


# Matrices

SQUARE = np.array([[0, 0.5, -1, 2], [0.5, 0, 0, 1e-3], [-1, 0, 0, 3], [2, 1e-3, 3, 0]])


def rows(J, separator=","):
    return "\n".join(separator.join(map(repr, row)) for row in J.tolist()) + "\n"


@pytest.mark.parametrize("n", [2, 3, 4])
@pytest.mark.parametrize("separator", [",", ";", "\t", " ", "   ", ", "])
@pytest.mark.parametrize("suffix", [".csv", ".txt", ""])
def test_matrices_in_text(write, n, separator, suffix):
    J = SQUARE[:n, :n]
    path = write("# written by hand\n" + rows(J, separator), "J" + suffix)
    model = load_instance(path)
    np.testing.assert_array_equal(model.J, J)
    assert (model.labels, instance_metadata(path)) == (None, {"format": "matrix"})


@pytest.mark.parametrize("index", [True, False, "site"])
@pytest.mark.parametrize("names", [None, list("abcd"), list("cdef"), ["1", "2", "3", "4"]])
def test_matrices_of_pandas_keep_their_names(tmp_path, index, names):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SQUARE, index=names, columns=names)
    frame.to_csv(tmp_path / "J.csv", index=bool(index), index_label=index if index == "site" else None)
    model = load_instance(tmp_path / "J.csv")
    np.testing.assert_array_equal(model.J, SQUARE)
    assert model.labels == (names if names is None else tuple(names))


def test_matrices_of_numpy(tmp_path):
    np.savetxt(tmp_path / "J.txt", SQUARE, header="couplings")
    np.save(tmp_path / "J.npy", SQUARE)
    for name in ("J.txt", "J.npy"):
        np.testing.assert_array_equal(load_instance(tmp_path / name).J, SQUARE)
        with open(tmp_path / name, "rb") as file:
            np.testing.assert_array_equal(load_instance(file, "matrix").J, SQUARE)
    np.save(tmp_path / "J.npy", SQUARE[:3])
    with pytest.raises(ValueError, match=r"J\.npy: J must be square, got shape \(3, 4\)"):
        load_instance(tmp_path / "J.npy")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (rows(np.triu(SQUARE)), "J is triangular; give the full symmetric matrix"),
        (rows(SQUARE + np.eye(4)), "non-zero diagonal.*from_qubo"),
        (rows(SQUARE + np.diag([1], 3), " "), r"J must be symmetric, but J\[0,3\]"),
        (rows(SQUARE).replace("2.0", "nan"), "NaN or infinite"),
        (rows(SQUARE[:3]), "no square matrix of numbers.*diagnose --rbm.*put blanks"),
        ("source;target;weight\na;b;1\n", "no square matrix of numbers"),
        ("0,1,0.5\n1,2,-1\n0,2,1\n", "put blanks"),  # edges
        ("0 1 0.5\n1 2 -1\n0 2 1\n", "ij .* or coo"),  # edges, too
        ("0 1\n1 2\n", "N = 0 is announced"),
        ("0,inf\ninf,0\n", "NaN or infinite"),
        ("0,1e308\n-1e308,0\n", "no square matrix of numbers"),
        ('0,"' + 200_000 * "1" + "\n", "no square matrix of numbers"),
        ("0,1_0\n1_0,0\n", "no square matrix of numbers"),  # Python's 10
    ],
)
def test_what_is_no_matrix_of_couplings(write, text, message):
    with pytest.raises(ValueError, match=message):
        load_instance(write(text, "J.csv"))


def test_edges_in_as_many_lines_as_numbers_are_no_matrix(write):
    """A header or a suffix goes first, and edges of three sites never make a matrix."""
    for text, name in (("# N: 3\n0 1 1\n1 2 1\n0 2 1\n", "a.txt"), ("0 1 1\n1 2 1\n0 2 1\n", "a.ij")):
        assert load_instance(write(text, name)).energy([1, 1, 1]) == -3.0
    assert load_instance(write("# vartype=SPIN\n0 1 1\n1 2 1\n0 2 1\n", "a.txt")).energy([1, 1, 1]) == 3.0
    with pytest.raises(ValueError, match="coupled to itself"):
        load_instance(write("# N: 3\n0 1 1\n1 0 1\n1 1 0\n", "a.txt"))


def test_a_matrix_said_to_be_one(write):
    with pytest.raises(ValueError, match="no matrix: it has as many numbers in each line"):
        load_instance(write("0 1\n1\n"), "matrix")
    with pytest.raises(ValueError, match="J must be symmetric"):
        load_instance(write("0 1\n2 0\n"), "matrix")


def test_the_command_line_takes_matrices(write, capsys, tmp_path):
    path = write(",a,b,c\na,0,1,-1\nb,1,0,1\nc,-1,1,0\n", "J.csv")
    assert main(["ground-state", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["format"], found["energy"], found["labels"]) == ("matrix", -1.0, ["a", "b", "c"])
    assert main(["ground-state", str(path)]) == 0
    named = ", ".join(f"{x} {'+' if s > 0 else '-'}" for x, s in zip("abc", found["state"], strict=True))
    assert f"by name     {named}\n" in capsys.readouterr().out
