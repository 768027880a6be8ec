"""The studies: one module per figure or question, each with a claim, a measurement and a verdict.

The modules lie in ``studies/`` of the repository and travel inside the installed package;
``spinlab.studies.fig1`` works in both.

A study has the presets SMALL and PAPER (keyword arguments of its sweeps) and
``main(preset, out, workers, progress)``, which runs or resumes it and returns an :class:`Output`.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._core import plugins
from ._core.files import atomic_write
from ._core.validate import as_choice

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray as xr

    from .sweeps import Sweep

_HERE = Path(__file__).parent
_DPI = 160  # of figures
_FORMATS = (".png", ".pdf")
# In a wheel the studies are spinlab/_studies; in a checkout they sit beside the package.
__path__ = [str(p) for p in (_HERE / "_studies", _HERE.parent / "studies") if p.is_dir()][:1]


def names() -> list[str]:
    """Names of the studies, those of other packages (entry points "spinlab.studies") included."""
    return sorted(plugins.names("study", _own()))


def _own() -> list[str]:
    return [m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")]


def load(name: str) -> ModuleType:
    """The module of a study.

    Raises
    ------
    ValueError
        If there is no such study; the message lists the known ones.
    """
    if name in _own():
        return importlib.import_module(f"{__name__}.{name}")
    study: ModuleType = plugins.load("study", as_choice(name, "study", names()))
    return study


_options: ContextVar[tuple[dict[str, Any], float]] = ContextVar("options", default=({}, 0.0))


@contextmanager
def sweeps_run_with(**options: Any) -> Iterator[None]:
    """Options of :meth:`spinlab.sweeps.Sweep.run` for the studies in the block, whose time ``seconds`` is."""
    token = _options.set((options, time.monotonic()))
    try:
        yield
    finally:
        _options.reset(token)


class Output:
    """The folder of a study: its store, figure (PNG and PDF), data and verdict.

    Parameters
    ----------
    out : path
        Folder, made if it does not exist.

    Raises
    ------
    OSError
        If the folder cannot be made or written to.
    """

    def __init__(self, out: str | os.PathLike[str]) -> None:
        self.folder = Path(out)
        self.paths: list[Path] = []
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise OSError(
                f"cannot write to the output folder {str(self.folder)!r} ({error.strerror}); "
                "choose another one with --out"
            ) from None

    def run(self, sweep: Sweep, name: str, workers: int | None, progress: bool) -> xr.Dataset:
        """Run or resume a sweep with its store in this folder, and save its data as netCDF.

        Raises
        ------
        RuntimeError
            If points failed or time ran out: a figure is drawn from complete data only.
        """
        from . import sweeps

        options, begin = _options.get()
        if options.get("seconds") is not None:
            options = options | {"seconds": max(0.0, begin + options["seconds"] - time.monotonic())}
        store = self.folder / f"{name}.sqlite"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # the error below says more
            try:
                data = sweep.run(store, executor=workers, progress=progress, retry=True, **options)
            except ValueError as error:
                if "changed=" not in str(error):
                    raise
                raise ValueError(
                    f"the study changed since {str(store)!r} was computed: --changed keep takes its points "
                    "as they are, --changed redo computes them again, --out leads to another folder"
                ) from error
        if data.attrs["failed_points"]:
            raise RuntimeError(
                f"{data.attrs['failed_points']} of {len(sweep)} points failed; first: "
                f"{data.attrs['first_error']} ('spinlab sweep status {store} --errors' lists all; "
                "the same command computes them again)"
            )
        if data.attrs["missing_points"]:
            raise RuntimeError(
                f"{data.attrs['missing_points']} of {len(sweep)} points of {name} were not begun in the time "
                "given; the same command goes on"
            )
        sweeps.to_netcdf(data, self.folder / f"{name}.nc")
        self.paths.append(self.folder / f"{name}.nc")
        return data

    def figure(self, figure: matplotlib.figure.Figure, name: str) -> None:
        """Save a figure as PNG and PDF, without white margins.

        It is laid out and measured here, once: ``bbox_inches="tight"`` would do both again for each file.
        """
        figure.set_dpi(_DPI)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        box = figure.get_tightbbox().padded(0.1)  # inches
        for suffix in _FORMATS:
            with self._new(name + suffix) as path:
                figure.savefig(path, dpi=_DPI, bbox_inches=box)

    def verdict(self, text: str, table: Mapping[str, Any]) -> None:
        """Save the verdict for people (Markdown) and for programs (JSON)."""
        with self._new("verdict.md") as path:
            path.write_text(text, encoding="utf-8")
        with self._new("verdict.json") as path:
            path.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")

    def _new(self, name: str) -> Any:
        self.paths.append(self.folder / name)
        return atomic_write(self.folder / name)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in [header, ["---"] * len(header), *rows]]
    return "\n".join(lines) + "\n"
