"""The cell in an upload: found on a bright background, cut out and put on black, as the cells of training are."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.filters import threshold_multiotsu, threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import isotropic_opening, local_maxima, reconstruction
from skimage.segmentation import watershed

from jdm_core.cells import MAX_ASPECT, MIN_SIDE, read_cell

Status = Literal["as given", "cut out", "several", "none"]

WORK_SIDE = 384  # pixels of the longer side at which cells are looked for
BLACK = 32  # as in cells.py: lossy compression leaves black backgrounds below this
BLACK_FRAME = 0.4  # of the outermost pixels; the least of 23,603 NIH cells has 0.55
BACKGROUND_SHARE = 0.03  # of the picture: fewer of its brightest pixels are glare or lettering
BACKGROUND_SPREAD = 4.0  # of 255, beside twice the median spread: what is as near to the surface is background
BACKGROUND_TERMS = 6  # of a quadratic surface: illumination falls off smoothly
LEAST_CONTRAST = 8.0  # of 255: what differs less from the background is noise or shade
EDGE = 0.35  # of a cell's difference from the background: below half-way, to keep the soft rim
NECK = 0.92  # of the smaller radius: two cells part where what joins them is narrower
SPECK = 0.1  # of the largest piece's area: smaller ones are platelets, dirt or lettering
SMALLEST = 0.01  # of the picture's area, for a cell that is to be cut out
TINY = 40  # pixels where cells are looked for: what is smaller is no cell, not even one of a large field
THIN = 1.5  # pixels: half the width of what is no cell, but a thread or a seam
PALE = 0.5  # of the threshold: a hole that differs as much is not background
HOLE = 0.75  # solidity: a pale centre is convex, a gap between cells that touch is not
SMALL_HOLE = 12  # pixels
FULL = 0.97  # of the picture: what covers more has no background around it
CUT_OFF = 0.5  # of its diameter: a cell that meets one side of the picture over more than this is cut off by it
CENTRAL = 0.17  # of the sides: the distance from the centre within which a cell is the one that is meant
MEANT = 0.33  # of the shorter side: the diameter from which a central cell is meant though others are whole


@dataclass(frozen=True)
class Finding:
    """What an upload shows: `cell` uint8 (h, w, 3) to explain, how it was come by, and where it lay.

    `outline` (H, W) bool marks in the upload what was found; `count` is how many cells it shows, those cut off by
    its border included, and 0 for "none"; `note` is one sentence for a person. `cell` is the whole upload unless
    status is "cut out".
    """

    cell: np.ndarray
    status: Status
    outline: np.ndarray
    note: str
    count: int


def prepare(
    source: str | Path | bytes | Image.Image | np.ndarray, name: str | None = None, find: bool = True
) -> Finding:
    """Reads an image as `read_cell` does and finds its cell; without `find`, it is taken as given.

    Raises CellImageError.
    """
    pixels = read_cell(source, name)
    return find_cell(pixels) if find else _as_given(pixels)


def found_fields(finding: Finding) -> dict[str, str]:
    """The JSON of a finding: its status, and the note unless the image was read as given."""
    return {"found": finding.status} | ({} if finding.status == "as given" else {"found_note": finding.note})


def find_cell(pixels: np.ndarray) -> Finding:
    """The one cell that an upload uint8 (H, W, 3) means, on black; or why the upload is taken whole.

    On a black background already, it is given back unchanged. Otherwise what differs from the background's fitted
    colour is parted where it is narrow, and a cell is meant if it is the only whole one, or large and in the middle.
    """
    if _on_black(pixels):
        return _as_given(pixels)
    regions = _regions(_reduced(pixels))
    count = int(regions.max())
    chosen, whole = _meant(regions)
    if chosen is None:
        outline = _enlarged(regions > 0, pixels.shape[:2])
        if whole > 1:
            note = f"{count} cells, none of them clearly the one that is meant: the whole picture is read as one cell."
            return Finding(pixels, "several", outline, note, count)
        note = "No whole cell stands out from a background: the whole picture is read as one cell."
        return Finding(pixels, "none", outline, note, 0)
    outline = _enlarged(regions == chosen, pixels.shape[:2])
    others = f" of {count} that the picture shows" if count > 1 else ""
    note = f"One cell{others} was found on a bright background and put on black."
    return Finding(_cut(pixels, outline), "cut out", outline, note, count)


def _as_given(pixels: np.ndarray) -> Finding:
    return Finding(pixels, "as given", pixels.max(axis=2) > BLACK, "The picture is read as it is.", 1)


def _on_black(pixels: np.ndarray) -> bool:
    frame = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return bool((frame.max(axis=1) <= BLACK).mean() >= BLACK_FRAME)


def _reduced(pixels: np.ndarray) -> np.ndarray:
    """Pixels uint8 (H, W, 3) averaged down to WORK_SIDE, if they are larger: float32 (h, w, 3)."""
    height, width = pixels.shape[:2]
    scale = min(1, WORK_SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = Image.fromarray(pixels).resize(size, Image.Resampling.BOX, reducing_gap=2.0) if scale < 1 else pixels
    return np.asarray(small, dtype=np.float32)


def _enlarged(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A mask of the reduced picture at the upload's `shape`: (H, W) bool with smooth edges."""
    if mask.shape == shape:
        return mask
    picture = Image.fromarray(mask.astype(np.uint8) * 255).resize(shape[::-1], Image.Resampling.BILINEAR)
    return np.asarray(picture) >= 128


