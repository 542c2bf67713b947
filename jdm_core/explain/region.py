"""Where an edit may change a cell: the pixels that the class moves, in one piece or several."""

import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.draw.maps import smooth

_SIDE_PIXELS = 64  # of the pictures for which lengths below are given; others scale with their side
_BLUR_PIXELS = 1.0  # the deviation by which the map and the region's edge are smoothed
_MARGIN_PIXELS = 2  # laid around a region, for its shadow
_LEAST_SHIFT = 1e-3  # of x̂ in [-1, 1]: what moves less is rounding
_LEAST_WEIGHT = 0.02  # the far tail of the blur, which moves nothing that an eye sees, is cut off below this


def class_shift(own: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """How far the class moves each pixel's x̂ (B, S, S): |other - own| of (B, C, S, S), smoothed; 0 outside `mask`.

    DiffEdit (Couairon et al. 2023, arXiv 2210.11427, section 3.2) takes noise predictions under two texts instead.
    """
    scale = own.shape[-1] / _SIDE_PIXELS
    return smooth((other - own).abs().mean(1), _BLUR_PIXELS * scale) * mask[:, 0]


def region_of(shift: Tensor, share: float, single: bool) -> Tensor:
    """The weight in [0, 1] (B, 1, S, S) of each pixel's change: 1 where `shift` (B, S, S) reaches a share of its peak.

    `single` takes only the piece that holds the peak. A margin is laid around, and the edge is soft; where nothing
    is moved the region is empty.
    """
    peak = shift.amax((1, 2), keepdim=True)
    strong = shift >= (share * peak).clamp(min=_LEAST_SHIFT)
    if single:
        strong = _piece_at(shift == peak, strong)
    scale = shift.shape[-1] / _SIDE_PIXELS
    margin = round(_MARGIN_PIXELS * scale)
    wide = F.max_pool2d(strong.float()[:, None], 2 * margin + 1, stride=1, padding=margin)
    soft = smooth(wide[:, 0], _BLUR_PIXELS * scale)[:, None]
    return torch.where(soft < _LEAST_WEIGHT, 0, soft).clamp(max=1)


def _piece_at(seed: Tensor, allowed: Tensor) -> Tensor:
    """The pieces of `allowed` (B, S, S) bool, joined over sides and corners, that hold a pixel of `seed`."""
    piece = seed & allowed
    while True:
        grown = (F.max_pool2d(piece.float()[:, None], 3, stride=1, padding=1)[:, 0] > 0) & allowed
        if torch.equal(grown, piece):
            return piece
        piece = grown
