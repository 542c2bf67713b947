"""From polygons to cells: what is read, what is cut off, a clump or no red cell, and each one's crop on black."""

import math
from dataclasses import replace

import numpy as np
import torch.nn.functional as F
from PIL import Image, ImageDraw
from scipy import ndimage

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ, Found
from jdm_core.field.light import white_cells, written_over
from jdm_core.field.network import STRIDE, Maps
from jdm_core.field.polygons import Polygons, area_of
from jdm_core.field.trouble import trouble_of
from jdm_core.images.limits import MAX_ASPECT, MIN_SIDE

EDGE = 0.03  # of the median diameter: an outline so near the picture's side, or beyond it, is cut off
LARGE = 1.9  # of the median area: a cell so large is more than one
PIECE, CLUMPED = 0.2, 0.45  # of the median area: from here on what no polygon holds is told, and is a clump
OTHER_SHARE = 0.5  # of a polygon's pixels that are no red cell: it is something else
# Of the median area, and of its hull: a purple thing that may be a red cell full of a parasite. P. vivax makes it up to
# twice as large; most white cells are larger still.
FULL, SOLID = (0.45, 2.0), 0.88
THIN = 2  # pixels, half the width of seams between outlines
SMALL_OTHER = 0.12  # of the median area: smaller things that are no red cell are dots, and not told
GROUND, RED, OTHER = 0, 1, 2  # classes of a pixel
DARK = 45  # of 255 in every channel, joined to the picture's side: the surround of a round field, and no ground
SURROUND = 0.1  # of half the picture's outline: less of it dark is a cell or a mark
HIDDEN, OUTSIDE = 0.03, 0.5  # of a cell in the surround: it is cut off; it is none


def assemble(pixels: np.ndarray, polygons: Polygons, maps: Maps, scale: np.ndarray) -> Found:
    """The cells of a field uint8 (H, W, 3), from what was found in it at a scale (2,) of x and y."""
    height, width = pixels.shape[:2]
    classes = _classes(maps, scale, (height, width))
    dark = _surround(pixels, classes.shape)
    classes[dark] = GROUND
    median = float(np.median(polygons.areas)) if len(polygons.scores) else 0.0
    covered = np.zeros(classes.shape, bool)
    outlines, status, scores = [], [], []
    for outline, area, score in zip(polygons.outlines, polygons.areas, polygons.scores, strict=True):
        held = _held(outline, classes.shape)
        hidden = float(dark[held].mean()) if len(held[0]) else 1.0
        if hidden > OUTSIDE:
            continue
        covered[held] = True
        outlines.append(outline / scale)
        scores.append(score)
        purple = (classes[held] == OTHER).mean() > OTHER_SHARE
        if purple and not _as_a_cell(area, median):
            status.append(NO_RED_CELL)
        elif hidden > HIDDEN or _cut_off(outline, classes.shape, EDGE * np.sqrt(median)):
            status.append(CUT_OFF)
        else:
            status.append(CLUMP if area > LARGE * median and not purple else READ)
    red = classes == RED
    explained = float((red & covered).sum() / max(1, red.sum()))
    for outline, what in _left(classes, covered, median):
        outlines.append(outline / scale)
        status.append(what)
    areas = np.array([area_of(outline) for outline in outlines])
    trouble = trouble_of(pixels, np.array(status), areas, np.array(scores), explained)
    found = _found(pixels, outlines, status, trouble)
    read = found.status == READ
    status = np.where(white_cells(found.cells, read), NO_RED_CELL, found.status)
    written = [one and written_over(*_within(pixels, of)) for one, of in zip(read, found.outlines, strict=True)]
    return replace(found, status=np.where(written, CUT_OFF, status))


