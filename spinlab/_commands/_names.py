"""Names on the command line: any unique beginning, - or _, and the nearest name where there is none."""

from __future__ import annotations

import argparse
from collections.abc import Iterable


def chosen(text: str, what: str, known: Iterable[str], others: Iterable[str] = ()) -> str:
    """The one of the known names that is meant; of kinds that other packages may offer, theirs too.

    Raises
    ------
    ValueError
        If none begins so, or several do.
    """
    known = [*known, *others]
    plain = text.replace("-", "_").lower()
    exact = [name for name in known if name.replace("-", "_").lower() == plain]
    if exact:
        return exact[0]
    from .._core import plugins
    from .._core.validate import as_choice

    if what in plugins.GROUPS:  # read only now that the name is not one of our own
        known = plugins.names(what, known)
        if text in known:
            return text
    begun = [name for name in known if plain and name.replace("-", "_").lower().startswith(plain)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise ValueError(f"{what} {text!r} may be {', '.join(begun)}; say which")
    return as_choice(text, what, known)


_OTHER_WORDS = {
    "--T": "--temperatures",
    "--temperature": "--beta",
    "--alpha": "--loads",
    "--replicas": "--instances",
    "--samples": "--instances",
    "--n-steps": "--steps",
    "--n-chains": "--chains",
    "--output": "--out",
    "--threads": "--workers",
    "--jobs": "--workers",
    "--learning-rate": "--lr",
}


def unknown_options(unknown: list[str], parser: argparse.ArgumentParser) -> str:
    """What to say of words that a command does not take: the option that may be meant."""
    import difflib

    parsers = [parser]
    for action in parser._actions:
        if isinstance(action.choices, dict):  # the actions of `sweep`
            parsers += action.choices.values()
    known = [name for p in parsers for name in p._option_string_actions]
    hints = []
    for name in (word.split("=")[0] for word in unknown if word.startswith("-")):
        meant = _OTHER_WORDS.get(name.replace("_", "-"))
        close = [meant] if meant in known else difflib.get_close_matches(name, known, 1, 0.7)
        inverse = " = 1/T" if close == ["--beta"] else ""
        hints += [f"for {name}, did you mean {close[0]}{inverse}?"] if close else []
    words = f"unrecognized arguments: {' '.join(unknown)}"
    return "; ".join([words, *hints]) + (" An option may be cut to any unique beginning." if hints else "")
