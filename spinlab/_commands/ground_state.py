"""``spinlab ground-state FILE``."""

from __future__ import annotations

import argparse
import math
from typing import TYPE_CHECKING, Any

from . import _device

if TYPE_CHECKING:
    from ..exact import GroundState
    from ..models import IsingModel

_EPILOG = """\
formats:
  ij     lines "i j J" (0-based, each pair once, E = -sum J s s), "# key: value" header
  rudy   first line "N edges", then 1-based "i j w" (Biq Mac, max-cut weights: J = -w)
  npz    a model saved by spinlab.models.save_instance
  coo    dimod: "# vartype=SPIN" or BINARY, lines "i j x" (E = +sum, linear terms i = j)
  qubo   qbsolv: "p qubo 0 maxNodes nNodes nCouplers", then 0-based "i j q"
  bqp    Biq Mac 0-1 problems: "n m", then 1-based "i j q" (minimise x.Q.x)

examples:
  spinlab ground-state model.txt
  spinlab ground-state model.txt --degeneracy --json
  spinlab ground-state large.txt --explain          what each exact method would cost
  spinlab ground-state large.txt --allow-heuristic  best state of a heuristic if no proof is in reach
  spinlab ground-state graph.mc --format rudy --threads 2
  spinlab ground-state bqm.coo --vartype BINARY
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "ground-state",
        help="certified ground state of an instance file",
        description="Find a state of lowest energy and prove it. Beyond the limits of exact methods the "
        "command refuses, with an estimate.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", help="instance file")
    parser.add_argument("--format", default="auto", help="ij, rudy, npz, coo, qubo, bqp or auto (default)")
    parser.add_argument("--vartype", help="SPIN or BINARY, for a coo file that does not say it")
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
        help="without an exact method in reach, anneal and say that the answer is not certified",
    )
    parser.add_argument("--threads", type=int, help="threads (default: all processors)")
    _device.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Solve and print."""
    from .. import models, solve

    source = {"format": args.format, "vartype": args.vartype}
    model = models.load_instance(args.file, **source).to(args.device)
    if args.explain:
        print(solve.explain(model))
        return 0
    gs = solve.ground_state(
        model,
        args.method,
        degeneracy=args.degeneracy,
        allow_heuristic=args.allow_heuristic,
        threads=args.threads,
    )
    header = models.instance_metadata(args.file, **source)
    if args.json:
        import json

        print(json.dumps(_record(args.file, header, model, gs), allow_nan=False))
        return 0
    print(f"model       {model!r}")
    proof = "certified" if gs.certified else f"not certified, lower bound {gs.lower_bound:.12g}"
    print(f"energy      {gs.energy:.12g}  ({proof})")
    if gs.degeneracy is not None:
        print(f"degeneracy  {gs.degeneracy}")
    print(f"method      {gs.method}: {gs.reason}; {gs.seconds:.3g} s")
    print("state       " + "".join("+" if s > 0 else "-" for s in gs.state))
    if _is_binary(header):
        print("binary      " + "".join("1" if s > 0 else "0" for s in gs.state))
    return 0


def _record(file: str, header: dict[str, Any], model: IsingModel, gs: GroundState) -> dict[str, Any]:
    """The answer for scripts; sites are named as in the file."""
    first = int(header["format"] in ("rudy", "bqp"))
    ghost = header.get("ghost") if header["format"] == "ij" else None
    numbers = range(first, first + model.n_spins + (ghost is not None))
    record: dict[str, Any] = {
        "file": file,
        "format": header["format"],
        "vartype": "BINARY" if _is_binary(header) else "SPIN",
        "energy": gs.energy,
        "certified": gs.certified,
        "lower_bound": gs.lower_bound if math.isfinite(gs.lower_bound) else None,
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
    if header["format"] == "rudy":
        record["cut"] = (-float(model.to_sparse().edges()[2].sum()) - gs.energy) / 2
    return record


def _is_binary(header: dict[str, Any]) -> bool:
    """Whether the variables in the file are 0 and 1."""
    return header["format"] in ("coo", "qubo", "bqp") and header["vartype"] == "BINARY"
