"""Joint model and classifiers side by side: the same pixels, paired, on clean and corrupted cells."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from jdm_core import Explainer
from jdm_core.images.pixels import cell_mask, from_uint8
from tests.support.toy import toy_cell, write_toy_zip
from training.data.cells import load_cells, squares
from training.data.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from training.metrics import expected_calibration_error
from training.run.classifier import JUDGE
from training.run.fit_classifier import ClassifierRecipe, train_classifier
from training.run.recipe import recipe_from_dict
from training.studies.compare import ClassifiersAlone, Resolutions, compare, disputed_labels, right_by_any
from training.studies.robustness import Robustness, conditions, groups, robustness
from training.studies.study import PLAIN_CNNS, Inputs
from training.studies.verdicts import (
    Verdict,
    accuracy_gain,
    classifier_verdict,
    gather_verdicts,
    uncalibrated,
    verdict_figures,
)

pytestmark = pytest.mark.train

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def few(few_resamples):
    """All of them with few samples."""


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip", slides=2, per_class=2)


@pytest.fixture(scope="module")
def other(toy, explainer, tmp_path_factory):
    """A classifier, hardly trained, of the checkpoint's labels and split."""
    out = tmp_path_factory.mktemp("weights") / "other.safetensors"
    provenance = explainer.checkpoint.provenance
    recipe = ClassifierRecipe.like(recipe_from_dict(provenance.recipe, "recipe"), "judge", images=8, seed=0)
    cells = load_cells(toy, explainer.labels, explainer.size)
    train_classifier(replace(recipe, batch_size=8), cells, cells, provenance.split_digest, out, CPU)
    return out


def test_removing_the_temperature_undoes_it():
    logits = torch.tensor([[2.0, -1.0], [0.0, 3.0]])
    calibrated = (logits / 1.7).softmax(1).numpy()
    assert uncalibrated(calibrated, 1.7) == pytest.approx(logits.softmax(1).numpy(), abs=1e-6)
    assert np.isfinite(uncalibrated(np.array([[1.0, 0.0]]), 2.0)).all()


def test_figures_are_means_over_conditions():
    labels, slides = np.array([0, 0, 1, 1]), ["a", "a", "b", "b"]
    right = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9]])
    both = np.stack([right, right[::-1]], axis=1)
    figures = verdict_figures(Verdict(lambda x: x, 2.0), both, labels, slides)
    assert (figures["accuracy"], figures["auroc"]) == (0.5, 0.5)
    assert figures["ece"] == pytest.approx((0.1 + 0.9) / 2)
    raw = 0.9**2 / (0.9**2 + 0.1**2)
    assert figures["ece_uncalibrated"] == pytest.approx((1 - raw + raw) / 2, abs=1e-4)
    assert "ece_uncalibrated" not in verdict_figures(Verdict(lambda x: x, None), both, labels, slides)
    assert expected_calibration_error(right, labels) == pytest.approx(0.1)


