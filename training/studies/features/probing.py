"""Logistic probes on pooled features: what a layer has laid open of the label at one noise level, and no more."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.explain.likelihood import draw
from jdm_core.images.pixels import as_images
from jdm_core.model.diffusion import add_noise
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import NOISY
from training.data.cells import Cells
from training.data.members import chunks

LOGSNR = (-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0, 12.0)  # from hardly a cell to hardly any noise
PENALTY = 1e-3  # of the squared weights, beside the mean cross-entropy of standardised features
CHUNK = 64
ALL_LEVELS = "all levels"


@dataclass(frozen=True)
class Probe:
    """A logistic regression on standardised features: logits are ((x - mean) / scale) W + b."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def probabilities(self, features: Tensor) -> np.ndarray:
        """Probabilities (N, K) of features (N, D)."""
        return (((features - self.mean) / self.scale) @ self.weight + self.bias).softmax(1).float().numpy()


def fit_probe(features: Tensor, labels: Tensor, classes: int) -> Probe:
    """The probe of least penalised cross-entropy on features (N, D) and labels (N,), by L-BFGS: a convex problem.

    Linear on purpose (Alain & Bengio 2016, arXiv 1610.01644): it finds what a layer has laid open, and no more.
    """
    x = features.double()
    mean, scale = x.mean(0), x.std(0).clamp(min=1e-6)
    x = (x - mean) / scale
    weight = torch.zeros(x.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, labels) + PENALTY * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return Probe(mean, scale, weight.detach(), bias.detach())


@torch.inference_mode()
def pooled_features(
    network: JointDiffusionNetwork, cells: Cells, logsnr: float, seed: int, device: torch.device
) -> tuple[list[Tensor], Tensor]:
    """Features (N, widths[i]) of every encoder level, mean over pixels, at one λ; and the head's logits (N, K).

    A cell's noise follows from `seed` and its place, and is the same at every λ.
    """
    features, logits = [], []
    for part in chunks(len(cells), CHUNK):
        x = as_images(cells.images[part], device)
        noise = draw(range(seed + part.start, seed + part.stop), 1, x.shape[1:]).noise[:, 0].to(device)
        level = torch.full((len(x),), logsnr, device=device)
        z = network.encode(add_noise(x, noise, level), level)
        features.append([network.pool(level).cpu() for level in network.levels(z)])
        logits.append(network.classify(z, NOISY).cpu())
    return [torch.cat(parts) for parts in zip(*features, strict=True)], torch.cat(logits)


@dataclass(frozen=True)
class Reading:
    """What is read at one λ of unseen cells: probabilities (N, K) by the probe of each level; the head's logits."""

    probes: dict[str, np.ndarray]
    logits: Tensor


def read_features(
    network: JointDiffusionNetwork, training: Cells, unseen: Cells, logsnr: float, seed: int, device: torch.device
) -> Reading:
    """Probes of each encoder level and of all of them together, fitted on `training` and read on `unseen` cells."""
    fitted, _ = pooled_features(network, training, logsnr, seed, device)
    features, logits = pooled_features(network, unseen, logsnr, seed + len(training), device)
    classes = logits.shape[1]
    names = [*(f"level {i}" for i in range(len(fitted))), ALL_LEVELS]
    pairs = zip([*fitted, torch.cat(fitted, dim=1)], [*features, torch.cat(features, dim=1)], strict=True)
    read = [fit_probe(x, training.labels, classes).probabilities(y) for x, y in pairs]
    return Reading(dict(zip(names, read, strict=True)), logits)
