"""A field with more rows, cells that a person added, or with fewer."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from jdm_core.field.cut import added
from jdm_core.field.results import Field


def with_added(field: Field, pixels: np.ndarray, outlines: Sequence[np.ndarray]) -> Field:
    """The field of pixels uint8 (H, W, 3) with a cell an outline (P, 2) behind its own, of status "read".

    What the machine says of them is NaN, as they were not read by it; its order of the others stays.
    """
    found = field.found
    for outline in outlines:
        found = added(pixels, found, outline)
    if found is field.found:
        return field
    found = replace(found, diameter=field.found.diameter, trouble=field.found.trouble)
    count, labels = len(outlines), field.probabilities.shape[1]
    unread = np.full((count, labels), np.nan, np.float32)
    return replace(
        field,
        found=found,
        probabilities=np.concatenate([field.probabilities, unread]),
        posterior=np.concatenate([field.posterior, unread]),
        unfamiliarity=np.concatenate([field.unfamiliarity, unread[:, 0]]),
        kind=np.concatenate([field.kind, np.full(count, "", field.kind.dtype)]),
        suspicion=np.concatenate([field.suspicion, unread[:, 0]]),
        suspicious=np.concatenate([field.suspicious, np.zeros(count, bool)]),
    )


def kept_rows(field: Field, keep: np.ndarray) -> Field:
    """The field with some of its things alone, `keep` (N,) bool, in their order."""
    chosen = np.flatnonzero(keep)
    new = np.full(len(keep), -1)
    new[chosen] = np.arange(len(chosen))
    order = new[field.order]
    found = replace(
        field.found,
        boxes=field.boxes[chosen],
        outlines=[field.outlines[i] for i in chosen],
        status=field.status[chosen],
        cells=[field.cells[i] for i in chosen],
    )
    names = ("probabilities", "posterior", "unfamiliarity", "kind", "suspicion", "suspicious")
    arrays = {name: getattr(field, name)[chosen] for name in names}
    return replace(field, found=found, order=order[order >= 0], **arrays)
