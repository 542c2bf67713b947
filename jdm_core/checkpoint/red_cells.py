"""Whether a picture that the model does not know is a red cell all the same, of another stain or microscope."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from jdm_core.bounds import check_figure
from jdm_core.images.traits import NAMES, SIDE, measure_cell

FARTHEST = 5.0  # deviations from the mean beyond which a trait counts no more: nothing is known out there
LARGEST = 1e9  # number of a record


@dataclass(frozen=True)
class RedCells:
    """A logistic rule on the first d traits of `measure_cell`, of red cells of many stains against all sorts of else.

    A trait t counts as z = (t - centre) / scale, held within FARTHEST; the picture is a red cell where
    linear · z + square · z² + bias is above 0. It asks no network, so that it holds for whatever network there is.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    linear: tuple[float, ...]
    square: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        rows = {"centre": self.centre, "scale": self.scale, "linear": self.linear, "square": self.square}
        counts = [len(row) for row in rows.values()]
        if len(set(counts)) > 1 or not 0 < counts[0] <= len(NAMES):
            told = ", ".join(map(str, counts))
            raise ValueError(f"{', '.join(rows)}: {told} numbers, where each has one for the same traits")
        for number in chain(*rows.values(), (self.bias,)):
            check_figure("red cells", number, -LARGEST, LARGEST)
        if not all(value > 0 for value in self.scale):
            raise ValueError("scale: not above 0")

    def score(self, traits: np.ndarray) -> np.ndarray:
        """Scores (N,) of traits (N, at least d): above 0, a red cell."""
        z = standardised(traits[:, : len(self.centre)], np.array(self.centre), np.array(self.scale))
        return z @ np.array(self.linear) + z**2 @ np.array(self.square) + self.bias

    def scores_of(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Scores (N,) of pictures uint8 (SIDE, SIDE, 3); the least there is where there is hardly anything on black."""
        if any(square.shape != (SIDE, SIDE, 3) for square in squares):
            raise ValueError(f"pictures: not all of {SIDE} pixels a side")
        traits = [measure_cell(square) for square in squares]
        return np.array([-np.inf if own is None else self.score(own[None])[0] for own in traits], dtype=np.float64)


def standardised(traits: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Traits (N, d) in deviations from a centre (d,), held within FARTHEST."""
    return ((traits - centre) / scale).clip(-FARTHEST, FARTHEST)
