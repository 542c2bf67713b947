"""What a verdict of two classes is worth: sensitivity, specificity, and how often it is right where few have it."""

from collections.abc import Sequence

import numpy as np

from training.metrics import Metric, summarise

PREVALENCES = (0.5, 0.05, 0.01, 0.001)  # shares of infected cells: as in the test set, then rarer
INFECTED, HEALTHY = 0, 1  # the labels' order


def worth(probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> dict[str, object]:
    """Sensitivity, specificity and predictive values with intervals; probabilities (N, 2), labels (N,); plain JSON.

    `at` has a row a prevalence: `infected` is the share of right calls among the cells called infected, `healthy` that
    among the others. Intervals are from bootstrap samples of whole slides; NaN where no cell is called so.
    """
    rows = [{"prevalence": p, **summarise(probabilities, labels, slides, _values_at(p))} for p in PREVALENCES]
    return {
        **summarise(probabilities, labels, slides, {"sensitivity": sensitivity, "specificity": specificity}),
        "at": rows,
    }


def sensitivity(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of infected cells that are called infected; NaN without any."""
    return _share_called(probabilities, labels, INFECTED)


def specificity(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of healthy cells that are called healthy; NaN without any."""
    return _share_called(probabilities, labels, HEALTHY)


def predictive_value(found: float, kept: float, prevalence: float) -> float:
    """Share of positive calls that are right, of a test with this sensitivity and specificity (Bayes' rule).

    All three in [0, 1]; NaN for a test that calls nothing positive. The negative predictive value is that of the
    exchanged roles: `predictive_value(specificity, sensitivity, 1 - prevalence)`.
    """
    right, wrong = found * prevalence, (1 - kept) * (1 - prevalence)
    return right / (right + wrong) if right + wrong > 0 else float("nan")


def _values_at(prevalence: float) -> dict[str, Metric]:
    def infected(probabilities: np.ndarray, labels: np.ndarray) -> float:
        found, kept = sensitivity(probabilities, labels), specificity(probabilities, labels)
        return predictive_value(found, kept, prevalence)

    def healthy(probabilities: np.ndarray, labels: np.ndarray) -> float:
        found, kept = sensitivity(probabilities, labels), specificity(probabilities, labels)
        return predictive_value(kept, found, 1 - prevalence)

    return {"infected": infected, "healthy": healthy}


def _share_called(probabilities: np.ndarray, labels: np.ndarray, label: int) -> float:
    of_label = labels == label
    return float((probabilities[of_label].argmax(1) == label).mean()) if of_label.any() else float("nan")
