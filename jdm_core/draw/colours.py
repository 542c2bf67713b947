"""Colours of maps over gray images: torch operations on the model's device, the pictures uint8."""

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.images.pixels import luminance

# Both pairs stay readable with any colour blindness and are about equally dark at their ends: evidence from blue to
# orange, as the classes, and change from purple to green (ColorBrewer's PRGn), which belongs to no class.
EVIDENCE_STOPS = ("#053061", "#2166ac", "#6baed6", "#f7f7f7", "#fdae61", "#d94801", "#7f2704")
CHANGE_STOPS = ("#40004b", "#762a83", "#9970ab", "#f7f7f7", "#5aae61", "#1b7837", "#00441b")
SEQUENTIAL_STOPS = ("#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838")  # dark blue to yellow
OPACITY = 0.9  # of the strongest colour in a map
NOTHING, SOMETHING = 0.06, 0.3  # of full colour: up to the first nothing is drawn, from the second on all of it


@lru_cache
def colour_table(colours: tuple[str, ...], device: torch.device) -> Tensor:
    """A table (256, 3) in [0, 1] of colours that go evenly from one stop, "#rrggbb", to the next."""
    stops = np.array([[int(stop[i : i + 2], 16) / 255 for i in (1, 3, 5)] for stop in colours])
    at = np.linspace(0, len(stops) - 1, 256)
    table = np.stack([np.interp(at, np.arange(len(stops)), stops[:, channel]) for channel in range(3)], axis=1)
    return torch.tensor(table, dtype=torch.float32, device=device)


def signed_overlay(
    images: Tensor, values: Tensor, scale: Tensor, size: int, stops: tuple[str, ...], opacity: float = OPACITY
) -> Tensor:
    """A signed map over the gray image: uint8 (B, size, size, 3), still on the device.

    images (B, 3, S, S) in [-1, 1]; values (B, S, S), of which ±scale (B,) takes full colour, the first and the last
    of the stops. The colour covers the image by `cover` of the value, so that nothing shows where nothing is.
    """
    colours, covered = _signed(values, scale, size, stops)
    return _blended(images, colours, opacity * covered)


def signed_layer(values: Tensor, scale: Tensor, size: int, stops: tuple[str, ...], opacity: float = OPACITY) -> Tensor:
    """The colours of `signed_overlay` alone, for over any picture: uint8 (B, size, size, 4), the last their cover."""
    colours, covered = _signed(values, scale, size, stops)
    return (torch.cat([colours, opacity * covered[..., None]], dim=-1) * 255).round().to(torch.uint8)


def cover(level: Tensor) -> Tensor:
    """How much of the picture a colour covers, from 0 to 1, by the size of its value as a share of full colour.

    The square root, which sets in softly: where a map is all but nothing, its sign changes from place to place, and
    colours that set in at once would draw contour lines there.
    """
    begun = ((level.abs() - NOTHING) / (SOMETHING - NOTHING)).clamp(0, 1)
    return level.abs().sqrt() * begun * begun * (3 - 2 * begun)


def magnitude_overlay(images: Tensor, values: Tensor, scale: Tensor, size: int, opacity: float = OPACITY) -> Tensor:
    """As `signed_overlay`, of a map (B, S, S) from 0 on: dark blue where it is weak, yellow where it is strong."""
    level = _enlarged((values / scale[:, None, None]).clamp(0, 1), size).clamp(min=0)
    colours = colour_table(SEQUENTIAL_STOPS, images.device)[(level * 255).round().long()]
    return _blended(images, colours, opacity * level.sqrt())


def outlined(picture: Tensor, region: Tensor, width: int = 2) -> Tensor:
    """A picture uint8 (B, H, W, 3) with the border of a region (B, S, S) bool: black within it, white around it.

    A layer (B, H, W, 4) bears the border as what covers all.
    """
    inside = F.interpolate(region[:, None].float(), size=picture.shape[1:3], mode="nearest")
    grown = F.max_pool2d(inside, 2 * width + 1, stride=1, padding=width)
    shrunk = -F.max_pool2d(-inside, 2 * width + 1, stride=1, padding=width)
    within = (inside > shrunk)[:, 0, :, :, None]
    drawn = picture.masked_fill((grown > inside)[:, 0, :, :, None], 255).masked_fill(within, 0)
    drawn[..., 3:].masked_fill_(within, 255)
    return drawn


def _signed(values: Tensor, scale: Tensor, size: int, stops: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Colours (B, size, size, 3) in [0, 1] of a signed map, and how much they cover (B, size, size)."""
    level = _enlarged((values / scale[:, None, None]).clamp(-1, 1), size)
    return colour_table(stops, values.device)[((level + 1) * 127.5).round().long()], cover(level)


def _enlarged(values: Tensor, size: int) -> Tensor:
    return F.interpolate(values[:, None], size=(size, size), mode="bicubic").clamp(-1, 1)[:, 0]


def _blended(images: Tensor, colours: Tensor, cover: Tensor) -> Tensor:
    """Gray images (B, 3, S, S) under colours (B, size, size, 3) that cover (B, size, size) of them: uint8."""
    gray = _enlarged(luminance(images), cover.shape[-1])[..., None]
    blended = (1 - cover[..., None]) * (gray + 1) / 2 + cover[..., None] * colours
    return (blended * 255).round().to(torch.uint8)
