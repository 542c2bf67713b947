"""Traits of a cell: a stain and a lamp leave them, a shape or another texture does not."""

import numpy as np
import pytest

from jdm_core.images.traits import NAMES, SIDE, measure_cell


def disc(radius: float = 30, colour: tuple[int, int, int] = (205, 150, 165), seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE] - 31.5
    far = np.hypot(x, y)
    light = np.array(colour) * (1 - 0.15 * (far[:, :, None] / radius - 0.5))
    light += np.random.default_rng(seed).normal(0, 2, (SIDE, SIDE, 1))
    return np.where((far < radius)[:, :, None], light, 0).clip(0, 255).round().astype(np.uint8)


def test_every_trait_has_a_name_and_is_finite():
    traits = measure_cell(disc())
    assert traits.shape == (len(NAMES),) and np.isfinite(traits).all()
    for picture in (np.full((SIDE, SIDE, 3), 255, np.uint8), np.full((SIDE, SIDE, 3), 90, np.uint8)):
        assert np.isfinite(measure_cell(picture)).all()


def test_a_lamp_and_a_denser_stain_leave_the_traits():
    own = measure_cell(disc())
    lamp = measure_cell((disc() * [0.6, 0.7, 0.9]).round().astype(np.uint8))
    light = disc().astype(float) / 255
    denser = measure_cell((255 * light**1.8).round().astype(np.uint8))
    silhouette = slice(0, 8)
    np.testing.assert_allclose(lamp[silhouette], own[silhouette], atol=1e-6)
    assert np.abs(lamp - own).max() < 0.35 and np.abs(denser - own).max() < 0.35


def test_pieces_corners_and_grain_are_seen():
    own, name = measure_cell(disc()), NAMES.index
    halves = disc()
    halves[:, 28:36] = 0
    assert measure_cell(halves)[name("pieces")] > own[name("pieces")]
    assert measure_cell(halves)[name("largest piece")] < 0.7
    whole = np.random.default_rng(0).integers(60, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    assert measure_cell(whole)[name("corners")] == 1 and own[name("corners")] < 0.1
    assert measure_cell(whole)[name("fine grain")] > own[name("fine grain")] + 0.5


@pytest.mark.parametrize("radius", [0.0, 3.0])
def test_hardly_anything_on_black_has_no_traits(radius):
    assert measure_cell(disc(max(radius, 1e-9))) is None
