"""Corruptions: nothing at severity 0, more at each, only inside the cell, the same for the same seed."""

import numpy as np
import pytest
import torch

from jdm_core.images.pixels import cell_mask, from_uint8
from tests.support.toy import toy_cell
from training.data.corruptions import CORRUPTIONS, SEVERITIES, brightness, corrupt, jpeg, stain_hue, stain_strength

NAMES = list(CORRUPTIONS)


@pytest.fixture(scope="module")
def cell():
    return toy_cell(True, seed=3, size=96)


@pytest.fixture(scope="module")
def mask(cell):
    return cell_mask(from_uint8(torch.from_numpy(cell)[None]))[0].numpy()


@pytest.mark.parametrize("name", NAMES)
def test_severity_zero_is_the_cell_itself(cell, mask, name):
    out = corrupt(cell, mask, name, 0, seed=0)
    assert np.array_equal(out, cell)
    assert out is not cell


@pytest.mark.parametrize("name", NAMES)
def test_each_severity_moves_the_cell_further_and_leaves_the_background_black(cell, mask, name):
    moved = []
    for severity in SEVERITIES:
        out = corrupt(cell, mask, name, severity, seed=0)
        assert out.dtype == np.uint8
        assert out.shape == cell.shape
        assert not out[~mask].any()
        moved.append(np.abs(out[mask].astype(float) - cell[mask]).mean())
    assert 0 < moved[0] < moved[1] < moved[2]


def test_background_that_is_not_quite_black_stays_as_it_is(cell, mask):
    speckled = cell.copy()
    speckled[0, :5] = 7
    assert np.array_equal(corrupt(speckled, mask, "blur", 3, seed=0)[~mask], speckled[~mask])


def test_black_does_not_bleed_into_the_rim(mask):
    flat = np.where(mask[:, :, None], np.array([220, 190, 195]), 0).astype(np.uint8)
    assert np.array_equal(corrupt(flat, mask, "blur", 3, seed=0), flat)


def test_randomness_follows_from_seed_and_cell(cell, mask):
    first = corrupt(cell, mask, "noise", 2, seed=0)
    assert np.array_equal(first, corrupt(cell, mask, "noise", 2, seed=0))
    assert not np.array_equal(first, corrupt(cell, mask, "noise", 2, seed=1))
    residuals = []
    for grey in (120, 130):  # far enough from black and white that nothing is cut off
        flat = np.full_like(cell, grey)
        residuals.append(corrupt(flat, mask, "noise", 2, seed=0)[mask].astype(int) - grey)
    assert np.abs(residuals[0] - residuals[1]).mean() > 10


def test_both_directions_occur(cell, mask):
    darker = {corrupt(cell, mask, "brightness", 3, seed=seed).sum() < cell.sum() for seed in range(12)}
    assert darker == {True, False}


def test_strengths_mean_what_they_say():
    up = next(g for g in map(np.random.default_rng, range(9)) if g.choice((-1, 1)) == 1).bit_generator.seed_seq.entropy
    half = np.full((8, 8, 3), 0.5)
    assert brightness(half, 0.4, np.random.default_rng(up)) == pytest.approx(0.7)
    assert stain_strength(half, 1.0, np.random.default_rng(up)) == pytest.approx(0.25)  # twice the optical density
    shifted = stain_hue(half, 0.2, np.random.default_rng(up))[0, 0]
    assert shifted == pytest.approx([0.5**1.2, 0.5**0.8, 0.5])  # red absorbed more, green less


def test_jpeg_keeps_an_even_colour_and_loses_fine_detail():
    even = np.full((16, 16, 3), 0.5)
    assert np.abs(jpeg(even, 1 / 10, np.random.default_rng(0)) - even).max() < 0.03
    checks = np.indices((16, 16)).sum(0)[:, :, None] % 2 * 0.1 + even
    assert jpeg(checks, 1 / 10, np.random.default_rng(0)).std() < 0.5 * checks.std()


def test_a_picture_without_a_cell_comes_back():
    black = np.zeros((8, 8, 3), dtype=np.uint8)
    assert np.array_equal(corrupt(black, np.zeros((8, 8), dtype=bool), "noise", 3, seed=0), black)
