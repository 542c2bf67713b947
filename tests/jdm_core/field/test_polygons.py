"""Star-convex polygons: peaks, each cell once, a cell at a place, and the parts of a clump."""

import numpy as np
import pytest
import torch

from jdm_core.field.network import RAYS, STRIDE, Maps
from jdm_core.field.polygons import INWARD, area_of, parts_of, polygon_at, polygons_of


def maps_of(*cells, side=64):
    """Maps of discs (x, y, radius, score) in pixels of a picture of 2 · side a side."""
    centres = torch.full((1, 2, side, side), -8.0)
    radii = torch.ones(1, RAYS, side, side)
    rows, columns = np.mgrid[:side, :side] * STRIDE + (STRIDE - 1) / 2
    for x, y, radius, score in cells:
        near = torch.from_numpy((1 - np.hypot(columns - x, rows - y) / radius).clip(0)).float() * score
        logits = torch.logit(near.clamp(1e-4, 0.999))
        better = logits > centres[0, 0]
        centres[0, 0][better] = logits[better]
        radii[0][:, better] = radius
    return Maps(centres, radii, torch.zeros(1, 3, side, side))


def test_discs_apart_are_found_once_each_the_surest_first():
    found = polygons_of(maps_of((30.5, 30.5, 16, 0.8), (90.5, 80.5, 12, 0.95)))
    assert len(found.scores) == 2 and found.scores[0] > found.scores[1]
    assert found.outlines.mean(axis=1) == pytest.approx(np.array([[90.5, 80.5], [30.5, 30.5]]), abs=0.6)
    assert found.diameters == pytest.approx([24 * INWARD, 32 * INWARD], rel=0.03)


def test_of_two_that_lie_in_each_other_the_surer_stays():
    together = polygons_of(maps_of((50.5, 50.5, 16, 0.9), (58.5, 50.5, 16, 0.7)))
    assert len(together.scores) == 1 and together.outlines.mean(axis=1)[0, 0] < 54
    assert len(polygons_of(maps_of((40.5, 50.5, 16, 0.9), (64.5, 50.5, 16, 0.7))).scores) == 2


def test_what_is_hardly_a_cell_is_none():
    assert len(polygons_of(maps_of((50.5, 50.5, 16, 0.2))).scores) == 0


def test_a_person_sees_a_cell_that_the_network_hardly_does():
    maps = maps_of((50.5, 50.5, 16, 0.2), (90.5, 90.5, 16, 0.9))
    outline = polygon_at(maps, 48, 52, reach=10)
    assert outline is not None and outline.mean(axis=0) == pytest.approx([50.5, 50.5], abs=1.1)
    assert polygon_at(maps, 400, 400, reach=10) is None


def test_a_clump_is_parted_along_its_length():
    rows, columns = np.mgrid[:60, :120]
    mask = (np.hypot(rows - 30, columns - 30) < 22) | (np.hypot(rows - 30, columns - 75) < 22)
    parts = parts_of(mask, 2)
    assert sorted(float(part[:, 0].mean()) for part in parts) == pytest.approx([30, 75], abs=4)
    assert sum(area_of(part) for part in parts) == pytest.approx(mask.sum(), rel=0.05)
    assert parts_of(np.zeros((5, 5), bool), 2) == []


def test_areas_of_outlines():
    square = np.array([[0, 0], [4, 0], [4, 3], [0, 3]], float)
    assert area_of(square) == 12 and area_of(square[::-1]) == 12
