"""The cell in an upload: found on a bright background, cut out and put on black, as the cells of training are."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from jdm_core.images.limits import BLACK, MAX_ASPECT, MIN_SIDE
from jdm_core.images.read import read_cell

Status = Literal["as given", "cut out", "several", "none"]

WORK_SIDE_PIXELS = 384  # of the longer side of a picture in which cells are looked for
BLACK_FRAME_SHARE = 0.4  # of the outermost pixels; the least of 23,603 NIH cells has 0.55


@dataclass(frozen=True)
class Finding:
    """What an upload shows: `cell` uint8 (h, w, 3) to explain, how it was obtained, and where it lay.

    `outline` (H, W) bool marks in the upload what was found; `count` is how many cells it shows, those cut off by
    its border included, and 0 for "none". `cell` is the whole upload unless status is "cut out"; `reduced_from` is
    the (height, width) that it had before `reduced` took pixels from it.
    """

    cell: np.ndarray
    status: Status
    outline: np.ndarray
    count: int
    reduced_from: tuple[int, int] | None = None


def prepare(
    source: str | Path | bytes | Image.Image | np.ndarray, name: str | None = None, find: bool = True
) -> Finding:
    """Reads an image as `read_cell` does and finds its cell; without `find`, it is taken as given.

    Raises CellImageError.
    """
    return located(read_cell(source, name), find)


def located(pixels: np.ndarray, find: bool = True) -> Finding:
    """The cell of pixels uint8 (H, W, 3), which may stay the same array; without `find`, they are taken as given."""
    return find_cell(pixels) if find else _as_given(pixels)


def reduced(finding: Finding, side: int) -> Finding:
    """The finding with a cell, and an outline in the upload's proportions, of at most `side` pixels a side.

    What is no larger stays as it is.
    """
    cell = _averaged(finding.cell, side)
    size = None if cell is finding.cell else finding.cell.shape[:2]
    outline = _at_shape(finding.outline, _within(finding.outline.shape, side))
    return replace(finding, cell=cell, outline=outline, reduced_from=size)


def find_cell(pixels: np.ndarray) -> Finding:
    """The one cell that an upload uint8 (H, W, 3) means, on black; or why the upload is taken whole.

    On a black background already, it is given back unchanged. Otherwise what differs from the background's fitted
    colour is parted where it is narrow, and a cell is meant if it is the only whole one, or large and in the middle.
    """
    if _on_black(pixels):
        return _as_given(pixels)
    from jdm_core.images.segment import meant_cell, segment  # here, since its libraries take long to import

    regions = segment(_averaged(pixels, WORK_SIDE_PIXELS).astype(np.float32))
    count = int(regions.max())
    chosen, whole = meant_cell(regions)
    if chosen is None:
        outline = _at_shape(regions > 0, pixels.shape[:2])
        if whole > 1:
            return Finding(pixels, "several", outline, count)
        return Finding(pixels, "none", outline, 0)
    outline = _at_shape(regions == chosen, pixels.shape[:2])
    return Finding(_cut(pixels, outline), "cut out", outline, count)


def _as_given(pixels: np.ndarray) -> Finding:
    return Finding(pixels, "as given", pixels.max(axis=2) > BLACK, 1)


def _on_black(pixels: np.ndarray) -> bool:
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool((frame.max(axis=1) <= BLACK).mean() >= BLACK_FRAME_SHARE)


def _averaged(pixels: np.ndarray, side: int) -> np.ndarray:
    """Pixels uint8 (H, W, 3) averaged down to `side`, if they are larger."""
    height, width = _within(pixels.shape[:2], side)
    if (height, width) == pixels.shape[:2]:
        return pixels
    return np.array(Image.fromarray(pixels).resize((width, height), Image.Resampling.BOX, reducing_gap=2.0))


def _within(shape: tuple[int, ...], side: int) -> tuple[int, int]:
    """A shape in the same proportions, with no side over `side`."""
    scale = min(1, side / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def _at_shape(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A mask of the picture at another `shape`: (H, W) bool with smooth edges."""
    if mask.shape == shape:
        return mask
    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(picture) >= 128


def _cut(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The box of a mask with a margin of a pixel, on black: uint8 (h, w, 3), no side over twice the other.

    The margin is as small as NIH's crops are tight, and makes the whole frame black, so that the cell is
    recognised as given when it comes back.
    """
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    cell = pixels[box] * mask[box][:, :, None]
    height, width = cell.shape[:2]
    least = max(MIN_SIDE, int(np.ceil((max(height, width) + 2) / MAX_ASPECT)))
    pad_rows, pad_columns = (max(2, least - side) for side in (height, width))
    return np.pad(
        cell, ((pad_rows // 2, pad_rows - pad_rows // 2), (pad_columns // 2, pad_columns - pad_columns // 2), (0, 0))
    )
