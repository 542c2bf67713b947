"""Maps of every method: known answers on a network that looks at one corner, and the whole study on a toy."""

import json
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from jdm_core import Explainer
from jdm_core.images.pixels import from_uint8
from tests.support.toy import toy_cell
from training.data.marks import Box, box_mask, read_marks, write_marks
from training.data.members import DataError, list_members, slide_of
from training.studies.heatmaps.attributions import (
    HeadOdds,
    by_chance,
    edit_difference,
    evidence,
    stain,
    usual_attributions,
)
from training.studies.heatmaps.localisation import correlation
from training.studies.heatmaps.measure import stability
from training.studies.heatmaps.study import Heatmaps
from training.studies.pointing import energy_inside
from training.studies.stain import fit_stain_proxy

LABELS = ("Parasitized", "Uninfected")


class CornerNetwork(nn.Module):
    """An encoder of two levels whose head reads the darkness of the upper left quarter and nothing else."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.ModuleList([nn.AvgPool2d(2), nn.Identity()])

    def encode_clean(self, x):
        first = self.encoder[0](torch.tanh(-x))
        return [first, self.encoder[1](first)]

    def classify(self, z):
        half = z[0].shape[-1] // 2
        odds = z[0][:, :, :half, :half].mean((1, 2, 3))
        return torch.stack([odds, -odds], dim=1)


@dataclass
class Corner:
    """As much of an explainer as the usual attributions need."""

    network: nn.Module = field(default_factory=CornerNetwork)
    size: int = 32
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


def test_usual_attributions_look_where_the_network_looks():
    pytest.importorskip("captum")
    cell = toy_cell(False, 0, 32)
    cell[10:13, 10:13] = cell[20:23, 20:23] = (60, 20, 80)  # as dark, once in the corner and once beyond
    corner = np.zeros((32, 32), dtype=bool)
    corner[:16, :16] = True
    maps = usual_attributions(Corner())([cell, cell], 0)
    assert set(maps) == {"saliency", "integrated gradients", "integrated gradients, smoothed", "occlusion", "Grad-CAM"}
    for name, values in maps.items():
        assert values.shape == (2, 32, 32) and values.min() >= 0, name
        assert np.array_equal(values[0], values[1]), name
        if name != "Grad-CAM":
            assert energy_inside(values[0], corner) > 0.85, name
    dot = np.zeros((32, 32), dtype=bool)
    dot[10:13, 10:13] = True
    assert energy_inside(maps["integrated gradients"][0], dot) > 0.9  # what differs from the mean colour, no more
    # Grad-CAM weighs channels and not places: here all alike, so it is the level's activation wherever that is.
    level = CornerNetwork().encode_clean(from_uint8(torch.from_numpy(cell)[None]))[0].sum(1, keepdim=True).relu()
    expected = F.interpolate(level, size=(32, 32), mode="bilinear")[0, 0].numpy()
    assert correlation(maps["Grad-CAM"][0], expected) > 0.999


def test_missing_captum_is_said_in_one_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "captum.attr", None)
    with pytest.raises(ValueError, match="pip install captum"):
        usual_attributions(Corner())


def test_head_odds_are_those_of_the_prediction(explainer, cells):
    p = explainer.predict(cells[:2]).probabilities
    x = explainer.verdicts.tensor(cells[:2])
    odds = HeadOdds(explainer.network)(x).detach().numpy()[:, 0] / explainer.checkpoint.calibration.temperature
    assert odds == pytest.approx(np.log(p[:, 0] / p[:, 1]), abs=1e-3)


@pytest.mark.slow
def test_evidence_is_the_explainers_own(explainer, cells):
    maps = evidence(explainer, 4)(cells[:2], 0)
    expected = explainer.elbo(cells[:2], draws=4, seed=0).evidence
    assert maps["evidence, 4 draws"] == pytest.approx(np.maximum(expected, 0), abs=1e-4)
    rough = maps["evidence, 4 draws, not smoothed"]
    assert rough.min() >= 0 and rough.sum() > maps["evidence, 4 draws"].sum()


def test_edit_difference_is_zero_where_there_is_nothing_to_remove():
    moved = np.zeros((2, 8, 8, 3), dtype=np.float32)
    moved[1, 2, 3] = (-0.5, 0.5, 0.0)

    def counterfactual(cells, target, seed):
        assert target == "Uninfected"
        return SimpleNamespace(difference=moved)

    fake = SimpleNamespace(labels=LABELS, counterfactual=counterfactual)
    values = edit_difference(fake)([None, None], 0)["edit difference"]
    assert values[0].max() == 0
    assert values[1, 2, 3] == pytest.approx(abs(-0.5 * 0.299 + 0.5 * 0.587)) and np.count_nonzero(values) == 1


def test_stability_of_a_method_that_only_the_seed_moves(monkeypatch):
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)
    cells = [toy_cell(True, seed, 48) for seed in range(3)]
    fixed = np.random.default_rng(0).random((3, 16, 16))

    def seeded(cells, seed):
        return {"seeded": fixed if seed == 0 else 1 - fixed}

    figures = stability([seeded], seeded(cells, 0), cells, ["a", "b", "c"], 0)["seeded"]
    assert figures["blur"] == figures["noise"] == figures["jpeg"] == pytest.approx(1)
    assert figures["seed"] == pytest.approx(-1)


def test_chance_and_stain_follow_cell_and_seed():
    cells = [toy_cell(True, seed, 48) for seed in range(2)]
    first, again, other = (by_chance(32)(cells, seed)["random, centred"] for seed in (0, 0, 1))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert first[:, 0, 0].tolist() == [0, 0] and first.min() == 0 < first.max()  # the background is known
    proxy = fit_stain_proxy(np.stack(cells))
    assert stain(proxy, 32)(cells, 0)["stain proxy"].shape == (2, 32, 32)


@pytest.fixture(scope="module")
def toy(trained, tmp_path_factory):
    """Marks of test cells of a tiny network's data."""
    folder, data = tmp_path_factory.mktemp("marks"), trained / "cells.zip"
    split = json.loads((trained / "run" / "split.json").read_text())
    slides = set(split["test"])
    members = [m for m, label in list_members(data, LABELS) if label == 0 and slide_of(m) in slides]
    marks = {member: (Box(0.2, 0.2, 0.8, 0.8),) for member in members[:3]} | {members[3]: ()}
    write_marks(folder / "marks.csv", marks)
    return folder / "marks.csv"


