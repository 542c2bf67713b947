"""The study of a recipe's choices: one changed at a time, paired with the recipe as it is, nothing trained twice."""

import json

import numpy as np
import pytest

from tests.toy import TINY_OPTIONS, write_toy_zip
from training.__main__ import main
from training.studies.ablations import error_ratio, log_loss
from training.run.train import Trainer


def test_log_loss_of_known_probabilities():
    p = np.array([[0.5, 0.5], [0.2, 0.8]])
    assert log_loss(p, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)


def test_errors_are_told_as_a_multiple_of_the_first():
    assert error_ratio(np.array([[3.0, 1.0], [3.0, 3.0]]), np.array([0, 1])) == 1.5


def test_changes_stand_beside_the_recipe_as_it_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)
    trained = []
    original = Trainer.__init__

    def watch(self, recipe, *arguments):
        trained.append((recipe.noisy_weight, recipe.seed))
        original(self, recipe, *arguments)

    monkeypatch.setattr(Trainer, "__init__", watch)
    data, out = write_toy_zip(tmp_path / "cells.zip"), tmp_path / "figures.json"
    command = ["ablations", "--data", str(data), "--runs", str(tmp_path / "runs"), "--out", str(out), "--device", "cpu",
               *TINY_OPTIONS, "--set", "images=32", "--change", "noisy_weight=0"]  # fmt: skip
    assert main(command) == 0
    assert trained == [(0.005, 0), (0.005, 1), (0, 0), (0, 1)]
    figures = json.loads(out.read_text())
    base, changed = figures["rows"].values()
    assert list(figures["rows"]) == ["as it is", "noisy_weight=0"]
    for verdict in ("head", "scores"):
        assert "accuracy_gain" not in base[verdict]
        gain = changed[verdict]["accuracy"] - base[verdict]["accuracy"]
        assert changed[verdict]["accuracy_gain"] == pytest.approx(gain, abs=2e-5)
        assert base[verdict]["accuracy"] == pytest.approx(np.mean(base[verdict]["per_seed"]), abs=1e-4)
    assert base["denoising"]["error_ratio"] == 1
    assert 0 < abs(changed["denoising"]["error_ratio"] - 1) < 0.2
    assert "| noisy_weight=0 |" in capsys.readouterr().out

    assert main(command) == 0 and len(trained) == 4  # nothing was trained again
    assert main([*command, "--change", "no_such_key=1"]) == 1
    assert "no_such_key" in capsys.readouterr().err
