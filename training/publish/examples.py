"""python -m training examples: cells that the model itself generates, for a page that may show no patient's."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage.morphology import convex_hull_image

from jdm_core import Explainer
from jdm_core.images.pixels import cell_mask, from_uint8, to_uint8
from jdm_core.model.sampling import sample
from jdm_core.report.report import save_png

WHOLE = 0.95  # of its convex hull, what a cell with a whole silhouette fills at least
SHOWN = 128  # pixels a side of an example, which a person can see; the model squashes it back


def generate(explainer: Explainer, per_class: int, seed: int, out: Path) -> list[Path]:
    """Writes `per_class` generated cells of each label as PNG and returns their paths.

    Twice as many are drawn and those kept that head and likelihood read most surely as what was asked for, familiar
    and whole ones first: an example should show what a class looks like. Names give label and number.
    """
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for label, name in enumerate(explainer.labels):
        seeds = range(seed + 1000 * label, seed + 1000 * label + 2 * per_class)
        images = sample(explainer.network, torch.full((len(seeds),), label, device=explainer.device), seeds)
        pixels = list(to_uint8(images).cpu().numpy())
        read = explainer.predict(pixels)
        sure = read.probabilities[:, label] * explainer.posterior(pixels)[:, label] + read.familiar + are_whole(images)
        for number, i in enumerate(sorted(sure.argsort()[::-1][:per_class].tolist()), start=1):
            picture = Image.fromarray(pixels[i]).resize((SHOWN, SHOWN), Image.Resampling.BICUBIC)
            path = out / f"{name.lower()}-{number}.png"
            save_png(on_black(np.asarray(picture)), path)
            written.append(path)
    return written


def are_whole(images: torch.Tensor) -> np.ndarray:
    """Whether cells (N, C, S, S) in [-1, 1] have no bite out of their silhouette, (N,) bool."""
    masks = cell_mask(images).cpu().numpy()
    return np.array([mask.any() and mask.sum() >= WHOLE * convex_hull_image(mask).sum() for mask in masks])


def on_black(picture: np.ndarray) -> np.ndarray:
    """A cell (H, W, 3) uint8 whose ground is exactly black, as an eye takes it to be; what is drawn is nearly so."""
    mask = cell_mask(from_uint8(torch.from_numpy(picture[None].copy())))[0].numpy()
    return np.where(mask[..., None], picture, 0).astype(np.uint8)
