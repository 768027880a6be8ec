"""How a sweep is carried out: ``--changed``, ``--seconds``, ``--timeout``, ``--fail-fast``."""

from __future__ import annotations

import argparse
import json
from typing import Any

TOLD = "told"
"""In the place of ``--json`` once the object is printed: later errors are told on stderr alone."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--changed",
        choices=("keep", "redo"),
        help="the store has points that an earlier version of the code computed: keep them, or drop them and "
        "compute them again (default: refuse)",
    )
    parser.add_argument(
        "--seconds", type=float, metavar="S", help="start no point after S seconds; run again to go on"
    )
    parser.add_argument(
        "--timeout", type=float, metavar="S", help="end a point that takes longer than S seconds"
    )
    parser.add_argument("--fail-fast", action="store_true", help="stop at the first point that fails")


def options(args: argparse.Namespace) -> dict[str, Any]:
    """What :meth:`spinlab.sweeps.Sweep.run` takes."""
    return {name: getattr(args, name) for name in ("changed", "seconds", "timeout", "fail_fast")}


def tell_nothing(args: argparse.Namespace, data: Any) -> None:
    """Print why a sweep has no result to show."""
    if data.missing_points:
        why = f"{data.missing_points} of {data.points} were not begun in the time given"
    else:
        why = f"{data.failed_points} of {data.points} failed. {data.first_error}"
    why = f"no point has a result; {why}"
    print(json.dumps({"error": why, "refused": False}) if args.json else why)
