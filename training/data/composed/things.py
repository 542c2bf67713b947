"""What fields are composed of: cells of training, cells and debris that are drawn, each with its own silhouette."""

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy import ndimage

from jdm_core.images.limits import BLACK

Random = np.random.Generator


@dataclass(frozen=True)
class Thing:
    """Optical density (h, w, 3) float32 over the ground's, and how far each pixel belongs to it, (h, w) in [0, 1]."""

    density: np.ndarray
    alpha: np.ndarray


Slices = tuple[slice, slice]


def within(shape: tuple[int, int], x: float, y: float, side: int) -> tuple[Slices, Slices] | None:
    """Where a thing (h, w) whose middle lies at (x, y) of a square lies in it, and what of the thing; None outside."""
    height, width = shape
    top, left = round(y - height / 2), round(x - width / 2)
    rows = slice(max(0, top), min(side, top + height))
    columns = slice(max(0, left), min(side, left + width))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    own = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
    return (rows, columns), own


def from_training(cell: np.ndarray, width: float, height: float, turn: float) -> Thing:
    """A cell uint8 (S, S, 3) on black, resized and turned by so many degrees.

    What the ground's share of its density was is not known: what the palest of it has is taken off.
    """
    own = ndimage.binary_erosion(ndimage.binary_fill_holes(cell.max(axis=2) > BLACK)).astype(np.uint8) * 255
    layers = Image.fromarray(np.dstack([cell, own]))
    layers = layers.resize((max(4, round(width)), max(4, round(height))), Image.Resampling.BILINEAR, reducing_gap=2.0)
    layers = np.asarray(layers.rotate(turn, Image.Resampling.BILINEAR, expand=True)).astype(np.float32)
    alpha = layers[:, :, 3] / 255
    # Colours were mixed with black where the silhouette ends: they are those of the cell there.
    light = (layers[:, :, :3] / np.maximum(alpha, 0.25)[:, :, None]).clip(4, 255)
    density = np.log(255 / light)
    inside = density[alpha > 0.9]
    if len(inside) == 0:
        return Thing(density, alpha)
    palest = np.quantile(inside, 0.03, axis=0) * 0.8
    return Thing((density - palest).clip(0, None), alpha)


def drawn_cell(random: Random, diameter: float, aspect: float, dye: np.ndarray) -> Thing:
    """A red cell without a parasite: an oval, a burr, a drop, with a pale middle or none."""
    side = int(diameter * 1.5) + 4
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    turn = random.uniform(0, math.pi)
    across, along = x * math.cos(turn) + y * math.sin(turn), y * math.cos(turn) - x * math.sin(turn)
    angle = np.arctan2(along, across)
    edge = np.ones_like(angle)
    for k in (2, 3, 4, 5):
        edge += random.normal(0, 0.06 / k) * np.cos(k * angle + random.uniform(0, 6.3))
    if random.random() < 0.12:
        k = random.integers(8, 15)
        edge += random.uniform(0.03, 0.1) * np.cos(k * angle + random.uniform(0, 6.3))
    if random.random() < 0.06:
        edge += 0.35 * np.exp(-((angle / 0.3) ** 2))
    radius = np.hypot(across * math.sqrt(aspect), along / math.sqrt(aspect)) / (diameter / 2 * edge)
    alpha = (1 / (1 + np.exp(np.clip((radius - 1) * diameter / 2 / 0.5, -30, 30)))).astype(np.float32)
    depth = np.full_like(radius, 1.0)
    if random.random() < 0.5:  # darker or paler towards the rim
        depth += random.uniform(-0.4, 0.8) * (radius**2 - 0.5)
    pallor, wide = random.uniform(0, 1) * (random.random() < 0.7), random.uniform(0.25, 0.6)
    depth *= 1 - pallor * np.exp(-((radius / wide) ** random.choice([2, 4])))
    grain = random.normal(0, random.uniform(0, 0.08), radius.shape)
    return Thing(((depth + grain).clip(0, None)[:, :, None] * dye).astype(np.float32) * 0.4, alpha)


def drawn_white_cell(random: Random, diameter: float) -> Thing:
    """A white cell: a deep, lobed nucleus in a pale body."""
    side = int(diameter * 1.3) + 4
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    angle = np.arctan2(y, x)
    edge = 1 + sum(random.normal(0, 0.05) * np.cos(k * angle + random.uniform(0, 6.3)) for k in (2, 3, 4, 5))
    radius = np.hypot(x, y) / (diameter / 2 * edge)
    body = 1 / (1 + np.exp(np.clip((radius - 1) * diameter / 2 / 1.0, -30, 30)))
    nucleus = np.zeros_like(radius)
    lobes = int(random.integers(1, 5))
    for _ in range(lobes):
        away = random.uniform(0, 0.22 if lobes > 1 else 0.08) * diameter
        where = random.uniform(0, 6.3)
        size = diameter * (random.uniform(0.15, 0.25) if lobes > 1 else random.uniform(0.3, 0.46))
        lobe = np.hypot((x - away * math.cos(where)) * random.uniform(0.8, 1.25), y - away * math.sin(where)) / size
        nucleus = np.maximum(nucleus, 1 / (1 + np.exp(np.clip((lobe - 1) * size / 1.2, -30, 30))))
    purple = np.array([0.9, 1.5, 0.45]) * np.exp(random.normal(0, 0.2, 3)) * random.uniform(0.5, 1.3)
    pale = np.array([0.35, 0.5, 0.2]) * random.uniform(0.05, 0.9)
    grain = 1 + random.normal(0, 0.12, radius.shape)
    density = (body[:, :, None] * pale + (nucleus * grain)[:, :, None] * purple).astype(np.float32)
    return Thing(density.clip(0, None), body.astype(np.float32))


def drawn_platelet(random: Random, diameter: float) -> Thing:
    """A platelet or a stain dot: small, purple, granular."""
    side = int(diameter * 1.6) + 6
    y, x = np.mgrid[:side, :side] - (side - 1) / 2.0
    angle = np.arctan2(y, x)
    edge = 1 + sum(random.normal(0, 0.12) * np.cos(k * angle + random.uniform(0, 6.3)) for k in (2, 3, 4))
    radius = np.hypot(x, y) / (diameter / 2 * edge)
    alpha = 1 / (1 + np.exp(np.clip((radius - 1) * diameter / 2 / 0.8, -30, 30)))
    purple = np.array([0.7, 1.1, 0.35]) * np.exp(random.normal(0, 0.25, 3)) * random.uniform(0.2, 1.2)
    grain = 1 + random.normal(0, 0.25, radius.shape)
    return Thing(((alpha * grain)[:, :, None] * purple).clip(0, None).astype(np.float32), alpha.astype(np.float32))
