"""Updates in which the negative phase outweighs the positive one, and controls that have a part of that.

In the published code the last batch of an epoch is an eighth of the others and its positive phase is divided
by the full batch size: the update is w (P - N) - (1 - w) N with w = 1/8, where P and N are the averages over
data and patterns. The first term is what an eighth of the data deserve; the second is surplus negative phase,
unlearning (Hopfield, Feinstein and Palmer, Nature 304, 158 (1983)) of what chains from the patterns reach.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl

PLAIN = "no surplus"
PUBLISHED = "1/8 in one of eight"
DOSES = {PLAIN: 1.0, PUBLISHED: 1 / 8, "1/2 in one of eight": 1 / 2, "0 in one of eight": 0.0}
SPREAD, DROPPED = "spread over all eight", "last batch dropped"
DECAY, FACTOR = "weight decay, same std", "factor, same std"
RESTORED, ACROSS, RANDOM = "1/8, std restored", "1/8, across W only", "1/8, random starts"
SMALL_START = "small start, no surplus"
HELD = "1/8, std of no surplus"
CUT, CUT_SMALL = "no surplus, first mode cut", "first mode cut, std of 1/8"
CONDITIONS = (
    *DOSES, SPREAD, DROPPED, DECAY, FACTOR, RESTORED, HELD, ACROSS, RANDOM, SMALL_START, CUT, CUT_SMALL
)  # fmt: skip
# Those that follow the standard deviation of W of another run, epoch by epoch, and that run.
FOLLOWING = {DECAY: PUBLISHED, FACTOR: PUBLISHED, CUT_SMALL: PUBLISHED, HELD: PLAIN}
SURPLUS = (RESTORED, HELD, ACROSS, RANDOM)
WITH_SURPLUS = (*(c for c in DOSES if c != PLAIN), SPREAD, *SURPLUS)


class Unlearning(sl.rbm.NegativePhase):
    """PID whose update is w (P - N) - (1 - w) N', with another w in the last update of an epoch."""

    unbiased_limit = False

    def __init__(self, pid: sl.rbm.PID, condition: str, n_batches: int, share: float) -> None:
        self._pid, self.condition, self.n_batches, self.share = pid, condition, n_batches, share
        self._update, self.std_before = 0, np.nan

    def statistics(self, machine: Any, positive: Any, noise: Any) -> dict[str, np.ndarray]:
        negative = self._pid.statistics(machine, positive, noise)
        last = self._update % self.n_batches == self.n_batches - 1
        self._update += 1
        self.std_before = std_of(machine) if self.condition == RESTORED and last else np.nan
        if self.condition == DROPPED:
            return machine.statistics(positive) if last else negative
        if self.condition == SPREAD:
            w = 1 - (1 - self.share) / self.n_batches
        elif not last:
            return negative
        else:
            w = DOSES.get(self.condition, self.share if self.condition in SURPLUS else 1.0)
        if w == 1.0:
            return negative
        surplus = self._surplus(machine, negative, noise)
        # The trainer takes P minus what is returned.
        data = machine.statistics(positive)
        return {k: (1 - w) * p + w * negative[k] + (1 - w) * surplus[k] for k, p in data.items()}

    def _surplus(self, machine: Any, negative: dict[str, np.ndarray], noise: Any) -> dict[str, np.ndarray]:
        """N' of this condition."""
        if self.condition == RANDOM:
            chains = machine.random_phase(machine.K, noise)
            chains.layers = [chains.layers[0], *(None for _ in chains.layers[1:])]
            return dict(machine.statistics(machine.gibbs(chains, max(1, self._pid.n_steps), noise)))
        if self.condition != ACROSS:
            return negative
        along = gradient_of_norm(machine)
        size = sum(float(np.vdot(x, x)) for x in along.values())
        part = sum(float(np.vdot(along[k], negative[k])) for k in along) / size
        return {k: x - part * along[k] if k in along else x for k, x in negative.items()}


def std_of(machine: Any) -> float:
    """Standard deviation of W, never formed."""
    return float(machine.as_ising().coupling_std())


def gradient_of_norm(machine: Any) -> dict[str, np.ndarray]:
    """Gradient of ||W||^2/2 with respect to the patterns, W = c xi_v^T xi_h with c = 1/sqrt K."""
    v, h, c = machine.xi_v, machine.xi_h, 1 / machine.K
    return {"xi_v": c * (h @ h.T) @ v, "xi_h": c * (v @ v.T) @ h}


def cosine_with_weights(machine: Any, n_steps: int, rng: int) -> float:
    """Cosine between W and the negative phase in the space of W, <v h> over the chains from the patterns.

    With patterns of +-1 that keep their own hidden parts <v h> = sum_k xi_v^k xi_h^k/K = W/(scale sqrt K):
    the cosine is 1, and a surplus of it is weight decay. Hidden units summed out, and steps, lower it.
    """
    signs = np.where(machine.xi_v >= 0, 1, -1)
    v = machine.sample(n_steps, machine.K, start=signs, rng=rng) if n_steps else signs
    return cosine(machine, v, sl.rbm.hidden_features(machine, v))


