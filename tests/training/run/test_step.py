"""The one optimizer step: rates, momenta, the average and dropped labels are those that the recipe says."""

from dataclasses import replace

import pytest
import torch

from tests.support.toy import TINY
from training.data.cells import load_cells
from training.run.fit_classifier import CrossEntropy, LabelledImages
from training.run.recipe import RecipeError, load_recipe
from training.run.step import NonFiniteLoss, Stepper, join_processes, one_cycle, update_average
from training.run.trainer import Schedule, Trainer

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def cells(toy_cells):
    return load_cells(toy_cells, ("Parasitized", "Uninfected"), 16)


@pytest.fixture
def trainer(cells):
    recipe = load_recipe("malaria-64", [*TINY, "precision=fp32", "ema_decay=0.7", "label_dropout=0.5"])
    return Trainer(recipe, cells, CPU, Schedule())


def test_the_average_moves_by_the_recipe_s_share(trainer):
    before = trainer.average.stem.weight.clone()
    trainer.step(1000, torch.arange(8), stop=False)
    expected = torch.lerp(before, trainer.network.stem.weight, 0.3)
    torch.testing.assert_close(trainer.average.stem.weight, expected)
    assert not torch.equal(before, trainer.network.stem.weight)


def test_the_average_warms_up():
    network, average = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    start = average.weight.item()
    update_average(average, network, 0.999, step=0)
    assert average.weight.item() == pytest.approx(start + 0.9 * (network.weight.item() - start), rel=1e-4)


def test_the_optimizer_is_the_recipe_s(trainer):
    defaults = trainer.optimizer.defaults
    assert (defaults["betas"], defaults["weight_decay"]) == ((0.9, 0.99), trainer.recipe.weight_decay)


def test_half_of_the_labels_are_dropped(trainer):
    decoded = torch.cat([trainer._batch(torch.arange(64), step).decoded_as for step in range(10)])
    assert 0.42 < (decoded == trainer.network.no_class).float().mean() < 0.58


def test_nothing_of_a_rehearsal_is_kept(trainer):
    weights = {name: value.clone() for name, value in trainer.network.state_dict().items()}
    assert trainer.rehearse() > 0
    for network in (trainer.network, trainer.average):
        assert all(torch.equal(value, weights[name]) for name, value in network.state_dict().items())
    assert not trainer.optimizer.state


def stepper(network, **settings):
    accelerator, device = join_processes(CPU)
    optimizer = torch.optim.SGD(network.parameters(), 1.0)
    settings = {"batch_size": 4, "half": False} | settings
    return Stepper(CrossEntropy(network, 0.0), optimizer, lambda step: None, accelerator, device, **settings)


def test_a_long_gradient_is_clipped():
    network = torch.nn.Linear(3, 2)
    before = torch.cat([value.detach().flatten() for value in network.parameters()])
    batch = LabelledImages(100 * torch.ones(4, 3), torch.tensor([0, 0, 1, 0]))
    losses, told = stepper(network, clip=0.5)(0, batch, lambda: "", (2.0, 3.0))
    after = torch.cat([value.detach().flatten() for value in network.parameters()])
    assert float((after - before).norm()) == pytest.approx(0.5, rel=1e-3)
    assert list(losses) == ["loss"] and told == [2.0, 3.0]


def test_a_loss_that_is_no_number_moves_nothing():
    network = torch.nn.Linear(3, 2)
    before = network.weight.clone()
    batch = LabelledImages(torch.full((4, 3), torch.nan), torch.zeros(4, dtype=torch.long))
    with pytest.raises(NonFiniteLoss, match="step 7: the loss is nan, its gradient nan; the batch was a, b"):
        stepper(network)(7, batch, lambda: "a, b")
    assert torch.equal(network.weight, before)


def test_parts_that_do_not_divide_are_refused():
    with pytest.raises(RecipeError, match="batch_size 4 does not divide among 1 processes with 3 parts"):
        stepper(torch.nn.Linear(3, 2), parts=3)


def test_a_batch_in_parts_is_the_whole_one():
    torch.manual_seed(0)
    networks = [torch.nn.Linear(3, 2) for _ in range(2)]
    networks[1].load_state_dict(networks[0].state_dict())
    batch = LabelledImages(torch.randn(4, 3), torch.tensor([0, 1, 1, 0]))
    for network, parts in zip(networks, (1, 2), strict=True):
        stepper(network, parts=parts)(0, batch, lambda: "")
    torch.testing.assert_close(networks[0].weight, networks[1].weight)
    assert replace(batch, labels=batch.labels).shares(2)[1].labels.tolist() == [1, 0]


@pytest.mark.parametrize(("rising", "peak_at"), [(0.3, 5), (0.15, 2)])
def test_one_cycle_rises_to_its_peak_and_ends_near_zero(rising, peak_at):
    layer = torch.nn.Linear(2, 1)
    optimizer, rate = one_cycle(layer, 0.01, 0.05, 20, rising)
    assert type(optimizer) is torch.optim.AdamW and optimizer.param_groups[0]["weight_decay"] == 0.05
    assert optimizer.param_groups[0]["params"] == list(layer.parameters())
    rates = []
    for step in range(20):
        rate(step)
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
    assert rates[0] == pytest.approx(0.01 / 25) and rates[-1] < 1e-4 * 0.01
    assert rates.index(max(rates)) == peak_at and max(rates) == pytest.approx(0.01)
