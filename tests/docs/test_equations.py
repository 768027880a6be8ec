"""Plain equations of docstrings become TeX, and prose stays prose."""

from __future__ import annotations

import html
import importlib
import re
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))
equations = importlib.import_module("equations")


@pytest.mark.parametrize(
    ("plain", "tex"),
    [
        ("E(s) = -sum_{i<j} J_ij s_i s_j", r"E ( s ) = - \sum_{i < j} J_{ij} s_{i} s_{j}"),
        ("<E> = -d ln Z / d beta", r"\langle E \rangle = - d \, \ln \, Z / d \beta"),
        ("T_g = 1 + sqrt(alpha)", r"T_{g} = 1 + \sqrt{\alpha}"),
        ("2 s sqrt N", r"2 s \sqrt{N}"),
        ("(VH)^(-1/4)", r"( VH )^{- 1 / 4}"),
        ("v.W.h + bv.v", r"v \cdot W \cdot h + {b_v} \cdot v"),
        ("0 < u <= 1", r"0 < u \le 1"),
        ("sum_k p_k ln p_k", r"\sum_{k} p_{k} \, \ln \, p_{k}"),
        ("chi_SG = N <q^2>", r"\chi_\text{SG} = N \langle q^{2} \rangle"),
        ("max over c of [ln Phi(c) - c^2/2]", r"\max_{c} [ \ln \, \Phi ( c ) - c^{2} / 2 ]"),
        ("W = (scale/sqrt K) xi_v^T xi_h", r"W = ( \text{scale} / \sqrt{K} ) \xi_{v}^{T} \xi_{h}"),
        ("-sum |J|", r"- \sum \lvert J \rvert"),
        ("M_kk' = sum_a xi_a^k xi_a^k'", r"M_{kk'} = \sum_{a} \xi_{a}^{k} \xi_{a}^{k'}"),
    ],
)
def test_equations_are_set(plain: str, tex: str) -> None:
    assert equations.typeset(plain) == f":math:`{tex}`"


@pytest.mark.parametrize(
    "prose",
    [
        "A state is a list of spins, and I know a model with N spins.",
        "D. Sherrington, S. Kirkpatrick, Phys. Rev. Lett. 35, 1792 (1975)",
        "The replica-symmetric line; see arXiv:1910.01592, Appendix A (1987).",
        "Standard error of ``log_z`` and ``2**N`` states, *array_like of +-1, shape (2**V,)*.",
        "Takes 0.15 ns per state and core.",
        ":func:`spinlab.theory.sk` of the base's model",
        "curves, curve_errors : ndarray, shape (n_sizes, n_x)",
    ],
)
def test_prose_is_left_alone(prose: str) -> None:
    assert equations.typeset(prose) == prose


def test_an_equation_ends_at_punctuation_and_joins_lines() -> None:
    lines = [
        "Paramagnet for T > 1,",
        "Z = prod 2cosh(M g_odd/2)",
        "+ prod 2sinh(M g_odd/2).",
        "",
        ">>> x = 2 ** 3",
    ]
    assert equations.typeset_docstring(lines) == [
        r"Paramagnet for :math:`T > 1`\ ,",
        r":math:`Z = \prod 2 \, \cosh ( M g_\text{odd} / 2 ) + \prod 2 \, \sinh ( M g_\text{odd} / 2 )`\ .",
        "",
        ">>> x = 2 ** 3",
    ]


def test_bars_are_no_substitutions() -> None:
    assert equations.typeset("the sum of |J| over ``|x|``") == r"the sum of \|J\| over ``|x|``"


def test_cells_of_a_table_are_set_one_by_one() -> None:
    table = ["===== =======", "model size", "===== =======", "SK    1/N^2", "===== ======="]
    assert equations.typeset_docstring(table) == [
        ".. list-table::",
        "   :header-rows: 1",
        "",
        "   * - model",
        "     - size",
        "   * - SK",
        "     - :math:`1 / N^{2}`",
        "",
    ]


@pytest.mark.parametrize(
    ("tex", "spaced"),
    [
        (r"N \log N", "N_log_N"),
        (r"-T\ln 2\cosh\beta(m+h)", "−T_ln_2_cosh_β(m+h)"),
        (r"\frac{\ln Z}{N}", "ln_ZN"),
        (r"x\tanh^2\beta", "x_tanh2_β"),
        (r"\langle\ln Z\rangle", "⟨ln_Z⟩"),
        (r"p \, \ln \, p", "p_ln_p"),
        (r"\mathrm{ab} + VH", "ab+VH"),
    ],
)
def test_functions_stand_apart_from_letters_and_numbers(tex: str, spaced: str) -> None:
    pytest.importorskip("latex2mathml")
    pytest.importorskip("sphinx")
    from docutils import nodes

    found = importlib.import_module("mathml").mathml(nodes.math(tex, tex), display=False)
    marked = re.sub(r"<mspace [^>]*>", "_", found)
    assert html.unescape(re.sub(r"<[^>]*>", "", marked)) == spaced
