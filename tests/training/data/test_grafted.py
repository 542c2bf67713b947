"""Parasites laid into cells of other microscopes: what is cut out, where it comes to lie, and what it is called."""

from collections import Counter

import numpy as np
import pytest
import torch

from jdm_core.images.colours import density
from training.data.cells import Cells, as_pixels
from training.data.doubted import read_doubted
from training.data.microscopes.grafted import AMOUNT, excess_of, grafted, lay
from training.data.microscopes.trained import Abroad

SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
PINK, GREY, VIOLET = (224, 168, 190), (170, 168, 160), (90, 40, 130)


def drawn(colour, parasite=(), seed=0):
    """A round cell of a colour with some grain on black, uint8 (64, 64, 3), with a parasite at a place (y, x)."""
    grain = np.random.default_rng(seed).normal(0, 2, (SIDE, SIDE, 1))
    cell = np.where((np.hypot(Y, X) < 30)[..., None], np.array(colour) + grain, 0)
    if parasite:
        cell[np.hypot(Y - parasite[0], X - parasite[1]) < 4] = VIOLET
    return cell.clip(0, 255).astype(np.uint8)


def cells_of(pictures, labels, slide):
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2)
    return Cells(images, torch.tensor(labels), [slide] * len(labels), [f"{slide}/{i}.png" for i in range(len(labels))])


def test_a_parasite_is_cut_out_and_nothing_else():
    excess = excess_of(drawn(PINK, (8, -10)))
    assert excess.amount > 2 * AMOUNT
    heavy = excess.density.sum(2) > 0.2
    assert heavy.sum() > 30 and np.hypot(Y - 8, X + 10)[heavy].max() < 7
    assert (excess.density[np.hypot(Y - 8, X + 10) > 9] == 0).all()
    healthy = excess_of(drawn(PINK))
    assert healthy is None or healthy.amount < AMOUNT / 4
    assert excess_of(np.zeros((SIDE, SIDE, 3), np.uint8)) is None


def test_it_absorbs_in_another_cell_as_much_as_in_its_own():
    excess = excess_of(drawn(PINK, (0, 0)))
    host = drawn(GREY, seed=1)
    laid = [lay(host, excess, np.random.default_rng(seed)) for seed in range(20)]
    assert sum(cell is not None for cell in laid) > 15
    for cell in filter(lambda one: one is not None, laid):
        deeper = (density(cell) - density(host)).sum(2)
        own = np.hypot(Y, X) < 30
        assert (cell[~own] == host[~own]).all() and 0.2 < deeper.sum() / excess.density.sum() < 6
        assert (deeper[own] > 0.2).sum() > 15 and (abs(deeper[own]) < 0.05).mean() > 0.5
    again = lay(host, excess, np.random.default_rng(3))
    assert (again == laid[3]).all()


@pytest.fixture(scope="module")
def lent():
    own = [drawn(PINK, (-6, 5), seed) for seed in range(4)] + [drawn(PINK, seed=seed) for seed in range(4)]
    own[4][30:33, 30:33] = (190, 140, 165)  # what healthy cells hold, too
    theirs = [drawn(GREY, seed=9), drawn(GREY, (3, 3), 10)]
    return cells_of(own, [0] * 4 + [1] * 4, "home"), cells_of(theirs, [1, 0], "abroad")


def test_healthy_cells_of_a_set_take_parasites_and_what_is_none(lent, monkeypatch):
    monkeypatch.setattr("training.data.microscopes.grafted.EACH", 60)
    own, theirs = lent
    made = grafted(theirs, own, seed=0)
    assert set(made.slides) == {"abroad+grafts"} and 30 < len(made) <= 60
    counts = Counter(made.labels.tolist())
    assert 1.5 < counts[0] / counts[1] < 4
    host = as_pixels(theirs)[0]
    deeper = density(as_pixels(made)).mean((1, 2, 3)) - density(host).mean()
    assert (deeper[made.labels == 0] > deeper[made.labels == 1].max()).mean() > 0.9
    assert set(made.names) == {"abroad/0.png with a graft"}  # never the infected cell
    assert torch.equal(grafted(theirs, own, seed=0).images, made.images)
    assert Abroad(made, 0.5).sets == ["abroad"] and Abroad(made, 0.5).grafts == len(made)


def test_cells_whose_label_is_in_doubt_or_left_out_give_nothing(lent):
    own, theirs = lent
    doubted = next(iter(read_doubted()))
    nobody = Cells(own.images[:1], own.labels[:1], own.slides[:1], [f"cell_images/{doubted}.png"])
    assert len(grafted(theirs, nobody, seed=0)) == 0
    unlabelled = Cells(own.images, torch.full_like(own.labels, -1), own.slides, own.names)
    assert len(grafted(theirs, unlabelled, seed=0)) == 0
