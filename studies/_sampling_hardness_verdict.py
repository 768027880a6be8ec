"""The numbers of the study of relaxation times, and the sentences that they decide."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab.studies import markdown_table

KINDS = {"free": "independent weights", "two": "K = 2 patterns", "half": "K = V/2 patterns"}
QUANTITIES = (
    "std", "entropy", "log_block", "log_sites", "accessibility", "excess", "log_minima", "log_valleys",
    "barrier_F", "barrier_E",
)  # fmt: skip
TRAINED = (
    "nll", "std", "log_sites", "accessibility", "excess", "log_valleys", "barrier_F",
)  # fmt: skip
PROXIES = {
    "accessibility": "accessibility",
    "excess": "excess",
    "log_minima": "ln minima of E",
    "log_valleys": "ln valleys of F",
    "barrier_F": "barrier of F",
    "barrier_E": "barrier of E",
}
EXPECTED = {"accessibility": -1, "excess": -1}  # signs of a good proxy; the others +1
GOOD = 0.8  # rank correlation of a proxy that the sentences call good
BOOTSTRAPS = 300
HOW = {"line": "T/T_line", "std": "std of W", "entropy": "entropy per spin / ln 2"}
Mean = tuple[float, float]


def mean_error(x: Any) -> Mean:
    """Mean and standard error over instances, of what is finite."""
    x = np.asarray(x, dtype=float)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return math.nan, math.nan
    return float(x.mean()), float(x.std(ddof=1) / len(x) ** 0.5)


def difference(a: Any, b: Any) -> Mean:
    """Mean of a minus mean of b, independent instances."""
    (x, dx), (y, dy) = mean_error(a), mean_error(b)
    return x - y, math.hypot(dx, dy)


def rank_correlation(x: np.ndarray, y: np.ndarray) -> float:
    """Spearman's coefficient over all pairs of finite numbers; nan if one of them is constant."""
    from scipy.stats import rankdata

    x, y = x.ravel(), y.ravel()
    both = np.isfinite(x) & np.isfinite(y)
    if both.sum() < 3 or np.ptp(x[both]) == 0 or np.ptp(y[both]) == 0:
        return math.nan
    return float(np.corrcoef(rankdata(x[both]), rankdata(y[both]))[0, 1])


def within(x: np.ndarray, y: np.ndarray) -> float:
    """Mean over groups (rows) of the rank correlation over instances (columns)."""
    each = [rank_correlation(a, b) for a, b in zip(x, y, strict=True)]
    each = [r for r in each if math.isfinite(r)]
    return float(np.mean(each)) if each else math.nan


def bootstrapped(function: Any, x: np.ndarray, y: np.ndarray) -> Mean:
    """function(x, y) and its standard error; instances, the last axis, are drawn anew."""
    rng = np.random.default_rng(0)
    n = x.shape[-1]
    found = []
    for _ in range(BOOTSTRAPS):
        chosen = rng.integers(0, n, n)
        found.append(function(x[..., chosen], y[..., chosen]))
    return function(x, y), float(np.nanstd(found))


