"""Red cells of other microscopes, whose licence lets a network that ships rest on them, to compose fields of."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jdm_core.images.limits import BLACK
from training.data.members import DataError
from training.data.microscopes.trained import FITTED, trainable

AT_MOST = 400  # of a microscope, healthy and infected each
OVAL = 0.92  # intersection over union with the oval of its sides: what is less has a neighbour's piece, or lost one


@dataclass(frozen=True)
class Borrowed:
    """Cells uint8 (h, w, 3) on black, the field that each was in, and how many there are of each microscope."""

    cells: list[np.ndarray]
    fields: list[str]
    counts: dict[str, int]


def borrow_cells(folder: Path, seed: int) -> Borrowed:
    """Whole red cells of the developers' halves of the sets below a folder. Raises DataError without a set."""
    all_of = Borrowed([], [], {})
    there = [name for name, place in FITTED.items() if (folder / place.path).is_dir()]
    for sample, chosen in trainable(folder, there, AT_MOST, seed):
        whole = [i for i in chosen if is_oval(sample.cells[i])]
        all_of.cells.extend(sample.cells[i] for i in whole)
        all_of.fields.extend(f"{sample.name} {sample.known[i].field}" for i in whole)
        all_of.counts[sample.name] = len(whole)
    if not all_of.cells:
        raise DataError(f"{folder}: none of {', '.join(str(place.path) for place in FITTED.values())}")
    return all_of


def is_oval(cell: np.ndarray) -> bool:
    """Whether a cell uint8 (h, w, 3) on black fills the oval of its picture's sides, and no more."""
    own = cell.max(axis=2) > BLACK
    rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
    if not len(rows):
        return False
    own = own[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = own.shape
    y, x = (np.mgrid[:height, :width].reshape(2, -1).T + 0.5).T
    oval = (((2 * x / width - 1) ** 2 + (2 * y / height - 1) ** 2) <= 1).reshape(own.shape)
    return bool((own & oval).sum() >= OVAL * (own | oval).sum())
