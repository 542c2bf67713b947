"""Bounds of the colours of what is made anew: those that the cell itself has, so that its silhouette stays whole."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

_SLACK = 0.06  # of [-1, 1]: beyond the cell's own colours
_LOWEST, _HIGHEST = 0.01, 0.995  # shares of the cell's own pixels
# Of what lies so many pixels inside the rim, which is often a bright seam: where a parasite is removed, no patch is
# left that is darker or paler than all but such a share of the rest of the cell.
_DEEP, _EXTREME, _PATCH_SLACK = 4, 0.01, 0.02
# Of the cell's own brightness, what is the least of a pixel's brightest channel: where it has as much green as the cell
# itself it is no stain, and dark were dirt; chromatin, which absorbs green, may be darker. What is darker still is the
# black beside the cell, whose hue says nothing.
_PLAIN, _DARKEST_STAIN = 0.85, 0.4
_PLAIN_GREEN, _STAINED_GREEN = 0.9, 0.6  # shares of the cell's own green beside its brightest channel
_RIM, _SOFT = 0.8, 3  # of a stained pixel at the rim: cell, where stain hides how much it is; pixels of a soft rim
_SIDE_PIXELS = 64  # of the pictures for which lengths are given
_FEW = 50  # pixels: of fewer nothing can be told


@dataclass(frozen=True)
class Bounds:
    """Lowest and highest values of each channel (N, C, S, S), and what keeps dark to stain.

    bright (N, 1, S, S) ≥ 0 is the cell's own brightness at each pixel, counted from black, and green (N, 1, 1, 1) its
    own green beside its brightest channel.
    """

    low: Tensor
    high: Tensor
    bright: Tensor
    green: Tensor

    def hold(self, image: Tensor) -> Tensor:
        """x̂ (N, C, S, S) within the bounds: what is too dark for its stain gets lighter in all channels alike."""
        image = torch.minimum(torch.maximum(image, self.low), self.high).clamp(-1, 1)
        if image.shape[1] == 1:
            return image
        light = image.amax(1, keepdim=True) + 1
        least = (_DARKEST_STAIN + (_PLAIN - _DARKEST_STAIN) * _plain(image, self.green)) * self.bright
        return (image + (least - light).clamp(min=0)).clamp(max=1)

    def take(self, rows: Tensor) -> "Bounds":
        """Those of some pictures."""
        return Bounds(self.low[rows], self.high[rows], self.bright[rows], self.green[rows])


def bounds_of(x: Tensor, mask: Tensor, area: Tensor, stain: Tensor) -> Bounds:
    """The bounds of x (N, C, S, S), cells `mask` (N, S, S), remade in `area` (N, 1, S, S), with `stain` (N,) or not.

    What is made without stain keeps to the colours of the cell beyond the area, and away from the rim to those there. A
    pixel at the rim, and beside the picture's edge, is a mixture with the black background, and stays as bright as it
    was for its share: as much of it is cell as it is bright, or, where stain may have darkened it, nearly all. Gray
    pictures may be anything.
    """
    low, high = torch.full_like(x, -1), torch.full_like(x, 1)
    bright, green = torch.zeros_like(x[:, :1]), torch.ones_like(x[:, :1, :1, :1])
    if x.shape[1] == 1:
        return Bounds(low, high, bright, green)
    inner = _shrunk(_shrunk(mask))
    rim, soft = (mask & ~_shrunk(mask, pixels, edge=1.0) for pixels in (1, round(_SOFT * x.shape[-1] / _SIDE_PIXELS)))
    deep = _shrunk(mask, round(_DEEP * x.shape[-1] / _SIDE_PIXELS), edge=1.0)
    for i in range(len(x)):
        own = inner[i] & (area[i, 0] == 0)
        own = own if int(own.sum()) >= _FEW else inner[i] if bool(inner[i].any()) else mask[i]
        if not bool(own.any()):
            continue
        colours = x[i][:, own]
        light = colours.amax(0).median() + 1
        green[i] = (colours[1].median() + 1) / light.clamp(min=1e-3)
        share = ((x[i].amax(0) + 1) / light).clamp(max=1)
        stained = torch.where(rim[i], share.clamp(min=_RIM), 1.0)
        plain = torch.where(share < _DARKEST_STAIN, 1.0, _plain(x[i : i + 1], green[i : i + 1])[0, 0])
        share = torch.where(soft[i], torch.lerp(stained, share, plain), 1.0)
        bright[i, 0] = light * share
        high[i] = (colours.quantile(_HIGHEST, 1)[:, None, None] + 1) * share - 1 + _SLACK
        if not stain[i]:
            least = colours.quantile(_LOWEST, 1) - _SLACK
            low[i] = (least[:, None, None] + 1) * share - 1
            rest = deep[i] & (area[i, 0] == 0)
            rest = rest if int(rest.sum()) >= _FEW else deep[i]
            if bool(rest.any()):
                darkest, palest = (x[i][:, rest].quantile(edge, 1)[:, None, None] for edge in (_EXTREME, 1 - _EXTREME))
                low[i] = torch.where(deep[i], torch.maximum(low[i], darkest - _PATCH_SLACK), low[i])
                high[i] = torch.where(deep[i], torch.minimum(high[i], palest + _PATCH_SLACK), high[i])
    return Bounds(low, torch.maximum(high, low), bright, green)


def _plain(image: Tensor, green: Tensor) -> Tensor:
    """From 1 where images (N, 3, S, S) have as much green beside their brightest channel as the cell, to 0: stain."""
    share = (image[:, 1:2] + 1) / (image.amax(1, keepdim=True) + 1).clamp(min=1e-3) / green
    return ((share - _STAINED_GREEN) / (_PLAIN_GREEN - _STAINED_GREEN)).clamp(0, 1)


def _shrunk(mask: Tensor, pixels: int = 1, edge: float = 0.0) -> Tensor:
    """Masks (N, S, S) less so many pixels of their rim; with edge 1 the picture's edge is a rim too."""
    outside = F.pad((~mask).float()[:, None], (pixels,) * 4, value=edge)
    return F.max_pool2d(outside, 2 * pixels + 1, stride=1)[:, 0] == 0
