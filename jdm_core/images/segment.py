"""Cells apart from a bright background and from each other, and which of them a picture means."""

from typing import Any

import numpy as np
from scipy import ndimage
from skimage.filters import threshold_multiotsu, threshold_otsu
from skimage.measure import regionprops
from skimage.morphology import isotropic_closing, isotropic_opening, local_maxima, reconstruction
from skimage.segmentation import watershed

BACKGROUND_SHARE = 0.03  # of the picture: fewer of its brightest pixels are glare or lettering
BACKGROUND_SPREAD_LEVELS = 4.0  # of 255, beside twice the median spread: what is as near to the surface is background
BACKGROUND_TERMS = 6  # of a quadratic surface: illumination falls off smoothly
LEAST_CONTRAST_LEVELS = 8.0  # of 255: what differs less from the background is noise or shade
EDGE_SHARE = 0.35  # of a cell's difference from the background: below half-way, to keep the soft rim
NECK_SHARE = 0.92  # of the smaller radius: two cells part where what joins them is narrower
SPECK_SHARE = 0.1  # of the largest piece's area: smaller ones are platelets, dirt or lettering
LEAST_AREA_SHARE = 0.01  # of the picture, for a cell that is to be cut out
LEAST_AREA_PIXELS = (
    40  # of the picture in which cells are looked for: what is smaller is no cell, not even one of a large field
)
THIN_PIXELS = 1.5  # half the width of what is no cell, but a thread or a seam
PALE_SHARE = 0.5  # of the threshold: a hole that differs as much is not background
GAP_SHARE = 0.25  # of a piece's shorter side: a pale centre opens to the background through what is narrower
FULL_EXTENT = 0.75  # of its box: what covers more, as a disc does, has no open centre
HOLE_SOLIDITY = 0.75  # a pale centre is convex, a gap between cells that touch is not
SMALL_HOLE_PIXELS = 12  # what is smaller is filled
FULL_SHARE = 0.97  # of the picture: what covers more has no background around it
CUT_OFF_DIAMETERS = 0.5  # a cell that meets one side of the picture over more than this is cut off by it
CENTRAL_SHARE = 0.17  # of the sides: the distance from the centre within which a cell is the one that is meant
MEANT_DIAMETER_SHARE = 0.33  # of the shorter side: from this diameter a central cell is meant, others or not


def segment(pixels: np.ndarray) -> np.ndarray:
    """The cells of a picture float32 (h, w, 3), numbered from 1: (h, w) int."""
    smooth = ndimage.gaussian_filter(pixels, (1, 1, 0))
    green = smooth[:, :, 1]  # which haemoglobin and Giemsa both absorb
    if np.ptp(green) < LEAST_CONTRAST_LEVELS:
        return np.zeros(green.shape, dtype=int)
    difference = np.linalg.norm(smooth - _background(smooth), axis=2)
    # In logarithms, so that a deep stain or a black scale bar does not outweigh pale cells.
    levels = np.log(np.maximum(difference, LEAST_CONTRAST_LEVELS))
    if levels.min() == levels.max():
        return np.zeros(green.shape, dtype=int)
    threshold = float(np.exp(threshold_otsu(levels)))
    regions = _parted(_filled(difference, np.array(threshold)))
    # A cell's edge lies part of the way to its own colour, whatever the stain of others.
    own = ndimage.median(difference, regions, np.arange(regions.max() + 1))
    own[0] = np.inf
    return _parted(_filled(difference, np.maximum(threshold, EDGE_SHARE * own[regions])))


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
    spread = 2 * np.median(np.linalg.norm(values[bright] - surface[0], axis=1)) + BACKGROUND_SPREAD_LEVELS
    for count in (1, 3, BACKGROUND_TERMS):  # a level, a plane, a quadratic: what the level misses, the plane reaches
        near = np.linalg.norm(values - surface, axis=1) < spread
        if near.sum() < 10 * count:
            break
        weights, *_ = np.linalg.lstsq(terms[near, :count], values[near], rcond=None)
        surface = terms[:, :count] @ weights
    return surface.reshape(smooth.shape)


