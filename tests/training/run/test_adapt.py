"""Adapting to images without labels: what moves and what stands still, and the checkpoint that comes of it."""

import json
import os
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from jdm_core import CheckpointError, Explainer
from jdm_core.checkpoint.manifest import locate
from tests.support.toy import toy_cell
from tests.support.warm_python import warm_python
from training.cli import main
from training.metrics import balanced_accuracy
from training.publish.export import record_metrics
from training.run.adapt import DiffusionLoss
from training.run.state import read_state

pytestmark = pytest.mark.train

NUMBER = ["--number", "64", "--device", "cpu"]


def tinted(cell):
    """The cell as another stain shows it."""
    return (cell * np.array([0.6, 0.8, 1.0])).astype(np.uint8)


@pytest.fixture(scope="module")
def toy(trained, tmp_path_factory):
    """A zip of cells, and the manifest of a tiny network trained on them, with figures."""
    folder = tmp_path_factory.mktemp("toy") / "trained"
    shutil.copytree(trained, folder)
    record_metrics(folder / "manifest.json", "toy", {"n": 16})
    return folder / "cells.zip", folder / "manifest.json"


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    """Cells of another stain as `cut` lays them out: five fields to adapt to, and five to test on."""
    folder = tmp_path_factory.mktemp("cut")
    for part, first in (("adapt", 0), ("test", 5)):
        for field in range(first, first + 5):
            for label, kind in (("Parasitized", "ring"), ("Uninfected", "red-blood-cell")):
                path = folder / part / label / f"F{field}thin_{field:03d}_{kind}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(tinted(toy_cell(label == "Parasitized", seed=field))).save(path)
    return folder


def command(toy, images, run, *more):
    return [
        "adapt",
        "--checkpoint",
        "toy",
        "--manifest",
        str(toy[1]),
        "--images",
        str(images),
        "--run",
        str(run),
        *NUMBER,
        *more,
    ]


@pytest.fixture(scope="module")
def adapted(toy, cut, tmp_path_factory):
    run = tmp_path_factory.mktemp("adapted") / "run"
    assert main(command(toy, cut / "adapt", run)) == 0
    return run


def test_head_stands_still_and_the_rest_moves(toy, adapted):
    before = load_file(toy[1].parent / "weights/toy.safetensors")
    after = load_file(adapted / "weights/toy.safetensors")
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    statistics = {"head.0.mean", "head.0.variance"}  # of what it reads, where it is normalised by the data's
    assert {name for name in moved if name.startswith("head.")} <= statistics
    assert any(name.startswith("encoder.") for name in moved)
    assert any(name.startswith("decoder.") for name in moved)
    assert all(value.dtype == torch.float16 for value in after.values())
    classes = "decoder_embedding.classes.weight"  # no image has a class here, so that of "no class" alone has gradients
    difference = (before[classes].float() - after[classes].float()).abs().amax(1)
    assert difference[2] > 2 * difference[:2].max()


def test_entry_is_the_source_with_other_weights(toy, adapted):
    before = json.loads(toy[1].read_text())["checkpoints"]["toy"]
    entries = json.loads((adapted / "manifest.json").read_text())["checkpoints"]
    assert list(entries) == ["toy"]
    after = entries["toy"]
    assert {key for key in before if before[key] != after[key]} <= {"files", "metrics", "provenance", "calibration"}
    assert after["calibration"] == before["calibration"] | {"familiarity": None, "colours": None}  # of other weights
    assert after["metrics"] == {}
    assert after["provenance"]["recipe"] == before["provenance"]["recipe"]
    assert after["provenance"]["images"] == before["provenance"]["images"] + 60  # six batches of all ten
    assert after["provenance"]["seconds"] > before["provenance"]["seconds"]
    source = after["provenance"]["source"]
    assert source.startswith(before["provenance"]["source"])
    assert "10 images of 'adapt' without labels" in source
    assert before["files"][0]["sha256"][:12] in source


def test_run_folder_is_a_checkpoint(toy, cut, adapted, tmp_path):
    by_folder = Explainer.load(str(adapted), device="cpu")
    by_name = Explainer.load("toy", device="cpu", manifest=adapted / "manifest.json")
    files = sorted((cut / "test").rglob("*.png"))
    assert by_folder.name == "toy"
    assert np.array_equal(by_folder.predict(files).probabilities, by_name.predict(files).probabilities)
    before = Explainer.load("toy", device="cpu", manifest=toy[1])
    assert by_folder.sha256 != before.sha256
    assert locate("toy", toy[1]) == ("toy", toy[1])
    with pytest.raises(CheckpointError, match="no checkpoint"):
        Explainer.load("runs/none", device="cpu")
    several = json.loads((adapted / "manifest.json").read_text())
    several["checkpoints"]["other"] = several["checkpoints"]["toy"]
    (tmp_path / "manifest.json").write_text(json.dumps(several))
    with pytest.raises(CheckpointError, match=r"manifest\.json: 2 checkpoints, where a folder stands for one"):
        locate(str(tmp_path))


def test_same_seed_gives_the_same_weights_and_another_does_not(toy, cut, adapted, tmp_path):
    assert main(command(toy, cut / "adapt", tmp_path / "same")) == 0
    assert main(command(toy, cut / "adapt", tmp_path / "other", "--seed", "1")) == 0
    first, same, other = (
        (run / "weights/toy.safetensors").read_bytes() for run in (adapted, tmp_path / "same", tmp_path / "other")
    )
    assert first == same != other


