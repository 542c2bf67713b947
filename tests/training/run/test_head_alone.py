"""A head that learns alone: what it reads stands still, bit by bit, and a stopped run goes on as if it had not been."""

import json
from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from jdm_core.checkpoint.manifest import MANIFEST, read_manifest
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import CLEAN, NOISY
from tests.support.toy import TINY, TINY_OPTIONS, write_toy_zip
from training.cli import main
from training.data.cells import load_cells
from training.publish.export import standing
from training.run.classifier import PlainCNN
from training.run.loss import HeadLoss, JointLoss, draw_batch
from training.run.recipe import RecipeError, load_recipe, split_cells
from training.run.state import averaged_weights, read_state, restore, save_state
from training.run.trainer import Schedule, Trainer, initial_network, widened_head

pytestmark = pytest.mark.train

PATH = ("architecture.normalisation=data", "architecture.pooling=max", "architecture.head_widths=[16, 32]")
ALONE = (*PATH, "head_alone_from=0.5", "validate_every=160")  # which would settle the statistics, too
READS = "head."


def options(settings):
    return [argument for setting in settings for argument in ("--set", setting)]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("head_alone")
    data = write_toy_zip(folder / "cells.zip")
    command = ["train", "--data", str(data), "--device", "cpu", *TINY_OPTIONS, *options(ALONE), "--run"]
    assert main([*command, str(folder / "run")]) == 0
    return folder / "run", command


def parts(weights):
    """The names of what the head is, and of all else."""
    reads = {name for name in weights if name.startswith(READS)}
    return reads, set(weights) - reads


