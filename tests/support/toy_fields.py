"""Drawn microscope fields with boxes, as another microscope's data come."""

import json

import numpy as np
from PIL import Image

BACKGROUND, STAIN, PARASITE = (205, 225, 208), (190, 120, 150), (110, 40, 120)


def disc(pixels, x, y, radius, colour):
    rows, columns = np.mgrid[: pixels.shape[0], : pixels.shape[1]] + 0.5
    pixels[(columns - x) ** 2 + (rows - y) ** 2 < radius**2] = colour


def box_of(kind, x, y, radius):
    return {
        "type": kind,
        "bbox": {"x": str(x - radius), "y": str(y - radius), "w": str(2 * radius), "h": str(2 * radius)},
    }


def drawn_field(seed=0):
    """Pixels (120, 200, 3) and marks: two cells that touch, a ring, a difficult one, one under a scale bar."""
    generator = np.random.default_rng(seed)
    pixels = np.full((120, 200, 3), BACKGROUND, dtype=np.uint8)
    for x, y in ((30, 30), (64, 30), (110, 30), (150, 90), (30, 90)):
        disc(pixels, x, y, 18, STAIN)
    disc(pixels, 115, 33, 4, PARASITE)
    pixels = (pixels + generator.normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8)
    pixels[88:92, 135:165] = 0
    marks = [
        box_of("red blood cell", 30, 30, 18),
        box_of("red blood cell", 64, 30, 18),
        box_of("ring", 110, 30, 18),
        box_of("red blood cell", 150, 90, 18),
        box_of("difficult", 30, 90, 18),
        box_of("red blood cell", 111, 31, 18),
        box_of("red blood cell", 90, 100, 10),
    ]
    return pixels, marks


def write_fields(folder, names):
    (folder / "fields").mkdir(parents=True)
    entries = []
    for seed, name in enumerate(names):
        pixels, marks = drawn_field(seed)
        Image.fromarray(pixels).save(folder / "fields" / name)
        entries.append({"image_name": name, "objects": marks})
    (folder / "annotations.json").write_text(json.dumps(entries))
    return folder


NAMES = [f"F{tens}{unit}.png" for tens in range(6) for unit in range(2)]
