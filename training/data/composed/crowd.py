"""Cells as they come out of crowded fields: a neighbour over the rim or cutting it off, a glint, an uneven stain."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from jdm_core.images.colours import density, light_of, own_pixels
from training.data.composed.things import Random, from_training, within

NEIGHBOUR, GLINT, UNEVEN = 0.6, 0.2, 0.3  # how often each is met; where none is, the stain is uneven
SIZES, STRENGTHS = (0.8, 1.2), (0.5, 1.1)  # of a neighbour: its diameter in those of the cell, its density in its own
NEAR = (0.7, 0.93)  # between the middles, in sums of the radii: less than 1 overlaps
CUTS, KEPT = 0.25, 0.5  # how often it cuts the rim off; else, how often it is seen beyond the rim
PALEST = 0.03  # quantile of density: the ground through which a neighbour is seen


def crowd(cell: np.ndarray, others: Sequence[np.ndarray], random: Random) -> np.ndarray:
    """A cell uint8 (S, S, 3) on black as a field may give it, its neighbour one of `others` uint8 (S, S, 3).

    Stains add up in optical density, where cells overlap as well. Nothing here is a parasite, or looks like one.
    """
    own, depth = own_pixels(cell), density(cell)
    if not own.any():
        return cell
    neighbour, glint, uneven = random.random(3) < (NEIGHBOUR, GLINT, UNEVEN)
    if uneven or not (neighbour or glint):
        depth = depth * _unevenness(len(cell), random)
    if glint:
        depth = depth + _glint(own, random)
    if neighbour:
        depth, own = _beside(depth, own, others[int(random.integers(len(others)))], random)
    light = light_of(depth.clip(0, None)).round().clip(0, 255)
    return np.where(own[..., None], light, 0).astype(np.uint8)


def _beside(depth: np.ndarray, own: np.ndarray, other: np.ndarray, random: Random) -> tuple[np.ndarray, np.ndarray]:
    """Density (S, S, 3) and silhouette (S, S) of a cell with another one over, beside or in front of its rim."""
    radius = math.sqrt(own.sum() / math.pi)
    size, cuts = 2 * radius * random.uniform(*SIZES), random.random() < CUTS
    thing = from_training(other, size, size * random.uniform(0.85, 1.15), random.uniform(0, 360))
    angle, near = random.uniform(0, 2 * math.pi), random.uniform(*NEAR)
    away = near * (radius + size / 2)
    row, column = np.argwhere(own).mean(axis=0).tolist()
    over, alpha = np.zeros_like(depth), np.zeros(own.shape, depth.dtype)
    lies = within(thing.alpha.shape, column + away * math.cos(angle), row + away * math.sin(angle), len(own))
    if lies is not None:
        place, seen = lies
        over[place], alpha[place] = thing.density[seen], thing.alpha[seen]
    if cuts:
        return depth, own & (alpha < 0.5)
    deeper = depth + over * alpha[..., None] * random.uniform(*STRENGTHS)
    if random.random() > KEPT:
        return deeper, own
    inner = np.asarray(ndimage.binary_erosion(own), dtype=bool)
    beyond = ~inner & (alpha > 0.5)  # a rim is mixed with the black ground
    ground = np.quantile(depth[own], PALEST, axis=0)
    return np.where(beyond[..., None], ground + over, deeper), own | beyond


def _glint(own: np.ndarray, random: Random) -> np.ndarray:
    """Density (S, S, 1) of a bright spot with a dark rim, as a drop of water or a bubble makes it."""
    places = np.argwhere(own)
    (row, column), radius = places[int(random.integers(len(places)))], random.uniform(0.02, 0.08) * len(own)
    y, x = np.mgrid[: len(own), : len(own)]
    stretch = random.uniform(0.6, 1.6)
    away = np.hypot((y - row) * stretch, (x - column) / stretch) / radius
    bright = random.uniform(0.2, 0.8) * np.exp(-(away**2))
    rim = random.uniform(0, 0.35) * np.exp(-(((away - 1.7) / 0.5) ** 2))
    return (rim - bright)[..., None]


def _unevenness(side: int, random: Random) -> np.ndarray:
    """A smooth factor (S, S, 1) of density: a fold, a burr cell's hills, dye that ran."""
    field = ndimage.gaussian_filter(random.standard_normal((side, side)), random.uniform(0.05, 0.15) * side)
    return np.exp(random.uniform(0.04, 0.15) * field / (field.std() + 1e-6))[..., None]
