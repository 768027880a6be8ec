"""The trainer: its updates against plain numpy, checkpoints, crashes, callbacks and bad input."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import spinlab as sl
from spinlab.rbm import CD, PCD, PID, RARBM, RBM, Exact, Geometric, Linear, Tempering, Trainer

STRIPES = np.kron(np.array([[1, 1, -1, -1], [-1, 1, -1, 1], [1, -1, -1, 1], [-1, -1, 1, 1]]), np.ones((1, 2)))


def arrays(trainer):
    """State without the wall time."""
    state = trainer.state_dict()
    return {k: x for k, x in state.items() if "seconds" not in k}


def assert_equal_bits(a, b):
    assert a.keys() == b.keys()
    for key in a:
        assert np.array_equal(a[key], b[key]), key


def rbm(**options):
    return RBM(8, 6, std=0.3, rng=1, dtype="float64", **options)


def ra(**options):
    return RARBM(8, 6, 3, rng=1, dtype="float64", **options)


SETTINGS = {
    "cd": lambda: Trainer(rbm(), CD(2), lr=0.1, batch_size=3, momentum=0.5, rng=3),
    "pcd": lambda: Trainer(rbm(biases=True), PCD(1, 5), lr=0.1, batch_size=3, optimiser="adam", rng=3),
    "tempering": lambda: Trainer(ra(biases=True), Tempering(1, 4, 3), lr=0.1, batch_size=3, rng=3),
    "pid": lambda: Trainer(
        ra(train_scale=True),
        PID(1),
        lr=0.1,
        schedule=Geometric(0.9, 1e-3),
        projection="sign",
        batch_size=3,
        rng=3,
    ),
    "gibbs": lambda: Trainer(
        ra(), PID(), lr=0.1, projection="gibbs", projection_every=3, batch_size=3, rng=3
    ),
    "exact": lambda: Trainer(rbm(), Exact(), lr=0.1, batch_size=4, weight_decay=0.01, rng=3),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_resumed_run_has_the_same_bits(name, tmp_path):
    whole = SETTINGS[name]()
    history = whole.fit(STRIPES, 7)
    path = tmp_path / "run.npz"
    SETTINGS[name]().fit(STRIPES, 3, checkpoint=path)
    resumed = SETTINGS[name]()
    again = resumed.fit(STRIPES, 7, checkpoint=path)
    assert_equal_bits(arrays(whole), arrays(resumed))
    assert again.drop_vars("seconds").equals(history.drop_vars("seconds"))
    done = SETTINGS[name]()
    done.fit(STRIPES, 7, checkpoint=path)  # nothing left to do
    assert_equal_bits(arrays(whole), arrays(done))


@pytest.mark.parametrize("name", ["cd", "pcd"])
def test_state_dict_is_a_copy_that_takes_a_run_up(name):
    a, b = SETTINGS[name](), SETTINGS[name]()
    a.fit(STRIPES, 2)
    state = a.state_dict()
    a.fit(STRIPES, 5)
    b.load_state_dict(state)
    b.fit(STRIPES, 5)
    assert_equal_bits(arrays(a), arrays(b))


SCRIPT = """
import sys
import numpy as np
from spinlab.rbm import PCD, RBM, Trainer
machine = RBM(8, 6, std=0.3, biases=True, rng=1)
trainer = Trainer(machine, PCD(1, 5), lr=0.01, momentum=0.5, batch_size=3, rng=3)
data = np.load(sys.argv[1])
trainer.fit(data, 3000, checkpoint=sys.argv[2], checkpoint_every=1, progress=False)
"""


def test_killed_run_goes_on_with_the_same_bits(tmp_path):
    """kill -9 at two moments of writing every epoch, then a run somewhat further."""
    np.save(tmp_path / "data.npy", STRIPES)
    path = tmp_path / "run.npz"
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "data.npy"), str(path)]
    epochs = [0]
    for _ in range(2):
        child = subprocess.Popen(command)
        deadline = time.monotonic() + 100
        while time.monotonic() < deadline and child.poll() is None:
            if path.exists() and int(sl.rbm.load_checkpoint(path)["counters"][0]) > epochs[-1] + 20:
                break
            time.sleep(0.002)
        child.send_signal(signal.SIGKILL)
        assert child.wait() == -signal.SIGKILL
        epochs.append(int(sl.rbm.load_checkpoint(path)["counters"][0]))
    assert 0 < epochs[1] < epochs[2] < 3000
    machine = {"rng": 1, "std": 0.3, "biases": True}
    trainers = [
        Trainer(RBM(8, 6, **machine), PCD(1, 5), lr=0.01, momentum=0.5, batch_size=3, rng=3) for _ in range(2)
    ]
    trainers[0].fit(STRIPES, epochs[2] + 20, checkpoint=path)
    trainers[1].fit(STRIPES, epochs[2] + 20)
    assert_equal_bits(arrays(trainers[0]), arrays(trainers[1]))


def naive_updates(convention, updates):
    """Exact-gradient ascent with Adam on the batches of one epoch, in plain numpy."""
    machine = rbm()
    trainer = Trainer(
        machine, Exact(), lr=0.05, optimiser="adam", batch_size=3, shuffle=False, convention=convention
    )
    W = machine.W.copy()
    states = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T.astype(float)
    m, v = np.zeros_like(W), np.zeros_like(W)
    for u in range(updates):
        batch = STRIPES[:3] if u % 2 == 0 else STRIPES[3:]
        divisor = 3 if convention == "reference" else len(batch)
        p = np.exp(np.log(2 * np.cosh(states @ W)).sum(1))
        g = batch.T @ np.tanh(batch @ W) / divisor - (states.T * (p / p.sum())) @ np.tanh(states @ W)
        t = u // 2 + 1 if convention == "reference" else u + 1
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        W = W + 0.05 * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    trainer.fit(STRIPES, updates // 2)
    return machine.W, W


@pytest.mark.parametrize("convention", ["spinlab", "reference"])
def test_adam_and_the_conventions(convention):
    """Four stripes in batches of three: the last batch has one. The two conventions differ."""
    found, expected = naive_updates(convention, 6)
    assert np.allclose(found, expected, rtol=1e-10)


def test_momentum_decay_and_schedule():
    machine = rbm()
    W, u = machine.W.copy(), 0.0
    states = np.array(np.meshgrid(*[[-1, 1]] * 8)).reshape(8, -1).T.astype(float)
    trainer = Trainer(
        machine, Exact(), lr=0.2, momentum=0.7, weight_decay=0.03, batch_size=4, schedule=Linear(4, 0.5)
    )
    history = trainer.fit(STRIPES, 3)
    assert history["lr"].values.tolist() == [0.2, 0.2 * 0.875, 0.2 * 0.75]
    for lr in history["lr"].values:
        p = np.exp(np.log(2 * np.cosh(states @ W)).sum(1))
        g = STRIPES.T @ np.tanh(STRIPES @ W) / 4 - (states.T * (p / p.sum())) @ np.tanh(states @ W)
        u = 0.7 * u + g - 0.03 * W
        W = W + lr * u
    assert np.allclose(machine.W, W, rtol=1e-10)
    assert np.isclose(history["gradient_norm"][-1], np.linalg.norm(g), rtol=1e-10)


def test_rapid_update_is_the_paper_s():
    """xi <- xi + lr (positive - negative) with the averages of Eq. (A7), term by term, then the sign."""
    machine = ra()
    v, h = machine.xi_v.copy(), machine.xi_h.copy()
    Trainer(machine, PID(), lr=0.02, batch_size=4, projection="none", rng=0).fit(STRIPES, 1)

    def phase(rows):
        W = v.T @ h / 3**0.5
        dv, dh = np.zeros_like(v), np.zeros_like(h)
        for row in rows:
            t = np.tanh(row @ W)
            for k in range(3):
                dv[k] += row * (h[k] @ t) / 3**0.5 / len(rows)
                dh[k] += (row @ v[k]) * t / 3**0.5 / len(rows)
        return dv, dh

    (pv, ph), (nv, nh) = phase(STRIPES), phase(np.sign(v))
    assert np.allclose(machine.xi_v, v + 0.02 * (pv - nv), rtol=1e-12)
    assert np.allclose(machine.xi_h, h + 0.02 * (ph - nh), rtol=1e-12)


@pytest.mark.parametrize("convention", ["spinlab", "reference"])
def test_the_last_short_batch(convention):
    """Batches of three images and of one, which the code of the paper divides by three: it counts a third."""
    machine = ra()
    Trainer(
        machine, PID(), lr=0.02, batch_size=3, projection="none", shuffle=False, convention=convention
    ).fit(STRIPES, 1)
    v, h = ra().xi_v.copy(), ra().xi_h.copy()
    for rows, divisor in ((STRIPES[:3], 3), (STRIPES[3:], 3 if convention == "reference" else 1)):
        W, signs = v.T @ h / 3**0.5, np.where(v >= 0, 1.0, -1.0)
        # dF/dW of the data and of the K patterns, then the chain rule of W = xi_v^T xi_h / sqrt K.
        G = rows.T @ np.tanh(rows @ W) / divisor - signs.T @ np.tanh(signs @ W) / 3
        v, h = v + 0.02 * h @ G.T / 3**0.5, h + 0.02 * v @ G / 3**0.5
    assert np.allclose(machine.xi_v, v, rtol=1e-12)
    assert np.allclose(machine.xi_h, h, rtol=1e-12)


def test_projections():
    values = {"sign": {-1.0, 1.0}, "gibbs": {-1.0, 1.0}}
    for name in ("sign", "gibbs", "clip"):
        machine = ra()
        trainer = Trainer(machine, PID(), lr=0.3, batch_size=2, projection=name, rng=2)
        trainer.fit(STRIPES, 3)
        for xi in (machine.xi_v, machine.xi_h):
            if name == "clip":
                assert len(np.unique(xi)) > 4
            else:
                assert set(np.unique(xi)) <= values[name]
    bounds = []
    for projection in ("none", "clip"):
        machine = ra()
        Trainer(machine, PID(), lr=3.0, batch_size=4, projection=projection, rng=2).fit(STRIPES, 1)
        bounds.append(np.abs(machine.xi_v).max())
    assert bounds[0] > bounds[1] == 1.0
    machine = rbm()
    Trainer(machine, CD(), lr=5.0, projection=sl.rbm.Clip(0.25), rng=2).fit(STRIPES, 2)
    assert np.abs(machine.W).max() == 0.25
    with pytest.raises(TypeError, match="made of patterns"):
        Trainer(rbm(), CD(), projection="sign").fit(STRIPES, 1)


def test_gibbs_projection_follows_the_conditionals():
    """(B2): strong couplings leave one outcome, h along its fields and then v along its own."""
    machine = ra(scale=200.0)
    h = np.sign(machine.xi_v @ machine.as_ising().weights())
    v = np.sign(h @ machine.as_ising().weights().T)
    sl.rbm.GibbsProjection().apply(machine, sl.rbm.machines.units.Noise(1))
    assert np.array_equal(machine.xi_h, h)
    assert np.array_equal(machine.xi_v, v)


def test_schedule_of_the_paper():
    """0.02 times 0.96 per epoch while above 1e-5."""
    lr, schedule = 0.02, Geometric(0.96, floor=1e-5)
    expected = lr
    for epoch in range(300):
        assert np.isclose(schedule(epoch, lr), expected, rtol=1e-12)
        expected *= 0.96 if expected > 1e-5 else 1.0
    assert [Geometric(0.5, after=2)(e, 1.0) for e in range(5)] == [1.0, 1.0, 1.0, 0.5, 0.25]


def test_learning_reaches_the_data():
    """Without biases P(v) = P(-v), so at best 1/4 for the pair of opposite stripes, 1/8 for the others."""
    machine = RBM(8, 16, rng=0)
    Trainer(machine, Exact(), lr=0.02, optimiser="adam", batch_size=4, rng=0).fit(STRIPES, 400)
    found = machine.log_likelihood(STRIPES).mean()
    best = -np.log(4 * 8) / 2
    assert best - 0.01 < found < best


def test_centring_is_the_default_where_there_are_biases():
    assert Trainer(rbm(biases=True)).centred
    assert not Trainer(rbm()).centred
    with pytest.raises(ValueError, match="centred gradients need"):
        Trainer(rbm(), centred=True)


def test_callbacks_history_and_early_stopping():
    trainer = SETTINGS["exact"]()
    fit = trainer.fit(
        STRIPES,
        50,
        [
            sl.rbm.Every([1, 3], lambda t: {"W": t.machine.W, "n": t.epoch}),
            sl.rbm.Every(2, lambda t: {"score": -abs(t.epoch - 4)}),
            lambda t: {"ll": min(t.epoch, 6)},
            sl.rbm.EarlyStopping("ll", patience=3),
            sl.rbm.EarlyStopping("score", patience=8),  # not yet measured at epoch 1
        ],
    )
    assert trainer.stopped.startswith("ll has not improved since epoch 6")
    assert fit.sizes["epoch"] == 9
    assert fit["W"].dims == ("epoch", "W_0", "W_1")
    assert np.isnan(fit["W"].sel(epoch=2)).all()
    assert fit["n"].sel(epoch=3) == 3
    assert fit["score"].sel(epoch=[2, 4, 6, 8]).values.tolist() == [-2, 0, -2, -4]
    with pytest.warns(UserWarning, match="has seen no number under this name in 20 epochs; recorded are lr"):
        trainer.fit(STRIPES, 20, [sl.rbm.EarlyStopping("nll", 3)])
    with pytest.raises(TypeError, match="mapping of names"):
        trainer.fit(STRIPES, 25, [lambda t: 3.0])
    with pytest.raises(TypeError, match="real numbers"):
        trainer.fit(STRIPES, 30, [lambda t: {"name": "x"}])
    done = trainer.epoch
    with pytest.raises(TypeError, match=r"callbacks\[1\] must be a function of the trainer, got 3"):
        trainer.fit(STRIPES, 40, callbacks=[print, 3])
    with pytest.raises(TypeError, match="list of functions, got one function"):
        trainer.fit(STRIPES, 40, callbacks=print)
    with pytest.raises(TypeError, match="list of functions of the trainer, got 3"):
        trainer.fit(STRIPES, 40, callbacks=3)
    assert trainer.epoch == done


def test_stopped_run_stays_stopped(tmp_path):
    path = tmp_path / "run.npz"
    stop = [lambda t: {"x": 1.0}, sl.rbm.EarlyStopping("x", patience=2)]
    first, second = SETTINGS["cd"](), SETTINGS["cd"]()
    first.fit(STRIPES, 9, stop, checkpoint=path)
    second.fit(STRIPES, 9, stop, checkpoint=path)
    assert first.epoch == second.epoch == 3
    assert first.stopped == second.stopped == "x has not improved since epoch 1 (1)"
    second.fit(STRIPES, 9)  # on purpose
    assert second.epoch == 9


@pytest.mark.parametrize("lr", [1e9, 1e38])
def test_divergence_stops_and_keeps_the_checkpoint(lr, tmp_path):
    path = tmp_path / "run.npz"

    def schedule(epoch, initial):
        return initial if epoch < 2 else lr

    trainer = Trainer(RBM(8, 6, rng=1), CD(), lr=0.01, schedule=schedule, batch_size=2, rng=1)
    with pytest.raises(sl.rbm.DivergenceError, match=r"in epoch 3 .*W is not finite or beyond.*run\.npz"):
        trainer.fit(STRIPES, 10, checkpoint=path, checkpoint_every=1)
    kept = sl.rbm.load_checkpoint(path)
    assert kept["counters"].tolist() == [2, 4]
    assert np.isfinite(kept["machine/W"]).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e7])
@pytest.mark.parametrize("epoch", [2, 3])
def test_what_a_callback_spoils_is_not_kept(value, epoch, tmp_path):
    """A checkpoint can be gone on from, whatever a callback has done to the machine, and in the end too."""
    path = tmp_path / "run.npz"

    def spoil(trainer):
        if trainer.epoch == epoch:
            trainer.machine.W[0, 0] = value

    trainer = SETTINGS["cd"]()
    with pytest.raises(sl.rbm.DivergenceError, match=rf"W is not finite .* callbacks of epoch {epoch};"):
        trainer.fit(STRIPES, 3, [spoil], checkpoint=path, checkpoint_every=1)
    again, reference = SETTINGS["cd"](), SETTINGS["cd"]()
    again.fit(STRIPES, 3, checkpoint=path)
    reference.fit(STRIPES, 3)
    np.testing.assert_array_equal(again.machine.W, reference.machine.W)
    trainer.fit(STRIPES, 3)
    np.testing.assert_array_equal(trainer.machine.W, reference.machine.W)


def test_divergence_before_the_first_checkpoint_keeps_the_start(tmp_path):
    path, machine = tmp_path / "run.npz", RBM(8, 6, biases=True, rng=1)
    start = machine.W.copy()
    trainer = Trainer(machine, CD(), lr=1e9, batch_size=2, rng=1)
    with pytest.raises(sl.rbm.DivergenceError, match=r"checkpoint, of epoch 0, is kept in .*run\.npz"):
        trainer.fit(STRIPES, 3, checkpoint=path)
    np.testing.assert_array_equal(machine.W, start)  # an epoch is complete or absent
    again = Trainer(RBM(8, 6, biases=True, rng=2), CD(), lr=1e9, batch_size=2, rng=1)
    again.load_state_dict(sl.rbm.load_checkpoint(path))
    assert again.epoch == 0
    np.testing.assert_array_equal(again.machine.W, start)


@pytest.mark.parametrize(
    ("name", "edit", "message"),
    [
        ("cd", {"machine/W": None}, "lacks the array machine/W"),
        ("cd", {"machine/W": np.zeros((8, 5))}, "machine/W is of another machine.*shape"),
        ("cd", {"machine/W": np.full((8, 6), np.nan)}, "machine/W has NaN or infinite"),
        ("cd", {"machine/W": np.full((8, 6), "x")}, "machine/W must hold real numbers"),
        ("cd", {"optimiser/W": None}, "lacks the array optimiser/W"),
        ("cd", {"optimiser/W": np.zeros(3)}, "optimiser/W is of another machine"),
        ("cd", {"optimiser/x": np.zeros(3)}, "another machine or optimiser: optimiser/x"),
        ("cd", {"counters": None, "key": None}, "lacks the arrays counters, key"),
        ("cd", {"seconds": np.array(np.inf)}, "seconds has NaN"),
        ("cd", {"key": np.array(-1)}, "key must hold integers of at least 0, got -1"),
        ("cd", {"counters": np.array([-1, 0])}, "counters must hold integers of at least 0"),
        ("cd", {"counters": np.array([1.0, 6.0])}, "counters must hold integers"),
        ("cd", {"stopped": None}, "lacks the array stopped"),
        ("cd", {"identity": None}, "lacks the array identity"),
        ("cd", {"history/lr/values": None}, "history of 'lr' is not complete"),
        ("cd", {"history/lr/values": None, "history/lr/epochs": None}, "history of 'lr' is not complete"),
        ("pcd", {"optimiser/m.bv": None, "optimiser/v.bv": None}, "arrays optimiser/m.bv, optimiser/v"),
        ("pcd", {"negative/layer0": None}, "lacks the array negative/layer0"),
        ("pcd", {"negative/layer1": np.ones((5, 5))}, "negative/layer1 is of another machine"),
        ("pcd", {"offsets/1": None}, "lacks the array offsets/1"),
        ("pcd", {"offsets/0": np.full(8, np.inf)}, "offsets/0 has NaN or infinite"),
    ],
)
def test_edited_checkpoints_are_refused(name, edit, message, tmp_path):
    path = tmp_path / "run.npz"
    SETTINGS[name]().fit(STRIPES, 1, checkpoint=path)
    state = sl.rbm.load_checkpoint(path) | edit
    sl.rbm.save_checkpoint(path, {k: x for k, x in state.items() if x is not None})
    trainer = SETTINGS[name]()
    before = arrays(trainer)
    with pytest.raises(ValueError, match=rf"run\.npz: cannot go on from this checkpoint.*{message}"):
        trainer.fit(STRIPES, 2, checkpoint=path)
    assert_equal_bits({k: x for k, x in before.items() if k != "identity"},
                      {k: x for k, x in arrays(trainer).items() if k != "identity"})  # fmt: skip


def test_the_state_of_a_machine_with_the_same_arrays_is_refused():
    """J of 8 visible units has the shape of J of 4 visible and 4 hidden ones."""
    whole, halves = (Trainer(sl.rbm.FBM(V, H=8 - V, rng=1), CD(), rng=1) for V in (8, 4))
    whole.fit(STRIPES, 1)
    before = halves.machine.J.copy()
    with pytest.raises(
        ValueError, match=r"the state of another machine: it was <FBM: V=8.*, is <FBM: V=4, H=4"
    ):
        halves.load_state_dict(whole.state_dict())
    np.testing.assert_array_equal(halves.machine.J, before)


def test_damaged_and_foreign_checkpoints_are_named(tmp_path):
    path = tmp_path / "run.npz"
    SETTINGS["cd"]().fit(STRIPES, 2, checkpoint=path)
    good = path.read_bytes()
    for content in (b"", b"nonsense", good[: len(good) // 2], good[:200] + bytes(50) + good[250:]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"run\.npz: damaged checkpoint"):
            SETTINGS["cd"]().fit(STRIPES, 4, checkpoint=path)
        assert path.read_bytes() == content
    np.savez(path, version=np.inf, a=np.zeros(3))
    with pytest.raises(ValueError, match=r"run\.npz: damaged checkpoint .*'version' must be an integer"):
        SETTINGS["cd"]().fit(STRIPES, 4, checkpoint=path)
    path.write_bytes(good)
    other = Trainer(rbm(), CD(3), lr=0.1, batch_size=3, momentum=0.5, rng=3)
    with pytest.raises(ValueError, match=r"run\.npz.*another run: negative was 'CD\(k=2\)', is 'CD\(k=3\)'"):
        other.fit(STRIPES, 4, checkpoint=path)
    with pytest.raises(ValueError, match="another run: data was"):
        SETTINGS["cd"]().fit(STRIPES[:3], 4, checkpoint=path)
    np.savez(path, version=1, a=np.zeros(3))
    with pytest.raises(ValueError, match=r"run\.npz.*cannot go on"):
        SETTINGS["cd"]().fit(STRIPES, 4, checkpoint=path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        SETTINGS["cd"]().fit(STRIPES, 4, checkpoint=tmp_path / "missing" / "run.npz")
    with pytest.raises(IsADirectoryError, match="is a folder; give the name of a file"):
        SETTINGS["cd"]().fit(STRIPES, 4, checkpoint=tmp_path)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (STRIPES[:, :7], "8 spins"),
        (STRIPES[:0], "n >= 1"),
        (STRIPES[0], "shape"),
        (np.where(STRIPES > 0, np.nan, STRIPES), "NaN in 16 of 32 entries"),
        (0.5 * STRIPES, r"\+1 and -1, or 0 and 1, got values from -0.5 to 0.5"),
        ((STRIPES + 2) / 4, r"datasets\.binarized\(data\)"),
    ],
)
def test_bad_data_are_refused(data, message):
    with pytest.raises(ValueError, match=message):
        SETTINGS["cd"]().fit(data, 1)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"lr": -1.0}, ValueError),
        ({"lr": np.nan}, ValueError),
        ({"batch_size": 0}, ValueError),
        ({"optimiser": "sgdd"}, ValueError),
        ({"optimiser": "adam", "momentum": 0.9}, ValueError),
        ({"optimiser": sl.rbm.SGD(), "momentum": 0.9}, ValueError),
        ({"momentum": 1.0}, ValueError),
        ({"projection": "round"}, ValueError),
        ({"projection": "clip", "projection_every": 0}, ValueError),
        ({"convention": "paper"}, ValueError),
        ({"negative": "cd"}, TypeError),
        ({"centred": 1}, TypeError),
        ({"schedule": 0.96}, TypeError),
    ],
)
def test_bad_settings_are_refused(options, error):
    with pytest.raises(error):
        Trainer(rbm(), **options)


def test_data_made_anew_in_each_epoch(tmp_path):
    """A function of the epoch: the same bits in one go, resumed, and given epoch by epoch."""

    def noisy(epoch):
        return STRIPES * np.random.default_rng(epoch).choice([-1, 1, 1, 1], STRIPES.shape)

    whole, parts = SETTINGS["cd"](), SETTINGS["cd"]()
    whole.fit(noisy, 5)
    for epoch in range(5):
        parts.fit(noisy(epoch), epoch + 1)
    path = tmp_path / "run.npz"
    SETTINGS["cd"]().fit(noisy, 2, checkpoint=path)
    resumed = SETTINGS["cd"]()
    resumed.fit(noisy, 5, checkpoint=path)
    assert_equal_bits(arrays(whole), arrays(resumed))
    states = [{k: x for k, x in arrays(t).items() if k != "identity"} for t in (whole, parts)]
    assert_equal_bits(*states)
    with pytest.raises(ValueError, match="8 spins"):
        SETTINGS["cd"]().fit(lambda epoch: STRIPES[:, : 8 - epoch], 3)


@pytest.mark.parametrize("kind", [np.int64, np.float32, bool])
def test_zero_one_data_are_the_same_run(kind):
    bits = ((STRIPES + 1) / 2).astype(kind)
    one, other = SETTINGS["cd"](), SETTINGS["cd"]()
    one.fit(STRIPES, 2)
    other.fit(bits, 2)
    assert_equal_bits(arrays(one), arrays(other))
    machine = one.machine
    np.testing.assert_array_equal(machine.log_likelihood(bits), machine.log_likelihood(STRIPES))
    np.testing.assert_array_equal(sl.rbm.log_likelihood(machine, bits), machine.log_likelihood(STRIPES))
    np.testing.assert_array_equal(
        sl.rbm.hidden_features(machine, bits), sl.rbm.hidden_features(machine, STRIPES)
    )
    np.testing.assert_array_equal(sl.rbm.data_biases(bits), sl.rbm.data_biases(STRIPES))


def test_schedule_must_give_a_rate():
    with pytest.raises(ValueError, match="learning rate of the schedule"):
        Trainer(rbm(), schedule=lambda epoch, lr: np.nan).fit(STRIPES, 1)


def test_chains_belong_to_one_run():
    phase = PCD(1, 5)
    Trainer(rbm(), phase).fit(STRIPES, 1)
    with pytest.raises(ValueError, match="another training run"):
        Trainer(rbm(), phase)
    optimiser = sl.rbm.SGD(momentum=0.5)
    Trainer(rbm(), optimiser=optimiser).fit(STRIPES, 1)
    with pytest.raises(ValueError, match="another training run"):
        Trainer(rbm(), optimiser=optimiser)


def test_parameters_that_a_step_cannot_change_in_place_are_refused():
    machine = rbm()
    machine.parameters["W"] = np.asfortranarray(machine.parameters["W"])
    with pytest.raises(ValueError, match="'W' must be a C-contiguous"):
        Trainer(machine)


def test_progress_bar_shows_the_latest_values(capsys):
    SETTINGS["cd"]().fit(STRIPES, 2, progress=False)
    assert capsys.readouterr().err == ""
    SETTINGS["cd"]().fit(STRIPES, 2, [lambda t: {"nll": 1.25}], progress=True)
    shown = capsys.readouterr().err
    assert "training: 100%" in shown
    assert "2/2" in shown
    assert "nll=1.25" in shown
