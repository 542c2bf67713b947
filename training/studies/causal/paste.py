"""Cutting a thing out of one picture and laying it into a cell, in optical density, where stains add up.

What is cut out is what absorbs more than the ground around it; what is laid into a cell is added to the cell's own
density with a soft edge, so that neither its first surroundings nor a seam comes with it (Ruifrok & Johnston 2001).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from training.data.marks import Box

SIDE = 128  # pixels of a cell into which something is laid
EDGE = 1.5  # pixels: the deviation of the soft edge
GROUND = 5  # pixels: of the ring around what is cut out, whose median it is compared with
INSIDE, WHOLE = 0.98, 0.9  # of what is laid in, that must lie within the cell; of a box, that must lie in its first
RIM = 3  # pixels of the first cell that are mixed with what is beside it
GRAIN = (1.5, 3.0)  # deviations of the ground: below the first nothing is taken along, above the second all is
LIGHTER = 0.1  # optical density: what is cut out may be lighter than its ground by so much, as a ring's middle is
PLACES = 200  # that are tried
APART = 8  # pixels between two things in a cell


@dataclass(frozen=True)
class Thing:
    """What is laid into cells: optical density (h, w, 3) beyond its ground, times its weight, and the weight (h, w)."""

    density: np.ndarray
    weight: np.ndarray

    def turned(self, quarters: int, mirrored: bool) -> "Thing":
        """The thing as it may lie as well."""
        density, weight = np.rot90(self.density, quarters), np.rot90(self.weight, quarters)
        return Thing(density[:, ::-1], weight[:, ::-1]) if mirrored else Thing(density, weight)


@dataclass(frozen=True)
class Laid:
    """A cell (S, S, 3) uint8 with a thing in it, and the thing's place (S, S) bool and box, in shares of the cell."""

    cell: np.ndarray
    place: np.ndarray
    box: Box


def optical_density(pixels: np.ndarray) -> np.ndarray:
    """Optical density of pixels from 0 to 255, in any shape."""
    return -np.log((pixels.astype(np.float64) + 1) / 256)


def cut(picture: np.ndarray, mask: np.ndarray, box: tuple[float, float, float, float]) -> Thing | None:
    """What a box (left, top, right, bottom in pixels) of a picture (H, W, 3) uint8 holds; None where it hangs over.

    Its ground is the median of the ring around the box within `mask` (H, W) bool, whose grain is left behind; a box of
    which less than nearly all lies in the mask shows a thing cut by something else.
    """
    left, top, right, bottom = (round(edge) for edge in box)
    margin = round(GROUND + 2 * EDGE)
    window = np.s_[top : bottom + 2 * margin, left : right + 2 * margin]
    around = [(margin, margin)] * 2
    density = optical_density(np.pad(picture, [*around, (0, 0)])[window])
    known = np.pad(ndimage.binary_erosion(mask, iterations=RIM), around)[window]
    if known.shape != density.shape[:2] or min(known.shape) <= 2 * margin:
        return None
    inside = np.zeros(known.shape, dtype=bool)
    inside[margin:-margin, margin:-margin] = True
    ring = known & ~_grown(inside, 2 * EDGE)
    if known[inside].mean() < WHOLE or ring.sum() < 10:
        return None
    excess = np.where(known[..., None], np.maximum(density - np.median(density[ring], axis=0), -LIGHTER), 0)
    strength = np.asarray(ndimage.gaussian_filter(np.abs(excess).sum(2), 1))
    least, most = (np.median(strength[ring]) * limit for limit in GRAIN)
    taken = ((strength - least) / max(most - least, 1e-6)).clip(0, 1)
    weight = _soft(inside)
    return Thing(excess * (_soft(known) * weight * taken)[..., None], weight)


def lay(
    cell: np.ndarray, mask: np.ndarray, thing: Thing, generator: np.random.Generator, taken: np.ndarray | None = None
) -> Laid | None:
    """A cell (S, S, 3) uint8 with a thing at a place that the generator draws; None where there is none.

    Within `mask` (S, S) bool, away from what is `taken` (S, S) bool.
    """
    thing = thing.turned(int(generator.integers(4)), bool(generator.integers(2)))
    height, width = thing.weight.shape
    eroded: Any = ndimage.binary_erosion(mask, iterations=4)  # scipy states no type
    free: np.ndarray = np.asarray(eroded, dtype=bool)
    if taken is not None:
        free &= ~_grown(taken, APART)
    if height >= len(cell) or width >= len(cell):
        return None
    for _ in range(PLACES):
        top, left = (int(generator.integers(len(cell) - side)) for side in (height, width))
        window = np.s_[top : top + height, left : left + width]
        if thing.weight[free[window]].sum() < INSIDE * thing.weight.sum():
            continue
        density = optical_density(cell)
        density[window] += thing.density * mask[window][..., None]
        place = np.zeros(mask.shape, dtype=bool)
        place[window] = (thing.weight > 0.5 * thing.weight.max()) & mask[window]
        made = np.clip(np.round(256 * np.exp(-density) - 1), 0, 255).astype(np.uint8)
        return Laid(np.where(mask[..., None], made, cell), place, _box_of(place))
    return None


def drawn(inside: np.ndarray, absorbs: np.ndarray | Sequence[float]) -> Thing:
    """A thing of an even density (3,) in a form (h, w) bool, with a soft edge."""
    padded = np.pad(inside, round(3 * EDGE))
    weight = _soft(padded)
    return Thing(weight[..., None] * np.array(absorbs), weight)


def _box_of(place: np.ndarray) -> Box:
    rows, columns = np.flatnonzero(place.any(1)), np.flatnonzero(place.any(0))
    size = len(place)
    return Box(columns[0] / size, rows[0] / size, (columns[-1] + 1) / size, (rows[-1] + 1) / size)


def _soft(inside: np.ndarray) -> np.ndarray:
    return np.asarray(ndimage.gaussian_filter(inside.astype(np.float64), EDGE))


def _grown(mask: np.ndarray, pixels: float) -> np.ndarray:
    return np.asarray(ndimage.distance_transform_edt(~mask)) <= pixels
