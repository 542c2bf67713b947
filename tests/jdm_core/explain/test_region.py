"""Where an edit makes a cell anew, the bounds of its colours, its pieces and its fine detail."""

import numpy as np
import pytest
import torch
from scipy import ndimage

from jdm_core.explain.counterfactual.candidates import Cells, Made, least
from jdm_core.explain.counterfactual.detail import offset, with_detail_renewed
from jdm_core.explain.counterfactual.region import changed_area, class_shift, parasite_area, pieces_of, place_area
from jdm_core.explain.edit import DEFAULT_EDIT
from jdm_core.explain.hold import bounds_of
from jdm_core.images.pixels import cell_mask, from_uint8, to_tensor
from tests.support.gaussian import GaussianNetwork
from tests.support.toy import toy_cell

SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE]


def ring_cell():
    """A cell with chromatin at (24, 24), a ring that hangs on it, and a stain of its own at (44, 44)."""
    cell = toy_cell(False, 0, SIDE).astype(float)
    ring = np.abs(np.hypot(Y - 29, X - 24) - 5) < 1.2
    cell[ring] = cell[ring] * (0.9, 0.72, 0.95)
    cell[np.hypot(Y - 24, X - 24) < 2.2] = (120, 40, 130)
    cell[np.hypot(Y - 44, X - 44) < 2.2] = (150, 80, 150)
    return cell.astype(np.uint8), ring


def test_a_region_holds_the_whole_parasite_and_not_what_lies_apart():
    cell, ring = ring_cell()
    x = from_uint8(torch.from_numpy(cell)[None])
    mask = cell_mask(x)[0].numpy()
    shift = 0.1 * np.exp(-((Y - 24) ** 2 + (X - 24) ** 2) / 4)
    area = parasite_area(shift, x[0].permute(1, 2, 0).numpy(), mask, 1.0)
    assert (area[ring] == 1).all() and area[29, 24] == 1  # and what it encloses
    assert area[44, 44] == 0 and area.mean() < 0.15
    wider = parasite_area(shift, x[0].permute(1, 2, 0).numpy(), mask, 1.5)
    assert (wider >= area - 1e-6).all() and wider.sum() > area.sum()


@pytest.mark.parametrize("light", [1.12, 0.9])
def test_an_unstained_ring_that_hangs_on_the_chromatin_is_of_the_region(light):
    cell = toy_cell(False, 0, SIDE).astype(float)
    rings = {row: np.abs(np.hypot(Y - row, X - 24) - 4) < 1.5 for row in (28, 47)}
    for ring in rings.values():
        cell[ring] = np.minimum(cell[ring] * light, 255)
    cell[np.hypot(Y - 22, X - 24) < 2.2] = (120, 40, 130)
    x = from_uint8(torch.from_numpy(cell.astype(np.uint8))[None])
    area = parasite_area(bump(22, 24, 0.1), x[0].permute(1, 2, 0).numpy(), cell_mask(x)[0].numpy(), 1.0)
    assert (area[rings[28]] == 1).mean() > 0.95 and area[28, 24] == 1
    assert (area[rings[47]] == 0).all()  # as uneven, but apart


def test_what_is_removed_first_takes_a_faint_halo_along():
    """One as faint as the grain of the cell, of which a region of the core's own width leaves more than half behind."""
    mask, halo = np.hypot(Y - 32, X - 32) < 28, np.hypot(Y - 24, X - 24) < 8
    picture = np.full((SIDE, SIDE, 3), 0.3)
    picture[..., 1] += np.random.default_rng(0).normal(0, 0.06, (SIDE, SIDE)) - 0.16 * halo
    first, narrow = (
        parasite_area(bump(24, 24, 0.1), picture, mask, width)[halo]
        for width in (DEFAULT_EDIT.candidates(removes=True)[0].region, 1.0)
    )
    assert (narrow == 1).mean() < 0.5 and (first == 1).mean() > 0.75


def test_the_class_moves_nothing_outside_the_cell():
    means = torch.zeros(2, 3, SIDE, SIDE)
    means[1, :, 8:16] = 1.0  # the classes differ in a strip that reaches from one side of the picture to the other
    mask = torch.from_numpy(np.hypot(Y - 32, X - 32) < 28)[None]
    x, source = torch.zeros(1, 3, SIDE, SIDE), torch.zeros(1, dtype=torch.long)
    shift = class_shift(GaussianNetwork(means), x, mask, source, source + 1)
    assert shift.shape == (1, SIDE, SIDE)
    assert (shift[~mask] == 0).all()
    strip = torch.zeros_like(mask)
    strip[:, 10:14] = True
    assert shift[mask & strip].min() > 0.1 and shift[:, 24:].max() < 1e-3


def bump(row: int, column: int, height: float) -> np.ndarray:
    return height * np.exp(-((Y - row) ** 2 + (X - column) ** 2) / 4)


