"""``spinlab cache``: look at the compiled kernels, remove them, compile the usual ones ahead."""

from __future__ import annotations

import argparse
from typing import Any

_EPILOG = """\
Compiled kernels are kept in a folder that only its user can write, because whoever can write it runs code in
your processes: a folder of another user, a link, or one below a folder that others can write is not used. The
variable SPINLAB_CACHE_DIR moves it.

examples:
  spinlab cache            where the kernels are, and how large they are
  spinlab cache warm       compile what most calls need, for example when an image is built
  spinlab cache clear      remove them, of all versions; they are compiled again when needed
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "cache",
        help="the compiled kernels: show, warm, clear",
        description="Show, clear or warm the cache of compiled kernels.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("action", nargs="?", default="show", choices=("show", "warm", "clear"))
    parser.add_argument("--json", action="store_true", help="show: print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out the action; 1 where the folder cannot be used."""
    if args.action == "show":
        return _show(args.json)
    return {"warm": _warm, "clear": _clear}[args.action]()


def _show(as_json: bool) -> int:
    import json
    import os

    from .._core.kernel_cache import VARIABLE, cache_dir, stored

    folder = cache_dir()
    if as_json:
        sizes = {str(f): sum(x.stat().st_size for x in f.rglob("*") if x.is_file()) for f in stored()}
        print(json.dumps({"folder": folder, VARIABLE: os.environ.get(VARIABLE), "bytes": sizes}))
        return int(folder is None)
    print(f"{VARIABLE}  {os.environ.get(VARIABLE) or 'not set'}")
    print(f"this version       {folder or 'no folder: kernels are compiled in every process'}")
    for path in stored():
        files = [file for file in path.rglob("*") if file.is_file()]
        size = sum(file.stat().st_size for file in files) / 1e6
        kernels = sum(file.suffix == ".nbi" for file in files)
        other = "" if str(path) == folder else ", another version"
        print(f"{path.name}  {kernels} kernels, {size:.1f} MB{other}")
    return int(folder is None)


def _clear() -> int:
    import shutil

    from .._core.kernel_cache import stored

    folders = stored()
    for path in folders:
        shutil.rmtree(path)
    print(f"removed {len(folders)} folders of compiled kernels")
    return 0


def _warm() -> int:
    from time import perf_counter

    import numpy as np

    from .. import dynamics, ensembles, rbm, solve
    from .._core.kernel_cache import cache_dir

    if cache_dir() is None:
        return 1
    start = perf_counter()
    models = (
        ensembles.sk(N=8, rng=0),
        ensembles.edwards_anderson(shape=(3, 3), rng=0),
        ensembles.hopfield(N=10, K=2, rng=0),
        ensembles.rbm_gaussian(V=4, H=5, rng=0),
        ensembles.ra_rbm(V=4, H=5, K=2, rng=0),
    )
    for model in models:
        solve.ground_state(model, degeneracy=True)
        solve.log_partition(model, 1.0)
        solve.mean_energy(model, 1.0)
        for sample in (dynamics.gibbs, dynamics.metropolis):
            sample(model, 2, 2, beta=1.0, rng=0)
        dynamics.anneal(model, 2, 2, rng=0)
        dynamics.parallel_tempering(model, 2, 2, betas=[0.5, 1.0], rng=0)
    for model in models[3:]:
        dynamics.block_gibbs(model, 2, 2, beta=1.0, rng=0)
    data = np.where(np.random.default_rng(0).random((8, 4)) < 0.5, -1, 1)
    rbm.Trainer(rbm.RBM(4, 3, rng=0), rng=0).fit(data, 1, progress=False)
    print(f"kernels compiled in {perf_counter() - start:.0f} s, kept in {cache_dir()}")
    return 0
