"""What becomes of each thing in a field, from maps that say where cells are and what is stained."""

import numpy as np
import pytest
import torch

from jdm_core.field.cut import OTHER, RED, assemble, crop
from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ
from jdm_core.field.network import STRIDE, Maps
from jdm_core.field.polygons import Polygons
from jdm_core.images.read import read_cell
from tests.support.synthetic_fields import circle

SIDE = 320
USUAL = [(60, 60), (120, 60), (180, 60), (240, 60), (60, 130)]  # cells of radius 16


def field_of(polygons, stained=(), colours=()):
    """What is made of outlines (x, y, radius) and, beyond them, of stained discs (x, y, radius, class).

    The discs of the outlines have these colours, as far as there are some.
    """
    outlines = np.stack([circle(x, y, r) for x, y, r, *_ in polygons])
    rows, columns = np.mgrid[: SIDE // STRIDE, : SIDE // STRIDE] * STRIDE + 0.5
    logits = torch.zeros(1, 3, SIDE // STRIDE, SIDE // STRIDE)
    logits[:, 0] = 1
    for x, y, r, kind in [*[(*p[:3], p[3] if len(p) > 3 else RED) for p in polygons], *stained]:
        disc = torch.from_numpy(np.hypot(columns - x, rows - y) <= r)
        logits[0][:, disc] = 0
        logits[0, kind][disc] = 5
    maps = Maps(torch.zeros_like(logits[:, :2]), torch.zeros_like(logits), logits)
    pixels = np.full((SIDE, SIDE, 3), 220, np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    for (x, y, r, *_), colour in zip(polygons, colours, strict=False):
        pixels[np.hypot(columns - x, rows - y) <= r] = colour
    found = Polygons(outlines.astype(np.float32), np.full(len(outlines), 0.9, np.float32))
    return assemble(pixels, found, maps, np.ones(2, np.float32))


def last_of(*polygon, stained=()):
    usual = [(x, y, 16) for x, y in USUAL]
    return field_of([*usual, polygon] if polygon else usual, stained)


@pytest.mark.parametrize(
    ("polygon", "status"),
    [
        ((200, 200, 16), READ),
        ((14, 200, 16), CUT_OFF),
        ((16.2, 200, 16), CUT_OFF),  # it touches the side, near enough
        ((200, 306, 16), CUT_OFF),
        ((200, 200, 24), CLUMP),  # 2.25 times the area
        ((200, 200, 20), READ),
        ((200, 200, 16, OTHER), READ),  # of a red cell's size: a parasite may fill it
        ((200, 200, 22.5, OTHER), READ),  # nearly twice the area: P. vivax makes a red cell so large
        ((200, 200, 24, OTHER), NO_RED_CELL),
        ((200, 200, 30, OTHER), NO_RED_CELL),
    ],
)
def test_what_has_an_outline(polygon, status):
    found = last_of(*polygon)
    assert found.status.tolist() == [READ] * len(USUAL) + [status]


@pytest.mark.parametrize(
    ("disc", "status"),
    [
        ((200, 200, 16, RED), CLUMP),
        ((200, 200, 9, RED), NO_RED_CELL),
        ((0, 200, 16, RED), CUT_OFF),
        ((200, 200, 16, OTHER), READ),
        ((2, 200, 16, OTHER), NO_RED_CELL),
        ((200, 200, 40, OTHER), NO_RED_CELL),
        ((200, 200, 7, OTHER), NO_RED_CELL),
    ],
)
def test_what_is_stained_and_has_none(disc, status):
    found = last_of(stained=[disc])
    assert found.status.tolist() == [READ] * len(USUAL) + [status]
    x, w = found.boxes[-1, [0, 2]]
    left, right = max(0, disc[0] - disc[2]), disc[0] + disc[2]
    assert x == pytest.approx(left, abs=4) and x + w == pytest.approx(right, abs=4)


@pytest.mark.parametrize("kind", [RED, OTHER])
@pytest.mark.parametrize(
    ("colour", "status"),
    [
        ((150, 100, 185), NO_RED_CELL),  # a nucleus' dyes, and no haemoglobin, which takes blue light away
        ((150, 100, 120), READ),  # both: a parasite fills a red cell
        ((195, 130, 160), READ),  # a little of it: stains are uneven
        ((215, 170, 185), READ),  # paler throughout: little haemoglobin, and no nucleus
        ((200, 110, 185), READ),  # pinker: another dye
    ],
)
def test_a_small_white_cell_is_known_by_the_light_it_takes(colour, status, kind):
    polygons = [*((x, y, 16) for x, y in USUAL), (200, 200, 17, kind)]
    found = field_of(polygons, colours=[(200, 140, 160)] * len(USUAL) + [colour])
    assert found.status.tolist() == [READ] * len(USUAL) + [status]
    assert len(found.cells) == len(polygons)


@pytest.mark.parametrize(
    ("nucleus", "radius", "status"),
    [
        ((60, 30, 140), 10, NO_RED_CELL),  # of a third of the cell, in a cytoplasm as red cells are
        ((60, 30, 140), 6, READ),  # a parasite
        ((60, 30, 60), 10, READ),  # as dark in blue light: haemoglobin is there
    ],
)
def test_a_white_cell_is_known_by_a_nucleus_of_a_part_of_it(nucleus, radius, status):
    polygons = [*((x, y, 16) for x, y in USUAL), (200, 200, 17), (200, 200, radius)]
    found = field_of(polygons, colours=[(200, 140, 160)] * (len(USUAL) + 1) + [nucleus])
    assert found.status[len(USUAL)] == status


@pytest.mark.parametrize(("ink", "status"), [((0, 0, 0), CUT_OFF), ((200, 140, 160), READ)])
def test_what_is_written_over_is_cut_off(ink, status):
    letter = [(60, 130, 8), (60, 130, 6)]
    colours = [(200, 140, 160)] * len(USUAL) + [(255, 255, 255), ink]
    found = field_of([*((x, y, 16) for x, y in USUAL), *letter], colours=colours)
    assert found.status[: len(USUAL)].tolist() == [READ] * (len(USUAL) - 1) + [status]


def test_specks_are_not_told():
    assert len(last_of(stained=[(200, 200, 3, OTHER), (150, 200, 4, RED)]).status) == len(USUAL)


@pytest.mark.parametrize(("width", "height"), [(60, 10), (12, 70), (3, 3), (40, 30)])
def test_a_cell_of_any_shape_can_be_read(width, height):
    outline = np.array([(20, 20), (20 + width, 20), (20 + width, 20 + height), (20, 20 + height)], np.float32)
    cell = crop(np.full((120, 120, 3), 150, np.uint8), outline)
    assert (read_cell(cell) == cell).all()
    assert abs(int((cell.max(axis=2) > 0).sum()) - (width + 1) * (height + 1)) <= width + height
    assert (cell[[0, -1]] == 0).all() and (cell[:, [0, -1]] == 0).all()
