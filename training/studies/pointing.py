"""Does a map lie where something is known to be? Figures of one map (S, S) of values ≥ 0 that need no threshold."""

import numpy as np


def energy_inside(values: np.ndarray, inside: np.ndarray) -> float:
    """Share of the map's sum that lies `inside` (S, S) bool (Wang et al. 2020, arXiv 1910.01279); 0 for a map of zeros.

    Chance is the share of the picture that is inside.
    """
    total = values.sum(dtype=np.float64)
    return float(values[inside].sum(dtype=np.float64) / total) if total > 0 else 0.0


def pointing(values: np.ndarray, inside: np.ndarray) -> float:
    """Whether the largest value lies inside, 1 or 0 (Zhang et al. 2018); of several largest, the share that does."""
    return float(inside[values == values.max()].mean())


def pointing_by_chance(inside: np.ndarray, cell: np.ndarray) -> float:
    """The share of the cell's pixels (S, S) bool that is inside: how often a pixel drawn from the cell points there."""
    return float((inside & cell).sum() / max(cell.sum(), 1))
