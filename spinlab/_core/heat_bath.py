"""Thresholds of single-spin decisions in bulk.

With u uniform on (0, 1), the heat bath sets s = +1 where 2 beta h > logit(u), which has probability
1/(1 + exp(-2 beta h)), and Metropolis' rule flips s where 2 beta s h < -ln(u). The thresholds do not depend
on the state, so they are computed for many sites at once by plain arithmetic that the compiler
vectorises, and that gives the same bits on every processor.

Metropolis' rule alone would not do: where flips cost nothing it flips always, and a sweep over the sites in
order then permutes states. So Metropolis sampling leaves a share of the visits, at least half of them, to the
heat bath (:func:`heat_share`).
"""

from __future__ import annotations

import numpy as np

from .jit import kernel
from .philox import philox

# Sites whose thresholds are drawn in one go.
SITES = 64

# Coarse thresholds are off by less than this; a decision that is closer needs the exact ones.
COARSE = 1e-5

_SQRT_HALF_BITS = np.int64(0x3FE6A09E667F3BCD)
_MANTISSA = np.int64(52)
_LN2 = 0.6931471805599453
_SQRT_HALF_BITS_32 = np.int32(0x3F3504F3)
_MANTISSA_32 = np.int32(23)
_HALF = np.float32(0.5)
_ONE = np.float32(1.0)
_WORDS = 4294967296.0
_LN2_32 = np.float32(0.6931471805599453)
# ln(1 + x) = x (_P1 + _P2 x + ...) to 3e-6 for 1 + x in [sqrt(1/2), sqrt(2)), by interpolation.
_P1, _P2, _P3 = np.float32(1.00000374), np.float32(-0.4998948), np.float32(0.33265906)
_P4, _P5, _P6 = np.float32(-0.25433356), np.float32(0.21965709), np.float32(-0.14021623)


@kernel
def logits(key, site, group, step, stream, out):  # type: ignore[no-untyped-def]
    """logit(u) for the sites site..site+SITES-1 (columns) of the chains 4 group..4 group + 3 (rows 0-3).

    ``out`` has shape (8, SITES); rows 4-7 are scratch.
    """
    for i in range(SITES):
        x0, x1, x2, x3 = philox(key, np.uint32(site + i), group, step, stream)
        out[0, i] = _odds(x0)
        out[1, i] = _odds(x1)
        out[2, i] = _odds(x2)
        out[3, i] = _odds(x3)
    _take_logarithms(out)


@kernel
def heat_share(x):  # type: ignore[no-untyped-def]
    """How many of the 2^32 words leave a visit of Metropolis sampling to the heat bath.

    The share is 1 - (1/2) x^2/(1 + x^2), x being the root mean square of 2 beta h over random states: all
    where the temperature drowns the couplings, half where it is cold. The heat bath alone forgets free
    spins at once; Metropolis' rule is ahead where few flips are accepted.
    """
    x = min(max(x, 1e-100), 1e100)  # squares stay in range
    return min(np.ceil(_WORDS - 0.5 * _WORDS / (1.0 + 1.0 / (x * x))), _WORDS - 1.0)


@kernel
def acceptances(key, site, group, step, stream, heat, out):  # type: ignore[no-untyped-def]
    """Thresholds of Metropolis sampling, in the layout of :func:`logits`; s flips where 2 beta s h is below.

    ``heat`` holds the four chains' :func:`heat_share`.
    """
    for i in range(SITES):
        x0, x1, x2, x3 = philox(key, np.uint32(site + i), group, step, stream)
        out[0, i] = _accepted(x0, heat[0])
        out[1, i] = _accepted(x1, heat[1])
        out[2, i] = _accepted(x2, heat[2])
        out[3, i] = _accepted(x3, heat[3])
    _take_logarithms(out)


@kernel
def _take_logarithms(out):  # type: ignore[no-untyped-def]
    """Rows 0-3 replaced by their logarithms; the other rows are scratch."""
    flat = out.reshape(-1)
    x, exponent = flat[: 4 * SITES], flat[4 * SITES :]
    for i in range(4 * SITES):  # x = 2^k m with m in [sqrt(1/2), sqrt(2))
        bits = np.float64(x[i]).view(np.int64)  # of an array it would take .2 s to compile
        k = (bits - _SQRT_HALF_BITS) >> _MANTISSA
        exponent[i] = np.float64(np.int32(k))
        x[i] = np.int64(bits - (k << _MANTISSA)).view(np.float64)
    for i in range(4 * SITES):  # ln m = 2 atanh(z), z = (m - 1)/(m + 1), |z| < .172
        x[i] = exponent[i] * _LN2 + _twice_atanh((x[i] - 1.0) / (x[i] + 1.0))


