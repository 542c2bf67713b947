"""Figures with intervals from bootstrap samples of whole units, all readers on the same samples.

A sample is a weight for each unit, how often it was drawn (Field & Welsh 2007). Every figure is computed of all samples
at once, so that two readers' figures differ sample by sample, and their difference has an interval of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from training import metrics
from training.metrics import Summary, exact_interval

FEWEST_UNITS = 10  # of fewer, resampling says nothing of the next one: each cell then stands for itself


@dataclass(frozen=True)
class Resamples:
    """Weights (1 + R, N) of N cells: row 0 takes each once, row r is the r-th bootstrap sample of whole units."""

    weights: np.ndarray
    unit: str
    units: int

    @classmethod
    def of(cls, names: Sequence[str], unit: str, seed: int) -> "Resamples":
        """Of the names (N,) of the cells' units; by cell where there are few, or `unit` is empty."""
        kinds, index = np.unique(np.asarray(names), return_inverse=True)
        if not unit or len(kinds) < FEWEST_UNITS:
            index, unit = np.arange(len(names)), "cell"
        count = int(index.max()) + 1 if len(index) else 0
        generator = np.random.default_rng(seed)
        drawn = generator.multinomial(count, np.full(count, 1 / max(count, 1)), size=metrics.RESAMPLES)
        return cls(np.concatenate([np.ones((1, count)), drawn])[:, index].astype(np.float32), unit, count)

    def take(self, chosen: np.ndarray) -> "Resamples":
        """The same samples of some of the cells."""
        return Resamples(self.weights[:, chosen], self.unit, self.units)

    def share(self, flags: np.ndarray) -> np.ndarray:
        """The share of flags (N,) bool: (1 + R,), NaN where a sample holds no cell."""
        with np.errstate(invalid="ignore"):
            return self.weights @ flags.astype(np.float64) / self.weights.sum(1, dtype=np.float64)

    def auroc(self, scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
        """Area under the ROC curve of scores (N,) for `positive` (N,) bool: (1 + R,); ties count half."""
        right, wrong = self._found(scores, positive)
        with np.errstate(invalid="ignore"):
            steps = np.diff(wrong, axis=1, prepend=0) * (right + np.pad(right, ((0, 0), (1, 0)))[:, :-1]) / 2
            return steps.sum(1) / (right[:, -1] * wrong[:, -1])

    def sensitivity_at(self, false_positives: float, scores: np.ndarray, positive: np.ndarray) -> np.ndarray:
        """The share of positives above the lowest threshold with no more false positives: (1 + R,)."""
        right, wrong = self._found(scores, positive)
        allowed = wrong <= false_positives * wrong[:, -1:] + 1e-6
        with np.errstate(invalid="ignore"):
            found = np.where(allowed, right, 0).max(1) / right[:, -1]
        return np.where(wrong[:, -1] > 0, found, np.nan)

    def _found(self, scores: np.ndarray, positive: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The weight of positives, and of others, at or above each distinct score, the highest first: (1 + R, L)."""
        levels, index = np.unique(-scores, return_inverse=True)
        ends = np.flatnonzero(np.diff(np.sort(index), append=len(levels)))
        order = np.argsort(index, kind="stable")
        weights = self.weights[:, order].astype(np.float64)
        flags = positive[order]
        return ((weights * flags).cumsum(1)[:, ends], (weights * ~flags).cumsum(1)[:, ends])


def figure(name: str, values: np.ndarray, n: int | None = None) -> Summary:
    """Values (1 + R,) as plain JSON: the first as `name`, and its 95 % percentile interval; undefined where it is NaN.

    Of a share of `n` cells that is exactly 0 or 1, of which resampling tells nothing, the interval is exact.
    """
    value, samples = float(values[0]), values[1:]
    if np.isnan(value) or np.isnan(samples).all():
        return {name: value}
    low, high = (float(edge) for edge in np.nanpercentile(samples, [2.5, 97.5]))
    if n is not None and low == high and value in (0, 1):
        low, high = exact_interval(round(value * n), n)
    return {name: round(value, 5), f"{name}_interval": [round(low, 5), round(high, 5)]}
