"""Matrix Market files, as scipy writes them and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.io
import scipy.sparse

from spinlab.models import SparseIsing, instance_metadata, load_instance

BANNER = "%%MatrixMarket matrix coordinate real symmetric\n"
FULL = BANNER.replace("coordinate", "array")


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "J.mtx"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize("symmetry", ["general", "symmetric"])
@pytest.mark.parametrize("form", [np.array, scipy.sparse.coo_array])
@pytest.mark.parametrize("dtype", [float, int])
def test_what_scipy_writes_is_read_to_the_last_bit(tmp_path, form, symmetry, dtype):
    half = np.triu(np.random.default_rng(1).normal(0, 10, (6, 6)), 1)
    J = (half + half.T).astype(dtype)
    J[0, 5] = J[5, 0] = 0
    scipy.io.mmwrite(tmp_path / "J.mtx", form(J), comment="couplings", symmetry=symmetry, precision=17)
    model = load_instance(tmp_path / "J.mtx", "matrix")
    np.testing.assert_array_equal(model.couplings(), J)
    assert isinstance(model, SparseIsing) == (form is scipy.sparse.coo_array)
    assert instance_metadata(tmp_path / "J.mtx", "matrix") == {"format": "matrix"}


def test_either_triangle_in_any_case_with_comments(write):
    J = np.array([[0, 1.5, 0], [1.5, 0, -2], [0, -2, 0]])
    entries = "% a comment\n\n3 3 2\n1 2 1.5\n% between\n3 2 -2\n"
    for text in (BANNER + entries, BANNER.upper() + entries, FULL + "3 3\n0\n1.5\n0\n0\n-2D0\n0\n"):
        np.testing.assert_array_equal(load_instance(write(text), "matrix").couplings(), J)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BANNER, r"line 2: expected the numbers of rows, columns and entries, got ''"),
        (BANNER + "3 3\n", r"line 2: expected the numbers of rows, columns and entries, got '3 3'"),
        (FULL + "3 3 1\n", r"line 2: expected the numbers of rows and columns, got '3 3 1'"),
        (BANNER + "-3 -3 0\n", "expected the numbers of rows"),
        (BANNER + "3 4 0\n", r"a symmetric matrix is square, this one is 3 x 4"),
        (BANNER + "3 3 2\n2 1 1\n", "2 entries are announced, the file has 1; is it complete"),
        (BANNER + "3 3 1\n2 1 1\n3 1 1\n", "1 entries are announced, the file has 2"),
        (FULL + "3 3\n0\n1\n0\n0\n1\n", "6 entries are announced, the file has 5"),
        (FULL.replace("symmetric", "general") + "2 2\n0\n1\n1\n", "4 entries are announced"),
        (BANNER + "3 3 1\n4 1 1\n", r"line 3: 4 1: row and column must be in 1\.\.3"),
        (BANNER + "3 3 1\n1 0 1\n", r"line 3: 1 0: row and column must be in 1\.\.3"),
        (BANNER + "3 3 1\n1.5 1 1\n", "must be integers"),
        (BANNER + "3 3 2\n2 1 1\n1 2 1\n", "line 4: 1 2: this place is given a second time, mirrored"),
        (BANNER + "3 3 1\n2 1 nan\n", r"line 3: expected three finite numbers"),
        (BANNER + "3 3 1\n2 1 1 1\n", r"line 3: expected three finite numbers"),
        (BANNER + "3 3 1\n2 1 9007199254740993\n", "float64 cannot hold the integer"),
        (FULL + "1 1\n0 0\n", "line 3: expected one finite number, got '0 0'"),
        (BANNER + "3 3 1\n2 2 1\n", "J.mtx: J has a non-zero diagonal"),
        (BANNER.replace("symmetric", "general") + "3 3 1\n2 1 1\n", "J.mtx: J is triangular"),
        (BANNER.replace("symmetric", "general") + "3 2 1\n2 1 1\n", "J.mtx: J must be square"),
        (BANNER.replace("real", "pattern") + "3 3 1\n2 1\n", "'real' or 'integer' numbers.*%Matrix.*patt"),
        (BANNER.replace("real", "complex") + "3 3 1\n2 1 1 1\n", "got '%%Matrix.*complex"),
        (BANNER.replace("symmetric", "skew-symmetric") + "3 3 1\n2 1 1\n", "got '%%Matrix.*skew"),
        (BANNER + "900000000 900000000 1\n2 1 1\n", "sites|memory"),
    ],
)
def test_what_is_wrong_is_named(write, text, message):
    with pytest.raises(ValueError, match=message):
        load_instance(write(text), "matrix")


def test_without_a_format_it_is_not_said_what_the_numbers_mean(write):
    with pytest.raises(ValueError, match="format='matrix' reads couplings J, for a maximum cut"):
        load_instance(write(BANNER + "3 3 1\n2 1 1\n"))
