"""The figure of the scores study: accuracy over draws, what stopping early costs, and the reliability diagrams."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.metrics import sample
from training.studies.scores.curves import DRAWS

# Okabe & Ito's colours, apart with any colour blindness.
SCHEMES = {"independent": ("#d55e00", "s"), "shared": ("#56b4e9", "o"), "stratified": ("#009e73", "D")}
VERDICTS = {"head": ("#0072b2", "o"), "posterior": ("#cc79a7", "s"), "combination": ("black", "x")}
TITLES = {
    "elbo": "the bound",
    "simple": "plain error, all times",
    "window": "the window",
    "posterior": "window and bias",
}


def draw_scores(figures: dict[str, Any], path: Path) -> None:
    """Draws the figures of `training.studies.scores.measure.study_scores` as PNG."""
    count = len(figures["curves"])
    figure = Figure(figsize=(4 * max(count, 3), 8), layout="constrained", dpi=130)
    top, bottom = np.asarray(figure.subfigures(2, 1))
    axes = top.subplots(1, count, sharey=True, squeeze=False)[0]
    for axis, (name, schemes) in zip(axes, figures["curves"].items(), strict=True):
        _curves(axis, schemes)
        axis.set_title(f"{name}: {TITLES[name]}")
    axes[0].set_ylabel("accuracy")
    axes[-1].legend(frameon=False, loc="lower right")  # where no curve runs
    stopping, *diagrams = bottom.subplots(1, 2)
    _stopping(stopping, figures)
    _reliability(diagrams[0], figures["verdicts"])
    for axis in (*axes, stopping, *diagrams):
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(f"{figures['checkpoint']}, {figures['test_set']}: {sample(figures)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def _curves(axis: Axes, schemes: dict[str, Any]) -> None:
    for i, (scheme, found) in enumerate(schemes.items()):
        colour, marker = SCHEMES[scheme]
        points = found["points"]
        accuracy = np.array([point["accuracy"] for point in points])
        intervals = np.array([point["accuracy_interval"] for point in points])
        axis.errorbar(
            [point["draws"] * 1.04 ** (i - 1) for point in points],
            accuracy,
            yerr=np.abs(intervals.T - accuracy),
            color=colour,
            marker=marker,
            markersize=5,
            linewidth=1.6,
            elinewidth=1,
            capsize=2,
            label=f"{scheme} (n {found['n']})",
        )
    axis.set_xscale("log")
    axis.set_xticks(DRAWS, [str(draws) if draws != 20 else "" for draws in DRAWS])  # no room beside 16
    axis.minorticks_off()
    axis.set_xlabel("draws")


def _stopping(axis: Axes, figures: dict[str, Any]) -> None:
    for (limit, rows), colour in zip(figures["stopping"].items(), ("#e69f00", "#009e73"), strict=True):
        axis.plot(
            [row["draws"] for row in rows],
            [row["differs"] for row in rows],
            color=colour,
            marker="o",
            markersize=4,
            label=f"at most {limit} draws",
        )
    axis.set(xlabel="mean draws", ylabel="decisions that all draws would change", title="stopping early")
    axis.legend(frameon=False)


def _reliability(axis: Axes, verdicts: dict[str, Any]) -> None:
    axis.plot([0, 1], [0, 1], color="gray", linewidth=1, linestyle=":")
    for name, (colour, marker) in VERDICTS.items():
        bins, n = verdicts[name]["bins"], sum(b["n"] for b in verdicts[name]["bins"])
        # A bin of three cells may lie anywhere: no line leads to it, and its mark is small.
        axis.scatter(
            [b["confidence"] for b in bins],
            [b["accuracy"] for b in bins],
            s=[10 + 190 * (b["n"] / n) ** 0.5 for b in bins],
            color=colour,
            marker=marker,
            alpha=0.75,
            clip_on=False,
            linewidths=1.2,
            label=f"{name}: ECE {verdicts[name]['ece']:.3f}, Brier {verdicts[name]['brier']:.3f}",
        )
    lowest = min(b["low"] for name in VERDICTS for b in verdicts[name]["bins"])
    axis.set(
        xlim=(lowest, 1.01),
        ylim=(0, 1.03),
        xlabel="confidence",
        ylabel="accuracy of the cells in a bin",
        title="reliability, a bin's mark by how many it holds",
    )
    axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
