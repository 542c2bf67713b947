"""How far two verdicts' probabilities can be trusted, apart, together, and where they disagree."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from training.metrics import BINS, accuracy, expected_calibration_error, summarise
from training.studies.verdicts import TINY


def brier(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean over cells of Σ_k (p_k - y_k)², in [0, 2] (Brier 1950, equation 2); probabilities (N, K), labels (N,)."""
    return float(np.square(probabilities - np.eye(probabilities.shape[1])[labels]).sum(1).mean())


def confidence_bins(probabilities: np.ndarray, labels: np.ndarray) -> list[dict[str, float | int]]:
    """The reliability diagram as a table: the bins of the ECE that hold a cell, with confidence and accuracy."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    index = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        {
            "low": round(i / BINS, 4),
            "high": round((i + 1) / BINS, 4),
            "n": int((index == i).sum()),
            "confidence": round(float(confidence[index == i].mean()), 5),
            "accuracy": round(float(right[index == i].mean()), 5),
        }
        for i in np.unique(index)
    ]


@dataclass(frozen=True)
class Combination:
    """p(c|x) ∝ p_head^head · p_posterior^posterior, with `bias` on the first class's log-odds where there are two."""

    head: float
    posterior: float
    bias: float

    def probabilities(self, head: np.ndarray, posterior: np.ndarray) -> np.ndarray:
        """Probabilities (N, K) of the two verdicts' (N, K)."""
        return softmax(self._logits(head, posterior), axis=1)

    def _logits(self, head: np.ndarray, posterior: np.ndarray) -> np.ndarray:
        logits = self.head * np.log(np.maximum(head, TINY)) + self.posterior * np.log(np.maximum(posterior, TINY))
        logits[:, 0] += self.bias
        return logits

    def log_loss(self, head: np.ndarray, posterior: np.ndarray, labels: np.ndarray) -> float:
        """Mean cross-entropy."""
        return float(-log_softmax(self._logits(head, posterior), axis=1)[np.arange(len(labels)), labels].mean())


def fit_combination(head: np.ndarray, posterior: np.ndarray, labels: np.ndarray) -> Combination:
    """The combination of least cross-entropy: for two classes a logistic regression on both calibrated log-odds.

    Exponents are kept from falling below 0: no verdict counts against itself.
    """
    two = head.shape[1] == 2

    def combination(parameters: np.ndarray) -> Combination:
        head, posterior = np.abs(parameters[:2])
        return Combination(float(head), float(posterior), float(parameters[2]) if two else 0.0)

    start = [0.5, 0.5, 0.0][: 2 + two]
    found = minimize(lambda p: combination(p).log_loss(head, posterior, labels), start, method="Nelder-Mead")
    return combination(found.x)


def verdict_reliability(probabilities: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> dict[str, object]:
    """Accuracy, ECE and Brier score with intervals clustered by slide, and the bins; plain JSON values."""
    metrics = {"accuracy": accuracy, "ece": expected_calibration_error, "brier": brier}
    return {**summarise(probabilities, labels, slides, metrics), "bins": confidence_bins(probabilities, labels)}


def disagreement(
    head: np.ndarray, posterior: np.ndarray, combined: np.ndarray, labels: np.ndarray, slides: Sequence[str]
) -> dict[str, object]:
    """How often head and posterior decide differently, with its interval, and who is right then; plain JSON values."""
    decided = {"head": head.argmax(1), "posterior": posterior.argmax(1), "combination": combined.argmax(1)}
    differ = decided["head"] != decided["posterior"]
    figures: dict[str, object] = {
        "n": int(differ.sum()),
        **summarise(differ, labels, slides, {"share": lambda values, _: float(values.mean())}),
    }
    if not differ.any():
        return figures
    right = {name: labels == decision for name, decision in decided.items()}
    right["neither"] = ~(right["head"] | right["posterior"])
    of_slide = [slide for slide, other in zip(slides, differ, strict=True) if other]
    for name, values in right.items():
        share = {f"{name}_right" if name != "neither" else name: lambda chosen, _: float(chosen.mean())}
        figures |= summarise(values[differ], labels[differ], of_slide, share)
    return figures