def test_all_that_the_class_moves_is_of_the_region_and_hardly_moved_pixels_are_not():
    mask, picture = np.hypot(Y - 32, X - 32) < 28, np.zeros((SIDE, SIDE, 3))
    area = parasite_area(bump(24, 24, 0.1) + bump(42, 42, 0.03) + bump(24, 44, 0.01), picture, mask, 1.0)
    assert area[24, 24] == area[42, 42] == 1 and area[24, 44] == 0
    faint = parasite_area(bump(24, 24, 0.03) + bump(42, 42, 0.01), picture, mask, 1.0)
    assert faint[24, 24] == 1 and faint[42, 42] == 0  # a third of the peak, and less than in a healthy cell
    fading = area[(area > 0) & (area < 1)]
    assert fading.min() < 0.1 and fading.max() > 0.4


def test_stain_is_what_stands_out_of_the_cell_s_own_and_hangs_on_the_core():
    mask, generator = np.hypot(Y - 32, X - 32) < 28, np.random.default_rng(0)
    picture = np.full((SIDE, SIDE, 3), 0.3)
    picture[..., 1] += generator.normal(0, 0.06, (SIDE, SIDE))
    streak = (np.abs(Y - 24) < 3) & (X >= 24) & (X < 54)  # five deviations
    picture[streak, 1] -= 0.32
    area = parasite_area(bump(24, 24, 0.1), picture, mask, 1.0)
    assert (area[23:26, 24:33] == 1).all()
    assert (area[23:26, 45:] == 0).all()  # what reaches further is of something else


def test_the_region_of_a_very_small_picture_does_not_flood_it():
    mask = np.hypot(*np.mgrid[-8:8, -8:8]) < 7
    shift = np.zeros((16, 16))
    shift[8, 8] = 0.1
    area = parasite_area(shift, np.zeros((16, 16, 3)), mask, 1.0)
    assert 0 < (area > 0).sum() < 0.5 * mask.sum()