def _filled(difference: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Where a difference (h, w) exceeds its threshold: (h, w) bool, less thin things, with pale centres filled.

    A hole, which a gap may open to the outside, is a pale centre where it is convex or not quite as bright as the
    background, else a gap between cells.
    """
    mask = isotropic_opening(difference > threshold, THIN_PIXELS)
    inner = ndimage.binary_fill_holes(mask) & ~mask
    pieces = regionprops(_numbered(mask))
    least = SPECK_SHARE * max((piece.area for piece in pieces), default=0)
    for piece in (piece for piece in pieces if piece.area >= least and piece.extent < FULL_EXTENT):
        inner[piece.slice] |= enclosed(piece.image, GAP_SHARE * min(piece.image.shape)) & ~mask[piece.slice]
    holes = _numbered(inner)
    filled = [
        hole.label
        for hole in regionprops(holes, difference / threshold)
        if hole.area < SMALL_HOLE_PIXELS or hole.solidity > HOLE_SOLIDITY or hole.intensity_mean > PALE_SHARE
    ]
    return mask | np.isin(holes, filled)


def enclosed(mask: np.ndarray, gap: float) -> np.ndarray:
    """A mask's holes, and what it would enclose if gaps narrower than `gap` pixels were closed: (h, w) bool.

    The pale centre of a cell opens to the background where its rim is too thin or too pale to be seen. Gaps that
    enclose nothing stay open, so that cells which nearly touch do not grow together.
    """
    held = np.asarray(ndimage.binary_fill_holes(mask)) & ~mask
    for radius in (gap / 2, gap):  # a small disc passes a thin rim's gap, a large one does not enter a small centre
        wide = int(np.ceil(radius)) + 1
        closed = isotropic_closing(np.pad(mask, wide), radius)[wide:-wide, wide:-wide]
        full = np.asarray(ndimage.binary_fill_holes(closed))
        pieces = _numbered(full & ~mask)
        numbers = np.unique(pieces[full & ~closed])
        held |= np.isin(pieces, numbers[numbers > 0])
    return held


def _numbered(mask: np.ndarray, corners: bool = False) -> np.ndarray:
    """The pieces of a mask (h, w), which are joined over sides or over corners too, numbered from 1."""
    numbered: Any = ndimage.label(mask, np.ones((3, 3)) if corners else None)  # scipy states no type
    return numbered[0]


def _parted(mask: np.ndarray) -> np.ndarray:
    """Numbers the cells of a mask (h, w): watershed of the distance to the background (Beucher & Lantuéjoul 1979).

    A piece becomes two cells where its neck is narrower than NECK_SHARE times the smaller one's radius.
    """
    if mask.all():
        return mask.astype(int)
    distance = np.asarray(ndimage.distance_transform_edt(mask))
    # In logarithms a neck's share of the radius is a depth, and a reconstruction keeps the peaks that stand deeper.
    height = np.log(np.maximum(ndimage.gaussian_filter(distance, 1), 0.5))
    peaks = local_maxima(reconstruction(height + np.log(NECK_SHARE), height)) & mask
    seeds = _numbered(peaks, corners=True)
    regions = watershed(-distance, seeds, mask=mask)
    areas = np.bincount(regions.ravel())
    areas[0] = 0
    kept = np.flatnonzero((areas >= SPECK_SHARE * areas.max()) & (areas > 0))
    numbers = np.zeros(len(areas), dtype=int)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[regions]


def meant_cell(regions: np.ndarray) -> tuple[int | None, int]:
    """The number of the cell that is meant, if one is, and how many lie whole in the picture."""
    height, width = regions.shape
    cells = [cell for cell in regionprops(regions) if cell.area >= LEAST_AREA_PIXELS]
    whole = [cell for cell in cells if _cut_off(regions == cell.label, cell.area) <= CUT_OFF_DIAMETERS]
    central = [
        cell
        for cell in cells
        if abs(cell.centroid[0] / height - 0.5) < CENTRAL_SHARE
        and abs(cell.centroid[1] / width - 0.5) < CENTRAL_SHARE
        and cell.equivalent_diameter_area >= MEANT_DIAMETER_SHARE * min(height, width)
        and cell.area < FULL_SHARE * regions.size
    ]
    if len(whole) == 1 and not central and whole[0].area >= LEAST_AREA_SHARE * regions.size:
        return whole[0].label, 1
    if central:
        return max(central, key=lambda cell: cell.area).label, len(whole)
    return None, len(whole)


def _cut_off(mask: np.ndarray, area: float) -> float:
    """The longest stretch of a picture's side that a cell (h, w) covers, in diameters of a disc of its area."""
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    return max(int(side.sum()) for side in sides) / (2 * np.sqrt(area / np.pi))
