"""What is a red cell: one of a stain or microscope that the model does not know too, but no white cell or platelet."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from torch import Tensor

from jdm_core.bounds import check_figure
from jdm_core.images.traits import NAMES, measure_cells

FARTHEST = 5.0  # deviations from the mean beyond which a trait counts no more: nothing is known out there
LARGEST = 1e9  # number of a record
LEVEL = 1  # of the encoder: finer ones hold the stain, coarser ones the laboratory
ASKED = 0.65  # of the limit of what is familiar: below it hardly a white cell lies, and most cells of training


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
        """Scores (N,) of traits (N, d): above 0, a red cell; NaN of NaN."""
        z = standardised(traits, np.array(self.centre), np.array(self.scale))
        return z @ np.array(self.linear) + z**2 @ np.array(self.square) + self.bias

    def found_in(self, squares: Sequence[np.ndarray]) -> np.ndarray:
        """Which pictures uint8 (SIDE, SIDE, 3) show a red cell: (N,) bool."""
        return self.score(measure_cells(squares)) > 0


@dataclass(frozen=True)
class WhiteCells:
    """A logistic rule on the traits of `measure_cell` and the means of the encoder's features of one level.

    A trait t counts as z = (t - centre) / scale, held within FARTHEST; the picture is a white cell or
    a platelet where linear · z + bias is not above 0.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    linear: tuple[float, ...]
    bias: float

    def __post_init__(self) -> None:
        if len(self.centre) <= len(NAMES) or not len(self.centre) == len(self.scale) == len(self.linear):
            raise ValueError(f"white cells: rows of {len(self.centre)}, {len(self.scale)} and {len(self.linear)}")
        for number in chain(self.centre, self.scale, self.linear, (self.bias,)):
            check_figure("white cells", number, -LARGEST, LARGEST)
        if not all(value > 0 for value in self.scale):
            raise ValueError("scale: not above 0")

    @property
    def features(self) -> int:
        """How many channels the level has."""
        return len(self.centre) - len(NAMES)

    def score(self, traits: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Scores (N,) of traits (N, d) and features (N, f): above 0, neither white cell nor platelet; NaN of NaN."""
        z = standardised(np.concatenate([traits, features], axis=1), np.array(self.centre), np.array(self.scale))
        return z @ np.array(self.linear) + self.bias


def mean_features(z: Sequence[Tensor]) -> np.ndarray:
    """The means (B, f) over all pixels of `LEVEL` among the encoder's levels Z of clean pictures, float64."""
    return z[LEVEL].float().mean(dim=(2, 3)).cpu().to(torch.float64).numpy()


def standardised(traits: np.ndarray, centre: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Traits (N, d) in deviations from a centre (d,), held within FARTHEST."""
    return ((traits - centre) / scale).clip(-FARTHEST, FARTHEST)
