"""``spinlab completion SHELL``: a script that completes commands, options and names."""

from __future__ import annotations

import argparse
from typing import Any

_EPILOG = """\
examples:
  spinlab completion bash > ~/.local/share/bash-completion/completions/spinlab
  spinlab completion zsh > ~/.zfunc/_spinlab          with fpath+=~/.zfunc before compinit in ~/.zshrc
  spinlab completion fish > ~/.config/fish/completions/spinlab.fish
"""


def add_parser(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "completion",
        help="a script for the shell that completes commands and options",
        description="Print the script by which bash, zsh or fish completes commands, options and names.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[args.shell](words()), end="")
    return 0


def words() -> dict[str, tuple[list[str], list[str]]]:
    """Options and names of each command."""
    from .. import ensembles, studies
    from ..cli import build_parser
    from ..scans.families import NAMES

    names = {"study": studies.names(), "scan": list(NAMES), "accessibility": list(ensembles.__all__)}
    found = {}
    for command, parser in build_parser()[1].items():
        options = [name for action in parser._actions for name in action.option_strings]
        of_arguments = [
            str(choice)
            for action in parser._actions
            if not action.option_strings and action.choices is not None
            for choice in action.choices
        ]
        found[command] = (options, names.get(command, []) + of_arguments)
    return found


def _bash(found: dict[str, tuple[list[str], list[str]]]) -> str:
    cases = "".join(
        f'    {command}) options="{" ".join(options)}"; names="{" ".join(names)}" ;;\n'
        for command, (options, names) in found.items()
    )
    return f"""_spinlab() {{
  local here="${{COMP_WORDS[COMP_CWORD]}}" options="" names=""
  case "${{COMP_WORDS[1]}}" in
{cases}  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{" ".join(found)} --help --version" -- "$here"))
  elif [ "${{here:0:1}}" = "-" ]; then
    COMPREPLY=($(compgen -W "$options" -- "$here"))
  else
    COMPREPLY=($(compgen -W "$names" -- "$here") $(compgen -f -- "$here"))
  fi
}}
complete -o filenames -F _spinlab spinlab
"""


def _zsh(found: dict[str, tuple[list[str], list[str]]]) -> str:
    cases = "".join(
        f"    {command}) options=({' '.join(options)}); names=({' '.join(names)}) ;;\n"
        for command, (options, names) in found.items()
    )
    return f"""#compdef spinlab
_spinlab() {{
  local -a options names
  case "$words[2]" in
{cases}  esac
  if (( CURRENT == 2 )); then
    compadd -- {" ".join(found)}
  elif [[ "$words[CURRENT]" == -* ]]; then
    compadd -- $options
  else
    compadd -- $names
    _files
  fi
}}
compdef _spinlab spinlab
"""


def _fish(found: dict[str, tuple[list[str], list[str]]]) -> str:
    lines = [f"complete -c spinlab -n __fish_use_subcommand -f -a '{' '.join(found)}'"]
    for command, (options, names) in found.items():
        here = f"complete -c spinlab -n '__fish_seen_subcommand_from {command}'"
        if names:
            lines.append(f"{here} -a '{' '.join(names)}'")
        for option in options:
            lines.append(f"{here} " + (f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"))
    return "\n".join(lines) + "\n"
