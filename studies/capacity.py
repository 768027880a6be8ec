"""How many patterns can weights of the form (E2) retrieve (arXiv:1910.01592, Appendix E)?

Claim: a hybrid machine of regularized axons marginalises to J_ij = (1/K) sum_kk' xi_i^k xi_j^k' M_kk' with
M_kk' = sum_h xi_h^k xi_h^k', which is not the Hebbian form, whose capacity is .14 N. Whether its capacity can
be higher is left open there.

Measured: visible patterns are random; the hidden parts, which make M, are random too, or chosen. The best
known choice is M = C^-1 with C_kk' = xi^k.xi^k'/N (projection on the patterns; Kanter and Sompolinsky, Phys.
Rev. A 35, 380 (1987)). It is positive, so that real hidden parts give it exactly. Binary ones come near
it: H units, each the signs of one draw of K Gaussian numbers whose signs have the correlations of C^-1
(covariance sin(pi rho/2)).

Figure: share of patterns that a descent from 5 % wrong spins brings back (overlap above .9), against K/N.

Expected: random hidden parts less than Hebb (.14), equal for H >> K; C^-1 far beyond.

Runtime: paper preset about a CPU minute, small preset seconds.
Verdict: computed, docs/verdicts/capacity.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting
from spinlab.studies import Output, markdown_table

RULES = {
    "hebb": "Hebb, M = 1",
    "random_4": "random hidden parts, H = 4 K",
    "random_64": "random hidden parts, H = 64 K",
    "inverse": "real hidden parts, M = 1/C",
    "signs_64": "binary hidden parts near 1/C, H = 64 K",
}
WRONG, KEPT = 0.05, 0.9
HEBBIAN = 0.14
SMALL: dict[str, Any] = {"N": 100, "load": (0.05, 0.2, 0.4), "instances": 3, "seed": 12}
PAPER: dict[str, Any] = {
    "N": 400,
    "load": (0.05, 0.1, 0.12, 0.14, 0.16, 0.2, 0.3, 0.4, 0.5, 0.6),
    "instances": 6,
    "seed": 12,
}


def couplings(rule: str, xi: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """J of the form (E2) without its diagonal, up to a factor, for visible patterns (K, N)."""
    K, N = xi.shape
    kind, _, ratio = rule.partition("_")
    if kind == "hebb":
        M = np.eye(K)
    elif kind == "random":
        hidden = 2.0 * rng.integers(0, 2, (K, int(ratio) * K)) - 1
        M = hidden @ hidden.T / hidden.shape[1]
    else:
        M = np.linalg.inv(xi @ xi.T / N)
        if kind == "signs":
            d = np.sqrt(np.diag(M))
            hidden = signs_with(M / np.outer(d, d), int(ratio) * K, rng) * d[:, None]
            M = hidden @ hidden.T / hidden.shape[1]
    J = xi.T @ M @ xi / N
    np.fill_diagonal(J, 0.0)
    return np.asarray((J + J.T) / 2)


def signs_with(rho: np.ndarray, H: int, rng: np.random.Generator) -> np.ndarray:
    """H columns of K signs with correlations rho: <sign x sign y> = (2/pi) arcsin of that of x and y.

    Negative eigenvalues of sin(pi rho/2), where there are any, are set to zero.
    """
    values, vectors = np.linalg.eigh(np.sin(np.pi / 2 * rho))
    root = vectors * np.sqrt(np.maximum(values, 0))
    return np.where(root @ rng.standard_normal((len(rho), H)) >= 0, 1.0, -1.0)


def point(rule: str, load: float, N: int, rng: int) -> dict[str, Any]:
    """Share of patterns that come back, and their mean overlap, of up to 20 patterns of one instance."""
    generator = np.random.default_rng(rng)
    K = round(load * N)
    xi = 2 * generator.integers(0, 2, (K, N)).astype(np.int8) - 1
    model = sl.models.DenseIsing(couplings(rule, xi.astype(float), generator))
    asked = xi[:20]
    start = np.where(generator.random(asked.shape) < WRONG, -asked, asked).astype(np.int8)
    ends = sl.dynamics.descend(model, len(start), initial=start, rng=generator, threads=1)
    m = (ends.states * asked).mean(1)
    return {"kept": (m > KEPT).mean(), "overlap": m.mean()}


def sweep(preset: dict[str, Any]) -> sl.sweeps.Sweep:
    """Every rule at every load, on the same patterns."""
    return sl.sweeps.Sweep(
        point,
        axes={"rule": tuple(RULES), "load": preset["load"]},
        fixed={"N": preset["N"]},
        replicas=preset["instances"],
        seed=preset["seed"],
        pair_over=("rule",),
    )


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = output.run(sweep(settings), "capacity", workers, progress)
    output.figure(plot(data, settings), "capacity")
    output.verdict(*verdict(data, settings, preset))
    return output


def plot(data: Any, settings: dict[str, Any]) -> Any:
    """Share of patterns kept against the load."""
    import matplotlib.pyplot as plt

    with plotting.style():
        figure, ax = plt.subplots(figsize=(7.4, 5), layout="constrained")
        for i, (rule, words) in enumerate(RULES.items()):
            look = {"color": plotting.COLOURS[i], "marker": plotting.MARKERS[i], "label": words}
            plotting.lines(ax, data["kept"].sel(rule=rule), "load", **look)
        label = f"limit of Hebb, N to infinity: {HEBBIAN:g}"
        ax.axvline(HEBBIAN, color="black", linestyle="--", linewidth=1, label=label)
        ax.set(
            xlabel="load $K/N$", ylabel=f"share of patterns kept (overlap > {KEPT:g})",
            title=f"N = {settings['N']}, descent from {WRONG:.0%} wrong spins",
        )  # fmt: skip
        figure.legend(*ax.get_legend_handles_labels(), fontsize=9, ncols=2, loc="outside lower center")
    return figure


def capacity(load: np.ndarray, kept: np.ndarray) -> float:
    """Largest load up to which at least half of the patterns are kept; 0 if that fails at the first one."""
    good = np.asarray(kept) >= 0.5
    return float(load[len(good) - 1 if good.all() else good.argmin() - 1]) if good[0] else 0.0


def statements(load: np.ndarray, kept: dict[str, np.ndarray]) -> list[str]:
    """Sentences from the mean share of patterns kept, by rule."""
    found = {rule: capacity(load, x) for rule, x in kept.items()}
    last = float(load[-1])

    def words(rule: str) -> str:
        return f"{'at least ' * (found[rule] == last)}{found[rule]:g}"

    higher = [r for r in ("inverse", "signs_64") if found[r] > found["hebb"]]
    said = [
        f"Hebbian weights keep half of the patterns up to a load of {words('hebb')} (theory .14 at "
        f"infinite size).",
        "Random hidden parts "
        + (
            "reach no more than that"
            if max(found["random_4"], found["random_64"]) <= found["hebb"]
            else "reach more than that"
        )
        + f": {words('random_4')} with H = 4 K, {words('random_64')} with H = 64 K.",
        f"Hidden parts made for M = 1/C {'reach more' if 'inverse' in higher else 'do not reach more'}: "
        f"{words('inverse')} with real numbers, {words('signs_64')} with +-1 and H = 64 K.",
        f"So the form (E2) {'allows' if higher else 'does not show'} a capacity beyond that of Hebbian "
        f"weights.",
    ]
    return said


def verdict(data: Any, settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Shares by rule and load."""
    load = np.array(settings["load"])
    kept = {rule: data["kept"].sel(rule=rule).mean("replica").values for rule in RULES}
    error = {
        rule: data["kept"].sel(rule=rule).std("replica", ddof=1).values / settings["instances"] ** 0.5
        for rule in RULES
    }
    said = statements(load, kept)
    rows = [[f"{x:g}", *(f"{kept[r][i]:.2f} ± {error[r][i]:.2f}" for r in RULES)] for i, x in enumerate(load)]
    body = "\n".join(
        [
            f"# Capacity of weights (E2), preset {preset}\n",
            f"N = {settings['N']}, {settings['instances']} instances, up to 20 patterns each; descents from "
            f"{WRONG:.0%} wrong spins, kept: overlap above {KEPT:g}; spinlab {sl.__version__}, seed "
            f"{settings['seed']}. Errors are standard errors over instances.\n",
            "\n".join(f"- {sentence}" for sentence in said) + "\n",
            markdown_table(["K/N", *RULES.values()], rows),
        ]
    )
    return body, {
        "study": "capacity",
        "preset": preset,
        "settings": settings,
        "sentences": said,
        "capacity": {rule: capacity(load, x) for rule, x in kept.items()},
    }
