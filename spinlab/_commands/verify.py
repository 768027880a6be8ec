"""``spinlab verify CERTIFICATE MODEL``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

_EPILOG = """\
exit status: 0 the proof is right, 1 it is refused, 2 a file cannot be read

examples:
  spinlab ground-state model.txt --certificate proof.npz
  spinlab verify proof.npz model.txt
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    from .._core.instance_formats import FORMATS

    parser = commands.add_parser(
        "verify",
        help="check the certificate of a ground state against its model",
        description="Check state, tree and every leaf of a proof, by code that shares nothing with solvers.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("certificate", help="file that ground-state --certificate wrote")
    parser.add_argument("model", help="instance file, - for standard input")
    parser.add_argument("--format", default="auto", help=f"{', '.join(FORMATS)} or auto (default)")
    parser.add_argument("--vartype", help="SPIN or BINARY, for a coo file that does not say it")
    parser.add_argument("--first", type=int, help="0 or 1: the lowest site of an ij file")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Verify and say what is proven."""
    from ..exact import CertificateError, load_certificate, verify
    from ..models.io import read_instance
    from ._words import in_words

    model_file: Any = sys.stdin.buffer if args.model == "-" else args.model
    try:
        certificate = load_certificate(args.certificate)
        model, _ = read_instance(model_file, args.format, vartype=args.vartype, first=args.first)
    except (OSError, ValueError) as error:
        if args.json:
            print(json.dumps({"proven": False, "refused": False, "error": in_words(error)}))
        print(f"spinlab: {in_words(error)}", file=sys.stderr)
        return 2
    try:
        verdict = verify(model, certificate)
    except CertificateError as error:
        if args.json:
            print(json.dumps({"proven": False, "refused": True, "error": str(error)}))
        else:
            print(f"refused     {args.certificate}: {error}")
        return 1
    if args.json:
        print(json.dumps({"proven": verdict.certified, "refused": False, **verdict.to_dict()}))
        return 0
    print(f"energy      {verdict.energy:.17g}")
    cases = "one case" if verdict.cases == 1 else f"{verdict.cases} cases"
    print(f"bound       {verdict.lower_bound:.17g}  (proven in {cases})")
    print(
        "verdict     " + ("a ground state" if verdict.certified else "not the whole proof: the bound holds")
    )
    return 0
