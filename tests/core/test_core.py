"""The layer under everything: random numbers, validators, compiled primitives, threads."""

from __future__ import annotations

import os
import sys
import threading
from fractions import Fraction

import numba
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from model_forms import FORMS, make
from naive import all_states

import spinlab as sl
from spinlab._core import messages, progress
from spinlab._core.heat_bath import SITES, logits
from spinlab._core.jit import kernel
from spinlab._core.kernel_cache import cache_dir
from spinlab._core.lanes import (
    LANES,
    above,
    choose,
    exponent_of,
    larger,
    load,
    mantissa_of,
    multiply_add,
    not_above,
    prefetch,
    splat,
    store,
    widened,
)
from spinlab._core.parallel import map_threads, n_threads
from spinlab._core.philox import philox, random_spins, word
from spinlab._core.primitives import cache_size, field, fill, flip
from spinlab._core.rng import as_generator, as_key
from spinlab._core.validate import (
    as_choice,
    as_count,
    as_data,
    as_real,
    as_real_array,
    as_spins,
    check_memory,
    symmetrised,
)

# Philox4x32-10. Known answers: file kat_vectors of the Random123 distribution (Salmon et al. 2011).


@pytest.mark.parametrize(
    ("key", "counter", "words"),
    [
        ("00000000 00000000", "00000000 00000000 00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff", "ffffffff ffffffff ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("a4093822 299f31d0", "243f6a88 85a308d3 13198a2e 03707344", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_philox_known_answers(key, counter, words):
    low, high = (int(x, 16) for x in key.split())
    found = philox(np.uint64(high << 32 | low), *(np.uint32(int(x, 16)) for x in counter.split()))
    assert [f"{int(x):08x}" for x in found] == words.split()


def philox_by_the_paper(key, counter):
    """Ten rounds with Python's integers."""
    k = [key & 0xFFFFFFFF, key >> 32]
    c = list(counter)
    for _ in range(10):
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


WORD = st.integers(0, 2**32 - 1)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(key=st.integers(0, 2**64 - 1), counter=st.tuples(WORD, WORD, WORD, WORD))
def test_philox_anywhere(key, counter):
    found = philox(np.uint64(key), *(np.uint32(c) for c in counter))
    assert [int(x) for x in found] == philox_by_the_paper(key, counter)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(key=st.integers(0, 2**64 - 1), chain=WORD, step=WORD, site=WORD, stream=st.integers(0, 9))
def test_word_is_one_lane_of_four_chains(key, chain, step, site, stream):
    expected = philox_by_the_paper(key, (site, chain // 4, step, stream))[chain % 4]
    assert int(word(np.uint64(key), chain, step, site, np.uint32(stream))) == expected


def test_random_spins():
    s = random_spins(np.uint64(3), 1000, 100)
    assert s.dtype == np.int8
    assert set(np.unique(s)) == {-1, 1}
    # fair, and independent of the next site and of the next chain; 5 sigma: false alarm 6e-7 each
    for x in (s, s[:, ::2] * s[:, 1::2], s[::2] * s[1::2]):
        assert abs(x.mean(dtype=float)) < 5 / np.sqrt(x.size)
    np.testing.assert_array_equal(random_spins(np.uint64(3), 7, 100), s[:7])
    np.testing.assert_array_equal(random_spins(np.uint64(3), 7, 9), s[:7, :9])
    assert (random_spins(np.uint64(4), 1000, 100) != s).any()


def test_logits_are_those_of_the_words():
    key, site, group, step, stream = np.uint64(5), 128, np.uint32(9), np.uint32(2), np.uint32(1)
    out = np.empty((8, SITES))
    logits(key, site, group, step, stream, out)
    for i in range(SITES):
        words = np.array(philox_by_the_paper(5, (128 + i, 9, 2, 1)))
        u = (words + 0.5) / 2**32
        np.testing.assert_allclose(out[:4, i], np.log(u) - np.log1p(-u), rtol=1e-13, atol=1e-15)
    # the law of logit(u) is the logistic one; 40 x 256 numbers, false alarm 1e-6
    sample = []
    for group in range(40):
        logits(key, site, np.uint32(group), step, stream, out)
        sample.append(out[:4].copy())
    assert scipy.stats.kstest(np.ravel(sample), "logistic").pvalue > 1e-6


@kernel
def lanes_of(a, b, coarse, bits, out, found):
    x, y = load(a, np.uint64(1)), load(b, 0)  # an address that is no multiple of the width
    total = x + y
    total += x * splat(b[0])
    store(out, 3, choose(bits, total, x - y))
    store(out, 3 + LANES, widened(load(coarse, 0), x))
    found[0], found[1] = above(x, y), not_above(x, y)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lanes_compute_what_numpy_computes(dtype):
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, LANES + 1)).astype(dtype)
    coarse = rng.normal(size=LANES).astype(np.float32)
    b[4], b[7], b[9] = a[5], np.nan, -np.inf  # equal to its partner, not a number, infinite
    out, found = np.zeros(4 + 2 * LANES, dtype), np.zeros(2, np.uint16)
    bits = np.uint16(0b0101_0011_1100_0110)
    lanes_of(a, b, coarse, bits, out, found)
    x, y, set_bits = a[1:], b[:LANES], (bits >> np.arange(LANES)) & 1 == 1
    expected = np.where(set_bits, x + y + x * b[0], x - y)
    np.testing.assert_array_equal(out, np.concatenate([np.zeros(3), expected, coarse, [0]]).astype(dtype))
    assert [(found[0] >> r) & 1 for r in range(LANES)] == (x > y).tolist()
    assert found[0] ^ found[1] == 0xFFFF
    assert [(found[0] >> r) & 1 for r in (4, 7, 9)] == [0, 0, 1]


@kernel
def parts_of_lanes(a, b, c, fused, mantissas, exponents):
    prefetch(b, 0)
    x = load(a, 0)
    store(fused, 0, multiply_add(x, load(b, 0), load(c, 0)))
    store(mantissas, 0, mantissa_of(x))
    store(exponents, 0, exponent_of(x))


@kernel
def larger_lanes(a, b, out):
    store(out, 0, larger(load(a, 0), load(b, 0)) - splat(a[0]) * load(b, 0) + splat(a[1]))


def test_lanes_split_numbers_as_frexp_does():
    rng = np.random.default_rng(2)
    a = np.ldexp(rng.uniform(1, 2, LANES), rng.integers(-1022, 1023, LANES))
    a[:3] = 1.0, 2.0**-1022, np.finfo(float).max
    b, c = rng.normal(size=(2, LANES)) / a
    fused, mantissas, exponents = np.empty(LANES), np.empty(LANES), np.empty(LANES, np.int64)
    parts_of_lanes(a, b, c, fused, mantissas, exponents)
    m, k = np.frexp(a)
    np.testing.assert_array_equal(mantissas, 2 * m)
    np.testing.assert_array_equal(exponents, k - 1 + 1023)
    exact = [Fraction(x) * Fraction(y) + Fraction(z) for x, y, z in zip(a, b, c, strict=True)]
    size = np.abs(a * b) + np.abs(c)
    assert (
        max(abs(Fraction(f) - e) / Fraction(s) for f, e, s in zip(fused, exact, size, strict=True)) < 2.0**-52
    )


def test_lanes_of_integers():
    rng = np.random.default_rng(3)
    a, b = rng.integers(-1000, 1000, (2, LANES)).astype(np.int32)
    b[3], out = a[3], np.empty(LANES, np.int32)
    larger_lanes(a, b, out)
    np.testing.assert_array_equal(out, np.maximum(a, b) - a[0] * b + a[1])


def test_as_generator():
    rng = np.random.default_rng(1)
    assert as_generator(rng) is rng
    assert as_generator(5).random() == np.random.default_rng(5).random()
    assert as_generator(None).random() != as_generator(None).random()
    with pytest.raises(ValueError, match="rng must be 0 or more"):
        as_generator(-1)
    for bad in ("x", 1.5, object()):
        with pytest.raises(TypeError, match="rng must be None, a non-negative int,"):
            as_generator(bad)


def test_as_key():
    assert as_key(5) == as_key(5)
    assert as_key(5) != as_key(6)
    assert isinstance(as_key(5), np.uint64)
    rng = np.random.default_rng(5)
    assert as_key(rng) != as_key(rng)
    # keys use all 64 bits: each bit is set in some of 200 keys and clear in others, false alarm 1e-58
    keys = [int(as_key(seed)) for seed in range(200)]
    assert np.bitwise_or.reduce(np.array(keys, dtype=np.uint64)) == np.uint64(2**64 - 1)
    assert np.bitwise_and.reduce(np.array(keys, dtype=np.uint64)) == np.uint64(0)


# Validators


@pytest.mark.parametrize(("x", "value"), [(3, 3), (np.int8(3), 3), (np.array(3), 3), (2**62, 2**62)])
def test_counts(x, value):
    assert as_count(x, "n") == value
    assert type(as_count(x, "n")) is int


@pytest.mark.parametrize(
    ("x", "error", "message"),
    [
        (0, ValueError, "n must be at least 1, got 0"),
        (-5, ValueError, "at least 1, got -5"),
        (2**63, ValueError, "below 2"),
        (True, TypeError, "integer, got True"),
        (np.True_, TypeError, "integer"),
        (2.0, TypeError, "integer, got 2.0"),
        ("3", TypeError, "integer, got '3'"),
        (None, TypeError, "integer, got None"),
        (np.array([3]), TypeError, "integer"),
    ],
)
def test_bad_counts(x, error, message):
    with pytest.raises(error, match=message):
        as_count(x, "n")


@pytest.mark.parametrize("x", [2, 2.0, np.float32(2), np.int8(2), Fraction(2), np.array(2.0)])
def test_real_numbers(x):
    assert as_real(x, "x") == 2.0
    assert type(as_real(x, "x")) is float


@pytest.mark.parametrize(
    "x",
    [True, "2", b"2", None, 2j, np.complex64(2), np.array([2.0]), np.array("2"), np.array(True), [2.0], {}],
)
def test_not_real_numbers(x):
    with pytest.raises(TypeError, match="x must be a real number"):
        as_real(x, "x")


def test_bounds_of_real_numbers():
    assert as_real(0.0, "x", 0.0) == 0.0
    for x, minimum, exclusive, message in (
        (-1.0, 0.0, False, "finite number of at least 0, got -1.0"),
        (0.0, 0.0, True, "finite number above 0, got 0.0"),
        (np.nan, -np.inf, False, "finite number, got nan"),
        (np.inf, 0.0, False, "finite number of at least 0, got inf"),
        (10**400, -np.inf, False, "too large for float64"),
    ):
        with pytest.raises(ValueError, match=message):
            as_real(x, "x", minimum, exclusive)


def test_choices():
    assert as_choice("mean", "reduction", ["mean", "min"]) == "mean"
    for bad in ("max", None, 3, ["mean"], np.array(["mean", "min"])):
        with pytest.raises(ValueError, match=r"unknown reduction .*; known: mean, min"):
            as_choice(bad, "reduction", (x for x in ("mean", "min")))


def test_spins_are_packed():
    s = as_spins([[1.0, -1.0], [-1.0, 1.0]], 2)
    assert s.dtype == np.int8
    assert s.flags.c_contiguous


@pytest.mark.parametrize("x", [[[0, 1], [1, 1]], [[0.0, 1.0], [1.0, 1.0]], [[False, True], [True, True]]])
def test_zero_one_data_become_spins(x):
    for data in (x, np.array(x)):
        np.testing.assert_array_equal(as_data(data, 2), [[-1, 1], [1, 1]])
    assert as_data(x, 2).dtype == np.int8


def test_data_of_one_value():
    for x, spin in ((1, 1), (True, 1), (0, -1), (False, -1), (-1, -1)):
        np.testing.assert_array_equal(as_data(np.full((2, 3), x), 3), np.full((2, 3), spin))


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ([0.0, np.nan], "NaN in 1 of 2 entries; fill or drop"),
        ([1, 2, 1], r"from 1 to 2; for two codes take data == 2$"),
        ([0.0, 0.25, 1.0], r"from 0 to 1; grey levels become spins by datasets.binarized\(data\)$"),
        (np.array([0, 17, 255], np.uint8), r"from 0 to 255; .*binarized\(data / 255\)$"),
        ([-1, 0, 1], "values from -1 to 1; choose a threshold"),
        ([1, np.inf], "values from 1 to inf; choose"),
        ([0, 1, 1], "data must have 2 spins"),
        (np.ones((2, 5)), r"data must have 2 spins.*got shape \(2, 5\); states are rows: data\.T"),
        (np.ones((5, 1, 2, 1)), r"have 2 spins.*images become rows by data\.reshape\(5, 2\)"),
    ],
)
def test_other_data_are_refused_with_what_was_found(x, message):
    with pytest.raises(ValueError, match=message):
        as_data(x, 2 if "2 spins" in message else len(x))


@pytest.mark.parametrize(
    "build",
    [
        lambda: sl.rbm.RBM(2**25, 2**25),
        lambda: sl.rbm.RARBM(2**25, 2**25, 2**25),
        lambda: sl.rbm.FBM(2**25),
        lambda: sl.rbm.RAFBM(2**25, 2**25),
        lambda: sl.rbm.DBM([8, 2**25, 2**25]),
        lambda: sl.rbm.RADBM([8, 2**25, 2**25], 2**25),
        lambda: sl.rbm.HybridBM(2**25, 2**25),
        lambda: sl.rbm.RAHybridBM(2**25, 2**25, 2**25),
    ],
)
def test_machines_are_refused_before_their_memory_is_taken(build):
    with pytest.raises(ValueError, match=r"training .* needs about .* GiB of memory"):
        build()


def test_memory_is_checked_before_it_is_taken():
    check_memory(1000, "this")
    with pytest.raises(ValueError, match=r"this needs about 9\.09e\+05 GiB of memory, this machine has"):
        check_memory(976 * 10**12, "this")


# Primitives


@numba.njit
def walk(p, s, c, sites, h):
    """Flip the sites one after the other; h[t] = all local fields before flip t."""
    fill(p, s, c)
    for t in range(len(sites)):
        for i in range(len(s)):
            h[t, i] = field(p, c, s, i)
        flip(p, c, s, sites[t])


@pytest.mark.parametrize("fields", [True, False], ids=["fields", "no fields"])
@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_primitives_follow_a_walk(form, fields):
    for integer in (True, False):
        case = make(form, integer, fields)
        p = case.model.form()
        rng = np.random.default_rng(6)
        sites = rng.integers(0, 7, 60)
        s = all_states(7)[rng.integers(128)].astype(np.int8)
        states = np.empty((60, 7), dtype=np.int8)
        now = s.copy()
        for t, i in enumerate(sites):
            states[t] = now
            now[i] = -now[i]
        h = np.full((60, 7), np.nan)
        walk(p, s, np.full(cache_size(p), np.nan), sites, h)
        np.testing.assert_array_equal(s, now)
        expected = states @ case.J + case.b
        np.testing.assert_allclose(h, expected, rtol=0, atol=0 if integer else 1e-12)


@pytest.mark.parametrize("primitive", [fill, field, flip])
def test_primitives_exist_only_in_kernels(primitive):
    with pytest.raises(NotImplementedError, match="inside a kernel"):
        primitive(*[None] * (3 if primitive is fill else 4))


# The kernel decorator


def test_kernels_release_the_lock_and_are_cached():
    options = philox.targetoptions
    assert options["nogil"]
    assert options["nopython"]
    assert options["error_model"] == "numpy"
    assert str(philox._cache.cache_path).startswith(cache_dir())


def test_the_cache_folder_of_others_is_left_alone():
    theirs = numba.core.config.CACHE_DIR

    @kernel(fastmath=True)
    def double(x):
        return 2 * x

    assert double(4) == 8
    assert theirs == numba.core.config.CACHE_DIR
    assert double.targetoptions["fastmath"]


# Threads


def test_map_threads_keeps_the_order():
    for threads in (1, 2, 5, None):
        assert map_threads(lambda x: x * x, range(20), threads) == [x * x for x in range(20)]
    assert map_threads(str, [], 3) == []


def test_map_threads_uses_threads():
    barrier = threading.Barrier(3, timeout=20)  # breaks unless three calls wait at the same time
    assert map_threads(lambda _: barrier.wait() >= 0, range(3), 3) == [True] * 3


def test_errors_come_out_of_threads():
    for threads in (1, 3):
        with pytest.raises(ZeroDivisionError):
            map_threads(lambda x: 1 // x, [1, 0, 2], threads)


def test_number_of_threads(monkeypatch):
    monkeypatch.delenv("SPINLAB_NUM_THREADS", raising=False)
    assert 1 <= n_threads() <= (os.cpu_count() or 1)
    monkeypatch.setenv("SPINLAB_NUM_THREADS", "3")
    assert n_threads() == 3
    assert n_threads(2) == 2
    for bad in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("SPINLAB_NUM_THREADS", bad)
        with pytest.raises(ValueError, match=f"SPINLAB_NUM_THREADS must be a positive integer, got '{bad}'"):
            n_threads()
    for bad in (0, -1, 1.5, "2", True):
        with pytest.raises((ValueError, TypeError), match="threads must be"):
            n_threads(bad)


# Bars


def test_bars_where_somebody_looks(monkeypatch):
    """A terminal or a notebook; not a batch job, and not where messages are off."""

    class Shell:
        config = {"IPKernelApp": {}}  # noqa: RUF012

    class IPython:
        get_ipython = staticmethod(lambda: Shell)

    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    assert not progress.is_watched()
    monkeypatch.setitem(sys.modules, "IPython", IPython)
    assert progress.is_watched()
    monkeypatch.setattr(Shell, "config", {})
    assert not progress.is_watched()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert progress.is_watched()
    level = messages.log.level
    try:
        messages.quiet()
        assert not progress.is_watched()
    finally:
        messages.log.setLevel(level)


def test_large_matrices_are_looked_at_everywhere():
    # They are checked piece by piece, 128 rows or 32 768 numbers at a time.
    J = np.ones((300, 300)) - np.eye(300)
    assert symmetrised(J)[1] == 0.0
    for i, j in ((0, 299), (130, 140), (299, 1), (128, 127)):
        apart = J.copy()
        apart[i, j] = 2.0
        with pytest.raises(ValueError, match=rf"symmetric, but J\[{min(i, j)},{max(i, j)}\] = "):
            symmetrised(apart)
        apart[i, j] = 1.0 + 1e-12
        assert symmetrised(apart)[1] > 0.0
        for value, message in (
            (np.nan, "NaN or infinite"),
            (-np.inf, "NaN or infinite"),
            (1e151, "too large"),
        ):
            apart[i, j] = value
            with pytest.raises(ValueError, match=message):
                symmetrised(apart)
    with pytest.raises(ValueError, match="too large"):
        as_real_array(np.full(10, 1e308), "x", 1)  # the sum overflows, its terms do not


@kernel
def plus(x, y):
    return x + y


def test_a_kernel_that_is_called_with_a_constant_is_compiled_once():
    """numba has a type of its own for 0, and would compile ``plus`` for each mixture of it and int64."""
    integer, zero = numba.types.int64, numba.types.literal(0)
    for arguments in ([zero, integer], [integer, zero], [zero, zero]):  # as where another kernel calls it
        plus.get_call_template(arguments, {})
    assert plus.signatures == [(integer, integer)]
