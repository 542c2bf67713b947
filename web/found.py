"""The cell of an upload as the page takes it: found, and no larger than what many visitors' edits leave room for."""

from pathlib import Path

import numpy as np

from jdm_core.images.find import Finding, located, reduced
from web.decoding import read_pixels

SIDE = 1024  # pixels; an edit of more takes some 60 bytes for each, and a page shows half as many a side


def find(source: str | Path | bytes | np.ndarray, name: str, as_given: bool = False) -> Finding:
    """The cell of a file, of its bytes or of pixels uint8 (H, W, 3), with at most `SIDE` pixels a side.

    Raises CellImageError.
    """
    pixels = source if isinstance(source, np.ndarray) else read_pixels(source, name)
    return reduced(located(pixels, not as_given), SIDE)
