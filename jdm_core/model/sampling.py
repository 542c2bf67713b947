"""Cells out of noise: the deterministic sampler with classifier-free guidance."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from jdm_core.model.diffusion import alpha_sigma, cosine_logsnr, ddim_step, predicted_image
from jdm_core.model.network import JointDiffusionNetwork


def initial_noise(network: JointDiffusionNetwork, seeds: Sequence[int], device: torch.device) -> Tensor:
    """Standard normal noise (B, C, S, S), each image's decided by its seed."""
    a = network.architecture
    shape = (a.image_channels, a.image_size, a.image_size)
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return torch.stack(noise).to(device)


def denoise(read: Callable[[Tensor, Tensor], Tensor], x: Tensor, steps: int, shift: float = 0.0) -> Tensor:
    """Images in [-1, 1] out of noise x (B, C, S, S), given x̂ = read(x_λ, λ) at each level λ (B,).

    DDIM (Song et al. 2021) over equal steps of cosine time, less a `shift` of λ.
    """
    levels = cosine_logsnr(torch.linspace(1, 0, steps + 1, device=x.device), shift)
    for here, there in zip(levels[:-1].expand(len(x), -1).T, levels[1:].expand(len(x), -1).T, strict=True):
        image = read(x, here).clamp(-1, 1)
        alpha, sigma = alpha_sigma(here)
        x = ddim_step(image, (x - alpha * image) / sigma, there)
    return x.clamp(-1, 1)


@torch.inference_mode()
def sample(
    network: JointDiffusionNetwork, labels: Tensor, seeds: Sequence[int], steps: int = 50, guidance: float = 1.0
) -> Tensor:
    """Generated images (B, C, S, S) in [-1, 1] of classes `labels` (B,), each decided by its seed.

    x̂ = x̂_∅ + w (x̂_c - x̂_∅) with guidance w (Ho & Salimans 2022); w = 1 is the plain conditional model. One encoder
    and two decoder passes a step.
    """
    both = torch.stack([torch.full_like(labels, network.no_class), labels], dim=1)

    def read(x: Tensor, logsnr: Tensor) -> Tensor:
        v = network.decode_classes(network.encode(x, logsnr), logsnr, both)
        unconditional, conditional = (predicted_image(x, v_c, logsnr) for v_c in v.unbind(1))
        return unconditional + guidance * (conditional - unconditional)

    noise = initial_noise(network, seeds, labels.device)
    return denoise(read, noise, steps, network.architecture.logsnr_shift)
