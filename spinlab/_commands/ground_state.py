"""``spinlab ground-state FILE``."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from . import _device
from ._files import check_folder
from ._words import in_words
from ._work import TOLD

if TYPE_CHECKING:
    from ..exact import GroundState
    from ..models import IsingModel

REFUSED = 3  # the exit status where no exact method can take the model

_EXAMPLES = """
examples:
  spinlab ground-state model.txt
  spinlab ground-state model.txt --degeneracy --json
  spinlab ground-state large.txt --explain          what each exact method would cost
  spinlab ground-state large.txt --allow-heuristic --seconds 60 --seed 1
                                                    best state of a heuristic if no proof is in reach
  spinlab ground-state large.txt --method tempering --target -1098 --seconds 60
                                                    a search that ends at a known energy, or in time
  spinlab ground-state large.txt --seconds 60       best state and a proven lower bound after a minute
  spinlab ground-state large.txt --gap 0.01 --certificate proof.npz   to 1 %, for `spinlab verify`
  spinlab ground-state graph.mc --format rudy --threads 2
  spinlab ground-state bqm.coo --vartype BINARY
  gunzip -c graph.mc.gz | spinlab ground-state - --format rudy
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    from .._core.instance_formats import FORMATS

    formats = "\n".join(f"  {name:7s}{format.line}" for name, format in FORMATS.items())
    parser = commands.add_parser(
        "ground-state",
        help="certified ground state of an instance file",
        description="Find a state of lowest energy and prove it. Beyond the limits of exact methods the "
        "command refuses, with an estimate and exit status 3.",
        epilog=f"formats:\n{formats}\n{_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="instance file or matrix (.csv, .npy), - for standard input")
    parser.add_argument("--format", default="auto", help=f"{', '.join(FORMATS)} or auto (default)")
    parser.add_argument("--vartype", help="SPIN or BINARY, for a coo file that does not say it")
    parser.add_argument("--first", type=int, help="0 or 1: the lowest site of an ij file")
    parser.add_argument(
        "--method",
        default="auto",
        help="an exact method (see --explain), tempering, annealing, or auto (default)",
    )
    parser.add_argument("--degeneracy", action="store_true", help="also count the states of lowest energy")
    parser.add_argument("--explain", action="store_true", help="print what each method would cost, and stop")
    parser.add_argument(
        "--allow-heuristic",
        action="store_true",
        help="without an exact method in reach, search and say that the answer is not certified",
    )
    parser.add_argument("--seconds", type=float, help="time for the best state and a proven lower bound")
    parser.add_argument(
        "--gap", type=float, help="stop a proof once (energy - bound) / |energy| is this small"
    )
    parser.add_argument("--certificate", metavar="FILE", help="prove by branching and save the proof (.npz)")
    parser.add_argument(
        "--progress", action="store_true", help="bound, energy, open nodes and time on stderr"
    )
    parser.add_argument("--target", type=float, help="with --method tempering: stop at this energy or below")
    parser.add_argument("--seed", type=int, help="seed of the heuristic (default 0)")
    parser.add_argument("--threads", type=int, help="threads (default: all processors)")
    _device.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run, parser=parser)


def run(args: argparse.Namespace) -> int:
    """Solve and print; an error is an answer for scripts, too."""
    from ..exact import RefusedError

    try:
        return _run(args)
    except RefusedError as error:
        return _report(args, error, REFUSED)
    except (ValueError, TypeError, OSError, ImportError, RuntimeError) as error:
        if args.json and args.json != TOLD:
            print(json.dumps({"file": args.file, "error": in_words(error, args.parser), "refused": False}))
            args.json = TOLD
        raise


def _report(args: argparse.Namespace, error: Exception, status: int) -> int:
    text = in_words(error, args.parser)
    if args.json:
        print(json.dumps({"file": args.file, "error": text, "refused": status == REFUSED}))
    print(f"spinlab: {text}", file=sys.stderr)
    return status


