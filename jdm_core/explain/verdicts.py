"""Both verdicts on images as tensors, calibrated: the head's probabilities, and the posterior of the scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jdm_core.checkpoint.calibration import Calibration
from jdm_core.explain.likelihood import POSTERIOR_DRAWS, WindowScores, draw, posterior, window_scores
from jdm_core.images.pixels import content_seed, from_uint8, to_tensor, to_uint8
from jdm_core.model.network import JointDiffusionNetwork

_SEED_STEP = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: seeds that follow each other end far apart


@dataclass(frozen=True)
class Batch:
    """B cells uint8 (H, W, 3) of any size, as the model sees them, x (B, C, S, S), and the seed of each one's noise."""

    cells: Sequence[np.ndarray]
    x: Tensor
    seeds: Sequence[int]

    def take(self, rows: Tensor) -> "Batch":
        """Some cells of the batch, by their indices (n,)."""
        chosen = rows.tolist()
        return Batch([self.cells[i] for i in chosen], self.x[rows], [self.seeds[i] for i in chosen])


def next_seed(seed: int, number: int) -> int:
    """The seed so many steps after a seed, far from all that lie near it."""
    return (seed + number * _SEED_STEP) % 2**63


class Verdicts:
    """What a network and its calibration say of images x (B, C, S, S), on the network's device."""

    def __init__(self, network: JointDiffusionNetwork, calibration: Calibration, device: torch.device) -> None:
        self._network, self._calibration, self._device = network, calibration, device

    def batch(self, cells: Sequence[np.ndarray], seed: int) -> Batch:
        """Cells on the device; a cell's seed follows from its pixels and `seed`, so that no neighbour matters."""
        seeds = [next_seed(content_seed(cell), seed) for cell in cells]
        return Batch(cells, self.tensor(cells), seeds)

    def pixels(self, cells: Sequence[np.ndarray]) -> Tensor:
        """The squares (B, S, S, C) uint8 of cells that the model sees, in the 8 bits in which training saw them."""
        shape = self._network.architecture
        return to_uint8(to_tensor(cells, shape.image_size, shape.image_channels))

    def tensor(self, cells: Sequence[np.ndarray]) -> Tensor:
        """The model's input of cells, on the device."""
        return from_uint8(self.pixels(cells)).to(self._device)

    def logits(self, x: Tensor) -> Tensor:
        """The head's logits (B, K)."""
        return self._network.classify(self._network.encode_clean(x))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Calibrated probabilities (B, K) of the head's logits (B, K)."""
        return (logits / self._calibration.temperature).softmax(dim=1)

    def head(self, x: Tensor) -> Tensor:
        """The head's calibrated probabilities (B, K)."""
        return self.probabilities(self.logits(x))

    def scores(self, x: Tensor, seeds: Sequence[int], draws: int) -> WindowScores:
        """What the posterior reads: scores over the window, from `draws` draws an image."""
        window = self._calibration.window
        return window_scores(self._network, x, draw(seeds, draws, x.shape[1:], window), window)

    def posterior_of(self, scores: Tensor) -> Tensor:
        """The calibrated posterior (B, K) of scores (B, K)."""
        return posterior(scores, self._calibration.posterior_temperature, self._calibration.posterior_bias)

    def posterior(self, x: Tensor, seeds: Sequence[int], draws: int = POSTERIOR_DRAWS) -> Tensor:
        """The calibrated posterior (B, K)."""
        return self.posterior_of(self.scores(x, seeds, draws).scores)
