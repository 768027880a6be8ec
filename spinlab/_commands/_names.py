"""Names on the command line: any unique beginning, - or _, and the nearest name where there is none."""

from __future__ import annotations

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
