"""Ways of editing side by side: what each keeps, what the figures see, and the command."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from jdm_core import Explainer
from jdm_core.explain.edit import Strength
from jdm_core.images.pixels import from_uint8, to_uint8
from jdm_core.model.diffusion import add_noise, alpha_sigma
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import toy_cell, write_toy_zip
from training.data.cells import squares
from training.data.members import DataError
from training.metrics import frechet_distance, write_json
from training.publish.edits import has_dirt
from training.run.classifier import JUDGE, judge_features, judge_probabilities, load_judge
from training.studies.editing.controls import filled_in, painted_dots, placebo
from training.studies.editing.figures import Judges, Readings, changes, flips
from training.studies.editing.makers import NO_MODEL, PLACEBO, SEARCH, UNEDITED
from training.studies.editing.measure import draw_samples, study_edits
from training.studies.editing.methods import WAYS, Method, ancestral_mean, edit_once, levels
from training.studies.editing.quality import ghosts, spots, spreads
from training.studies.editing.study import EditStudy
from training.studies.editing.told_apart import told_apart, traits
from training.studies.stain import StainProxy
from training.studies.study import Inputs

PROXY = StainProxy(np.array([-0.35, 0.81, -0.46]) / np.linalg.norm([-0.35, 0.81, -0.46]))
Y, X = np.mgrid[:64, :64]


@pytest.fixture(scope="module")
def toy_x(explainer):
    """Two drawn cells, one of each class, as the network sees them."""
    return from_uint8(torch.from_numpy(squares([toy_cell(True, 0, 64), toy_cell(False, 1, 64)], explainer.size)))


def edited(explainer, x, source, target, method):
    logsnr = levels(explainer.network, x.device)[:4]
    noise = torch.randn(4, *x.shape, generator=torch.Generator().manual_seed(0))
    return edit_once(
        explainer.network, x, torch.tensor(source), torch.tensor(target), logsnr, method, noise.__getitem__
    )


def grainy(seed):
    """A healthy cell with the grain of a camera."""
    cell = toy_cell(False, seed, 64).astype(float)
    grain = np.random.default_rng(seed).normal(0, 3, (64, 64, 1))
    return np.where(cell > 0, cell + grain, 0).clip(0, 255).astype(np.uint8)


def with_spot(cell, row, column, radius, colour=(150, 40, 140)):
    spotted = cell.copy()
    spotted[np.hypot(Y - row, X - column) <= radius] = colour
    return spotted


@pytest.mark.slow
@pytest.mark.parametrize("way", ["residuals", "edit-friendly"])
def test_what_is_kept_brings_the_cell_back(explainer, toy_x, way):
    back = edited(explainer, toy_x, [0, 1], [0, 1], Method(way, 2.0))
    assert (back.images - toy_x).abs().max() * 127.5 < 0.5
    moved = edited(explainer, toy_x, [0, 1], [1, 0], Method(way, 2.0))
    assert (moved.images - toy_x).abs().max() * 127.5 > 5


@pytest.mark.parametrize("way", WAYS)
def test_passes_are_counted_and_the_background_stays(explainer, toy_x, way, monkeypatch):
    calls, encode = [], explainer.network.encode
    monkeypatch.setattr(explainer.network, "encode", lambda y, level: calls.append(0) or encode(y, level))
    made = edited(explainer, toy_x, [0, 1], [1, 0], Method(way, 2.0, 0.25))
    assert made.encoder_passes == len(calls)
    assert torch.equal(made.images[:, :, :2, :2], toy_x[:, :, :2, :2])


@pytest.mark.slow
def test_a_placebo_moves_one_region_and_stays_the_class_s_own(explainer, toy_x):
    made = placebo(explainer, toy_x, torch.tensor([0, 1]), [3, 4])
    moved = (made != to_uint8(toy_x).numpy()).any(3)
    assert all(0.005 < share < 0.4 for share in moved.mean((1, 2)))
    assert np.array_equal(made, placebo(explainer, toy_x, torch.tensor([0, 1]), [3, 4]))


def test_a_painted_dot_adds_stain_and_filling_in_takes_it_out():
    healthy = np.stack([grainy(seed) for seed in range(3)])
    dotted = painted_dots(healthy, PROXY, 0)
    assert len(spots(dotted, PROXY)["size"]) == 3
    filled = filled_in(np.stack([with_spot(cell, 26, 30, 3) for cell in healthy]), PROXY).astype(int)
    assert np.abs(filled - healthy)[:, 24:29, 28:33].max() < 25
    assert np.array_equal(filled[:, :20], np.stack([with_spot(cell, 26, 30, 3) for cell in healthy])[:, :20])


def test_dirt_is_new_dark_and_without_colour():
    cell = grainy(0)
    own = cell[32, 32]
    speck = np.hypot(Y - 20, X - 34) < 1.6
    comma, bite, chromatin, small = (cell.copy() for _ in range(4))
    comma[speck] = (own * 0.5).astype(np.uint8)  # gray, as the former edit leaves it, and far from black
    bite[speck] = 0
    chromatin[speck] = (110, 20, 120)
    small[20, 34] = 0
    for picture, dirty in ((comma, True), (bite, True), (chromatin, False), (small, False), (cell, False)):
        assert has_dirt(cell[None], picture[None]).tolist() == [dirty]
    assert has_dirt(bite[None], bite[None]).tolist() == [False]  # it was there before


def test_a_ghost_is_relief_where_the_stain_was():
    healthy = np.stack([grainy(seed) for seed in range(12)])
    infected = np.stack([with_spot(cell, 28, 30, 4) for cell in healthy[:4]])
    embossed = infected.astype(float)
    for cell, plain in zip(embossed, healthy, strict=False):
        spot = np.hypot(Y - 28, X - 30)
        cell[:] = plain + 14 * np.exp(-((spot - 4) ** 2))[..., None] - 10 * np.exp(-(spot**2) / 3)[..., None]
    seen, told = ghosts(infected, embossed.clip(0, 255).astype(np.uint8), healthy, PROXY, 0)
    assert told.all() and seen.all()
    seen, told = ghosts(infected, healthy[:4], healthy, PROXY, 0)
    assert told.all() and seen.mean() <= 0.25
    assert not ghosts(healthy[:4], healthy[:4], healthy, PROXY, 0)[1].all()  # of what had no stain nothing is told


def test_spots_that_are_all_alike_have_no_spread():
    generator = np.random.default_rng(0)
    places = generator.uniform(22, 42, (8, 2))
    real = np.stack([with_spot(grainy(i), *place, 1.5 + i / 2) for i, place in enumerate(places)])
    alike = np.stack([with_spot(grainy(i), 40, 30, 3) for i in range(8)])
    figures = spreads(alike, real, PROXY)
    assert figures["spread_size"] < 0.3 and figures["spread_place"] < 0.3
    assert spreads(real, real, PROXY) == {"spread_size": 1, "spread_colour": 1, "spread_place": 1}


@pytest.mark.slow
def test_what_is_bleached_is_told_from_real_and_what_is_real_is_not():
    slides = [f"slide-{i % 6}" for i in range(24)]
    real, other = (np.stack([grainy(start + i) for i in range(24)]) for start in (0, 100))
    flat = np.stack([toy_cell(False, i, 64) for i in range(24)])
    assert told_apart(flat, slides, real, slides) > 0.95
    assert 0.2 < told_apart(other, slides, real, slides) < 0.8
    assert traits(real).shape == (24, 16)
    tinted = (real * (0.8, 0.9, 1.0)).astype(np.uint8)  # a colour is the slide's, and tells nothing
    assert np.abs(traits(tinted) - traits(real))[:, 4:8].mean() < 0.5


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
        Method("guesswork", 1.0)


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
        explainer.checkpoint.architecture,
        image_size=16,
        widths=(16, 32),
        blocks=(1, 1),
        attention=(),
        embedding=32,
        head_widths=(),
    )
    calibration = replace(explainer.checkpoint.calibration, familiarity=None)  # its traits are another network's
    preprocessing = replace(explainer.checkpoint.preprocessing, size=16)
    checkpoint = replace(explainer.checkpoint, architecture=small, calibration=calibration, preprocessing=preprocessing)
    shorter = Explainer(JointDiffusionNetwork(small).eval(), checkpoint, explainer.name, explainer.device)
    shorter.edit = replace(shorter.edit, steps=12, ladder=(Strength(2, 2.0),), removing=())
    return shorter


@pytest.mark.slow
def test_study_goes_on_where_it_stopped(quick, tmp_path, monkeypatch):
    judge = load_judge(JUDGE, ("Parasitized", "Uninfected"))
    data, out = write_toy_zip(tmp_path / "toy.zip", slides=4, per_class=1), tmp_path / "figures.json"

    def as_labelled(count):
        return torch.eye(2)[[0] * (count // 2) + [1] * (count - count // 2)]

    monkeypatch.setattr("training.studies.editing.measure.class_logits", lambda _, x, device: as_labelled(len(x)))
    monkeypatch.setattr(
        quick, "predict", lambda cells: type("P", (), {"probabilities": as_labelled(len(cells)).numpy()})
    )
    samples = draw_samples(quick, judge, data, None, 2, seed=0)
    assert [sample.labels.tolist() for sample in samples] == [[0, 0, 1, 1]] * 2
    assert not np.array_equal(samples[0].squares, samples[1].squares)
    ways, saved = (Method("residuals", 2.0),), []
    monkeypatch.setattr(
        "training.studies.editing.measure.write_json",
        lambda path, figures: saved.append(list(figures["methods"])) or write_json(path, figures),
    )
    names = [SEARCH, PLACEBO, NO_MODEL, UNEDITED, ways[0].name]
    figures, pictures = study_edits(quick, Judges(judge, judge), PROXY, samples, 0, {"test_set": "a"}, out, ways)
    assert saved == [names[:count] for count in range(1, 6)] and list(pictures) == names
    for name, both in figures["methods"].items():
        for f in both.values():
            assert f["n"] == 2 and ("own_check" in f) == (name == SEARCH)
        # The untrained head reads all as one class: only towards the other is there anything to search.
        passes = sum(f["encoder_passes"] for f in both.values())
        assert (passes > 0) == (name not in (NO_MODEL, UNEDITED))
    assert figures["methods"][UNEDITED]["from_Parasitized"]["l1"] == 0
    again, pictures = study_edits(quick, Judges(judge, judge), PROXY, samples, 0, {"test_set": "a"}, out, ways)
    assert not pictures and again["methods"] == figures["methods"]
    quick.edit = replace(quick.edit, ladder=(Strength(2, 1.0),))  # of the search alone
    _, pictures = study_edits(quick, Judges(judge, judge), PROXY, samples, 0, {"test_set": "a"}, out, ways)
    assert list(pictures) == [SEARCH]
    _, pictures = study_edits(quick, Judges(judge, judge), PROXY, samples, 0, {"test_set": "b"}, out, ())
    assert list(pictures) == names[:4]


def test_other_data_are_refused(tmp_path):
    data = write_toy_zip(tmp_path / "toy.zip", slides=10)
    with pytest.raises(DataError, match="splits into other slides"):
        EditStudy().measure(Inputs({"cells": data}, tmp_path, device="cpu"))
