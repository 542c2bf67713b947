"""How far boxes are of the same thing."""

import numpy as np


def overlaps(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union (m, n) of boxes (m, 4) and (n, 4) of x, y, w, h; 0 where they do not meet."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum((some[:, :2] + some[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    common = (high - low).clip(0).prod(2)
    areas = some[:, 2:].prod(1)[:, None] + others[:, 2:].prod(1)[None]
    return common / (areas - common)
