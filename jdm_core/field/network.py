"""The network that finds cells in a field: where centres are, how far the outline is from each, and what is stained.

A cell is a star-convex polygon round its centre, as in StarDist (Schmidt et al. 2018, arXiv 1806.03535), so that cells
which overlap have whole outlines both; the centres are peaks of a map, as in CenterNet (Zhou et al. 2019, arXiv
1904.07850).
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RAYS = 32  # of a polygon, from its centre, at equal angles from the x axis on, clockwise as seen
STRIDE = 2  # pixels of the picture for one of the maps
DIAMETER = 32.0  # pixels of a cell in the pictures that the network knows best
WIDTHS = (32, 48, 64, 96)
MULTIPLE = STRIDE * 2 ** (len(WIDTHS) - 1)  # sides of a picture are multiples of this
CENTRES, CLASSES = 2, 3  # maps of centres: red cells, other things; classes of a pixel: ground, red cell, other thing
WHITE_QUANTILE = 0.98  # of each channel: light of the ground, by which a picture is divided


@dataclass(frozen=True)
class Maps:
    """What the network makes of pictures (B, 3, H, W), at half their size (B, ·, h, w).

    centres (B, 2, h, w) logits, radii (B, RAYS, h, w) in pixels of the picture, stained (B, 3, h, w) logits.
    """

    centres: Tensor
    radii: Tensor
    stained: Tensor

    def on_host(self, height: int, width: int) -> "Maps":
        """The maps of a picture (height, width) on the CPU, less what was padded to it."""
        rows, columns = -(-height // STRIDE), -(-width // STRIDE)
        return Maps(*(t[..., :rows, :columns].cpu() for t in (self.centres, self.radii, self.stained)))


class _Block(nn.Module):
    """Two 3×3 convolutions with BatchNorm, the second added to what came in."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(channels, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(out, out, 3, padding=1, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return F.relu(x + self.second(x))


class FinderNetwork(nn.Module):
    """A small U-Net (Ronneberger et al. 2015) on pictures folded 2×2: pictures (B, 3, H, W) to `Maps`."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(
            _Block(channels, out) for channels, out in zip((3 * STRIDE**2, *WIDTHS[:-1]), WIDTHS, strict=True)
        )
        ups = list(zip(WIDTHS[:0:-1], WIDTHS[-2::-1], strict=True))
        self.up = nn.ModuleList(_Block(low + high, high) for low, high in ups)
        self.out = nn.Conv2d(WIDTHS[0], CENTRES + CLASSES + RAYS, 1)
        with torch.no_grad():
            assert self.out.bias is not None
            self.out.bias[:CENTRES] = -2.0

    def forward(self, x: Tensor) -> Maps:
        x = F.pixel_unshuffle(x, STRIDE)
        kept = []
        for i, block in enumerate(self.down):
            x = block(F.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for block, skip in zip(self.up, kept[-2::-1], strict=True):
            x = block(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        centres, stained, radii = self.out(x).float().split((CENTRES, CLASSES, RAYS), dim=1)
        return Maps(centres, F.softplus(radii) * (DIAMETER / 2), stained)


def directions() -> Tensor:
    """Unit vectors (RAYS, 2) of x, y along which radii are measured."""
    angles = torch.arange(RAYS) * (2 * math.pi / RAYS)
    return torch.stack([angles.cos(), angles.sin()], dim=1)


def network_input(pixels: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) of 0 to 255 as the network sees them: divided by the ground's light, about [-1, 1]."""
    flat = pixels.float().flatten(2)[:, :, :: max(1, pixels[0, 0].numel() // 65536)]
    white = flat.quantile(WHITE_QUANTILE, dim=2).clamp(min=32)
    return (pixels.float() / white[:, :, None, None]).clamp(max=1.25) * 2 - 1
