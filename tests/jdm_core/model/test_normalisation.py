"""Normalisation by the data: a cell alone is read as among others, and training settles its statistics."""

import pytest
import torch

from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import CLEAN, NOISY, DataNorm
from tests.support.toy import TINY, TINY_OPTIONS, write_toy_zip
from training.cli import main
from training.run.recipe import load_recipe
from training.run.state import averaged_weights, read_state

pytestmark = pytest.mark.train

NEXT = ["architecture.normalisation=data", "architecture.pooling=max", "stain_jitter=0", "appearance=1.0"]


def test_a_batch_is_normalised_and_each_kind_of_pass_keeps_its_statistics():
    layer, x = DataNorm(3), torch.randn(64, 3, 4, 4) * 2 + 5
    y = layer(x, CLEAN)
    torch.testing.assert_close(y.mean((0, 2, 3)), torch.zeros(3), atol=1e-4, rtol=0)
    torch.testing.assert_close(y.var((0, 2, 3)), torch.ones(3), atol=1e-2, rtol=0)
    assert torch.equal(layer.mean[NOISY], torch.zeros(3)) and (layer.mean[CLEAN] > 0.1).all()
    layer.eval()
    layer.mean[CLEAN], layer.variance[CLEAN] = 5.0, 4.0
    torch.testing.assert_close(layer(x, CLEAN), (x - 5) / 2, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(layer(x, NOISY), x, atol=1e-3, rtol=1e-3)


def test_in_use_no_cell_changes_another():
    recipe = load_recipe("malaria-64", [*TINY, *NEXT])
    torch.manual_seed(0)
    network = JointDiffusionNetwork(recipe.architecture)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    x = torch.rand(5, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        network.classify(network.encode_clean(x))  # moves the statistics
        network.eval()
        together = network.classify(network.encode_clean(x))
        alone = torch.cat([network.classify(network.encode_clean(x[i : i + 1])) for i in range(5)])
    assert together.std() > 0.01
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-4)


def test_the_head_finds_a_small_thing_by_the_maximum():
    recipe = load_recipe("malaria-64", [*TINY, *NEXT])
    network = JointDiffusionNetwork(recipe.architecture).eval()
    level = torch.zeros(1, 2, 8, 8)
    level[0, 1, 3, 5] = 4.0
    assert network.pool(level).tolist() == [[0.0, 4.0]]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data_normalised")
    data = write_toy_zip(folder / "cells.zip")
    options = ["--data", str(data), "--run", str(folder / "run"), "--device", "cpu", *TINY_OPTIONS]
    options += [argument for setting in NEXT for argument in ("--set", setting)]
    assert main(["train", *options]) == 0
    return read_state(folder / "run"), options


def test_a_run_settles_the_statistics_of_its_averaged_weights(run):
    state, _ = run
    averaged = averaged_weights(state)
    name = next(name for name in averaged if name.startswith("encoder.") and name.endswith("norm1.mean"))
    for kind in (NOISY, CLEAN):  # neither those at the start nor those of the last weights
        assert averaged[name][kind].abs().max() > 1e-3
        assert not torch.allclose(averaged[name][kind], state.tensors[f"weights.{name}"][kind], atol=1e-4)
    assert not torch.allclose(averaged[name][NOISY], averaged[name][CLEAN], atol=1e-3)


def test_a_stopped_run_continues_bit_equal(run, tmp_path):
    whole, options = run
    options = [*options[:2], "--run", str(tmp_path / "run"), *options[4:]]
    assert main(["train", *options, "--max-minutes", "0"]) == 0
    assert read_state(tmp_path / "run").step == 1
    assert main(["train", *options, "--resume"]) == 0
    again = read_state(tmp_path / "run")
    assert all(torch.equal(again.tensors[name], value) for name, value in whole.tensors.items())


def test_a_batch_in_parts_is_refused(run, tmp_path, capsys):
    options = [*run[1][:2], "--run", str(tmp_path / "run"), *run[1][4:], "--accumulate", "2"]
    assert main(["train", *options]) != 0
    assert "cannot be computed in parts" in capsys.readouterr().err
