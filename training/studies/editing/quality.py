"""What an eye would find in an edited cell: a ghost of what was removed, and how spots that were added spread."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import ndimage

from jdm_core.images.pixels import LUMINANCE
from training.publish.edits import masks_of
from training.studies.stain import StainProxy

SIDE = 64  # of the pictures that lengths in pixels are given for
FINE, COARSE = 1.0, 4.0  # pixels: between them lies the relief of a parasite
RIM, MARGIN = 3, 3  # pixels: of the cell that are left out, and round the stain that a ghost may fill
FEW = 12  # pixels: of fewer no structure is told
COMPARED = 12  # healthy cells in which each region is laid
HEALTHY = 0.95  # of whose structure a ghost has more
_EIGHT = np.ones((3, 3), bool)


def stained(cells: np.ndarray, proxy: StainProxy) -> np.ndarray:
    """The heaviest piece of stain (N, S, S) bool of each cell (N, S, S, 3) uint8, by the proxy; none where none is."""
    pieces = []
    for amount in proxy.maps(cells):
        each = numbered(amount > 0)
        sums = np.bincount(each.ravel(), amount.ravel())[1:]
        pieces.append((each == 1 + sums.argmax()) if len(sums) else np.zeros(amount.shape, bool))
    return np.array(pieces)


def ghosts(
    original: np.ndarray, edited: np.ndarray, healthy: np.ndarray, proxy: StainProxy, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whether more structure is left where the stain was than in healthy cells, (N,) bool, and which were told (N,).

    Structure is the deviation of the luminance between two scales, in shares of the cell's own; the limit is the 95th
    percentile over healthy cells (M, S, S, 3) uint8 in which the same regions are laid.
    """
    scale = original.shape[1] / SIDE
    regions = [grown(piece, MARGIN * scale) for piece in stained(original, proxy)]
    left = np.array([_structure(*pair, scale) for pair in zip(edited, masks_of(edited), regions, strict=True)])
    generator, masks = np.random.default_rng(seed), masks_of(healthy)
    laid = [
        _structure(healthy[i], masks[i], region, scale)
        for region in regions
        for i in generator.permutation(len(healthy))[:COMPARED]
    ]
    told = np.isfinite(left) & (np.array([region.any() for region in regions]))
    laid = np.array(laid)[np.isfinite(laid)]
    limit = np.quantile(laid, HEALTHY) if len(laid) else np.inf
    return told & (np.nan_to_num(left) > limit), told


def _structure(cell: np.ndarray, mask: np.ndarray, region: np.ndarray, scale: float) -> float:
    """The deviation of a cell's relief within a region, NaN where hardly any of it is in the cell."""
    inner = shrunk(mask, RIM * scale)
    within = region & inner
    if within.sum() < max(FEW * scale**2, 0.4 * region.sum()):
        return float("nan")
    light: np.ndarray = cell @ np.array(LUMINANCE)
    light = np.where(inner, light, np.median(light[inner])) / np.median(light[inner])
    relief = blurred(light, FINE * scale) - blurred(light, COARSE * scale)
    return float(relief[within].std())


def spots(cells: np.ndarray, proxy: StainProxy) -> dict[str, np.ndarray]:
    """Size, colour and place (n,) of the heaviest piece of stain of each cell (N, S, S, 3) uint8 that has one.

    Size as the logarithm of its pixels, colour its mean amount of chromatin, place its depth below the rim as a share
    of the cell's deepest.
    """
    figures: dict[str, list[float]] = {"size": [], "colour": [], "place": []}
    amounts = proxy.maps(cells)
    for amount, piece, mask in zip(amounts, stained(cells, proxy), masks_of(cells), strict=True):
        if not piece.any():
            continue
        depth = depths(mask)
        figures["size"].append(float(np.log(piece.sum())))
        figures["colour"].append(float(amount[piece].mean()))
        figures["place"].append(float(depth[piece].mean() / depth.max()))
    return {name: np.array(values) for name, values in figures.items()}


def spreads(added: np.ndarray, real: np.ndarray, proxy: StainProxy) -> dict[str, float]:
    """The deviation of each trait of added spots over that of real ones; cells (N, S, S, 3) uint8."""
    first, second = spots(added, proxy), spots(real, proxy)
    figures = {}
    for name, values in first.items():
        if len(values) > 2 and len(second[name]) > 2 and second[name].std() > 0:
            figures[f"spread_{name}"] = round(float(values.std() / second[name].std()), 3)
    return figures


def depths(mask: np.ndarray) -> np.ndarray:
    """How deep below its rim each pixel of a cell (S, S) bool lies, in pixels."""
    distance: Any = ndimage.distance_transform_edt(np.pad(mask, 1))  # scipy states no type
    return np.asarray(distance)[1:-1, 1:-1]


def shrunk(mask: np.ndarray, pixels: float) -> np.ndarray:
    """A mask (S, S) less so many pixels of its rim, and at least one."""
    less: Any = ndimage.binary_erosion(mask, _EIGHT, max(1, round(pixels)))
    return np.asarray(less)


def grown(mask: np.ndarray, pixels: float) -> np.ndarray:
    """A mask (S, S) with so many pixels around it, and at least one."""
    more: Any = ndimage.binary_dilation(mask, _EIGHT, max(1, round(pixels)))
    return np.asarray(more)


def blurred(values: np.ndarray, sigma: float) -> np.ndarray:
    """Values (S, S) smoothed by a Gaussian, sigma in pixels."""
    smooth: Any = ndimage.gaussian_filter(values, sigma)
    return np.asarray(smooth)


def numbered(mask: np.ndarray) -> np.ndarray:
    """The pieces of a mask (S, S), numbered from 1."""
    labelled: Any = ndimage.label(mask, _EIGHT)
    return np.asarray(labelled[0])


def share_of(flags: np.ndarray, among: np.ndarray, slides: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The flags (n,) of those that count, and their slides."""
    return flags[among], [slide for slide, counts in zip(slides, among, strict=True) if counts]
