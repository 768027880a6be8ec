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
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from . import exact
from ._core.validate import as_count
from .dynamics import anneal
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

    class AnnealingSampler(dimod.Sampler):
        """Simulated annealing (:func:`spinlab.dynamics.anneal`), without proof."""

        __qualname__ = "AnnealingSampler"

        parameters: ClassVar[dict[str, list[str]]] = {
            "num_reads": [],
            "num_sweeps": [],
            "beta_range": [],
            "beta_schedule_type": ["beta_schedule_options"],
            "seed": [],
            "threads": [],
        }
        properties: ClassVar[dict[str, Any]] = {"beta_schedule_options": ("linear", "geometric")}

        def sample(
            self,
            bqm: dimod.BinaryQuadraticModel,
            *,
            num_reads: int = 1,
            num_sweeps: int = 1000,
            beta_range: tuple[float, float] | None = None,
            beta_schedule_type: str = "linear",
            seed: int | None = None,
            threads: int | None = None,
            **kwargs: Any,
        ) -> dimod.SampleSet:
            """One sample from each of ``num_reads`` annealing runs.

            Parameters
            ----------
            bqm : dimod.BinaryQuadraticModel
                SPIN or BINARY, any labels.
            num_reads : int, default 1
                Number of runs.
            num_sweeps : int, default 1000
                Updates of each variable in a run; some at zero temperature follow.
            beta_range : (float, float), optional
                First and last inverse temperature; by default from the biases.
            beta_schedule_type : {"linear", "geometric"}
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
                As :func:`spinlab.dynamics.anneal`.
            """
            _check(bqm)
            self.remove_unknown_kwargs(**kwargs)
            num_reads, num_sweeps = as_count(num_reads, "num_reads"), as_count(num_sweeps, "num_sweeps")
            info = {"certified": False, "method": "annealing"}
            if not bqm.num_variables:
                return _sample_set(bqm, np.ones((num_reads, 0), np.int8), info)
            if beta_range is not None and len(beta_range) != 2:
                raise ValueError(f"beta_range must be two inverse temperatures, got {beta_range!r}")
            beta_min, beta_max = (None, None) if beta_range is None else beta_range
            runs = anneal(
                from_bqm(bqm),
                num_sweeps,
                num_reads,
                beta_min=beta_min,
                beta_max=beta_max,
                schedule=beta_schedule_type,
                rng=seed,
                threads=threads,
            )
            return _sample_set(bqm, runs.states, info)

    return {"AnnealingSampler": AnnealingSampler, "ExactSampler": ExactSampler}


def _check(bqm: Any) -> None:
    if not isinstance(bqm, sys.modules["dimod"].BinaryQuadraticModel):
        raise TypeError(
            f"a sampler takes a dimod.BinaryQuadraticModel, got {type(bqm).__name__}; "
            "spinlab.ground_state and spinlab.dynamics.anneal take matrices and graphs"
        )


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
