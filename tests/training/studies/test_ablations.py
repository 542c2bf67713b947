"""The study of a recipe's choices: one changed at a time, paired with the recipe as it is, nothing trained twice."""

from dataclasses import replace

import numpy as np
import pytest

from tests.support.toy import TINY
from training.run.recipe import RecipeError
from training.run.train import Trainer
from training.studies.ablations import Ablations, error_ratio, log_loss
from training.studies.study import Inputs


def test_log_loss_of_known_probabilities():
    p = np.array([[0.5, 0.5], [0.2, 0.8]])
    assert log_loss(p, np.array([0, 1])) == pytest.approx(-(np.log(0.5) + np.log(0.8)) / 2)


def test_errors_are_told_as_a_multiple_of_the_first():
    assert error_ratio(np.array([[3.0, 1.0], [3.0, 3.0]]), np.array([0, 1])) == 1.5


@pytest.mark.slow
def test_changes_stand_beside_the_recipe_as_it_is(toy_cells, tmp_path, monkeypatch, few_resamples):
    trained = []
    original = Trainer.__init__

    def watch(self, recipe, *arguments):
        trained.append((recipe.noisy_weight, recipe.seed))
        original(self, recipe, *arguments)

    monkeypatch.setattr(Trainer, "__init__", watch)
    inputs = Inputs({"cells": toy_cells}, tmp_path / "runs", device="cpu")
    study = Ablations(common=(*TINY, "images=32"), changes=("noisy_weight=0",))
    found = study.measure(inputs)
    assert trained == [(0.005, 0), (0.005, 1), (0, 0), (0, 1)]
    figures = found.measured
    base, changed = figures["rows"].values()
    assert list(figures["rows"]) == ["as it is", "noisy_weight=0"]
    for verdict in ("head", "scores"):
        assert "accuracy_gain" not in base[verdict]
        gain = changed[verdict]["accuracy"] - base[verdict]["accuracy"]
        assert changed[verdict]["accuracy_gain"] == pytest.approx(gain, abs=2e-5)
        assert base[verdict]["accuracy"] == pytest.approx(np.mean(base[verdict]["per_seed"]), abs=1e-4)
    assert base["denoising"]["error_ratio"] == 1
    assert 0 < abs(changed["denoising"]["error_ratio"] - 1) < 0.2
    (table,) = found.tables
    assert [row[0] for row in table.rows] == ["as it is", "noisy_weight=0"]

    assert study.measure(inputs).tables == found.tables and len(trained) == 4  # nothing was trained again
    with pytest.raises(RecipeError, match="no_such_key"):
        replace(study, changes=("no_such_key=1",)).measure(inputs)
