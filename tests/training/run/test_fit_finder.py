"""The finder's training: one command from cells to weights in a manifest, the same for the same seed."""

import json
import shutil

import numpy as np
import pytest
import torch

from jdm_core.checkpoint.manifest import MANIFEST, read_finders
from jdm_core.field.weights import build_finder
from training.cli import main
from training.run.fit_finder import FinderLoss, composed, fit_finder

pytestmark = pytest.mark.train


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr("training.run.fit_finder.BATCH", 2)


def fit(toy_cells, out, *more):
    settings = [f"--data={toy_cells}", "--fields=4", "--steps=2", "--device=cpu", f"--out={out}", *more]
    return main(["finder", *settings])


def test_weights_are_written_recorded_and_load(toy_cells, tmp_path, capsys):
    (tmp_path / "weights").mkdir()
    shutil.copyfile(MANIFEST, tmp_path / "manifest.json")
    before = json.loads(MANIFEST.read_text())
    assert fit(toy_cells, tmp_path / "weights/own.safetensors") == 0
    assert "loss" in capsys.readouterr().out
    after = json.loads((tmp_path / "manifest.json").read_text())
    assert after["checkpoints"] == before["checkpoints"] and after["classifiers"] == before["classifiers"]
    file = read_finders(tmp_path / "manifest.json")["own"]
    data = (tmp_path / file.path).read_bytes()
    assert len(data) == file.bytes
    build_finder(data)


def test_red_cells_of_other_microscopes_are_taken_along_and_told(toy_cells, sets_abroad, tmp_path):
    (tmp_path / "weights").mkdir()
    shutil.copyfile(MANIFEST, tmp_path / "manifest.json")
    assert fit(toy_cells, tmp_path / "weights/own.safetensors", f"--microscopes={sets_abroad}") == 0
    trained = read_finders(tmp_path / "manifest.json")["own"].trained
    assert trained is not None and (trained["fields"], trained["steps"], trained["seed"]) == (4, 2, 0)
    cells = trained["cells"]
    assert set(cells) == {"nih", "mpidb", "chula", "bccd", "white cells and platelets of bccd"}
    assert cells["mpidb"] > 0 and trained["source"] and trained["commit"]


def test_the_loss_falls():
    cells = np.random.default_rng(0).integers(60, 200, (6, 64, 64, 3)).astype(np.uint8)
    fields = composed(cells, ["a"] * 6, [], 4, 0)
    torch.manual_seed(0)
    network, losses = fit_finder(fields, 8, 0, torch.device("cpu"))
    again, _ = fit_finder(fields, 8, 0, torch.device("cpu"))
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    untrained, _ = fit_finder(fields, 1, 0, torch.device("cpu"))
    with torch.no_grad():
        assert FinderLoss(network.train())(fields)["loss"] < FinderLoss(untrained.train())(fields)["loss"]
    assert set(losses) == {"loss", "centres", "radii", "stain"}
