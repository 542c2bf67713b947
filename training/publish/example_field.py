"""python -m training examples: a field of cells that the model itself generates, since no patient's may be shown."""

from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from jdm_core import Explainer
from jdm_core.images.colours import own_pixels
from jdm_core.images.pixels import to_uint8
from jdm_core.model.sampling import sample
from jdm_core.report.report import save_png
from training.data.composed.things import from_training

FIELD = "field.png"
GROUND = np.array([228.0, 224.0, 236.0])  # light where nothing is
SHAPE, DIAMETER, APART = (9, 12), 60, 74  # rows and columns of places, pixels of a cell, and between places
EMPTY, SHIFT = 0.12, 7.0  # share of places without a cell, and pixels that one is moved
STAIN, VARIES = (
    np.array([0.22, 0.42, 0.24]),
    0.08,
)  # optical density of the field's cells, and how far each parts from it
BLACK_HOLE = 50  # of 255: what is darker in every channel is a fault of the generation, and such a cell is left out
GRAIN = 2.0  # of the sensor, in levels of 255
SEED_STEP, CHUNK = 10_000, 32  # apart from the seeds of the example cells; cells drawn together


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
        own = np.median(thing.density[thing.alpha > 0.9], axis=0)
        stained = (thing.density - own) + STAIN * np.exp(random.normal(0, VARIES, 3))
        window *= np.exp(-stained.clip(0, None) * thing.alpha[:, :, None])[:h, :w]
    light = ndimage.gaussian_filter(light, (0.6, 0.6, 0)) + random.normal(0, GRAIN, light.shape)
    save_png(light.clip(0, 255).astype(np.uint8), out)
    return out


def _cells(explainer: Explainer, healthy: int, infected: int, seed: int) -> list[np.ndarray]:
    """Generated cells uint8 (S, S, 3), first the infected ones; half as many more are drawn, and the surest kept."""
    chosen: list[np.ndarray] = []
    for label, count in ((0, infected), (1, healthy)):
        first = seed + SEED_STEP * (label + 1)
        images: list[np.ndarray] = []
        for begin in range(0, 3 * count // 2 + 4, CHUNK):
            seeds = range(first + begin, first + min(begin + CHUNK, 3 * count // 2 + 4))
            classes = torch.full((len(seeds),), label, device=explainer.device)
            images += list(to_uint8(sample(explainer.network, classes, seeds)).cpu().numpy())
        images = [_without_edge(image) for image in images]
        read = explainer.predict(images)
        sure = read.probabilities[:, label] + read.familiar - [_has_hole(image) for image in images]
        chosen += [images[i] for i in sorted(sure.argsort()[::-1][:count].tolist())]
    return chosen


def _without_edge(image: np.ndarray) -> np.ndarray:
    """A cell less its outermost pixels, which are mixed with black."""
    return image * ndimage.binary_erosion(own_pixels(image), iterations=2)[:, :, None]


def _has_hole(image: np.ndarray) -> bool:
    core = ndimage.binary_erosion(own_pixels(image), iterations=2)
    return bool((image.max(axis=2)[core] < BLACK_HOLE).any())
