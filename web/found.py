"""The cell of an upload as the page takes it: found, and no larger than what many visitors' edits leave room for."""

from pathlib import Path

import numpy as np

from jdm_core.finding import Finding, prepare, reduced

SIDE = 1024  # pixels; an edit of more takes some 60 bytes for each, and a page shows half as many a side


def find(source: str | Path | bytes | np.ndarray, name: str, as_given: bool = False) -> Finding:
    """`prepare` with a cell of at most `SIDE` pixels a side. Raises CellImageError."""
    return reduced(prepare(source, name, not as_given), SIDE)
