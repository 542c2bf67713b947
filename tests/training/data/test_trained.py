"""Cells of other microscopes that are trained on: which, how often, and from when on."""

from collections import Counter

import pytest
import torch

from tests.support.toy import TINY
from tests.support.toy_microscopes import write_microscopes
from training.data.cells import load_cells
from training.data.members import DataError
from training.data.microscopes.sample import part_of_field
from training.data.microscopes.trained import Abroad, even_weights, read_trained
from training.run.recipe import load_recipe
from training.run.trainer import Schedule, Trainer

SETS = ("mpidb", "chula", "bccd")
ABROAD = ("abroad=['mpidb', 'chula', 'bccd']", "abroad_share=0.5")


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return write_microscopes(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def abroad(sets):
    return read_trained(sets, SETS, 16, seed=0)


def test_only_developers_red_cells_are_trained_on(abroad):
    assert abroad.images.shape[1:] == (3, 16, 16)
    assert set(Counter(zip(abroad.slides, abroad.labels.tolist(), strict=True))) == {
        ("mpidb", 0),
        ("mpidb", 1),
        ("chula", 1),
        ("bccd", 1),
    }
    assert {part_of_field(name.split("/")[1]) for name in abroad.names} == {"developer"}


@pytest.mark.parametrize("name", ["iml", "iml_malaria", "bbbc041", "elsewhere"])
def test_a_set_whose_licence_forbids_it_is_refused(sets, name):
    with pytest.raises(DataError, match=f"{name}: may not be trained on"):
        read_trained(sets, [name], 16, seed=0)


def test_classes_are_met_alike_often_and_in_each_the_sets():
    labels = torch.tensor([0, 1, 1, 1, 1])
    weights = even_weights(labels, ["mpidb", "mpidb", "chula", "chula", "chula"])
    torch.testing.assert_close(weights, torch.tensor([1 / 2, 1 / 4, 1 / 12, 1 / 12, 1 / 12]))


def test_they_take_their_share_of_a_batch_from_their_step_on(toy_cells, abroad):
    recipe = load_recipe("malaria-64", [*TINY, *ABROAD, "abroad_from=0.5", "images=160"])
    cells = load_cells(toy_cells, recipe.labels, 16)
    trainer = Trainer(recipe, cells, torch.device("cpu"), Schedule(), abroad)
    index = torch.arange(8)
    assert torch.equal(trainer._with_abroad(index, 9), index)
    from_ten_on = trainer._with_abroad(index, 10)
    assert torch.equal(from_ten_on[:4], index[:4])
    assert (from_ten_on[4:] >= len(cells)).all()
    assert torch.equal(from_ten_on, trainer._with_abroad(index, 10))  # a resumed run meets the same
    many = torch.cat([trainer._with_abroad(index, step)[4:] for step in range(10, 210)]) - len(cells)
    assert 0.42 < (abroad.labels[many] == 0).float().mean() < 0.58
    assert torch.equal(trainer._batch(from_ten_on, 10).labels[4:], abroad.labels[from_ten_on[4:] - len(cells)])


def test_a_share_of_less_than_a_place_leaves_the_batch_as_it_is(abroad):
    index = torch.arange(8)
    assert torch.equal(Abroad(abroad, 0.05).lend(index, 100, seed=0, step=3), index)
    assert len(Abroad(abroad, 0.125).lend(index, 100, seed=0, step=3)) == 8
    assert Abroad(abroad, 0.5).sets == list(SETS)
