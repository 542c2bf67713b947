"""White cells and platelets cut out of fields in which they are boxed, to lie in composed fields as they look."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

from training.data.annotations import Box, read_fields, read_pixels
from training.data.composed.things import Random, Thing
from training.data.microscopes.boxed import NO_RED_CELL
from training.data.microscopes.sample import part_of_field

NUCLEAR = 0.22  # optical density of red light, beyond the ground's: a red cell absorbs less of it
ROUND_NUCLEUS = 0.08  # of the box: what belongs to a white cell round its nucleus


@dataclass(frozen=True)
class Debris:
    """A thing as it was photographed, and its size in diameters of the red cells beside it."""

    thing: Thing
    size: float


def read_debris(folder: Path) -> list[Debris]:
    """The boxed white cells and platelets of the developers' half of a folder's fields. Raises DataError."""
    found = []
    for field in read_fields(folder):
        if part_of_field(field.path.name) != "developer":
            continue
        sides = [max(box.w, box.h) for box in field.boxes if box.kind == "red blood cell"]
        if not sides:
            continue
        pixels = read_pixels(field.path)
        ground = np.quantile(pixels.reshape(-1, 3), 0.95, axis=0)
        for box in field.boxes:
            if box.kind in NO_RED_CELL and (thing := _cut(pixels, ground, box)) is not None:
                found.append(Debris(thing, max(thing.alpha.shape) / float(np.median(sides))))
    return found


def _cut(pixels: np.ndarray, ground: np.ndarray, box: Box) -> Thing | None:
    top, left = max(0, int(box.y)), max(0, int(box.x))
    window = pixels[top : int(box.y + box.h) + 1, left : int(box.x + box.w) + 1].astype(np.float32)
    density = np.log(ground / window.clip(4, None)).clip(0, None).astype(np.float32)
    nucleus = ndimage.binary_opening(ndimage.gaussian_filter(density[:, :, 0], 1) > NUCLEAR, iterations=1)
    if nucleus.sum() < 30:
        return None
    reach = max(1, round(ROUND_NUCLEUS * max(window.shape[:2])))
    mask = ndimage.binary_fill_holes(ndimage.binary_dilation(nucleus, iterations=2 * reach))
    mask = ndimage.binary_erosion(mask, iterations=reach, border_value=1)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    tight = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    alpha = ndimage.gaussian_filter(mask[tight].astype(np.float32), 1)
    return Thing(density[tight], alpha)


def laid(random: Random, debris: Debris, diameter: float) -> Thing:
    """A thing at the size that it has beside red cells of such a diameter, give or take, turned and flipped."""
    size = debris.size * diameter * float(np.exp(random.normal(0, 0.2)))
    by = size / max(debris.thing.alpha.shape)
    layers = np.dstack([debris.thing.density, debris.thing.alpha])
    layers = np.rot90(layers, int(random.integers(4)))
    if random.random() < 0.5:
        layers = layers[:, ::-1]
    blur = max(0.0, 0.45 / by - 0.45)
    small = np.asarray(ndimage.zoom(ndimage.gaussian_filter(layers, (blur, blur, 0)), (by, by, 1), order=1))
    dyes = np.exp(random.normal(0, 0.2, 3)) * float(np.exp(random.normal(0, 0.3)))
    return Thing((small[:, :, :3] * dyes).clip(0, None).astype(np.float32), small[:, :, 3].clip(0, 1))
