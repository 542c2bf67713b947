"""What kind of picture each is: a red cell as in training, one of another stain or microscope, or none."""

from collections.abc import Sequence

import numpy as np

from jdm_core.checkpoint.calibration import Calibration
from jdm_core.checkpoint.familiarity import FAMILIAR, LIMIT, NO_RED_CELL, OTHER
from jdm_core.images.colours import is_gray
from jdm_core.images.pixels import to_tensor, to_uint8
from jdm_core.images.traits import SIDE

NEAR = 0.8  # unfamiliarity from which on a familiar picture, too, is looked at once more
SURE = 1.0  # by so much a familiar picture has to be on the wrong side


def kinds_of(cells: Sequence[np.ndarray], unfamiliarity: np.ndarray, calibration: Calibration) -> np.ndarray:
    """The kind (B,) of cells uint8 (H, W, 3), of which only those that are not quite familiar are looked at once more.

    A checkpoint that does not know red cells of other stains takes none of these for one. What has no colour is no
    stained cell to any that knows its cells' colours.
    """
    strange = unfamiliarity >= LIMIT
    kinds = np.where(strange, NO_RED_CELL, FAMILIAR).astype(object)
    test, asked = calibration.red_cells, np.flatnonzero(unfamiliarity >= NEAR)
    if test is not None and len(asked):
        squares = to_uint8(to_tensor([cells[i] for i in asked.tolist()], SIDE)).numpy()
        scores = test.scores_of(list(squares))
        kinds[asked[strange[asked] & (scores > 0)]] = OTHER
        kinds[asked[~strange[asked] & (scores < -SURE)]] = NO_RED_CELL
    gray = np.array([is_gray(cell) for cell in cells], dtype=bool)
    kinds[gray & ~np.isnan(unfamiliarity)] = NO_RED_CELL
    return kinds.astype(str)
