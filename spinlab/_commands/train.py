"""``spinlab train DATA MACHINE``."""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

from . import _data, _device, _files

_EPILOG = """\
The machine is written to OUT (.npz; read it by `spinlab judge`, `spinlab sample`, or spinlab.rbm.load). An
interrupted training goes on when the same command is given again, from OUT's checkpoint, to the same bits; a
larger --epochs trains a finished one further. Other settings need another OUT.

what to look at: the mean ln P of --test, beside -V ln 2 of a machine that knows nothing. It is exact, so for
machines where a layer has at most about 24 units or that have few patterns; `spinlab judge` estimates it
elsewhere. If ln P falls below -V ln 2, lower --lr (persistent chains lag behind), or take tempering; an
ra_rbm starts there unless --scale is small, about sqrt(2/(V+H)).

negative phases: cd (k steps from the data), pcd (chains that go on), tempering (with hotter replicas), exact
(all states of up to 24 units), pid (RA machines: the patterns as they are; its scale must be fitted after it)

examples:
  spinlab train digits.npz digits_rbm.npz -H 200 --epochs 50
  spinlab train bars.csv bars.npz --machine ra_rbm -H 40 -K 8 --scale 0.2 --lr 0.005 --likelihood 10
  spinlab train train.npy rbm.npz -H 16 --test test.npy --likelihood 5 --negative pcd --k 5
  spinlab train grey.npy rbm.npz -H 100 --threshold 0.5
"""
NEGATIVE = ("cd", "pcd", "tempering", "exact", "pid")
MACHINES = ("rbm", "ra_rbm")


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "train",
        help="train a Boltzmann machine on a data file",
        description="Train a restricted Boltzmann machine, or one with regularized axons, by gradients.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", help=_data.HELP)
    parser.add_argument("out", metavar="OUT", help="file of the machine, .npz")
    parser.add_argument("--machine", default="rbm", help="rbm (default) or ra_rbm, W from K patterns")
    parser.add_argument("-H", type=int, default=64, metavar="H", help="hidden units (default 64)")
    parser.add_argument("-K", type=int, metavar="K", help="patterns of an ra_rbm")
    parser.add_argument(
        "--scale", type=float, help="std of an ra_rbm's weights at the start (default 1, cold)"
    )
    parser.add_argument("--std", type=float, help="of an rbm's weights at the start (default 0.01)")
    parser.add_argument("--no-biases", action="store_true", help="an rbm without biases (an ra_rbm has none)")
    parser.add_argument("--negative", default="pcd", help=f"{', '.join(NEGATIVE)} (default pcd)")
    parser.add_argument("--k", type=int, help="Gibbs steps per update (default 1; 0 of pid)")
    parser.add_argument("--chains", type=int, default=100, help="persistent chains (default 100)")
    parser.add_argument("--projection", default="none", help="none (default), sign, clip or gibbs")
    parser.add_argument("--epochs", type=int, default=20, help="epochs in all (default 20)")
    parser.add_argument("--lr", type=float, default=0.01, help="learning rate (default 0.01)")
    parser.add_argument("--optimiser", default="sgd", help="sgd (default) or adam")
    parser.add_argument(
        "--batch-size", type=int, default=100, metavar="N", help="samples per update (default 100)"
    )
    parser.add_argument("--test", metavar="FILE", help="data that are not trained on, for the likelihood")
    parser.add_argument("--likelihood", type=int, metavar="N", help="record the exact ln P every N epochs")
    parser.add_argument("--seed", type=int, default=0, help="seed of start and training (default 0)")
    _data.add_data_options(parser)
    _device.add_option(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train, write the machine, say what was reached."""
    from .. import rbm
    from ._names import chosen

    _files.check_folder("OUT", args.out)
    if not args.out.endswith(".npz"):
        raise ValueError(f"OUT: {args.out!r} must end in .npz")
    kind = chosen(args.machine, "machine", MACHINES)
    phase = chosen(args.negative, "negative phase", NEGATIVE)
    data = _data.spins(_data.read_data(args.data, args.key), args.threshold)
    test = None
    if args.test is not None:
        test = _data.spins(_data.read_data(args.test, args.key), args.threshold)
    machine = _machine(args, kind, data.shape[1]).to(args.device)
    k = args.k if args.k is not None else int(phase != "pid")
    negative: Any = {
        "cd": lambda: rbm.CD(k),
        "pcd": lambda: rbm.PCD(k, args.chains),
        "tempering": lambda: rbm.Tempering(k, args.chains),
        "exact": rbm.Exact,
        "pid": lambda: rbm.PID(k),
    }[phase]()
    trainer = rbm.Trainer(
        machine,
        negative,
        lr=args.lr,
        optimiser=chosen(args.optimiser, "optimiser", ("sgd", "adam")),
        projection=chosen(args.projection, "projection", ("none", "sign", "clip", "gibbs")),
        batch_size=min(args.batch_size, len(data)),
        rng=args.seed,
    )
    every = args.likelihood
    if every is None and test is not None:
        every = max(1, args.epochs)
    checkpoint = checkpoint_of(args.out)
    found = checkpoint.exists()
    trainer.fit(
        data,
        args.epochs,
        likelihood=every,
        test=test,
        checkpoint=checkpoint,
        progress=False if args.quiet or args.json else None,
    )
    machine.to("cpu").save(args.out)
    record = {
        "machine": repr(machine),
        "out": args.out,
        "checkpoint": str(checkpoint),
        "resumed": found,
        "samples": len(data),
        "epochs": trainer.epoch,
        "updates": trainer.updates,
        **{k: v for k, v in trainer.history.latest().items() if k not in ("lr", "updates")},
        "uniform": -machine.V * math.log(2),
    }
    if args.json:
        from .._core.results import plain_data

        print(json.dumps(plain_data(record)))
        return 0
    _print(record)
    if record.get("log_likelihood", 0.0) < record["uniform"]:
        print(f"            worse than knowing nothing: {_remedy(args, kind, machine.V)}")
    return 0


def checkpoint_of(out: str) -> Path:
    """The checkpoint beside a machine's file."""
    path = Path(out)
    return path.with_name(f"{path.stem}.checkpoint.npz")


def _machine(args: argparse.Namespace, kind: str, V: int) -> Any:
    from .. import rbm

    if kind == "ra_rbm":
        if args.K is None:
            raise ValueError("an ra_rbm needs -K, its number of patterns (8, for example)")
        return rbm.RARBM(V, args.H, args.K, scale=1.0 if args.scale is None else args.scale, rng=args.seed)
    if args.K is not None or args.scale is not None:
        raise ValueError("-K and --scale are of --machine ra_rbm; an rbm takes -H and --std")
    std = 0.01 if args.std is None else args.std
    return rbm.RBM(V, args.H, std=std, biases=not args.no_biases, rng=args.seed)


def _remedy(args: argparse.Namespace, kind: str, V: int) -> str:
    glorot = math.sqrt(2 / (V + args.H))
    if kind == "ra_rbm" and (args.scale is None or args.scale > glorot):
        return f"its start is too cold, take --scale {glorot:.2g} (and another OUT)"
    return "take a smaller --lr (and another OUT), or --negative tempering"


def _print(record: dict[str, Any]) -> None:
    print(f"machine     {record['machine']}")
    resumed = " (went on from its checkpoint)" if record["resumed"] else ""
    print(f"training    {record['epochs']} epochs of {record['samples']} samples{resumed}")
    for name, title in (("log_likelihood", "ln P"), ("test_log_likelihood", "test ln P")):
        if name in record:
            print(f"{title:12s}{record[name]:.2f} nats per sample (knowing nothing: {record['uniform']:.2f})")
    print(f"written     {record['out']} (checkpoint {record['checkpoint']})")
