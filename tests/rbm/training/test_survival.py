"""kill -9 at random moments, checkpoints damaged in hundreds of ways: the same bits, or an error by name."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import spinlab as sl
from spinlab.rbm import DBM, PCD, RARBM, RBM, Tempering, Trainer

DATA = np.kron([[1, -1], [-1, 1], [1, 1]], np.ones((2, 4)))

SETTINGS = {
    "pcd": lambda: Trainer(
        RBM(8, 5, biases=True, rng=1), PCD(1, 6), lr=0.02, momentum=0.5, batch_size=4, rng=3
    ),
    "tempering": lambda: Trainer(
        RARBM(8, 5, 2, train_scale=True, rng=1), Tempering(1, 4, 3), lr=0.002, optimiser="adam", rng=3
    ),
    "deep": lambda: Trainer(DBM([8, 4, 3], biases=True, rng=1), PCD(1, 6), lr=0.02, batch_size=3, rng=3),
}


# They decide nothing: any number may stand there.
RECORDS = {
    "seconds",
    *(f"history/{name}/values" for name in ("seconds", "gradient_norm", "lr", "updates", "n")),
}


def state_of(trainer):
    return {k: x for k, x in trainer.state_dict().items() if "seconds" not in k}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_array_of_a_checkpoint_is_checked(name, tmp_path):
    """Each array in turn is lost, or replaced by others: refused by name, and the trainer is as before."""
    path = tmp_path / "run.npz"
    SETTINGS[name]().fit(DATA, 2, [lambda t: {"n": t.epoch}], checkpoint=path)
    good = sl.rbm.load_checkpoint(path)
    trainer = SETTINGS[name]()
    before, tried = state_of(trainer) | {}, 0
    for key, x in good.items():
        others = [None, x.astype(str) if x.dtype.kind != "U" else np.array(3.5)]
        others += [
            np.zeros((3, 4, 5)),
            np.array([]),
            x.astype(complex) if x.dtype.kind != "U" else np.ones(2),
        ]
        if x.dtype.kind == "f":
            others += [np.full_like(x, value) for value in (np.nan, np.inf, -np.inf, 1e38)]
        if key in ("counters", "key"):
            others += [-np.abs(x.astype(np.int64)) - 1, x + 0.5]
        for other in others:
            if key in RECORDS and other is not None and other.dtype.kind == "f" and other.shape == x.shape:
                continue
            edited = good | {key: other}
            sl.rbm.save_checkpoint(path, {k: v for k, v in edited.items() if v is not None})
            tried += 1
            with pytest.raises(ValueError, match=r"run\.npz: (cannot go on|damaged)"):
                trainer.fit(DATA, 3, checkpoint=path)
    assert tried > 100
    assert trainer.epoch == 0
    after = state_of(trainer)
    for key in before:
        if not key.startswith(("offsets", "identity", "data_of")):
            np.testing.assert_array_equal(before[key], after[key])
    sl.rbm.save_checkpoint(path, good)
    trainer.fit(DATA, 4, [lambda t: {"n": t.epoch}], checkpoint=path)
    whole = SETTINGS[name]()
    whole.fit(DATA, 4, [lambda t: {"n": t.epoch}])
    assert_same(state_of(whole), state_of(trainer))


def test_damaged_bytes_give_only_errors_that_name_the_file(tmp_path):
    path = tmp_path / "run.npz"
    SETTINGS["pcd"]().fit(DATA, 2, checkpoint=path)
    good = path.read_bytes()
    whole = SETTINGS["pcd"]()
    whole.fit(DATA, 2)
    random = np.random.default_rng(0)
    for trial in range(300):
        bad = bytearray(good)
        if trial % 3 == 0:
            del bad[random.integers(len(bad)) :]
        elif trial % 3 == 1:
            start = random.integers(len(bad))
            bad[start : start + random.integers(1, 200)] = random.bytes(int(random.integers(1, 200)))
        else:
            for _ in range(3):
                bad[random.integers(len(bad))] = random.integers(256)
        path.write_bytes(bytes(bad))
        trainer = SETTINGS["pcd"]()
        try:
            trainer.fit(DATA, 2, checkpoint=path)
        except ValueError as error:
            found = str(error)
            named = found.startswith(f"{path}: ")
        else:  # what nobody reads was hit, such as the date of a member
            named = True
            assert_same(state_of(whole), state_of(trainer))
        assert named, found


def test_two_runs_of_one_checkpoint(tmp_path):
    """Each wrote over the other in silence; the state of the one that notices is kept beside the file."""
    path = tmp_path / "run.npz"

    def meanwhile(trainer):
        if trainer.epoch == 2:
            path.unlink()
            other.fit(DATA, 1, checkpoint=path, checkpoint_every=1)

    first, other = SETTINGS["pcd"](), Trainer(RBM(8, 5, biases=True, rng=1), PCD(1, 6), rng=4)
    with pytest.raises(
        BlockingIOError, match=r"another training run writes this checkpoint.* after epoch 2 "
    ) as told:
        first.fit(DATA, 4, [meanwhile], checkpoint=path, checkpoint_every=1)
    (rescued,) = tmp_path.glob("run.rescued-*.npz")
    assert str(rescued) in str(told.value)
    assert int(sl.rbm.load_checkpoint(path)["counters"][0]) == 1
    again, whole = SETTINGS["pcd"](), SETTINGS["pcd"]()
    again.fit(DATA, 4, checkpoint=rescued)
    whole.fit(DATA, 4)
    assert_same(state_of(whole), state_of(again))


def test_the_same_run_twice_shares_its_checkpoint(tmp_path):
    path = tmp_path / "run.npz"

    def meanwhile(trainer):
        if trainer.epoch == 2:
            SETTINGS["pcd"]().fit(DATA, 3, checkpoint=path, checkpoint_every=1)

    SETTINGS["pcd"]().fit(DATA, 4, [meanwhile], checkpoint=path, checkpoint_every=1)
    whole, kept = SETTINGS["pcd"](), SETTINGS["pcd"]()
    whole.fit(DATA, 4)
    kept.fit(DATA, 4, checkpoint=path)
    assert_same(state_of(whole), state_of(kept))


SCRIPT = """
import sys
import numpy as np
sys.path.insert(0, sys.argv[1])
from test_survival import DATA, SETTINGS
trainer = SETTINGS[sys.argv[2]]()
keep = {"checkpoint": sys.argv[3], "checkpoint_every": 1, "progress": False}
trainer.fit(DATA, 10**6, [lambda t: {"n": t.epoch}], **keep)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_killed_at_random_moments(name, tmp_path):
    """Fifteen times kill -9, after up to a second of writing a checkpoint every epoch; what is left behind by
    a killed writer is gone after the next write."""
    from pathlib import Path

    path = tmp_path / "run.npz"
    command = [sys.executable, "-c", SCRIPT, str(Path(__file__).parent), name, str(path)]
    random = np.random.default_rng(1)
    epochs = [0]
    for _ in range(15):
        child = subprocess.Popen(command)
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and child.poll() is None:
            if path.exists() and int(sl.rbm.load_checkpoint(path)["counters"][0]) > epochs[-1]:
                break
            time.sleep(0.01)
        time.sleep(random.random())
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        epochs.append(int(sl.rbm.load_checkpoint(path)["counters"][0]))
    assert (np.diff(epochs) > 0).all()
    resumed, whole = SETTINGS[name](), SETTINGS[name]()
    for trainer, options in ((resumed, {"checkpoint": path}), (whole, {})):
        trainer.fit(DATA, epochs[-1] + 3, [lambda t: {"n": t.epoch}], **options)
    assert_same(state_of(whole), state_of(resumed))
    assert [p.name for p in tmp_path.iterdir()] == ["run.npz"]
