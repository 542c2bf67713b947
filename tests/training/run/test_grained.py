"""What of a training step meets grain: the head's clean reading and its statistics, and nothing else."""

from dataclasses import replace

import pytest
import torch

from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import CLEAN, NOISY
from tests.support.toy import TINY, write_toy_zip
from training.data.cells import load_cells
from training.run.classifier import PlainCNN
from training.run.loss import HeadLoss, JointLoss
from training.run.recipe import load_recipe
from training.run.trainer import Schedule, Trainer

pytestmark = pytest.mark.train

PATH = ("architecture.normalisation=data", "architecture.pooling=max", "architecture.head_widths=[16, 32]")


def test_the_head_reads_the_grain_and_teachers_and_noisy_passes_do_not(tmp_path):
    cells = load_cells(write_toy_zip(tmp_path / "cells.zip"), ("Parasitized", "Uninfected"), 16)
    seen = {}
    for share in (0.0, 1.0):
        recipe = load_recipe("malaria-64", (*TINY, *PATH, f"grain={share}"))
        trainer = Trainer(recipe, cells, torch.device("cpu"), Schedule())
        seen[share] = trainer._batch(torch.arange(8), 0)
    plain, grained = seen[0.0], seen[1.0]
    assert plain.read is plain.images and torch.equal(grained.images, plain.images)
    assert (grained.read != grained.images).flatten(1).any(1).all()
    halves = grained.shares(2)
    assert torch.equal(torch.cat([half.read for half in halves]), grained.read)
    torch.manual_seed(0)
    network, shown = JointDiffusionNetwork(recipe.architecture).eval(), []
    for value in network.parameters():  # the last layers are silent at first
        torch.nn.init.normal_(value, std=0.1)
    teacher = PlainCNN(2).eval()
    teacher.register_forward_hook(lambda _, seen, __: shown.append(seen[0]))
    taught, clean = replace(grained, teaching_weight=1.0), replace(grained, read=grained.images)
    for loss in (JointLoss(network, recipe, [teacher]), HeadLoss(network, recipe, [teacher])):
        ours, theirs = loss(taught), loss(clean)
        assert ours["noisy"] == theirs["noisy"] and ours["clean"] != theirs["clean"]
        assert shown.pop() is grained.images and not shown


def test_statistics_are_of_what_the_head_reads(tmp_path):
    cells = load_cells(write_toy_zip(tmp_path / "cells.zip"), ("Parasitized", "Uninfected"), 16)
    means = []
    for share in (0.0, 1.0):
        trainer = Trainer(
            load_recipe("malaria-64", (*TINY, *PATH, f"grain={share}")), cells, torch.device("cpu"), Schedule()
        )
        trainer.settle_average()
        means.append(trainer.average.state_dict()["encoder.0.blocks.0.norm1.mean"])
    plain, grained = means
    assert not torch.equal(plain[CLEAN], grained[CLEAN])
    assert plain[NOISY].abs().max() > 0