def _run(args: argparse.Namespace) -> int:
    from .. import solve
    from ..models.io import read_instance

    check_folder("--certificate", args.certificate)
    file = sys.stdin.buffer if args.file == "-" else args.file
    model, header = read_instance(file, args.format, vartype=args.vartype, first=args.first)
    model = model.to(args.device)
    if args.explain:
        table = solve.explain(model, "degeneracy" if args.degeneracy else "ground_state")
        rows = [asdict(row) for row in table.rows]
        print(
            json.dumps({"file": args.file, "model": table.model, "methods": rows})
            if args.json
            else table.text()
        )
        return 0
    from ..exact import METHODS
    from ._names import chosen

    args.method = chosen(args.method, "method", METHODS, ("auto", *solve.HEURISTICS))
    if args.target is not None and args.method != "tempering":
        raise ValueError(f"--target ends a search: it needs --method tempering, got {args.method}")
    gs = solve.ground_state(
        model,
        args.method,
        degeneracy=args.degeneracy,
        allow_heuristic=args.allow_heuristic,
        seconds=args.seconds,
        rng=args.seed,
        relative_gap=args.gap,
        certificate=args.certificate is not None,
        progress=args.progress or None,
        threads=args.threads,
        **({} if args.target is None else {"target": args.target}),
    )
    failure: OSError | None = None
    if args.certificate is not None and gs.certificate is not None:
        try:
            gs.certificate.save(args.certificate)
        except OSError as error:  # the disk is full: the answer is worth telling
            failure = error
    _print(args, header, model, gs)
    if failure is not None:
        args.json = args.json and TOLD
        raise failure
    return 0


def _print(args: argparse.Namespace, header: dict[str, Any], model: IsingModel, gs: GroundState) -> None:
    if args.json:
        print(json.dumps(_record(args, header, model, gs), allow_nan=False))
        return
    print(f"model       {model!r}")
    gap = f", {gs.relative_gap:.2%} below" if math.isfinite(gs.relative_gap) else ""
    proof = "certified" if gs.certified else f"not certified, lower bound {gs.lower_bound:.12g}{gap}"
    print(f"energy      {gs.energy:.12g}  ({proof})")
    if gs.degeneracy is not None:
        print(f"degeneracy  {gs.degeneracy}")
    if _is_cut(header):
        print(f"cut         {_cut(model, gs):.12g}")
    print(f"method      {gs.method}: {gs.reason}; {gs.seconds:.3g} s")
    print("state       " + "".join("+" if s > 0 else "-" for s in gs.state))
    if model.labels is not None:
        signs = zip(model.labels, gs.state, strict=True)
        print("by name     " + ", ".join(f"{label} {'+' if s > 0 else '-'}" for label, s in signs))
    if _is_binary(header):
        print("binary      " + "".join("1" if s > 0 else "0" for s in gs.state))


def _record(
    args: argparse.Namespace, header: dict[str, Any], model: IsingModel, gs: GroundState
) -> dict[str, Any]:
    """The answer for scripts; sites are named as in the file."""
    from .._core.instance_formats import FORMATS

    first = args.first or FORMATS[header["format"]].first
    ghost = header.get("ghost") if header["format"] == "ij" else None
    numbers = range(first, first + model.n_spins + (ghost is not None))
    record: dict[str, Any] = {
        "file": args.file,
        "format": header["format"],
        "vartype": "BINARY" if _is_binary(header) else "SPIN",
        "energy": gs.energy,
        "certified": gs.certified,
        "lower_bound": gs.lower_bound if math.isfinite(gs.lower_bound) else None,
        "relative_gap": gs.relative_gap if math.isfinite(gs.relative_gap) else None,
        "degeneracy": gs.degeneracy,
        "method": gs.method,
        "reason": gs.reason,
        "seconds": gs.seconds,
        "offset": model.offset,
        "labels": list(model.labels or (k for k in numbers if k != ghost)),
        "state": gs.state.tolist(),
    }
    if _is_binary(header):
        record["binary"] = ((gs.state + 1) // 2).tolist()
    if _is_cut(header):
        record["cut"] = _cut(model, gs)
    return record


def _is_cut(header: dict[str, Any]) -> bool:
    """Whether the file is a graph whose largest cut is asked for."""
    return header["format"] in ("rudy", "maxcut")


def _cut(model: IsingModel, gs: GroundState) -> float:
    """(sum of the weights - E) / 2, with J = -w."""
    return (-float(model.to_sparse().edges()[2].sum()) - gs.energy) / 2


def _is_binary(header: dict[str, Any]) -> bool:
    """Whether the variables in the file are 0 and 1."""
    from .._core.instance_formats import QUADRATIC

    return header["format"] in QUADRATIC and header["vartype"] == "BINARY"
