"""Variance-preserving diffusion over continuous log-SNR: noise levels, noising, targets, sampler steps.

Notation: λ the log-SNR, α² = sigmoid(λ), σ² = sigmoid(-λ), x_λ = α x + σ ε, v = α ε - σ x
(Kingma et al. 2021, arXiv 2107.00630; v from Salimans & Ho 2022, arXiv 2202.00512). Every function is pure;
λ is (B,), images (B, C, H, W).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LOGSNR_MIN, LOGSNR_MAX = -12.0, 12.0
_MIN_TIME = 2 / math.pi * math.atan(math.exp(-LOGSNR_MAX / 2))


def cosine_logsnr(time: Tensor, shift: float = 0.0) -> Tensor:
    """λ = -2 log tan(π t / 2) - shift of time in [0, 1], held within [-12, 12].

    Nichol & Dhariwal 2021 in continuous form; a shift, `Architecture.logsnr_shift`, hides larger pictures as much
    at the same time (Hoogeboom et al. 2023, arXiv 2301.11093, section 3.1).
    """
    logsnr = -2 * torch.log(torch.tan(math.pi / 2 * time.clamp(_MIN_TIME, 1 - _MIN_TIME)))
    return (logsnr - shift).clamp(LOGSNR_MIN, LOGSNR_MAX) if shift else logsnr


def alpha_sigma(logsnr: Tensor) -> tuple[Tensor, Tensor]:
    """α and σ of λ (B,), each (B, 1, 1, 1)."""
    return torch.sigmoid(logsnr).sqrt()[:, None, None, None], torch.sigmoid(-logsnr).sqrt()[:, None, None, None]


def add_noise(x: Tensor, noise: Tensor, logsnr: Tensor) -> Tensor:
    """x_λ = α x + σ ε."""
    alpha, sigma = alpha_sigma(logsnr)
    return alpha * x + sigma * noise


def velocity(x: Tensor, noise: Tensor, logsnr: Tensor) -> Tensor:
    """v = α ε - σ x, the network's target."""
    alpha, sigma = alpha_sigma(logsnr)
    return alpha * noise - sigma * x


def predicted_noise(noisy: Tensor, v: Tensor, logsnr: Tensor) -> Tensor:
    """ε̂ = σ x_λ + α v̂."""
    alpha, sigma = alpha_sigma(logsnr)
    return sigma * noisy + alpha * v


def predicted_image(noisy: Tensor, v: Tensor, logsnr: Tensor) -> Tensor:
    """x̂ = α x_λ - σ v̂."""
    alpha, sigma = alpha_sigma(logsnr)
    return alpha * noisy - sigma * v


def min_snr_weight(logsnr: Tensor, gamma: float = 5.0) -> Tensor:
    """min(SNR, γ) / (SNR + 1) of λ (B,): the weight of the squared error in v (Hang et al. 2023, arXiv 2303.09556)."""
    snr = torch.exp(logsnr)
    return snr.clamp(max=gamma) / (snr + 1)


def ddim_step(image: Tensor, noise: Tensor, logsnr: Tensor) -> Tensor:
    """The deterministic step to λ (B,) from x̂ and ε̂ (DDIM, Song et al. 2021, equation 12 with η = 0)."""
    return add_noise(image, noise, logsnr)


def squared_error(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean over channels and pixels of the squared difference, (B,)."""
    return F.mse_loss(prediction, target, reduction="none").flatten(1).mean(1)
