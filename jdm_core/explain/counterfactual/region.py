"""Where an edit makes a cell anew: round all that the class moves and the stain that hangs on it, or at a place."""

from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from jdm_core.draw.maps import smooth
from jdm_core.model.device import half_precision
from jdm_core.model.diffusion import add_noise, cosine_logsnr, predicted_image
from jdm_core.model.network import JointDiffusionNetwork

_SIDE_PIXELS = 64  # of the pictures for which lengths below are given; others scale with their side
_TIMES, _DRAWS = (0.2, 0.35), 2  # cosine times at which the class is asked, with so many draws of noise each
_SHARE = 0.2  # of the largest shift: the core of a parasite
_LEAST_SHIFT = 0.018  # of x̂ in [-1, 1]: in half of the healthy cells the class moves no pixel by more
_STAIN = 3.0  # deviations of the cell's own colour, beyond which a pixel near the core is of the parasite
# A ring may be lighter or darker than the cell and hardly stained: relief, in optical density, belongs to the parasite
# when it is so many times the cell's usual, and hangs on its stain. Pixels of the scales that it lies between, and of
# the bright seam below the rim, which has none.
_RELIEF, _LEAST_RELIEF = 3.3, 0.012
_FINE, _COARSE, _SEAM = 0.7, 3.0, 4
_REACH, _MARGIN = 10, 2  # pixels: how far stain reaches from the core, and what is laid around
_RADIUS, _DEPTH = 13, 5  # pixels: of a disc in which a parasite is added, and of its centre below the rim
_EDGE = 0.8  # pixels: the deviation of the soft edge
_LEAST_WEIGHT = 0.02  # the far tail of the edge, which moves nothing that an eye sees, is cut off below this
_CHANGED = 0.05  # of [-1, 1]: what was added moves pixels by more
_EIGHT = np.ones((3, 3), bool)


def class_shift(network: JointDiffusionNetwork, x: Tensor, mask: Tensor, source: Tensor, target: Tensor) -> Tensor:
    """How far the class moves each pixel's x̂ (B, S, S), a mean over few noisy pictures; 0 outside `mask` (B, S, S).

    DiffEdit (Couairon et al. 2023, arXiv 2210.11427, section 3.2) takes noise predictions under two texts instead. The
    noise is the same for all pictures and whenever it is asked for. One encoder pass and two decoder passes a draw.
    """
    total = torch.zeros_like(x[:, 0])
    generator = torch.Generator().manual_seed(0)
    for time in _TIMES:
        for _ in range(_DRAWS):
            noise = torch.randn(x.shape[1:], generator=generator).to(x.device)
            logsnr = cosine_logsnr(torch.full((len(x),), time, device=x.device), network.architecture.logsnr_shift)
            y = add_noise(x, noise, logsnr)
            with half_precision(x.device):
                pair = torch.stack([source, target], dim=1)
                v = network.decode_classes(network.encode(y, logsnr), logsnr, pair).float()
            own, other = (predicted_image(y, v_c, logsnr) for v_c in v.unbind(1))
            total += (other - own).abs().mean(1)
    return smooth(total / (len(_TIMES) * _DRAWS), x.shape[-1] / _SIDE_PIXELS) * mask


SHIFT_PASSES = len(_TIMES) * _DRAWS  # of the encoder


def parasite_area(shift: np.ndarray, picture: np.ndarray, mask: np.ndarray, width: float) -> np.ndarray:
    """The weight in [0, 1] (S, S) of a cell's pixels where all of what the class moves is made anew.

    shift (S, S) of `class_shift`, the picture (S, S, 3) in [-1, 1], its cell (S, S) bool. The core is where the shift
    reaches a share of its peak; the stain that hangs on it belongs to it, the relief that hangs on that stain, such as
    an unstained ring, and what they enclose. `width` above 1 takes more of everything.
    """
    scale = len(mask) / _SIDE_PIXELS
    peak = shift.max()
    core = (shift >= min(max(_SHARE * peak, _LEAST_SHIFT) / width**2, peak / 2)) & mask
    excess, deviation = _stain(picture, mask, scale)
    near = _distance(~core) <= _REACH * width * scale
    touching = _grown(core, round(2 * scale))
    stained = _joined_to((excess > max(_STAIN / width * deviation, 0.02)) & mask & near, touching)
    relief, unevenness = _relief(picture, mask, scale)
    uneven = (relief > max(_RELIEF / width * unevenness, _LEAST_RELIEF)) & near
    hanging = _joined_to(_grown(uneven | stained, round(scale)), stained)
    whole = core | stained | (uneven & hanging)
    whole = whole | (ndimage.binary_closing(whole, iterations=max(1, round(2 * scale))) & mask)
    whole = np.asarray(ndimage.binary_fill_holes(whole))
    rim = mask & _grown(~mask, 1)
    own_rim = _grown(core | stained, 1)  # the silhouette is known wherever no stain covers it
    return soft_edge(_distance(~whole) <= _MARGIN * width * scale, mask & (~rim | own_rim))


