"""Point functions that spawned workers can import; run as a script, a sweep to be killed."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np


def pair(V, std, rng):
    generator = np.random.default_rng(rng)
    return {
        "energy": std * generator.normal(),
        "count": int(generator.integers(V)),
        "chains": generator.normal(size=(2, 3)),
        "moved": bool(generator.integers(2)),
    }


def steps(x, rng):
    """Two milliseconds of sleep, so that the time of a run has a lower bound."""
    time.sleep(0.002)
    return {"y": np.random.default_rng(rng).normal(size=4), "n": x}


def sometimes(x, rng):
    if x == 2 and os.environ.get("SWEEP_POINTS_FAIL"):
        raise ZeroDivisionError(f"no luck with {x}")
    return {"y": x * x}


def product(a, b, rng):
    return {"y": np.random.default_rng(rng).normal(), "ab": a * b}


def product_renamed(a, b, rng):
    return {"y": np.random.default_rng(rng).normal(), "ab": a * b}


def words(name, power, flag, rng):
    return {"length": len(name) ** power, "upper": name.isupper() and flag}


def sizes(n, rng):
    return {"state": np.arange(n), "matrix": np.full((n, 2), n, dtype=np.float32)}


def killed_once(x, marker, rng):
    """The first worker to come to x = 5 kills itself."""
    if x == 5 and not Path(marker).exists():
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return {"y": np.random.default_rng(rng).normal()}


def killed_twice(x, markers, rng):
    """The first workers to come to x = 60 and to x = 300 kill themselves."""
    for place, marker in zip((60, 300), markers, strict=True):
        if x == place and not Path(marker).exists():
            Path(marker).touch()
            os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.002)
    return {"y": np.random.default_rng(rng).normal(size=3)}


def slow_after(x, marker, rng):
    """From x = 10 on a point takes long while the file is not older than a second."""
    if x == 10 and not Path(marker).exists():
        Path(marker).touch()
        time.sleep(1)
    return {"y": np.random.default_rng(rng).normal()}


def deadly(x, rng):
    if x in (3, 4):
        os._exit(1)
    return {"y": x}


def threads(x, folder, rng):
    """What a worker was told; each of two points waits for the other one, so that two workers are at work."""
    from threadpoolctl import threadpool_info

    (Path(folder) / str(x)).touch()
    deadline = time.monotonic() + 60
    while len(list(Path(folder).iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    return {
        "blas": max(pool["num_threads"] for pool in threadpool_info()),
        "spinlab": int(os.environ["SPINLAB_NUM_THREADS"]),
        "worker": int(os.environ["SPINLAB_WORKER"]),
    }


def impatient(x, rng):
    if x == 3:
        raise KeyboardInterrupt
    return {"y": x}


def proves(x, rng):
    """A proof that Ctrl-C reaches: alone it returns what is known by then."""
    import spinlab as sl

    def press(step):
        signal.raise_signal(signal.SIGINT)

    model = sl.ensembles.sk(N=70, rng=int(x))
    return {"y": sl.exact.branching.ground_state(model, progress=press).energy}


def ragged(x, rng):
    return {"y": np.full((1, 2), 3.0) if x == 3 else float(x)}


def huge(x, rng):
    return {"y": x + 1.0, "z": np.zeros(10**6 if x else 1)}


def sleeps(x, rng):
    time.sleep(x)
    return {"y": x}


def stuck(how, rng):
    if how == "regex":
        re.match(r"(a+)+$", "a" * 40 + "b")  # hours inside of one call of C that holds the interpreter's lock
    while how == "catches":
        with contextlib.suppress(BaseException):
            time.sleep(1)
    return {"y": 1}


def begun_and_stuck(x, marker, rng):
    Path(f"{marker}.part").write_text(str(os.getpid()))
    os.replace(f"{marker}.part", marker)
    return stuck("regex", rng)


def forks(x, how, rng):
    """A copy of the process that is not ended, as os.fork() leaves it to its caller to do."""
    copy = os.fork()
    if copy == 0 and how == "raises":
        raise RuntimeError("in the copy")
    if copy == 0 and how == "interrupted":
        raise KeyboardInterrupt
    if copy:
        os.waitpid(copy, 0)
    return {"y": x}


def normal(width, rng):
    y, z = np.random.default_rng(rng).normal(scale=width, size=2)
    return {"y": y, "pair": [z, 100 * z]}


class Submits:
    """Something with the interface of an executor."""

    def submit(self, function, *args):
        raise AssertionError


def odd(kind, rng):
    return {
        "none": None,
        "list": [1, 2],
        "empty": {},
        "string": {"y": "text"},
        "object": {"y": object()},
        "complex": {"y": 1j},
        "huge": {"y": 2**70},
        "ragged": {"y": [[1], [1, 2]]},
        "axis": {"kind": 1},
        "number": {1: 1},
        "masked": {"y": np.ma.array([1, 2], mask=[True, False])},
        "fine": {"y": 1},
    }[kind]


def leaves(x, rng):
    sys.exit(3)


def sweep_of_steps(replicas):
    from spinlab.sweeps import Sweep

    return Sweep(steps, {"x": [1, 2]}, replicas=replicas, seed=7)


if __name__ == "__main__":
    from spinlab.sweeps import database

    database.COMMIT_SECONDS = 0.02
    print("go", flush=True)
    sweep_of_steps(int(sys.argv[2])).run(sys.argv[1], executor=2, progress=False)
