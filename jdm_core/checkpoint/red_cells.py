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
    """A logistic rule on the traits of `measure_cell`, of red cells of many stains against all sorts of else.

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
        for name, row in rows.items():
            if len(row) != len(NAMES):
                raise ValueError(f"{name}: {len(row)} numbers, where {len(NAMES)} are expected")
        for number in chain(*rows.values(), (self.bias,)):
            check_figure("red cells", number, -LARGEST, LARGEST)
        if not all(value > 0 for value in self.scale):
            raise ValueError("scale: not above 0")

    def score(self, traits: np.ndarray) -> np.ndarray:
        """Scores (N,) of traits (N, d): above 0, a red cell."""
        z = standardised(traits, np.array(self.centre), np.array(self.scale))
        return z @ np.array(self.linear) + z**2 @ np.array(self.square) + self.bias

    def found_in(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Which pictures uint8 (SIDE, SIDE, 3) show a red cell: (N,) bool."""
        if any(square.shape != (SIDE, SIDE, 3) for square in squares):
            raise ValueError(f"pictures: not all of {SIDE} pixels a side")
        traits = [measure_cell(square) for square in squares]
        return np.array([own is not None and bool(self.score(own[None])[0] > 0) for own in traits], dtype=bool)


def standardised(traits: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Traits (N, d) in deviations from a centre (d,), held within FARTHEST."""
    return ((traits - centre) / scale).clip(-FARTHEST, FARTHEST)
