"""Cells as the model's tensors and back, their masks and digests. `jdm_core.images.read` gives their pixels."""

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.images.limits import BLACK

LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue, by ITU-R BT.601
_BACKGROUND = BLACK / 127.5 - 1


def to_tensor(cells: Sequence[np.ndarray], size: int, channels: int = 3) -> Tensor:
    """Cells uint8 (H, W, 3), squashed to squares as in training: float32 (B, channels, size, size) in [-1, 1].

    In one channel, gray by ITU-R BT.601, which leaves gray pixels what they are.
    """
    squares = [_resize(torch.tensor(cell, dtype=torch.float32), (size, size)) for cell in cells]
    if channels == 1:
        squares = [(square * square.new_tensor(LUMINANCE)).sum(2, keepdim=True) for square in squares]
    return (torch.stack(squares).permute(0, 3, 1, 2) / 127.5 - 1).clamp(-1, 1).contiguous()


def to_uint8(x: Tensor) -> Tensor:
    """Images (B, C, H, W) in [-1, 1], clamped and rounded to uint8 (B, H, W, C) on the device of `x`."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def from_uint8(pixels: Tensor) -> Tensor:
    """Pixels uint8 (B, H, W, C) as float32 (B, C, H, W) in [-1, 1], on their device: the inverse of `to_uint8`."""
    return as_images(pixels.permute(0, 3, 1, 2))


def as_images(pixels: Tensor, device: torch.device | None = None) -> Tensor:
    """Pixels from 0 to 255 in any shape as float32 in [-1, 1], on their device or another."""
    return pixels.to(device).float() / 127.5 - 1


def luminance(images: Tensor) -> Tensor:
    """Luminance (B, H, W) of images or of their differences (B, 3, H, W)."""
    return (images * images.new_tensor(LUMINANCE)[:, None, None]).sum(1)


def cell_mask(x: Tensor) -> Tensor:
    """What is cell and not black background in `x` (B, C, S, S) in [-1, 1]: (B, S, S) bool on its device.

    Dark pixels that no path of background joins to the border count as cell, as do gaps of up to two pixels. A gray
    picture is no cell, and counts as a whole.
    """
    if x.shape[1] == 1:
        return torch.ones_like(x[:, 0], dtype=torch.bool)
    bright = (x.amax(dim=1, keepdim=True) > _BACKGROUND).float()
    background = 1 + _spread(-_spread(bright))  # 1 - the closing of `bright`
    reached = background.clone()
    reached[..., 1:-1, 1:-1] = 0
    while not torch.equal(further := _spread(reached) * background, reached):
        reached = further
    return reached[:, 0] == 0


def at_own_resolution(original: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """The edit shown in the upload: `original` uint8 (H, W, 3) plus an upsampled difference, uint8 (H, W, 3).

    `difference` is (S, S, 3) in [-2, 2], in units of the [-1, 1] pixel range. Upsampling is bilinear, which
    cannot overshoot: what lies more than one model pixel from any change stays identical.
    """
    change = _resize(torch.tensor(difference, dtype=torch.float32), original.shape[:2])
    edited = torch.tensor(original, dtype=torch.float32) + 127.5 * change
    return edited.round().clamp(0, 255).to(torch.uint8).numpy()


def content_sha256(cell: np.ndarray) -> str:
    """Digest of the shape and pixels of `cell` uint8 (H, W, 3), without any metadata of its file."""
    return hashlib.sha256(repr(cell.shape).encode() + cell.tobytes()).hexdigest()


def content_seed(cell: np.ndarray) -> int:
    """A seed in [0, 2^63) that depends on the shape and pixels of `cell` uint8 (H, W, 3) and nothing else."""
    return int(content_sha256(cell)[:16], 16) >> 1


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels (H, W, 3) float, resized to (*size, 3)."""
    resized = F.interpolate(pixels.permute(2, 0, 1)[None], size=size, mode="bilinear", antialias=True)
    return resized[0].permute(1, 2, 0)


def _spread(mask: Tensor) -> Tensor:
    return F.max_pool2d(mask, kernel_size=3, stride=1, padding=1)
