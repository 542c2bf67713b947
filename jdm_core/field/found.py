"""What the finder finds in a field: a cell a row, each with its outline, and what became of it."""

from dataclasses import dataclass

import numpy as np

READ, CUT_OFF, CLUMP, NO_RED_CELL = "read", "cut off", "clump", "not a red cell"
STATUSES = (READ, CUT_OFF, CLUMP, NO_RED_CELL)


@dataclass(frozen=True)
class Found:
    """N things found in a field of `size` (height, width), in pixels of the upload.

    boxes (N, 4) float32 of x, y, w, h; outlines, N polygons float32 (P, 2) of x, y; status (N,) of `STATUSES`; cells,
    N crops uint8 (h, w, 3) on black, of whatever status; diameter, the median of what is read, NaN without any;
    trouble says in a sentence why the picture is no field whose cells can be counted, and is empty for one.
    """

    size: tuple[int, int]
    boxes: np.ndarray
    outlines: list[np.ndarray]
    status: np.ndarray
    cells: list[np.ndarray]
    diameter: float
    trouble: str = ""

    @property
    def counts(self) -> dict[str, int]:
        """How many there are of each status, in the order of `STATUSES`."""
        return {status: int((self.status == status).sum()) for status in STATUSES}
