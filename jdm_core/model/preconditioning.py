"""Two bands of a picture: 2×2 means, and the detail beside them; how a network at twice the side treats each.

A network of 64×64 pictures knows the 2×2 means of 128×128 ones already: averaging four pixels halves the deviation
of the noise, so that at log-SNR λ the means are pictures at λ + log 4. The network therefore works at that level,
and what it leaves to a linear estimate is exact for the means and Wiener's for the detail. Scaling input and output
by the level, and adding a linear part, is the preconditioning of Karras et al. 2022 (arXiv 2206.00364, section 5),
for v and for each band; that the level moves with the side is Hoogeboom et al. 2023 (arXiv 2301.11093, section 3.1).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.model.diffusion import LOGSNR_MAX, alpha_sigma

LOGSNR_SHIFT = math.log(4)


def means(x: Tensor) -> Tensor:
    """Each pixel of x (B, C, S, S) replaced by the mean of its 2×2 block."""
    return F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="nearest")


def means_logsnr(logsnr: Tensor) -> Tensor:
    """The log-SNR (B,) of the 2×2 means of pictures at log-SNR (B,), held to the range that networks know."""
    return (logsnr + LOGSNR_SHIFT).clamp(max=LOGSNR_MAX)


def means_scale(logsnr: Tensor) -> Tensor:
    """What the 2×2 means at log-SNR (B,) must be multiplied by to be variance-preserving: (B, 1, 1, 1) in [1, 2]."""
    return (torch.sigmoid(logsnr + LOGSNR_SHIFT) / torch.sigmoid(logsnr)).sqrt()[:, None, None, None]


def linear_velocity(noisy: Tensor, logsnr: Tensor, detail_variance: float) -> Tensor:
    """The part of v̂ (B, C, S, S) that is linear in x_λ, at log-SNR (B,).

    Of the means m: what is left of v = α ε - σ x once half the scaled output of a network that predicts v of the
    means is taken out, -¾ σ c² α m with c the scale of the means. Of the detail d, whose clean variance is given:
    (α d - x̂) / σ with Wiener's x̂ = α·variance·d / (α²·variance + σ²), which is α σ (1 - variance) d over the same.
    """
    alpha, sigma = alpha_sigma(logsnr)
    m = means(noisy)
    of_means = -0.75 * sigma * alpha * means_scale(logsnr) ** 2
    of_detail = alpha * sigma * (1 - detail_variance) / (alpha**2 * detail_variance + sigma**2)
    return of_means * m + of_detail * (noisy - m)