def test_gain_is_paired():
    generator = np.random.default_rng(0)
    labels, slides = np.zeros(400, dtype=int), [str(i // 20) for i in range(400)]
    hard = np.repeat(generator.random(20) < 0.4, 20)  # the same slides are hard for both
    reference = np.where(hard[:, None], [0.2, 0.8], [0.8, 0.2])[:, None]
    better = reference.copy()
    better[::20, 0] = [0.8, 0.2]  # and one cell of each is easier for the first
    figures = accuracy_gain(better, reference, labels, slides)
    assert figures["accuracy_gain"] == pytest.approx(hard.sum() / 20 / 400)
    low, high = figures["accuracy_gain_interval"]
    assert 0 < low < high < 0.05


def test_only_a_confident_judge_disputes():
    judged = np.array([[0.96, 0.04], [0.94, 0.06], [0.04, 0.96], [0.5, 0.5]])
    assert disputed_labels(judged, np.array([1, 1, 1, 1])).tolist() == [True, False, False, False]


def test_every_verdict_reads_the_same_squares(explainer, other):
    cells = [toy_cell(True, 0, 90), toy_cell(False, 1, 70)]
    x = squares(cells, 64)
    assert x.shape == (2, 64, 64, 3)
    assert np.array_equal(squares(list(x), 64), x)
    verdicts = gather_verdicts(explainer, [JUDGE, other], draws=2, seed=0)
    assert list(verdicts) == ["head", "posterior", JUDGE.stem, "other"]
    assert verdicts["head"].read(x) == pytest.approx(explainer.predict(cells).probabilities, abs=1e-6)
    for verdict in verdicts.values():
        assert verdict.read(x).sum(1) == pytest.approx(1, abs=1e-5)
    assert "posterior" not in gather_verdicts(explainer, [], draws=0, seed=0)
    with pytest.raises(ValueError, match="a second verdict"):
        gather_verdicts(explainer, [JUDGE, JUDGE], draws=0, seed=0)


def test_classifier_of_other_slides_or_labels_is_refused(explainer, other):
    checkpoint = explainer.checkpoint
    elsewhere = replace(checkpoint, provenance=replace(checkpoint.provenance, split_digest="0" * 64))
    with pytest.raises(ValueError, match="another split"):
        classifier_verdict(Explainer(explainer.network, elsewhere, "elsewhere", CPU), other)
    renamed = replace(checkpoint, labels=("a", "b"))
    with pytest.raises(ValueError, match="not \\('a', 'b'\\)"):
        classifier_verdict(Explainer(explainer.network, renamed, "renamed", CPU), other)


def test_conditions_are_clean_first_then_by_corruption():
    cell = toy_cell(True, 0, 48)
    pictures = list(conditions(cell, 0))
    places = groups()
    assert len(pictures) == 1 + 3 * len(CORRUPTIONS)
    assert np.array_equal(pictures[0], cell)
    assert list(places) == ["clean", "corrupted", *CORRUPTIONS]
    assert len(pictures[places["corrupted"]]) == 3 * len(CORRUPTIONS)
    mask = cell_mask(from_uint8(torch.from_numpy(cell)[None]))[0].numpy()
    for name in CORRUPTIONS:
        expected = [corrupt(cell, mask, name, severity, 0) for severity in SEVERITIES]
        assert np.array_equal(pictures[places[name]], expected)


def test_comparison_sets_disputed_labels_apart(toy, explainer, monkeypatch):
    # Labels are 0 0 0 0 1 1 1 1. The head errs on the first two cells, the other on the last; the judge, sure
    # everywhere, disputes the first and the third.
    def reading(*first):
        return Verdict(lambda images: np.where(np.isin(np.arange(8), first)[:, None], [0.97, 0.03], [0.03, 0.97]), 1.0)

    verdicts = {"head": reading(2, 3), "other": reading(0, 1, 2, 3, 7)}
    monkeypatch.setattr("training.studies.compare.gather_verdicts", lambda *arguments, **more: verdicts)
    monkeypatch.setattr("training.studies.compare.classifier_verdict", lambda *arguments: reading(1, 3))
    figures = compare(explainer, [], [JUDGE], JUDGE, toy, None, draws=0, seed=0)
    assert (figures["n"], figures["slides"], figures["disputed"]["n"]) == (8, 2, 2)
    assert figures["right_by_any"] == 1.0
    head, alone = figures["verdicts"]["head"], figures["verdicts"]["other"]
    assert (head["accuracy"], head["disputed_accuracy"], head["undisputed"]["accuracy"]) == (0.75, 0.5, 0.83333)
    assert (alone["accuracy"], alone["disputed_accuracy"], alone["undisputed"]["accuracy"]) == (0.875, 1, 0.83333)
    assert alone["accuracy_gain"] == 0.125
    assert "accuracy_gain" not in head


def test_what_every_verdict_misses_is_counted():
    sure = np.eye(2)
    assert right_by_any(sure[[[0, 0], [0, 1], [1, 1], [1, 0]]], np.array([0, 0, 0, 0])) == 0.75
    assert right_by_any(sure[[[0], [1]]], np.array([0, 0])) == 0.5


def test_checkpoints_stand_side_by_side(toy, explainer, tmp_path, monkeypatch):
    monkeypatch.setattr("training.studies.compare.part_of", lambda *_: (None, "all slides"))
    inputs = Inputs({"cells": toy}, tmp_path, device="cpu")
    found = Resolutions(draws=2).measure(inputs)
    figures = found.measured
    assert list(figures["verdicts"]) == ["head", "posterior", "malaria-64: head", "malaria-64: posterior"]
    assert figures["others"] == {"malaria-64": explainer.sha256}
    small = figures["verdicts"]["malaria-64: head"]
    assert small["temperature"] == explainer.checkpoint.calibration.temperature and "accuracy_gain" in small
    assert [row[0] for row in found.tables[0].rows] == list(figures["verdicts"])
    with pytest.raises(ValueError, match="malaria-128: has other labels or more pixels than malaria-64"):
        Resolutions(large="malaria-64", small="malaria-128").measure(inputs)


def test_plain_cnns_stand_beside_the_head(inputs, tmp_path, monkeypatch, few_resamples):
    provenance, data = inputs.entry()[1].provenance, inputs.data["cells"]
    recipe = ClassifierRecipe.like(recipe_from_dict(provenance.recipe, "recipe"), "encoder", images=8, seed=0)
    cells, judge = load_cells(data, ("Parasitized", "Uninfected"), 16), tmp_path / "judge.safetensors"
    train_classifier(recipe, cells, cells, provenance.split_digest, judge, CPU)
    cnns = tuple(Path(shutil.copy(judge, tmp_path / f"{name}.safetensors")) for name in ("near", "far"))
    for study in ("compare", "robustness"):
        monkeypatch.setattr(f"training.studies.{study}.CHOOSER", judge)
    monkeypatch.setattr("training.studies.study.PLAIN_CNNS", cnns)
    found = ClassifiersAlone().measure(inputs)
    assert [table.title for table in found.tables] == ["Test slides of cells.zip", "Validation slides of cells.zip"]
    for table in found.tables:
        assert [row[0] for row in table.rows] == ["head", "near", "far"]
        assert "of them with a label that judge.safetensors disputes" in table.note
    (table,) = ClassifiersAlone().measure(replace(inputs, rivals=cnns[1:])).tables[:1]
    assert [row[0] for row in table.rows] == ["head", "far"], "those that are asked for"
    (table,) = Robustness(cells=3).measure(inputs).tables
    assert [row[0] for row in table.rows] == ["head", "judge", "near", "far"] and "brightness" in table.columns


def test_the_plain_cnns_that_ship_know_the_split(explainer):
    for path in PLAIN_CNNS:
        assert classifier_verdict(explainer, path).read(np.zeros((2, 64, 64, 3), np.uint8)).shape == (2, 2)


def test_a_corruption_s_mean_is_over_its_severities(toy, explainer, other):
    figures = robustness(explainer, [other], toy, None, 3, 0, 0)
    head = figures["verdicts"]["head"]
    means = [np.mean(head[name]["accuracy_by_severity"]) for name in CORRUPTIONS]
    assert figures["n"] == 3 and list(figures["verdicts"]) == ["head", "other"]
    assert head["corrupted"]["accuracy"] == pytest.approx(np.mean(means), abs=1e-4)
