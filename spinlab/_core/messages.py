"""Messages for people: the logger ``spinlab``, on stderr unless the program has set up logging itself."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress

log = logging.getLogger("spinlab")


class _Spoken(logging.Handler):
    """Writes to stderr as it is now, and leaves the word to the handlers of the root logger if there are any.

    Like Python's own handler of last resort, which says warnings only.
    """

    def emit(self, record: logging.LogRecord) -> None:
        if logging.getLogger().handlers or sys.stderr is None:
            return
        text = f"spinlab: {self.format(record)}"
        encoding = getattr(sys.stderr, "encoding", None) or "utf-8"
        with suppress(OSError, ValueError):  # closed, or its disk is full: the work is worth more
            print(text.encode(encoding, "backslashreplace").decode(encoding), file=sys.stderr, flush=True)


if not log.handlers:
    log.addHandler(_Spoken())
if log.level == logging.NOTSET:
    log.setLevel(logging.INFO)


def quiet() -> None:
    """From now on warnings only, and no bars but those that are asked for."""
    log.setLevel(max(log.getEffectiveLevel(), logging.WARNING))


def is_quiet() -> bool:
    """Whether the level of the logger is above INFO."""
    return not log.isEnabledFor(logging.INFO)
