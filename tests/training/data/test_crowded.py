"""A batch of which a share is crowded: chosen by seed and step, with neighbours of the cell's own slide or set."""

import numpy as np
import pytest
import torch

from training.data.cells import Cells
from training.data.composed import crowded as module
from training.data.composed.crowded import Crowded
from training.data.microscopes.grafted import GRAFTS

SLIDES = ["a", "a", "a", "b", "b", f"b{GRAFTS}", "c"]
LABELS = [0, 1, 1, 0, 1, 0, 0]  # of "c" no cell is healthy


@pytest.fixture
def cells():
    images = torch.randint(1, 255, (7, 3, 16, 16), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return Cells(images, torch.tensor(LABELS), SLIDES, [f"{i}.png" for i in range(7)])


def which(cells, pixels):
    """The index of the cell with these pixels (16, 16, 3)."""
    (i,) = [i for i, image in enumerate(cells.images) if np.array_equal(image.permute(1, 2, 0).numpy(), pixels)]
    return i


@pytest.fixture
def met(cells, monkeypatch):
    """Pairs of a cell and its neighbour, as they are met."""
    pairs = []

    def crowd(cell, others, random):
        pairs.append((which(cells, cell), which(cells, others[0])))
        return np.full_like(cell, 7)

    monkeypatch.setattr(module, "crowd", crowd)
    return pairs


def test_neighbours_are_healthy_and_of_the_same_slide_or_set(cells, met):
    made = Crowded(cells, 1.0)(torch.arange(7).repeat(20), 0, 0)
    near = {cell: {other for one, other in met if one == cell} for cell in range(7)}
    assert near == {0: {1, 2}, 1: {1, 2}, 2: {1, 2}, 3: {4}, 4: {4}, 5: {4}, 6: set()}
    assert (made[:6] == 7).all() and torch.equal(made[6], cells.images[6])


def test_a_share_is_crowded_and_the_others_stay(cells, met):
    index = torch.arange(6).repeat(100)
    made = Crowded(cells, 0.3)(index, 0, 0)
    crowded = (made == 7).flatten(1).all(1)
    assert crowded.float().mean() == pytest.approx(0.3, abs=0.06)
    assert torch.equal(made[~crowded], cells.images[index][~crowded])


def test_seed_and_step_decide(cells):
    crowded, index = Crowded(cells, 0.8), torch.arange(7).repeat(4)
    before = cells.images.clone()
    made = crowded(index, 1, 2)
    assert torch.equal(made, crowded(index, 1, 2)) and not torch.equal(made, before[index])
    assert not torch.equal(made, crowded(index, 1, 3)) and not torch.equal(made, crowded(index, 2, 2))
    assert torch.equal(cells.images, before)