@pytest.mark.train
def test_study_from_marks_to_table_and_sheet(toy, inputs, monkeypatch, few_resamples):
    pytest.importorskip("captum")
    monkeypatch.setattr(
        Explainer,
        "predict",
        lambda self, images: SimpleNamespace(probabilities=np.tile([[0.9, 0.1]], (len(images), 1))),
    )
    found = Heatmaps(draws=(3,), marks=str(toy)).measure(inputs)
    figures = found.measured
    assert (figures["n"], figures["marked"], figures["no_parasite_visible"]) == (3, 3, 1)
    assert figures["boxes_of_picture"] == pytest.approx(box_mask([Box(0.2, 0.2, 0.8, 0.8)], 16).mean(), abs=1e-4)
    names = {
        "evidence, 3 draws",
        "evidence, 3 draws, not smoothed",
        "edit difference",
        "saliency",
        "integrated gradients",
        "integrated gradients, smoothed",
        "occlusion",
        "Grad-CAM",
        "stain proxy",
        "colour, no model",
        "random, centred",
    }
    assert set(figures["methods"]) == set(figures["all_marked"]) == names
    for values in figures["methods"].values():
        low, high = values["energy_interval"]
        assert 0 <= low <= values["energy"] <= high <= 1
    assert figures["stability"]["saliency"]["seed"] == pytest.approx(1)
    (table,) = found.tables
    assert {row[0] for row in table.rows} == names and found.sample.startswith("n 3 cells")
    assert Image.open(inputs.folder / "heatmaps.png").size == (190 + 96 * 3, 96 * 12)
    assert not found.pictures  # a sheet of patients' cells stays off the page


@pytest.mark.train
def test_marks_of_other_cells_are_refused_by_name(toy, inputs, tmp_path):
    elsewhere = tmp_path / "elsewhere.csv"
    write_marks(elsewhere, {**read_marks(toy), "cell_images/Parasitized/nowhere.png": (Box(0, 0, 1, 1),)})
    reason = "1 marked cells are not in it as Parasitized, the first cell_images/Parasitized/nowhere.png"
    with pytest.raises(DataError, match=reason):
        Heatmaps(marks=str(elsewhere)).measure(inputs)
