"""Whether a picture is of one cell or of a field: the page, the endpoint and the command line go by this alike."""

from typing import Literal

import numpy as np

from jdm_core.field.finder import Finder
from jdm_core.images.find import find_cell

Shown = Literal["several cells", "one cell", "neither"]


def what_shows(pixels: np.ndarray, finder: Finder) -> Shown:
    """What pixels uint8 (H, W, 3) show: several whole cells, or one that can be cut out or stands on black already.

    "neither" may be a field yet: of cells that are small beside it, or of a smear on which none can be told apart.
    """
    if finder.sees_several(pixels):
        return "several cells"
    return "one cell" if find_cell(pixels).status in ("as given", "cut out") else "neither"
