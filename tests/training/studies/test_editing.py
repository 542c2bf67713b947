"""Ways of editing side by side: what each keeps, what the figures count, and the command."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from jdm_core import Explainer
from jdm_core.explain.edit import DEFAULT_EDIT, Strength, decode_edit, invert, uninverted
from jdm_core.images.pixels import from_uint8
from jdm_core.model.diffusion import add_noise, alpha_sigma
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import toy_cell, write_toy_zip
from training.data.cells import squares
from training.data.members import DataError
from training.metrics import frechet_distance, write_json
from training.run.classifier import judge_features, judge_probabilities, load_judge
from training.studies.editing.figures import Readings, changes, flips
from training.studies.editing.measure import SEARCH, draw_study_cells, study_edits
from training.studies.editing.methods import WAYS, Method, ancestral_mean, edit_once
from training.studies.editing.study import EditStudy
from training.studies.guidance import towards
from training.studies.stain import StainProxy
from training.studies.study import JUDGE, Inputs

PROXY = StainProxy(np.array([0.3, 0.9, 0.3]) / np.linalg.norm([0.3, 0.9, 0.3]))


@pytest.fixture(scope="module")
def toy_x(explainer):
    """Two drawn cells, one of each class, as the network sees them."""
    return from_uint8(torch.from_numpy(squares([toy_cell(True, 0, 64), toy_cell(False, 1, 64)], explainer.size)))


def edited(explainer, x, source, target, method, steps=3):
    levels = replace(DEFAULT_EDIT, steps=steps, ladder=(Strength(1, 1.0),)).logsnr(x.device)
    noise = torch.randn(steps + 1, *x.shape, generator=torch.Generator().manual_seed(0))
    return edit_once(
        explainer.network, x, torch.tensor(source), torch.tensor(target), levels, method, noise.__getitem__
    )


@pytest.mark.parametrize("guide", ["source", "no class"])
@pytest.mark.parametrize("way", ["residuals", "edit-friendly"])
def test_what_is_kept_brings_the_cell_back(explainer, toy_x, way, guide):
    back = edited(explainer, toy_x, [0, 1], [0, 1], Method(way, guide, 2.0))
    assert (back.images - toy_x).abs().max() * 127.5 < 0.5
    moved = edited(explainer, toy_x, [0, 1], [1, 0], Method(way, guide, 2.0))
    assert (moved.images - toy_x).abs().max() * 127.5 > 5


def test_noise_forgets_more_than_inversion_does(explainer, toy_x):
    ways = ("noise", "ddim", "residuals")
    backs = (edited(explainer, toy_x, [0, 1], [0, 1], Method(way, "source", 1.0)).images for way in ways)
    lost = {way: float((back - toy_x).abs().mean()) for way, back in zip(ways, backs, strict=True)}
    assert lost["noise"] > lost["ddim"] > lost["residuals"]


def test_residuals_in_the_whole_cell_are_the_edit_of_the_core(explainer, toy_x, monkeypatch):
    """But for the core's rule against specks, which no way of the study has."""
    monkeypatch.setattr("jdm_core.explain.edit._without_specks", lambda image, own: image)
    source, target = torch.tensor([0, 1]), torch.tensor([1, 0])
    levels = replace(DEFAULT_EDIT, steps=3, ladder=(Strength(1, 1.0),)).logsnr(toy_x.device)
    for region in (0.0, 0.25):
        with torch.inference_mode():
            inversion = invert(explainer.network, uninverted(toy_x, source, target, levels), 3)
            *_, core = decode_edit(explainer.network, inversion, Strength(3, 2.0, region))
        study = edited(explainer, toy_x, [0, 1], [1, 0], Method("residuals", "source", 2.0, region))
        torch.testing.assert_close(study.images, core, atol=1e-3, rtol=0)
        assert study.encoder_passes == 4 + 2
        assert study.decoder_passes == 2 * (4 + 2)


@pytest.mark.parametrize("way", WAYS)
def test_passes_are_counted(explainer, toy_x, way, monkeypatch):
    calls, encode = [], explainer.network.encode
    monkeypatch.setattr(explainer.network, "encode", lambda y, level: calls.append(0) or encode(y, level))
    assert edited(explainer, toy_x, [0, 1], [1, 0], Method(way, "source", 2.0, 0.25)).encoder_passes == len(calls)


