"""What the light of a thing tells of it: a white cell as large as a red one, or writing that was burnt in over a cell.

A white cell has a nucleus and no haemoglobin. What lies under a scale bar's number or a label cannot be read.
"""

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from jdm_core.images.colours import density, own_pixels

# Nats of optical density from the field's red cells: a white cell as small as one of these is darker in red and green
# light by so much, for its nucleus, and paler in blue, which haemoglobin takes away. No infected cell that was measured
# is by half of it.
NUCLEUS = 0.1
# A lobed nucleus leaves the middle of a white cell's colours alone: a pixel of it is darker in red and green by so
# much, and in blue by less than a share of that. No infected cell that was measured has half as many such pixels,
# unless somebody drew on it.
LOBE, BLUE_SHARE, LOBES = 0.5, 1 / 3, 0.25
ENOUGH = 32  # rows and columns of a cell, of which a median is taken

# Of 255, in every channel: black ink in a white rim. A lens draws softer, and no dye takes all colours alike.
STEP = 150
WITHIN = 1 / 32  # of a cell's longer side: light steps so over no more of it
RIM = 0.05  # of that side, within the outline: there a dark cell may meet bright ground
LEAST = 0.015  # of a cell: a line that meets its rim is less, and hides nothing


def white_cells(cells: Sequence[np.ndarray], read: np.ndarray) -> np.ndarray:
    """Which of N crops uint8 (h, w, 3) on black are white cells, (N,) bool, among those that are read, (N,) bool."""
    white = np.zeros(len(cells), bool)
    few = {i: density(_some_of(cells[i])) for i in np.flatnonzero(read).tolist()}
    which = [i for i, some in few.items() if len(some)]
    if which:
        own = np.array([np.median(few[i], axis=0) for i in which])
        usual = np.median(own, axis=0)
        red, green, blue = (own - usual).T
        lobes = np.array([_lobes(few[i] - usual) for i in which])
        white[which] = (red > NUCLEUS) & (green > NUCLEUS) & (blue < -NUCLEUS) | (lobes > LOBES)
    return white


def _lobes(beyond: np.ndarray) -> float:
    """The share of a nucleus in pixels, of densities (n, 3) beyond those of red cells."""
    red, green, blue = beyond.T
    return float(((red > LOBE) & (green > LOBE) & (blue < BLUE_SHARE * red)).mean())


def _some_of(cell: np.ndarray) -> np.ndarray:
    """Pixels (n, 3) of a crop uint8 (h, w, 3) on black, enough for a median."""
    few = cell[:: max(1, len(cell) // ENOUGH), :: max(1, cell.shape[1] // ENOUGH)]
    return few[own_pixels(few)]


def written_over(box: np.ndarray, mask: np.ndarray) -> bool:
    """Whether writing lies over the cell that a mask (h, w) bool holds of a box of the field, uint8 (h, w, 3)."""
    side = max(mask.shape)
    reach, light = max(2, round(WITHIN * side)), box.astype(np.int16)
    if not any(step.any() for step in _steps(light[:, :, 1:2], reach)):  # of most cells a third of the work is enough
        return False
    down, across = _steps(light, reach)
    sharp = np.zeros(mask.shape, bool)
    sharp[reach // 2 :][: len(down)] |= down
    sharp[:, reach // 2 :][:, : across.shape[1]] |= across
    inside = ndimage.binary_erosion(mask, iterations=max(1, round(RIM * side)))
    return bool(np.count_nonzero(sharp & inside) > LEAST * np.count_nonzero(mask))


def _steps(light: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Where light int16 (h, w, c) steps in all channels over so many rows, (h - reach, w), and columns."""
    down, across = light[reach:] - light[:-reach], light[:, reach:] - light[:, :-reach]
    return np.abs(down).min(axis=2) > STEP, np.abs(across).min(axis=2) > STEP
