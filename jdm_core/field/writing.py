"""Writing that was burnt into a picture: a scale bar's number, a label. What lies under it cannot be read."""

import numpy as np
from scipy import ndimage

STEP = (
    150  # of 255, in every channel: black ink in a white rim. A lens draws softer, and no dye takes all colours alike
)
WITHIN = 1 / 32  # of a cell's longer side: light steps so over no more of it
RIM = 0.05  # of that side, within the outline: there a dark cell may meet bright ground
LEAST = 0.015  # of a cell: a line that meets its rim is less, and hides nothing


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
    return bool(sharp.sum(where=inside) > LEAST * mask.sum())


def _steps(light: np.ndarray, reach: int) -> tuple[np.ndarray, np.ndarray]:
    """Where light int16 (h, w, c) steps in all channels over so many rows, (h - reach, w), and columns."""
    down = np.abs(light[reach:] - light[:-reach]) > STEP
    across = np.abs(light[:, reach:] - light[:, :-reach]) > STEP
    return down.all(axis=2), across.all(axis=2)
