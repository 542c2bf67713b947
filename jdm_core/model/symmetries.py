"""The eight symmetries of the square: quarter turns, and those of the mirror image. A cell has no up."""

from collections.abc import Callable

import torch
from torch import Tensor

COUNT = 8


def transform(images: Tensor, which: Tensor) -> Tensor:
    """Each image (B, ..., S, S) under the symmetry (B,) of 0 to 7, on any device; 0 leaves it as it is."""
    return _each(images, which, lambda part, s: _mirror(torch.rot90(part, s % 4, dims=(-2, -1)), s))


def restore(images: Tensor, which: Tensor) -> Tensor:
    """What `transform` made of images (B, ..., S, S) undone."""
    return _each(images, which, lambda part, s: torch.rot90(_mirror(part, s), -(s % 4), dims=(-2, -1)))


def _mirror(images: Tensor, symmetry: int) -> Tensor:
    return images.flip(-1) if symmetry >= 4 else images


def _each(images: Tensor, which: Tensor, change: Callable[[Tensor, int], Tensor]) -> Tensor:
    present = which.unique().tolist()
    if present in ([], [0]):
        return images
    out = torch.empty_like(images)
    for symmetry in present:
        chosen = (which == symmetry).to(images.device)
        out[chosen] = change(images[chosen], symmetry)
    return out
