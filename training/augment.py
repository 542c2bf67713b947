"""Augmentation on the device: flips, quarter turns, shifts, and a stain jitter that keeps [-1, 1] and black ground."""

import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.symmetries import COUNT, transform


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


def augment(
    images: Tensor, stain_jitter: float, generator: torch.Generator, symmetries: bool = True, translate: int = 0
) -> Tensor:
    """uint8 (B, C, S, S) to augmented float (B, C, S, S) in [-1, 1]; gray images have no stain to jitter."""
    x = images.float() / 127.5 - 1
    if symmetries:
        x = turn_and_flip(x, generator)
    if translate:
        x = shift(x, translate, generator)
    return jitter_stain(x, stain_jitter, generator) if x.shape[1] == 3 else x
