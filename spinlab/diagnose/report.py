"""The report on one matrix of weights."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .. import exact, observables, solve
from .._core.progress import shows_progress
from .._core.results import Result, cut, plain_data, shortened
from .._core.rng import RNG, as_generator
from .._core.validate import as_real
from ..dynamics import descend
from ..exact.choice import choose
from ..models import BipartiteIsing, DenseIsing, IsingModel, SparseIsing, TwoLayerIsing
from . import verdicts
from .bound import bound_groups
from .bounds import MOST_UNITS, lowest_free_energy, states_with_weight
from .candidates import Isolated, isolated, share_in_span
from .canonical import canonical
from .correlation import reach
from .decision import Numbers
from .equilibrium import Equilibrium, equilibrium
from .parts import connected, divided
from .place import place
from .reading import read_model
from .simulation import FromPattern, come_back, from_pattern, from_random, lasting
from .structure import Structure, bare, structure, through_fields
from .symmetry import related
from .verdicts import Verdict

if TYPE_CHECKING:
    import matplotlib.figure

MOST_SPINS = 6000
SECONDS = 3.0
_GROUND_STATE_SECONDS = 0.3
_DESCENTS, _FEWEST_DESCENTS = 200, 20
_FLIPS = 1e8  # N^2 for every descent of a dense model
_BACK = 0.9  # of the replicas' overlap
_MOST_UNEQUAL = 600  # spins in fields whose susceptibilities are taken one by one


@dataclass(frozen=True, repr=False)
class Part(Result):
    """A part of the model.

    Attributes
    ----------
    sites : tuple of int
        Its spins, as numbered in the model.
    report : Report
    """

    sites: tuple[int, ...]
    report: Report


@dataclass(frozen=True, repr=False)
class Report(Result):
    """Evidence and verdicts on one model; ``str()`` in short, :meth:`text` the page for a terminal.

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
    parts : tuple of Part
        Where the model falls into parts that no coupling, or few weak ones, join: the sites of each and its
        own report. Where they differ the phase of the whole is undecided.
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
    parts: tuple[Part, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the curves, as plain data for JSON; infinite numbers become None."""
        record: dict[str, Any] = {
            name: vars(getattr(self, name)) | {"reasons": list(getattr(self, name).reasons)}
            for name in ("phase", "metastability", "dynamics")
        }
        record |= {"evidence": self.evidence, "warnings": list(self.warnings), "seconds": self.seconds}
        record["parts"] = [{"sites": list(part.sites)} | part.report.to_dict() for part in self.parts]
        return cast("dict[str, Any]", plain_data(record))

    def to_json(self) -> str:
        """:meth:`to_dict` as text."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False)

    def __repr__(self) -> str:
        verdicts = (f"{title} {v.value} ({v.confidence:.2f})" for title, v in self._verdicts.items())
        parts = f", {len(self.parts)} parts" if self.parts else ""
        return f"<Report: {', '.join(verdicts)}{parts}>"

    def figure(self) -> matplotlib.figure.Figure:
        """One page: spectrum with its law, P(q), overlaps by temperature, and the verdicts in words."""
        from .page import draw

        return draw(self._verdicts, self.evidence, self.warnings, self.spectrum, self.overlaps)

    def __str__(self) -> str:
        lines = []
        for title, verdict in self._verdicts.items():
            shares = ", ".join(f"{key} {p:.2f}" for key, p in verdict.probabilities.items())
            lines.append(shortened(f"{title:10s} {verdict.value}  ({shares})", 100))
        if self.parts:
            lines.append(f"{len(self.parts)} parts with reports of their own")
        if self.warnings:
            notes = "1 note" if len(self.warnings) == 1 else f"{len(self.warnings)} notes"
            lines.append(f"{notes}: text() shows them and the evidence")
        return cut(lines)

    def text(self) -> str:
        """The page for a terminal: verdicts with their reasons, the evidence by section, notes."""
        from .page import text

        page = text(self._verdicts, self.evidence, self.warnings, self.seconds)
        for k, part in enumerate(self.parts, 1):
            phase = part.report.phase
            page += f"\npart {k}: {len(part.sites)} spins, {phase.value.upper()} ({phase.confidence:.2f})"
        return page

    @property
    def _verdicts(self) -> dict[str, Verdict]:
        """By the titles they have on the page."""
        return {"phase": self.phase, "minima": self.metastability, "dynamics": self.dynamics}


@shows_progress
def diagnose(
    source: Any,
    *,
    beta: float = 1.0,
    rbm: bool | None = None,
    binary: bool = False,
    extras: bool = True,
    seconds: float = SECONDS,
    rng: RNG = 0,
    threads: int | None = None,
    progress: bool | None = None,
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
    seconds : float, default 3
        Most work for the equilibrium of the replicas, in seconds of one core in round numbers: the same
        number is the same work everywhere. Easy models take a part of it. Below 3 the descents of dense
        models into minima become fewer in proportion. Where it does not pay for forty steps at all
        temperatures that exchanges want, fewer temperatures are taken, eight at least, and a warning says so.
    rng : None, int or numpy.random.Generator, default 0
        Seed of the simulations.
    threads : int, optional
        Threads of the tempering; all processors by default. Results do not depend on it.
    progress : bool, optional
        Bars of the parts that last; by default where somebody looks.

    Returns
    -------
    Report

    Raises
    ------
    ValueError, TypeError
        From :func:`read_model`; beta or seconds not positive; more than 6000 spins.

    Notes
    -----
    The lines of theory hold for independent random weights or patterns and infinite size. For a trained
    matrix they are an indication. Costs N^3 operations for the spectrum and at most ``seconds`` for the
    equilibrium: about a second up to 400 spins, ten seconds or more for 2000 with all pairs.

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
    beta = as_real(beta, "beta", 0.0, exclusive=True)
    seconds = as_real(seconds, "seconds", 0.0, exclusive=True)
    seed = int(as_generator(rng).integers(2**63))
    given = read_model(source, rbm=rbm, binary=binary)
    if given.n_spins > MOST_SPINS:
        raise ValueError(
            f"{given.n_spins} spins are too many for the spectrum; diagnose takes up to {MOST_SPINS}. Take a "
            "part of the units, or measure single quantities with spinlab.observables"
        )
    share = min(1.0, seconds / SECONDS)
    options: dict[str, Any] = {"extras": extras, "share": share, "seed": seed, "threads": threads}
    groups = bound_groups(given, beta) if _has_couplings(given) else None
    report = _diagnosed(given, beta, **options | {"seconds": seconds if groups is None else seconds / 2})
    if groups is not None:
        report = _of_groups(report, _diagnosed(groups, beta, **options | {"seconds": seconds / 2}), groups)
    parts = divided(given) if _has_couplings(given) else []
    if not parts:
        return report
    options |= {"extras": False, "seconds": seconds / len(parts)}
    found = tuple(Part(tuple(sites), _diagnosed(part, beta, **options)) for sites, part in parts)
    phases = [part.report.phase for part in found]
    same = len({phase.value for phase in phases}) == 1
    joined = same and len(connected(given)) == 1
    return replace(report, phase=report.phase if joined else verdicts.of_parts(phases), parts=found)


def _of_groups(report: Report, of_groups: Report, groups: IsingModel) -> Report:
    """The phase of the bound groups; minima and dynamics are those of the spins."""
    note = (
        "strong couplings bind most spins into groups that keep their state; the phase is that of "
        f"{groups.n_spins} groups and single spins"
    )
    return replace(
        report,
        phase=of_groups.phase,
        warnings=(*report.warnings, note),
        seconds=report.seconds + of_groups.seconds,
    )


def _diagnosed(
    given: IsingModel,
    beta: float,
    *,
    extras: bool,
    seconds: float,
    share: float,
    seed: int,
    threads: int | None,
) -> Report:
    """The report on a model as one; ``share`` (of 1) of the usual descents into minima."""
    start = time.perf_counter()
    model, negative = canonical(given, beta)
    rng = np.random.default_rng(seed)  # the same for all: the representative is what varies
    N = model.n_spins
    evidence: dict[str, dict[str, Any]] = {"size": _size(model, beta)}
    warnings: list[str] = []
    field = float(np.sqrt((np.asarray(model.b) ** 2).mean()))
    if field:
        warnings.append("the model has fields (biases); diagrams of theory are for models without")
    if not _has_couplings(model):
        return Report(
            verdicts.phase(None),
            verdicts.metastability(_count(model, rng, share), model.has_fields),
            verdicts.dynamics(N, None, None),
            evidence, tuple(warnings), None, None, time.perf_counter() - start,
        )  # fmt: skip
    spectrum = observables.spectrum(model)
    stability = observables.stability(model, spectrum=spectrum)
    if field:
        seen = through_fields(model)
        lines = structure(seen, *_spectral(seen), negative, unequal=N <= _MOST_UNEQUAL)
    else:
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
    hot = equilibrium(
        model, lines.log_distance, spectrum, stability, rng, seconds=seconds, share=share, threads=threads
    )
    if len(hot.betas) < hot.n_wanted:
        warnings.append(
            f"seconds={seconds:g} pays for replicas at {len(hot.betas)} temperatures; for exchanges between "
            f"all there should be {hot.n_wanted}"
        )
    chains = from_random(model, hot, rng)
    n_directions = stability.n_directions or stability.n_set_apart
    directions = isolated(model, spectrum, n_directions, lines.balanced, hot.states)
    if lines.directions is not None and lines.directions.shape[1] and not (lines.balanced or field):
        held = share_in_span(model, np.linalg.qr(lines.directions)[0] * math.sqrt(N), hot.states)
        directions = replace(directions, explained=held)
    evidence["stability"] = vars(stability) | {
        "log_T_over_glass": lines.log_glass, "log_T_over_order": lines.log_order, "method": lines.method,
        "dimension": lines.dimension, "balanced": lines.balanced,
        "explained_overlap": directions.explained,
    }  # fmt: skip
    pattern = from_pattern(model, directions.states, hot, rng) if len(directions.states) else None
    overlaps = _overlaps(hot, model.has_fields, evidence)
    evidence["equilibrium"] = _equilibrium(hot)
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
    numbers = _numbers(model, lines, hot, pattern, directions, stability, field)
    evidence["decision"] = vars(numbers)
    count = _count(model, rng, share)
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
        phase=verdicts.phase(numbers),
        metastability=verdicts.metastability(count, model.has_fields),
        dynamics=verdicts.dynamics(N, chains, hot),
        evidence=evidence,
        warnings=tuple(warnings),
        spectrum=spectrum,
        overlaps=overlaps,
        seconds=time.perf_counter() - start,
    )


def _spectral(model: IsingModel) -> tuple[observables.Spectrum, observables.Stability]:
    spectrum = observables.spectrum(model)
    return spectrum, observables.stability(model, spectrum=spectrum)


def _numbers(
    model: IsingModel,
    lines: Structure,
    hot: Equilibrium,
    pattern: FromPattern | None,
    directions: Isolated,
    stability: observables.Stability,
    field: float,
) -> Numbers:
    """What the verdict on the phase weighs."""
    N, kept, gain, found = model.n_spins, 0.0, 0.0, 0.0
    if pattern is not None and len(pattern.overlap):
        kept, found = float(np.median(pattern.overlap)), pattern.found_by_tempering
        gain = (pattern.log_partition - hot.log_partition + math.log(2 * len(pattern.overlap)) + 2) / N
    by_spectrum = lines.method == "spectrum"
    few, smaller = math.nan, model.V if isinstance(model, BipartiteIsing) else 0
    if isinstance(model, BipartiteIsing) and model.V <= MOST_UNITS:
        few = states_with_weight(model)[0]
    graph = model if isinstance(model, SparseIsing) and not field else None
    lattice = None if lines.tree_like else graph
    hidden = field > 0 and 0 < lines.log_distance < math.inf
    hidden = hidden and _susceptibility(hot) > float(bare(model).mean())
    states = lattice is not None and hot.state_overlap**2 > N ** (-2 / 3)
    return Numbers(
        N=N,
        log_glass=lines.log_glass,
        log_order=lines.log_order,
        dimension=lines.dimension,
        mean_field=bool(lines.tree_like),  # small graphs with short loops have no dimension to speak of
        balanced=lines.balanced,
        by_spectrum=by_spectrum,
        q2=_broken(hot, above=field > 0 and lines.log_distance > 0),
        converged=hot.converged,
        instability=hot.instability,
        competitor=hot.competitor,
        kept=kept,
        gain=gain,
        found=found,
        explained=directions.explained,
        binary=directions.binary,
        n_directions=stability.n_directions,
        n_set_apart=stability.n_set_apart,
        field=field,
        polarised=field > 0 and _polarised(model, hot),
        round_trips=hot.round_trips,
        agreed=hot.agreed,
        # Beyond a line its instability decides.
        excluded=bool(
            not by_spectrum or field or lines.log_distance < 0 or lowest_free_energy(model, hot.log_partition)
        ),
        few_states=few,
        smaller_layer=smaller,
        reach=math.nan if lattice is None else reach(lattice, hot.states),
        lasting=math.nan if lattice is None else lasting(lattice, hot),
        wall=hot.competitor * abs(hot.best_energy),
        related=related(lattice, hot.states) / hot.state_overlap**2 if lattice and states else math.nan,
        hidden=hidden,
        log_random=math.nan if graph is None else above_random_signs(graph, hot.log_partition),
    )


def above_random_signs(model: SparseIsing, log_partition: float) -> float:
    """-ln of a bound on the chance that random signs of all couplings reach this ln Z, or minus a number.

    (sum of w)^a <= sum of w^a for the Boltzmann weights w and a <= 1, so that the chance is at most
    E Z(a beta)/Z(beta)^a (Markov). a < 1 pays in the cold, where few models of low energy make the mean of Z.
    """
    a = np.arange(1, 21) / 20
    J, times = np.unique(np.abs(model.to_sparse()._J.data), return_counts=True)  # every bond twice
    x = a[:, None] * J
    log_cosh = (x + np.log1p(np.exp(-2 * x)) - math.log(2)) @ times / 2
    return float((a * log_partition - model.n_spins * math.log(2) - log_cosh).max())


def _susceptibility(hot: Equilibrium) -> float:
    """Mean of 1 - <s_i>^2, the square without bias from ladders that do not know of each other."""
    first, second = np.array_split(hot.states.mean(0), 2)
    return 1 - float((first.mean(0) * second.mean(0)).mean())


def _broken(hot: Equilibrium, above: bool) -> float:
    """Mean square overlap; of a model in fields, which make overlaps, ``above`` its lines: the variance."""
    if above:
        return float(hot.q.var()) + abs(hot.q2_between - hot.q2)
    return max(hot.q2, hot.q2_between)


def _polarised(model: IsingModel, hot: Equilibrium) -> bool:
    """Whether the fields choose the state, and no replica is elsewhere.

    Either they add up along the state that the couplings alone would have (random fields add up to sqrt(N) of
    their size, up to 4 of it once in 16 000 models), or replicas come back when all their spins are reversed:
    where the couplings have broken the symmetry the reversed state lasts.
    """
    if float(np.quantile(hot.q, 0.02)) < 0.5 * float(hot.q.mean()):
        return False
    if come_back(model, hot) > _BACK * float(hot.q.mean()):
        return True
    b = np.asarray(model.b)
    free = _without_fields(model)
    state = descend(free, 1, initial=hot.best_state, rng=0).states[0]
    return bool(abs(b @ state) > 4 * np.linalg.norm(b))


def _without_fields(model: IsingModel) -> IsingModel:
    if isinstance(model, BipartiteIsing):
        return BipartiteIsing(model.weights())
    return (
        SparseIsing(model.to_sparse()._J) if isinstance(model, SparseIsing) else DenseIsing(model.couplings())
    )


def _equilibrium(hot: Equilibrium) -> dict[str, Any]:
    return {
        "agreed": hot.agreed,
        "converged": hot.converged,
        "energy_apart": hot.energy_apart,
        "q2": hot.q2,
        "q2_between": hot.q2_between,
        "q2_control": hot.q2_control,
        "round_trips": hot.round_trips,
        "n_steps": hot.n_steps,
        "state_overlap": hot.state_overlap,
        "instability": hot.instability,
        "competitor": hot.competitor,
        "T_over_T": (1 / hot.betas[1:][::-1]).tolist(),
        "q_rms": hot.q_rms[1:][::-1].tolist(),
        "binder": hot.binder[1:][::-1].tolist(),
    }


def _has_couplings(model: IsingModel) -> bool:
    if isinstance(model, TwoLayerIsing):
        return bool(model.weights().any())
    if isinstance(model, SparseIsing):
        return model.n_edges > 0
    return bool(model.couplings().any())


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
    hot: Equilibrium, has_fields: bool, evidence: dict[str, dict[str, Any]]
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


def _count(model: IsingModel, rng: np.random.Generator, share: float) -> observables.MinimaCount | None:
    n = _DESCENTS
    if not isinstance(model, SparseIsing):
        n = int(np.clip(_FLIPS * share / model.n_spins**2, math.ceil(_FEWEST_DESCENTS * share), n))
    try:
        return observables.count_minima(model, n, max_steps=200, rng=rng)
    except ValueError:  # no strict minimum, or too many descents that end in weak ones
        return None


def _accessibility(model: IsingModel, best: float, rng: np.random.Generator) -> dict[str, Any]:
    """Raw and excess, against a proven ground state where that takes a moment."""
    # Without branching: what its proof takes shows only at its root, which may take seconds itself.
    other = choose(exact.METHODS, model, "ground_state", ["branching"])
    proven = other.name is not None and other.cost.seconds < _GROUND_STATE_SECONDS
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


def _ultrametricity(hot: Equilibrium, has_fields: bool, rng: np.random.Generator) -> dict[str, Any]:
    states = hot.states[:: max(1, len(hot.states) // 5)].reshape(-1, hot.states.shape[-1])
    try:
        u = observables.ultrametricity(states, flip=not has_fields, n_null=20, max_states=30, rng=rng)
    except ValueError as error:  # all states equal
        return {"note": str(error)}
    return {
        "subdominant": u.subdominant.value, "subdominant_null": u.subdominant.null_mean, "z": u.subdominant.z,
        "note": "decides nothing: any set of clusters is more ultrametric than chance",
    }  # fmt: skip
