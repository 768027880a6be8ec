"""Gradient ascent on the likelihood: epochs, batches, checkpoints and callbacks."""

from __future__ import annotations

import copy
import errno
import json
import math
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._core.blas import one_blas_thread
from ..._core.device import check_fits, to_host, xp_of
from ..._core.files import check_target
from ..._core.rng import RNG, as_key
from ..._core.signals import terminated_as_interrupted
from ..._core.validate import as_choice, as_count, as_data, as_flag, as_real
from ..machines.machine import Machine, Phase
from ..machines.units import Noise
from ..negative import CD, NegativePhase, PersistentPhase
from .bar import training_bar
from .callbacks import Callback, EarlyStopping, as_callbacks
from .callbacks import likelihood as likelihood_of
from .checkpoint import check_state, is_of_another, load_checkpoint, part_of, save_checkpoint, stamp
from .history import History
from .identity import (
    arrays_of,
    before_in,
    data_digest,
    difference,
    machine_in,
    other_rate,
    rates_of,
    settings_of,
    start_of,
    text_digest,
)
from .optimisers import LARGEST, as_optimiser
from .projections import as_projection
from .schedules import Schedule

if TYPE_CHECKING:
    import xarray as xr

_SECONDS_PER_CHECKPOINT = 30.0
_MEMORY = 0.99  # of the running mean of the hidden units, for centred gradients


class DivergenceError(ArithmeticError):
    """Training has left the finite numbers."""


