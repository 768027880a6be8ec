"""``spinlab study NAME``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from . import _scheduler, _work

_PRESETS = "size (default: small); short: that of an hour, where a study has one between the two"
_EPILOG = """\
An interrupted study resumes when the same command is given again: finished points are kept in
the output folder. Press Ctrl-C at any time.

examples:
  spinlab study --list                                     what there is, and what it claims
  spinlab study fig1 --preset small                        a quick look
  spinlab study fig1 --preset paper --workers 2 --out results/fig1
  spinlab study fig1 --preset paper --scheduler tcp://node1:8786
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "study",
        help="a figure or phase study: figure, data and verdict",
        description="Run or resume a study. It writes a figure (PNG, PDF), its data (netCDF) and a verdict.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="?", help="name of the study")
    parser.add_argument("--list", action="store_true", help="list the studies")
    parser.add_argument("--preset", default="small", choices=("small", "paper", "short"), help=_PRESETS)
    _scheduler.add_options(parser)
    _work.add_options(parser)
    parser.add_argument("--out", help="output folder (default: results/NAME-PRESET)")
    parser.add_argument("--json", action="store_true", help="print one JSON object: the files, or the list")
    parser.add_argument("--quiet", action="store_true", help="no messages, no progress bars")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the study and say where its files are."""
    from .. import studies
    from ._names import chosen

    if args.list and args.json:
        print(json.dumps({name: _title(name) for name in studies.names()}))
        return 0
    if args.list:
        for name in studies.names():
            print(f"{name:20s} {_title(name)}")
        return 0
    if args.name is None:
        raise ValueError(f"name a study: {', '.join(studies.names())} (spinlab study --list says more)")
    args.name = chosen(args.name, "study", studies.names())
    study = studies.load(args.name)
    if args.preset == "short" and "short" not in getattr(study, "PRESETS", ()):
        raise ValueError(f"the study {args.name} has the presets small and paper, not short")
    out = args.out if args.out is not None else f"results/{args.name}-{args.preset}"
    with _scheduler.executor(args) as workers, studies.sweeps_run_with(**_work.options(args)):
        output = study.main(args.preset, out, workers=workers, progress=not args.quiet)
    if args.json:
        print(json.dumps({"study": args.name, "preset": args.preset, "files": list(map(str, output.paths))}))
        return 0
    print((output.folder / "verdict.md").read_text(encoding="utf-8"))
    for path in output.paths:
        print(path)
    return 0


def _title(name: str) -> str:
    """The first line of its docstring; a study of another package that cannot be loaded says why."""
    from .. import studies

    try:
        study = studies.load(name)
    except (ValueError, TypeError) as error:
        return str(error)
    return (study.__doc__ or "").strip().partition("\n")[0]
