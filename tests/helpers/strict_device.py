"""A stand-in for CuPy on the simulator: arrays that, like CuPy's, do not mix with numpy's.

Only what the package uses of CuPy is here; anything else fails, which is the point. What it cannot show is
whether CuPy's functions themselves take these arguments.
"""

from __future__ import annotations

import operator

import numpy as np

_HOST = "implicit conversion to a NumPy array is not allowed; use .get()"


class DeviceArray:
    """Wraps a numpy array and refuses to become one."""

    __array_ufunc__ = None  # numpy arrays beside it raise TypeError
    __array_priority__ = 100

    def __init__(self, array):
        assert type(array) is np.ndarray
        self._array = array
        self.__cuda_array_interface__ = {"version": 3}

    def __array__(self, *args, **kwargs):
        raise TypeError(_HOST)

    def get(self):
        return self._array.copy()

    shape = property(lambda self: self._array.shape)
    size = property(lambda self: self._array.size)
    dtype = property(lambda self: self._array.dtype)
    flags = property(lambda self: self._array.flags)
    T = property(lambda self: DeviceArray(self._array.T))

    def __len__(self):
        return len(self._array)

    def __float__(self):
        return float(self._array)

    def __getitem__(self, index):
        return wrap(self._array[unwrap(index)])

    def __setitem__(self, index, value):
        self._array[index] = unwrap(value)


def wrap(value):
    """CuPy's reductions and elements are 0-d device arrays."""
    return DeviceArray(np.asarray(value))


def unwrap(value):
    if isinstance(value, DeviceArray):
        return value._array
    if isinstance(value, np.ndarray):
        raise TypeError(f"unsupported type numpy.ndarray of shape {value.shape} beside a device array")
    return value


def _method(name):
    def method(self, *args, **kwargs):
        return wrap(getattr(self._array, name)(*map(unwrap, args), **kwargs))

    return method


for _name in ("sum", "min", "max", "mean", "reshape", "ravel", "astype", "copy"):
    setattr(DeviceArray, _name, _method(_name))
_OPERATORS = (
    "add",
    "sub",
    "mul",
    "truediv",
    "matmul",
    "and",
    "or",
    "rshift",
    "lshift",
    "eq",
    "ge",
    "le",
    "ne",
    "lt",
    "gt",
)
for _name in _OPERATORS:
    _operator = getattr(operator, f"__{_name}__")
    setattr(DeviceArray, f"__{_name}__", lambda a, b, f=_operator: wrap(f(a._array, unwrap(b))))
    if _name not in ("eq", "ge", "le", "ne", "lt", "gt"):
        setattr(DeviceArray, f"__r{_name}__", lambda a, b, f=_operator: wrap(f(unwrap(b), a._array)))
for _name in ("add", "sub", "mul", "truediv", "or"):
    _operator = getattr(operator, f"__i{_name}__")

    def _in_place(a, b, f=_operator):
        f(a._array, unwrap(b))
        return a

    setattr(DeviceArray, f"__i{_name}__", _in_place)
DeviceArray.__neg__ = lambda a: wrap(-a._array)
DeviceArray.__abs__ = lambda a: wrap(abs(a._array))
DeviceArray.__hash__ = None


class Module:
    """The functions of CuPy that the package calls."""

    @staticmethod
    def asarray(x, dtype=None):
        """Copies from the host; what is on the device stays there."""
        if isinstance(x, DeviceArray):
            return x if dtype in (None, x.dtype) else x.astype(dtype)
        return DeviceArray(np.array(x, dtype=dtype))


def _function(function):
    def on_device(*args, out=None, **kwargs):
        assert any(isinstance(x, DeviceArray) for x in args), "CuPy's functions take CuPy's arrays"
        result = wrap(function(*map(unwrap, args), **kwargs))
        if out is None:
            return result
        out._array[...] = result._array
        return out

    return staticmethod(on_device)


for _ufunc in (
    np.add,
    np.arctanh,
    np.empty_like,
    np.exp,
    np.log1p,
    np.sqrt,
    np.tanh,
    np.multiply,
    np.matmul,
    np.outer,
    np.vdot,
    np.where,
    np.clip,
):
    setattr(Module, _ufunc.__name__, _function(_ufunc))


def _maker(function):
    return staticmethod(lambda *args, **kwargs: DeviceArray(function(*args, **kwargs)))


Module.concatenate = staticmethod(lambda arrays, axis: wrap(np.concatenate([*map(unwrap, arrays)], axis)))

for _function in (np.empty, np.zeros, np.ones, np.arange):
    setattr(Module, _function.__name__, _maker(_function))


def install(monkeypatch):
    """Put it in CuPy's place; kernels get the bare arrays."""
    from spinlab._core import device
    from spinlab._core.cuda import annealing, chains, compile, exchange, layer, layers, search, units

    real = compile.launch

    def launch(kernel, blocks, threads, *arguments):
        for argument in arguments:
            assert not isinstance(argument, np.ndarray), "a numpy array would be copied at every launch"
        real(kernel, blocks, threads, *map(unwrap, arguments))

    monkeypatch.setattr(chains, "THREADS", 5)  # of Python: 128 of them take their time
    monkeypatch.setattr(device, "module", lambda name: Module if name == "gpu" else np)
    monkeypatch.setattr(exchange, "THREADS", 2)
    for module in (annealing, chains, exchange, layer, layers, search, units):
        monkeypatch.setattr(module, "launch", launch)
