"""A checkpoint belongs to one run: whatever else differs is named, and an interrupted epoch is taken back."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time

import numpy as np
import pytest

import spinlab as sl
from spinlab.rbm import CD, DBM, FBM, PCD, RARBM, RBM, SGD, Every, HybridBM, Tempering, Trainer

DATA = np.kron([[1, -1], [-1, 1], [1, 1]], np.ones((2, 4)))


def trainer(machine=None, *, negative=None, seed=3, **settings):
    machine = RBM(8, 5, biases=True, rng=1) if machine is None else machine
    return Trainer(machine, negative or PCD(1, 6), **({"lr": 0.05, "batch_size": 4, "rng": seed} | settings))


def bits(trainer):
    state = trainer.state_dict()
    return {k: x for k, x in state.items() if "seconds" not in k and k != "identity"}


def assert_same(a, b):
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


def fixed(**changes):
    machine = RBM(8, 5, biases=True, rng=1)
    for name, x in changes.items():
        machine.parameters[name][...] = x
    return machine


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (lambda: trainer(seed=4), r"the seed of the trainer \(rng\) was another"),
        (lambda: trainer(RBM(8, 5, biases=True, rng=2)), "start was '"),
        (lambda: trainer(RBM(8, 5, std=0.02, biases=True, rng=1)), "start was '"),
        (lambda: trainer(fixed(bv=0.5)), "start was '"),
        (lambda: trainer(schedule=lambda epoch, lr: lr / 2), r"learning rates by epoch were \[\[0, 0.05\]\]"),
        (lambda: trainer(schedule=sl.rbm.Geometric(0.9)), "learning rates by epoch"),
        (lambda: trainer(schedule=lambda epoch, lr: lr if epoch < 20 else 0.0), "learning rates by epoch"),
        (lambda: trainer(lr=0.06), "lr was 0.05, is 0.06"),
        (lambda: trainer(momentum=0.5), r"optimiser was 'SGD\(momentum=0.0"),
        (lambda: trainer(negative=PCD(1, 7)), "negative was"),
        (lambda: trainer(batch_size=3), "batch_size was 4, is 3"),
        (lambda: trainer(projection="clip"), "projection was None"),
        (lambda: trainer(centred=False), "centred was True"),
        (lambda: trainer(shuffle=False), "shuffle was True"),
        (lambda: trainer(RBM(8, 5, biases=True, dtype="float64", rng=1)), "dtype was 'float32'"),
    ],
)
def test_another_run_is_refused_by_what_differs(other, named, tmp_path):
    path = tmp_path / "run.npz"
    first = trainer()
    first.fit(DATA, 2, checkpoint=path)
    second = other()
    before = second.machine.on_host() | {}
    before = {name: x.copy() for name, x in before.items()}
    with pytest.raises(ValueError, match=rf"run\.npz.*another run: .*{named}"):
        second.fit(DATA, 4, checkpoint=path)
    assert_same(before, second.machine.on_host())
    assert second.epoch == 0
    again = trainer()
    again.fit(DATA, 2, checkpoint=path)
    assert_same(bits(first), bits(again))


def test_a_loop_over_seeds_with_one_file_does_not_hand_out_one_machine(tmp_path):
    path = tmp_path / "run.npz"
    trainer(RBM(8, 5, rng=0), seed=0).fit(DATA, 1, checkpoint=path)
    for seed in (1, 2):
        with pytest.raises(ValueError, match="another run"):
            trainer(RBM(8, 5, rng=seed), seed=seed).fit(DATA, 1, checkpoint=path)


@pytest.mark.parametrize(
    "make",
    [
        lambda scale: RARBM(8, 5, 2, scale=scale, rng=1),
        lambda scale: HybridBM(8, 5, std=scale, rng=1),
        lambda scale: FBM(8, std=scale, rng=1),
        lambda scale: DBM([8, 4, 3], std=scale, rng=1),
    ],
)
def test_the_scale_of_the_start_is_part_of_it(make, tmp_path):
    path = tmp_path / "run.npz"
    trainer(make(0.1)).fit(DATA, 1, checkpoint=path)
    trainer(make(0.1)).fit(DATA, 2, checkpoint=path)
    with pytest.raises(ValueError, match="start was"):
        trainer(make(0.2)).fit(DATA, 2, checkpoint=path)


def test_a_seed_left_open_is_taken_from_the_file(tmp_path):
    path = tmp_path / "run.npz"
    first = trainer(RBM(8, 5), seed=None)
    first.fit(DATA, 2, checkpoint=path)
    second = trainer(RBM(8, 5), seed=None)
    second.fit(DATA, 2, checkpoint=path)
    assert_same(bits(first), bits(second))
    with pytest.raises(ValueError, match=r"std was 0\.01, is 0\.3"):
        trainer(RBM(8, 5, std=0.3), seed=None).fit(DATA, 2, checkpoint=path)
    with pytest.raises(ValueError, match="start was 'random'"):
        trainer(RBM(8, 5, rng=1), seed=None).fit(DATA, 2, checkpoint=path)


def test_the_same_schedule_under_another_name_is_no_change(tmp_path):
    path = tmp_path / "run.npz"
    trainer(schedule=sl.rbm.Geometric(0.9)).fit(DATA, 2, checkpoint=path)
    resumed, whole = (
        trainer(schedule=lambda epoch, lr: lr * 0.9**epoch),
        trainer(schedule=sl.rbm.Geometric(0.9)),
    )
    resumed.fit(DATA, 5, checkpoint=path)
    whole.fit(DATA, 5)
    assert_same(bits(whole), bits(resumed))


def test_a_schedule_that_differs_between_two_probes_is_another(tmp_path):
    def step(at):
        return trainer(negative=CD(), schedule=lambda epoch, lr: lr if epoch < at else lr / 10)

    step(40).fit(DATA[:2], 50, checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match=r"the learning rate of epoch 41 was 0\.005, is 0\.05"):
        step(45).fit(DATA[:2], 51, checkpoint=tmp_path / "run.npz")
    step(40).fit(DATA[:2], 51, checkpoint=tmp_path / "run.npz")


def test_what_the_trainer_did_before_is_part_of_the_run(tmp_path):
    """One file in a loop over earlier fits: other data, another rate, parameters changed by hand."""
    path = tmp_path / "run.npz"

    def run(epochs, checkpoint, *, first=DATA, lr=0.05, factor=1.0):
        t = trainer(lr=lr)
        t.fit(first, 2)
        t.lr = 0.05
        t.machine.W[...] *= np.float32(factor)
        t.fit(DATA[:4], epochs, checkpoint=checkpoint)
        return t

    run(4, path)
    for other in ({"first": DATA[::-1]}, {"lr": 0.06}, {"factor": 0.5}):
        with pytest.raises(ValueError, match="another run: before was"):
            run(6, path, **other)
    with pytest.raises(ValueError, match="another run: before was"):
        trainer().fit(DATA[:4], 6, checkpoint=path)
    again = run(5, path)
    again.fit(DATA[:4], 6, checkpoint=path)  # the same fit, of more epochs
    assert_same(bits(run(6, None)), bits(again))
    by_hand = trainer()
    by_hand.load_state_dict(sl.rbm.load_checkpoint(path))
    by_hand.fit(DATA[:4], 7, checkpoint=path)
    assert_same(bits(run(7, None)), bits(by_hand))


class Scaled(sl.rbm.Projection):
    """A projection of a user, with a function of theirs inside."""

    def __init__(self, rule):
        self.rule = rule

    def apply(self, machine, noise):
        machine.W[...] *= self.rule(1.0)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: np.float32(x * 0.9), lambda x: np.float32(x * 0.8)),
        ([(lambda x: lambda y: np.float32(x))(k) for k in (0.9, 0.8)]),
        ([(lambda x: lambda y: np.float32(x[0]))(np.full(2000, k)) for k in (0.9, 0.8)]),
    ],
)
def test_functions_inside_of_settings_count(one, other, tmp_path):
    trainer(projection=Scaled(one)).fit(DATA, 1, checkpoint=tmp_path / "run.npz")
    trainer(projection=Scaled(one)).fit(DATA, 2, checkpoint=tmp_path / "run.npz")
    with pytest.raises(ValueError, match="another run: projection was"):
        trainer(projection=Scaled(other)).fit(DATA, 3, checkpoint=tmp_path / "run.npz")


def test_a_rate_set_between_two_fits_counts():
    t = trainer()
    t.fit(DATA, 1)
    t.lr = 0.01
    assert t.fit(DATA, 2)["lr"].values.tolist() == [0.05, 0.01]


def test_data_made_in_each_epoch_are_part_of_the_run(tmp_path):
    def noisy(seed):
        return lambda epoch: (
            DATA * np.random.default_rng([epoch, seed * (epoch > 0)]).choice([-1, 1], DATA.shape)
        )

    path = tmp_path / "run.npz"
    trainer().fit(noisy(0), 3, checkpoint=path)
    trainer().fit(noisy(0), 4, checkpoint=path)
    with pytest.raises(ValueError, match="the data of epoch 3 were others"):  # numbered from 0
        trainer().fit(noisy(1), 5, checkpoint=path)


def test_optimisers_and_chains_are_not_shared():
    for phase in (PCD(1, 5), Tempering(1, 5, 3)):
        trainer(negative=phase)
        with pytest.raises(ValueError, match="chains of another training run; give a new one"):
            trainer(negative=phase)
    for optimiser in (SGD(momentum=0.5), sl.rbm.Adam()):
        trainer(optimiser=optimiser)
        with pytest.raises(ValueError, match="memory of another training run; give a new one"):
            trainer(optimiser=optimiser)
    phase, optimiser = CD(), SGD()  # neither has a memory
    first, second = (trainer(fixed(), negative=phase, optimiser=optimiser) for _ in range(2))
    first.fit(DATA, 1)
    with pytest.raises(ValueError, match="no configurations yet"):
        second.negative.configurations  # noqa: B018
    second.fit(DATA, 1)
    assert_same(bits(first), bits(second))


class Interrupting:
    """A negative phase that is interrupted in the middle of an update, after its chains have moved."""

    def __init__(self, phase, at):
        self.phase, self.calls, self.at = phase, 0, at
        self.inner = phase.statistics
        phase.statistics = self

    def __call__(self, *arguments):
        found = self.inner(*arguments)
        self.calls += 1
        if self.calls == self.at:
            raise KeyboardInterrupt
        return found


SETTINGS = {
    "pcd": lambda: trainer(momentum=0.5),
    "adam": lambda: trainer(optimiser="adam", negative=Tempering(1, 4, 3)),
    "ra": lambda: trainer(RARBM(8, 5, 2, biases=True, train_scale=True, rng=1), projection="sign"),
    "deep": lambda: trainer(DBM([8, 4, 3], biases=True, positive="gibbs", rng=1)),
    "full": lambda: trainer(FBM(8, H=2, biases=True, rng=1)),
    "hybrid": lambda: trainer(HybridBM(8, 3, biases=True, rng=1), schedule=sl.rbm.Linear(5)),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("at", [1, 2, 3, 4, 7])
def test_an_interrupted_epoch_continues_to_the_same_bits(name, at, tmp_path):
    """Six samples in batches of four: two updates an epoch."""
    measure = [lambda t: {"norm": float(sum((x**2).sum() for x in t.machine.parameters.values()))}]
    whole, parts = SETTINGS[name](), SETTINGS[name]()
    whole.fit(DATA, 5, measure)
    Interrupting(parts.negative, at)
    with pytest.raises(KeyboardInterrupt):
        parts.fit(DATA, 5, measure, checkpoint=tmp_path / "run.npz")
    assert (parts.epoch, parts.updates) == ((at - 1) // 2, 2 * ((at - 1) // 2))
    history = parts.fit(DATA, 5, measure, checkpoint=tmp_path / "run.npz")
    assert (parts.updates, history.sizes["epoch"]) == (10, 5)
    assert_same(bits(whole), bits(parts))


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to this process")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGINT)])
def test_signals_leave_a_checkpoint_of_the_last_epoch(number, tmp_path, default_signals):
    """As a scheduler ends a script; the run goes on from the file alone to the same bits."""

    def end(t):
        if t.epoch == 3:
            os.kill(os.getpid(), number)
            time.sleep(1.0)  # until the signal arrives

    whole, first, second = trainer(), trainer(), trainer()
    whole.fit(DATA, 5)
    said = {signal.SIGINT: "^$", signal.SIGTERM: "terminated"}.get(number, "hung up")
    with pytest.raises(KeyboardInterrupt, match=said):
        first.fit(DATA, 5, [end], checkpoint=tmp_path / "run.npz", checkpoint_every=100)
    assert number == signal.SIGINT or signal.getsignal(number) is signal.SIG_DFL
    assert int(sl.rbm.load_checkpoint(tmp_path / "run.npz")["counters"][0]) == first.epoch == 2
    second.fit(DATA, 5, checkpoint=tmp_path / "run.npz")
    assert_same(bits(whole), bits(second))


def test_a_failing_callback_takes_the_epoch_back():
    failing, whole = trainer(), trainer()
    seen = []

    def once(t):
        seen.append(t.epoch)
        if len(seen) == 2:
            raise OSError("disk full")
        return {"n": len(t.history.names)}

    with pytest.raises(OSError, match="disk full"):
        failing.fit(DATA, 3, [lambda t: {"first": 1.0}, once])
    assert failing.epoch == 1
    failing.fit(DATA, 3, [lambda t: {"first": 1.0}, once])
    whole.fit(DATA, 3, [lambda t: {"first": 1.0}, lambda t: {"n": len(t.history.names)}])
    assert_same(bits(whole), bits(failing))
    with pytest.raises(RuntimeError, match="a callback must not call it"):
        trainer().fit(DATA, 1, [lambda t: t.fit(DATA, 2)])


def test_a_full_disk_says_what_is_kept(tmp_path, monkeypatch):
    run, whole, path = trainer(), trainer(), tmp_path / "run.npz"
    module = sys.modules["spinlab.rbm.training.trainer"]
    save = module.save_checkpoint

    def full(path, state):
        if state["counters"][0] == 3:
            raise OSError(errno.ENOSPC, "No space left on device, writing", str(path))
        save(path, state)

    monkeypatch.setattr(module, "save_checkpoint", full)
    with pytest.raises(OSError, match="as after epoch 3, the file is as after epoch 2") as error:
        run.fit(DATA, 5, checkpoint=path, checkpoint_every=1)
    assert (error.value.errno, error.value.filename, run.epoch) == (errno.ENOSPC, str(path), 3)
    monkeypatch.undo()
    resumed = trainer()
    for other in (whole, run, resumed):
        other.fit(DATA, 5, checkpoint=None if other is whole else path)
    assert_same(bits(whole), bits(run))
    assert_same(bits(whole), bits(resumed))


@pytest.mark.parametrize("name", ["lr", "updates", "gradient_norm", "seconds", "epoch"])
def test_names_of_the_trainer_are_refused(name, tmp_path):
    path = tmp_path / "run.npz"
    run = trainer()
    with pytest.raises(ValueError, match=f"a callback returned '{name}', which the trainer records"):
        run.fit(DATA, 2, [lambda t: {name: 1.0}], checkpoint=path)
    run.fit(DATA, 2, [lambda t: {"own": 1.0}], checkpoint=path)
    trainer().fit(DATA, 3, [lambda t: {"own": 1.0}], checkpoint=path)


@pytest.mark.parametrize(
    ("found", "error", "message"),
    [
        ({"": 1.0}, ValueError, "0 letters"),
        ({"a\0b": 1.0}, ValueError, "take a word"),
        ({"x" * 300: 1.0}, ValueError, "300 letters"),
        ({1: 1.0}, TypeError, "by text, got 1"),
        ({"x": 1j}, TypeError, "complex"),
        ({"x": [[1], [1, 2]]}, TypeError, "no number or array"),
        ({"x": np.ma.masked_array([1.0], [True])}, TypeError, "masked"),
        ({"x": np.ones(2), "x_0": 1.0}, ValueError, "name of an axis of 'x'"),
        (0.0, TypeError, "mapping"),
        ([], TypeError, "mapping"),
    ],
)
def test_callbacks_cannot_harm(found, error, message):
    run = trainer()
    with pytest.raises(error, match=message):
        run.fit(DATA, 2, [lambda t: found])
    assert run.fit(DATA, 2).sizes["epoch"] == 2
    with pytest.raises(ValueError, match="two callbacks have returned 'x'"):
        trainer().fit(DATA, 2, [lambda t: {"x": 1.0}, lambda t: {"x": 2.0}])


def stopped_at(values, patience, every=1, mode="max", min_delta=0.0, epochs=60):
    measure = Every(every, lambda t: {"x": values(t.epoch)})
    run = trainer(RBM(8, 2, rng=0), negative=CD())
    run.fit(DATA[:1], epochs, [measure, sl.rbm.EarlyStopping("x", patience, mode, min_delta)])
    return run.epoch, run.stopped


def test_early_stopping():
    assert stopped_at(lambda e: e, 3, every=10) == (60, None)  # improving all the time
    assert stopped_at(lambda e: -abs(e - 20), 15, every=10)[0] == 40
    assert stopped_at(lambda e: -abs(e - 20), 5, every=10) == (30, "x has not improved since epoch 20 (0)")
    assert stopped_at(lambda e: np.nan if e % 2 else e, 3) == (60, None)  # NaN: not measured
    assert stopped_at(lambda e: 1.0 if e < 5 else np.nan, 3)[0] == 4
    assert stopped_at(lambda e: min(e, 9), 4) == (13, "x has not improved since epoch 9 (9)")
    assert stopped_at(lambda e: -min(e, 9), 4, mode="min")[0] == 13
    assert stopped_at(lambda e: 0.1 * e, 4, min_delta=0.25) == (60, None)
    assert stopped_at(lambda e: 0.1 * e, 2, min_delta=0.25)[0] == 3
    with pytest.warns(UserWarning, match="has seen no number"):
        assert stopped_at(lambda e: np.nan, 3)[1] is None
    with pytest.raises(ValueError, match="'x' is an array"):
        stopped_at(lambda e: np.ones(2), 3)


def test_projections_that_do_not_fit_are_refused_before_training():
    for projection in ("sign", "gibbs"):
        with pytest.raises(TypeError, match="patterns"):
            trainer(projection=projection)
    for machine in (sl.rbm.RAHybridBM(8, 4, 2), sl.rbm.RADBM([8, 4, 2], 2), sl.rbm.RAFBM(8, 2)):
        with pytest.raises(TypeError, match=f"hidden spins.*got {type(machine).__name__}"):
            trainer(machine, projection="gibbs")
        trainer(machine, projection="sign")
    with pytest.raises(TypeError, match="need a machine of patterns"):
        trainer(negative=sl.rbm.PID())


def test_a_trainer_says_what_it_is():
    run = trainer()
    run.fit(DATA, 1)
    assert repr(run) == (
        "<Trainer of <RBM: V=8, H=5, biases=True> by PCD(k=1, n_chains=6), SGD, lr=0.05, batch_size=4: "
        "1 epoch done>"
    )
