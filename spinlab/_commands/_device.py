"""``--device``: where a command computes."""

from __future__ import annotations

import argparse


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--device``; the value goes to ``model.to``."""
    parser.add_argument(
        "--device",
        choices=("cpu", "gpu"),
        default="cpu",
        help="where to compute; gpu needs a CUDA device and the extra spinlab[gpu] (default cpu)",
    )
