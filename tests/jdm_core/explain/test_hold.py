"""Bounds of what is made anew, on cells drawn by hand."""

import torch

from jdm_core.explain.hold import bounds_of

SIDE = 64


def a_cell() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """A flat cell with a bright seam of three pixels on black (1, 3, S, S), its mask, and a disc in its middle."""
    rows, columns = torch.meshgrid(torch.arange(SIDE) - 31.5, torch.arange(SIDE) - 31.5, indexing="ij")
    radius = (rows**2 + columns**2).sqrt()
    x = torch.full((1, 3, SIDE, SIDE), -1.0)
    x[0, :, radius < 28] = torch.tensor([0.9, 0.8, 0.85])[:, None]
    x[0, :, radius < 25] = torch.tensor([0.6, 0.2, 0.3])[:, None]
    return x, (radius < 28)[None], (radius < 10).float()[None, None]


def test_what_is_removed_leaves_no_patch_paler_than_the_rest_of_the_cell():
    x, mask, area = a_cell()
    pale = torch.ones_like(x)
    removed, added = (bounds_of(x, mask, area, torch.tensor([stain])).hold(pale) for stain in (False, True))
    middle = (0, slice(None), SIDE // 2, SIDE // 2)
    assert (removed[middle] - x[middle]).max() < 0.03
    assert (added[middle] - x[middle]).min() > 0.2  # what is added may be as bright as the cell is anywhere
    seam = (0, slice(None), SIDE // 2, 5)
    assert torch.equal(removed[seam], added[seam])


def test_what_is_removed_leaves_no_patch_darker_than_the_rest_of_the_cell():
    x, mask, area = a_cell()
    x[0, :, 20:22, 10:54] = torch.tensor([0.5, 0.1, 0.2])[:, None, None]  # more than a hundredth of the cell
    dark = torch.full_like(x, -1.0)
    held = bounds_of(x, mask, area, torch.tensor([False])).hold(dark)
    middle = (0, slice(None), SIDE // 2, SIDE // 2)
    assert (x[middle] - held[middle]).max() < 0.13
    assert (x[middle] - held[middle]).min() > 0.07  # as dark as the cell is elsewhere it may be


def test_black_beside_the_cell_stays_black_whatever_its_hue():
    x, mask, _ = a_cell()
    notch = (0, slice(None), slice(30, 34), slice(4, 6))  # of the mask, which closes gaps
    x[notch] = torch.tensor([-0.93, -0.97, -0.95])[:, None, None]  # a little violet, as compression leaves black
    held = bounds_of(x, mask, mask[:, None].float(), torch.tensor([False])).hold(torch.ones_like(x))
    assert held[notch].max() < -0.8


def test_a_cell_that_is_all_made_anew_keeps_its_own_colours():
    x, mask, _ = a_cell()
    held = bounds_of(x, mask, mask[:, None].float(), torch.tensor([False])).hold(torch.ones_like(x))
    assert (held - x)[0, :, SIDE // 2, SIDE // 2].max() < 0.03


def test_a_speck_has_bounds_too():
    x, mask, area = torch.full((1, 3, SIDE, SIDE), -1.0), torch.zeros(1, SIDE, SIDE, dtype=torch.bool), a_cell()[2]
    x[0, :, 30:33, 30:33] = mask[0, 30:33, 30:33] = 1
    assert bounds_of(x, mask, area, torch.tensor([False])).hold(x).isfinite().all()
