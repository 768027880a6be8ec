"""What must be equal for a checkpoint to be continued: settings, seed, start of the machine, data."""

from __future__ import annotations

import hashlib
import json
from types import CellType, FunctionType
from typing import Any

import numpy as np

from ..machines.machine import Machine
from .schedules import Schedule

_DEEPEST = 6  # levels of nested objects that are looked into
_LASTING = (bool, int, float, str, tuple, np.ndarray, np.generic, FunctionType)
_PROBES = sorted({*range(32), *(2**k for k in range(5, 16)), *(3 * 2**k for k in range(4, 15))})


def digest(*arrays: np.ndarray) -> str:
    """Sixteen digits that stand for the shapes, types and bits of arrays."""
    found = hashlib.sha256()
    for x in arrays:
        found.update(f"{x.shape}{x.dtype.str}".encode() + np.ascontiguousarray(x).tobytes())
    return found.hexdigest()[:16]


def text_digest(text: str) -> str:
    """Sixteen digits that stand for a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def arrays_of(machine: Machine) -> str:
    """The same of all arrays of a machine."""
    arrays = _arrays(machine)
    return digest(*(arrays[name] for name in sorted(arrays)))


def _arrays(machine: Machine) -> dict[str, np.ndarray]:
    return machine.on_host() | {k: np.asarray(x) for k, x in machine.state_dict().items() if k == "scale"}


def data_digest(data: np.ndarray) -> str:
    """The same of checked data."""
    return hashlib.sha256(data.tobytes() + repr(data.shape).encode()).hexdigest()[:16]


def start_of(machine: Machine) -> dict[str, Any]:
    """A machine before training: its arrays, or the settings of a random start whose seed was left open."""
    if machine.unseeded is None:
        return {"start": arrays_of(machine)}
    arrays = _arrays(machine)
    fixed = [arrays[name] for name in sorted(arrays) if name not in machine.decayed]
    return {"start": "random", **machine.unseeded, "start_of_biases": digest(*fixed)}


def rates_of(schedule: Schedule | None, lr: float) -> list[list[float]]:
    """[epoch, rate] wherever a schedule of some epochs changes: what it does, not what it is called."""
    found: list[list[float]] = []
    for epoch in _PROBES:
        try:
            rate = lr if schedule is None else float(schedule(epoch, lr))
        except Exception:  # a table may end; what fails in training fails there
            break
        if not found or rate != found[-1][1]:
            found.append([epoch, rate])
    return found


def other_rate(kept: np.ndarray, since: int, schedule: Schedule | None, lr: float) -> str:
    """Which of the rates of the epochs done, from ``since`` on, is not what the schedule gives now; or ""."""
    for epoch in range(since, len(kept)):
        try:
            now = lr if schedule is None else float(schedule(epoch, lr))
        except Exception:  # as in `rates_of`
            break
        if now != kept[epoch]:
            return f"the learning rate of epoch {epoch + 1} was {kept[epoch]:g}, is {now:g}"
    return ""


def before_in(identity: str) -> tuple[str, int]:
    """What the trainer of a kept run had done before it, and the epoch at which it ended."""
    try:
        since, before = json.loads(identity)["before"]
        return str(before), int(since)
    except (ValueError, TypeError, KeyError):
        return "", 0


def machine_in(identity: str) -> str:
    """The machine of a kept run, in words; "" where the run had not begun."""
    try:
        return str(json.loads(identity)["machine"])
    except (ValueError, TypeError, KeyError):
        return ""


def settings_of(thing: Any) -> str:
    """An object by its class and public attributes: arrays in full, functions by what they say."""
    public = {k: v for k, v in vars(thing).items() if not k.startswith("_") and k != "in_use"}
    shown = ", ".join(f"{k}={_shown(v)}" for k, v in public.items())
    return f"{type(thing).__name__}({shown})"


def _shown(value: Any, depth: int = 0) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.tolist()!r}"
    if isinstance(value, list | tuple) and depth < _DEEPEST:  # numpy shortens long arrays in a list
        return f"{type(value).__name__}({', '.join(_shown(x, depth + 1) for x in value)})"
    if isinstance(value, FunctionType) and depth < _DEEPEST:
        code, cells = value.__code__, value.__closure__ or ()
        closed = [cell.cell_contents for cell in cells if cell != CellType()]
        kept = [code.co_names, code.co_consts, *(value.__defaults__ or ()), *closed]
        kept = [x for x in kept if isinstance(x, _LASTING)]  # not the lists and objects that it may count in
        return f"{value.__name__}({', '.join(_shown(x, depth + 1) for x in kept)})"
    return repr(value).partition(" at 0x")[0]


def difference(kept: str, now: str) -> str:
    """What differs between the identities of two runs, which are JSON; "" where nothing does."""
    try:
        a, b = json.loads(kept), json.loads(now)
        names = [k for k in {**a, **b} if a.get(k) != b.get(k)]
    except (ValueError, TypeError, AttributeError, RecursionError):
        return "its settings cannot be read"
    return ", ".join(_difference(k, a.get(k), b.get(k)) for k in names)


def _difference(name: str, was: Any, now: Any) -> str:
    if name == "rates" and isinstance(was, list) and isinstance(now, list):
        return f"the learning rates by epoch were {_short(was)}, are {_short(now)}"
    return f"{name} was {was!r}, is {now!r}"


def _short(rates: list[Any]) -> str:
    return f"{rates[:4]}"[:-1] + (", ...]" if len(rates) > 4 else "]")
