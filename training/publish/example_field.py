"""python -m training examples: a field of cells that the model itself generates, since no patient's may be shown."""

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from jdm_core import Explainer
from jdm_core.images.pixels import to_uint8
from jdm_core.model.sampling import sample
from jdm_core.report.report import save_png
from training.data.composed.things import from_training

FIELD = "field.png"
GROUND = np.array([228.0, 224.0, 236.0])  # light where nothing is
SHAPE, DIAMETER, APART = (9, 12), 60, 74  # rows and columns of places, pixels of a cell, and between places
EMPTY, SHIFT, CONTRAST = 0.12, 7.0, 0.9  # share of places without a cell, pixels that one is moved, depth of stain
GRAIN = 2.0  # of the sensor, in levels of 255
SEED_STEP = 10_000  # apart from the seeds of the example cells


def generate_field(explainer: Explainer, infected: int, seed: int, out: Path) -> Path:
    """Writes a field with so many infected cells as PNG, of cells that both verdicts take for what they are to be."""
    random = np.random.default_rng(seed)
    rows, columns = SHAPE
    taken = random.random(rows * columns) >= EMPTY
    places = np.flatnonzero(taken)
    cells = _cells(explainer, len(places) - infected, infected, seed)
    light = np.broadcast_to(GROUND, (rows * APART + APART // 3, columns * APART + APART // 3, 3)).astype(np.float32)
    light = light.copy()
    for place, i in zip(places.tolist(), random.permutation(len(cells)).tolist(), strict=True):
        width, height = DIAMETER * np.exp(random.normal(0, 0.06, 2))
        thing = from_training(cells[i], float(width), float(height), float(random.uniform(0, 360)))
        middle = APART * (np.array(divmod(place, columns)) + 2 / 3) + random.uniform(-SHIFT, SHIFT, 2)
        top, left = (int(v) for v in middle - np.array(thing.alpha.shape) / 2)
        window = light[top : top + thing.alpha.shape[0], left : left + thing.alpha.shape[1]]
        h, w = window.shape[:2]
        window *= np.exp(-CONTRAST * thing.density * thing.alpha[:, :, None])[:h, :w]
    light = ndimage.gaussian_filter(light, (0.6, 0.6, 0)) + random.normal(0, GRAIN, light.shape)
    save_png(light.clip(0, 255).astype(np.uint8), out)
    return out


def _cells(explainer: Explainer, healthy: int, infected: int, seed: int) -> list[np.ndarray]:
    """Generated cells uint8 (S, S, 3), first the infected ones; more are drawn, and the surest kept."""
    chosen: list[np.ndarray] = []
    for label, count, drawn in ((0, infected, 2 * infected), (1, healthy, healthy + healthy // 4)):
        first = seed + SEED_STEP * (label + 1)
        images = []
        for begin in range(0, drawn, 32):
            seeds = range(first + begin, first + min(begin + 32, drawn))
            classes = torch.full((len(seeds),), label, device=explainer.device)
            images += list(to_uint8(sample(explainer.network, classes, seeds)).cpu().numpy())
        read = explainer.predict(images)
        sure = read.probabilities[:, label] + read.is_cell
        chosen += [images[i] for i in sorted(sure.argsort()[::-1][:count].tolist())]
    return chosen
