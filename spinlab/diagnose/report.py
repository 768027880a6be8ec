"""The report on one matrix of weights."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import observables, solve
from .._core.validate import as_real
from ..models import IsingModel, SparseIsing, TwoLayerIsing
from . import verdicts
from .candidates import isolated
from .canonical import canonical
from .place import place
from .reading import read_model
from .simulation import Tempered, from_pattern, from_random, tempered
from .structure import structure
from .verdicts import Verdict

if TYPE_CHECKING:
    import matplotlib.figure

MOST_SPINS = 6000
_GROUND_STATE_SECONDS = 0.3
_DESCENTS = 200


@dataclass(frozen=True)
class Report:
    """Evidence and verdicts on one model; ``str()`` is the page for a terminal.

    Attributes
    ----------
    phase, metastability, dynamics : Verdict
        paramagnet, ordered or spin glass; few or many minima; equilibrates, trapped or frozen; each may be
        undecided.
    evidence : dict
        Plain numbers, texts and lists by section: size, place (coordinates and the theory's phase), spectrum,
        stability, overlaps, accessibility, minima, ultrametricity.
    warnings : tuple of str
    spectrum : observables.Spectrum or None
        In units in which beta = 1.
    overlaps : observables.OverlapDistribution or None
        P(q) of tempered replicas.
    seconds : float
    """

    phase: Verdict
    metastability: Verdict
    dynamics: Verdict
    evidence: dict[str, dict[str, Any]]
    warnings: tuple[str, ...]
    spectrum: observables.Spectrum | None
    overlaps: observables.OverlapDistribution | None
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, as plain data for JSON; infinite numbers become None."""
        record: dict[str, Any] = {
            name: vars(getattr(self, name)) | {"reasons": list(getattr(self, name).reasons)}
            for name in ("phase", "metastability", "dynamics")
        }
        record |= {"evidence": self.evidence, "warnings": list(self.warnings), "seconds": self.seconds}
        return _plain(record)

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def figure(self) -> matplotlib.figure.Figure:
        """One page: spectrum with the bulk's edges, P(q), and the verdicts in words."""
        from .page import draw

        return draw(self._verdicts, self.evidence["size"], self.warnings, self.spectrum, self.overlaps)

    def __str__(self) -> str:
        from .page import text

        return text(self._verdicts, self.evidence, self.warnings, self.seconds)

    @property
    def _verdicts(self) -> dict[str, Verdict]:
        """By the titles they have on the page."""
        return {"phase": self.phase, "minima": self.metastability, "dynamics": self.dynamics}


def diagnose(
    source: Any, *, beta: float = 1.0, rbm: bool | None = None, binary: bool = False, extras: bool = True
) -> Report:
    """In which phase are these weights? Three verdicts (phase, metastability, dynamics) with the evidence.

    The verdicts depend on the model up to names and signs of spins, exchange of layers, and (beta, W) ->
    (beta/c, c W), because everything is computed from one representative of these, random numbers included.

    Parameters
    ----------
    source : path, array_like, IsingModel, networkx.Graph, ...
        See :func:`read_model`.
    beta : float above 0, default 1
        Inverse temperature at which the weights are used; 1 for a Boltzmann machine.
    rbm, binary
        See :func:`read_model`.
    extras : bool, default True
        Also what decides nothing: Gibbs accessibility, ultrametricity.

    Returns
    -------
    Report

    Raises
    ------
    ValueError, TypeError
        From :func:`read_model`; beta not positive; more than 6000 spins.

    Notes
    -----
    The lines of theory hold for independent random weights or patterns and infinite size. For a trained
    matrix they are an indication. Costs N^3 operations for the spectrum and some 10^7 spin updates: about a
    second up to 500 spins, several for 2000.

    Examples
    --------
    >>> import spinlab as sl
    >>> from spinlab.diagnose import diagnose
    >>> diagnose(sl.ensembles.sk(N=200, rng=0), beta=0.5).phase.value
    'paramagnet'
    >>> report = diagnose(sl.ensembles.hopfield(N=300, K=5, rng=0), beta=2.5, extras=False)
    >>> report.phase.value
    'ordered'
    """
    start = time.perf_counter()
    beta = as_real(beta, "beta", 0.0, exclusive=True)
    given = read_model(source, rbm=rbm, binary=binary)
    if given.n_spins > MOST_SPINS:
        raise ValueError(
            f"{given.n_spins} spins are too many for the spectrum; diagnose takes up to {MOST_SPINS}. Take a "
            "part of the units, or measure single quantities with spinlab.observables"
        )
    model, negative = canonical(given, beta)
    rng = np.random.default_rng(0)  # the same for all: the representative is what varies
    N = model.n_spins
    evidence: dict[str, dict[str, Any]] = {"size": _size(model, beta)}
    warnings: list[str] = []
    field = float(np.sqrt((np.asarray(model.b) ** 2).mean()))
    if field:
        warnings.append("the model has fields (biases); lines of theory are for models without")
    if not _has_couplings(model):
        return Report(
            verdicts.phase(N, field, None, None, None, None, None),  # type: ignore[arg-type]
            verdicts.metastability(N, _count(model, rng), model.has_fields),
            verdicts.dynamics(N, None, None),
            evidence, tuple(warnings), None, None, time.perf_counter() - start,
        )  # fmt: skip
    spectrum = observables.spectrum(model)
    stability = observables.stability(model, spectrum=spectrum)
    lines = structure(model, spectrum, stability, negative)
    evidence["place"] = place(model, spectrum, lines=extras)
    warnings.append(evidence["place"]["warning"])
    evidence["spectrum"] = {
        "law": spectrum.law,
        "edges": list(spectrum.edges),
        "n_outliers": len(spectrum.outliers),
        "outliers": spectrum.outliers[:10].tolist(),
        "effective_patterns": spectrum.effective_patterns,
        "distance_from_law": spectrum.distance,
    }
    hot = tempered(model, lines.log_distance, rng)
    chains = from_random(model, hot, rng)
    n_directions = stability.n_directions or stability.n_set_apart
    directions = isolated(model, spectrum, n_directions, lines.balanced, hot.states)
    evidence["stability"] = vars(stability) | {
        "log_T_over_glass": lines.log_glass, "log_T_over_order": lines.log_order, "method": lines.method,
        "dimension": lines.dimension, "balanced": lines.balanced,
        "explained_overlap": directions.explained,
    }  # fmt: skip
    pattern = from_pattern(model, directions.states, hot, rng) if len(directions.states) else None
    overlaps = _overlaps(hot, model.has_fields, evidence)
    evidence["chains"] = vars(chains) | {"tempered_energy": hot.energy, "round_trips": hot.round_trips}
    if pattern is not None:
        evidence["candidates"] = {
            "number": len(directions.states),
            "binary": directions.binary,
            "overlap_kept": pattern.overlap.tolist(),
            "overlap_of_tempered_replicas": pattern.found_by_tempering,
            "log_partition_per_spin": pattern.log_partition / N,
            "tempered_log_partition_per_spin": hot.log_partition / N,
        }
    count = _count(model, rng)
    if count is not None:
        evidence["minima"] = {
            "count": count.count.value, "exact": count.exact, "found": count.found,
            "coverage": count.coverage,
        }  # fmt: skip
    if extras:
        best = min(hot.best_energy, math.inf if pattern is None else pattern.energy)
        evidence["accessibility"] = _accessibility(model, best, rng)
        evidence["ultrametricity"] = _ultrametricity(hot, model.has_fields, rng)
    return Report(
        phase=verdicts.phase(N, field, lines, hot, pattern, stability, directions),
        metastability=verdicts.metastability(N, count, model.has_fields),
        dynamics=verdicts.dynamics(N, chains, hot),
        evidence=evidence,
        warnings=tuple(warnings),
        spectrum=spectrum,
        overlaps=overlaps,
        seconds=time.perf_counter() - start,
    )


def _has_couplings(model: IsingModel) -> bool:
    if isinstance(model, TwoLayerIsing):
        return bool(model.weights().any())
    return model.to_sparse().n_edges > 0


def _size(model: IsingModel, beta: float) -> dict[str, Any]:
    size: dict[str, Any] = {"form": "two layers" if isinstance(model, TwoLayerIsing) else "all pairs"}
    if isinstance(model, TwoLayerIsing):
        size |= {"V": model.V, "H": model.H}
    elif isinstance(model, SparseIsing):
        size["form"] = "sparse graph"
        size["mean_degree"] = 2 * model.n_edges / model.n_spins
    return size | {
        "N": model.n_spins,
        "beta": beta,
        "std": model.coupling_std() / beta,
        "beta_std": model.coupling_std(),
        "has_fields": model.has_fields,
    }


def _overlaps(
    hot: Tempered, has_fields: bool, evidence: dict[str, dict[str, Any]]
) -> observables.OverlapDistribution | None:
    """P(q), Binder and susceptibility of the tempered replicas."""
    statistics = observables.overlap_statistics(hot.states, symmetric=not has_fields)
    evidence["overlaps"] = {
        "q_rms": math.sqrt(statistics.second.value),
        "q_abs": statistics.mean_abs.value,
        "binder": statistics.binder.value,
        "susceptibility": statistics.susceptibility.value,
        "replicas": statistics.n_replicas,
    }
    return statistics.distribution


def _count(model: IsingModel, rng: np.random.Generator) -> observables.MinimaCount | None:
    try:
        return observables.count_minima(model, _DESCENTS, max_steps=200, rng=rng)
    except ValueError:  # no strict minimum, or too many descents that end in weak ones
        return None


def _accessibility(model: IsingModel, best: float, rng: np.random.Generator) -> dict[str, Any]:
    """Raw and excess, against a proven ground state where that takes a moment."""
    seconds = [row.seconds for row in solve.explain(model).rows if row.seconds is not None]
    proven = bool(seconds) and min(seconds) < _GROUND_STATE_SECONDS
    ground = solve.ground_state(model).energy if proven else best
    if ground == model.offset:
        return {"ground_energy": ground, "proven": proven}
    a = observables.gibbs_accessibility(model, reduce=None, ground_energy=ground, rng=rng)
    return {
        "raw_mean": float(a.ratio.mean()),
        "raw_best": float(a.ratio.max()),
        "excess_mean": float(a.excess.mean()),
        "unmoved_chains": 1 - a.moved_chains,
        "unmoved_spins": 1 - a.moved_spins,
        "ground_energy": ground,
        "proven": proven,
        "ground_state": "proven" if proven else "best state found",
    }


def _ultrametricity(hot: Tempered, has_fields: bool, rng: np.random.Generator) -> dict[str, Any]:
    states = hot.states[:: max(1, len(hot.states) // 5)].reshape(-1, hot.states.shape[-1])
    try:
        u = observables.ultrametricity(states, flip=not has_fields, n_null=20, max_states=30, rng=rng)
    except ValueError as error:  # all states equal
        return {"note": str(error)}
    return {
        "subdominant": u.subdominant.value, "subdominant_null": u.subdominant.null_mean, "z": u.subdominant.z,
        "note": "decides nothing: any set of clusters is more ultrametric than chance",
    }  # fmt: skip


def _plain(x: Any) -> Any:
    if isinstance(x, dict):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(value) for value in x]
    if isinstance(x, np.generic):
        x = x.item()
    return None if isinstance(x, float) and not math.isfinite(x) else x
