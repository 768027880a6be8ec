"""Models in 0/1 or +-1 variables as text: dimod COO, qbsolv QUBO, Biq Mac 0-1 problems."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import dimod
import numpy as np
import pytest
from dimod.serialization import coo
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from model_forms import FORMS, make

from spinlab.cli import main
from spinlab.models import (
    DenseIsing,
    IsingModel,
    SparseIsing,
    from_bqm,
    instance_metadata,
    load_instance,
    save_instance,
    to_bqm,
)

SUFFIXES = ("coo", "qubo", "bqp", "sparse")
PAIR = DenseIsing([[0, 1], [1, 0]], 0.5)

quick = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture
def write(tmp_path):
    def write(content, name="instance"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8", newline="")
        return path

    return write


def bits(n):
    return np.array(list(itertools.product((0, 1), repeat=n)))


def assert_same_bits(model, other):
    assert (model.offset, model.labels) == (other.offset, other.labels)
    for mine, yours in zip(model.edges(), other.edges(), strict=True):
        assert mine.tobytes() == yours.tobytes()
    assert model.b.tobytes() == other.b.tobytes()


# What the formats mean


def test_qubo_is_a_sum_over_bits(write):
    # off-diagonal numbers count once, qbsolv
    path = write(
        "c a comment\np qubo 0 3 3 2\nc nodes\n0 0 -1.5\n1 1 2\n2 2 0\nc couplers\n0 1 4\n1 2 -3\nc end\n"
    )
    model = load_instance(path)
    E = [-1.5 * x + 2 * y + 4 * x * y - 3 * y * z for x, y, z in bits(3)]
    np.testing.assert_array_equal(model.energy(2 * bits(3) - 1), E)
    assert model.labels is None
    assert instance_metadata(path) == {"format": "qubo", "vartype": "BINARY", "N": 3}


def test_biq_mac_problem_is_a_quadratic_form(write):
    # "Q is assumed to be symmetric": x.Q.x has each pair twice
    Q = np.array([[5, -6, 0], [-6, 3, -1], [0, -1, 1.5]])
    text = "# a comment\n3 5\n1 1 5\n2 2 3\n3 3 1.5\n1 2 -6\n3 2 -1\n"
    for model in (load_instance(write(text, "a.sparse")), load_instance(write(text), format="bqp")):
        np.testing.assert_array_equal(model.energy(2 * bits(3) - 1), [x @ Q @ x for x in bits(3)])


@pytest.mark.parametrize("vartype", ["SPIN", "BINARY"])
def test_coo_is_a_sum_over_variables(write, vartype):
    path = write(f"# vartype={vartype}\n0 0 1.5\n0 1 -2\n2 1 0.25\n")
    values = bits(3) if vartype == "BINARY" else 2 * bits(3) - 1
    E = [1.5 * x - 2 * x * y + 0.25 * y * z for x, y, z in values]
    np.testing.assert_array_equal(load_instance(path).energy(2 * bits(3) - 1), E)
    assert instance_metadata(path) == {"format": "coo", "vartype": vartype, "N": 3}


def test_numbers_of_sites_are_labels_where_they_have_gaps(write):
    for text in ("# vartype=SPIN\n7 3 1\n5 5 2\n", "p qubo 0 8 1 1\n5 5 2\n7 3 1\n"):
        model = load_instance(write(text))
        assert model.labels == (3, 5, 7)
        assert model.couplings()[0, 2] != 0
    assert load_instance(write("# vartype=SPIN\n2 1 1\n")).labels == (1, 2)


def test_offsets_are_added(write):
    for head, data in (("# vartype=BINARY\n# offset", "0 1 4"), ("c offset ", "p qubo 0 2 0 1\n0 1 4")):
        model = load_instance(write(f"{head}: -2.5\n{data}\n"))
        np.testing.assert_array_equal(model.energy(2 * bits(2) - 1), [-2.5, -2.5, -2.5, 1.5])


def test_what_cancels_on_paper_is_zero(write):
    # a spin model without fields, 0.1 s0 s1 - 0.3 s0 s2, in bits; summed in floats, a field of 1e-17 remains
    path = write("p qubo 0 3 3 2\n0 0 0.4\n1 1 -0.2\n2 2 0.6\n0 1 0.4\n0 2 -1.2\nc offset: -0.2\n")
    model = load_instance(path)
    assert not model.has_fields
    assert model.offset == 0.0
    assert [x.tolist() for x in model.edges()] == [[0, 0], [1, 2], [-0.1, 0.3]]
    floats = from_bqm(dimod.BQM({0: 0.4, 1: -0.2, 2: 0.6}, {(0, 1): 0.4, (0, 2): -1.2}, -0.2, "BINARY"))
    assert not floats.has_fields  # what is left of rounding is dropped there, too


@quick
@given(data=st.data())
def test_conversion_of_decimals_is_exact_and_rounded_once(tmp_path, data):
    """Against fractions: no number of the model is off by more than its own rounding."""
    decimals = st.decimals(-1000, 1000, places=data.draw(st.integers(0, 25)), allow_nan=False)
    n = data.draw(st.integers(1, 5))
    q = {
        (i, j): data.draw(decimals)
        for i in range(n)
        for j in range(i, n)
        if i == j or data.draw(st.booleans())
    }
    pairs = {k: x for k, x in q.items() if k[0] != k[1]}
    lines = [f"{i} {j} {x:f}" for (i, j), x in q.items()]
    path = tmp_path / "model.qubo"
    path.write_text("\n".join([f"p qubo 0 {n} {n} {len(pairs)}", *lines]))
    model = load_instance(path)
    h = [Fraction(q[i, i]) / 2 + sum(Fraction(x) for k, x in pairs.items() if i in k) / 4 for i in range(n)]
    assert model.b.tolist() == [-float(x) for x in h]
    assert model.offset == sum(Fraction(x) / (2 if i == j else 4) for (i, j), x in q.items()).__float__()
    assert sorted(model.edges()[2].tolist()) == sorted(-float(Fraction(x) / 4) for x in pairs.values())


# Round trips


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("fields", [True, False])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_number_reads_back(form, fields, suffix, tmp_path):
    model = make(form, False, fields).model
    save_instance(model, tmp_path / f"model.{suffix}")
    assert_same_bits(load_instance(tmp_path / f"model.{suffix}"), model.to_sparse())


NAMES = st.integers(0, 20) | st.text(max_size=3) | st.tuples(st.integers(0, 3), st.text(max_size=2))


@quick
@given(data=st.data(), suffix=st.sampled_from(SUFFIXES))
def test_any_sparse_model_reads_back(tmp_path, data, suffix):
    n = data.draw(st.integers(1, 6))
    numbers = st.floats(-1e100, 1e100) | st.integers(-9, 9).map(float) | st.floats(-1, 1)
    pairs = [(i, j) for i in range(n) for j in range(i) if data.draw(st.booleans())]
    J = [data.draw(numbers) + 0.0 for _ in pairs]
    b = [data.draw(numbers) + 0.0 for _ in range(n)]
    labels = data.draw(st.none() | st.lists(NAMES, min_size=n, max_size=n, unique=True))
    model = SparseIsing.from_edges(
        [i for i, _ in pairs],
        [j for _, j in pairs],
        J,
        n,
        b,
        offset=data.draw(numbers) + 0.0,
        labels=sorted(labels) if labels and all(isinstance(x, int) for x in labels) else labels,
    )
    path = tmp_path / f"model.{suffix}"
    save_instance(model, path)
    assert_same_bits(load_instance(path), model)


def test_unusual_numbers_read_back(tmp_path):
    values = [5e-324, 1e-300, 0.1, 1 / 3, 2.0**53, 2.0**53 + 2, 1e22, 1e23, 1e100, -0.5, 123456789012345.0]
    n = len(values) + 1
    model = SparseIsing.from_edges([0] * (n - 1), range(1, n), values, n, [0.0] * (n - 1) + [1e-310])
    for suffix in SUFFIXES:
        save_instance(model, tmp_path / f"model.{suffix}")
        assert_same_bits(load_instance(tmp_path / f"model.{suffix}"), model)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    "labels",
    [(0, 1, 2), (1, 2, 3), (2, 5, 11), (5, 2, 11), (-1, 0, 1), (True, 2, 3), ("a", "b # c: d", ("x", 1))],
)
def test_labels_and_metadata_come_back(labels, suffix, tmp_path):
    model = SparseIsing.from_edges([0], [2], [1.5], 3, labels=labels)  # site 1 is isolated
    path = tmp_path / f"model.{suffix}"
    save_instance(model, path, metadata={"known_ground_energy": -1.5, "name": "c 1: p"})
    assert_same_bits(load_instance(path), model)
    assert [type(x) for x in load_instance(path).labels] == [type(x) for x in labels]
    header = instance_metadata(path)
    assert (header["known_ground_energy"], header["name"], header["N"]) == (-1.5, "c 1: p", 3)


def test_what_a_coo_file_cannot_say(tmp_path):
    for options in ({"metadata": {"note": "vartype=BINARY"}}, {"metadata": {"vartype": "SPIN"}}):
        with pytest.raises(ValueError, match="vartype"):
            save_instance(PAIR, tmp_path / "model.coo", **options)
    assert not list(tmp_path.iterdir())


# dimod


@st.composite
def bqms(draw, vartype=None):
    """BQMs with labels that a COO file can hold, numbers with six decimals at most, as dimod writes them."""
    numbers = st.integers(-(10**7), 10**7).map(lambda x: x / 10**6)
    variables = draw(st.lists(st.integers(0, 30), min_size=1, max_size=6, unique=True))
    bqm = dimod.BQM(vartype or draw(st.sampled_from(["SPIN", "BINARY"])))
    for u in variables:
        bqm.add_variable(u, draw(numbers.filter(bool)))
    for u, v in itertools.combinations(variables, 2):
        if draw(st.booleans()):
            bqm.add_quadratic(u, v, draw(numbers))
    return bqm


def assert_energies(model, bqm, atol=1e-12):
    labels = model.labels or range(model.n_spins)
    assert set(labels) == set(bqm.variables)
    x = bits(len(labels))
    samples = x if bqm.vartype is dimod.BINARY else 2 * x - 1
    np.testing.assert_allclose(
        model.energy(2 * x - 1), bqm.energies((samples, list(labels))), rtol=1e-13, atol=atol
    )


@quick
@given(bqm=bqms(), header=st.booleans())
def test_files_of_dimod(tmp_path, bqm, header):
    path = tmp_path / "model.coo"
    with path.open("w") as file:
        coo.dump(bqm, file, vartype_header=header)
    model = load_instance(path, vartype=None if header else bqm.vartype.name)
    assert_energies(model, bqm)


@quick
@given(data=st.data())
def test_dimod_reads_our_files(tmp_path, data):
    bqm = data.draw(bqms("SPIN"))
    bqm.scale(data.draw(st.sampled_from([1.0, 1e-12, 1e30, 1 / 3])))  # no exponents for dimod
    path = tmp_path / "model.coo"
    model = from_bqm(bqm)
    model = SparseIsing.from_edges(*model.edges(), model.n_spins, model.b)
    save_instance(model, path)
    with path.open() as file:
        assert coo.load(file) == to_bqm(model)


def test_dimod_skips_our_offset(tmp_path):
    save_instance(DenseIsing(PAIR.J, offset=3.0), tmp_path / "model.coo")
    with (tmp_path / "model.coo").open() as file:
        assert coo.load(file).offset == 0.0
    assert load_instance(tmp_path / "model.coo").offset == 3.0


# Which format it is


@pytest.mark.parametrize(
    ("text", "name", "format"),
    [
        ("p qubo 0 2 1 1\n0 0 1\n0 1 1\n", "x", "qubo"),
        ("c 0 1 1\n\nP QUBO unconstrained 2 1 1\n0 0 1\n0 1 1\n", "x.txt", "qubo"),
        ("# vartype=SPIN\n0 1 1\n", "x.txt", "coo"),
        ("# mine, vartype:BINARY\n0 1 1\n", "x", "coo"),
        ("# N: 2\n0 1 1\n", "x.coo", "ij"),
        ("# nnz: 1\n0 1 1\n", "x", "ij"),
        ("0 1 1\n", "x.ij", "ij"),
        ("2 1\n1 2 1\n", "x.mc", "rudy"),
        ("2 1\n1 2\n", "x.txt", "rudy"),
        ("2 1\n1 2 1\n", "x.sparse", "bqp"),
        ("2 2\n1 2 1\n2 2 1\n", "x.sparse", "bqp"),
        ("# vartype=BINARY\n2 1\n1 2 1\n", "x", "bqp"),
    ],
)
def test_content_tells_the_format(write, text, name, format):
    assert instance_metadata(write(text, name))["format"] == format


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_our_files_are_recognised_under_any_name(suffix, tmp_path):
    save_instance(PAIR, tmp_path / f"model.{suffix}")
    path = (tmp_path / f"model.{suffix}").rename(tmp_path / "model")
    assert instance_metadata(path)["format"] == {"sparse": "bqp"}.get(suffix, suffix)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("0 1 1\n", "x", "ij .* or coo .*undecided.*format='ij' or format='coo'"),
        ("0 1 1\n", "x.txt", "ij .* or coo"),
        ("# N: 2\n# vartype=SPIN\n0 1 1\n", "x", "ij .* or coo"),
        ("2 2\n1 2 1\n2 2 1\n", "x", "may be 'bq' or 'bqp' .*line 3 .*'i i w'.*format="),
        ("0 1 1\n", "x.coo", "begins with '# vartype=SPIN'"),
        (
            "MINIMIZE\n0.0\n0 1 1\n",
            "x.qubo",
            "line 1: this looks like a linear program .*Known formats: ij, rudy, sg, .*bqp",
        ),
    ],
)
def test_what_fits_two_formats_is_refused(write, text, name, message):
    with pytest.raises(ValueError, match=message):
        load_instance(write(text, name))


def test_vartype_of_the_caller(write):
    path = write("0 0 1\n0 1 1\n")
    for options in ({}, {"format": "coo"}):
        assert load_instance(path, vartype="SPIN", **options).b.tolist() == [-1.0, 0.0]
        assert instance_metadata(path, vartype="BINARY", **options)["vartype"] == "BINARY"
    with pytest.raises(ValueError, match="contradict each other: BINARY, SPIN"):
        load_instance(write("# vartype=SPIN\n0 1 1\n"), vartype="BINARY")
    with pytest.raises(ValueError, match="unknown vartype 'spin'; known: SPIN, BINARY"):
        load_instance(path, vartype="spin")
    with pytest.raises(ValueError, match="vartype is for COO files, the format of this one is qubo"):
        load_instance(write("p qubo 0 2 0 1\n0 1 1\n"), vartype="BINARY")


# Damaged files


@pytest.mark.parametrize(
    ("format", "text", "message"),
    [
        ("coo", "", "no|vartype"),
        ("coo", "0 1 1\n", "begins with '# vartype=SPIN'"),
        ("coo", "# vartype=SPIN\n", "names no variable"),
        ("coo", "# vartype=ISING\n0 1 1\n", "unknown vartype 'ISING'"),
        ("coo", "# vartype=SPIN\n# vartype=BINARY\n0 1 1\n", "contradict"),
        ("coo", "# vartype=SPIN\n0 1 1\n\n1 0 1\n", "line 4: sites 1 and 0 .*second time"),
        ("coo", "# vartype=SPIN\n3 3 1\n3 3 1\n", "line 3: sites 3 and 3 .*second time"),
        ("coo", "# vartype=SPIN\n0 1 nan\n", "line 2: .*finite number, got '0 1 nan'"),
        ("coo", "# vartype=SPIN\n0 1 inf\n", "line 2: .*finite number"),
        ("coo", "# vartype=SPIN\n0 1 1e999\n", "line 2: .*finite number"),
        ("coo", "# vartype=SPIN\n0 1 1e-999\n", "line 2: float64 cannot hold the number 1e-999"),
        ("coo", "# vartype=SPIN\n0 1 9007199254740993\n", "line 2: float64 cannot hold"),
        ("coo", "# vartype=SPIN\n0 1 1_0\n", "line 2: .*finite number"),
        ("coo", "# vartype=SPIN\n0 1 x\n", "line 2: .*finite number"),
        ("coo", "# vartype=SPIN\n0 1\n", "line 2: .*two sites"),
        ("coo", "# vartype=SPIN\n0 1 1 # why\n", "line 2: .*two sites"),
        ("coo", "# vartype=SPIN\n-1 1 1\n", "line 2: .*two sites"),
        ("coo", "# vartype=SPIN\n0.5 1 1\n", "line 2: .*two sites"),
        ("coo", "# vartype=SPIN\na b 1\n", "line 2: .*two sites"),
        ("coo", "# vartype=SPIN\n0 1 1e200\n", "too large"),
        ("coo", "# vartype=SPIN\n# offset: nan\n0 1 1\n", "offset must be a finite number, got 'nan'"),
        ("coo", "# vartype=SPIN\n# offset: 1\n# offset: 1\n0 1 1\n", "line 3: offset is given a second time"),
        ("coo", '# vartype=SPIN\n# labels: ["a"]\n0 1 1\n', "all 2 sites"),
        ("coo", "# vartype=SPIN\n# labels: [1,\n0 1 1\n", "instance: "),
        ("coo", f"# vartype=BINARY\n0 1 1.{'0' * 3000}1\n", "too many digits"),
        ("qubo", "", "no data"),
        ("qubo", "c nothing\n", "no data"),
        ("qubo", "0 0 1\n", "line 1: a QUBO file begins with 'p qubo"),
        ("qubo", "p qubo 0 2 1\n0 0 1\n", "line 1: a QUBO file begins with"),
        ("qubo", "p qubo 0 2 -1 0\n0 0 1\n", "line 1: a QUBO file begins with"),
        ("qubo", "p cnf 2 1\n0 0 1\n", "line 1: a QUBO file begins with"),
        ("qubo", "p qubo 0 2 2 1\n0 0 1\n0 1 1\n", "2 nodes and 1 couplers .*the file has 1 and 1"),
        ("qubo", "p qubo 0 2 1 2\n0 0 1\n0 1 1\n", "1 nodes and 2 couplers .*complete"),
        ("qubo", "p qubo 0 2 1 1\n0 0 1\n0 2 1\n", r"line 3: sites 0 and 2: sites must be in 0\.\.1"),
        ("qubo", "p qubo 0 2 2 0\n0 0 1\n0 0 1\n", "line 3: .*second time"),
        ("qubo", "p qubo 0 2 0 2\n0 1 1\n1 0 1\n", "line 3: .*second time"),
        ("qubo", "p qubo 0 2 0 0\n", "names no variable"),
        ("qubo", "p qubo 0 2 0 1\np qubo 0 2 0 1\n0 1 1\n", "line 2: .*two sites"),
        ("qubo", "p qubo 0 2 0 2\n# 0 1 1\n0 1 1\n", "2 couplers are announced, the file has 0 and 1"),
        ("qubo", "p qubo 0 2 0 1\n0 1 NaN\n", "line 2: .*finite number"),
        ("bqp", "", "no data"),
        ("bqp", "2\n1 1 1\n", "line 1: a 0-1 problem begins .*'n m'"),
        ("bqp", "2 2\n1 1 1\n", "2 entries are announced, the file has 1"),
        ("bqp", "2 1\n1 1 1\n1 2 1\n", "1 entries are announced, the file has 2"),
        ("bqp", "2 1\n0 1 1\n", r"line 2: sites 0 and 1: sites must be in 1\.\.2"),
        ("bqp", "2 1\n1 3 1\n", r"sites must be in 1\.\.2"),
        ("bqp", "2 2\n1 2 1\n2 1 1\n", "line 3: .*second time"),
        ("bqp", "0 0\n", "at least one spin, N = 0"),
        ("bqp", "99999999999999999 0\n", "GiB"),
        ("bqp", "# vartype=SPIN\n2 1\n1 2 1\n", "vartype is BINARY"),
    ],
)
def test_damaged_files(write, format, text, message):
    path = write(text)
    for function in (load_instance, instance_metadata):
        with pytest.raises(ValueError, match=message) as caught:
            function(path, format=format)
        assert "instance" in str(caught.value)


LINES = st.sampled_from(
    ["# vartype=SPIN", "# vartype=BINARY", "p qubo 0 3 1 1", "c offset: 1", "# offset: -2", "2 2", "# N: 3"]
) | st.tuples(st.integers(-1, 3), st.integers(0, 3), st.sampled_from([1, -0.5, "1e3", "x"])).map(
    lambda row: " ".join(map(str, row))
)


@settings(quick, max_examples=200)
@given(lines=st.lists(LINES, max_size=5), suffix=st.sampled_from(["", ".coo", ".qubo", ".sparse", ".txt"]))
def test_any_content_is_refused_clearly_or_read(tmp_path, lines, suffix):
    path = tmp_path / f"instance{suffix}"
    path.write_text("\n".join(lines))
    try:
        model = load_instance(path)
    except ValueError as error:
        if str(path) not in str(error):
            raise
    else:
        assert isinstance(model, IsingModel)


# The command line


@pytest.fixture
def record(capsys):
    def record(*arguments):
        assert main(["ground-state", *map(str, arguments), "--json"]) == 0
        return json.loads(capsys.readouterr().out)

    return record


@pytest.mark.parametrize("suffix", ["txt", "npz", *SUFFIXES])
def test_command_line_on_every_format(suffix, tmp_path, record):
    model = SparseIsing.from_edges([0, 1], [1, 2], [1.0, -2.0], 3, [0.5, 0, 0], offset=10.0)
    path = tmp_path / f"model.{suffix}"
    save_instance(model, path)
    found = record(path, "--degeneracy")
    assert found["energy"] == found["lower_bound"] == 10.0 - 3.5
    assert found["state"] == [1, 1, -1]
    assert (found["certified"], found["degeneracy"], found["offset"]) == (True, 1, 10.0)
    assert found["format"] == {"txt": "ij", "sparse": "bqp"}.get(suffix, suffix)
    is_binary = suffix not in ("txt", "npz", "coo")
    assert found["vartype"] == ("BINARY" if is_binary else "SPIN")
    assert found.get("binary") == ([1, 1, 0] if is_binary else None)
    assert found["labels"] == ([1, 2, 3] if suffix in ("bqp", "sparse") else [0, 1, 2])


def test_command_line_gives_cuts_and_names(write, record, capsys):
    triangle = record(write("3 3\n1 2 1\n1 3 1\n2 3 1\n"), "--format", "rudy")
    assert (triangle["cut"], triangle["labels"]) == (2.0, [1, 2, 3])
    main(["ground-state", str(write("3 3\n1 2 1\n1 3 1\n2 3 1\n")), "--format", "rudy"])
    assert "\ncut         2\n" in capsys.readouterr().out
    assert record(write("# N: 3\n# ghost: 1\n0 1 5\n1 2 -3\n"))["labels"] == [0, 2]
    named = DenseIsing(PAIR.J, PAIR.b, labels=["a", ("b", 1)])
    path = write("", "named.npz")
    save_instance(named, path)
    assert record(path)["labels"] == ["a", ["b", 1]]


def test_command_line_takes_the_vartype(write, record, capsys):
    path = write("0 0 -1\n0 1 1\n", "x.coo")
    assert record(path, "--vartype", "BINARY")["binary"] == [1, 0]
    assert record(path, "--vartype", "SPIN")["state"] == [1, -1]
    assert main(["ground-state", str(path), "--vartype", "BINARY"]) == 0
    assert "binary      10" in capsys.readouterr().out
    assert main(["ground-state", str(path)]) == 1
    assert "begins with '# vartype=SPIN' or '# vartype=BINARY'; where it does not, give --vartype" in (
        capsys.readouterr().err
    )


def test_command_line_without_a_proof(write, record, tmp_path):
    J = np.ones((45, 45)) - np.eye(45)
    save_instance(DenseIsing(-J), tmp_path / "model.qubo")
    found = record(tmp_path / "model.qubo", "--method", "annealing")
    assert found["certified"] is False
    assert found["lower_bound"] < found["energy"]


@pytest.mark.parametrize("sizes", ["3 1 2", "3 3 0", "3 2 2"])
def test_counts_of_nodes_and_of_couplers_are_each_checked(tmp_path, sizes):
    # Two diagonal entries and one coupler: three lines, as many as 1 + 2 and 3 + 0.
    path = tmp_path / "x.qubo"
    path.write_text(f"p qubo 0 {sizes}\n0 0 1.0\n1 1 -1.0\n0 1 2.0\n")
    with pytest.raises(ValueError, match=r"nodes and . couplers are announced, the file has 2 and 1"):
        load_instance(path)
