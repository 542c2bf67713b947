"""The study of what each loss lays open: three trainings from the same weights, probed on the same cells."""

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.toy import TINY
from training.run.classifier import Classifier, build_classifier, encoder_of
from training.run.fit_classifier import train_classifier
from training.run.recipe import load_recipe
from training.run.train import Trainer
from training.studies.features.objectives import CLASSIFICATION, DIFFUSION, JOINT, Objectives
from training.studies.study import Inputs

pytestmark = pytest.mark.train


def test_three_trainings_stand_beside_each_other(toy_cells, tmp_path, monkeypatch, few_resamples):
    monkeypatch.setattr("training.studies.features.objectives.LOGSNR", (-8.0, 8.0))
    trained, started = [], []
    original = Trainer.__init__

    def watch(self, recipe, *arguments):
        trained.append((recipe.seed, recipe.clean_weight > 0, recipe.noisy_weight > 0))
        original(self, recipe, *arguments)

    monkeypatch.setattr(Trainer, "__init__", watch)
    monkeypatch.setattr(
        "training.run.fit_classifier.train_classifier",
        lambda recipe, *more: started.append((recipe.seed, recipe.images)) or train_classifier(recipe, *more),
    )
    inputs = Inputs({"cells": toy_cells}, tmp_path / "runs", device="cpu")
    study = Objectives(changes=(*TINY, "images=32"), cells=30)
    found = study.measure(inputs)
    assert trained == [(0, True, True), (0, False, False), (1, True, True), (1, False, False)]
    assert started == [(0, 32), (1, 32)]

    figures = found.measured
    assert (figures["training_cells"], figures["n"], figures["seeds"]) == (30, 8, [0, 1])
    assert list(figures["series"]) == [JOINT, DIFFUSION, CLASSIFICATION]
    joint = figures["series"][JOINT]
    assert list(joint) == ["level 0", "level 1", "all levels"]
    read = []
    for name, levels in figures["series"].items():
        for level, points in levels.items():
            assert [point["logsnr"] for point in points] == [-8.0, 8.0]
            for point, of_joint in zip(points, joint[level], strict=True):
                assert point["accuracy"] == pytest.approx(np.mean(point["per_seed"]), abs=1e-4)
                if name == JOINT:
                    assert "accuracy_gain" not in point
                else:
                    gain = of_joint["accuracy"] - point["accuracy"]
                    assert point["accuracy_gain"] == pytest.approx(gain, abs=2e-5)
        read.append([point["per_seed"] for points in levels.values() for point in points])
    assert read[0] != read[1] != read[2] != read[0]  # three networks, not one probed thrice
    (table,) = found.tables
    assert table.columns[:5] == ("log-SNR", "joint", "diffusion alone", "gain of joint", "classification alone")
    with Image.open(inputs.folder / found.pictures[0]) as picture:
        assert picture.width > 800

    assert study.measure(inputs).measured == figures
    assert (len(trained), len(started)) == (4, 2)  # nothing was trained again


def test_encoder_of_a_classifier_is_the_network_that_it_reads_with():
    recipe = load_recipe("malaria-64", TINY)
    network = build_classifier("encoder", 2, recipe.architecture)
    whole = torch.nn.Module()
    whole.network = network
    assert encoder_of(Classifier(whole, "encoder", recipe.labels, 1.0, None)) is network.network
    whole.network = build_classifier("judge", 2, None)
    with pytest.raises(ValueError, match="'judge' has no such encoder"):
        encoder_of(Classifier(whole, "judge", recipe.labels, 1.0, None))
