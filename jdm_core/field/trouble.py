"""Why a picture is no field whose cells can be counted, in a sentence; and whether it is in focus."""

import numpy as np

from jdm_core.field.found import CLUMP, READ
from jdm_core.images.colours import is_gray

CLEAR = 0.68  # of the scores' median: fields of five microscopes have 0.74 and more, thick smears 0.58 and less
EXPLAINED = 0.65  # of what looks red: so much must lie in cells
FEWEST = 3  # cells, of which something can be said of a field
ALONE = 0.12  # of the picture: one cell that covers so much is meant alone
CLUMPED = 0.6  # of what is red: so much in clumps leaves too little to count

NOTHING = "No red cells were found in this picture."
NO_FIELD = (
    "Red cells cannot be told apart in this picture: it is not a field of a thin blood smear, or it is out of focus. "
    "Nothing is counted."
)
ONE_CELL = "This picture shows a single cell: open it as a cell, not as a field."
GRAY = "This picture has no colour, and a parasite is told by its stain: nothing is counted."
CLUMPS = "Nearly all cells of this field lie in clumps that cannot be parted: nothing is counted."


def trouble_of(pixels: np.ndarray, status: np.ndarray, areas: np.ndarray, scores: np.ndarray, explained: float) -> str:
    """What is wrong with a picture, uint8 (H, W, 3), from the status (N,) and areas (N,) in pixels of what it shows.

    scores (M,) are those of the cells with an outline of their own, explained the share of what is red that these
    hold. Empty where nothing is wrong.
    """
    share = areas / (pixels.shape[0] * pixels.shape[1])
    if len(scores) == 0:
        return NOTHING
    if len(scores) <= FEWEST and share.max(initial=0) > ALONE:
        return ONE_CELL
    if is_gray(pixels):
        return GRAY
    if float(np.median(scores)) < CLEAR or explained < EXPLAINED:
        return NO_FIELD
    clumped, read = share[status == CLUMP].sum(), share[status == READ].sum()
    if clumped > CLUMPED * (clumped + read):
        return CLUMPS
    return "" if (status == READ).sum() >= FEWEST else NOTHING
