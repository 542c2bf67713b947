"""What a verdict of two classes is worth: sensitivity, specificity, and how often it is right where few have it."""

from collections.abc import Sequence

import numpy as np

from jdm_core.checkpoint.worth import predictive_value
from training.metrics import Json, Metric, summarise

PREVALENCES = (0.5, 0.05, 0.01, 0.001)  # shares of infected cells: as in the test set, then rarer
INFECTED, HEALTHY = 0, 1  # the labels' order
FEWEST = 10  # cells of a label on a slide whose share says something


def worth(probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> dict[str, object]:
    """Sensitivity, specificity and predictive values with intervals; probabilities (N, 2), labels (N,); plain JSON.

    `at` has a row a prevalence: `infected` is the share of right calls among the cells called infected, `healthy` that
    among the others. Intervals are from bootstrap samples of whole slides; NaN where no cell is called so. `per_slide`
    is the spread of both between slides: those that have `FEWEST` cells of the label or more.
    """
    rows = [{"prevalence": p, **summarise(probabilities, labels, slides, _values_at(p))} for p in PREVALENCES]
    return {
        **summarise(probabilities, labels, slides, {"sensitivity": sensitivity, "specificity": specificity}),
        "per_slide": {
            "sensitivity": _spread(probabilities, labels, slides, INFECTED),
            "specificity": _spread(probabilities, labels, slides, HEALTHY),
        },
        "at": rows,
    }


def sensitivity(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of infected cells that are called infected; NaN without any."""
    return _share_called(probabilities, labels, INFECTED)


def specificity(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of healthy cells that are called healthy; NaN without any."""
    return _share_called(probabilities, labels, HEALTHY)


def _values_at(prevalence: float) -> dict[str, Metric]:
    def infected(probabilities: np.ndarray, labels: np.ndarray) -> float:
        found, kept = sensitivity(probabilities, labels), specificity(probabilities, labels)
        return predictive_value(found, kept, prevalence)

    def healthy(probabilities: np.ndarray, labels: np.ndarray) -> float:
        found, kept = sensitivity(probabilities, labels), specificity(probabilities, labels)
        return predictive_value(kept, found, 1 - prevalence)

    return {"infected": infected, "healthy": healthy}


def _spread(probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str], label: int) -> Json:
    """The share of a label's cells that are called so, over slides: how many, lowest, quartiles and highest."""
    names = np.asarray(slides)
    parts = [(names == slide) & (labels == label) for slide in np.unique(names)]
    shares = [_share_called(probabilities[part], labels[part], label) for part in parts if part.sum() >= FEWEST]
    steps = ("lowest", "lower_quartile", "median", "upper_quartile", "highest")
    values = np.percentile(shares, [0, 25, 50, 75, 100]) if shares else [float("nan")] * len(steps)
    return {"slides": len(shares), **{step: round(float(v), 4) for step, v in zip(steps, values, strict=True)}}


def _share_called(probabilities: np.ndarray, labels: np.ndarray, label: int) -> float:
    of_label = labels == label
    return float((probabilities[of_label].argmax(1) == label).mean()) if of_label.any() else float("nan")
