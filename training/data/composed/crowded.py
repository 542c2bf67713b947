"""Cells of a batch made to be as crowded fields give them, with a healthy neighbour of their own slide or set."""

import numpy as np
import torch
from torch import Tensor

from training.data.cells import Cells
from training.data.composed.crowd import crowd
from training.data.microscopes.grafted import GRAFTS
from training.data.microscopes.trained import ROLES


class Crowded:
    """Gives cells by their indices, a share of them crowded."""

    def __init__(self, cells: Cells, share: float) -> None:
        self._images, self._share = cells.images, share
        self._slides = [slide.removesuffix(GRAFTS) for slide in cells.slides]
        self._healthy: dict[str, list[int]] = {}
        for i, (slide, label) in enumerate(zip(self._slides, cells.labels.tolist(), strict=True)):
            if label == ROLES["healthy"]:
                self._healthy.setdefault(slide, []).append(i)

    def __call__(self, index: Tensor, seed: int, step: int) -> Tensor:
        """The images uint8 (B, C, S, S) of the cells at `index` (B,), the same for a seed and step."""
        random = np.random.default_rng((seed, step))
        images = self._images[index].clone()
        for place in np.flatnonzero(random.random(len(index)) < self._share).tolist():
            others = self._healthy.get(self._slides[int(index[place])])
            if others:  # of a slide without a healthy cell all stay as they are
                chosen = self._pixels(others[int(random.integers(len(others)))])
                made = crowd(self._pixels(int(index[place])), [chosen], random)
                images[place] = torch.from_numpy(made).permute(2, 0, 1)
        return images

    def _pixels(self, i: int) -> np.ndarray:
        return self._images[i].permute(1, 2, 0).numpy()
