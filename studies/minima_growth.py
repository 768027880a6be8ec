"""Growth of the number of minima of two layers, over the loads K/V and K/H.

Claim (arXiv:1910.01592): an RBM with regularized axons has few minima, one with independent weights
exponentially many.

Figure: strictly one-flip-stable states of both layers together, exact numbers. (a) Against V at equal
layers, mean and typical (exp of the mean of ln), with the slopes of theory. (b) Rates of growth per
visible spin at all loads and shapes against the complexity of infinite size, mean and typical. (c) At the
sizes of Fig. 1, H = 999 hidden units and V growing at a fixed number of patterns: ln of the number per
visible spin.

Expected: left, straight lines; middle, points on the diagonal, more so at higher load; right, independent
weights near ln 2 (every visible state is a minimum), few patterns far below and falling with V.

Runtime: paper preset about 5 minutes on 2 cores, small preset seconds.
Verdict: at fixed K/V and K/H the number grows exponentially, with a rate that depends on both loads and not
on K/(V+H); the mean and the typical number grow alike within a few per cent at these sizes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import spinlab as sl
from spinlab import plotting, theory
from spinlab.studies import Output, markdown_table

from . import _figures

# K, V and H are odd, so that all fields are odd and none is zero.
SMALL: dict[str, Any] = {
    "sizes": {1.0: (5, 7, 9, 11), 3.0: (5, 7, 9, 11), math.inf: (5, 7, 9, 11)},
    "gamma": (1, 5),
    "instances": 60,
    "wide": {"K": (3, 9), "V": (5, 9, 13), "H": 199, "instances": 4},
    "seed": 4,
}
PAPER: dict[str, Any] = {
    "sizes": {
        1 / 3: (3, 9, 15, 21),
        1.0: (5, 7, 9, 11, 13, 15, 17),
        3.0: (5, 7, 9, 11, 13, 15, 17),
        math.inf: (5, 7, 9, 11, 13, 15),
    },
    "gamma": (1, 3, 5),
    "instances": 100,
    "wide": {"K": (3, 9, 27), "V": (5, 7, 9, 11, 13, 15), "H": 999, "instances": 10},
    "seed": 4,
}


def point(load: float, gamma: int, V: int, rng: int) -> dict[str, Any]:
    """Strict minima of one instance at K/V = load and H/V = gamma (infinite load: independent weights)."""
    if math.isinf(load):
        model: sl.models.IsingModel = sl.ensembles.rbm_gaussian(V, gamma * V, rng=rng)
    else:
        model = sl.ensembles.ra_rbm(V, gamma * V, round(load * V), rng=rng)
    return {"count": sl.observables.count_minima(model, method="exact").count.value}


def wide_point(K: int, V: int, H: int, rng: int) -> dict[str, Any]:
    """Strict minima of one instance with K patterns (0: independent weights)."""
    model = sl.ensembles.ra_rbm(V, H, K, rng=rng) if K else sl.ensembles.rbm_gaussian(V, H, rng=rng)
    return {"count": sl.observables.count_minima(model, method="exact").count.value}


def sweeps(preset: dict[str, Any]) -> dict[str, sl.sweeps.Sweep]:
    """Name to sweep."""
    result = {
        name(load): sl.sweeps.Sweep(
            point,
            axes={"gamma": preset["gamma"], "V": sizes},
            fixed={"load": load},
            replicas=preset["instances"],
            seed=preset["seed"],
        )
        for load, sizes in preset["sizes"].items()
    }
    wide = preset["wide"]
    result["wide"] = sl.sweeps.Sweep(
        wide_point,
        axes={"K": (*wide["K"], 0), "V": wide["V"]},
        fixed={"H": wide["H"]},
        replicas=wide["instances"],
        seed=preset["seed"],
    )
    return result


def name(load: float) -> str:
    """Name of the sweep at one K/V."""
    return f"load_{load:.3g}"


def main(preset: str, out: str, workers: int | None = None, progress: bool = True) -> Output:
    """Run or resume the study and write figure, data and verdict."""
    output = Output(out)
    settings = {"small": SMALL, "paper": PAPER}[preset]
    data = {
        key: output.run(sweep, f"minima_growth_{key}", workers, progress)
        for key, sweep in sweeps(settings).items()
    }
    output.figure(plot(data, settings), "minima_growth")
    output.verdict(*verdict(data, settings, preset))
    return output


def complexity(load: float, gamma: int) -> float:
    """Rate of the mean number per visible spin, infinite size."""
    if math.isinf(load):
        return float(theory.minima.gaussian_rbm(gamma))
    return float(theory.minima.ra_rbm(load, load / gamma))


def rates(data: dict[str, Any], load: float, gamma: int) -> sl.observables.GrowthRates:
    """Measured growth with V, smallest size left out."""
    count = data[name(load)]["count"].sel(gamma=gamma).isel(V=slice(1, None))
    return sl.observables.growth_rates(
        count["V"].values, [count.sel(V=V).values.astype(float) for V in count["V"].values]
    )


def label(load: float) -> str:
    """K/V in words."""
    return "independent" if math.isinf(load) else f"$K/V={load:.3g}$"


def plot(data: dict[str, Any], settings: dict[str, Any]) -> Any:
    """Numbers, rates, and the sizes of Fig. 1; the fourth cell has the legends."""
    import matplotlib.pyplot as plt

    from spinlab.plotting.style import COLOURS, MARKERS

    with plotting.style():
        figure, ((left, right), (low, key)) = plt.subplots(2, 2, figsize=(7.6, 6.6), layout="constrained")
        for i, load in enumerate(settings["sizes"]):
            look = {"color": COLOURS[i], "marker": MARKERS[i]}
            count = data[name(load)]["count"].sel(gamma=1)
            V = count["V"].values
            plotting.lines(left, count, "V", **look, linestyle="none", label=label(load))
            typical = np.exp(np.log(count).mean("replica").values)
            left.plot(V, typical, **look, linestyle="none", markerfacecolor="none")
            anchor = float(count.isel(V=-1).mean()) * np.exp(complexity(load, 1) * (V - V[-1]))
            left.plot(V, anchor, color=COLOURS[i], linewidth=1)
            for gamma in settings["gamma"]:
                measured, expected = rates(data, load, gamma), complexity(load, gamma)
                for rate, filled in ((measured.mean, True), (measured.typical, False)):
                    right.errorbar(
                        expected, rate.value, rate.error, **look, markerfacecolor=None if filled else "none"
                    )
                right.annotate(
                    f"{gamma}", (expected, measured.mean.value), xytext=(4, -12), textcoords="offset points",
                    fontsize=8, color=COLOURS[i],
                )  # fmt: skip
        diagonal = np.array([0, math.log(2)])
        right.plot(diagonal, diagonal, color="black", linewidth=0.8, zorder=0)
        left.plot([], [], "o", color="grey", markerfacecolor="none", label="typical number")
        left.plot([], [], color="grey", linewidth=1, label="theory's slope")
        left.set(yscale="log", xlabel="visible units $V$", ylabel="strict minima", ylim=(1, None))
        left.set_title("equal layers, $H=V$")
        right.set(
            xlabel=r"complexity $\Sigma$ per visible unit, theory", ylabel="measured rate per visible unit"
        )
        right.set_title("rates of growth (labels: $H/V$)")
        wide = np.log(data["wide"]["count"]) / data["wide"]["V"]
        number = [K for K in wide["K"].values.tolist() if K]
        shade = dict(zip(number, _figures.shades(len(number)), strict=True))
        for i, K in enumerate(wide["K"].values.tolist()):
            independent = len(settings["sizes"]) - 1  # the look it has in the other panels
            look = {"color": shade.get(K, COLOURS[independent]), "marker": MARKERS[i if K else independent]}
            plotting.lines(low, wide.sel(K=K), "V", label=f"$K={K}$" if K else "independent", **look)
        low.axhline(math.log(2), color="black", linewidth=0.8, linestyle="--", label=r"$\ln 2$")
        low.set(xlabel="visible units $V$", ylabel=r"$\ln(\mathrm{number})/V$", ylim=(0, 0.75))
        low.set_title(f"fixed $K$, $H={settings['wide']['H']}$")
        _figures.letters((left, right, low))
        key.axis("off")
        first = key.legend(*left.get_legend_handles_labels(), title="(a), (b)", fontsize=9, loc="upper left")
        key.add_artist(first)
        key.legend(*low.get_legend_handles_labels(), title="(c)", fontsize=9, loc="upper right")
    return figure


def same_total(settings: dict[str, Any], data: dict[str, Any]) -> str:
    """Rates of two shapes with one K/(V+H), in words."""
    loads = [x for x in settings["sizes"] if not math.isinf(x)]
    cells = [(load / (1 + gamma), load, gamma) for load in loads for gamma in settings["gamma"]]
    for total, load, gamma in cells:
        for other, load2, gamma2 in cells:
            if math.isclose(total, other) and load < load2:
                a, b = rates(data, load, gamma).mean, rates(data, load2, gamma2).mean
                far = abs(a.value - b.value) > 5 * math.hypot(a.error, b.error)
                return (
                    f"The rate per visible unit {'is no' if far else 'may be a'} function of K/(V+H): "
                    f"at {total:.3g} it is {a.value:.3f} ± {a.error:.3f} for "
                    f"K/V = {load:.3g}, H/V = {gamma}, and {b.value:.3f} ± {b.error:.3f} for "
                    f"K/V = {load2:.3g}, H/V = {gamma2} "
                    f"({a.value / (1 + gamma):.3f} and {b.value / (1 + gamma2):.3f} per unit)"
                )
    return "No two shapes here have the same K/(V+H)"


def against_theory(high: list[float], low: list[tuple[float, float]], errors: list[float]) -> str:
    """Relative differences from the complexity at K/V >= 1, and with their errors below."""
    text = (
        f"Against the complexity of infinite size, slopes of ln(mean) differ by {min(high):+.1%} to "
        f"{max(high):+.1%} at K/V >= 1"
    )
    if low:
        text += f", and by up to {max((x for x, _ in low), key=abs):+.1%} at lower load"
    text += f", with errors of {min(errors):.1%} to {max(errors):.1%}"
    if any(abs(x) > 3 * e for x, e in low):
        text += ": at low load, where K is a few, sizes of tens of units are not asymptotic"
    return text + "."


def statements(
    growing: bool, gaps: list[float], few: float, many: float, wide: tuple[int, int, int]
) -> list[str]:
    """Growth, mean against typical rates, and the counts at H, V of ``wide`` with its K patterns and none."""
    H, V, K = wide
    return [
        f"At fixed K/V and K/H the number {'grows' if growing else 'DOES NOT EVERYWHERE GROW'} exponentially "
        "at every load and shape measured (typical rate above 5 errors), few patterns per unit included.",
        f"Mean and typical rates differ by {min(gaps):+.1%} to {max(gaps):+.1%} of the complexity"
        + (": no instance dominates at these sizes." if max(map(abs, gaps)) < 0.1 else "."),
        f"At the sizes of Fig. 1 (H = {H}, V = {V}): {few:.4g} minima for {K} patterns, {many:.5g} of {2**V} "
        "visible states for independent weights"
        + (
            ": nearly every visible state is a minimum with its best hidden state."
            if many > 0.9 * 2**V
            else "."
        ),
    ]


def verdict(data: dict[str, Any], settings: dict[str, Any], preset: str) -> tuple[str, dict[str, Any]]:
    """Rates against complexities, and counts at the sizes of Fig. 1."""
    rows, off, errors, growing, gaps = [], [], [], True, []
    for load, sizes in settings["sizes"].items():
        for gamma in settings["gamma"]:
            measured, expected = rates(data, load, gamma), complexity(load, gamma)
            mean, typical = measured.mean, measured.typical
            last = data[name(load)]["count"].sel(gamma=gamma, V=sizes[-1])
            total = "inf" if math.isinf(load) else f"{load / (1 + gamma):.3g}"
            loads = ["inf", "inf"] if math.isinf(load) else [f"{load:.3g}", f"{load / gamma:.3g}"]
            rows.append(
                [*loads, str(gamma), total, str(sizes[-1]), f"{float(last.mean()):.5g}",
                 f"{float(np.exp(np.log(last).mean())):.5g}", f"{mean.value:.4f} ± {mean.error:.4f}",
                 f"{typical.value:.4f} ± {typical.error:.4f}", f"{expected:.4f}"]
            )  # fmt: skip
            off.append(mean.value / expected - 1)
            errors.append(mean.error / expected)
            gaps.append((mean.value - typical.value) / expected)
            growing &= bool(typical.value > 5 * typical.error)
    wide = np.log(data["wide"]["count"]).mean("replica") / data["wide"]["V"]
    wide_rows = [
        [str(K) if K else "independent", *(f"{float(wide.sel(K=K, V=V)):.3f}" for V in wide["V"].values)]
        for K in wide["K"].values.tolist()
    ]
    largest = int(settings["wide"]["V"][-1])
    few, many = (data["wide"]["count"].sel(V=largest, K=K).mean() for K in (settings["wide"]["K"][0], 0))
    high = [x for x, row in zip(off, rows, strict=True) if row[0] == "inf" or float(row[0]) >= 1]
    low = [
        (x, e) for x, e, row in zip(off, errors, rows, strict=True) if row[0] != "inf" and float(row[0]) < 1
    ]
    wide_at = (settings["wide"]["H"], largest, settings["wide"]["K"][0])
    grows, typical_too, at_fig1 = statements(growing, gaps, float(few), float(many), wide_at)
    text = "\n".join(
        [
            f"# Minima of two layers, preset {preset}\n",
            "Strictly one-flip-stable states of both layers, exact counts, both states of a global flip "
            f"counted; K, V, H odd; {settings['instances']} instances per point, "
            f"{settings['wide']['instances']} at H = {settings['wide']['H']}; spinlab {sl.__version__}, "
            f"seed {settings['seed']}.\n",
            f"- {grows}",
            f"- {against_theory(high, low, errors)}",
            f"- {typical_too}",
            f"- {same_total(settings, data)}.",
            f"- {at_fig1}\n",
            "Rates per visible unit, smallest size left out:\n",
            markdown_table(
                ["K/V", "K/H", "H/V", "K/(V+H)", "largest V", "mean", "typical", "rate of mean",
                 "typical rate", "theory"],
                rows,
            ),
            f"ln(number)/V at H = {settings['wide']['H']} (ln 2 = 0.693 is every visible state):\n",
            markdown_table(["K", *(f"V = {V}" for V in wide["V"].values)], wide_rows),
        ]
    )  # fmt: skip
    return text, {
        "study": "minima_growth",
        "preset": preset,
        "version": sl.__version__,
        "settings": settings | {"sizes": {f"{k:.3g}": v for k, v in settings["sizes"].items()}},
        "grows_everywhere": growing,
        "off_theory": off,
        "rates": rows,
        "wide": wide_rows,
    }
