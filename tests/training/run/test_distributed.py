"""Training in several processes, and in parts: the same run as one process computes with the whole batch."""

import os
import subprocess

import pytest
import torch

from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import TINY, TINY_OPTIONS, write_toy_zip
from tests.support.warm_python import warm_python
from training.cli import main
from training.run.loss import UNLABELLED, JointLoss, draw_batch
from training.run.recipe import load_recipe
from training.run.state import read_state

pytestmark = pytest.mark.train

STEPS = 6


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip")


def command(toy, run, *more):
    # fp32, since bf16 rounds each process's share of a gradient before it is added up.
    return [
        "train",
        "--data",
        str(toy),
        "--run",
        str(run),
        "--device",
        "cpu",
        *TINY_OPTIONS,
        "--set",
        f"images={8 * STEPS}",
        "--set",
        "precision=fp32",
        "--set",
        "label_share=0.5",
        *more,
    ]


DATA_NORMALISED = ("--set", "architecture.normalisation=data", "--set", "architecture.pooling=max")


HEAD_ALONE = (*DATA_NORMALISED, "--set", "architecture.head_widths=[16, 16]", "--set", "head_alone_from=0.5")


@pytest.fixture(scope="module", params=[(), DATA_NORMALISED, HEAD_ALONE], ids=["group", "data", "head alone"])
def more(request):
    return request.param


@pytest.fixture(scope="module")
def alone(toy, more, tmp_path_factory):
    run = tmp_path_factory.mktemp("alone") / "run"
    assert main(command(toy, run, *more)) == 0
    return read_state(run)


def differences(first, second):
    """The absolute differences of all weights, in order."""
    names = [name for name in first.tensors if name.startswith("weights.")]
    return torch.cat([(first.tensors[name] - second.tensors[name]).abs().flatten() for name in names]).sort().values


PROGRAM = """
import hashlib, sys
from training.run import train as loop
from training.cli import main
seen = []
original = loop.Trainer.step
def step(self, *arguments):
    done = original(self, *arguments)
    seen.append(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in self.network.parameters())).hexdigest())
    return done
loop.Trainer.step = step
status = main(sys.argv[1:])
print("parameters", *seen)
sys.exit(status)
"""


def test_two_processes_train_as_one(toy, more, alone, tmp_path):
    program, run = tmp_path / "program.py", tmp_path / "run"
    program.write_text(PROGRAM)
    done = subprocess.run(
        [
            warm_python(),
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            "--",
            str(program),
            *command(toy, run, *more),
        ],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "PYTHON_EXEC": warm_python()},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    digests = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("parameters")]
    assert len(digests) == 2
    assert len(digests[0]) == STEPS
    assert digests[0] == digests[1]
    assert done.stdout.count("finished") == 1
    together = read_state(run)
    assert together.step == alone.step == STEPS
    apart = differences(together, alone)
    # A normalisation by the batch takes out what the biases before it add: rounding is their gradient, which Adam
    # magnifies, in a few weights more with every step.
    assert apart[int(0.9 * len(apart))] < 1e-5 if more else apart[-1] < 1e-6
    assert sum(1 for _ in (run / "samples").iterdir()) == 1


def test_a_batch_in_parts_trains_as_a_whole_one(toy, more, alone, tmp_path):
    if more:
        pytest.skip("a batch in parts has no statistics of its own")
    run = tmp_path / "run"
    assert main(command(toy, run, "--accumulate", "4")) == 0
    assert differences(read_state(run), alone)[-1] < 1e-6


def test_a_batch_that_does_not_divide_is_refused(toy, tmp_path, capsys):
    assert main(command(toy, tmp_path / "run", "--accumulate", "3")) == 1
    assert "does not divide among 1 processes with 3 parts" in capsys.readouterr().err


def test_unlabelled_images_enter_the_diffusion_loss_alone():
    recipe = load_recipe("malaria-64", [*TINY, "margin_weight=0.01"])
    torch.manual_seed(0)
    network = JointDiffusionNetwork(recipe.architecture)
    loss, images = JointLoss(network, recipe), torch.rand(8, 3, 16, 16) * 2 - 1
    labels = torch.tensor([0, 1, UNLABELLED, UNLABELLED, 0, 1, UNLABELLED, UNLABELLED])

    def of(labels):
        return draw_batch(images, labels, 2, 0.0, torch.Generator().manual_seed(0))

    batch = of(labels)
    assert batch.decoded_as.tolist() == [0, 1, 2, 2, 0, 1, 2, 2]
    assert batch.labelled == 4
    losses = loss(batch)
    clean = network.classify(network.encode(images, torch.full((8,), 12.0)))[labels != UNLABELLED]
    expected = torch.nn.functional.cross_entropy(
        clean, labels[labels != UNLABELLED], label_smoothing=recipe.label_smoothing
    )
    assert torch.allclose(losses["clean"], expected, atol=1e-6)
    nobody_says = loss(of(torch.full((8,), UNLABELLED)))
    assert nobody_says["clean"] == 0
    assert nobody_says["loss"] == nobody_says["diffusion"] > 0
    shares = [loss(share) for share in batch.shares(4)]
    for name, value in losses.items():
        assert torch.allclose(torch.stack([share[name] for share in shares]).mean(), value, atol=1e-6), name
