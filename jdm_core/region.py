"""Where an edit may change a cell: the pixels that the class moves, in one piece or several."""

import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.heatmap import smooth

_SIDE = 64  # pixels of the pictures for which lengths below are given; others scale with their side
_BLUR, _MARGIN = 1.0, 2  # of the map and of the region's edge; what is laid around a region, for its shadow
_FLOOR = 1e-3  # of x̂ in [-1, 1]: what moves less is rounding


def class_shift(own: Tensor, other: Tensor, mask: Tensor) -> Tensor:
    """How far the class moves each pixel's x̂ (B, S, S): |other - own| of (B, C, S, S), smoothed; 0 outside `mask`.

    DiffEdit (Couairon et al. 2023, arXiv 2210.11427, section 3.2) takes noise predictions under two texts instead.
    """
    scale = own.shape[-1] / _SIDE
    return smooth((other - own).abs().mean(1), _BLUR * scale) * mask[:, 0]


def region_of(shift: Tensor, share: float, single: bool) -> Tensor:
    """The weight in [0, 1] (B, 1, S, S) of each pixel's change: 1 where `shift` (B, S, S) reaches a share of its peak.

    `single` takes only the piece that holds the peak. A margin is laid around, and the edge is soft; where nothing
    is moved the region is empty.
    """
    peak = shift.amax((1, 2), keepdim=True)
    strong = shift >= (share * peak).clamp(min=_FLOOR)
    if single:
        strong = _piece_at(shift == peak, strong)
    scale = shift.shape[-1] / _SIDE
    margin = round(_MARGIN * scale)
    wide = F.max_pool2d(strong.float()[:, None], 2 * margin + 1, stride=1, padding=margin)
    soft = smooth(wide[:, 0], _BLUR * scale)[:, None]
    return torch.where(soft < 0.02, 0, soft).clamp(max=1)  # the far tail of the blur moves nothing that an eye sees


def _piece_at(seed: Tensor, allowed: Tensor) -> Tensor:
    """The pieces of `allowed` (B, S, S) bool, joined over sides and corners, that hold a pixel of `seed`."""
    piece = seed & allowed
    while True:
        grown = (F.max_pool2d(piece.float()[:, None], 3, stride=1, padding=1)[:, 0] > 0) & allowed
        if torch.equal(grown, piece):
            return piece
        piece = grown