def test_from_its_step_on_the_head_alone_learns(run, tmp_path):
    whole, command = run
    assert main([*command, str(tmp_path / "run"), "--max-images", "96"]) == 0  # two steps after the tenth
    early, late = (averaged_weights(read_state(folder)) for folder in (tmp_path / "run", whole))
    reads, still = parts(late)
    assert all(torch.equal(early[name], late[name]) for name in still)
    for name in ("head.path.convs.0.weight", "head.path.outs.1.mean", "head.0.mean", "head.1.weight"):
        assert not torch.equal(early[name], late[name]), name
    assert {"encoder.0.blocks.0.norm1.mean", "decoder.0.blocks.0.conv1.weight"} <= still and len(reads) > 10
    lines = [json.loads(line) for line in (whole / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["validation_head_accuracy"] >= 0


def test_what_it_reads_has_the_statistics_of_the_weights_that_stand_still(run):
    weights = read_state(run[0]).tensors
    averaged = averaged_weights(read_state(run[0]))
    name = "encoder.0.blocks.0.norm1.mean"
    assert averaged[name].abs().max() > 1e-3
    assert torch.equal(averaged[name], weights[f"weights.{name}"])
    assert torch.equal(averaged["stem.weight"], weights["weights.stem.weight"])


@pytest.mark.parametrize("seen", [48, 80, 120], ids=["before", "as it begins", "after"])
def test_a_stopped_run_continues_bit_equal(run, seen, tmp_path):
    whole, command = run
    assert main([*command, str(tmp_path / "run"), "--max-images", str(seen)]) == 0
    assert read_state(tmp_path / "run").step == seen // 8
    assert main([*command, str(tmp_path / "run"), "--resume"]) == 0
    again = read_state(tmp_path / "run")
    assert all(torch.equal(again.tensors[name], value) for name, value in read_state(whole).tensors.items())


def test_a_shipped_network_gets_another_head_and_is_otherwise_what_it_was(explainer, tmp_path):
    cells = load_cells(write_toy_zip(tmp_path / "cells.zip"), explainer.labels, 64)
    settings = [
        "start_from=malaria-64",
        "architecture.head_widths=[16, 16, 16]",
        *("head_alone_from=0.0", "restarts=[]", "batch_size=8", "images=160", "abroad=[]", "abroad_share=0.0"),
        *("teachers=[]", "teaching_weight=0.0", "warmup_images=8"),
    ]
    recipe = load_recipe("malaria-64", settings)
    trainer = Trainer(recipe, cells, torch.device("cpu"), Schedule())
    losses = [trainer.step(step, torch.arange(8) + 8 * step, stop=False)[0] for step in range(2)]
    assert set(losses[0]) == {"loss", "clean", "noisy"}
    trainer.settle_average()
    shipped = explainer.network.state_dict()
    for network in (trainer.network, trainer.average):
        weights = network.state_dict()
        _, still = parts(weights)
        assert all(torch.equal(weights[name], shipped[name]) for name in still)
    assert trainer.average.state_dict()["head.path.outs.2.mean"][CLEAN].abs().max() > 1e-3
    resumed = Trainer(recipe, cells, torch.device("cpu"), Schedule())
    save_state(tmp_path, recipe, 2, 0.0, "split", trainer.network, trainer.average, trainer.optimizer)
    restore(read_state(tmp_path), resumed.network, resumed.average, resumed.optimizer)
    for one in (trainer, resumed):
        one.step(2, torch.arange(16, 24), stop=False)
    weights = trainer.network.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in resumed.network.state_dict().items())
    begun = initial_network(recipe).state_dict()
    assert not torch.equal(begun["head.path.outs.2.weight"], trainer.average.state_dict()["head.path.outs.2.weight"])


def test_what_is_fitted_to_encoder_and_decoder_stays_where_they_do(tmp_path, explainer):
    zip_file, manifest, folder = write_toy_zip(tmp_path / "cells.zip"), tmp_path / "manifest.json", tmp_path / "run"
    settings = ["start_from=malaria-64", "architecture.head_widths=[16, 16, 16]", "head_alone_from=0.0"]
    recipe = load_recipe("malaria-64", settings)
    network, split = initial_network(recipe), split_cells(load_cells(zip_file, recipe.labels, 64), recipe).digest
    folder.mkdir()
    save_state(folder, recipe, 0, 0.0, split, network, deepcopy(network), torch.optim.AdamW(network.parameters()))
    command = ["export", "--data", str(zip_file), "--run", str(folder), "--device", "cpu"]
    assert main([*command, "--manifest", str(manifest)]) == 0
    ours, theirs = (read_manifest(path)["malaria-64"].calibration for path in (manifest, MANIFEST))
    assert ours == replace(theirs, temperature=ours.temperature) != theirs
    state = read_state(folder)
    assert standing(state) == explainer.checkpoint
    for name in ("stem.weight", "decoder.0.blocks.0.conv1.weight", "encoder.1.blocks.0.norm1.mean"):
        moved = {**state.tensors, f"average.{name}": state.tensors[f"average.{name}"] + 0.1}
        assert standing(replace(state, tensors=moved)) is None, name
    assert standing(replace(state, recipe=load_recipe("malaria-64"))) is None


def test_a_new_path_is_silent_at_first_and_learns():
    torch.manual_seed(0)
    recipe = load_recipe("malaria-64", (*TINY, *PATH))
    small = JointDiffusionNetwork(replace(recipe.architecture, head_widths=())).eval()
    network = JointDiffusionNetwork(recipe.architecture).eval()
    for value in small.parameters():  # the last layers are silent
        torch.nn.init.normal_(value, std=0.1)
    network.load_state_dict(widened_head(small.state_dict(), network.state_dict(), small.architecture))
    x = torch.rand(4, 3, 16, 16) * 2 - 1
    logits = network.classify(network.encode_clean(x))
    assert logits.std() > 1e-3
    torch.testing.assert_close(logits, small.classify(small.encode_clean(x)))
    logits[:, 0].sum().backward()
    assert network.head[1].weight.grad[:, -48:].abs().max() > 0, "what reads the path moves"
    assert network.head.path.convs[0].weight.abs().max() > 0, "and then the path does"


def test_crowds_are_met_only_while_the_head_learns_alone(tmp_path):
    cells = load_cells(write_toy_zip(tmp_path / "cells.zip"), ("Parasitized", "Uninfected"), 16)
    seen = {}
    for share in (0.0, 1.0):
        recipe = load_recipe("malaria-64", (*TINY, *PATH, "head_alone_from=0.05", f"crowd_share={share}"))
        trainer = Trainer(recipe, cells, torch.device("cpu"), Schedule())
        losses = [trainer.step(step, torch.arange(8), stop=False)[0] for step in range(2)]
        seen[share] = [step["clean"] for step in losses]
    assert seen[0.0][0] == seen[1.0][0] and seen[0.0][1] != seen[1.0][1]


def test_a_rehearsal_leaves_what_learns_before_that_step_learning(tmp_path):
    recipe = load_recipe("malaria-64", (*TINY, *PATH, "head_alone_from=0.05"))
    assert recipe.head_alone_step == 1
    cells = load_cells(write_toy_zip(tmp_path / "cells.zip"), recipe.labels, recipe.architecture.image_size)
    trainer = Trainer(recipe, cells, torch.device("cpu"), Schedule())
    trainer.rehearse()
    losses, _, _ = trainer.step(0, torch.arange(recipe.batch_size), stop=False)
    assert "diffusion" in losses and trainer.network.stem.weight.requires_grad


def test_its_loss_is_what_the_joint_loss_has_of_the_head():
    torch.manual_seed(0)
    recipe = load_recipe("malaria-64", (*TINY, *PATH))
    network, teachers = JointDiffusionNetwork(recipe.architecture), [PlainCNN(2).eval()]
    for value in network.parameters():  # the last layers are silent, and noisy images would be read as clean ones
        torch.nn.init.normal_(value, std=0.1)
    network.eval()
    images, labels = torch.rand(8, 3, 16, 16) * 2 - 1, torch.tensor([0, 1] * 4)
    batch = draw_batch(images, labels, 2, 0.0, torch.Generator().manual_seed(0), teaching_weight=0.5)
    joint, alone = JointLoss(network, recipe, teachers)(batch), HeadLoss(network, recipe, teachers)(batch)
    for name in ("clean", "noisy", "teaching"):
        assert torch.equal(joint[name], alone[name]), name
    assert joint["clean"] != joint["noisy"]
    expected = recipe.clean_weight * alone["clean"] + recipe.noisy_weight * alone["noisy"] + 0.5 * alone["teaching"]
    torch.testing.assert_close(alone["loss"], expected)
    torch.testing.assert_close(joint["loss"], expected + joint["diffusion"])
    alone["loss"].backward()
    moved = {name for name, value in network.named_parameters() if value.grad is not None}
    assert moved == {name for name, _ in network.named_parameters() if name.startswith(READS)}


def test_the_path_sees_how_what_it_reads_lies():
    torch.manual_seed(0)
    recipe = load_recipe("malaria-64", (*TINY, *PATH))
    network = JointDiffusionNetwork(recipe.architecture).eval()
    assert network.head.path is not None
    near, far = torch.zeros(2, 1, 16, 8, 8)
    near[0, 0, 3, 3] = near[0, 1, 3, 4] = far[0, 0, 3, 3] = far[0, 1, 6, 7] = 4.0
    lower = torch.zeros(1, 32, 4, 4)
    assert torch.equal(network.pool(near), network.pool(far))
    maps = [network.head.path([level, lower], NOISY) for level in (near, far)]
    assert [tuple(map_.shape) for map_ in maps[0]] == [(1, 16, 8, 8), (1, 32, 4, 4)]
    for of_near, of_far in zip(*maps, strict=True):  # the lower one hears of it from above
        assert (network.pool(of_near) - network.pool(of_far)).abs().max() > 1e-3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("head_alone_from=1.5",), r"head_alone_from must be in \[0, 1\]"),
        (("head_alone_from=0.0",), "start_from says as what"),
        (("head_alone_from=0.5", "crowd_share=1.5"), r"crowd_share must be in \[0, 1\]"),
        (("grain=1.5",), r"grain must be in \[0, 1\]"),
        (("crowd_share=0.5",), "0 where the head never learns alone"),
        (("architecture.head_widths=[16]",), "1 head widths but 2 widths"),
        (("architecture.head_widths=[16, 24]",), "must be multiples of 16"),
    ],
)
def test_a_recipe_whose_head_makes_no_sense_is_refused(settings, said):
    with pytest.raises(RecipeError, match=said):
        load_recipe("malaria-64", (*TINY, *settings))
