"""Sixteen numbers in one variable of a kernel, for loops that the compiler does not vectorise by itself.

A kernel loads sixteen neighbouring entries of an array of float32, float64 or integers, adds, subtracts and
multiplies them with one another, and stores them. Comparisons give a uint16, one bit per lane, lowest bit
first. The compiler maps all of it on the vector registers of the machine, whatever their width, with the
same bits (but for :func:`multiply_add`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, overload, register_model

LANES = 16
_CACHE_LINE = 64  # bytes


def aligned(shape: int | tuple[int, ...], dtype: Any) -> np.ndarray:
    """Zeros that start at a line of the cache: lanes that lie across two lines are loaded a tenth slower."""
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.zeros(n_bytes + _CACHE_LINE, dtype=np.uint8)
    start = -room.ctypes.data % _CACHE_LINE
    return room[start : start + n_bytes].view(dtype).reshape(shape)


class _Lanes(types.Type):
    """numba's type of sixteen numbers."""

    def __init__(self, dtype: types.Float | types.Integer) -> None:
        self.dtype = dtype
        super().__init__(name=f"Lanes({dtype})")


@register_model(_Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: _Lanes) -> None:
        super().__init__(manager, lanes, ir.VectorType(manager.lookup(lanes.dtype).get_value_type(), LANES))


def _address(context, builder, array_type, array, index):  # type: ignore[no-untyped-def]
    """Pointer to sixteen entries of a flat array from ``index`` on, and the size of one."""
    struct = context.make_array(array_type)(context, builder, array)
    vector = ir.VectorType(context.get_data_type(array_type.dtype), LANES)
    first = builder.gep(struct.data, [index])
    return builder.bitcast(first, vector.as_pointer()), array_type.dtype.bitwidth // 8


@intrinsic
def load(typingctx, array, index):  # type: ignore[no-untyped-def]
    """The entries index..index+15 of a flat array."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer, size = _address(context, builder, signature.args[0], *args)
        return builder.load(pointer, align=size)

    return _Lanes(array.dtype)(array, index), codegen


@intrinsic
def store(typingctx, array, index, lanes):  # type: ignore[no-untyped-def]
    """Write the lanes to the entries index..index+15 of a flat array of their type."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer, size = _address(context, builder, signature.args[0], *args[:2])
        builder.store(args[2], pointer, align=size)

    return types.void(array, index, _Lanes(array.dtype)), codegen


@intrinsic
def prefetch(typingctx, array, index):  # type: ignore[no-untyped-def]
    """Ask for the line of the cache with an entry of a flat array, and do not wait for it."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        struct = context.make_array(signature.args[0])(context, builder, args[0])
        byte, word = ir.IntType(8).as_pointer(), cgutils.int32_t
        address = builder.bitcast(builder.gep(struct.data, [args[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [address, word(0), word(3), word(1)])  # to read, all levels, data

    return types.void(array, index), codegen


@intrinsic
def splat(typingctx, x):  # type: ignore[no-untyped-def]
    """A number in all lanes."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        vector = context.get_value_type(signature.return_type)
        one = builder.insert_element(ir.Constant(vector, ir.Undefined), args[0], cgutils.int32_t(0))
        return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(cgutils.int32_t, LANES), None))

    return _Lanes(x)(x), codegen


@intrinsic
def widened(typingctx, lanes, like):  # type: ignore[no-untyped-def]
    """float32 lanes in the type of the lanes ``like``."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        vector = context.get_value_type(signature.return_type)
        return args[0] if args[0].type == vector else builder.fpext(args[0], vector)

    return like(lanes, like), codegen


@intrinsic
def choose(typingctx, bits, yes, no):  # type: ignore[no-untyped-def]
    """``yes`` in the lanes whose bit is set, ``no`` in the others."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        mask = builder.bitcast(args[0], ir.VectorType(ir.IntType(1), LANES))
        return builder.select(mask, args[1], args[2])

    return yes(types.uint16, yes, yes), codegen


@intrinsic
def larger(typingctx, a, b):  # type: ignore[no-untyped-def]
    """The larger of two numbers in every lane; of int32 lanes."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.select(builder.icmp_signed(">", *args), *args)

    return (a(a, b), codegen) if a == b == _Lanes(types.int32) else None


@intrinsic
def exponent_of(typingctx, a):  # type: ignore[no-untyped-def]
    """k + 1023 of positive float64 lanes m 2^k with 1 <= m < 2, as int64 lanes."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        bits = ir.VectorType(ir.IntType(64), LANES)
        return builder.lshr(builder.bitcast(args[0], bits), ir.Constant(bits, [52] * LANES))

    return (_Lanes(types.int64)(a), codegen) if a == _Lanes(types.float64) else None


@intrinsic
def mantissa_of(typingctx, a):  # type: ignore[no-untyped-def]
    """m of positive float64 lanes m 2^k with 1 <= m < 2."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        bits = ir.VectorType(ir.IntType(64), LANES)
        digits = builder.and_(builder.bitcast(args[0], bits), ir.Constant(bits, [2**52 - 1] * LANES))
        return builder.bitcast(builder.or_(digits, ir.Constant(bits, [1023 << 52] * LANES)), args[0].type)

    return (a(a), codegen) if a == _Lanes(types.float64) else None


@intrinsic
def multiply_add(typingctx, a, b, c):  # type: ignore[no-untyped-def]
    """a b + c in every lane, rounded once where the processor is faster that way, otherwise twice."""

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        product = builder.fmul(args[0], args[1], flags=["contract"])
        return builder.fadd(product, args[2], flags=["contract"])

    return a(a, b, c), codegen


def _comparison(emit: Callable[..., Any]) -> Any:
    @intrinsic
    def run(typingctx, a, b):  # type: ignore[no-untyped-def]
        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return builder.bitcast(emit(builder, *args), ir.IntType(LANES))

        return types.uint16(a, a), codegen

    return run


# Bits of a > b, and of its contrary: a <= b, or one of the two is not a number.
above = _comparison(lambda builder, a, b: builder.fcmp_ordered(">", a, b))
not_above = _comparison(lambda builder, a, b: builder.fcmp_unordered("<=", a, b))


def _let_operator(symbols: tuple[Callable[..., Any], ...], name: str) -> None:
    @intrinsic
    def run(typingctx, a, b):  # type: ignore[no-untyped-def]
        emit = name if isinstance(a.dtype, types.Integer) else "f" + name
        return a(a, a), lambda context, builder, signature, args: getattr(builder, emit)(*args)

    def of_lanes(a, b):  # type: ignore[no-untyped-def]
        if isinstance(a, _Lanes) and a == b:
            return lambda a, b: run(a, b)
        return None

    for symbol in symbols:
        overload(symbol)(of_lanes)


_let_operator((operator.add, operator.iadd), "add")
_let_operator((operator.sub,), "sub")
_let_operator((operator.mul,), "mul")
