"""Where an edit may change a cell."""

import pytest
import torch

from jdm_core.explain.region import class_shift, region_of


@pytest.fixture
def shift():
    """A strong piece in one corner, a weaker one in another, on 64×64."""
    values = torch.zeros(1, 64, 64)
    values[:, 10:14, 10:20] = 1.0
    values[:, 40:44, 40:44] = 0.4
    return values


def pieces(area):
    return bool(area[0, 0, 11, 12] > 0.99), bool(area[0, 0, 41, 41] > 0.99)


def test_share_decides_what_belongs_to_it(shift):
    assert pieces(region_of(shift, 0.3, single=False)) == (True, True)
    assert pieces(region_of(shift, 0.5, single=False)) == (True, False)


def test_single_keeps_the_piece_of_the_peak_whole(shift):
    shift[:, 12, 19] = 1.1
    area = region_of(shift, 0.3, single=True)
    assert pieces(area) == (True, False)
    assert area[0, 0, 11, 10] > 0.99  # the far end of the same piece
    assert area[0, 0, 40:44, 40:44].max() == 0


def test_pieces_of_a_batch_are_their_own(shift):
    both = torch.cat([shift, shift.flip(2)])
    area = region_of(both, 0.3, single=True)
    torch.testing.assert_close(area[1], area[0].flip(2))


def test_edge_is_soft_and_near(shift):
    area = region_of(shift, 0.5, single=False)[0, 0]
    assert ((area > 0) & (area < 1)).any()
    reach = area.nonzero()
    assert reach.amin(0).min() >= 3
    assert (area[:, 30:] == 0).all()


def test_region_keeps_its_share_of_larger_pictures(shift):
    large = shift.repeat_interleave(2, 1).repeat_interleave(2, 2)
    small_area, large_area = (float(region_of(values, 0.5, single=False).mean()) for values in (shift, large))
    assert large_area == pytest.approx(small_area, rel=0.1)


def test_nothing_moved_leaves_it_empty():
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    mask = torch.ones(2, 1, 64, 64, dtype=torch.bool)
    assert region_of(class_shift(x, x + 1e-5, mask), 0.25, single=False).max() == 0
    mask[:, :, 32:] = False
    moved = class_shift(x, -x, mask)
    assert (moved[:, 32:] == 0).all()
    assert moved[:, :32].min() > 0
