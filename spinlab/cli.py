"""The command line: ``spinlab COMMAND ...``; one module per command in ``spinlab._commands``."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence

COMMANDS = (
    "ground_state",
    "verify",
    "accessibility",
    "scan",
    "diagnose",
    "train",
    "judge",
    "sample",
    "study",
    "sweep",
    "cache",
    "completion",
    "info",
)

_DESCRIPTION = "Statistical physics of Ising models and Boltzmann machines."
_EPILOG = """\
examples:
  spinlab ground-state model.txt                    certified ground state of an instance file
  spinlab accessibility ra_rbm -V 20 -H 1000 -K 10 --stds 0.1 1 10 --instances 20
  spinlab scan sk --sizes 32 64 128 --temperatures 0.4:1.6:13   phases over temperature, load and size
  spinlab diagnose W.npy --rbm                      in which phase is a matrix of weights?
  spinlab study fig1 --preset small                 a figure, its data and its verdict
  spinlab train data.npz rbm.npz -H 100 --epochs 50   a Boltzmann machine for a data file
  spinlab cache                                     where compiled kernels are kept
  spinlab COMMAND --help                            options and examples of a command

Commands, options, ensembles, methods and studies may be given by any unique beginning. `spinlab completion
bash` (zsh, fish) prints what a shell needs to complete them.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status.

    0 done, 1 error, 2 wrong usage, 3 refused, 130 interrupted (Ctrl-C), 143 terminated (SIGTERM), 129 hung
    up (SIGHUP).
    """
    from ._commands._words import in_words

    argv = list(sys.argv[1:] if argv is None else argv)
    _open_closed_streams()
    parser, commands = build_parser()
    _never_fail_on_letters()
    try:
        argv = _whole_name(argv, commands)
        _defaults_of_a_file(argv, commands)
    except (ValueError, OSError) as error:
        print(f"spinlab: {in_words(error)}", file=sys.stderr)
        return 2
    args, unknown = parser.parse_known_args(argv)
    if unknown:
        from ._commands._names import unknown_options

        if argv[0] not in commands:  # an option before it
            first = next(word for word in argv if word in commands)
            parser.error(f"options follow the command: spinlab {first} {' '.join(unknown)}")
        own = commands[argv[0]]
        own.error(unknown_options(unknown, own))
    from ._core import messages, signals

    level = messages.log.level
    if args.quiet:
        messages.quiet()
    try:
        with signals.terminated_as_interrupted():
            status = int(args.run(args))
            sys.stdout.flush()  # here, where a reader that has gone is no error
            return status
    except signals.Terminated as ended:
        with contextlib.suppress(OSError):  # its terminal may be gone
            print(f"spinlab: {ended}", file=sys.stderr)
        return 128 + ended.number
    except KeyboardInterrupt:
        print("spinlab: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `| head`
        _drop_output()
        return 0
    except (ValueError, TypeError, OSError, ImportError, RuntimeError, MemoryError) as error:
        # Messages meant for people; a traceback is for bugs.
        if isinstance(error, MemoryError):
            error = ValueError(f"not enough memory ({str(error) or 'for an array'}); take a smaller size")
        if isinstance(error, OSError) and error.errno == errno.ENOSPC and error.filename is None:
            _drop_output()
            error.filename = "standard output"  # all other files are named
        text = in_words(error, commands[argv[0]])
        if getattr(args, "json", None) in (True, "-"):  # a script reads one object, whatever happens
            import json

            with contextlib.suppress(OSError, ValueError):
                print(json.dumps({"error": text, "refused": False}))
        print(f"spinlab: {text}", file=sys.stderr)
        return 1
    finally:
        messages.log.setLevel(level)


def _open_closed_streams() -> None:
    """Streams that the caller has closed (``>&-``) lead nowhere, and no file of ours gets their number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _drop_output() -> None:
    """What is left to print goes nowhere, or the interpreter fails at its own flush."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def build_parser() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """The parser of everything, and those of the commands by name."""
    parser = argparse.ArgumentParser(
        prog="spinlab",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    from . import __version__

    parser.add_argument("--version", action="version", version=f"spinlab {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in COMMANDS:
        importlib.import_module(f"._commands.{name}", __package__).add_parser(commands)
    for command in commands.choices.values():
        with contextlib.suppress(argparse.ArgumentError):  # it has one
            command.add_argument("--quiet", action="store_true", help="no messages, no progress bars")
    return parser, dict(commands.choices)


def _whole_name(argv: list[str], commands: dict[str, argparse.ArgumentParser]) -> list[str]:
    """A command may be begun: ``spinlab gr`` is ground-state."""
    if not argv or argv[0].startswith("-"):
        return argv
    from ._commands._names import chosen

    return [chosen(argv[0], "command", commands), *argv[1:]]


def _defaults_of_a_file(argv: list[str], commands: dict[str, argparse.ArgumentParser]) -> None:
    """``--config FILE`` gives what the command line leaves out."""
    if argv and argv[0] in commands and any(x.startswith("--c") for x in argv):
        from ._commands import _config

        _config.use(argv[1:], commands[argv[0]])


def _never_fail_on_letters() -> None:
    """A terminal that knows no ± must not lose the result of a long computation."""

    def spelled(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        letters = error.object[error.start : error.end]
        return "".join("+-" if letter == "±" else "?" for letter in letters), error.end

    codecs.register_error("spinlab", spelled)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spinlab")


if __name__ == "__main__":
    sys.exit(main())
