"""Figures of maps on hand-made ones whose answers are known, and what the study makes of them."""

import numpy as np
import pytest
import torch

from tests.support.toy import toy_cell
from training.studies.heatmaps.localisation import (
    average_precision,
    correlation,
    deletion_and_insertion,
    mean_filled,
    swap_in_order,
)
from training.studies.heatmaps.measure import summarise_maps
from training.studies.pointing import energy_inside, pointing, pointing_by_chance
from training.studies.stain import fit_stain_proxy

SIDE = 8


@pytest.fixture
def inside():
    where = np.zeros((SIDE, SIDE), dtype=bool)
    where[2:4, 2:6] = True  # 8 of 64 pixels
    return where


def test_perfect_even_opposite_and_empty_maps(inside):
    perfect, even, opposite = inside.astype(float), np.ones((SIDE, SIDE)), (~inside).astype(float)
    assert [energy_inside(m, inside) for m in (perfect, even, opposite, 0 * even)] == [1, 8 / 64, 0, 0]
    assert [average_precision(m, inside) for m in (perfect, even, opposite)] == pytest.approx([1, 8 / 64, 8 / 64])
    assert [pointing(m, inside) for m in (perfect, even, opposite)] == [1, 8 / 64, 0]
    assert np.isnan(average_precision(even, np.zeros_like(inside)))


def test_energy_and_precision_of_a_map_that_is_half_right(inside):
    values = np.zeros((SIDE, SIDE))
    values[2, 2:6], values[7, :4] = 3, 1  # half of the marked pixels first, then as many that are not
    assert energy_inside(values, inside) == 0.75
    # Half are found at precision 1, the others only with all pixels.
    assert average_precision(values, inside) == pytest.approx(0.5 * 1 + 0.5 * 8 / 64)
    values[7, 0] = 4
    assert pointing(values, inside) == 0
    # The first is wrong: 4 marked pixels among 5, then the rest with all.
    assert average_precision(values, inside) == pytest.approx(0.5 * 4 / 5 + 0.5 * 8 / 64)


def test_chance_of_pointing_is_the_share_of_the_cell(inside):
    cell = np.zeros((SIDE, SIDE), dtype=bool)
    cell[:4] = True
    assert pointing_by_chance(inside, cell) == 8 / 32
    assert pointing_by_chance(inside, ~cell) == 0


def test_correlation():
    values = np.random.default_rng(0).random((SIDE, SIDE))
    assert correlation(values, 3 * values + 1) == pytest.approx(1)
    assert correlation(values, -values) == pytest.approx(-1)
    assert correlation(values, np.ones_like(values)) == 0


def test_swapping_takes_the_largest_first_and_stays_within_the_cell():
    cell = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    cell[:5, :4] = True  # 20 pixels, two a step
    values = np.arange(SIDE * SIDE, dtype=float).reshape(SIDE, SIDE)
    start, end = torch.zeros(3, SIDE, SIDE), torch.ones(3, SIDE, SIDE)
    pictures = swap_in_order(start, end, values, cell)
    assert pictures[:, 0].sum((1, 2)).tolist() == list(range(0, 21, 2))
    assert pictures[1, 0].nonzero().tolist() == [[4, 2], [4, 3]]
    assert torch.equal(pictures[-1, 0].bool(), cell)


def test_even_maps_favour_no_region():
    cell = torch.ones(SIDE, SIDE, dtype=torch.bool)
    half = swap_in_order(torch.zeros(1, SIDE, SIDE), torch.ones(1, SIDE, SIDE), np.zeros((SIDE, SIDE)), cell)[5, 0]
    assert 8 < half[:4].sum() < 24


def test_deletion_and_insertion_of_a_reader_that_looks_at_the_marked_pixels(inside):
    x = torch.full((3, SIDE, SIDE), 0.5)
    x[:, torch.from_numpy(inside)] = -1.0
    cell = torch.ones(SIDE, SIDE, dtype=torch.bool)
    empty = mean_filled(x, cell)
    assert torch.allclose(empty, x.mean((1, 2))[:, None, None].expand_as(x))

    def share_left(pictures):  # 1 with all marked pixels as they were, 0 with none
        return (pictures[:, 0, inside] == -1).float().mean(1).numpy()

    right, wrong = inside.astype(float), (~inside).astype(float)
    deletion, insertion = deletion_and_insertion(share_left, x, right, cell)
    # 6 of the 64 pixels a step: the 8 marked ones are gone after two, so 1, 1/4, 0, 0 ...
    assert deletion == pytest.approx((0.5 + 0.25) / 10)
    assert insertion == pytest.approx(1 - (0.5 + 0.25) / 10)
    worse_deletion, worse_insertion = deletion_and_insertion(share_left, x, wrong, cell)
    assert worse_deletion > 0.8 and worse_insertion < 0.2


def test_energy_is_compared_on_the_same_cells(monkeypatch):
    monkeypatch.setattr("training.metrics.RESAMPLES", 50)
    rows = {"ours": np.full((4, 7), 0.8), "theirs": np.full((4, 7), 0.4)}
    figures = summarise_maps(rows, ["a", "a", "b", "c"], "ours")
    assert (figures["ours"]["energy"], figures["theirs"]["energy_ratio"]) == (0.8, 2.0)
    assert figures["theirs"]["energy_ratio_interval"] == [2.0, 2.0]
    assert "energy_ratio" not in figures["ours"]


def test_stain_proxy_finds_the_dot_and_neither_rim_nor_shade():
    cells = np.stack([toy_cell(True, seed, 48) for seed in range(6)])
    cells[:, :10] = (cells[:, :10] * 0.6).astype(np.uint8)  # shade: gray in optical density
    proxy = fit_stain_proxy(cells)
    assert np.linalg.norm(proxy.direction) == pytest.approx(1)
    assert proxy.direction.sum() == pytest.approx(0, abs=1e-9)
    assert proxy.direction.argmax() == 1  # green, which purple absorbs
    dots = (cells == (120, 60, 150)).all(3)
    for values, dot in zip(proxy.maps(cells), dots, strict=True):
        assert values.min() == 0
        assert not dot.any() or energy_inside(values, dot) > 0.9
    with pytest.raises(ValueError, match="no cell with any stain"):
        fit_stain_proxy(np.zeros((1, 48, 48, 3), dtype=np.uint8))
