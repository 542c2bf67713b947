"""Where the bound ends: the log-SNR above which noise errors say nothing of which class holds, by validation cells.

Nearly clean levels make up most of a bound, and training gives them hardly any weight: there a network errs as much as
one that predicts no noise, and the difference between classes is an offset that is the same for all cells.
"""

from collections.abc import Sequence

import numpy as np
import torch
from tqdm import tqdm

from jdm_core.explain.likelihood import Draws, error_per_draw, spread_symmetries
from jdm_core.images.pixels import as_images
from jdm_core.model.diffusion import LOGSNR_MAX, LOGSNR_MIN
from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import Cells
from training.data.members import chunks
from training.metrics import balanced_accuracy, mean_auroc

LEVELS = 32  # even ones over all of λ
LOWEST = 0.0  # log-SNR below which a bound does not end: as much noise as signal
FOLDS = 2  # of slides, between which an offset is fitted and tried


@torch.inference_mode()
def fit_end(network: JointDiffusionNetwork, cells: Cells, device: torch.device) -> tuple[float, list[dict[str, float]]]:
    """The best end of the bound for these cells, and the figures of all candidates."""
    errors = []
    for part in tqdm(chunks(len(cells), 16), desc="ends of the bound", unit="batch"):
        x = as_images(cells.images[part], device)
        errors.append(error_per_draw(network, x, _even(range(part.start, part.stop), x.shape[1:])).cpu().numpy())
    return choose_end(np.concatenate(errors), cells.labels.numpy(), cells.slides, cells.images[0].numel())


def choose_end(
    errors: np.ndarray, labels: np.ndarray, slides: Sequence[str], values: int
) -> tuple[float, list[dict[str, float]]]:
    """The end whose bound alone gives most cells their label, the highest of equals, and all candidates' figures.

    errors ‖ε - ε̂_c‖² (N, LEVELS, K) at even levels, of cells of so many `values`. Of each candidate:
    `balanced_accuracy` of the greatest bound and its `auroc`; with two classes `with_offset`, the balanced accuracy
    where an offset was fitted to the other half of the slides; `unexplained`, the share of the noise that the network
    of the cell's own class leaves at the last level, 1 for one that predicts none; `median_nats` between the bounds.
    """
    step = (LOGSNR_MAX - LOGSNR_MIN) / LEVELS
    own = np.take_along_axis(errors, labels[:, None, None], axis=2)[:, :, 0].mean(0) / values
    bounds = -0.5 * step * errors.cumsum(axis=1)
    table = []
    for level in range(LEVELS):
        end = LOGSNR_MIN + step * (level + 1)
        if end < LOWEST:
            continue
        relative = bounds[:, level] - bounds[:, level].mean(axis=1, keepdims=True)
        figures = {
            "logsnr_max": end,
            "balanced_accuracy": round(balanced_accuracy(relative, labels), 4),
            "auroc": round(mean_auroc(relative, labels), 4),
            "unexplained": round(float(own[level]), 4),
            "median_nats": round(float(np.median(np.ptp(relative, axis=1))), 2),
        }
        if errors.shape[2] == 2:
            figures["with_offset"] = round(with_offset(relative, labels, slides), 4)
        table.append(figures)
    best = max(table, key=lambda row: (row["balanced_accuracy"], row["logsnr_max"]))
    return best["logsnr_max"], table


def with_offset(relative: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> float:
    """Balanced accuracy of bounds (N, 2) with the offset between them that is best for the slides of the other fold."""
    names, shifted = np.asarray(slides), relative.copy()
    fold = np.unique(names, return_inverse=True)[1] % FOLDS
    for other in range(FOLDS):
        fitting, tried = fold != other, fold == other
        margins = np.sort(relative[fitting, 0] - relative[fitting, 1])
        found = (margins[1:] + margins[:-1]) / 2
        right = [balanced_accuracy(relative[fitting] - [m, 0], labels[fitting]) for m in found]
        if np.isfinite(right).any():
            shifted[tried, 0] -= found[int(np.nanargmax(right))]
    return balanced_accuracy(shifted, labels)


def _even(seeds: Sequence[int], shape: Sequence[int]) -> Draws:
    """One draw in each of `LEVELS` strata of equal width over all of λ."""
    logsnr, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        u = (torch.arange(LEVELS) + torch.rand(LEVELS, generator=generator)) / LEVELS
        logsnr.append(LOGSNR_MIN + u * (LOGSNR_MAX - LOGSNR_MIN))
        noise.append(torch.randn(LEVELS, *shape, generator=generator))
    return Draws(torch.stack(logsnr), torch.stack(noise), spread_symmetries(LEVELS, None))
