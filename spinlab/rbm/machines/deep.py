"""Deep Boltzmann machines: layers of any sizes, each coupled to the next one.

Layers 0, 2, 4... are independent given layers 1, 3, 5..., and the other way round: a deep machine is a
two-layer model of its even and its odd layers, in which some blocks of the weights are zero. Gibbs sampling,
exact sums and solvers take it as that.
"""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from ..._core.device import to_host
from ..._core.rows import by_rows
from ..._core.validate import as_choice, as_count, as_data, as_fields, as_flag, as_spins, check_memory
from ...models import BipartiteIsing
from .machine import Machine, Phase, Statistics, as_dtype
from .moments import MOST_CLAMPED, all_states, entropy
from .parameters import set_parameter
from .rbm import RBM
from .two_layer import weighted
from .units import Noise, draw_from_means, log_norms, mean_spins

POSITIVE = ("mean-field", "gibbs", "exact")


class DeepMachine(Machine):
    """E = -sum_l s_(l-1).W_l.s_l - sum_l b_l.s_l over layers s_0 = v, s_1, ... of +-1 units.

    Phases and models hold the layers in the order 0, 2, 4..., 1, 3, 5...
    """

    sizes: tuple[int, ...]
    positive_phase: str
    n_positive: int

    def _set_up(self, sizes: Any, biases: bool, positive: str, n_positive: int, dtype: str) -> np.dtype:
        if isinstance(sizes, str | bytes) or not isinstance(sizes, Sequence | np.ndarray):
            raise TypeError(f"sizes must be a list of layer sizes such as [784, 500, 100], got {sizes!r}")
        if len(sizes) < 2:
            raise ValueError(f"sizes must name the visible and at least one hidden layer, got {list(sizes)}")
        self.sizes = tuple(as_count(n, f"sizes[{i}]") for i, n in enumerate(sizes))
        self.V = self.sizes[0]
        self.has_biases = as_flag(biases, "biases")
        self.positive_phase = as_choice(positive, "positive", POSITIVE)
        self.n_positive = as_count(n_positive, "n_positive")
        return as_dtype(dtype)

    def to(self, device: str) -> Self:
        if device == "gpu" and self.positive_phase == "exact" and self.n_layers > 2:
            raise ValueError(
                "positive='exact' enumerates hidden states on the CPU; take 'mean-field' or 'gibbs' on a GPU"
            )
        return super().to(device)

    @property
    def n_layers(self) -> int:
        """Layers, the visible one included."""
        return len(self.sizes)

    @property
    def order(self) -> list[int]:
        """Layers as they follow each other in phases and in ``as_ising()``: 0, 2, 4..., 1, 3, 5..."""
        return [*range(0, self.n_layers, 2), *range(1, self.n_layers, 2)]

    @abc.abstractmethod
    def weights(self, layer: int) -> np.ndarray:
        """W between the layers ``layer`` - 1 and ``layer``, in float64, newly made."""

    @abc.abstractmethod
    def _input(self, target: int, source: int, s: np.ndarray) -> np.ndarray:
        """Fields on layer ``target`` from the spins or means of its neighbour ``source``, a new array."""

    @abc.abstractmethod
    def _pair_statistics(self, means: list[np.ndarray], factor: Any) -> Statistics:
        """Averages of -dE/d theta for the parameters of the weights; layers in natural order."""

    @abc.abstractmethod
    def _of_correlations(self, C: list[np.ndarray]) -> Statistics:
        """The same from the exact <s_(l-1) s_l^T>, l = 1, 2..., float64."""

    def fields(self, layers: list[Any], target: int) -> np.ndarray:
        """Fields of one layer from its neighbours (natural order), shape (n, size)."""
        x: Any = None
        for source in (target - 1, target + 1):
            if 0 <= source < self.n_layers:
                part = self._input(target, source, layers[source])
                x = part if x is None else x + part
        return x + self.parameters[f"b{target}"] if self.has_biases else x

    def split(self, states: Any) -> list[np.ndarray]:
        """Spins of each layer, visible first, from states of ``as_ising()``, shape (..., N)."""
        states = as_spins(states, sum(self.sizes))
        ends = np.cumsum([self.sizes[i] for i in self.order])
        return self._natural(np.split(states, ends[:-1], axis=-1))

    def _natural(self, layers: list[Any]) -> list[Any]:
        found: list[Any] = [None] * self.n_layers
        for place, layer in zip(self.order, layers, strict=False):
            found[place] = layer
        return found

    def _ordered(self, layers: list[Any]) -> list[Any]:
        return [layers[i] for i in self.order]

    def as_ising(self) -> BipartiteIsing:
        """Even against odd layers, in float64; sites are in the order of ``order``, visible ones first."""
        W, b = self._blocks()
        even = len(W)
        return BipartiteIsing(W, b[:even], b[even:])

    def _blocks(self) -> tuple[np.ndarray, np.ndarray]:
        even, odd = self.sizes[::2], self.sizes[1::2]
        W = np.zeros((sum(even), sum(odd)))
        for i, j, layer in self._places():
            w = self.weights(layer)
            W[i, j] = w if layer % 2 else w.T
        b = np.zeros(sum(self.sizes))
        if self.has_biases:
            b = np.concatenate([to_host(self.parameters[f"b{i}"]) for i in self.order]).astype(np.float64)
        return W, b

    def _places(self) -> Iterator[tuple[slice, slice, int]]:
        """Rows and columns of each weight matrix among even and odd layers."""
        starts = [sum(self.sizes[i % 2 : i : 2]) for i in range(self.n_layers)]
        span = [slice(start, start + n) for start, n in zip(starts, self.sizes, strict=True)]
        for layer in range(1, self.n_layers):
            low, high = span[layer - 1], span[layer]
            yield (low, high, layer) if layer % 2 else (high, low, layer)

    # Visible units clamped

    def positive(self, v: np.ndarray, noise: Noise) -> Phase:
        """Hidden layers given v, as ``positive_phase`` says; exact in any case for one hidden layer."""
        if self.n_layers == 2:
            means = [v, mean_spins(self.fields([v, None], 1))]
            return Phase(self._ordered([v, None]), self._ordered(means))
        if self.positive_phase == "exact":
            return self._exact_positive(v)
        means = self.mean_field(v)
        if self.positive_phase == "mean-field":
            return Phase(self._ordered([v] + [None] * (self.n_layers - 1)), self._ordered(means))
        return self._with_means(self._clamped_gibbs(v, means[1:], noise))

    def mean_field(self, v: np.ndarray) -> list[np.ndarray]:
        """Means of all layers with v clamped: up to ``n_positive`` rounds of mu_l = tanh(fields), odd and
        even layers in turn, from a pass upwards (Salakhutdinov & Hinton, AISTATS 2009)."""
        means: list[Any] = [v] + [None] * (self.n_layers - 1)
        for target in range(1, self.n_layers):
            x = self._input(target, target - 1, means[target - 1])
            if self.has_biases:
                x += self.parameters[f"b{target}"]
            means[target] = mean_spins(x)
        close = 100 * np.finfo(self.dtype).eps
        for _ in range(self.n_positive):
            moved = 0.0
            for target in (*range(1, self.n_layers, 2), *range(2, self.n_layers, 2)):
                new = mean_spins(self.fields(means, target))
                moved = max(moved, float(abs(new - means[target]).max()) if new.size else 0.0)
                means[target] = new
            if moved < close:
                break
        return means

    def hidden(self, v: np.ndarray, noise: Noise | None = None) -> np.ndarray:
        """All hidden layers in their order: by mean field, or after ``n_positive`` clamped Gibbs steps."""
        means = self.mean_field(v)[1:]
        if noise is None:
            return self.xp.concatenate(means, axis=1)
        return self.xp.concatenate(self._clamped_gibbs(v, means, noise)[1:], axis=1)

    def _clamped_gibbs(self, v: np.ndarray, means: list[np.ndarray], noise: Noise) -> list[np.ndarray]:
        layers = [v, *(draw_from_means(m, noise) for m in means)]
        if self.n_layers == 2:
            return layers
        for _ in range(self.n_positive):
            for target in (*range(1, self.n_layers, 2), *range(2, self.n_layers, 2)):
                layers[target] = noise.spins(self.fields(layers, target))
        return layers

    def complete(
        self, v: np.ndarray, known: np.ndarray, n_steps: int, clamped: bool, noise: Noise
    ) -> np.ndarray:
        """A step draws the odd layers, then the even ones; hidden layers start at 0."""
        xp = self.xp
        given, known = xp.asarray(v), xp.asarray(known)
        layers = [given, *(xp.zeros((len(v), size), self.dtype) for size in self.sizes[1:])]
        for _ in range(n_steps):
            for target in (*range(1, self.n_layers, 2), *range(0, self.n_layers, 2)):
                layers[target] = noise.spins(self.fields(layers, target))
            if clamped:
                xp.copyto(layers[0], given, where=known)
        return to_host(layers[0])

    def _clamped(self, v: np.ndarray) -> tuple[bool, np.ndarray, np.ndarray, np.ndarray]:
        """Hidden states given each row of v, one parity of layers summed out, in float64.

        Returns (whether the odd layers are the ones enumerated, their states (S, n), ln of the weights
        (len(v), S), means of the other hidden layers (S, m) or (len(v), S, m)).
        """
        W, b = self._blocks()
        even = len(W)
        be, bo = b[self.V : even], b[even:]
        W = W[self.V :]
        n = min(W.shape)
        if n > MOST_CLAMPED:
            raise ValueError(
                f"the exact sum over hidden states enumerates the smaller parity of hidden layers, up to "
                f"{MOST_CLAMPED} units, got {n}; take positive='mean-field', and annealed likelihoods"
            )
        check_memory(
            8 * len(v) * 2**n * (1 if W.shape[1] <= W.shape[0] else W.shape[1]),
            f"{len(v)} samples x 2^{n} hidden states",
        )
        s = all_states(n)
        x = np.asarray(v, dtype=np.float64)
        h = np.zeros((len(x), W.shape[1]))
        h[:, : self.sizes[1]] = x @ self.weights(1)
        h += bo
        if W.shape[1] <= W.shape[0]:
            y = s @ W.T + be
            table = log_norms(y)  # y becomes its tanh
            return True, s, h @ s.T + table, y
        y = h[:, None, :] + s @ W
        log_w = log_norms(y.reshape(-1, y.shape[-1])).reshape(len(x), -1)
        return False, s, log_w + s @ be, y

    def _exact_positive(self, v: np.ndarray) -> Phase:
        odd, s, log_w, other = self._clamped(v)
        n, S = log_w.shape
        p = np.exp(log_w - log_w.max(1, keepdims=True))
        p /= n * p.sum(1, keepdims=True)
        drawn = np.tile(s, (n, 1)).astype(self.dtype)
        summed = np.tile(other, (n, 1)) if odd else other.reshape(n * S, -1)
        evens, odds = (summed, drawn) if odd else (drawn, summed)
        means = [np.repeat(v, S, axis=0), *self._cut(evens, 2), *self._cut(odds, 1)]
        means = [m.astype(self.dtype) for m in means]
        return Phase([means[0]] + [None] * (self.n_layers - 1), means, p.ravel().astype(self.dtype))

    def _cut(self, joined: np.ndarray, first: int) -> list[np.ndarray]:
        ends = np.cumsum(self.sizes[first::2])
        return np.split(joined, ends[:-1], axis=1) if len(ends) else []

    def free_energy(self, v: Any) -> Any:
        """F(v) in float64, exact, for data (..., V): the smaller parity of the hidden layers, up to 20
        units, is enumerated."""
        return by_rows(self._free_energies, as_data(v, self.V, "v"), 2**16)

    def _free_energies(self, v: np.ndarray) -> np.ndarray:
        F = -np.logaddexp.reduce(self._clamped(v)[2], axis=1)
        if self.has_biases:
            F -= v @ to_host(self.parameters["b0"]).astype(np.float64)
        return F

    def variational_free_energy(self, v: Any) -> Any:
        """Upper bound of F(v) for layers of any size: <E> - entropy of the mean-field state, float64.

        ``-variational_free_energy(v) - ln Z`` bounds ln P(v) from below, with ln Z of
        :func:`spinlab.log_partition` or :func:`log_partition_ais`. Exact for one hidden layer.

        Examples
        --------
        >>> import spinlab as sl
        >>> machine = sl.rbm.DBM([4, 3, 2], std=1.0, rng=0)
        >>> bool(machine.variational_free_energy([1, 1, 1, -1]) >= machine.free_energy([1, 1, 1, -1]))
        True
        """
        return by_rows(self._variational, as_data(v, self.V, "v"), 4 * sum(self.sizes))

    def _variational(self, v: np.ndarray) -> np.ndarray:
        means = self.mean_field(self.xp.asarray(v.astype(self.dtype)))
        F = to_host(self.energies(Phase(self._ordered(means), [])))
        for m in means[1:]:
            F -= entropy(to_host(m))
        return F

    # Free units

    def random_phase(self, n: int, noise: Noise) -> Phase:
        layers = [noise.spins(self.xp.zeros((n, size), self.dtype)) for size in self.sizes]
        return Phase(self._ordered(layers), [])

    def gibbs(self, phase: Phase, n_steps: int, noise: Noise, beta: Any = 1.0) -> Phase:
        """``n_steps`` times the even layers given the odd ones, then the odd given the even.

        Layers that the phase lacks are drawn first: even ones from their means, then odd ones. In the result
        the odd layers enter by their means.
        """
        layers = self._natural(phase.layers)
        means = self._natural(phase.means)

        def draw(parity: int) -> None:
            for target in range(parity, self.n_layers, 2):
                x = self.fields(layers, target)
                layers[target] = noise.spins(self.xp.multiply(x, beta, dtype=self.dtype))

        for i in range(2, self.n_layers, 2):
            if layers[i] is None:
                layers[i] = draw_from_means(means[i], noise)
        if any(layers[i] is None for i in range(1, self.n_layers, 2)):
            draw(1)
        for _ in range(n_steps):
            draw(0)
            draw(1)
        found = self._with_means(layers)
        found.weights, found.share = phase.weights, phase.share
        return found

    def _with_means(self, layers: list[np.ndarray]) -> Phase:
        """Even layers by their spins, odd ones by their means given those."""
        means = [mean_spins(self.fields(layers, i)) if i % 2 else layers[i] for i in range(self.n_layers)]
        return Phase(self._ordered(layers), self._ordered(means))

    def energies(self, phase: Phase) -> np.ndarray:
        layers = self._natural(phase.layers)
        E = self.xp.zeros(len(layers[0]))
        for i in range(1, self.n_layers, 2):  # each weight matrix touches one odd layer
            E -= (self.fields(layers, i) * layers[i]).sum(1, dtype=np.float64)
        if self.has_biases:
            for i in range(0, self.n_layers, 2):
                E -= layers[i] @ self.parameters[f"b{i}"]
        return E

    def statistics(self, phase: Phase) -> Statistics:
        means, factor = self._natural(phase.means), phase.factor
        found = self._pair_statistics(means, factor)
        if self.has_biases:
            for i, m in enumerate(means):
                found[f"b{i}"] = weighted(m, factor).sum(0)
        return found

    def exact_statistics(self) -> Statistics:
        """Averages over the model: all states of the even or of the odd layers, up to 24 units."""
        W, b = self._blocks()
        even = len(W)
        biases = (b[:even], b[even:]) if self.has_biases else ()
        whole = RBM.from_weights(W, *biases, dtype="float64").exact_statistics()
        C: list[np.ndarray] = []
        for i, j, layer in self._places():
            block = whole["W"][i, j]
            C.append(block if layer % 2 else block.T)
        found = self._of_correlations(C)
        if self.has_biases:
            means = self._cut(whole["bv"][None], 0) + self._cut(whole["bh"][None], 1)
            found |= {f"b{i}": m[0] for i, m in zip(self.order, means, strict=True)}
        xp = self.xp
        return {
            name: (np if name == "scale" else xp).asarray(x, dtype=self.dtype) for name, x in found.items()
        }

    def _start_biases(self, kind: np.dtype) -> None:
        if self.has_biases:
            self.parameters |= {f"b{i}": np.zeros(n, kind) for i, n in enumerate(self.sizes)}

    def _set_biases(self, biases: Sequence[Any] | None) -> None:
        if biases is None:
            return
        if len(biases) != self.n_layers:
            raise ValueError(
                f"biases must hold one array for each of {self.n_layers} layers, got {len(biases)}"
            )
        for i, b in enumerate(biases):
            name = f"biases[{i}]"
            set_parameter(self.parameters[f"b{i}"], as_fields(b, self.sizes[i], name), name)

    def _settings(self) -> dict[str, Any]:
        return {"biases": self.has_biases, "positive": self.positive_phase, "n_positive": self.n_positive}
