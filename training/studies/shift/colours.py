"""What costs no training on a new microscope: colours matched to the training set's, batch statistics taken anew."""

import warnings
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor, nn

from jdm_core.images.pixels import as_images, cell_mask

CHUNK = 256


@dataclass(frozen=True)
class Colours:
    """The mean colour of a set's cells in CIE Lab, and the deviation (root mean square) within a cell: (3,) each.

    Within, not over all pixels: a set of many stains is not one of high contrast.
    """

    mean: np.ndarray
    deviation: np.ndarray


def measure_colours(images: Tensor) -> Colours:
    """The colours of cells (N, 3, S, S) uint8 on black; the background does not count."""
    means, variances = [], []
    for part in images.split(CHUNK):
        lab, mask = _lab_and_mask(part)
        weight = mask[..., None] / np.maximum(mask.sum((1, 2)), 1)[:, None, None, None]
        mean = (lab * weight).sum((1, 2))
        means.append(mean)
        variances.append(((lab - mean[:, None, None]) ** 2 * weight).sum((1, 2)))
    return Colours(np.concatenate(means).mean(0), np.sqrt(np.concatenate(variances).mean(0)))


def match_colours(images: Tensor, theirs: Colours, ours: Colours) -> Tensor:
    """Cells (N, 3, S, S) uint8 of a set with `theirs`, moved to `ours` in CIE Lab (Reinhard et al. 2001); same form.

    The background stays black.
    """
    matched = []
    for part in images.split(CHUNK):
        lab, mask = _lab_and_mask(part)
        moved = (lab - theirs.mean) * (ours.deviation / np.maximum(theirs.deviation, 1e-6)) + ours.mean
        moved[..., 0] = moved[..., 0].clip(0, 100)
        with warnings.catch_warnings(action="ignore"):  # of colours beyond RGB, which it clips, as is meant
            rgb = (lab2rgb(moved) * 255).round().astype(np.uint8)
        pixels = np.where(mask[..., None], rgb, part.permute(0, 2, 3, 1).numpy())
        matched.append(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous())
    return torch.cat(matched)


def renew_batch_statistics(network: nn.Module, images: Tensor, device: torch.device) -> nn.Module:
    """A copy of the network whose BatchNorm layers hold the statistics of images (N, 3, S, S) in [-1, 1].

    Adaptive batch normalisation (Li et al. 2016, arXiv 1603.04779). Raises ValueError for a network without BatchNorm.
    """
    renewed = deepcopy(network).to(device)
    layers = [module for module in renewed.modules() if isinstance(module, nn.BatchNorm2d)]
    if not layers:
        raise ValueError("the network has no batch statistics to take anew")
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all batches
        layer.train()
    with torch.inference_mode():
        for part in images.split(CHUNK):
            renewed(part.to(device))
    return renewed.eval()


def _lab_and_mask(images: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """CIE Lab (N, S, S, 3) float and which pixels are cell, and not black, (N, S, S) bool."""
    mask = (cell_mask(as_images(images)) & images.any(dim=1)).numpy()
    return rgb2lab(images.permute(0, 2, 3, 1).numpy()), mask