def cosine(machine: Any, v: np.ndarray, h: np.ndarray) -> float:
    """Cosine between W and <v h>, neither of them formed: scalar products by Gram matrices."""
    v, h, xi_v, xi_h = (np.asarray(x, dtype=np.float64) for x in (v, h, machine.xi_v, machine.xi_h))
    inner = ((v @ xi_v.T) * (h @ xi_h.T)).sum()
    return float(inner / np.sqrt(((v @ v.T) * (h @ h.T)).sum() * ((xi_v @ xi_v.T) * (xi_h @ xi_h.T)).sum()))


def memory(machine: Any, images: np.ndarray, n_steps: int, rng: int) -> float:
    """|q| of an image with its chain n steps later, less that with other chains: 0 where all is forgotten.

    Even in v: without biases the global flip, which no gradient sees, does not count.
    """
    q = np.abs(images @ machine.sample(n_steps, len(images), start=images, rng=rng).T) / machine.V
    own = np.trace(q)
    return float(own / len(q) - (q.sum() - own) / (q.size - len(q)))


def landscape(machine: Any, n_steps: int, n_chains: int, rng: int) -> dict[str, float]:
    """Different minima that descents from random states find, and the excess accessibility of chains.

    Energies are F(v), hidden units summed out, on both sides of the excess; the descents are at T = 0 in all
    units.
    """
    model = machine.as_ising()
    ends = sl.dynamics.descend(model, n_chains, rng=rng, threads=1).states
    start = np.random.default_rng(rng).choice([-1, 1], (n_chains, machine.V))
    now = machine.sample(n_steps, n_chains, start=start, rng=rng)
    first, last, lowest = (machine.free_energy(v) for v in (start, now, ends[:, : machine.V]))
    up_to_inversion = ends * ends[:, :1]
    return {
        "minima": len(np.unique(up_to_inversion, axis=0)) / n_chains,
        "excess": float((last.mean() - first.mean()) / (lowest.min() - first.mean())),
    }


class ClipAnd(sl.rbm.Clip):
    """Clip after each update, then what the condition does to the size of W."""

    def __init__(self, unlearning: Unlearning, targets: np.ndarray | None) -> None:
        super().__init__()
        self._unlearning, self._targets = unlearning, targets

    def apply(self, machine: Any, noise: Any) -> None:
        super().apply(machine, noise)
        control, before = self._unlearning, self._unlearning.std_before
        if control.condition == RESTORED and np.isfinite(before):
            scale_to(machine, before)
        if control._update % control.n_batches:
            return
        if control.condition in (CUT, CUT_SMALL):
            cut_first_mode(machine)
        if control.condition in FOLLOWING:
            assert self._targets is not None
            target = float(self._targets[control._update // control.n_batches - 1])
            (decay_to if control.condition == DECAY else scale_to)(machine, target)


def scale_to(machine: Any, target: float) -> None:
    """One factor of all patterns, so that W has a standard deviation."""
    factor = np.float32((target / std_of(machine)) ** 0.5)
    machine.xi_v[:] *= factor
    machine.xi_h[:] *= factor


def decay_to(machine: Any, target: float) -> None:
    """Steps of weight decay through the chain rule on the patterns, until W has a standard deviation."""
    for _ in range(20):
        now, along = std_of(machine), gradient_of_norm(machine)
        # ||W||^2 changes by -2 t |D|^2 in a step of -t D.
        size = sum(float(np.vdot(x, x)) for x in along.values())
        t = np.clip((now**2 - target**2) * machine.V * machine.H / (2 * size), -0.1 * now, 0.1 * now)
        for name, x in along.items():
            machine.parameters[name] -= np.float32(t) * x
        if abs(std_of(machine) / target - 1) < 1e-3:
            return


def cut_first_mode(machine: Any) -> None:
    """Lower the largest singular value of W = xi_v^T xi_h/sqrt K to the second, both its vectors kept.

    xi_v -> xi_v (1 - (1 - s_2/s_1) u u^T) with the first left vector u; W is not formed: the singular values
    of R_v R_h^T with the triangular factors of xi_v^T and xi_h^T are those of sqrt K W.
    """
    Q, R_v = np.linalg.qr(machine.xi_v.T.astype(np.float64))
    R_h = np.linalg.qr(machine.xi_h.T.astype(np.float64), mode="r")
    vectors, values, _ = np.linalg.svd(R_v @ R_h.T)
    u = Q @ vectors[:, 0]
    machine.xi_v[:] -= ((1 - values[1] / values[0]) * np.outer(machine.xi_v @ u, u)).astype(np.float32)


def trainer_of(
    condition: str,
    data: np.ndarray,
    settings: dict[str, Any],
    seed: int,
    targets: np.ndarray | None = None,
) -> sl.rbm.Trainer:
    """The trainer of a condition; ``targets``: std of W by epoch, for those that follow another run."""
    machine = sl.rbm.RARBM(data.shape[1], settings["H"], settings["K"], rng=seed)
    if condition == SMALL_START:
        size = settings["small_start"] ** 0.5
        machine.xi_v[:] *= np.float32(size)
        machine.xi_h[:] *= np.float32(size)
    n_batches = -(-len(data) // settings["batch_size"])
    negative = Unlearning(sl.rbm.PID(settings["n_steps"]), condition, n_batches, settings["share"])
    return sl.rbm.Trainer(
        machine,
        negative,
        lr=settings["lr"],
        projection=ClipAnd(negative, targets),
        batch_size=settings["batch_size"],
        schedule=sl.rbm.Geometric(settings["decay"], floor=settings["lr"] / 15, after=settings["after"]),
        rng=seed,
    )
