"""Real or edited? Plain traits of texture and stain, and a linear classifier that learns on some slides to tell."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from jdm_core.images.pixels import LUMINANCE
from training.metrics import auroc
from training.publish.edits import masks_of
from training.studies.editing.quality import SIDE, blurred, shrunk

SHRINKAGE = 0.3  # of the covariance towards its diagonal
SCALES = (0.6, 1.2, 2.4, 4.8)  # pixels: the bands of the texture lie between them


def traits(cells: np.ndarray, hidden: np.ndarray | None = None) -> np.ndarray:
    """Traits (N, 16) of cells (N, S, S, 3) uint8, in which neither the colour nor the shape of the cell counts.

    Of the optical density beyond the cell's median, inside its rim: deviations and extremes of gray and green, the
    share and the height of what stands out, and the logarithms of the texture's deviations in bands. What is `hidden`
    (N, S, S) bool has no part in them.
    """
    hidden = np.zeros(cells.shape[:3], bool) if hidden is None else hidden
    return np.stack([_traits(*each) for each in zip(cells, masks_of(cells), hidden, strict=True)])


def _traits(cell: np.ndarray, mask: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    scale = len(mask) / SIDE
    inner = shrunk(mask, 2 * scale) & ~hidden
    inner = inner if inner.sum() > 50 * scale**2 else mask | (mask.sum() == 0)
    density = -np.log((cell.astype(float) + 1) / 256)
    gray: np.ndarray = density @ np.array(LUMINANCE)
    green: np.ndarray = density[..., 1] - density.mean(2)
    values = []
    for channel in (gray, green):
        own = channel - np.median(channel[inner])
        deviation = 1.4826 * np.median(np.abs(own[inner])) + 1e-3
        filled = np.where(inner, own, 0)
        bands = [blurred(filled, sigma * scale) for sigma in SCALES]
        differences = [filled - bands[0], *(a - b for a, b in pairwise(bands))]
        values += [np.log(band[inner].std() + 1e-4) for band in differences]
        values += [np.log(deviation), *np.quantile(own[inner], (0.01, 0.99))]
        values.append(np.log((own[inner] > 4 * deviation).mean() + 1e-3))
    return np.array(values)


def told_apart(
    edited: np.ndarray,
    slides: Sequence[str],
    real: np.ndarray,
    real_slides: Sequence[str],
    hidden: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> float:
    """The AUROC of telling edited cells (N, S, S, 3) from real ones (M, S, S, 3) of the class edited to.

    Linear discriminants, trained on half of the slides and tested on the other, both ways; the mean. NaN where a half
    lacks either. 0.5 cannot be told apart. `hidden` are regions of both that the classifier does not see.
    """
    features = np.concatenate([traits(edited, hidden[0]), traits(real, hidden[1])])
    positive = np.arange(len(features)) < len(edited)
    names = np.array([*slides, *real_slides])
    half = np.isin(names, sorted(set(names))[::2])
    areas = []
    for test in (half, ~half):
        train = ~test
        if all(0 < positive[part].sum() < part.sum() for part in (train, test)):
            areas.append(auroc(features[test] @ _discriminant(features[train], positive[train]), positive[test]))
    return float(np.mean(areas)) if areas else float("nan")


def _discriminant(features: np.ndarray, positive: np.ndarray) -> np.ndarray:
    """Fisher's direction, of a covariance drawn towards its diagonal."""
    means = [features[positive == side].mean(0) for side in (True, False)]
    centred = features - np.where(positive[:, None], *means)
    covariance = centred.T @ centred / max(1, len(features) - 2)
    diagonal = np.diag(np.diag(covariance)) + 1e-6 * np.eye(len(covariance))
    return np.linalg.solve((1 - SHRINKAGE) * covariance + SHRINKAGE * diagonal, means[0] - means[1])
