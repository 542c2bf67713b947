"""Gradient saliency of the classifier head: the simplest attribution, to hold the evidence map against."""

from collections.abc import Callable

import torch
from torch import Tensor


def logit_gradient(logits: Callable[[Tensor], Tensor], x: Tensor, target: Tensor) -> Tensor:
    """The gradient (B, C, S, S) of each image's target logit, classes (B,), with respect to its pixels x.

    logits maps images (B, C, S, S) to (B, K), each image on its own (Simonyan et al. 2014, arXiv 1312.6034).
    """
    with torch.inference_mode(False), torch.enable_grad():
        pixels = x.clone().requires_grad_()
        chosen = logits(pixels).gather(1, target.clone()[:, None]).sum()
        return torch.autograd.grad(chosen, pixels)[0]


def saliency_map(gradient: Tensor) -> Tensor:
    """The largest absolute gradient over the channels: (B, S, S), at least 0 (Simonyan et al. 2014, section 3.1)."""
    return gradient.abs().amax(1)
