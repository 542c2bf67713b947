"""How large the cells of a picture are: it follows from the cells, not from the picture."""

from collections.abc import Callable

import numpy as np

from jdm_core.field.network import DIAMETER
from jdm_core.field.polygons import Polygons

LEVELS = (224, 450, 900, 1800)  # pixels of the longer side at which cells are looked for, until they are found
KNOWN = (20.0, 52.0)  # pixels of the diameters that the network was trained on
SURE = (24.0, 48.0)  # and of those that it measures well
DOUBTFUL = 0.45  # a score that things have at scales at which they are no cells
ENOUGH = 0.012  # of the picture, each cell times its score beyond that
CLEAR = 0.66  # of the scores' median: cells that are well seen
LARGEST = 2.2  # a picture is not enlarged further
SMALL_LEVELS = LEVELS[:3]  # at which a look takes a moment
SEVERAL = 3  # whole cells, of which a picture is a field
ALONE = 0.12  # of the picture: among so few, a cell that covers so much is meant alone
MAX_SIDE, MIN_SIDE = 2400, 96  # pixels of the longer side in which cells are found


def scale_of(shape: tuple[int, ...], look: Callable[[float], Polygons]) -> float:
    """By how much a picture (H, W) is to be scaled so that its cells have DIAMETER pixels; `look` finds at a scale.

    The coarsest level at which cells cover enough of the picture, by their scores, says what size they have; without
    one, the best.
    """
    height, width = shape[:2]
    longest = max(height, width)
    scale, most = min(1.0, LEVELS[1] / longest), 0.0
    for side in LEVELS:
        level = side / longest
        if level > LARGEST and side > LEVELS[0]:
            break
        found = look(level)
        diameters = found.diameters
        known = (diameters > KNOWN[0]) & (diameters < KNOWN[1])
        if not known.any():
            continue
        covered = ((found.scores - DOUBTFUL).clip(min=0) * found.areas)[known].sum() / (height * width * level**2)
        if covered > most:
            diameter = float(np.median(diameters[known]))
            scale, most = level * DIAMETER / diameter, float(covered)
            clear = float(np.median(found.scores[known])) > CLEAR
            if clear and covered > ENOUGH and SURE[0] < diameter < SURE[1]:
                break
        elif most > ENOUGH:
            break
    return within(scale, shape)


def shows_several(shape: tuple[int, ...], look: Callable[[float], Polygons]) -> bool:
    """Whether a picture (H, W) shows several whole cells; `look` finds at a scale, by which it is smaller for each.

    What the picture's side cuts off does not count: a crop of one cell shows parts of its neighbours.
    """
    height, width = shape[:2]
    for side in SMALL_LEVELS:
        level = side / max(height, width)
        if level > LARGEST and side > SMALL_LEVELS[0]:
            break
        found = look(level)
        low, high = found.outlines.min(axis=1), found.outlines.max(axis=1)
        whole = (low > 0).all(axis=1) & (high < np.array([width, height]) * level - 1).all(axis=1)
        known = (found.diameters > KNOWN[0]) & (found.diameters < KNOWN[1]) & (found.scores > CLEAR)
        areas = found.areas[whole & known]
        if len(areas) > SEVERAL or (len(areas) == SEVERAL and areas.max() < ALONE * height * width * level**2):
            return True
    return False


def within(scale: float, shape: tuple[int, ...]) -> float:
    """A scale at which a picture (H, W) is neither too small to see anything in nor too large to look at."""
    return min(max(scale, MIN_SIDE / max(shape[:2])), MAX_SIDE / max(shape[:2]))