def place_area(mask: np.ndarray, width: float, generator: np.random.Generator) -> np.ndarray:
    """The weight in [0, 1] (S, S) of a cell's pixels round a place drawn at random below the rim of `mask` (S, S)."""
    scale = len(mask) / _SIDE_PIXELS
    depth = _depth(mask)
    centres = np.argwhere(depth >= min(_DEPTH * scale, 0.6 * depth.max()))
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    row, column = centres[generator.integers(len(centres))]
    y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
    disc = np.hypot(y - row, x - column) <= _RADIUS * width * scale
    return soft_edge(disc & (depth > 1.5 * scale), depth > 1)


def changed_area(change: np.ndarray, area: np.ndarray) -> np.ndarray:
    """The part of an area (S, S) in which a picture changed, by the largest change over its channels (S, S)."""
    scale = len(area) / _SIDE_PIXELS
    moved = ndimage.gaussian_filter(change, scale) > _CHANGED
    grown = _grown(moved, round(scale)) & (area > 0)
    return np.minimum(soft_edge(grown, area > 0), area)


def pieces_of(area: np.ndarray) -> list[np.ndarray]:
    """The pieces (S, S) of an area that do not touch, the heaviest first; they add up to it."""
    numbered = _numbered(area > 0)
    pieces = [np.where(numbered == i, area, 0) for i in range(1, numbered.max() + 1)]
    return sorted(pieces, key=lambda piece: -piece.sum())


def soft_edge(region: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Weights (S, S): 1 in a region, fading over the next pixels, 0 outside `mask`."""
    scale = len(mask) / _SIDE_PIXELS
    grown = _grown(region, round(scale))
    soft = ndimage.gaussian_filter(grown.astype(np.float32), _EDGE * scale)
    soft = np.where(region, 1, np.where(soft < _LEAST_WEIGHT, 0, soft))
    return (soft * mask).astype(np.float32)


def _joined_to(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The pieces of a mask (S, S) that some pixel of another lies in."""
    pieces = _numbered(mask)
    return np.isin(pieces, np.unique(pieces[other & mask])) & mask


def _stain(picture: np.ndarray, mask: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """How much more than the cell's median each pixel (S, S) absorbs of green beside the other channels; a deviation.

    In optical density, where stains add up (Ruifrok & Johnston 2001). Gray is left out: the rim is mixed with black.
    """
    density = -np.log((picture + 1) / 2 + 1 / 256)
    green = density[..., 1] - density.mean(2)
    if not mask.any():
        return np.zeros(mask.shape), 0.0
    green = green - np.median(green[mask])
    deviation = 1.4826 * float(np.median(np.abs(green[mask])))
    inner = ndimage.binary_erosion(mask, iterations=max(1, round(scale)))
    return _smooth_within(inner, green, 0.7 * scale, 0.3), deviation


def _relief(picture: np.ndarray, mask: np.ndarray, scale: float) -> tuple[np.ndarray, float]:
    """How much lighter or darker each pixel (S, S) is than its surroundings, in optical density; a deviation."""
    inner = _depth(mask) > _SEAM * scale
    if not inner.any():
        return np.zeros(mask.shape), 0.0
    density = -np.log((picture.mean(2) + 1) / 2 + 1 / 256)
    fine, coarse = (_smooth_within(inner, density, sigma * scale, 0.1) for sigma in (_FINE, _COARSE))
    relief = np.where(inner, np.abs(fine - coarse), 0)
    return relief, 1.4826 * float(np.median(relief[inner]))


def _smooth_within(inner: np.ndarray, values: np.ndarray, sigma: float, least: float) -> np.ndarray:
    """Values (S, S) smoothed over a mask alone; where less than `least` of the weight is in it, they fade."""
    weight = ndimage.gaussian_filter(inner.astype(float), sigma)
    return ndimage.gaussian_filter(np.where(inner, values, 0), sigma) / np.maximum(weight, least)


def _depth(mask: np.ndarray) -> np.ndarray:
    """How deep below the rim of a cell (S, S), or the picture's edge, each pixel lies."""
    return _distance(np.pad(mask, 1))[1:-1, 1:-1]


def _distance(mask: np.ndarray) -> np.ndarray:
    """How far each pixel of a mask lies from what is not of it."""
    distance: Any = ndimage.distance_transform_edt(mask)  # scipy states no type
    return np.asarray(distance)


def _grown(mask: np.ndarray, pixels: int) -> np.ndarray:
    return np.asarray(ndimage.binary_dilation(mask, _EIGHT, max(1, pixels)))  # of 0 scipy makes no end


def _numbered(mask: np.ndarray) -> np.ndarray:
    """The pieces of a mask, joined over sides and corners, numbered from 1."""
    numbered: Any = ndimage.label(mask, _EIGHT)
    return np.asarray(numbered[0])