def test_a_place_is_within_the_cell_and_follows_its_generator():
    mask = np.hypot(Y - 32, X - 32) < 25
    first, again, other = (place_area(mask, 1.0, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    inner = np.hypot(Y - 32, X - 32) < 24.5
    assert (first[~inner] == 0).all() and 0.02 < (first > 0).mean() < 0.3
    assert place_area(np.zeros_like(mask), 1.0, np.random.default_rng(0)).max() == 0
    depth = np.asarray(ndimage.distance_transform_edt(mask))
    areas = [place_area(mask, 1.0, np.random.default_rng(seed)) for seed in range(20)]
    assert min(depth[area == 1].min() for area in areas) == 2  # below the rim of a pixel and a half, and no deeper


def test_what_was_added_is_cut_out_of_its_place():
    area = (np.hypot(Y - 32, X - 32) < 20).astype(np.float32)
    change = 0.5 * (np.hypot(Y - 24, X - 24) < 3) + 0.5 * (np.hypot(Y - 40, X - 40) < 1.5)
    kept = changed_area(change, area)
    assert (kept[change > 0] > 0.9).all() and kept.sum() < area.sum() / 3
    pieces = pieces_of(kept)
    assert len(pieces) == 2 and pieces[0].sum() > pieces[1].sum()
    assert np.array_equal(sum(pieces), kept)


def test_the_least_that_is_enough_is_kept_of_what_was_added():
    x = torch.zeros(1, 3, SIDE, SIDE)
    areas = np.zeros((1, SIDE, SIDE), np.float32)
    areas[0, 10:20, 10:20] = areas[0, 40:44, 40:44] = 1
    pixels = torch.full((1, SIDE, SIDE, 3), 128, dtype=torch.uint8)
    pixels[torch.from_numpy(areas) > 0] = 50
    one = torch.tensor([1])

    def cut(target, enough):
        cells = Cells(
            x, torch.ones(1, SIDE, SIDE, dtype=torch.bool), 1 - target, target, [0], torch.zeros(1, SIDE, SIDE)
        )
        return least(Made([0], [], pixels, areas), cells, enough).pixels[0, ..., 0]

    big = cut(1 - one, lambda images, cells: torch.ones(len(images), dtype=torch.bool))
    assert big[15, 15] == 50 and big[42, 42] == 128
    all_of_it = cut(1 - one, lambda images, cells: torch.zeros(len(images), dtype=torch.bool))
    removed = cut(one, lambda images, cells: torch.ones(len(images), dtype=torch.bool))
    for whole in (all_of_it, removed):  # a parasite left beside one that is gone would be no healthy cell
        assert torch.equal(whole, pixels[0, ..., 0])


@pytest.mark.parametrize("stain", [False, True])
def test_colours_are_held_and_dark_is_stain(stain):
    x = from_uint8(torch.from_numpy(toy_cell(False, 0, SIDE))[None])
    mask = cell_mask(x)
    area = torch.zeros(1, 1, SIDE, SIDE)
    area[..., 26:38, 26:38] = 1
    bounds = bounds_of(x, mask, area, torch.tensor([stain]))
    own = x[0, :, 32, 10]
    black = bounds.hold(torch.full_like(x, -0.9))[0, :, 32, 32]
    assert (black.max() + 1) >= 0.85 * (own.max() + 1) - 1e-4  # a bite of the background is no stain
    purple = torch.tensor([120, 30, 130])[:, None, None] / 127.5 - 1
    held = bounds.hold(purple.expand(3, SIDE, SIDE)[None])[0, :, 32, 32]
    assert torch.allclose(held, purple[:, 0, 0]) == stain
    assert bounds.hold(torch.ones_like(x))[0, :, 32, 32].max() < 1


def test_fine_detail_comes_from_the_surroundings_and_no_ghost_stays():
    generator = np.random.default_rng(0)
    mask = np.hypot(Y - 32, X - 32) < 28
    cell = np.full((256, 256, 3), 180.0) + generator.normal(0, 6, (256, 256, 3))
    y, x = np.mgrid[:256, :256]
    cell[(np.abs(x - 100) < 6) & (y % 4 < 2) & (np.abs(y - 100) < 20)] += 50  # a relief too fine for the model
    cell = cell.clip(0, 255).astype(np.uint8)
    renewed = (np.hypot(Y - 25, X - 25) < 8).astype(np.float32)
    shown = with_detail_renewed(cell, renewed, mask).astype(float)
    before, after = (np.abs(np.diff(p[80:120, 96:104].astype(float), axis=0)).mean() for p in (cell, shown))
    grain = np.abs(np.diff(cell[150:200, 150:200].astype(float), axis=0)).mean()
    assert before > 2 * grain and 0.6 * grain < after < 1.3 * grain
    far = np.kron(renewed == 0, np.ones((4, 4))).astype(bool)
    far &= np.hypot(y - 102, x - 102) > 4 * 8 + 8
    assert np.array_equal(shown[far], cell[far])
    assert with_detail_renewed(cell, 0 * renewed, mask) is cell


def test_detail_is_looked_for_nearby_and_within_the_cell():
    mask = np.hypot(Y - 32, X - 32) < 28
    region = np.hypot(Y - 10, X - 32) < 4
    way = np.array(offset(region, mask & ~region))
    there = np.argwhere(region) + way
    assert mask[there[:, 0], there[:, 1]].all() and not region[there[:, 0], there[:, 1]].any()


def test_a_soft_rim_stays_as_bright_as_it_was():
    cell = toy_cell(False, 0, SIDE).astype(float)
    soft = np.stack([ndimage.gaussian_filter(channel, 1.5) for channel in np.moveaxis(cell, 2, 0)], axis=2)
    soft[:, 36:] = soft[:, 35:36]  # what the picture cuts off has a dark edge too, as squashing leaves it
    soft[:, -2:] *= 0.5
    x = from_uint8(torch.from_numpy(soft.astype(np.uint8))[None])
    mask = cell_mask(x)
    area = mask[:, None].float()
    area[..., 20:44, 20:34] = 0
    plain = ((x + 1).amax(1) < 0.75 * (x + 1).amax(1).max()) & mask
    assert plain.sum() > 100 and plain[0, 32, -1]
    for stain in (False, True):
        bounds = bounds_of(x, mask, area, torch.tensor([stain]))
        for tried in (torch.ones_like(x), -torch.ones_like(x)):
            moved = (bounds.hold(tried) - x).amax(1)[plain]
            assert moved.max() < 0.15  # of [-1, 1]; a pixel of the ground made cell moves by more than 1
    purple = x.clone()
    row, column = (plain[0, :, :32] & (x[0, 0, :, :32] > 0)).nonzero()[0].tolist()
    purple[0, 1, row, column] = -0.9  # where a stain may have darkened a pixel, it may become cell
    lifted = bounds_of(purple, mask, area, torch.tensor([False])).hold(torch.ones_like(x))
    assert lifted[0, :, row, column].max() > x[0, :, row, column].max() + 0.15


@pytest.mark.parametrize("radius", [10, 14, 18])
@pytest.mark.parametrize("gap", [0, 6])
def test_no_detail_of_the_silhouette_s_edge_is_moved(radius, gap):
    y, x = np.mgrid[:256, :256]
    steps = np.hypot(y // 6 * 6 - 126, x // 6 * 6 - 126) < 97  # an outline of coarse pixels, as a cell cut out has
    steps &= (x < 190) | (np.abs(y - 126) >= gap / 2)  # and a gap that the mask closes
    cell = np.where(steps[..., None], np.array([200, 150, 160]), 0).astype(np.uint8)
    mask = cell_mask(to_tensor([cell], SIDE))[0].numpy()
    renewed = (np.hypot(Y - 32, X - 28) < radius).astype(np.float32)  # the larger, the less cell is left around it
    made = with_detail_renewed(cell, renewed, mask)
    assert np.abs(made.astype(int) - cell).max() <= 2  # a cell without any detail but its edge
