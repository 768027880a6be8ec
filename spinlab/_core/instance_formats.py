"""The known formats of instance files: what each is called, and how its numbers make an energy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Format:
    """How a format numbers its sites, and what save_instance and the command line say about it."""

    line: str
    """What it is, in one line."""

    suffixes: tuple[str, ...] = ()
    first: int = 0
    """The lowest number of a site."""

    writable: bool = True
    quadratic: bool = False
    """Sums of products with a plus sign, in 0/1 or +-1 variables."""


FORMATS = {
    "ij": Format(
        'lines "i j J" (0-based, each pair once, E = -sum J s s), "# key: value" header', (".txt", ".ij")
    ),
    "rudy": Format(
        'maximum cut (rudy, Biq Mac, Gset): "n m", then 1-based "i j w", J = -w', (".rudy", ".rud", ".mc"), 1
    ),
    "sg": Format('spin glass (Bonn): "n m", then 1-based "i j J", E = -sum J s s', (".sg", ".gsg"), 1),
    "sgs": Format(
        'spin glass server (Cologne): "type: gauss", "size: 8", 1-based "i j J"', (), 1, writable=False
    ),
    "maxcut": Format(
        '"MAX-CUT n m", then 1-based "i j w", repeated edges add up, J = -w', (), 1, writable=False
    ),
    "matrix": Format(
        "square symmetric matrix, .npy, csv, numpy.savetxt or Matrix Market, E = -sum_{i<j} J s s",
        (),
        writable=False,
    ),
    "npz": Format("a model saved by spinlab.models.save_instance", (".npz",)),
    "coo": Format(
        'dimod: "# vartype=SPIN" or BINARY, lines "i j x" (E = +sum, linear terms i = j)',
        (".coo",),
        quadratic=True,
    ),
    "qubo": Format(
        'qbsolv: "p qubo 0 maxNodes nNodes nCouplers", then 0-based "i j q"', (".qubo",), quadratic=True
    ),
    "bq": Format(
        '0-1 problems (Bonn): "n m", then 1-based entries "i j q" of Q (minimise x.Q.x, each counts once)',
        (".bq",),
        1,
        quadratic=True,
    ),
    "bqp": Format(
        'Biq Mac 0-1 problems: "n m", then 1-based "i j q", Q symmetric (minimise x.Q.x, pairs count twice)',
        (".sparse", ".bqp"),
        1,
        quadratic=True,
    ),
}
SUFFIXES = {suffix: name for name, format in FORMATS.items() for suffix in format.suffixes}
WRITABLE = tuple(name for name, format in FORMATS.items() if format.writable)
QUADRATIC = tuple(name for name, format in FORMATS.items() if format.quadratic)
VARTYPES = ("SPIN", "BINARY")