@kernel
def _twice_atanh(z):  # type: ignore[no-untyped-def]
    """2 atanh(z) for |z| < .172 by its series."""
    y = z * z
    p = 1 / 21
    p = p * y + 1 / 19
    p = p * y + 1 / 17
    p = p * y + 1 / 15
    p = p * y + 1 / 13
    p = p * y + 1 / 11
    p = p * y + 1 / 9
    p = p * y + 1 / 7
    p = p * y + 1 / 5
    p = p * y + 1 / 3
    return 2.0 * (z + z * (y * p))


@kernel
def _odds(word):  # type: ignore[no-untyped-def]
    """u/(1 - u) for u = (word + 1/2) 2^-32, strictly inside (0, 1)."""
    u = np.float64(word) + 0.5
    return u / (4294967296.0 - u)


@kernel
def _accepted(word, heat):  # type: ignore[no-untyped-def]
    """u/(1 - u) with u uniform on (0, 1) for words below ``heat``, else 1/u."""
    u = np.float64(word) + 0.5
    return (u if u < heat else _WORDS - heat) / abs(heat - u)


@kernel
def exact_thresholds(key, site, group, step, stream, metropolis, heat, out):  # type: ignore[no-untyped-def]
    """:func:`logits` or :func:`acceptances` of the groups from ``group`` on, as many as ``out`` holds."""
    for g in range(len(out)):
        if metropolis:
            acceptances(key, site, group + g, step, stream, heat[4 * g : 4 * g + 4], out[g])
        else:
            logits(key, site, group + g, step, stream, out[g])


@kernel(fastmath={"contract"})
def coarse_thresholds(key, site, group, step, stream, metropolis, heat, words, out):  # type: ignore[no-untyped-def]
    """float32 approximations of :func:`logits` or :func:`acceptances`, within COARSE, in 40 % of the time.

    Their last bits depend on the processor, which may fuse a product and a sum; decisions must not.
    For the sites site..site+SITES-1 and the chains 4 group..4 group + 15: entry 16 i + r of ``out`` belongs
    to site i and chain r. ``heat`` holds the chains' heat shares (uint32), ``words`` (uint32, 16 SITES) is
    scratch.
    """
    for j in range(np.uint64(4 * SITES)):
        c0, c1 = np.uint32(site + (j >> np.uint64(2))), np.uint32(group + (j & np.uint64(3)))
        x0, x1, x2, x3 = philox(key, c0, c1, step, stream)
        first = np.uint64(4) * j
        words[first] = x0
        words[first + np.uint64(1)] = x1
        words[first + np.uint64(2)] = x2
        words[first + np.uint64(3)] = x3
    if metropolis:
        for i in range(SITES):
            for r in range(16):
                # Differences of words first: they are exact.
                word, own = words[16 * i + r], heat[r]
                distance = np.uint32(own - word - np.uint32(1)) if word < own else np.uint32(word - own)
                top = np.float32(word) + _HALF if word < own else np.float32(~own) + _ONE
                out[16 * i + r] = top / (np.float32(distance) + _HALF)
    else:
        for j in range(16 * SITES):
            out[j] = (np.float32(words[j]) + _HALF) / (np.float32(~words[j]) + _HALF)
    for j in range(16 * SITES):  # out = 2^k (1 + x)
        # numba computes in 64 bits; said at every step, the compiler takes 32, at twice the speed.
        bits = np.float32(out[j]).view(np.int32)
        k = np.int32(np.int32(bits - _SQRT_HALF_BITS_32) >> _MANTISSA_32)
        x = np.int32(bits - np.int32(k << _MANTISSA_32)).view(np.float32) - _ONE
        p = _P6
        p = p * x + _P5
        p = p * x + _P4
        p = p * x + _P3
        p = p * x + _P2
        p = p * x + _P1
        out[j] = np.float32(k) * _LN2_32 + x * p
