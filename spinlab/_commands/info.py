"""``spinlab info``."""

from __future__ import annotations

import argparse
from typing import Any


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "info",
        help="versions, devices and threads",
        description="Print what a bug report needs: versions, processor, threads, folders, GPU.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print a line per fact."""
    import os
    import platform
    import sys
    from importlib import metadata

    from .. import __version__, ensembles, studies
    from .._core import plugins
    from .._core.kernel_cache import cache_dir
    from .._core.parallel import n_threads

    facts = {
        "spinlab": __version__,
        "python": f"{platform.python_version()} ({sys.executable})",
        "platform": platform.platform(),
        "processor": _processor(),
        "threads": f"{n_threads()} (SPINLAB_NUM_THREADS={os.environ.get('SPINLAB_NUM_THREADS', 'not set')})",
    }
    for package in ("numpy", "numba", "scipy", "networkx", "xarray", "matplotlib", "dimod", "netCDF4"):
        try:
            facts[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            facts[package] = "not installed"
    facts["GPU"] = _gpu()
    facts["kernel cache"] = cache_dir() or "none: compiled in every process"
    facts["data folder"] = os.environ.get("SPINLAB_DATA", "SPINLAB_DATA is not set")
    facts["ensembles"] = ", ".join(plugins.names("ensemble", ensembles.__all__))
    facts["studies"] = ", ".join(studies.names())
    if args.json:
        import json

        print(json.dumps(facts))
        return 0
    for name, fact in facts.items():
        print(f"{name:13s} {fact}")
    return 0


def _processor() -> str:
    import platform
    from pathlib import Path

    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _gpu() -> str:
    import shutil
    import subprocess

    program = shutil.which("nvidia-smi")
    if program is None:
        return "none found"
    query = [program, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        return (
            subprocess.run(query, capture_output=True, text=True, timeout=10).stdout.strip() or "none found"
        )
    except (OSError, subprocess.TimeoutExpired):
        return "nvidia-smi does not answer"
