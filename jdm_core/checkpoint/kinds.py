"""What kind of picture each is: a red cell as in training, one of another stain or microscope, or none."""

from collections.abc import Sequence

import numpy as np

from jdm_core.checkpoint.calibration import Calibration
from jdm_core.checkpoint.familiarity import FAMILIAR, LIMIT, NO_RED_CELL, OTHER
from jdm_core.checkpoint.red_cells import ASKED
from jdm_core.images.pixels import to_tensor, to_uint8
from jdm_core.images.traits import SIDE, measure_cells


def kinds_of(
    cells: Sequence[np.ndarray], unfamiliarity: np.ndarray, calibration: Calibration, features: np.ndarray | None = None
) -> np.ndarray:
    """The kind (B,) of cells uint8 (H, W, 3), of which those that are not clearly familiar are looked at once more.

    `features` (B, f) are their `mean_features`, which a rule for white cells asks for. A checkpoint that does not know
    red cells of other stains takes none of these for one.
    """
    strange = unfamiliarity >= LIMIT
    kinds = np.where(strange, NO_RED_CELL, FAMILIAR).astype(object)
    red, white = calibration.red_cells, calibration.white_cells
    asked = np.flatnonzero(strange if white is None or features is None else unfamiliarity >= ASKED * LIMIT)
    if not len(asked) or (red is None and white is None):
        return kinds.astype(str)
    squares = to_uint8(to_tensor([cells[i] for i in asked.tolist()], SIDE)).numpy()
    traits = measure_cells(list(squares))
    if white is not None and features is not None:
        free = white.score(traits, features[asked]) > 0
        kinds[asked[~free]] = NO_RED_CELL
        asked, traits = asked[free], traits[free]
    if red is not None:
        kinds[asked[strange[asked] & (red.score(traits) > 0)]] = OTHER
    return kinds.astype(str)
