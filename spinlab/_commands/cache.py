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
  spinlab cache warm       compile what the usual calls need, for example when an image is built: a minute
                           or two of one core
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
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Carry out the action; 1 where the folder cannot be used."""
    import json

    record, text = {"show": _show, "warm": _warm, "clear": _clear}[args.action]()
    if args.json:
        print(json.dumps(record))
    elif text:
        print(text)
    return int(args.action != "clear" and record["folder"] is None)


def _show() -> tuple[dict[str, Any], str]:
    import os

    from .._core.kernel_cache import VARIABLE, cache_dir, stored

    folder, sizes = cache_dir(), {}
    lines = [
        f"{VARIABLE}  {os.environ.get(VARIABLE) or 'not set'}",
        f"this version       {folder or 'no folder: kernels are compiled in every process'}",
    ]
    for path in stored():
        n_kernels, sizes[str(path)] = _content(path)
        other = "" if str(path) == folder else ", another version"
        lines.append(f"{path.name}  {n_kernels} kernels, {sizes[str(path)] / 1e6:.1f} MB{other}")
    return {"folder": folder, VARIABLE: os.environ.get(VARIABLE), "bytes": sizes}, "\n".join(lines)


def _content(folder: Any) -> tuple[int, int]:
    """Number of kernels and bytes of a folder."""
    files = [file for file in folder.rglob("*") if file.is_file()]
    return sum(file.suffix == ".nbi" for file in files), sum(file.stat().st_size for file in files)


def _clear() -> tuple[dict[str, Any], str]:
    import shutil

    from .._core.kernel_cache import stored

    folders = stored()
    for path in folders:
        shutil.rmtree(path)
    text = f"removed {len(folders)} folders of compiled kernels"
    return {"removed": [str(path) for path in folders]}, text


def _warm() -> tuple[dict[str, Any], str]:
    import warnings
    from pathlib import Path
    from time import perf_counter

    from .._core.kernel_cache import cache_dir
    from .._core.progress import bars, meter
    from ._warming import calls

    folder = cache_dir()
    if folder is None:
        return {"folder": None}, ""
    start, before = perf_counter(), _content(Path(folder))
    steps = calls()
    with meter(len(steps), "compiling") as shown, bars(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of answers that nobody wants
        for step in steps.values():
            step()
            if shown is not None:
                shown.tick(1)
    seconds, (kernels, size) = perf_counter() - start, _content(Path(folder))
    record = {
        "folder": folder,
        "seconds": seconds,
        "new_kernels": kernels - before[0],
        "kernels": kernels,
        "bytes": size,
    }
    new = f"{kernels - before[0]} kernels compiled in {seconds:.0f} s"
    text = f"{new}; there are {kernels} now, {size / 1e6:.1f} MB, in {folder}"
    return record, text
