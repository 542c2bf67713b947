"""Colours of cells: what they have in common is mapped, what one of them has of its own is not."""

import numpy as np
import pytest
from scipy.ndimage import binary_fill_holes

from jdm_core.images.colours import ColourMap, Colours, density, far_darker, map_between, measure_colours, own_pixels

OURS = Colours((0.30, 0.53, 0.49), (0.015, 0.025, 0.013))


def cell(colour: tuple[int, int, int], seed: int = 0, spot: int = 0) -> np.ndarray:
    """A disc of a colour with some grain on black, and a dark spot of a radius in it."""
    y, x = np.mgrid[:48, :48] - 24
    pixels = np.zeros((48, 48, 3))
    disc = x**2 + y**2 < 20**2
    pixels[disc] = np.array(colour) + np.random.default_rng(seed).normal(0, 3, (int(disc.sum()), 3))
    pixels[(x - 5) ** 2 + y**2 < spot**2] = (20, 10, 25)
    return pixels.clip(0, 255).round().astype(np.uint8)


def test_a_batch_gets_the_colour_of_the_training_cells_and_the_background_stays_black():
    batch = [cell((120, 80, 140), seed) for seed in range(5)]
    theirs = measure_colours(batch)
    colours = map_between(theirs, OURS)
    matched = [colours.apply(one) for one in batch]
    assert measure_colours(batch).density != pytest.approx(OURS.density, abs=0.1)
    assert measure_colours(matched).density == pytest.approx(OURS.density, abs=0.02)
    assert all((after[one.max(2) == 0] == 0).all() for one, after in zip(batch, matched, strict=True))
    spotted = colours.apply(cell((120, 80, 140), 0, spot=4))
    assert 0 < spotted[24, 29].max() < 80, "a dark spot within a cell is of the cell, and stays dark"


def test_parasites_that_fill_some_cells_do_not_move_the_colours_of_the_batch():
    healthy = [cell((200, 150, 160), seed) for seed in range(8)]
    infected = [cell((200, 150, 160), seed, spot=9) for seed in range(8, 11)]
    assert measure_colours(healthy + infected).density == pytest.approx(measure_colours(healthy).density, abs=0.01)


def test_contrast_is_kept_unless_it_is_far_beyond_that_of_training():
    near = Colours((0.5, 0.75, 0.6), tuple(2 * spread for spread in OURS.spread))
    assert map_between(near, OURS).slope == 1
    far = Colours((1.0, 1.2, 0.75), tuple(15 * spread for spread in OURS.spread))
    assert map_between(far, OURS).slope == pytest.approx((2.5 / 15) ** 0.5)
    pale = Colours((0.2, 0.3, 0.3), tuple(spread / 5 for spread in OURS.spread))
    assert map_between(pale, OURS).slope == 1, "contrast is never added"


@pytest.mark.parametrize(
    ("times", "far"), [((1, 1, 1), False), ((1.9, 1.9, 1.9), False), ((1, 2.1, 1), True), ((0.4, 0.4, 0), False)]
)
def test_a_stain_is_far_darker_that_absorbs_twice_as_much_in_a_channel(times, far):
    theirs = Colours(tuple(a * b for a, b in zip(OURS.density, times, strict=True)), OURS.spread)
    assert far_darker(theirs, OURS) == far


def test_an_edit_comes_back_in_the_cells_own_colours_and_nothing_else_moves():
    own = cell((90, 60, 120), 1, spot=4)
    for colours in (map_between(measure_colours([own]), OURS), ColourMap(0.4, (0.1, 0.05, 0.2))):
        seen = colours.apply(own)
        edited = seen.copy()
        edited[20:28, 25:33] = seen[24, 14]  # the spot filled in with the cell's own colour
        back = colours.undo(own, seen, edited)
        untouched = (edited == seen).all(2)
        assert np.array_equal(back[untouched], own[untouched])
        filled = back[22:26, 27:31].reshape(-1, 3).astype(int)
        assert np.abs(filled - own[24, 14]).max() <= 3
        assert np.array_equal(colours.undo(own, seen, seen), own)


def test_pictures_without_a_cell_have_no_colours():
    assert measure_colours([np.zeros((16, 16, 3), np.uint8)]) is None
    assert measure_colours([np.zeros((16, 16, 3), np.uint8), cell((200, 150, 160))]) == measure_colours(
        [cell((200, 150, 160))]
    )


@pytest.mark.parametrize("bad", [(0.3, 0.5), (0.3, 0.5, float("nan")), (0.3, 0.5, -1.0), (0.3, 0.5, 7.0)])
def test_colours_of_a_manifest_are_checked(bad):
    with pytest.raises(ValueError, match=r"density"):
        Colours(bad, OURS.spread)
    with pytest.raises(ValueError, match=r"spread"):
        Colours(OURS.density, bad)


@pytest.mark.parametrize("share", [0.05, 0.4, 0.6, 0.95])
def test_a_cells_own_pixels_are_those_that_no_path_of_background_joins_to_the_border(share):
    """Scipy fills holes alike, and takes several times as long."""
    for seed in range(6):
        generator = np.random.default_rng(seed)
        pixels = np.where(generator.random((17, 23, 1)) < share, generator.integers(33, 256, (17, 23, 3)), 0)
        pixels = pixels.astype(np.uint8)
        assert np.array_equal(own_pixels(pixels), binary_fill_holes(pixels.max(axis=2) > 32))


def test_every_pixel_is_mapped_by_its_own_density():
    own = cell((120, 80, 140), 3, spot=4)
    colours = ColourMap(0.8, (0.3, -0.4, 0.1))
    light = 256 * np.exp(-(0.8 * density(own) + np.array((0.3, -0.4, 0.1)))) - 1
    expected = np.where(own_pixels(own)[:, :, None], light.clip(0, 255).round(), 0)
    assert np.array_equal(colours.apply(own), expected)
