"""A proxy for where the parasite is, by its stain alone: no label of a pixel was ever used, and it is no ground truth.

Giemsa colours chromatin a purple that is not that of the cell. In optical density stains add up (Beer and Lambert's
law; Ruifrok & Johnston 2001), so what a pixel absorbs beyond the cell's median, along the direction of chromatin,
is an amount of it. Gray is left out of that direction: at its rim a cell is mixed with the black background, which
adds to all channels alike, and so does thickness.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage

from jdm_core import Explainer
from jdm_core.images.pixels import cell_mask, from_uint8
from training.data.cells import as_pixels, load_cells

STAIN_CELLS = 400  # parasitized training cells that the proxy is fitted on
DARKEST = 0.01  # the share of a cell's pixels from which the direction is fitted
NOISE = 3.0  # deviations of the cell's own texture that do not count
RIM = 2 / 64  # of the side: of a cell that the baseline of colour leaves out
DEVIATION = 1.4826  # of a normal distribution, in median absolute deviations


@dataclass(frozen=True)
class StainProxy:
    """The direction (3,) of chromatin in optical density, of unit length and without gray: its sum is 0."""

    direction: np.ndarray

    def maps(self, squares: np.ndarray) -> np.ndarray:
        """Chromatin (B, S, S) ≥ 0 of cells (B, S, S, 3) uint8, in optical density beyond the cell's own texture."""
        return np.stack([self._map(square) for square in squares])

    def _map(self, square: np.ndarray) -> np.ndarray:
        excess, inside = _excess(square)
        amount = excess @ self.direction
        if not inside.any():
            return np.zeros(amount.shape)
        deviation = DEVIATION * np.median(np.abs(amount[inside] - np.median(amount[inside])))
        return np.where(inside, np.maximum(amount - NOISE * deviation, 0), 0)


def colour_maps(squares: np.ndarray) -> np.ndarray:
    """Purple (B, S, S) ≥ 0 of cells (B, S, S, 3) uint8, a baseline that knows no model and is fitted to nothing.

    How much more of green than of the other channels each pixel absorbs, in optical density beyond the cell's median
    and its own texture; at the rim, where a cell is mixed with the ground, it is 0.
    """
    maps = []
    for square in squares:
        excess, inside = _excess(square)
        rim = max(1, round(RIM * len(square)))
        eroded: Any = ndimage.binary_erosion(inside, iterations=rim)  # scipy states no type
        core: np.ndarray = np.asarray(eroded, dtype=bool)
        purple = excess[..., 1]
        deviation = DEVIATION * np.median(np.abs(purple[core])) if core.any() else 0.0
        maps.append(np.where(core, np.maximum(purple - NOISE * deviation, 0), 0))
    return np.stack(maps)


def fit_stain_proxy(squares: np.ndarray) -> StainProxy:
    """The proxy fitted on parasitized training cells (N, S, S, 3) uint8: the mean colour of their densest pixels.

    Densest by green, which purple absorbs most. Raises ValueError where no picture shows a stain.
    """
    total = np.zeros(3)
    for square in squares:
        excess, inside = _excess(square)
        if inside.any():
            pixels = excess[inside]
            darkest = np.argsort(-pixels[:, 1])[: max(1, round(DARKEST * len(pixels)))]
            total += pixels[darkest].mean(0)
    if (length := np.linalg.norm(total)) < 1e-9:
        raise ValueError("stain proxy: no cell with any stain to fit on")
    return StainProxy(total / length)


def fit_proxy(explainer: Explainer, data: Path, training_slides: Sequence[str], seed: int) -> StainProxy:
    """The stain proxy of parasitized cells of the training slides, drawn by `seed`."""
    cells = load_cells(data, explainer.labels, explainer.size, set(training_slides).__contains__, 2 * STAIN_CELLS, seed)
    parasitized = as_pixels(cells)[(cells.labels == 0).numpy()]
    return fit_stain_proxy(parasitized[:STAIN_CELLS])


def _excess(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Optical density (S, S, 3) beyond the cell's median, less its mean over channels; what is cell, (S, S) bool."""
    mask = cell_mask(from_uint8(torch.from_numpy(square)[None]))[0].numpy() & square.any(2)
    density = -np.log((square.astype(np.float64) + 1) / 256)
    colour = density - density.mean(2, keepdims=True)
    return colour - (np.median(colour[mask], axis=0) if mask.any() else np.zeros(3)), mask
