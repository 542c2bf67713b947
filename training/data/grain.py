"""What a camera and a file leave in a picture: the noise of a short exposure, and JPEG's blocks."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from jdm_core.images.pixels import from_uint8, to_uint8
from training.data.augment import GROUND

NOISE = (0.01, 0.1)  # standard deviations of light in [0, 1], drawn evenly in their logarithm
QUALITY = (40, 95)


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
        grained[as_jpeg] = _through_jpeg(grained[as_jpeg], qualities)
    changed = (chosen < share)[:, None, None, None] & (images.amax(1, keepdim=True) > GROUND)
    return torch.where(changed, grained, images)


def _through_jpeg(images: Tensor, qualities: Sequence[int]) -> Tensor:
    pixels = to_uint8(images).cpu().numpy()
    read = np.empty_like(pixels)
    for picture, quality, out in zip(pixels, qualities, read, strict=True):
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
        out[:] = Image.open(buffer)
    return from_uint8(torch.from_numpy(read)).to(images)
