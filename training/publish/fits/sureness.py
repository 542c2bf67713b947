"""How sure of its target the classifier must be of an edit: as it is of nearly all real cells of that class."""

import math

import numpy as np

SHARE = 0.98  # of the real cells that are read rightly
LEAST = 0.5  # of an edit that the classifier does not even take for its target nobody should say that it works


def fit_flip_head(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """What the head must give an edit's target: what it gives `SHARE` of the cells of each class that it reads rightly.

    Of probabilities (N, K) and labels (N,) of validation cells; at least `LEAST`, rounded down to hundredths, in which
    it is told. Raises ValueError where no cell is read rightly.
    """
    own = probabilities[np.arange(len(labels)), labels]
    right = probabilities.argmax(1) == labels
    if not right.any():
        raise ValueError("no validation cell is read rightly: nothing says how sure an edit must be")
    reached = [float(np.quantile(own[right & (labels == k)], 1 - SHARE)) for k in np.unique(labels[right])]
    return max(LEAST, math.floor(100 * min(reached)) / 100)
