"""``progress=`` of everything that lasts: a bar in any case, in none, or where somebody looks."""

from __future__ import annotations

import contextlib
import inspect
import io
import os
import sys

import pytest
from fuzzing import call, is_function, public, usual

from spinlab._core import progress
from spinlab._core.parallel import map_threads

WITHOUT = {
    "exact.planar.ground_state",  # one matching, in one piece
    "exact.branching.ground_state",  # tells its bound, in lines
    "exact.layer.random_start_energy",  # within a second
    "observables.random_start_energy",
}
TARGETS = {
    name: thing
    for name, thing in sorted(public().items())
    if is_function(thing) and {"threads", "progress"} & {*inspect.signature(thing).parameters}
    if name not in WITHOUT and not name.startswith(("scans.", "sweeps."))
}


@pytest.fixture
def shown(monkeypatch):
    """Labels of the bars, of work of any length."""
    monkeypatch.setattr(progress, "_LONG", 0.0)
    monkeypatch.setattr(progress, "_MEASURED", 0.0)
    labels, new_bar = [], progress.new_bar

    def bar(**options):
        labels.append(options["desc"])
        return new_bar(**options | {"file": io.StringIO()})

    monkeypatch.setattr(progress, "new_bar", bar)
    return labels


@pytest.mark.filterwarnings("ignore::spinlab.rbm.AISWarning")
@pytest.mark.parametrize("name", TARGETS)
def test_bars_as_asked_for(name, shown, monkeypatch):
    function = TARGETS[name]
    arguments = usual(name, function)
    call(function, arguments | {"progress": None})
    assert shown == []  # nobody looks
    call(function, arguments | {"progress": True})
    assert shown != []
    shown.clear()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    call(function, arguments | {"progress": None})
    assert shown != []
    shown.clear()
    call(function, arguments | {"progress": False})
    assert shown == []
    with pytest.raises(TypeError, match="progress must be True or False, got 'yes'"):
        call(function, arguments | {"progress": "yes"})


def test_threads_show_bars_as_their_caller_asked():
    def asked(_):
        return progress.is_watched()

    with progress.bars(True):
        assert map_threads(asked, range(4), 2) == [True] * 4
        with progress.bars(None):
            assert map_threads(asked, range(4), 2) == [True] * 4
        with progress.bars(False):
            assert map_threads(asked, range(4), 2) == [False] * 4
        assert progress.is_watched()
    assert map_threads(asked, range(4), 2) == [False] * 4


@pytest.mark.parametrize("stream", ["closed", "absent", "full"])
def test_a_bar_that_cannot_be_shown_stops_no_work(stream, monkeypatch):
    """`2> log` on a full disk, `2>&-`, a terminal that was closed: the work goes on without a bar."""
    name = "/dev/full" if stream == "full" else os.devnull
    file = None if stream == "absent" else open(name, "w")  # noqa: SIM115
    if stream == "closed":
        file.close()
    monkeypatch.setattr(sys, "stderr", file)
    with progress.new_bar(total=2, mininterval=0) as bar:
        bar.update()
        bar.set_postfix_str("words")
        bar.update()
    assert bar.n == 2
    if stream == "full":
        with pytest.raises(OSError, match="No space"):  # it was this stream
            print("x" * 10_000, file=file, flush=True)
        monkeypatch.undo()
        with contextlib.suppress(OSError):
            file.close()


def test_a_bar_knows_that_it_is_written_to_stderr():
    """Only then tqdm makes it as wide as the terminal."""
    assert progress.new_bar(total=1).fp == sys.stderr
    assert progress.new_bar(total=1).fp != sys.stdout
