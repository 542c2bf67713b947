"""Why a picture is no field whose cells can be counted, in a sentence; and whether it is in focus."""

import numpy as np

from jdm_core.field.found import CLUMP, READ

CLEAR = 0.62  # of the scores' median: 48 fields of five microscopes have 0.63 and more, thick smears and figures 0.58
FEWEST = 3  # cells, of which something can be said of a field
ALONE = 0.12  # of the picture: one cell that covers so much is meant alone
CLUMPED = 0.6  # of what is red: so much in clumps leaves too little to count

NOTHING = "No red cells were found in this picture."
NO_FIELD = (
    "Red cells cannot be told apart in this picture: it is not a field of a thin blood smear, or it is out of focus. "
    "Nothing is counted."
)
ONE_CELL = "This picture shows a single cell: open it as a cell, not as a field."
CLUMPS = "Nearly all cells of this field lie in clumps that cannot be parted: nothing is counted."


def trouble_of(status: np.ndarray, areas: np.ndarray, scores: np.ndarray, size: tuple[int, int]) -> str:
    """What is wrong with a picture of `size`, from the status (N,) and areas (N,) in pixels of the things found in it.

    scores (M,) are those of the cells with an outline of their own. Empty where nothing is.
    """
    share = areas / (size[0] * size[1])
    if len(scores) == 0:
        return NOTHING
    if len(scores) <= FEWEST and share.max(initial=0) > ALONE:
        return ONE_CELL
    if float(np.median(scores)) < CLEAR:
        return NO_FIELD
    clumped, read = share[status == CLUMP].sum(), share[status == READ].sum()
    if clumped > CLUMPED * (clumped + read):
        return CLUMPS
    return "" if (status == READ).sum() >= FEWEST else NOTHING