def test_background_stays_with_every_way(explainer, toy_x):
    for way in WAYS:
        moved = edited(explainer, toy_x, [0, 1], [1, 0], Method(way, "no class", 2.0)).images
        assert torch.equal(moved[:, :, :2, :2], toy_x[:, :, :2, :2])


def test_head_guide_raises_the_target_s_probability(explainer, toy_x):
    level, target = torch.zeros(2), torch.tensor([1, 0])
    with torch.no_grad():
        z = explainer.network.encode(toy_x, level)
        before, after = (
            explainer.network.classify(levels).softmax(1).gather(1, target[:, None])
            for levels in (z, towards(explainer.network, z, target, 0.02))
        )
    assert (after > before).all()
    moved = edited(explainer, toy_x, [0, 1], [1, 0], Method("residuals", "head", 2.0)).images
    assert (moved - toy_x).abs().max() * 127.5 > 1


def test_ancestral_mean_is_the_posterior_s():
    # The mean of x_s given x_t and x, for a Gaussian chain: by Bayes' rule from its two factors.
    here, there = torch.tensor([-0.5]), torch.tensor([1.5])
    x, noise = torch.randn(1, 1, 2, 2), torch.randn(1, 1, 2, 2)
    y = add_noise(x, noise, here)
    (a_t, s_t), (a_s, s_s) = alpha_sigma(here), alpha_sigma(there)
    step, variance = a_t / a_s, s_t**2 - (a_t / a_s) ** 2 * s_s**2
    precision = 1 / s_s**2 + step**2 / variance
    expected = (a_s * x / s_s**2 + step * y / variance) / precision
    torch.testing.assert_close(ancestral_mean(y, x, here, there), expected)


def test_unknown_method_is_refused():
    with pytest.raises(ValueError, match="'guesswork'"):
        Method("guesswork", "source", 1.0)


def test_flips_count_readers_apart():
    labels, slides = np.array([0, 0, 0, 0]), ["a", "a", "b", "b"]
    classes = {"head": np.array([1, 1, 1, 1]), "posterior": np.array([1, 0, 1, 0]), "judge": np.array([0, 0, 0, 1])}
    rows = np.array([True, True, True, False])
    figures = flips(Readings(classes, np.zeros((4, 2))), labels, rows, slides[:3])
    assert [figures[f"{who}_flips"] for who in ("head", "posterior", "judge")] == [1.0, 0.6667, 0.0]
    assert figures["head_flips_interval"] == [1.0, 1.0]


def test_changes_are_told_apart_by_place():
    cell = toy_cell(False, 0, 64)
    dot, haze = cell.copy(), cell.copy()
    dot[30:34, 30:34] = (120, 20, 130)
    inside = cell.max(2) > 100
    haze[inside] -= 4
    small, wide = (changes(cell[None], other[None], ["a"], PROXY) for other in (dot, haze))
    assert small["outside_parasite"] == small["outside_changed"] == 0
    assert small["changed_fraction"] == pytest.approx(16 / inside.sum(), rel=0.2)
    assert wide["changed_fraction"] == 0
    assert wide["outside_changed"] == pytest.approx(4, abs=0.5)
    assert wide["colour_drift"] == pytest.approx(4, abs=0.5)
    assert wide["shape_iou"] == 1
    nothing = changes(cell[None], cell[None], ["a"], PROXY)
    assert nothing["l1"] == nothing["outside_parasite"] == nothing["colour_drift"] == 0


def test_frechet_distance_of_known_gaussians():
    generator = np.random.default_rng(0)
    first = generator.normal(0, 1, (4000, 3))
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(first, first + np.array([3, 0, 4])) == pytest.approx(25, rel=1e-6)
    assert frechet_distance(first, 2 * first) == pytest.approx(3, rel=0.1)  # 3 (2 - 1)², for three dimensions