def _regions(pixels: np.ndarray) -> np.ndarray:
    """The cells of a picture float32 (h, w, 3), numbered from 1: (h, w) int."""
    smooth = ndimage.gaussian_filter(pixels, (1, 1, 0))
    green = smooth[:, :, 1]  # which haemoglobin and Giemsa both absorb
    if np.ptp(green) < LEAST_CONTRAST:
        return np.zeros(green.shape, dtype=int)
    difference = np.linalg.norm(smooth - _background(smooth), axis=2)
    # In logarithms, so that a deep stain or a black scale bar does not outweigh pale cells.
    levels = np.log(np.maximum(difference, LEAST_CONTRAST))
    if levels.min() == levels.max():
        return np.zeros(green.shape, dtype=int)
    threshold = float(np.exp(threshold_otsu(levels)))
    regions = _parted(_filled(difference, np.array(threshold)))
    # A cell's edge lies part of the way to its own colour, whatever the stain of others.
    own = ndimage.median(difference, regions, np.arange(regions.max() + 1))
    own[0] = np.inf
    return _parted(_filled(difference, np.maximum(threshold, EDGE * own[regions])))


def _background(smooth: np.ndarray) -> np.ndarray:
    """The background's colour at each pixel (h, w, 3): a quadratic surface through what is as bright as it is."""
    height, width, _ = smooth.shape
    green = smooth[:, :, 1]
    y, x = (axis.ravel() for axis in np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j])
    terms = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
    values = smooth.reshape(-1, 3)
    try:
        bright = (green > threshold_multiotsu(green, classes=3)[-1]).ravel()
    except ValueError:  # fewer than three levels
        bright = (green > threshold_otsu(green)).ravel()
    if bright.mean() < BACKGROUND_SHARE:
        bright = (green > threshold_otsu(green[~bright.reshape(green.shape)])).ravel()
    surface = np.broadcast_to(np.median(values[bright], axis=0), values.shape)
    spread = 2 * np.median(np.linalg.norm(values[bright] - surface[0], axis=1)) + BACKGROUND_SPREAD
    for count in (1, 3, BACKGROUND_TERMS):  # a level, a plane, a quadratic: what the level misses, the plane reaches
        near = np.linalg.norm(values - surface, axis=1) < spread
        if near.sum() < 10 * count:
            break
        weights, *_ = np.linalg.lstsq(terms[near, :count], values[near], rcond=None)
        surface = terms[:, :count] @ weights
    return surface.reshape(smooth.shape)


def _filled(difference: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Where a difference (h, w) exceeds its threshold: (h, w) bool, less thin things, with pale centres filled.

    A hole is a pale centre where it is convex or not quite as bright as the background, else a gap between cells.
    """
    mask = isotropic_opening(difference > threshold, THIN)
    holes, _ = ndimage.label(ndimage.binary_fill_holes(mask) & ~mask)
    filled = [
        hole.label for hole in regionprops(holes, difference / threshold)
        if hole.area < SMALL_HOLE or hole.solidity > HOLE or hole.intensity_mean > PALE
    ]  # fmt: skip
    return mask | np.isin(holes, filled)


def _parted(mask: np.ndarray) -> np.ndarray:
    """Numbers the cells of a mask (h, w): watershed of the distance to the background (Beucher & Lantuéjoul 1979).

    A piece becomes two cells where its neck is narrower than NECK times the smaller one's radius.
    """
    if mask.all():
        return mask.astype(int)
    distance = ndimage.distance_transform_edt(mask)
    # In logarithms a neck's share of the radius is a depth, and a reconstruction keeps the peaks that stand deeper.
    height = np.log(np.maximum(ndimage.gaussian_filter(distance, 1), 0.5))
    peaks = local_maxima(reconstruction(height + np.log(NECK), height)) & mask
    seeds, _ = ndimage.label(peaks, np.ones((3, 3)))
    regions = watershed(-distance, seeds, mask=mask)
    areas = np.bincount(regions.ravel())
    areas[0] = 0
    kept = np.flatnonzero((areas >= SPECK * areas.max()) & (areas > 0))
    numbers = np.zeros(len(areas), dtype=int)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[regions]


def _meant(regions: np.ndarray) -> tuple[int | None, int]:
    """The number of the cell that is meant, if one is, and how many lie whole in the picture."""
    height, width = regions.shape
    cells = [cell for cell in regionprops(regions) if cell.area >= TINY]
    whole = [cell for cell in cells if _cut_off(regions == cell.label, cell.area) <= CUT_OFF]
    central = [
        cell for cell in cells
        if abs(cell.centroid[0] / height - 0.5) < CENTRAL and abs(cell.centroid[1] / width - 0.5) < CENTRAL
        and cell.equivalent_diameter_area >= MEANT * min(height, width) and cell.area < FULL * regions.size
    ]  # fmt: skip
    if len(whole) == 1 and not central and whole[0].area >= SMALLEST * regions.size:
        return whole[0].label, 1
    if central:
        return max(central, key=lambda cell: cell.area).label, len(whole)
    return None, len(whole)


def _cut_off(mask: np.ndarray, area: float) -> float:
    """The longest stretch of a picture's side that a cell (h, w) covers, in diameters of a disc of its area."""
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    return max(int(side.sum()) for side in sides) / (2 * np.sqrt(area / np.pi))


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
