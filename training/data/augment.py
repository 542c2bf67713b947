"""Augmentation: flips, quarter turns, shifts, stain, lamp and camera; all keep [-1, 1] and black ground."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.images.limits import BLACK
from jdm_core.images.pixels import as_images, from_uint8, to_uint8
from jdm_core.model.symmetries import COUNT, transform
from training.data.corruptions import through_jpeg

GROUND = BLACK / 127.5 - 1  # no channel of a black ground is brighter, after lossy compression too
NOISE = (0.01, 0.1)  # standard deviations of light in [0, 1], drawn evenly in their logarithm
QUALITY = (40, 95)  # of JPEG


def turn_and_flip(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image (B, C, S, S) under one of the eight symmetries of the square, drawn by `generator`."""
    return transform(images, torch.randint(COUNT, (len(images),), generator=generator, device=images.device))


def jitter_stain(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Scales each image's optical density, all channels together and each a little alone.

    images (B, 3, S, S) in [-1, 1], and so is the result. By Beer and Lambert's law the light through a stain is
    I = exp(-c d), so a stain of γ times the concentration is I^γ: black and white stay what they are.
    """
    noise = torch.randn(len(images), 1 + images.shape[1], generator=generator, device=images.device) * strength
    gamma = torch.exp(noise[:, :1] + 0.5 * noise[:, 1:])[:, :, None, None]
    return ((images + 1) / 2).clamp(0, 1).pow(gamma) * 2 - 1


def shift(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Each image (B, C, S, S) in [-1, 1] moved by up to `most` pixels along each axis, on a black ground."""
    (b, c, s, _), device = images.shape, images.device
    rows, columns = torch.randint(0, 2 * most + 1, (2, b, 1), generator=generator, device=device)
    padded = F.pad(images, [most] * 4, value=-1)
    rows, columns = (start + torch.arange(s, device=device) for start in (rows, columns))  # (B, S)
    at = torch.arange(b, device=device)[:, None, None, None], torch.arange(c, device=device)[:, None, None]
    return padded[(*at, rows[:, None, :, None], columns[:, None, None, :])]


def vary_appearance(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """What differs between stains, lamps and cameras, drawn anew for each image; the black ground stays.

    images (B, 3, S, S) in [-1, 1], and so is the result. In optical density the stain is stronger or weaker and its
    dyes are mixed otherwise (Ruifrok & Johnston 2001), then the lamp gives more or less light and another colour; of
    three in ten the detail of a coarser camera is left. Standard deviations at strength 1 were chosen on other
    microscopes' cells.
    """
    b, device = len(images), images.device

    def normal(*shape: int) -> Tensor:
        return strength * torch.randn(b, *shape, generator=generator, device=device)

    light = ((images + 1) / 2).clamp(1 / 255, 1)
    mixing = (0.25 * normal(1, 1)).exp() * (torch.eye(3, device=device) + 0.10 * normal(3, 3))
    density = torch.einsum("bij,bjhw->bihw", mixing, -light.log())
    lamp = (0.08 * normal(1) + 0.06 * normal(3)).exp()[:, :, None, None]
    varied = (lamp * (-density).exp()).clamp(0, 1) * 2 - 1
    x = torch.where(images.amax(1, keepdim=True) > GROUND, varied, images)
    return coarsen(x, 0.3 * min(strength, 1), generator)


def coarsen(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A share of the images (B, C, S, S) sampled at 0.4 to 0.8 of their side, and back."""
    b, side = len(images), images.shape[-1]
    chosen, where = torch.rand(2, b, generator=generator, device=images.device)
    sizes = torch.where(chosen < share, (side * (0.4 + 0.4 * where)).round(), side).long()
    x = images.clone()
    for size in sizes.unique().tolist():
        if size < side:
            some = sizes == size
            small = F.interpolate(images[some], size=(size, size), mode="bilinear", antialias=True)
            x[some] = F.interpolate(small, size=(side, side), mode="bilinear")
    return x


def add_grain(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """A share of the images (B, 3, S, S) in [-1, 1] as a short exposure gives them, half of these then saved as JPEG.

    The result is in [-1, 1] too, and the black ground stays. Noise is Gaussian, of one strength a picture.
    """
    b, device = len(images), images.device
    chosen, strength, saved, quality = torch.rand(4, b, generator=generator, device=device)
    noise = torch.randn(images.shape, generator=generator, device=device)
    low, high = NOISE
    deviation = 2 * low * (high / low) ** strength  # light in [0, 1] is half as wide as what the network sees
    grained = (images + deviation[:, None, None, None] * noise).clamp(-1, 1)
    as_jpeg = ((chosen < share) & (saved < 0.5)).nonzero().flatten()
    if len(as_jpeg):
        qualities = (QUALITY[0] + quality[as_jpeg] * (QUALITY[1] - QUALITY[0])).round().int().tolist()
        pixels = to_uint8(grained[as_jpeg]).cpu().numpy()
        read = np.stack([through_jpeg(picture, q) for picture, q in zip(pixels, qualities, strict=True)])
        grained[as_jpeg] = from_uint8(torch.from_numpy(read)).to(images)
    changed = (chosen < share)[:, None, None, None] & (images.amax(1, keepdim=True) > GROUND)
    return torch.where(changed, grained, images)


def augment(
    images: Tensor,
    stain_jitter: float,
    generator: torch.Generator,
    symmetries: bool = True,
    translate: int = 0,
    appearance: float = 0.0,
) -> Tensor:
    """uint8 (B, C, S, S) to augmented float (B, C, S, S) in [-1, 1]; gray images have no stain to vary."""
    x = as_images(images)
    if symmetries:
        x = turn_and_flip(x, generator)
    if translate:
        x = shift(x, translate, generator)
    if x.shape[1] != 3:
        return x
    return vary_appearance(x, appearance, generator) if appearance else jitter_stain(x, stain_jitter, generator)
