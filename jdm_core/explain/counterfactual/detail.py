"""An edit at the upload's own resolution: fine detail of what was made anew comes from the cell around it."""

import numpy as np
import torch
import torch.nn.functional as F
from scipy import ndimage
from torch import Tensor

from jdm_core.images.pixels import BLACK

_DIRECTIONS = 16
_NEARLY_ALL = 0.98  # of a region: what lies a little outside has no detail
_RIM = 2  # model pixels of a cell whose detail is nearly all its edge's
_EDGE = 4  # as far as resizing spreads the edge: a line of it stands out where it is moved to
_SQUARE = np.ones((3, 3))  # rows and columns are resized one after the other, so an edge spreads in squares


def with_detail_renewed(cell: np.ndarray, renewed: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The upload `cell` uint8 (H, W, 3) with other fine detail in `renewed`, weights (S, S) in [0, 1]: uint8 (H, W, 3).

    What is too fine for the model is taken there from elsewhere in the cell `mask` (S, S) bool: that of what was there
    would stay as a ghost. Detail of the rim is the silhouette's: it stays, and goes nowhere else. Where the weights are
    0, more than one model pixel around too, nothing changes.
    """
    if not renewed.any():
        return cell
    size, side = (cell.shape[0], cell.shape[1]), (mask.shape[0], mask.shape[1])
    original = torch.tensor(cell, dtype=torch.float32)
    inner = ndimage.binary_erosion(mask, iterations=_RIM)
    weight = _resize(torch.tensor(renewed * inner, dtype=torch.float32)[..., None], size)
    fine = original - _resize(_resize(original, side), size)
    whole = mask & ~_ground(original, side)  # a narrow gap, which the mask closes, has an edge too
    free = ndimage.binary_erosion(whole, _SQUARE, iterations=_EDGE) & (renewed == 0)
    other = _moved(fine, offset(renewed > 0, free), free)
    return (original + weight * (other - fine)).round().clamp(0, 255).to(torch.uint8).numpy()


def _ground(original: Tensor, side: tuple[int, int]) -> np.ndarray:
    """Which model pixels (S, S) hold black background of the upload (H, W, 3), however little."""
    black = (original.amax(2) <= BLACK).float()
    return F.adaptive_max_pool2d(black[None], side)[0].bool().numpy()


def offset(region: np.ndarray, free: np.ndarray) -> tuple[int, int]:
    """The shortest way (rows, columns) that leads most of a region to pixels that are `free`, both (S, S) bool."""
    places = np.argwhere(region)
    best, way = -1.0, (0, 0)
    for length in range(2, max(3, len(free) * 3 // 4), 2):
        for k in range(_DIRECTIONS):
            angle = 2 * np.pi * k / _DIRECTIONS
            step = round(length * np.sin(angle)), round(length * np.cos(angle))
            there = (places + step).clip(0, len(free) - 1)
            share = float(free[there[:, 0], there[:, 1]].mean())
            if share > best:
                best, way = share, step
        if best >= _NEARLY_ALL:
            break
    return way


def _moved(fine: Tensor, way: tuple[int, int], known: np.ndarray) -> Tensor:
    """Detail (H, W, 3) from `way` model pixels off; none where that is not `known` (S, S) as the cell."""
    height, width = fine.shape[:2]
    rows, columns = (round(step * length / len(known)) for step, length in zip(way, (height, width), strict=True))
    own = F.interpolate(torch.tensor(known)[None, None].float(), size=(height, width), mode="nearest")[0, 0, :, :, None]
    return torch.roll(fine * own, (-rows, -columns), (0, 1))


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels (H, W, C) float, resized to (*size, C)."""
    resized = F.interpolate(pixels.permute(2, 0, 1)[None], size=size, mode="bilinear", antialias=True)
    return resized[0].permute(1, 2, 0)
