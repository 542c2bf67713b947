"""Fields made for tests: cells that ship as examples, pasted onto a light ground; and records without a network."""

from pathlib import Path

import numpy as np
from PIL import Image

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ, Found
from jdm_core.field.results import Field

EXAMPLES = sorted((Path(__file__).resolve().parents[2] / "web/examples").glob("*-*.png"))
GROUND = (228, 222, 226)
DIAMETER = 84
RIM = 110  # of 255: what is darker is black that resizing mixed into a cell's rim
LABELS = ("Parasitized", "Uninfected")


def pasted_field(height=420, width=600, cells=12, seed=0, diameter=DIAMETER):
    """Pixels (height, width, 3) uint8 of a field of so many cells, apart from each other, some cut off."""
    generator = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), GROUND, float)
    placed = []
    for _ in range(5000):
        if len(placed) == cells:
            break
        x, y = (int(generator.integers(-diameter // 4, side - 3 * diameter // 4)) for side in (width, height))
        if all(max(abs(x - a), abs(y - b)) > 1.1 * diameter for a, b in placed):
            paste(pixels, EXAMPLES[len(placed) % len(EXAMPLES)], x, y, diameter, int(generator.integers(4)))
            placed.append((x, y))
    return (pixels + generator.normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8)


def heaped_field():
    """Pixels (500, 720, 3) uint8 of a field of cells apart, with four in its middle that lie over each other."""
    pixels = np.full((500, 720, 3), GROUND, float)
    apart = (
        (20, 20),
        (150, 15),
        (280, 25),
        (420, 20),
        (560, 30),
        (20, 180),
        (560, 180),
        (30, 340),
        (170, 370),
        (560, 350),
    )
    heap = ((270, 200), (315, 190), (300, 235), (345, 230))
    for i, (x, y) in enumerate((*apart, (420, 380), *heap)):
        paste(pixels, EXAMPLES[i % len(EXAMPLES)], x, y, DIAMETER, i % 4)
    return (pixels + np.random.default_rng(0).normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8)


def paste(pixels, path, x, y, diameter=DIAMETER, turns=0):
    """Puts a cell on black into float pixels, as far as it lies within them."""
    cell = np.rot90(np.asarray(Image.open(path).convert("RGB").resize((diameter, diameter)), float), turns)
    left, top = max(0, x), max(0, y)
    right, bottom = min(pixels.shape[1], x + diameter), min(pixels.shape[0], y + diameter)
    part = cell[top - y : bottom - y, left - x : right - x]
    there = pixels[top:bottom, left:right]
    pixels[top:bottom, left:right] = np.where(part.max(axis=2, keepdims=True) > RIM, part, there)


def circle(x, y, radius, points=32):
    angle = np.linspace(0, 2 * np.pi, points, endpoint=False)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1).astype(np.float32)


def drawn_record():
    """A field's record and its pixels (120, 240, 3): five cells read, two of them suspicious, and one of each other."""
    places = [(30, 30), (80, 30), (130, 30), (30, 85), (80, 85), (120, 110), (190, 40), (190, 95)]
    status = [READ] * 5 + [CUT_OFF, CLUMP, NO_RED_CELL]
    outlines = [circle(x, y, 18).clip((0, 0), (240, 120)) for x, y in places]
    boxes = np.array([(*o.min(axis=0), *(o.max(axis=0) - o.min(axis=0))) for o in outlines], np.float32)
    pixels = np.full((120, 240, 3), GROUND, np.uint8)
    for x, y in places:
        rows, columns = np.mgrid[:120, :240]
        pixels[(columns - x) ** 2 + (rows - y) ** 2 < 18**2] = (200, 140, 160)
    cells = [np.full((20 + i, 24, 3), 40 + i, np.uint8) for i in range(len(status))]
    found = Found((120, 240), boxes, outlines, np.array(status, dtype="<U16"), cells, 36.0)
    infected = np.array([0.97, 0.2, 0.6, 0.01, 0.05, *[np.nan] * 3], np.float32)
    probabilities = np.stack([infected, 1 - infected], axis=1)
    posterior = np.full((8, 2), np.nan, np.float32)
    posterior[[0, 2]] = [(0.9, 0.1), (0.4, 0.6)]
    suspicion = np.log(infected / (1 - infected))
    suspicious = np.array([True, False, True, *[False] * 5])
    kind = np.array(["familiar"] * 4 + ["other"] + [""] * 3, dtype="<U16")
    order = np.array([0, 2, 1, 4, 3])
    unfamiliarity = np.where(np.isnan(infected), np.nan, 0.5).astype(np.float32)
    record = Field(
        LABELS,
        found,
        probabilities,
        posterior,
        unfamiliarity,
        kind,
        suspicion,
        suspicious,
        order,
        "as given",
        None,
        16,
        0,
    )
    return record, pixels
