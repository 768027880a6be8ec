"""Names on the command line: any unique beginning, - or _, and the nearest name where there is none."""

from __future__ import annotations

from collections.abc import Iterable


def chosen(text: str, what: str, known: Iterable[str]) -> str:
    """The one of the known names that is meant.

    Raises
    ------
    ValueError
        If none begins so, or several do.
    """
    from .._core.validate import as_choice

    known = list(known)
    plain = text.replace("-", "_").lower()
    exact = [name for name in known if name.replace("-", "_").lower() == plain]
    if exact:
        return exact[0]
    begun = [name for name in known if plain and name.replace("-", "_").lower().startswith(plain)]
    if len(begun) == 1:
        return begun[0]
    if begun:
        raise ValueError(f"{what} {text!r} may be {', '.join(begun)}; say which")
    return as_choice(text, what, known)