class Trainer:
    """Trains a machine: theta <- theta + lr (positive phase - negative phase), then a projection.

    Parameters
    ----------
    machine : RBM, RARBM or any Machine
        Changed in place.
    negative : NegativePhase, default CD(1)
        How the averages over the model are estimated: one of :mod:`spinlab.rbm.negative`.
    lr : float, default 0.01
    optimiser : {"sgd", "adam"} or Optimiser
    momentum, weight_decay : float, default 0
        For an optimiser given by name.
    schedule : function of (epoch from 0, lr), optional
        Learning rate of an epoch, for example :class:`Geometric`; constant by default.
    batch_size : int, default 100
    projection : {"none", "sign", "clip", "gibbs"} or Projection
        arXiv:1910.01592, Appendix B.
    projection_every : "epoch" or int, optional
        Period in updates. By default sign and gibbs work at the end of each epoch, clip after each update.
    centred : bool, optional
        Gradient of units shifted by their means in the data; by default where there are biases.
    convention : {"spinlab", "reference"}
        "reference" repeats two quirks of the paper's code: a last short batch is divided by the full batch
        size, and Adam's bias correction counts epochs.
    shuffle : bool, default True
        A new order of the data in each epoch.
    blas_threads : int or None, default 1
        Threads of the matrix products; None leaves them alone. Only 1 promises equal bits elsewhere.
    rng : None, int or numpy.random.Generator
        Gives one key; the random numbers of an update depend on the key and its number alone.

    Attributes
    ----------
    epoch, updates : int
        Epochs and updates done.
    history : History
    lr_now : float
        Learning rate of the current epoch.
    stopped : str or None
        Why a callback ended the training.

    Examples
    --------
    >>> import numpy as np, spinlab as sl
    >>> data = np.array([[1, 1, -1, -1], [-1, -1, 1, 1]])
    >>> machine = sl.rbm.RBM(V=4, H=8, rng=0)
    >>> trainer = sl.rbm.Trainer(machine, sl.rbm.Exact(), lr=0.5, batch_size=2, rng=1)
    >>> history = trainer.fit(data, epochs=50)
    >>> bool(machine.log_likelihood(data).mean() > -1.0)  # at best -ln 2
    True
    """

    def __init__(
        self,
        machine: Machine,
        negative: NegativePhase | None = None,
        *,
        lr: float = 0.01,
        optimiser: Any = "sgd",
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        schedule: Schedule | None = None,
        batch_size: int = 100,
        projection: Any = "none",
        projection_every: Any = None,
        centred: bool | None = None,
        convention: str = "spinlab",
        shuffle: bool = True,
        blas_threads: int | None = 1,
        rng: RNG = None,
    ) -> None:
        if not isinstance(machine, Machine):
            raise TypeError(f"machine must be a RBM, RARBM or another Machine, got {type(machine).__name__}")
        negative = CD() if negative is None else negative
        if not isinstance(negative, NegativePhase):
            raise TypeError(f"negative must be a negative phase such as CD(1) or PID(), got {negative!r}")
        if isinstance(negative, PersistentPhase) and (negative.in_use or negative.has_chains):
            raise ValueError(f"{negative!r} has the chains of another training run; give a new one")
        negative.check(machine)
        if machine.device == "gpu" and not negative.on_gpu:
            raise TypeError(
                f"{type(negative).__name__} has no GPU side; use one of spinlab.rbm.negative, or "
                "machine.to('cpu')"
            )
        for name, array in machine.parameters.items():
            if not array.flags.c_contiguous:  # a step would change a copy
                raise ValueError(
                    f"parameter {name!r} must be a C-contiguous array; see numpy.ascontiguousarray"
                )
        self.machine, self._device = machine, machine.device
        self.lr = as_real(lr, "lr", 0.0)
        self.reference = as_choice(convention, "convention", ("spinlab", "reference")) == "reference"
        self.optimiser = as_optimiser(optimiser, momentum, weight_decay, self.reference)
        if schedule is not None and not callable(schedule):
            raise TypeError(
                f"schedule must be a function of (epoch, lr) such as Geometric(0.96), got {schedule!r}"
            )
        self.schedule = schedule
        self.batch_size = as_count(batch_size, "batch_size")
        self.projection = as_projection(projection)
        self._period = self._projection_period(projection_every)
        if self.projection is not None:
            self.projection.check(machine)
        self.centred = machine.has_biases if centred is None else as_flag(centred, "centred")
        if self.centred and not machine.has_biases:
            raise ValueError("centred gradients need a machine with biases; use biases=True or centred=False")
        self.shuffle = as_flag(shuffle, "shuffle")
        self.blas_threads = None if blas_threads is None else as_count(blas_threads, "blas_threads")
        self._key, self._seeded = int(as_key(rng)), rng is not None
        # A phase without chains may serve several runs, but not its record of the last configurations.
        self.negative = copy.copy(negative) if negative.in_use else negative
        self.negative.in_use = self.optimiser.in_use = True
        self.epoch = self.updates = 0
        self.lr_now = self.lr
        self.history = History()
        self.stopped: str | None = None
        self._offsets: list[np.ndarray] = []
        self._seconds = 0.0
        self._kept_epoch = 0
        self._written: tuple[int, ...] = ()  # the checkpoint as this trainer has left it
        self._start: dict[str, Any] | None = None
        self._data_now = self._fingerprint = ""
        self._before, self._since = "", 0  # other fits of this trainer, and the epoch after them
        self._left = ""  # the parameters as the last fit left them
        self._running, self._whole = False, True

    def __repr__(self) -> str:
        done = f"{self.epoch} epoch{'s' * (self.epoch != 1)} done"
        optimiser = type(self.optimiser).__name__
        how = f"{self.negative!r}, {optimiser}, lr={self.lr:g}, batch_size={self.batch_size}"
        if self.projection is not None:
            how += f", projection={type(self.projection).__name__}"
        for name, known in (("log_likelihood", "ln P"), ("test_log_likelihood", "test ln P")):
            if name in self.history:
                done += f", {known} = {self.history.latest()[name]:.2f}"
        if "log_likelihood" in self.history:
            done += f" (knowing nothing: {-self.machine.V * math.log(2):.2f})"
        return f"<Trainer of {self.machine!r} by {how}: {done}>"

    def fit(
        self,
        data: Any,
        epochs: int,
        callbacks: Iterable[Callback] = (),
        *,
        likelihood: int | None = None,
        test: Any = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        progress: bool | None = None,
    ) -> xr.Dataset:
        """Train until ``epochs`` epochs are done in all, and return the history.

        Parameters
        ----------
        data : array_like of +-1 or 0/1, shape (n, V), or a function of the epoch (from 0) that returns one
            0/1 and boolean data are mapped by 2 x - 1. A function can binarise grey pixels anew in each
            epoch; a run resumes to the same bits if it returns the same data for the same epoch.
        epochs : int
            Total number, those of earlier calls and of the checkpoint included.
        callbacks : iterable of functions
            Called with the trainer at the end of each epoch; a returned mapping of names to numbers or
            arrays is recorded. ``trainer.stop(reason)`` ends the training.
        likelihood : int, optional
            Record the mean ln P(v) of the data every so many epochs as "log_likelihood", and that of ``test``
            as "test_log_likelihood": exactly, so for machines whose ln Z is known (see
            :meth:`Machine.log_likelihood`). A machine that knows nothing has -V ln 2. Where the data are a
            function, those of the first epoch are taken.
        test : array_like of +-1 or 0/1, shape (n, V), optional
            Data that are not trained on, for ``likelihood``.
        checkpoint : path, optional
            If the file exists, training goes on from it, with the same bits as an uninterrupted run (and
            stays where a callback has stopped it). Otherwise the state before training is written to it. A
            file of other settings, another seed, another start of the machine or other data is refused;
            a seed that was left open (``rng=None``) is taken from the file.
        checkpoint_every : int, optional
            Epochs between checkpoints; by default 30 seconds. The last epoch is always kept.
        progress : bool, optional
            Bar with the time left and the latest values; by default on a terminal, for work over 2 s.

        Returns
        -------
        xarray.Dataset
            Along "epoch": lr, updates, gradient_norm (of the last update), seconds (of wall time, in
            all), and what the callbacks returned.

        Raises
        ------
        DivergenceError
            If a parameter is not finite or beyond 10^6; the last checkpoint stays.
        KeyboardInterrupt (also on SIGTERM), or whatever a callback raises
            Trainer and machine are then as after the last complete epoch, callbacks included, and another
            call goes on from there to the same bits; an interrupt leaves a checkpoint of that epoch.
        OSError
            If the checkpoint is a folder, or its folder does not exist.
        BlockingIOError
            Another training run writes the same checkpoint; the state of this one is kept beside it.
        ValueError, TypeError
            On data that are neither +-1 nor 0/1 or of the wrong width, and on a checkpoint that is damaged
            or of another run.
        """
        if self._running:
            raise RuntimeError("this trainer is in the middle of fit; a callback must not call it")
        if self.machine.device != self._device:
            raise ValueError(
                f"the machine was moved from the {self._device} to the {self.machine.device} after this "
                "trainer was made; move it first, then make a new Trainer"
            )
        source = data if callable(data) else None
        data = self._checked(source(0) if source else data)
        if self._device == "gpu":
            self._check_memory(data)
        epochs = as_count(epochs, "epochs", 0)
        every = None if checkpoint_every is None else as_count(checkpoint_every, "checkpoint_every")
        callbacks = as_callbacks(callbacks)
        if likelihood is None and test is not None:
            raise ValueError(
                "test data are for the likelihood: say likelihood=10 to record it every ten epochs"
            )
        if likelihood is not None:
            shown = None if test is None else self._checked(test)
            callbacks = [likelihood_of(as_count(likelihood, "likelihood"), data, shown), *callbacks]
            self._check_likelihood(data)
        self.stopped = None
        if self._start is None:
            self._start = start_of(self.machine)
        digest = data_digest(data)
        self._note_earlier_fits(digest)
        self._fingerprint = self._identity(digest)
        if checkpoint is not None and not os.path.isdir(checkpoint):  # a folder has its own message
            check_target(checkpoint)
        if checkpoint is not None and Path(checkpoint).exists():
            self._resume(checkpoint, source)
        if self.centred and not self._offsets:
            self._offsets = [self.machine.xp.asarray(data.mean(0).astype(self.machine.dtype))]
        if checkpoint is not None and not Path(checkpoint).exists():
            self._save(checkpoint)  # what is kept if training diverges before the first regular one
        saved_at, start = time.perf_counter(), time.perf_counter() - self._seconds
        threads = nullcontext() if self.blas_threads is None else one_blas_thread()
        with threads, self._kept(checkpoint), training_bar(epochs, self.epoch, progress) as bar:
            while self.epoch < epochs and self.stopped is None:
                with self._all_or_nothing():
                    if source and self.epoch > 0:
                        data = self._checked(source(self.epoch))
                        digest = data_digest(data)
                    self._data_now = digest
                    with np.errstate(over="ignore", invalid="ignore"):  # divergence has its own message
                        norm = self._run_epoch(data, checkpoint)
                    self._seconds = time.perf_counter() - start
                    self._record(norm, callbacks)
                bar.show(self.history)
                if checkpoint is not None and (
                    self.epoch == epochs
                    or self.stopped is not None
                    or (every is not None and self.epoch % every == 0)
                    or (every is None and time.perf_counter() - saved_at > _SECONDS_PER_CHECKPOINT)
                ):
                    self._save(checkpoint)
                    saved_at = time.perf_counter()
        for callback in callbacks:
            if isinstance(callback, EarlyStopping):
                callback.warn_if_blind(self)
        self.machine.provenance = dict(self.machine.provenance) | {"training": self._training()}
        return self.history.to_xarray()

    def _check_likelihood(self, data: np.ndarray) -> None:
        """Refuse before training what would be refused after its first epochs."""
        try:
            self.machine.log_likelihood(data[:1])
        except ValueError as error:
            raise ValueError(
                f"likelihood= needs the exact ln Z, and {error}. Leave it away; annealed along the training: "
                "callbacks=[rbm.Every(10, lambda trainer: {'nll': rbm.negative_log_likelihood("
                "trainer.machine, data, method='ais', rng=0).nll})], its error beside it as in `interval`; "
                "afterwards: rbm.negative_log_likelihood, or `spinlab judge` (and no --likelihood, no --test)"
            ) from None

    def _training(self) -> dict[str, Any]:
        done = {"epochs": self.epoch, "updates": self.updates, "key": self._key, "stopped": self.stopped}
        return done | {"settings": json.loads(self._fingerprint)}

    def _record(self, norm: float, callbacks: list[Callback]) -> None:
        """What the epoch was, and what callbacks make of it."""
        now = {"lr": self.lr_now, "updates": self.updates, "gradient_norm": norm, "seconds": self._seconds}
        self.history.record(self.epoch, now)
        for callback in callbacks:
            found = callback(self)
            if found is not None:
                self.history.record_of_callback(self.epoch, found)
        if callbacks or self.projection is not None:  # theirs may be the user's own: no such state is kept
            for name, x in self.machine.on_host().items():
                if not np.abs(x).max() <= LARGEST:
                    raise DivergenceError(
                        f"{name} is not finite or beyond {LARGEST:g} after the projection and the callbacks "
                        f"of epoch {self.epoch}; machine and trainer are as after epoch {self.epoch - 1}"
                    )

    @contextmanager
    def _kept(self, checkpoint: str | os.PathLike[str] | None) -> Iterator[None]:
        """Ctrl-C and SIGTERM leave a checkpoint of the last complete epoch."""
        with terminated_as_interrupted():
            try:
                yield
            except KeyboardInterrupt:
                if checkpoint is not None and self._whole:
                    self._save(checkpoint)
                raise
            finally:
                self._left = arrays_of(self.machine)

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """An epoch that is interrupted, fails or diverges leaves the state before it."""
        epoch, updates, lr, seconds = self.epoch, self.updates, self.lr_now, self._seconds
        machine = {name: x.copy() for name, x in self.machine.state_dict().items()}
        memory = {name: np.array(to_host(x)) for name, x in self.optimiser.state_dict().items()}
        offsets, data_now = [x.copy() for x in self._offsets], self._data_now
        negative = dict(vars(self.negative))
        self._running, self._whole = True, False
        try:
            yield
            self._whole = True
        except BaseException:
            for name, x in self.machine.state_dict().items():
                x[...] = machine[name]
            self.optimiser.load_state_dict(memory)
            vars(self.negative).clear()
            vars(self.negative).update(negative)
            self.epoch, self.updates, self.lr_now, self._seconds = epoch, updates, lr, seconds
            self._offsets, self._data_now, self.stopped = offsets, data_now, None
            self.history.forget_after(epoch)
            self._whole = True  # not where a second interrupt came in between
            raise
        finally:
            self._running = False

    def stop(self, reason: str) -> None:
        """End the training after this epoch; for callbacks."""
        self.stopped = str(reason)

    def _check_memory(self, data: np.ndarray) -> None:
        """Refuse data and batches that the card cannot hold: spins, fields, means and their differences."""
        config = self.machine.config
        units = sum(config.get("sizes", (self.machine.V, config.get("H", 0))))
        numbers = sum(x.size for x in self.machine.parameters.values())
        batch = min(self.batch_size, len(data))
        check_fits(
            data.nbytes + self.machine.dtype.itemsize * (4 * numbers + 6 * batch * units),
            f"training {self.machine!r} in batches of {batch}",
        )

    def _checked(self, data: Any) -> np.ndarray:
        data = as_data(data, self.machine.V)
        if data.ndim != 2 or len(data) == 0:
            raise ValueError(f"data must have shape (n, {self.machine.V}) with n >= 1, got {data.shape}")
        return data

    def _run_epoch(self, data: np.ndarray, checkpoint: Any) -> float:
        n, size, dtype = len(data), self.batch_size, self.machine.dtype
        order = np.arange(n)
        if self.shuffle:
            order = np.random.Generator(np.random.Philox(key=[self._key, self.epoch])).permutation(n)
        rate = self.lr if self.schedule is None else self.schedule(self.epoch, self.lr)
        self.lr_now = as_real(rate, "the learning rate of the schedule" if self.schedule else "lr", 0.0)
        norm = 0.0
        data, order = self.machine.xp.asarray(data), self.machine.xp.asarray(order)
        for first in range(0, n, size):
            batch = data[order[first : first + size]].astype(dtype)
            norm, good = self._update(batch, first + size >= n)
            if not good:
                self._diverged(checkpoint)
        self.epoch += 1
        if self.projection is not None and self._period is None:
            # Far from the counters of updates, so that no noise is used twice.
            self.projection.apply(self.machine, Noise.of(self._key, 2**62 + self.epoch))
        return norm

    def _update(self, batch: np.ndarray, last: bool) -> tuple[float, bool]:
        machine = self.machine
        noise = Noise.of(self._key, self.updates)
        positive = machine.positive(batch, noise)
        if self.reference:
            positive.share = len(batch) / self.batch_size
        gradient = machine.statistics(positive)
        negative = self.negative.statistics(machine, positive, noise)
        for name, g in gradient.items():
            g -= negative[name]
        if self.centred:
            machine.centre(gradient, self._moved_offsets(positive))
        norm = sum(float(xp_of(g).vdot(g, g)) for g in gradient.values()) ** 0.5 if last else 0.0
        self.updates += 1
        good = self.optimiser.step(machine, gradient, self.lr_now, self.updates, self.epoch + 1)
        if self.projection is not None and self._period is not None and self.updates % self._period == 0:
            self.projection.apply(machine, noise)
        return norm, good

    def _moved_offsets(self, positive: Phase) -> list[np.ndarray]:
        """Means of the layers: of the data, and running ones of the hidden units."""
        w, hidden = positive.weights, positive.means[1:]
        now = [layer.mean(0) if w is None else w @ layer for layer in hidden]
        if len(self._offsets) == 1:
            self._offsets += now
        else:
            for kept, new in zip(self._offsets[1:], now, strict=True):
                kept += (1 - _MEMORY) * (new - kept)
        return self._offsets

    def _projection_period(self, every: Any) -> int | None:
        if every is None:
            return 1 if self.projection is not None and self.projection.each_update else None
        if isinstance(every, str):
            as_choice(every, "projection_every", ("epoch",))
            return None
        return as_count(every, "projection_every")

    def _diverged(self, checkpoint: Any) -> None:
        name = next(
            (k for k, x in self.machine.on_host().items() if not np.abs(x).max() <= LARGEST), "a parameter"
        )
        kept = ""
        if checkpoint is not None and Path(checkpoint).exists():
            name_of_file, kept_epoch = os.fspath(checkpoint), self._kept_epoch
            kept = f"; the last good checkpoint, of epoch {kept_epoch}, is kept in {name_of_file}"
        raise DivergenceError(
            f"training diverged in epoch {self.epoch + 1} (update {self.updates}): {name} is not finite or "
            f"beyond {LARGEST:g}; take a lower learning rate than {self.lr_now:g}{kept}"
        )

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that decides how training goes on, as arrays by name; copies."""
        parts = {
            "machine": self.machine.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "negative": self.negative.state_dict(),
            "history": self.history.state_dict(),
            "offsets": {str(i): x for i, x in enumerate(self._offsets)},
        }
        state = {
            f"{part}/{name}": np.array(to_host(x))
            for part, arrays in parts.items()
            for name, x in arrays.items()
        }
        state["counters"] = np.array([self.epoch, self.updates])
        state["key"] = np.array(self._key, dtype=np.uint64)
        state["seconds"] = np.array(self._seconds)
        state["stopped"] = np.array(self.stopped or "")
        state["identity"] = np.array(self._fingerprint)
        return state | {"data_of_last_epoch": np.array(self._data_now)}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Back to a kept state; the trainer must have been built with the same settings.

        Raises
        ------
        ValueError
            If arrays are missing, of another shape, or not finite; the trainer is then as before.
        """
        check_state(state, self.machine, self.optimiser, self.negative, self.centred)
        kept, now = machine_in(str(state["identity"])), repr(self.machine)
        if kept not in ("", now):  # an FBM of 4 visible units has the arrays of one of 2 and 2 hidden ones
            raise ValueError(f"it is the state of another machine: it was {kept}, is {now}")
        history, offsets = History(), part_of(state, "offsets")
        history.load_state_dict(part_of(state, "history"))
        with self._all_or_nothing():
            try:
                self.machine.load_state_dict(part_of(state, "machine"))
                self.negative.load_state_dict(part_of(state, "negative"), self.machine)
                self.optimiser.load_state_dict(part_of(state, "optimiser"))
            except (KeyError, TypeError) as error:
                raise ValueError(f"these arrays are of another run: {error}") from None
        self.history = history
        self._offsets = [self.machine.xp.asarray(np.array(offsets[str(i)])) for i in range(len(offsets))]
        self.epoch, self.updates = (int(x) for x in state["counters"])
        self._key = int(state["key"])
        self._seconds = float(state["seconds"])
        self.stopped = str(state["stopped"]) or None
        self._data_now = str(state["data_of_last_epoch"])
        self._start = _start_in(str(state["identity"])) or self._start
        self._fingerprint, self._left = str(state["identity"]), arrays_of(self.machine)
        self._before, self._since = before_in(self._fingerprint)

    def _save(self, path: str | os.PathLike[str]) -> None:
        state = self.state_dict()
        if (now := stamp(path)) and now != self._written and is_of_another(path, state):
            path = Path(path)
            rescued = path.with_name(f"{path.stem}.rescued-{secrets.token_hex(4)}{path.suffix}")
            save_checkpoint(rescued, state)
            raise BlockingIOError(
                errno.EAGAIN,
                "another training run writes this checkpoint; give each its own file. The state of this one "
                f"after epoch {self.epoch} is in {str(rescued)!r}",
                str(path),
            )
        try:
            save_checkpoint(path, state)
        except OSError as error:
            kept = f"the file is as after epoch {self._kept_epoch}" if self._written else "no file is kept"
            reason = (
                f"{error.strerror or error}; training ended, machine and trainer are as after epoch "
                f"{self.epoch}, {kept}; once there is room, fit goes on from there"
            )
            raise OSError(error.errno or errno.EIO, reason, str(path)) from error
        self._kept_epoch, self._written = self.epoch, stamp(path)

    def _resume(self, path: str | os.PathLike[str], source: Callable[[int], Any] | None) -> None:
        self._written = stamp(path)
        state = load_checkpoint(path)
        try:
            if "identity" not in state:
                raise ValueError("it lacks the array identity")
            other = difference(str(state["identity"]), self._fingerprint)
            if other:
                raise ValueError(f"it belongs to another run: {other}")
            check_state(state, self.machine, self.optimiser, self.negative, self.centred)
            if self._seeded and int(state["key"]) != self._key:
                raise ValueError("it belongs to another run: the seed of the trainer (rng) was another")
            epoch, last = int(state["counters"][0]), str(state["data_of_last_epoch"])
            kept_rates = np.asarray(part_of(state, "history").get("lr/values", ()), dtype=np.float64)
            if changed := other_rate(kept_rates, self._since, self.schedule, self.lr):
                raise ValueError(f"it belongs to another run: {changed}")
            if source and epoch and last != data_digest(self._checked(source(epoch - 1))):
                raise ValueError(f"it belongs to another run: the data of epoch {epoch - 1} were others")
            self.load_state_dict(state)
            self._kept_epoch = self.epoch
        except (KeyError, ValueError) as error:
            raise ValueError(
                f"{os.fspath(path)}: cannot go on from this checkpoint: {error}; move it away to start anew"
            ) from None

    def _note_earlier_fits(self, data: str) -> None:
        """A fit on other data, or with settings or parameters that were changed by hand since the last one,
        goes on from what only this trainer has gone through: its checkpoint belongs to no other."""
        edited = arrays_of(self.machine) if self.epoch else ""
        if self.epoch and (edited != self._left or self._identity(data) != self._fingerprint):
            by_hand = edited if edited != self._left else ""
            self._before = text_digest(f"{self._fingerprint} {self.epoch} {by_hand}")
            self._since = self.epoch

    def _identity(self, data: str) -> str:
        """What must be equal for a checkpoint to be continued, as JSON; the seed is kept beside it."""
        settings = {
            "machine": repr(self.machine),
            "dtype": str(self.machine.dtype),
            **(self._start or {}),
            "negative": settings_of(self.negative),
            "lr": self.lr,
            "optimiser": settings_of(self.optimiser),
            "rates": rates_of(self.schedule, self.lr),
            "batch_size": self.batch_size,
            "projection": self.projection and settings_of(self.projection),
            "period": self._period,
            "centred": self.centred,
            "reference": self.reference,
            "shuffle": self.shuffle,
            "data": data,
        }
        if self._before:
            settings["before"] = [self._since, self._before]
        return json.dumps(settings, sort_keys=True)


def _start_in(identity: str) -> dict[str, Any] | None:
    """The start of the machine of a kept run, so that a run taken up by hand keeps its identity."""
    try:
        return {k: v for k, v in json.loads(identity).items() if k in ("start", "std", "start_of_biases")}
    except (ValueError, AttributeError):
        return None
