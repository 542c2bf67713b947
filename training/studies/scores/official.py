"""Beside the Diffusion Classifier as its authors published it, at equal passes (Li et al. 2023, arXiv 2303.16203)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import as_images
from training.data.cells import Cells
from training.data.members import chunks
from training.metrics import Json, accuracy, balanced_accuracy, mean_auroc, summarise
from training.publish.fits.ends import with_offset
from training.studies.scores.curves import CHUNK, Pool
from training.studies.scores.draws import Weighting, class_errors, make_draws

COUNTS = (4, 16)  # draws, each an encoder pass and a decoder pass a class
STREAM = 77  # of noise of its own


@torch.inference_mode()
def official_scores(explainer: Explainer, cells: Cells, simple: Weighting, count: int, seed: int) -> np.ndarray:
    """Scores (N, K) of `count` draws: plain ‖ε - ε̂‖², levels evenly over all times, the same noise for every class."""
    levels, found = simple.logsnr((torch.arange(count) + 0.5) / count), []
    for part in tqdm(chunks(len(cells), CHUNK), desc=f"official, {count} draws", unit="batch"):
        x = as_images(cells.images[part], explainer.device)
        seeds = [(seed, i, count, STREAM) for i in range(part.start, part.stop)]
        draws = make_draws(seeds, count, x.shape[1:], simple, balanced=False)
        draws = replace(draws, logsnr=levels.expand(len(x), count).contiguous())
        everyone = torch.ones(len(x), len(explainer.labels), dtype=torch.bool)
        errors = class_errors(explainer.network, x, draws, everyone, simple.bf16)
        found.append(simple.scores(errors, draws.logsnr).mean(1).double().numpy())
    return np.concatenate(found)


def beside_official(
    explainer: Explainer, cells: Cells, simple: Weighting, window: Pool, offset: np.ndarray, seed: int
) -> list[Json]:
    """A row an estimator and number of draws, on the same cells with as many passes; plain JSON values.

    The official one decides for the greatest score, that of the window for the greatest with `offset` (K,), as the
    posterior does. error and auroc with intervals clustered by slide; of two classes error_with_offset, the balanced
    error where an offset was fitted to the other half of the slides, for both.
    """
    labels, rows = cells.labels.numpy(), []
    for count in COUNTS:
        ours = window.estimates(count)[: len(cells), 0] + offset
        both = {"official": official_scores(explainer, cells, simple, count, seed), "window": ours}
        rows += [{"estimator": name, "draws": count, **_figures(s, labels, cells.slides)} for name, s in both.items()]
    return rows


def _figures(scores: np.ndarray, labels: np.ndarray, slides: Sequence[str]) -> Json:
    relative = scores - scores.mean(axis=1, keepdims=True)
    metrics = {"error": lambda s, truth: 1 - accuracy(s, truth), "auroc": mean_auroc}
    figures: Json = {"n": len(labels), **summarise(relative, labels, slides, metrics)}
    if scores.shape[1] == 2 and not np.isnan(balanced_accuracy(relative, labels)):
        figures["error_with_offset"] = round(1 - with_offset(relative, labels, slides), 5)
    return figures
