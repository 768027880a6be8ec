"""What must be equal for a checkpoint to be continued: settings, seed, start of the machine, data."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np

from ..machines.machine import Machine
from .schedules import Schedule

_PROBES = sorted({*range(32), *(2**k for k in range(5, 16)), *(3 * 2**k for k in range(4, 15))})


def digest(*arrays: np.ndarray) -> str:
    """Sixteen digits that stand for the shapes, types and bits of arrays."""
    found = hashlib.sha256()
    for x in arrays:
        found.update(f"{x.shape}{x.dtype.str}".encode() + np.ascontiguousarray(x).tobytes())
    return found.hexdigest()[:16]


def data_digest(data: np.ndarray) -> str:
    """The same of checked data."""
    return hashlib.sha256(data.tobytes() + repr(data.shape).encode()).hexdigest()[:16]


def start_of(machine: Machine) -> dict[str, Any]:
    """A machine before training: its arrays, or the settings of a random start whose seed was left open."""
    arrays = machine.on_host() | {k: np.asarray(x) for k, x in machine.state_dict().items() if k == "scale"}
    if machine.unseeded is None:
        return {"start": digest(*(arrays[name] for name in sorted(arrays)))}
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


def settings_of(thing: Any) -> str:
    """An object by its class and public attributes; arrays in full."""
    public = {k: v for k, v in vars(thing).items() if not k.startswith("_") and k != "in_use"}
    shown = ", ".join(f"{k}={_shown(v)}" for k, v in public.items())
    return f"{type(thing).__name__}({shown})"


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"{value.tolist()!r}"
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