def test_unreadable_images_are_named_and_the_rest_is_used(toy, cut, tmp_path, capsys):
    images = tmp_path / "images"
    images.mkdir()
    assert main(command(toy, images, tmp_path / "run")) == 1
    assert f"error: {images}: no images" in capsys.readouterr().err
    for name in ("broken.png", "empty.jpg"):
        (images / name).write_bytes(b"" if name == "empty.jpg" else b"no image")
    assert main(command(toy, images, tmp_path / "run")) == 1
    assert "no images that can be read, of 2" in capsys.readouterr().err
    for i in range(9):
        Image.fromarray(toy_cell(True, seed=i)).save(images / f"{i}.png")
    assert main(command(toy, images, tmp_path / "run")) == 0
    said = capsys.readouterr()
    assert "broken.png: unreadable" in said.err
    assert "2 of 11 images cannot be read; the rest is used" in said.err
    assert "63 images seen of 9" in said.out
    assert main(command(toy, images, tmp_path / "run")) == 1
    assert "holds a checkpoint already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("images", "number", "reason"), [("none", "64", "no such folder"), ("adapt", "4", "one batch")]
)
def test_wrong_arguments_are_refused_and_write_nothing(toy, cut, tmp_path, capsys, images, number, reason):
    assert main([*command(toy, cut / images, tmp_path / "run"), "--number", number]) == 1
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_there_is_is_kept_when_time_is_over(toy, cut, tmp_path, capsys):
    assert main(command(toy, cut / "adapt", tmp_path / "run", "--max-minutes", "0")) == 0
    assert "10 images seen of 10" in capsys.readouterr().out
    Explainer.load(str(tmp_path / "run"), device="cpu")


def test_interrupt_saves_what_there_is(toy, cut, tmp_path):
    run = tmp_path / "run"
    arguments = [warm_python(), "-m", "training", *command(toy, cut / "adapt", run, "--number", "8000000")]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (run / "metrics.jsonl").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert f"--checkpoint {run}" in out
    Explainer.load(str(run), device="cpu")


def loaded(run):
    return {name: value.numpy().tobytes() for name, value in read_state(run).tensors.items()}


def test_a_stopped_run_goes_on_bit_equal(toy, cut, adapted, tmp_path, capsys):
    run = tmp_path / "run"
    assert main(command(toy, cut / "adapt", run, "--max-minutes", "0")) == 0
    assert read_state(run).step == 1
    assert main(command(toy, cut / "test", run, "--resume")) == 1
    assert "its state is of other images, numbers or weights" in capsys.readouterr().err
    assert main(command(toy, cut / "adapt", run, "--resume")) == 0
    assert (run / "weights/toy.safetensors").read_bytes() == (adapted / "weights/toy.safetensors").read_bytes()
    assert loaded(run) == loaded(adapted)
    entries = [json.loads((folder / "manifest.json").read_text())["checkpoints"]["toy"] for folder in (run, adapted)]
    assert entries[0]["provenance"]["images"] == entries[1]["provenance"]["images"]


def test_two_processes_adapt_as_one(toy, cut, tmp_path):
    data, manifest = toy
    folder = shutil.copytree(manifest.parent, tmp_path / "source")
    exact = json.loads(manifest.read_text())  # bf16 would round each process's share of a gradient
    exact["checkpoints"]["toy"]["provenance"]["recipe"]["precision"] = "fp32"
    (folder / "manifest.json").write_text(json.dumps(exact))
    alone, together = tmp_path / "alone", tmp_path / "together"
    assert main(command((data, folder / "manifest.json"), cut / "adapt", alone)) == 0
    program = tmp_path / "program.py"
    program.write_text("import sys; from training.cli import main; sys.exit(main())")
    launch = [warm_python(), "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "--"]
    done = subprocess.run(
        [*launch, str(program), *command((data, folder / "manifest.json"), cut / "adapt", together)],
        capture_output=True,
        text=True,
        timeout=240,
        env=os.environ | {"PYTHONPATH": os.getcwd(), "PYTHON_EXEC": warm_python()},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("images seen of 10") == 1
    first, second = read_state(alone), read_state(together)
    assert first.step == second.step == 6
    assert max(float((first.tensors[n] - second.tensors[n]).abs().max()) for n in first.tensors) < 1e-5
    Explainer.load(str(together), device="cpu")


def test_loss_without_a_number_writes_nothing(toy, cut, tmp_path, monkeypatch, capsys):
    original = DiffusionLoss.forward
    monkeypatch.setattr(DiffusionLoss, "forward", lambda *arguments: {"loss": original(*arguments)["loss"] * torch.nan})
    assert main(command(toy, cut / "adapt", tmp_path / "run")) == 1
    assert "step 0: the loss is nan" in capsys.readouterr().err
    assert not (tmp_path / "run/manifest.json").exists()


def test_balanced_accuracy_weighs_classes_alike():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.1, 0.9], [0.6, 0.4]])
    assert balanced_accuracy(p, np.array([0, 1, 1, 1, 1])) == (1 + 3 / 4) / 2
    assert np.isnan(balanced_accuracy(p, np.ones(5, dtype=int)))
