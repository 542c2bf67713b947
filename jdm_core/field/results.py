"""What is said of a field: its cells, both verdicts on those that were read, and their order."""

from dataclasses import dataclass

import numpy as np

from jdm_core.field.found import READ, Found
from jdm_core.images.colours import Colours


@dataclass(frozen=True)
class Field:
    """A field of N things found (`found`), of which those of status "read" were read, for K labels.

    probabilities (N, K), posterior (N, K) and unfamiliarity (N,) are NaN where there was no reading; the likelihood is
    asked only where a cell is suspected or unsure. kind (N,) says what `Prediction.kind` does, and "" without a
    reading. suspicious (N,) bool says which cells are to be looked at, suspicion (N,) how much a cell is suspected,
    NaN without a reading; order (M,) are the indices of the M cells that were read, the most suspicious first.
    colours says how the cells were seen, "matched" or "as given", and measured, where they were matched, the colours
    that this field's cells have in common. done is the share of the work that is done, 1 in what is complete.
    """

    labels: tuple[str, ...]
    found: Found
    probabilities: np.ndarray
    posterior: np.ndarray
    unfamiliarity: np.ndarray
    kind: np.ndarray
    suspicion: np.ndarray
    suspicious: np.ndarray
    order: np.ndarray
    colours: str
    measured: Colours | None
    draws: int
    seed: int
    done: float = 1.0

    @property
    def boxes(self) -> np.ndarray:
        """Boxes (N, 4) of x, y, w, h in pixels of the upload."""
        return self.found.boxes

    @property
    def outlines(self) -> list[np.ndarray]:
        """N polygons (P, 2) of x, y in pixels of the upload."""
        return self.found.outlines

    @property
    def status(self) -> np.ndarray:
        """What became of each thing found, (N,) of `found.STATUSES`."""
        return self.found.status

    @property
    def cells(self) -> list[np.ndarray]:
        """N crops uint8 (h, w, 3) on black."""
        return self.found.cells

    @property
    def trouble(self) -> str:
        """Why the picture is no field whose cells can be counted; empty for one."""
        return self.found.trouble

    @property
    def read(self) -> np.ndarray:
        """Which were read, (N,) bool."""
        return self.found.status == READ
