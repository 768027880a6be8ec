"""``--config FILE``: options of a command from a TOML file; what the command line says goes first."""

from __future__ import annotations

import argparse
import difflib
import tomllib
from pathlib import Path
from typing import Any


def add_option(parser: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    parser.add_argument(
        "--config",
        metavar="FILE",
        help="a TOML file of options by their long names (sizes = [32, 64]); the command line goes first",
    )


def use(argv: list[str], parser: argparse.ArgumentParser) -> None:
    """Make the options of the file the defaults of the parser.

    Raises
    ------
    ValueError, OSError
        If there is no such file, it is no TOML, or it has what the command has not.
    """
    path = _path(argv, parser)
    if path is None:
        return  # or the parser itself will complain
    actions = {a.dest: a for a in parser._actions if a.dest not in ("help", "config")}
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: no TOML: {error}") from None
    by_name = {name.lstrip("-").replace("-", "_"): a for a in actions.values() for name in a.option_strings}
    by_name |= {dest: a for dest, a in actions.items() if not a.option_strings}
    found: dict[str, Any] = {}
    for name, value in table.items():
        action = by_name.get(name.replace("-", "_"))
        if action is None:
            close = difflib.get_close_matches(name, by_name, 1)
            hint = f"did you mean {close[0]!r}? " if close else ""
            raise ValueError(f"{path}: the command has no option {name!r}; {hint}it has {', '.join(by_name)}")
        found[action.dest] = _value(path, name, value, action)
    parser.set_defaults(**found)


def _path(argv: list[str], parser: argparse.ArgumentParser) -> str | None:
    """What follows ``--config``, which may be cut to any unique beginning as all options; None without."""
    path = None
    for word, following in zip(argv, [*argv[1:], None], strict=True):
        option, given, value = word.partition("=")
        known = [x for x in parser._option_string_actions if option.startswith("--") and x.startswith(option)]
        if known == ["--config"]:
            path = value if given else following
    return path


def _value(path: str, name: str, value: Any, action: argparse.Action) -> Any:
    """As the command line would have made it."""
    if action.nargs == 0:  # a flag
        if not isinstance(value, bool):
            raise ValueError(f"{path}: {name} must be true or false, got {value!r}")
        return value
    many = action.nargs in ("+", "*")
    values = value if isinstance(value, list) else [value]
    if (isinstance(value, list) and not many) or any(isinstance(x, bool | dict | list) for x in values):
        raise ValueError(f"{path}: {name} takes {'numbers or words' if many else 'one value'}, got {value!r}")
    convert = action.type if callable(action.type) else str
    try:
        made = [convert(str(x)) for x in values]
    except ValueError:
        raise ValueError(f"{path}: {name} cannot be {value!r}") from None
    for x in made:
        if action.choices is not None and x not in action.choices:
            raise ValueError(
                f"{path}: {name} must be one of {', '.join(map(str, action.choices))}, got {x!r}"
            )
    return made if many else made[0]
