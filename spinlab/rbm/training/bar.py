"""The progress bar of training: epochs, time left, latest values."""

from __future__ import annotations

from typing import Any

from ..._core.progress import is_watched, new_bar
from .history import History


class TrainingBar:
    """A bar over epochs, or nothing."""

    def __init__(self, bar: Any) -> None:
        self._bar = bar

    def __enter__(self) -> TrainingBar:
        return self

    def __exit__(self, *error: Any) -> None:
        if self._bar is not None:
            self._bar.close()

    def show(self, history: History) -> None:
        """One epoch more, and its values."""
        if self._bar is not None:
            hidden = ("seconds", "updates")
            latest = {k: f"{v:.4g}" for k, v in history.latest().items() if k not in hidden}
            self._bar.set_postfix(latest, refresh=False)
            self._bar.update()


def training_bar(epochs: int, done: int, progress: bool | None) -> TrainingBar:
    """By default (None) on a terminal or in a notebook, for work over 2 s."""
    if not (is_watched() if progress is None else progress):
        return TrainingBar(None)
    delay = 2.0 if progress is None else 0.0
    return TrainingBar(new_bar(total=epochs, initial=done, desc="training", unit="epoch", delay=delay))
