"""How well a map finds what was marked: figures of one map (S, S) of values ≥ 0 that need no threshold."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

STEPS = 10  # equal shares of the cell's pixels that are deleted or inserted one after the other


def average_precision(values: np.ndarray, inside: np.ndarray) -> float:
    """Average precision of finding the pixels `inside` by their value; NaN where nothing is inside.

    Equal values are found together: an even map has the share of the picture that is inside.
    """
    levels, index = np.unique(-values.ravel(), return_inverse=True)
    found = np.bincount(index, weights=inside.ravel(), minlength=len(levels))
    precision = found.cumsum() / np.bincount(index, minlength=len(levels)).cumsum()
    return float((found * precision).sum() / found.sum()) if inside.any() else float("nan")


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two maps' pixels; 0 where one of them is even, since it then says nothing."""
    a, b = (values.ravel().astype(np.float64) - values.mean(dtype=np.float64) for values in (first, second))
    scale = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / scale) if scale > 0 else 0.0


def mean_filled(x: Tensor, cell: Tensor) -> Tensor:
    """x (C, S, S) with every pixel of the `cell` (S, S) bool in the cell's mean colour: a cell without any detail."""
    if not cell.any():
        return x.clone()
    return torch.where(cell, x[:, cell].mean(1)[:, None, None], x)


def swap_in_order(start: Tensor, end: Tensor, values: np.ndarray, cell: Tensor) -> Tensor:
    """Pictures (11, C, S, S) on the way from `start` to `end` (C, S, S): the cell's pixels change in equal shares.

    Those of the largest value come first; of equal ones, in an order that does not favour any region.
    """
    places = cell.flatten().nonzero().flatten().numpy()
    shuffled = np.random.default_rng(0).permutation(places)
    order = shuffled[np.argsort(-values.ravel()[shuffled], kind="stable")]
    pictures = start.flatten(1).repeat(STEPS + 1, 1, 1)
    for step in range(1, STEPS + 1):
        changed = torch.from_numpy(order[: round(len(order) * step / STEPS)])
        pictures[step][:, changed] = end.flatten(1)[:, changed]
    return pictures.unflatten(2, start.shape[1:])


def deletion_and_insertion(
    probability: Callable[[Tensor], np.ndarray], x: Tensor, values: np.ndarray, cell: Tensor
) -> tuple[float, float]:
    """Areas under the curves of a `probability` (N,) of pictures while a map's pixels vanish from, or enter, the cell.

    RISE (Petsiuk et al. 2018, arXiv 1806.07421), over the share of the cell's pixels: the lower the first and the
    higher the second, the better the map knows what the probability hangs on. Vanished pixels have the mean colour.
    """
    empty = mean_filled(x, cell)
    both = torch.cat([swap_in_order(x, empty, values, cell), swap_in_order(empty, x, values, cell)])
    curves = probability(both).reshape(2, STEPS + 1)
    deletion, insertion = np.trapezoid(curves, dx=1 / STEPS, axis=1)
    return float(deletion), float(insertion)
