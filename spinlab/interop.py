"""Samplers for dimod: the solvers of spinlab behind the interface of the Ocean tools.

``ExactSampler`` and ``AnnealingSampler`` are ``dimod.Sampler``\\ s, defined when they are first asked for,
because dimod is an optional package (``pip install spinlab[interop]``).

Examples
--------
>>> import dimod
>>> from spinlab.interop import AnnealingSampler, ExactSampler
>>> bqm = dimod.BinaryQuadraticModel({"a": 1.0}, {("a", "b"): -3.0}, 0.5, "BINARY")
>>> answer = ExactSampler().sample(bqm)
>>> float(answer.first.energy), int(answer.first.sample["a"]), answer.info["certified"]
(-1.5, 1, True)
>>> float(AnnealingSampler().sample(bqm, num_reads=10, seed=0).first.energy)
-1.5
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import exact
from ._core.validate import as_choice, as_count, as_real_array
from .dynamics import anneal
from .dynamics.annealing import SCHEDULES
from .models import from_bqm
from .solve import ground_state

if TYPE_CHECKING:
    import dimod

    AnnealingSampler: type[dimod.Sampler]
    ExactSampler: type[dimod.Sampler]

__all__ = ["AnnealingSampler", "ExactSampler"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    globals().update(_define())
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)


def _define() -> dict[str, type]:
    try:
        import dimod
    except ImportError:
        raise ImportError("the samplers need dimod: pip install spinlab[interop]") from None

    class ExactSampler(dimod.Sampler):
        """Ground states of binary quadratic models, proven.

        The answer has one sample, and says in ``info`` what it is worth: ``certified`` (no sample has an
        energy below ``lower_bound``), ``lower_bound``, ``method`` and ``reason``.
        """

        __qualname__ = "ExactSampler"

        parameters: ClassVar[dict[str, list[str]]] = {
            "method": ["methods"],
            "allow_heuristic": [],
            "num_reads": [],
            "threads": [],
        }
        """Keywords of :meth:`sample`, with the properties that list their values."""
        properties: ClassVar[dict[str, Any]] = {"methods": ("auto", *exact.METHODS, "tempering", "annealing")}

        def sample(
            self,
            bqm: dimod.BinaryQuadraticModel,
            *,
            method: str = "auto",
            allow_heuristic: bool = False,
            num_reads: int = 1,
            threads: int | None = None,
            **kwargs: Any,
        ) -> dimod.SampleSet:
            """A sample of lowest energy.

            Parameters
            ----------
            bqm : dimod.BinaryQuadraticModel
                SPIN or BINARY, any labels. Without variables, the answer is the empty sample.
            method, allow_heuristic, threads
                As in :func:`spinlab.ground_state`.
            num_reads : int, default 1
                How often the sample is counted (``num_occurrences``); further reads would find the same.
            **kwargs
                Other samplers' keywords are skipped with a warning, as dimod demands.

            Returns
            -------
            dimod.SampleSet

            Raises
            ------
            ValueError
                If no exact method can take the model (unless ``allow_heuristic``), or its biases are
                not finite.
            """
            _check(bqm)
            self.remove_unknown_kwargs(**kwargs)
            num_reads = as_count(num_reads, "num_reads")
            if not bqm.num_variables:
                offset = float(bqm.offset)
                info = {"certified": True, "lower_bound": offset, "method": "none", "reason": "no variables"}
                return _sample_set(bqm, np.ones((1, 0), np.int8), info, [num_reads])
            gs = ground_state(from_bqm(bqm), method, allow_heuristic=allow_heuristic, threads=threads)
            info = {"certified": gs.certified, "method": gs.method, "reason": gs.reason}
            answer = _sample_set(bqm, gs.state[None], info, [num_reads])
            bound = min(gs.lower_bound - _rounding(bqm), float(answer.record.energy[0]))
            answer.info["lower_bound"] = bound
            return answer

    class AnnealingSampler(dimod.Sampler, dimod.Initialized):
        """Simulated annealing (:func:`spinlab.dynamics.anneal`), without proof."""

        __qualname__ = "AnnealingSampler"

        parameters: ClassVar[dict[str, list[str]]] = {
            "num_reads": [],
            "num_sweeps": [],
            "beta_range": [],
            "beta_schedule_type": ["beta_schedule_options"],
            "beta_schedule": [],
            "initial_states": [],
            "initial_states_generator": [],
            "interrupt_function": [],
            "seed": [],
            "threads": [],
        }
        properties: ClassVar[dict[str, Any]] = {"beta_schedule_options": (*SCHEDULES, "custom")}

        def sample(
            self,
            bqm: dimod.BinaryQuadraticModel,
            *,
            num_reads: int | None = None,
            num_sweeps: int | None = None,
            beta_range: tuple[float, float] | None = None,
            beta_schedule_type: str | None = None,
            beta_schedule: Sequence[float] | None = None,
            initial_states: Any = None,
            initial_states_generator: str = "random",
            interrupt_function: Callable[[], bool] | None = None,
            seed: int | None = None,
            threads: int | None = None,
            **kwargs: Any,
        ) -> dimod.SampleSet:
            """One sample from each of ``num_reads`` annealing runs.

            Parameters
            ----------
            bqm : dimod.BinaryQuadraticModel
                SPIN or BINARY, any labels.
            num_reads : int, optional
                Number of runs; as many as there are initial states by default, or 1.
            num_sweeps : int, optional
                Updates of each variable in a run, 1000 by default; some at zero temperature follow.
            beta_range : (float, float), optional
                First and last inverse temperature; by default those of :func:`spinlab.dynamics.anneal`.
            beta_schedule_type : {"thermodynamic", "linear", "geometric", "custom"}, optional
                "thermodynamic" by default, "custom" with ``beta_schedule``.
            beta_schedule : sequence of float, optional
                The inverse temperatures themselves, 0 or more.
            initial_states : samples-like, optional
                One or more states to start from, in the variables of the BQM, as :func:`dimod.as_samples`
                takes them.
            initial_states_generator : {"random", "tile", "none"}
                Where there are fewer states than runs: draw the others, repeat the given ones, or refuse.
            interrupt_function : callable, optional
                Is asked, without arguments, before every four runs but the first four; once it returns True,
                the answer is what has been found.
            seed : int, optional
                Makes the samples repeatable.
            threads, **kwargs
                As for :class:`ExactSampler`.

            Returns
            -------
            dimod.SampleSet

            Raises
            ------
            ValueError, TypeError
                As :func:`spinlab.dynamics.anneal`; if there are too few initial states and none may be made.
            """
            _check(bqm)
            self.remove_unknown_kwargs(**kwargs)
            num_reads = None if num_reads is None else as_count(num_reads, "num_reads")
            schedule = _schedule(num_sweeps, beta_range, beta_schedule_type, beta_schedule)
            as_choice(initial_states_generator, "initial_states_generator", ("random", "tile", "none"))
            info = {"certified": False, "method": "annealing"}
            if not bqm.num_variables:
                return _sample_set(bqm, np.ones((num_reads or 1, 0), np.int8), info)
            starts = None
            if initial_states is not None or initial_states_generator == "none":
                given = self.parse_initial_states(
                    bqm,
                    initial_states=initial_states,
                    initial_states_generator=initial_states_generator,
                    num_reads=num_reads,
                    seed=seed,
                )
                num_reads, starts = given.num_reads, _spins(bqm, given.initial_states)
            runs = anneal(
                from_bqm(bqm),
                n_chains=num_reads or 1,
                initial=starts,
                interrupt=interrupt_function,
                rng=seed,
                threads=threads,
                **schedule,
            )
            return _sample_set(bqm, runs.states, info)

    return {"AnnealingSampler": AnnealingSampler, "ExactSampler": ExactSampler}


def _check(bqm: Any) -> None:
    if not isinstance(bqm, sys.modules["dimod"].BinaryQuadraticModel):
        raise TypeError(
            f"a sampler takes a dimod.BinaryQuadraticModel, got {type(bqm).__name__}; "
            "spinlab.ground_state and spinlab.dynamics.anneal take matrices and graphs"
        )


def _schedule(
    num_sweeps: int | None, beta_range: Any, kind: str | None, betas: Sequence[float] | None
) -> dict[str, Any]:
    """The schedule in the arguments of ``anneal``."""
    if kind is not None:
        as_choice(kind, "beta_schedule_type", (*SCHEDULES, "custom"))
    if betas is not None:
        given = as_real_array(betas, "beta_schedule", 1)
        if kind not in (None, "custom") or beta_range is not None:
            raise ValueError("beta_schedule is the whole schedule: leave out beta_range and the other types")
        if num_sweeps not in (None, len(given)):
            raise ValueError(f"beta_schedule has {len(given)} temperatures, but num_sweeps is {num_sweeps!r}")
        return {"betas": given}
    if kind == "custom":
        raise ValueError("beta_schedule_type='custom' needs the inverse temperatures: give beta_schedule")
    if beta_range is not None and len(beta_range) != 2:
        raise ValueError(f"beta_range must be two inverse temperatures, got {beta_range!r}")
    beta_min, beta_max = (None, None) if beta_range is None else beta_range
    n_steps = 1000 if num_sweeps is None else as_count(num_sweeps, "num_sweeps")
    return {"n_steps": n_steps, "schedule": kind, "beta_min": beta_min, "beta_max": beta_max}


def _spins(bqm: dimod.BinaryQuadraticModel, samples: dimod.SampleSet) -> np.ndarray:
    """The states of a sample set in spins, in the order of the variables of the BQM."""
    place = {v: k for k, v in enumerate(samples.variables)}
    values = samples.record.sample[:, [place[v] for v in bqm.variables]]
    return values if samples.vartype.name == "SPIN" else 2 * values.astype(np.int8) - 1


def _sample_set(
    bqm: dimod.BinaryQuadraticModel,
    states: np.ndarray,
    info: dict[str, Any],
    num_occurrences: list[int] | None = None,
) -> dimod.SampleSet:
    """Spins, in the order of the variables, as samples of the BQM with its own energies."""
    dimod = sys.modules["dimod"]
    values = states if bqm.vartype is dimod.SPIN else (states + 1) // 2
    return dimod.SampleSet.from_samples_bqm(
        (values, list(bqm.variables)), bqm, info=info, num_occurrences=num_occurrences
    )


def _rounding(bqm: dimod.BinaryQuadraticModel) -> float:
    """Bound on what the conversion of 0/1 variables to spins rounds off an energy."""
    if bqm.vartype.name == "SPIN":
        return 0.0
    biases = np.array([*bqm.linear.values(), *bqm.quadratic.values(), bqm.offset], dtype=np.float64)
    total = float(np.abs(biases).sum())
    if total < 2**40 and (biases * 2**10 == np.floor(biases * 2**10)).all():  # sums of quarters are exact
        return 0.0
    return len(biases) * 2.0**-52 * total
