"""Maps over the pixels of an image, before they get colours: smoothing, and what counts as full or as changed."""

import torch
import torch.nn.functional as F
from torch import Tensor

CHANGED = 10 / 255  # of a channel's range: a pixel counts as changed beyond this, in any channel


def smooth(values: Tensor, sigma: float) -> Tensor:
    """Gaussian smoothing of maps (B, H, W), `sigma` in pixels; the sum is kept but at the border."""
    radius = max(1, round(3 * sigma))
    x = torch.arange(-radius, radius + 1, device=values.device, dtype=values.dtype)
    kernel = torch.exp(-0.5 * (x / sigma) ** 2)
    kernel = kernel / kernel.sum()
    smoothed = F.conv2d(values[:, None], kernel[None, None, :, None], padding=(radius, 0))
    return F.conv2d(smoothed, kernel[None, None, None, :], padding=(0, radius))[:, 0]


def smooth_keeping_sum(values: Tensor, sigma: float) -> Tensor:
    """Gaussian smoothing of maps (B, H, W), `sigma` in pixels, in which no value leaves the picture: the sum stays.

    What the kernel would put beyond the border is given to the part of it within.
    """
    return smooth(values / smooth(torch.ones_like(values), sigma), sigma)


def robust_scale(values: Tensor, share: float = 0.995) -> Tensor:
    """The value (B,) that a share of the map's absolute values stays within: full colour in the overlay."""
    return values.abs().flatten(1).quantile(share, dim=1).clamp(min=1e-12)
