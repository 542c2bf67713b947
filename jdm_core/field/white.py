"""White cells as large as red ones, by the light that they take: they have a nucleus and no haemoglobin."""

from collections.abc import Sequence

import numpy as np

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
