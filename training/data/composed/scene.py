"""A composed field: where its cells lie, the light that passes them, and what a camera makes of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from training.data.composed.debris import Debris, laid
from training.data.composed.things import (
    Random,
    Thing,
    drawn_cell,
    drawn_platelet,
    drawn_white_cell,
    from_training,
    within,
)

REAL, WHITE = 0.6, 0.9  # share of debris that is real where it is at hand; diameters from which it is a white cell
RED = np.array([0.35, 1.0, 0.45])  # optical density of haemoglobin and eosin, a channel


@dataclass
class Placed:
    """A thing's silhouette in a field: the field's row and column of its left upper corner, and its mask (h, w)."""

    top: int
    left: int
    mask: np.ndarray


@dataclass
class Scene:
    """A field uint8 (S, S, 3), the red cells in it, and what else lies there."""

    picture: np.ndarray
    cells: list[Placed] = field(default_factory=list)
    others: list[Placed] = field(default_factory=list)


@dataclass
class _Canvas:
    side: int
    density: np.ndarray
    covered: np.ndarray

    def put(self, thing: Thing, x: float, y: float, over: float) -> Placed | None:
        """Adds a thing centred at a place; of what it covers already, it adds a share `over`."""
        lies = within(thing.alpha.shape, x, y, self.side)
        if lies is None:
            return None
        place, own = lies
        alpha = thing.alpha[own]
        under = self.covered[place]
        share = alpha * (1 - under * (1 - over))
        self.density[place] += thing.density[own] * share[:, :, None]
        self.covered[place] = np.maximum(under, alpha)
        return Placed(place[0].start - own[0].start, place[1].start - own[1].start, thing.alpha > 0.5)


def compose(
    random: Random, library: Sequence[np.ndarray], debris: Sequence[Debris], side: int, diameter: float
) -> Scene:
    """A field of cells of about `diameter` pixels, from cells uint8 (s, s, 3) on black of one slide or many.

    White cells and platelets are `debris`, or drawn; without any, all are drawn.
    """
    diameter *= float(np.exp(random.normal(0, 0.22)).clip(0.6, 1.7))
    canvas = _Canvas(side, np.zeros((side, side, 3), np.float32), np.zeros((side, side), np.float32))
    dyes, contrast = _dyes(random)
    pallor = random.uniform(0, 0.95) if random.random() < 0.4 else 0.0
    drawn = random.choice([0.0, 0.3, 1.0], p=[0.45, 0.35, 0.2])
    spread, over = random.uniform(0.03, 0.16), random.uniform(0.1, 1.0)
    dye = RED * np.exp(random.normal(0, 0.2, 3))
    scene = Scene(np.empty(0))
    _ghosts(random, canvas, diameter, dyes, contrast)
    chosen = [library[int(i)] for i in random.integers(len(library), size=12)]
    for x, y in _places(random, side, diameter):
        own = diameter * float(np.exp(random.normal(0, spread)))
        aspect = float(np.exp(random.normal(0, 0.12)))
        if random.random() < drawn:
            thing = drawn_cell(random, own, aspect, dye)
        else:
            cell = (
                chosen[int(random.integers(len(chosen)))]
                if random.random() < 0.5
                else library[int(random.integers(len(library)))]
            )
            thing = from_training(cell, own * math.sqrt(aspect), own / math.sqrt(aspect), random.uniform(0, 360))
        placed = canvas.put(_stained(thing, random, dyes, contrast, pallor, diameter), x, y, over)
        if placed is not None:
            scene.cells.append(placed)
    _others(random, canvas, scene, diameter, contrast, debris)
    scene.picture = _photographed(random, canvas, diameter)
    return scene


def _dyes(random: Random) -> tuple[np.ndarray, float]:
    """How the dyes of this field mix (3, 3), and how deep its cells are."""
    mixing = np.eye(3) + random.normal(0, 0.12, (3, 3))
    tint = np.exp(random.normal(0, 0.45, 3))
    return (mixing * (tint / tint.mean())[:, None]).astype(np.float32), float(np.exp(random.uniform(-2.6, 0.25)))


def _stained(thing: Thing, random: Random, dyes: np.ndarray, contrast: float, pallor: float, diameter: float) -> Thing:
    """A thing in the field's stain, as deep as its cells are, give or take; with the field's pale middles."""
    density = (thing.density @ dyes.T).clip(0, None)
    mean = density[thing.alpha > 0.5].mean() if (thing.alpha > 0.5).any() else 1.0
    density = density * (contrast * float(np.exp(random.normal(0, 0.15))) / max(float(mean), 0.02))
    if pallor:
        height, width = thing.alpha.shape
        y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
        own = pallor * random.uniform(0.6, 1)
        density = density * (1 - own * np.exp(-((np.hypot(x, y) / (0.27 * diameter)) ** 2)))[:, :, None]
    return Thing(density.astype(np.float32), thing.alpha)


def _places(random: Random, side: int, diameter: float) -> list[tuple[float, float]]:
    """Centres of cells, some of them outside by half a cell: scattered, in chains, or packed."""
    nearest = diameter * random.choice([1.02, 0.97, 0.85, 0.65], p=[0.25, 0.35, 0.25, 0.15])
    wanted = int(random.uniform(0.05, 1.1) * (side + diameter) ** 2 / diameter**2)
    chained = random.uniform(0, 0.8)
    margin = diameter / 2
    places: list[tuple[float, float]] = []
    for _ in range(wanted * 4):
        if len(places) >= wanted:
            break
        if places and random.random() < chained:
            x0, y0 = places[int(random.integers(len(places)))]
            angle, away = random.uniform(0, 2 * math.pi), nearest * random.uniform(1, 1.1)
            x, y = x0 + away * math.cos(angle), y0 + away * math.sin(angle)
        else:
            x, y = random.uniform(-margin, side + margin, 2)
        if not (-margin < x < side + margin and -margin < y < side + margin):
            continue
        if all((x - a) ** 2 + (y - b) ** 2 >= nearest**2 for a, b in places):
            places.append((float(x), float(y)))
    return places


def _ghosts(random: Random, canvas: _Canvas, diameter: float, dyes: np.ndarray, contrast: float) -> None:
    """Cells far out of focus and shadows of lysed ones, which nobody counts."""
    if random.random() > 0.3:
        return
    for _ in range(int(random.integers(1, 6))):
        thing = drawn_cell(random, diameter * random.uniform(0.8, 1.3), 1.0, RED)
        faint = _stained(thing, random, dyes, contrast * random.uniform(0.05, 0.25), 0.0, diameter)
        blur = random.uniform(0.05, 0.25) * diameter
        soft = Thing(np.pad(faint.density, ((8, 8), (8, 8), (0, 0))), np.pad(faint.alpha, 8))
        density = ndimage.gaussian_filter(soft.density * soft.alpha[:, :, None], (blur, blur, 0))
        canvas.put(Thing(density, np.ones_like(soft.alpha)), *random.uniform(0, canvas.side, 2), over=1.0)
    canvas.covered[:] = 0


def _others(
    random: Random, canvas: _Canvas, scene: Scene, diameter: float, contrast: float, debris: Sequence[Debris]
) -> None:
    """White cells, platelets, stain dots, and black dirt that is no thing at all."""
    depth = max(0.5, min(1.3, contrast * 2.5))
    kinds = (
        (drawn_white_cell, 0.3, 1, (1.1, 2.6), [one for one in debris if one.size >= WHITE]),
        (drawn_platelet, 0.55, 5, (0.15, 0.6), [one for one in debris if one.size < WHITE]),
    )
    for draw, likely, most, sizes, real in kinds:
        if random.random() > likely:
            continue
        for _ in range(int(random.integers(1, most + 1))):
            if real and random.random() < REAL:
                thing = laid(random, real[int(random.integers(len(real)))], diameter)
            else:
                thing = draw(random, diameter * random.uniform(*sizes))
            x, y = random.uniform(0, canvas.side, 2)
            placed = canvas.put(Thing(thing.density * depth, thing.alpha), x, y, over=random.uniform(0.3, 1.0))
            if placed is not None:
                scene.others.append(placed)
    if random.random() < 0.3:
        for _ in range(int(random.integers(1, 6))):
            speck = drawn_platelet(random, diameter * random.uniform(0.05, 0.14))
            dirt = np.repeat(speck.alpha[:, :, None] * random.uniform(0.5, 3), 3, axis=2)
            canvas.put(Thing(dirt, speck.alpha), *random.uniform(0, canvas.side, 2), over=1.0)


def _photographed(random: Random, canvas: _Canvas, diameter: float) -> np.ndarray:
    """The light that passes, through a lens and onto a sensor: uint8 (S, S, 3)."""
    side, density = canvas.side, canvas.density
    if random.random() < 0.5:  # light that the rim bends: a bright or dark line round each cell
        wide = random.uniform(0.02, 0.06) * diameter
        cover = (canvas.covered > 0.5).astype(np.float32)
        near = ndimage.gaussian_filter(cover, wide) - ndimage.gaussian_filter(cover, wide * 2.2)
        density = density + (random.normal(0, 0.35) * near)[:, :, None]
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    terms = (x, y, x * x, y * y, x * y)
    uneven = np.tensordot(random.normal(0, 0.06, len(terms)), np.stack(terms), axes=1)
    coarse = random.normal(0, random.uniform(0, 0.04), (9, 9, 3))
    cloudy = np.asarray(ndimage.zoom(coarse, (side / 9, side / 9, 1), order=1))
    lamp = random.uniform(110, 250) * np.exp(random.normal(0, 0.08, 3))
    light = lamp * np.exp(-(density + uneven[:, :, None] + cloudy[:side, :side]))
    blur = random.uniform(0.02, 0.35) if random.random() < 0.7 else random.uniform(0.3, 1.8)
    light = ndimage.gaussian_filter(light, (blur, blur, 0))
    light += random.normal(0, random.uniform(0, 5), light.shape)  # of each channel, and of all together
    light += random.normal(0, random.uniform(0, 3), (side, side, 1))
    picture = _marked(random, light.clip(0, 255).astype(np.uint8))
    if random.random() < 0.5:
        buffer = BytesIO()
        Image.fromarray(picture).save(buffer, "JPEG", quality=int(random.integers(35, 95)))
        picture = np.asarray(Image.open(buffer))
    return picture


def _marked(random: Random, picture: np.ndarray) -> np.ndarray:
    """A scale bar, a pointer, a burnt-in box, or a phone's dark surround, now and then."""
    side = len(picture)
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    colour = tuple(int(c) for c in random.choice([0, 255, 40], 3)) if random.random() < 0.4 else (10, 10, 10)
    if random.random() < 0.08:
        x, y = random.uniform(0, side, 2)
        draw.line([(x, y), (x + random.uniform(30, 90), y)], fill=colour, width=int(random.integers(1, 3)))
        draw.text((x + 10, y + 4), str(random.integers(1, 99)), fill=colour)
    if random.random() < 0.06:
        ends = [tuple(random.uniform(0, side, 2)), tuple(random.uniform(-side, 2 * side, 2))]
        draw.line(ends, fill=(15, 15, 15), width=int(random.integers(2, 9)))
    if random.random() < 0.06:
        x, y = random.uniform(0, side - 20, 2)
        draw.rectangle([x, y, x + random.uniform(6, 50), y + random.uniform(6, 50)], outline=colour)
    if random.random() < 0.08:
        dark = Image.new("L", image.size, 0)
        x, y = random.uniform(-0.2 * side, 1.2 * side, 2)
        reach = random.uniform(0.7, 1.3) * side
        ImageDraw.Draw(dark).ellipse([x - reach, y - reach, x + reach, y + reach], fill=255)
        soft = ndimage.gaussian_filter(np.asarray(dark).astype(np.float32) / 255, random.uniform(0.5, 6))
        return (np.asarray(image) * soft[:, :, None]).astype(np.uint8)
    return np.asarray(image)
