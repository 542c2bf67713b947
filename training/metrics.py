"""Accuracy, AUROC and expected calibration error, with intervals that respect that cells of a slide are alike."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import beta

from jdm_core.files import replace_file

Metric = Callable[[np.ndarray, np.ndarray], float]
Summary = dict[str, float | list[float]]  # figures by name, the interval of each under NAME_interval
Json = dict[str, Any]  # plain JSON values by name, nested as the manifest and the studies' files hold them
BINS = 15
RESAMPLES = 2000


def auroc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Area under the ROC curve of scores (N,) for `positive` (N,) bool; ties count half; NaN with one class."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum() - (counts - 1) / 2)[inverse]
    n1 = int(positive.sum())
    n0 = len(positive) - n1
    if n1 == 0 or n0 == 0:
        return float("nan")
    return float((ranks[positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of cells whose most probable class is their label; probabilities (N, K), labels (N,)."""
    return float((probabilities.argmax(1) == labels).mean())


def balanced_accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over the classes of the share of a class's cells that are taken for it; NaN where a class has no cell."""
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    right = np.bincount(labels[probabilities.argmax(1) == labels], minlength=probabilities.shape[1])
    return float((right / counts).mean()) if counts.all() else float("nan")


def first_class_auroc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """AUROC of the first class's probability."""
    return auroc(probabilities[:, 0], labels == 0)


def mean_auroc(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """AUROC of the first of two classes; of more, the mean over the classes, each against the rest."""
    if probabilities.shape[1] == 2:
        return first_class_auroc(probabilities, labels)
    areas = [auroc(probabilities[:, k], labels == k) for k in range(probabilities.shape[1])]
    return float(np.mean([area for area in areas if not np.isnan(area)] or [np.nan]))


def expected_calibration_error(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean gap of confidence and accuracy over 15 bins of equal width of the confidence (Guo et al. 2017)."""
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weights=correct - confidence, minlength=BINS)
    return float(np.abs(gaps).sum() / len(labels))


METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "auroc": mean_auroc,
    "ece": expected_calibration_error,
}


def clustered_interval(
    metric: Metric, probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str], seed: int = 0
) -> list[float]:
    """95 % percentile interval of a metric from 2,000 bootstrap samples of whole slides (Field & Welsh 2007)."""
    _, index = np.unique(np.asarray(slides), return_inverse=True)
    groups = [np.flatnonzero(index == slide) for slide in range(index.max() + 1)]
    generator = np.random.default_rng(seed)
    alone = np.concatenate(groups) if len(groups) == len(labels) else None  # a slide each: far faster to draw from
    values = []
    for _ in range(RESAMPLES):
        drawn = generator.integers(len(groups), size=len(groups))
        chosen = np.concatenate([groups[i] for i in drawn]) if alone is None else alone[drawn]
        values.append(metric(probabilities[chosen], labels[chosen]))
    if np.isnan(values).all():  # undefined on every sample: an AUROC of one class
        return [float("nan"), float("nan")]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return [float(low), float(high)]


def summarise(
    probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str], metrics: Mapping[str, Metric] = METRICS
) -> Summary:
    """Every metric as its value, and its interval under NAME_interval; plain JSON values."""
    figures: Summary = {}
    for name, metric in metrics.items():
        figures[name] = round(metric(probabilities, labels), 5)
        figures[f"{name}_interval"] = [round(v, 5) for v in clustered_interval(metric, probabilities, labels, slides)]
    return figures


def exact_interval(right: int, n: int) -> tuple[float, float]:
    """95 % interval of a share, `right` of `n` independent ones (Clopper & Pearson 1934)."""
    low = float(beta.ppf(0.025, right, n - right + 1)) if right else 0.0
    high = float(beta.ppf(0.975, right + 1, n - right)) if right < n else 1.0
    return low, high


def share(values: np.ndarray, _: np.ndarray) -> float:
    """The mean of values (N,), as a metric."""
    return float(values.mean())


def share_interval(flags: np.ndarray, groups: Sequence[str]) -> Sequence[float]:
    """95 % interval of the share of flags (N,) bool, clustered by group.

    Exact for independent ones where all flags are alike, of which resampling tells nothing.
    """
    if flags.all() or not flags.any():
        return exact_interval(int(flags.sum()), len(flags))
    return clustered_interval(share, flags, flags, groups)


def share_figures(name: str, flags: np.ndarray, groups: Sequence[str]) -> Summary:
    """The share of flags (N,) bool as `name`, and its `share_interval`; plain JSON values."""
    interval = [round(v, 5) for v in share_interval(flags, groups)]
    return {name: round(float(flags.mean()), 5), f"{name}_interval": interval}


def slide_spread(probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> Json:
    """The spread of accuracy over slides: lowest, lower quartile, median, and the slides below 0.9; plain JSON."""
    of_slide = np.asarray(slides)
    values = {str(s): accuracy(probabilities[of_slide == s], labels[of_slide == s]) for s in np.unique(of_slide)}
    low, quartile, median = np.percentile(list(values.values()), [0, 25, 50])
    return {
        "lowest": round(float(low), 4),
        "lower_quartile": round(float(quartile), 4),
        "median": round(float(median), 4),
        "below_0.9": {slide: round(value, 4) for slide, value in values.items() if value < 0.9},
    }


def frechet_distance(first: np.ndarray, second: np.ndarray) -> float:
    """Fréchet distance of Gaussians fitted to features (N, F) and (M, F) (Heusel et al. 2017, equation 6).

    Biased upwards with few cells: compare only sets of the same sizes.
    """
    means = first.mean(0) - second.mean(0)
    one, two = (np.atleast_2d(np.cov(features, rowvar=False)) for features in (first, second))
    # The eigenvalues of a product of two covariances are real and not negative, but for rounding.
    root = np.sqrt(np.clip(np.linalg.eigvals(one @ two).real, 0, None)).sum()
    return float(means @ means + np.trace(one) + np.trace(two) - 2 * root)


def without_nan(value: Any) -> Any:
    """JSON values with null, as JSON has it, for what is undefined."""
    if isinstance(value, Mapping):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes JSON values, atomically, in a folder that is made where it is missing; what is undefined as null."""
    text = json.dumps(without_nan(values), indent=1, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))


def sample(figures: Mapping[str, object]) -> str:
    """How many cells of how many slides figures are of, in words; a digit is a slide of its own."""
    n, slides = figures["n"], figures["slides"]
    return f"n {n}" if n == slides else f"n {n} cells of {slides} slides"