def crop(pixels: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """What an outline (P, 2) of x, y holds of a field, uint8 (h, w, 3) on black, with a margin of a pixel.

    More of it where the cell is longer or smaller than pictures of one cell may be: an elliptocyte is read as well.
    """
    box, mask = _within(pixels, outline)
    cell = box * mask[:, :, None]
    least = max(MIN_SIDE, math.ceil((max(cell.shape[:2]) + 2) / MAX_ASPECT))
    margins = [max(2, least - side) for side in cell.shape[:2]]
    return np.pad(cell, [*((margin // 2, margin - margin // 2) for margin in margins), (0, 0)])


def _within(pixels: np.ndarray, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The box of a field, uint8 (h, w, 3), round an outline (P, 2) of x, y, and what of it lies within, (h, w) bool."""
    height, width = pixels.shape[:2]
    left, top = np.floor(outline.min(axis=0)).astype(int).clip(0, (width - 1, height - 1))
    right, bottom = (np.floor(outline.max(axis=0)).astype(int) + 1).clip((left + 1, top + 1), (width, height))
    mask = Image.new("1", (int(right - left), int(bottom - top)))
    ImageDraw.Draw(mask).polygon([(float(x - left), float(y - top)) for x, y in outline], fill=1)
    return pixels[top:bottom, left:right], np.asarray(mask)


def added(pixels: np.ndarray, found: Found, outline: np.ndarray) -> Found:
    """What was found, and at its end a cell of this outline (P, 2) of x, y, to be read."""
    return _found(pixels, [*found.outlines, outline], [*found.status.tolist(), READ], found.trouble)


def replaced(pixels: np.ndarray, found: Found, index: int, outlines: list[np.ndarray]) -> Found:
    """What was found, with the parts of one thing in its place, at the end, to be read."""
    others = [i for i in range(len(found.status)) if i != index]
    kept = [found.outlines[i] for i in others]
    status = [*found.status[others].tolist(), *[READ] * len(outlines)]
    return _found(pixels, [*kept, *outlines], status, found.trouble)


def _found(pixels: np.ndarray, outlines: list[np.ndarray], status: list[str], trouble: str = "") -> Found:
    height, width = pixels.shape[:2]
    outlines = [outline.clip(0, (width, height)).astype(np.float32) for outline in outlines]
    corners = [(*outline.min(axis=0), *outline.max(axis=0)) for outline in outlines]
    boxes = np.array([(x, y, r - x, b - y) for x, y, r, b in corners], np.float32).reshape(-1, 4)
    words = np.array(status, dtype="<U16")
    read = boxes[words == READ]
    diameter = float(np.median(np.sqrt(read[:, 2] * read[:, 3]))) if len(read) else float("nan")
    cells = [crop(pixels, outline) for outline in outlines]
    return Found((height, width), boxes, outlines, words, cells, diameter, trouble)


def _classes(maps: Maps, scale: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The class of each pixel of the network's picture, (h, w) uint8."""
    height, width = (round(side * float(by)) for side, by in zip(size, scale[::-1], strict=True))
    large = F.interpolate(maps.stained, scale_factor=float(STRIDE), mode="bilinear")
    return large[0, :, :height, :width].argmax(0).to(dtype=maps.stained.dtype).numpy().astype(np.uint8)


def _surround(pixels: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The dark surround of a phone's round field, (h, w) bool at the network's size: what joins the picture's sides."""
    small = Image.fromarray(pixels).resize((shape[1], shape[0]), Image.Resampling.BOX, reducing_gap=3.0)
    dark = _opened(np.asarray(small).max(axis=2) < DARK)
    numbered = np.empty(shape, np.int32)
    ndimage.label(dark, output=numbered)
    sides = np.concatenate([numbered[0], numbered[-1], numbered[:, 0], numbered[:, -1]])
    sizes = np.bincount(sides, minlength=1)
    sizes[0] = 0
    joined = np.flatnonzero(sizes > SURROUND * (shape[0] + shape[1]))
    return ndimage.binary_dilation(np.isin(numbered, joined), iterations=2) if len(joined) else np.zeros(shape, bool)


def filled(outline: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """What an outline (P, 2) of x, y holds: (h, w) bool."""
    mask = np.zeros(shape, bool)
    mask[_held(outline, shape)] = True
    return mask


def _held(outline: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The rows and columns of a picture (h, w) that an outline (P, 2) of x, y holds."""
    from skimage.draw import polygon

    return polygon(outline[:, 1], outline[:, 0], shape)


def _cut_off(outline: np.ndarray, shape: tuple[int, ...], near: float) -> bool:
    low, high = outline.min(axis=0), outline.max(axis=0)
    return bool(low.min() < near or high[0] > shape[1] - 1 - near or high[1] > shape[0] - 1 - near)


def _as_a_cell(area: float, median: float) -> bool:
    """Whether a purple thing has a red cell's size: it may be one that a parasite fills, and is read."""
    return FULL[0] * median < area < FULL[1] * median


def _opened(mask: np.ndarray) -> np.ndarray:
    """A mask (h, w) less what is thin; what meets the picture's side goes on beyond it."""
    wide = np.pad(mask, 2 * THIN, mode="edge")
    return ndimage.binary_opening(wide, iterations=THIN)[2 * THIN : -2 * THIN, 2 * THIN : -2 * THIN]


def _left(classes: np.ndarray, covered: np.ndarray, median: float) -> list[tuple[np.ndarray, str]]:
    """Outlines of what is stained and in no polygon, and what to call each."""
    from skimage.measure import find_contours, regionprops

    left = []
    for kind, least in ((RED, PIECE), (OTHER, SMALL_OTHER)):
        rest = _opened((classes == kind) & ~covered)
        numbered = np.empty(rest.shape, np.int32)
        ndimage.label(rest, output=numbered)
        for piece in regionprops(numbered):
            if piece.area < max(least * median, 12):
                continue
            outline = max(find_contours(np.pad(piece.image_filled, 1).astype(float), 0.5), key=len)[:, ::-1]
            outline = outline - 1 + (piece.bbox[1], piece.bbox[0])
            alike = _as_a_cell(piece.area, median) and piece.solidity > SOLID
            if kind == OTHER:
                what = READ if alike and not _cut_off(outline, classes.shape, 2.0) else NO_RED_CELL
            elif _cut_off(outline, classes.shape, 2.0):
                what = CUT_OFF
            else:
                what = CLUMP if piece.area > CLUMPED * median else NO_RED_CELL
            left.append((outline, what))
    return left