def numbers(data: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """What the sentences are made of."""
    V = settings["sizes"][-1]
    untrained = data["untrained"].sel(V=V)
    cells = [(how, x) for how in HOW for x in settings[how]]
    against: dict[str, dict[str, dict[float, Mean]]] = {how: {"two": {}, "half": {}} for how in HOW}
    for i, (how, value) in enumerate(cells):
        part = untrained.isel(cell=i).sel(quantity="log_block")
        for kind in against[how]:
            against[how][kind][value] = difference(part.sel(kind=kind), part.sel(kind="free"))
    return {
        "V": V,
        "against": against,
        "growth": _growth(data["untrained"], settings),
        "trained": _at_equal_likelihood(data["trained"]),
        "correlations": {
            "before training, all": _pooled(untrained, cells, None),
            "before training, one cell": _pooled(untrained, cells, "line"),
            "along training": _along(data["trained"]),
        },
        "block_and_sites": bootstrapped(
            rank_correlation, *(_table(untrained, q) for q in ("log_sites", "log_block"))
        ),
    }


def _table(part: Any, quantity: str) -> np.ndarray:
    """Rows: kinds and cells; columns: instances."""
    x = part.sel(quantity=quantity).transpose("kind", "cell", "replica").values
    return np.asarray(x.reshape(-1, x.shape[-1]), dtype=float)


def _pooled(untrained: Any, cells: list[tuple[str, float]], within_how: str | None) -> dict[str, Mean]:
    """Rank correlations over everything, or over instances of one kind in one cell, averaged over those."""
    part, function = untrained, rank_correlation
    if within_how is not None:
        part = part.isel(cell=[i for i, (how, _) in enumerate(cells) if how == within_how])
        function = within
    y = _table(part, "log_block")
    found = {proxy: bootstrapped(function, _table(part, proxy), y) for proxy in PROXIES}
    if within_how is not None:  # the barrier of E is that of one instance times its scale, like minima
        return found
    return found


def _along(trained: Any) -> dict[str, Mean]:
    """Over epochs after the start and both kinds."""
    part = trained.isel(epoch=slice(1, None))
    y = part.sel(quantity="log_sites").transpose("kind", "epoch", "replica").values
    return {
        proxy: bootstrapped(
            rank_correlation, part.sel(quantity=proxy).transpose("kind", "epoch", "replica").values, y
        )
        for proxy in PROXIES
        if proxy in TRAINED
    }


def _growth(untrained: Any, settings: dict[str, Any]) -> dict[str, dict[float, Mean]]:
    """d ln tau / dV by a straight line through all sizes, by kind and T/T_line; errors by instances."""
    found: dict[str, dict[float, Mean]] = {}
    for kind in KINDS:
        found[kind] = {}
        for i, value in enumerate(settings["line"]):
            y = untrained.isel(cell=i).sel(quantity="log_block", kind=kind).transpose("V", "replica").values
            found[kind][value] = slope(settings["sizes"], y)
    return found


def slope(sizes: Any, y: np.ndarray) -> Mean:
    """Slope of a straight line through the means of y (size, instance), and its error."""
    x = np.array(sizes, dtype=float)
    weights = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    errors = y.std(axis=1, ddof=1) / y.shape[1] ** 0.5
    return float(weights @ y.mean(1)), float(np.sqrt((weights**2) @ errors**2))


def _at_equal_likelihood(trained: Any) -> dict[float, dict[str, Mean]]:
    """ln tau of each kind where the held-out NLL first falls to a target, and the difference."""
    reached = {
        kind: [_path(run) for run in trained.sel(kind=kind).transpose("replica", "epoch", "quantity").values]
        for kind in trained["kind"].values.tolist()
    }
    found = {}
    for target in (10.0, 9.0, 8.0, 7.5, 7.0, 6.75, 6.5, 6.25, 6.0):
        taus = {kind: np.array([at(path, target) for path in paths]) for kind, paths in reached.items()}
        if all(np.isfinite(x).sum() >= 2 for x in taus.values()):
            found[target] = {kind: mean_error(x) for kind, x in taus.items()} | {
                "difference": difference(taus["own"], taus["free"]),
                "runs": tuple(float(np.isfinite(x).sum()) for x in taus.values()),
            }
    return found


def _path(run: np.ndarray) -> np.ndarray:
    """(NLL, ln tau) up to the least NLL."""
    path = run[:, [TRAINED.index("nll"), TRAINED.index("log_sites")]]
    return path[: int(path[:, 0].argmin()) + 1]


def at(path: np.ndarray, target: float) -> float:
    """ln tau where the NLL first falls to the target, on a straight line between epochs; nan if nowhere."""
    below = np.flatnonzero(path[:, 0] <= target)
    if len(below) == 0 or below[0] == 0:
        return math.nan
    (x0, y0), (x1, y1) = path[below[0] - 1 : below[0] + 1]
    return float(y0 + (y1 - y0) * (x0 - target) / (x0 - x1))


def text(x: Mean, digits: int = 2) -> str:
    """Mean and error."""
    return f"{x[0]:.{digits}f} ± {x[1]:.{digits}f}"


def statements(n: dict[str, Any]) -> list[str]:
    """Each word of them follows from the numbers."""
    return [
        *(_held_equal(n["against"][how], how) for how in HOW),
        _depends(n["against"]),
        growing(n["growth"]),
        _after(n["trained"]),
        *(_proxies(pool, found) for pool, found in n["correlations"].items()),
        f"Single-site heat bath and block Gibbs sampling order the machines before training alike to "
        f"{text(n['block_and_sites'])} (rank correlation of ln tau).",
    ]


def sides(found: dict[float, Mean]) -> tuple[list[float], list[float]]:
    """Where a difference is below zero and where above it, by more than 3 errors."""
    faster = [x for x, (mean, error) in found.items() if mean < -3 * error]
    slower = [x for x, (mean, error) in found.items() if mean > 3 * error]
    return faster, slower


def _held_equal(against: dict[str, dict[float, Mean]], how: str) -> str:
    parts = []
    for kind, found in against.items():
        faster, slower = ([f"{x:g}" for x in side] for side in sides(found))
        parts.append(
            f"{KINDS[kind]} faster at {', '.join(faster) or 'none'}, slower at {', '.join(slower) or 'none'}"
        )
    return f"At equal {HOW[how]}, than independent weights by more than 3 errors: {'; '.join(parts)}."


def _depends(against: dict[str, dict[str, dict[float, Mean]]]) -> str:
    both = [sides(found) for kinds in against.values() for found in kinds.values()]
    faster, slower = any(f for f, _ in both), any(s for _, s in both)
    if faster and slower:
        return "So whether patterns are easier to sample depends on what is held equal."
    if faster:
        return "So patterns are easier to sample wherever a difference is seen."
    if slower:
        return "So patterns are harder to sample wherever a difference is seen."
    return "So no difference is seen."


def growing(growth: dict[str, dict[float, Mean]], name: str = "ln tau", digits: int = 2) -> str:
    """Slopes by kind at the lowest temperature, and which of them differ from that of independent weights."""
    value = min(growth["free"])
    slopes = {kind: found[value] for kind, found in growth.items()}
    parts = "; ".join(f"{KINDS[kind]} {text(slope, digits)}" for kind, slope in slopes.items())
    order = []
    for kind in ("two", "half"):
        d = slopes[kind][0] - slopes["free"][0]
        e = math.hypot(slopes[kind][1], slopes["free"][1])
        word = "slower" if d < -3 * e else "faster" if d > 3 * e else "not decidedly different"
        order.append(f"{KINDS[kind]}: {word}")
    return (
        f"Growth of {name} per unit of V at T/T_line = {value:g}: {parts}. Than with independent weights, "
        f"{'; '.join(order)}."
    )


def _after(trained: dict[float, dict[str, Any]]) -> str:
    if not trained:
        return "No held-out likelihood was reached by both kinds of machines."
    found = {target: x["difference"] for target, x in trained.items()}
    faster, slower = ([f"{x:g}" for x in side] for side in sides(found))
    return (
        "Along training on noisy Bars, at equal held-out likelihood, patterns relax faster by more than 3 "
        f"errors at {', '.join(faster) or 'none'} nats and slower at {', '.join(slower) or 'none'}, of "
        f"{', '.join(f'{x:g}' for x in found)}."
    )


def _proxies(pool: str, found: dict[str, Mean]) -> str:
    good, wrong, poor = [], [], []
    for proxy, (rho, error) in found.items():
        signed = rho * EXPECTED.get(proxy, 1)
        name = f"{PROXIES[proxy]} ({rho:+.2f} ± {error:.2f})"
        if not math.isfinite(rho):
            continue
        (good if signed >= GOOD else wrong if signed < -3 * error else poor).append(name)
    return (
        f"Rank correlation with ln tau, {pool}: good proxies (at least {GOOD:g} with the right sign): "
        f"{', '.join(good) or 'none'}; of the wrong sign by 3 errors: {', '.join(wrong) or 'none'}; between: "
        f"{', '.join(poor) or 'none'}."
    )


def verdict(
    data: dict[str, Any], settings: dict[str, Any], preset: str
) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Text, table for programs, numbers for the figure."""
    n = numbers(data, settings)
    said = statements(n)
    cells = [(how, x) for how in HOW for x in settings[how]]
    untrained = data["untrained"].sel(V=n["V"])
    rows = []
    for i, (how, value) in enumerate(cells):
        for kind, name in KINDS.items():
            part = untrained.isel(cell=i).sel(kind=kind)
            rows.append(
                [HOW[how], f"{value:g}", name, *(text(mean_error(part.sel(quantity=q))) for q in QUANTITIES)]
            )
    trained_rows = [
        [f"{target:g}", text(x["free"]), text(x["own"]), text(x["difference"]),
         " / ".join(f"{r:.0f}" for r in x["runs"])]
        for target, x in n["trained"].items()
    ]  # fmt: skip
    growth_rows = [
        [f"{x:g}", *(text(n["growth"][kind][x], 3) for kind in KINDS)] for x in n["growth"]["free"]
    ]
    along = []
    for kind in data["trained"]["kind"].values.tolist():
        for e in settings["epochs"]:
            part = data["trained"].sel(kind=kind, epoch=e)
            along.append([kind, str(e), *(text(mean_error(part.sel(quantity=q))) for q in TRAINED)])
    body = "\n".join(
        [
            f"# Relaxation times, preset {preset}\n",
            f"Slowest mode of block Gibbs sampling in the sector even under v -> -v, exact; before training "
            f"V = H = {n['V']} ({settings['instances']} instances each), along training on 4x4 "
            f"Bars with 5 % of the pixels inverted V = 16, H = {settings['H']}, "
            f"K = {settings['K']} ({settings['runs']} runs each, exact gradients, no biases; heat bath on "
            f"F(v)); spinlab {sl.__version__}, seed {settings['seed']}. Errors: standard errors over "
            "instances or runs; of rank correlations by bootstrap over instances.\n",
            *(f"- {sentence}" for sentence in said),
            "\nBefore training (ln tau of block Gibbs steps and of heat-bath sweeps; minima and barrier of "
            "E over flips of all spins, of F over flips of visible ones, inverses counted once):\n",
            markdown_table(["held equal", "at", "weights", *QUANTITIES], rows),
            "Growth of ln tau per unit of V, at T/T_line:\n",
            markdown_table(["T/T_line", *KINDS.values()], growth_rows),
            "On Bars, ln tau where the held-out NLL first falls to the value (runs that reach it):\n",
            markdown_table(["NLL", "free weights", "patterns", "difference", "runs"], trained_rows),
            "Along training:\n",
            markdown_table(["weights", "epoch", *TRAINED], along),
        ]
    )
    table = {
        "study": "sampling_hardness",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings,
        "statements": said,
        "numbers": _plain(n),
    }
    return body, table, n


def _plain(x: Any) -> Any:
    """Keys as text, for JSON."""
    if isinstance(x, dict):
        return {str(k): _plain(v) for k, v in x.items()}
    return x
