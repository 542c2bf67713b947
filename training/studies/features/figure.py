"""Pictures of the studies of features: accuracy over noise levels, a line an encoder level or a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.studies.features.probing import ALL_LEVELS, LOGSNR

COLOURS = ("#56b4e9", "#009e73", "#d55e00", "#cc79a7")  # Okabe & Ito's, apart with any colour blindness
MARKERS = "osD^"
Points = Sequence[Mapping[str, Any]]  # a point a noise level: `logsnr`, `accuracy` and `accuracy_interval`


class ProbeFigures(TypedDict):
    """What is drawn of one network: a line an encoder level."""

    checkpoint: str
    n: int
    slides: int
    larger_class: float
    series: Mapping[str, Points]


class ObjectiveFigures(TypedDict):
    """What is drawn of several trainings: of each, a line an encoder level."""

    n: int
    slides: int
    seeds: Sequence[int]
    larger_class: float
    series: Mapping[str, Mapping[str, Points]]


def draw_accuracy(axis: Axes, points: Points, label: str, shift: float, **style: Any) -> None:
    """One line of accuracies with their intervals over λ, moved by `shift` lest intervals hide each other.

    `style` is what matplotlib's `errorbar` takes.
    """
    accuracy = np.array([point["accuracy"] for point in points])
    intervals = np.array([point["accuracy_interval"] for point in points])
    axis.errorbar(
        [point["logsnr"] + shift for point in points],
        accuracy,
        yerr=[accuracy - intervals[:, 0], intervals[:, 1] - accuracy],
        label=label,
        markersize=5,
        linewidth=1.6,
        elinewidth=1,
        capsize=2,
        **style,
    )


def draw_probes(figures: ProbeFigures, widths: Sequence[int], path: Path) -> None:
    """Accuracy with its interval over λ, a line for each encoder level, for all of them and for the head, as PNG."""
    figure = Figure(figsize=(7, 4.4), layout="constrained", dpi=150)
    axis = figure.subplots()
    for i, (name, points) in enumerate(figures["series"].items()):
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        if name == "head":
            name, style = "classifier", {"color": "black", "marker": "x", "linestyle": (0, (4, 2))}
        channels = f" ({widths[i]} channels)" if i < len(widths) else ""
        draw_accuracy(axis, points, name + channels, 0.09 * (i - 2), **style)
    axis.axhline(figures["larger_class"], color="gray", linewidth=1, linestyle=":")
    axis.annotate("larger class", (axis.get_xlim()[1], figures["larger_class"]), ha="right", va="bottom", color="gray")
    axis.set(
        xlabel="log-SNR of the noisy cell (left: more noise)",
        xticks=LOGSNR,
        ylabel="accuracy on unseen slides",
        title=f"What the features of {figures['checkpoint']} know: {figures['n']} cells of {figures['slides']} slides",
    )
    axis.legend(frameon=False, loc="lower right")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


def draw_objectives(figures: ObjectiveFigures, path: Path) -> None:
    """Accuracy over λ as PNG: a panel an encoder level and one for all, in each a line an objective."""
    series = figures["series"]
    levels = list(series[next(iter(series))])
    figure = Figure(figsize=(3.4 * len(levels), 3.8), layout="constrained", dpi=120)
    for level, axis in zip(levels, figure.subplots(1, len(levels), sharey=True), strict=True):
        for i, (name, of_level) in enumerate(series.items()):
            draw_accuracy(axis, of_level[level], name, 0.12 * (i - 1), color=COLOURS[i], marker=MARKERS[i])
        axis.axhline(figures["larger_class"], color="gray", linewidth=1, linestyle=":")
        axis.set(title=level, xlabel="log-SNR (left: more noise)", xticks=LOGSNR)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        if level == levels[0]:
            axis.set_ylabel("accuracy on unseen slides")
        if level == ALL_LEVELS:
            axis.legend(frameon=False, loc="lower right")
    figure.suptitle(
        f"What each training lays open: {figures['n']} cells of {figures['slides']} slides, "
        f"{len(figures['seeds'])} seeds; dotted: the larger class"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
