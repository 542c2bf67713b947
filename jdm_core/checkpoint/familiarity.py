"""How strange a picture is to the model, from the one clean encoder pass that a prediction makes anyway.

The size of the encoder's features and the colours of the picture are compared with those of cells, as the Mahalanobis
distance from a Gaussian is (Lee et al. 2018, arXiv 1807.03888). `python -m training familiarity` fits and measures it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from torch import Tensor

from jdm_core.bounds import check_figure

GROUPS = 4  # runs of neighbouring channels that each level's features are summed up in
COLOURS = 5
LARGEST = 1e9  # number of an ellipsoid: products of some twenty are far from overflow
LIMIT = 1.0  # of the unfamiliarity: what is not below it lies outside what the model knows
FAMILIAR, OTHER, NO_RED_CELL = "familiar", "other", "not a red cell"  # kinds of pictures
_BLACK = 1 / 255  # beside the three channels' sum: the hue of a black pixel means nothing, and counts for nothing


@dataclass(frozen=True)
class Ellipsoid:
    """The d traits of nearly all cells lie inside: within distance 1 of the centre (d,) once whitened.

    Row i of the whitening, a lower triangle, has i + 1 numbers: the inverse of Cholesky's factor of the covariance,
    divided by the distance that stands for 1.
    """

    centre: tuple[float, ...]
    whitening: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if [len(row) for row in self.whitening] != list(range(1, len(self.centre) + 1)):
            raise ValueError(f"whitening: not a lower triangle for a centre of {len(self.centre)} numbers")
        for number in chain(self.centre, *self.whitening):
            check_figure("traits", number, -LARGEST, LARGEST)
        if not all(row[-1] > 0 for row in self.whitening):
            raise ValueError("whitening: a factor's diagonal is above 0")

    def distance(self, traits: Tensor) -> Tensor:
        """Distances (B,) of traits (B, d) from the centre, float64 on the CPU: not every device has such numbers."""
        whitening = torch.zeros(len(self.centre), len(self.centre), dtype=torch.float64)
        for i, row in enumerate(self.whitening):
            whitening[i, : i + 1] = torch.tensor(row, dtype=torch.float64)
        away = traits.cpu().double() - torch.tensor(self.centre, dtype=torch.float64)
        return (away @ whitening.T).norm(dim=1)


@dataclass(frozen=True)
class Familiarity:
    """What the model knows, fitted on cells: one ellipsoid of all traits, and one of the colours among them.

    The second is there because a wrong colour is lost among the many traits of the first.
    """

    traits: Ellipsoid
    colours: Ellipsoid

    def __post_init__(self) -> None:
        if len(self.colours.centre) != COLOURS:
            raise ValueError(f"colours: {len(self.colours.centre)} traits, where {COLOURS} are expected")

    def unfamiliarity(self, traits: Tensor) -> Tensor:
        """How strange pictures with these traits (B, d) are: (B,) from 0 on, of which cells stay below `LIMIT`."""
        return torch.maximum(self.traits.distance(traits), self.colours.distance(traits[:, -COLOURS:]))


def measure_traits(x: Tensor, z: Sequence[Tensor]) -> Tensor:
    """The traits (B, d) of images (B, 3, S, S) in [-1, 1] and their clean representations Z.

    First the log of the mean square of each level's features, in `GROUPS` groups of channels; last the `COLOURS`.
    """
    sizes = [level.float().square().mean(dim=(2, 3)).unflatten(1, (GROUPS, -1)).mean(dim=2) for level in z]
    return torch.cat([*(size.clamp(min=1e-12).log() for size in sizes), _colours(x)], dim=1)


def trait_count(levels: int) -> int:
    """How many traits there are for so many encoder levels."""
    return GROUPS * levels + COLOURS


def _colours(x: Tensor) -> Tensor:
    """The mean share of red and of green, and the log of the spread of all three: (B, 5).

    Pixels weigh by their brightness, so that a black background does not count and no mask is needed.
    """
    rgb = (x.float() + 1) / 2
    total = rgb.sum(dim=1, keepdim=True)
    share = rgb / (total + 3 * _BLACK)
    weight = total / (total.sum(dim=(2, 3), keepdim=True) + _BLACK)
    mean = (share * weight).sum(dim=(2, 3), keepdim=True)
    spread = ((share - mean).square() * weight).sum(dim=(2, 3)).sqrt()
    return torch.cat([mean[:, :2, 0, 0], (spread + 1e-3).log()], dim=1)
