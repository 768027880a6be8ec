"""The progress bar of training: epochs, time left, latest values."""

from __future__ import annotations

from typing import Any

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
    """By default (None) on a terminal, for work over 2 s."""
    if progress is False:
        return TrainingBar(None)
    from tqdm import tqdm

    asked = progress is not None
    bar = tqdm(
        total=epochs,
        initial=done,
        desc="training",
        unit="epoch",
        delay=0.0 if asked else 2.0,
        disable=False if asked else None,  # None: off where stderr is no terminal
    )
    return TrainingBar(None if bar.disable else bar)
