"""``spinlab sweep``: look at a sweep's store, export it, merge stores, compute failed points again."""

from __future__ import annotations

import argparse
import json
import os
import sys
from typing import Any

from . import _scheduler, _work

_EXAMPLES = """\
examples:
  spinlab sweep status accessibility            how much is done, what failed
  spinlab sweep status accessibility --errors   with the full text of every error
  spinlab sweep export accessibility map.nc     netCDF, for xarray
  spinlab sweep export accessibility map.csv    one line per point and element
  spinlab sweep retry accessibility --workers 2 compute the failed points again
  spinlab sweep merge all part1 part2 part3     the points of several stores in one
  spinlab sweep relabel walks run:walk walks:walk   its function was renamed or moved
  spinlab sweep salvage damaged saved           what can still be read of a damaged store

A sweep is resumed by running its script again: only missing points are computed.
STORE is the file given to Sweep.run; .sqlite is added to a name without suffix.
"""


def add_parser(subparsers: Any) -> None:
    """Add ``sweep`` and its actions."""
    parser = subparsers.add_parser(
        "sweep",
        help="status, export, retry, merge, relabel and salvage of sweeps' stores",
        description="Look at the store of a sweep, export its results, compute its failed points again, "
        "merge stores, rename functions, save what is left of a damaged store.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    status = actions.add_parser("status", help="count done, failed and missing points")
    status.add_argument("store", metavar="STORE")
    status.add_argument("--errors", action="store_true", help="print the error of every failed point")

    export = actions.add_parser("export", help="write the results to a .nc (netCDF) or .csv file")
    export.add_argument("store", metavar="STORE")
    export.add_argument("output", metavar="FILE", help="ends in .nc or .csv")
    export.add_argument("--sweep", type=int, metavar="N", help="which sweep, if status lists several")

    retry = actions.add_parser(
        "retry",
        help="compute the failed points again",
        description="Compute the failed points again. The point function is imported by its name in the "
        "store (from this folder or the installed packages): do this only with stores you trust.",
    )
    retry.add_argument("store", metavar="STORE")
    _scheduler.add_options(retry)
    _work.add_options(retry)

    merge = actions.add_parser(
        "merge",
        help="put the points of several stores into one",
        description="Put the points of several stores into OUT, which is made if it does not exist. Points "
        "that several stores hold with the same bits are kept once, results replace failures; a store with "
        "another result for a point is refused as a whole. Merging again changes nothing.",
    )
    merge.add_argument("store", metavar="OUT")
    merge.add_argument("others", metavar="STORE", nargs="+")
    merge.add_argument("--changed", choices=("keep",), help="merge although the source of a function differs")

    relabel = actions.add_parser(
        "relabel",
        help="tell a store that a function was renamed or moved",
        description="From now on the function NEW finds the points of OLD (module:function, as in status). "
        "Seeds stay what they are.",
    )
    relabel.add_argument("store", metavar="STORE")
    relabel.add_argument("old", metavar="OLD")
    relabel.add_argument("new", metavar="NEW")

    salvage = actions.add_parser(
        "salvage",
        help="save what can still be read of a damaged store",
        description="Copy the sweeps and points that can still be read into NEW; STORE is not changed.",
    )
    salvage.add_argument("store", metavar="STORE")
    salvage.add_argument("new", metavar="NEW")
    for action in actions.choices.values():
        action.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
        action.add_argument("--quiet", action="store_true", help="no messages, no progress bar")


def run(args: argparse.Namespace) -> int:
    """Carry out the chosen action; the exit status."""
    from .._core.results import plain_data

    record, text = _ACTIONS[args.action](args)
    print(json.dumps(plain_data(record)) if args.json else text)
    return int(args.action == "retry" and record["failed"] > 0)


def _status(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..sweeps import Store

    store = Store(args.store)
    status, errors = store.status(), store.errors() if args.errors else []
    text = _report(status)
    for failure in errors:
        text += f"\n\n{failure['params']}, replica {failure['replica']}:\n{failure['error'].rstrip()}"
    return status | ({"errors": errors} if args.errors else {}), text


def _export(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..sweeps import Store

    Store(args.store).export(args.output, args.sweep)
    return {"file": args.output, "bytes": os.path.getsize(args.output)}, f"wrote {args.output}"


def _retry(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..sweeps import Store

    store = Store(args.store)
    sys.path.insert(0, os.getcwd())
    with _scheduler.executor(args) as workers:
        failed = store.retry(workers, not args.quiet, **_work.options(args))
    text = f"{failed} points still fail; `spinlab sweep status {args.store} --errors` shows why"
    return {"failed": failed}, text if failed else "all done"


def _merge(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..sweeps import Store
    from ..sweeps.database import Writer
    from ..sweeps.naming import store_path

    stores = [Store(other) for other in args.others]  # all are there before anything is made
    if not store_path(args.store).exists():
        with Writer(store_path(args.store)):
            pass
    store = Store(args.store)
    before = store.status()["done"]
    store.merge(*stores, changed=args.changed)
    status = store.status()
    new = status["done"] - before
    return status | {"new": new}, f"{_report(status)}\n{new} results new in {store.path}"


def _relabel(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..sweeps import Store

    store = Store(args.store)
    store.relabel(args.old, args.new)
    status = store.status()
    return status, _report(status)


def _salvage(args: argparse.Namespace) -> tuple[dict[str, Any], str]:
    from ..sweeps import Store

    found = Store.salvage(args.store, args.new)
    return found, "saved {sweeps} sweeps and {points} points; {damaged} were damaged".format(**found)


_ACTIONS = {
    "status": _status,
    "export": _export,
    "retry": _retry,
    "merge": _merge,
    "relabel": _relabel,
    "salvage": _salvage,
}


def _report(status: dict[str, Any]) -> str:
    lines = []
    for number, sweep in enumerate(status["sweeps"]):
        lines.append(f"sweep {number}: {sweep['function']}, version {sweep['version']}, seed {sweep['seed']}")
        for name, values in sweep["axes"].items():
            shown = ", ".join(map(str, values if len(values) <= 8 else [*values[:3], "...", *values[-3:]]))
            lines.append(f"  {name} = {shown} ({len(values)})")
        lines += [f"  {name} = {value}" for name, value in sweep["fixed"].items()]
        counts = ", ".join(f"{sweep[name]} {name}" for name in ("done", "failed", "missing"))
        lines.append(f"  {sweep['replicas']} instances or replicas; {sweep['points']} points: {counts}")
        lines.append(f"  {sweep['seconds']:.1f} s of computing")
    return "\n".join(lines) or "no sweep yet"
