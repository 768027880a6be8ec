"""Errors in the words of the command line."""

from __future__ import annotations

import argparse
import os
import re


def in_words(error: Exception, parser: argparse.ArgumentParser | None = None) -> str:
    """The text of an error: files without the system's numbers, arguments as the parser's options.

    What Python's messages call ``format='ij'`` is ``--format ij`` here.
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fspath(error.filename)}: {error.strerror}"
    options = {} if parser is None else parser._option_string_actions

    def spelled(found: re.Match[str]) -> str:
        option = "--" + found[1].replace("_", "-")
        if option not in options:
            return found[0]
        return option if found[3] in (None, "True") else f"{option} {found[3]}"

    text = str(error)
    if options and "--format" not in options:
        text = text.replace("say format='ij' or format='coo', or begin", "begin")
    if "--threshold" in options:
        text = text.replace("datasets.binarized(data)", "--threshold 0.5")
    if "--allow-heuristic" in options:
        text = text.replace("ground_state(model, allow_heuristic=True)", "--allow-heuristic")
    # What stands in a file, as '# vartype=SPIN' does, stays as it is.
    text = re.sub(r"(?<!# )\b([a-z_]+)=(?:(['\"]?)([\w.,-]*\w)\2)?", spelled, text)
    return re.sub(r"(--[\w-]+) \(\1\)", r"\1", text)