def test_features_of_the_judge_give_its_logits():
    judge = load_judge(JUDGE, ("Parasitized", "Uninfected"))
    x = from_uint8(torch.from_numpy(squares([toy_cell(True, 0, 64), toy_cell(False, 1, 64)], 64)))
    features, logits = judge_features(judge, x)
    assert logits.softmax(1).numpy() == pytest.approx(judge_probabilities(judge, x, torch.device("cpu")))
    last = [module for module in judge.modules() if isinstance(module, torch.nn.Linear)][-1]
    torch.testing.assert_close(last(features), logits, atol=1e-4, rtol=1e-4)


@pytest.fixture
def quick(explainer):
    """A small untrained network with a short edit, under the shipped checkpoint's name and labels."""
    torch.manual_seed(0)
    small = replace(
        explainer.checkpoint.architecture, image_size=16, widths=(16, 32), blocks=(1, 1), attention=(), embedding=32
    )
    calibration = replace(explainer.checkpoint.calibration, familiarity=None)  # its traits are another network's
    preprocessing = replace(explainer.checkpoint.preprocessing, size=16)
    checkpoint = replace(explainer.checkpoint, architecture=small, calibration=calibration, preprocessing=preprocessing)
    shorter = Explainer(JointDiffusionNetwork(small).eval(), checkpoint, explainer.name, explainer.device)
    shorter.edit = replace(shorter.edit, steps=2, ladder=(Strength(2, 2.0),))
    return shorter


def test_study_goes_on_where_it_stopped(quick, tmp_path, monkeypatch):
    judge = load_judge(JUDGE, ("Parasitized", "Uninfected"))
    data, out = write_toy_zip(tmp_path / "toy.zip", slides=3, per_class=1), tmp_path / "figures.json"
    monkeypatch.setattr(
        "training.studies.editing.measure.class_logits", lambda _, x, device: torch.eye(2)[[0, 0, 1, 1]]
    )
    monkeypatch.setattr(
        quick, "predict", lambda cells: type("P", (), {"probabilities": np.eye(2)[[0, 0, 1, 1][: len(cells)]]})
    )
    study = draw_study_cells(quick, judge, data, None, 2, seed=0)
    assert study.labels.tolist() == [0, 0, 1, 1]
    methods, saved = [Method("noise", "source", 2.0)], []
    monkeypatch.setattr(
        "training.studies.editing.measure.write_json",
        lambda path, figures: saved.append(list(figures["methods"])) or write_json(path, figures),
    )
    figures, pictures = study_edits(quick, judge, PROXY, study, 0, {"test_set": "a"}, out, methods)
    assert saved == [[SEARCH], [SEARCH, methods[0].name]] == [list(pictures)[:1], list(pictures)]
    for f in (row for both in figures["methods"].values() for row in both.values()):
        assert f["n"] == 2
        assert f["encoder_passes"] > 0
        assert np.isfinite([value for value in f.values() if not isinstance(value, list)]).all()
    more = [*methods, Method("ddim", "source", 2.0)]
    again, pictures = study_edits(quick, judge, PROXY, study, 0, {"test_set": "a"}, out, more)
    assert list(pictures) == [more[1].name]
    assert again["methods"][SEARCH] == figures["methods"][SEARCH]
    quick.edit = replace(quick.edit, ladder=(Strength(2, 1.0),))  # of the search alone
    again, pictures = study_edits(quick, judge, PROXY, study, 0, {"test_set": "a"}, out, more)
    assert list(pictures) == [SEARCH]
    assert list(again["methods"]) == [SEARCH, *(method.name for method in more)]
    quick.edit = replace(quick.edit, ladder=(Strength(1, 1.0),))  # the noise that all start from
    _, pictures = study_edits(quick, judge, PROXY, study, 0, {"test_set": "a"}, out, methods)
    assert list(pictures) == [SEARCH, methods[0].name]
    _, pictures = study_edits(quick, judge, PROXY, study, 0, {"test_set": "b"}, out, [])
    assert list(pictures) == [SEARCH]


def test_other_data_are_refused(tmp_path):
    data = write_toy_zip(tmp_path / "toy.zip", slides=10)
    with pytest.raises(DataError, match="splits into other slides"):
        EditStudy().measure(Inputs({"cells": data}, tmp_path, device="cpu"))
