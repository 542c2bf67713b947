"""Cells out of noise: the deterministic sampler with classifier-free guidance."""

from collections.abc import Sequence

import torch
from torch import Tensor

from jdm_core.diffusion import alpha_sigma, cosine_logsnr, ddim_step, predicted_image
from jdm_core.network import JointDiffusionNetwork


@torch.inference_mode()
def sample(
    network: JointDiffusionNetwork, labels: Tensor, seeds: Sequence[int], steps: int = 50, guidance: float = 1.0
) -> Tensor:
    """Generated images (B, C, S, S) in [-1, 1] of classes `labels` (B,), each decided by its seed.

    DDIM (Song et al. 2021) over equal steps of cosine time, x̂ = x̂_∅ + w (x̂_c - x̂_∅) with guidance w
    (Ho & Salimans 2022); w = 1 is the plain conditional model. One encoder and two decoder passes a step.
    """
    a, device = network.architecture, labels.device
    shape = (a.image_channels, a.image_size, a.image_size)
    noise = [torch.randn(shape, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    x, b = torch.stack(noise).to(device), len(labels)
    both = torch.stack([torch.full_like(labels, network.no_class), labels], dim=1)
    levels = cosine_logsnr(torch.linspace(1, 0, steps + 1, device=device), a.logsnr_shift)
    for here, there in zip(levels[:-1].expand(b, -1).T, levels[1:].expand(b, -1).T, strict=True):
        v = network.decode_classes(network.encode(x, here), here, both)
        unconditional, conditional = (predicted_image(x, v_c, here) for v_c in v.unbind(1))
        image = (unconditional + guidance * (conditional - unconditional)).clamp(-1, 1)
        alpha, sigma = alpha_sigma(here)
        x = ddim_step(image, (x - alpha * image) / sigma, there)
    return x.clamp(-1, 1)
