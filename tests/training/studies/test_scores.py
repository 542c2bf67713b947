"""The scores study: estimators on Gaussians of known likelihood, stopping rules, reliability, the command."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from jdm_core import Explainer
from jdm_core.checkpoint.calibration import Calibration, Window
from jdm_core.explain.likelihood import error_per_draw
from tests.support.gaussian import GaussianNetwork
from training.data.cells import Cells
from training.metrics import exact_interval, expected_calibration_error
from training.studies.scores.curves import Pool, curve, draw_pools, draws_needed
from training.studies.scores.draws import SCHEMES, Weighting, balanced_points, class_errors, make_draws, weightings
from training.studies.scores.figure import draw_scores
from training.studies.scores.measure import Sizes, study_scores
from training.studies.scores.official import beside_official, official_scores
from training.studies.scores.reliability import Combination, brier, confidence_bins, disagreement, fit_combination
from training.studies.scores.stopping import (
    choose_threshold,
    computed,
    decide,
    mean_and_error,
    recorded,
    stopping_table,
    stratified_standard_error,
)
from training.studies.scores.study import Scores
from training.tables import Figure

CPU = torch.device("cpu")
WINDOW = Window(0.2, 0.6, "epsilon")
# Mean over the levels of α²σ² = sin²(π t)/4, by which ‖x - μ_c‖² enters each score.
KAPPA = {
    "elbo": 0.5 * math.tanh(6),
    "simple": 1 / 8,
    "window": 1 / 8 - (math.sin(2 * math.pi * 0.6) - math.sin(2 * math.pi * 0.2)) / (16 * math.pi * 0.4),
}


@pytest.fixture(autouse=True)
def few(few_resamples):
    """All of them with few samples."""


def gaussian_explainer(explainer, classes=2, channels=1):
    """An explainer of Gaussian classes over 4×4 pictures; its window's τ makes the posterior exact."""
    generator = torch.Generator().manual_seed(1)
    network = GaussianNetwork(torch.randn(classes, channels, 4, 4, generator=generator))
    calibration = Calibration(1.0, 2 * KAPPA["window"], 0.0, WINDOW)
    checkpoint = replace(
        explainer.checkpoint,
        architecture=network.architecture,
        preprocessing=replace(explainer.checkpoint.preprocessing, size=network.architecture.image_size),
        labels=tuple("abcdefghij"[:classes]),
        calibration=calibration,
    )
    return Explainer(network, checkpoint, "gaussian", CPU)


def gaussian_cells(gaussian, count):
    """Random pictures, each with a label drawn from its true posterior."""
    generator = torch.Generator().manual_seed(2)
    shape = gaussian.network.means.shape[1:]
    images = torch.randint(0, 256, (count, *shape), dtype=torch.uint8, generator=generator)
    posterior = true_posterior(gaussian, images)
    labels = posterior.multinomial(1, generator=generator)[:, 0]
    return Cells(images, labels, [f"C{i % 10}" for i in range(count)], [str(i) for i in range(count)])


def true_posterior(gaussian, images):
    return gaussian.network.log_likelihood(images.float() / 127.5 - 1).softmax(1)


def pools_of(gaussian, cells, name, count, schemes=SCHEMES):
    weighting = next(w for w in weightings(gaussian) if w.name == name)
    return draw_pools(gaussian, cells, weighting, schemes, count, 0, lambda _: None)


def true_scores(gaussian, cells, name):
    return 2 * KAPPA[name] * gaussian.network.log_likelihood(cells.images.float() / 127.5 - 1).double().numpy()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elbo", "simple", "window"])
@pytest.mark.parametrize("classes, channels", [(2, 3), (4, 1)])
def test_every_scheme_estimates_the_known_scores(explainer, name, classes, channels):
    gaussian = gaussian_explainer(explainer, classes, channels)
    cells = gaussian_cells(gaussian, 4)
    true = true_scores(gaussian, cells, name)
    for scheme, pool in pools_of(gaussian, cells, name, 2048).items():
        differences = pool.scores[:, :, 1:] - pool.scores[:, :, :1]
        error = differences.std(axis=1) / math.sqrt(2048)  # an upper bound where levels are balanced
        off = (differences.mean(1) - (true[:, 1:] - true[:, :1])) / error
        assert np.abs(off).max() < 4, scheme
        if scheme != "independent":  # whose error is larger than the differences, even with so many draws
            assert (error < 0.3 * np.abs(true[:, 1:] - true[:, :1]).mean()).all()


def test_bound_gives_the_true_log_likelihood_ratio(explainer):
    gaussian = gaussian_explainer(explainer)
    cells = gaussian_cells(gaussian, 6)
    pool = pools_of(gaussian, cells, "elbo", 4096, ("stratified",))["stratified"]
    found, error = mean_and_error(pool.scores[:, :, :1] - pool.scores[:, :, 1:], pool.logsnr)
    true = gaussian.network.log_likelihood(cells.images.float() / 127.5 - 1).double().numpy()
    assert np.abs((found[:, 0] - (true[:, 0] - true[:, 1])) / error[:, 0]).max() < 3.5
    assert error.max() < 0.5 < np.abs(true[:, 0] - true[:, 1]).mean()


def test_sharing_and_balancing_each_reduce_the_error(explainer):
    gaussian = gaussian_explainer(explainer)
    cells = gaussian_cells(gaussian, 12)
    errors = {
        scheme: {p["draws"]: p["standard_error"] for p in found["points"] if "standard_error" in p}
        for scheme, found in (
            (scheme, curve(pool, cells.labels.numpy(), cells.slides, np.zeros(2)))
            for scheme, pool in pools_of(gaussian, cells, "window", 256).items()
        )
    }
    assert errors["shared"][16] < 0.8 * errors["independent"][16]
    assert errors["stratified"][16] < errors["shared"][16]
    assert errors["shared"][4] == pytest.approx(2 * errors["shared"][16], rel=0.25)


@pytest.mark.slow
def test_standard_error_is_the_spread_of_repeated_estimates(explainer):
    gaussian = gaussian_explainer(explainer)
    cell = gaussian_cells(gaussian, 1)
    many = cell.take([0] * 400)
    pools = pools_of(gaussian, many, "window", 32)
    for scheme, pool in pools.items():
        points = curve(pool, many.labels.numpy(), many.slides, np.zeros(2))["points"]
        claimed = next(p["standard_error"] for p in points if p["draws"] == 8)
        first = pool.estimates(8)[:, 0]
        assert claimed == pytest.approx((first[:, 0] - first[:, 1]).std(), rel=0.15), scheme


def test_blocks_of_the_balanced_order_have_one_level_in_each_interval():
    for seed in range(5):
        points = balanced_points(128, torch.Generator().manual_seed(seed)).double()
        assert points.min() >= 0 and points.max() < 1
        for width in (1, 2, 4, 8, 16, 32, 64, 128):
            intervals = (points * width).floor().reshape(-1, width).sort(dim=1).values
            assert torch.equal(intervals, torch.arange(width).expand(128 // width, width).double())
    first = torch.stack([balanced_points(2, torch.Generator().manual_seed(seed)) for seed in range(2000)])
    assert first.mean(0) == pytest.approx([0.5, 0.5], abs=0.03)


@torch.inference_mode()
def test_wanted_classes_get_the_errors_of_all_classes_and_the_others_none(network):
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    draws = make_draws([(0, i) for i in range(3)], 2, x.shape[1:], Weighting("window", WINDOW), balanced=True)
    expected = error_per_draw(network, x, draws)
    everything = class_errors(network, x, draws, torch.ones(3, 2, dtype=torch.bool))
    torch.testing.assert_close(everything, expected, rtol=1e-4, atol=1e-2)
    wanted = torch.tensor([[True, False], [False, True], [True, True]])
    found = class_errors(network, x, draws, wanted)
    assert torch.equal(found.isnan(), ~wanted[:, None].expand(3, 2, 2))
    torch.testing.assert_close(found[~found.isnan()], expected[~found.isnan()], rtol=1e-4, atol=1e-2)


def test_standard_error_of_one_draw_a_stratum_leaves_the_trend_over_levels_out():
    generator = torch.Generator().manual_seed(0)
    strata, repeats = 16, 4000
    u = (torch.arange(strata) + torch.rand(repeats, strata, generator=generator)) / strata
    values = 40 * u.square() + torch.randn(repeats, strata, generator=generator)
    spread = values.mean(1).std()
    estimated = stratified_standard_error(values).square().mean().sqrt()
    plain = (values.var(1) / strata).mean().sqrt()
    assert estimated / spread == pytest.approx(1, abs=0.2)
    assert plain / spread > 3  # what the trend over levels would do to the plain formula


def test_error_of_the_mean_is_that_of_draws_in_order_of_level():
    generator = np.random.default_rng(0)
    logsnr, values = generator.normal(size=(3, 9)), generator.normal(size=(3, 9, 2))
    mean, error = mean_and_error(values, logsnr)
    ordered = np.take_along_axis(values, np.argsort(logsnr, axis=1)[:, :, None], axis=1)
    np.testing.assert_allclose(error, stratified_standard_error(torch.from_numpy(ordered)).numpy())
    np.testing.assert_allclose(mean, values.mean(1))


@pytest.mark.parametrize("classes", [2, 5])
def test_rule_decides_as_all_draws_do_with_fewer_passes(explainer, classes):
    gaussian = gaussian_explainer(explainer, classes)
    cells = gaussian_cells(gaussian, 200)
    pool = pools_of(gaussian, cells, "window", 64, ("stratified",))["stratified"]
    rows = stopping_table(pool.logsnr, pool.scores, cells.labels.numpy(), cells.slides, 64, np.zeros(classes))
    draws, differ = [row["draws"] for row in rows], [row["differs"] for row in rows]
    assert draws == sorted(draws) and differ[0] > differ[-1]
    strict = next(row for row in rows if row["threshold"] == 4)
    assert strict["differs"] <= 0.03
    assert strict["decoder_passes"] < 0.8 * 64 * classes
    assert strict["decoder_passes"] <= strict["draws"] * classes
    if classes > 2:  # hopeless classes go before the image is decided
        assert strict["decoder_passes"] < 0.8 * strict["draws"] * classes


def test_rule_as_it_runs_leaves_the_passes_out_that_it_does_not_count(explainer):
    gaussian = gaussian_explainer(explainer, 4)
    cells, network = gaussian_cells(gaussian, 20), gaussian.network
    window = weightings(gaussian)[2]
    x, seeds = cells.images.float() / 127.5 - 1, [(0, i) for i in range(20)]
    run = decide(computed(network, x, seeds, 18, window), 20, 4, 18, 2.0, np.zeros(4))
    assert (network.encoded, network.decoded) == (run.draws.sum(), run.decoder_passes.sum())
    draws = make_draws(seeds, 18, x.shape[1:], window, balanced=True)
    errors = class_errors(network, x, draws, torch.ones(20, 4, dtype=torch.bool))
    scores = window.scores(errors, draws.logsnr).double().numpy()
    looked_up = decide(recorded(draws.logsnr.numpy(), scores), 20, 4, 18, 2.0, np.zeros(4))
    assert np.array_equal(run.labels, looked_up.labels)
    assert np.array_equal(run.decoder_passes, looked_up.decoder_passes)
    assert run.draws.max() == 18 and run.draws.min() < 18
    undecided = run.draws == 18
    patient = decide(recorded(draws.logsnr.numpy(), scores), 20, 4, 18, 1e9, np.zeros(4))
    assert (patient.draws == 18).all()
    assert np.array_equal(patient.labels, scores.mean(1).argmax(1))
    assert undecided.any()


def test_offset_moves_the_decision():
    logsnr = np.tile(np.arange(8.0), (1, 1))
    scores = np.random.default_rng(0).normal(size=(1, 8, 2)) * 0.1
    for offset, label in ((5.0, 0), (-5.0, 1)):
        found = decide(recorded(logsnr, scores), 1, 2, 8, 3.0, np.array([offset, 0]))
        assert (found.labels[0], found.draws[0]) == (label, 4)


def test_threshold_and_draws_are_those_from_which_on_the_aim_is_kept():
    rows = [{"threshold": t, "differs": d} for t, d in ((1, 0.1), (2, 0.01), (3, 0.03), (4, 0.01), (5, 0.0))]
    assert choose_threshold(rows, 0.02) == 4
    assert choose_threshold(rows, 0.2) == 1
    assert choose_threshold(rows[:3], 0.0) == 3
    points = [{"draws": n, "accuracy": a} for n, a in ((1, 0.8), (2, 0.96), (4, 0.94), (8, 0.95), (16, 0.97))]
    assert (draws_needed(points, 0.95), draws_needed(points, 0.97), draws_needed(points, 0.98)) == (8, 16, None)


def test_curve_of_scores_that_are_known():
    # Two cells of each class; of two draws that follow each other the second undoes the first but for 1 or -3.
    scores = np.zeros((4, 4, 2))
    scores[:, :, 0] = np.array([1, 1, -3, 1])[:, None] + np.array([5, -5, 5, -5])
    labels, slides = np.array([0, 0, 1, 1]), list("abcd")
    single, pair, four = curve(Pool(scores[:, :, 0], scores), labels, slides, np.zeros(2))["points"]
    assert [p["draws"] for p in (single, pair, four)] == [1, 2, 4]
    assert (single["accuracy"], pair["accuracy"], four["accuracy"]) == (0.5, 0.75, 0.75)
    assert pair["auroc"] == 0.75 and "standard_error" not in four
    assert single["standard_error"] == pytest.approx(math.sqrt(100 / 3), abs=1e-4)
    assert pair["standard_error"] == 0
    shifted = curve(Pool(scores[:, :, 0], scores), labels, slides, np.array([2.0, 0.0]))["points"][1]
    assert (shifted["accuracy"], shifted["auroc"]) == (0.75, 0.75)
    lowered = curve(Pool(scores[:, :, 0], scores), labels, slides, np.array([-2.0, 0.0]))["points"][1]
    assert (lowered["accuracy"], lowered["auroc"]) == (0.5, 0.75)


def test_estimates_use_every_draw_once():
    pool = Pool(np.zeros((1, 7)), np.arange(14.0).reshape(1, 7, 2))
    assert pool.estimates(3).tolist() == [[[2, 3], [8, 9]]]


def test_brier_and_bins_of_known_probabilities():
    p, labels = np.array([[0.8, 0.2], [0.7, 0.3], [0.1, 0.9]]), np.array([0, 1, 1])
    assert brier(p, labels) == pytest.approx((0.08 + 0.98 + 0.02) / 3)
    bins = confidence_bins(p, labels)
    assert [(b["n"], b["accuracy"]) for b in bins] == [(1, 0.0), (1, 1.0), (1, 1.0)]
    gap = sum(b["n"] * abs(b["confidence"] - b["accuracy"]) for b in bins) / 3
    assert gap == pytest.approx(expected_calibration_error(p, labels), abs=1e-4)


def test_combination_finds_how_the_truth_was_made():
    generator = np.random.default_rng(0)
    odds = generator.normal(size=(2, 10_000, 1)) * 2
    verdicts = 1 / (1 + np.exp(-np.concatenate([odds, -odds], axis=2)))
    truth = Combination(0.9, 0.4, -0.5)
    labels = (generator.random(10_000) > truth.probabilities(*verdicts)[:, 0]).astype(int)
    found = fit_combination(*verdicts, labels)
    assert (found.head, found.posterior, found.bias) == pytest.approx((0.9, 0.4, -0.5), abs=0.1)
    assert found.log_loss(*verdicts, labels) < Combination(1, 0, 0).log_loss(*verdicts, labels)


def test_combination_of_more_classes_has_no_bias_and_leaves_a_useless_verdict_out():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(5000, 3)) * 2
    head = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    labels = (head.cumsum(1) > generator.random((5000, 1))).argmax(1)
    found = fit_combination(head, generator.permutation(head), labels)
    assert found.head == pytest.approx(1, abs=0.1)
    assert found.posterior < 0.05 and found.bias == 0


def test_disagreement_counts_who_is_right():
    head = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    posterior = np.array([[0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]])
    combined = np.array([[0.8, 0.2], [0.6, 0.4], [0.6, 0.4], [0.1, 0.9]])
    figures = disagreement(head, posterior, combined, np.array([0, 0, 0, 0]), list("abcd"))
    assert (figures["n"], figures["share"]) == (2, 0.5)
    assert (figures["head_right"], figures["posterior_right"], figures["combination_right"]) == (0.5, 0.5, 1)
    assert figures["neither"] == 0
    assert disagreement(head, head, head, np.zeros(4), list("abcd"))["n"] == 0


@pytest.mark.slow
def test_study_of_gaussians_finds_the_true_posterior(explainer, tmp_path, monkeypatch):
    monkeypatch.setattr("training.studies.scores.measure.POSTERIOR_DRAWS", 400)
    gaussian = gaussian_explainer(explainer, 3)
    cells = gaussian_cells(gaussian, 120)
    sizes = Sizes(cells=40, compared=20, verdicts=120)
    figures = study_scores(gaussian, cells, sizes, None, 0)
    json.dumps(figures)
    ideal = float((true_posterior(gaussian, cells.images).argmax(1) == cells.labels).double().mean())
    assert figures["verdicts"]["posterior"]["accuracy"] == pytest.approx(ideal, abs=0.06)
    assert figures["verdicts"]["n"] == 120 and figures["n"] == 40 and figures["compared"] == 20
    assert set(figures["curves"]) == {"elbo", "simple", "window"}  # no bias: the window's curve is the posterior's
    assert figures["curves"]["elbo"]["stratified"]["n"] == 20
    assert figures["curves"]["window"]["stratified"]["n"] == 40
    assert "auroc" not in figures["curves"]["window"]["shared"]["points"][0]  # of three classes
    assert len(figures["official"]) == 4 and "parting" not in figures  # nor is a difference, of three classes
    last = [found["points"][-1] for found in figures["curves"]["window"].values()]
    assert [point["draws"] for point in last] == [100] * 3
    rule, at_20 = figures["rule"], figures["curves"]["window"]["stratified"]["points"][5]
    assert rule["accuracy"] == pytest.approx(at_20["accuracy"], abs=0.15)
    assert rule["decoder_passes"] < rule["decoder_passes_all"] == 60
    draw_scores({"test_set": "Gaussians", **figures}, tmp_path / "scores.png")
    assert (tmp_path / "scores.png").read_bytes().startswith(b"\x89PNG")


def test_bias_has_a_curve_of_its_own(explainer):
    gaussian = gaussian_explainer(explainer)
    calibration = replace(gaussian.checkpoint.calibration, posterior_bias=50.0)
    gaussian.checkpoint = replace(gaussian.checkpoint, calibration=calibration)
    cells = gaussian_cells(gaussian, 30)
    figures = study_scores(gaussian, cells, Sizes(10, 2, 30), None, 0)
    first = float((cells.labels[:10] == 0).double().mean())
    for found in figures["curves"]["posterior"].values():
        assert {p["accuracy"] for p in found["points"][-2:]} == {
            round(first if found["n"] == 10 else float((cells.labels[:2] == 0).double().mean()), 5)
        }


def test_the_official_estimator_has_even_levels_and_one_noise_for_all_classes(explainer):
    gaussian = gaussian_explainer(explainer, 2, 3)
    cells = gaussian_cells(gaussian, 4)
    simple = weightings(gaussian)[1]
    scores = official_scores(gaussian, cells, simple, 512, 0)
    true = true_scores(gaussian, cells, "simple")
    found, wanted = scores[:, 0] - scores[:, 1], true[:, 0] - true[:, 1]
    assert np.abs(found - wanted).max() < 0.1 * np.abs(wanted).max()
    again = official_scores(gaussian, cells.take([0, 0]), simple, 4, 0)
    assert not np.array_equal(again[0], again[1])  # another cell, other noise
    rows = beside_official(
        gaussian, cells, simple, pools_of(gaussian, cells, "window", 16, ("stratified",))["stratified"], np.zeros(2), 0
    )
    assert [(row["estimator"], row["draws"]) for row in rows] == [
        ("official", 4),
        ("window", 4),
        ("official", 16),
        ("window", 16),
    ]


def test_all_that_is_chosen_is_chosen_on_validation_cells(inputs, monkeypatch):
    monkeypatch.setattr("training.studies.scores.study.FEWEST", 1)
    study = Scores(cells=6, compared=2, verdicts=8, fitting=(6, 2, 8))
    found = study.measure(inputs)
    fitted, figures = found.measured["validation"], found.measured["test"]
    assert fitted["fitted_on_these_cells"] and not figures["fitted_on_these_cells"]
    assert figures["fit"] == fitted["fit"]
    assert found.sample == "n 6 cells of 2 slides (test slides of cells.zip)"
    assert figures["rule"]["threshold"] == fitted["fit"]["thresholds"]["20"]["0.01"]
    accuracy, aurocs, *_ = found.tables
    # The first of the cells, which alone have many draws, are of both classes; else there is no AUROC.
    assert "nan" not in str(aurocs.rows)
    # Where no decision differs, the interval is that of 0 of 6 cells, however often each was decided.
    *_, never = found.tables[2].rows[-1]
    assert never == Figure(0, *exact_interval(0, 6))
    weightings = {"elbo", "simple", "window", "posterior"}
    assert {row[:2] for row in accuracy.rows} == {(w, scheme) for w in weightings for scheme in SCHEMES}
    assert [table.title for table in found.tables][2:5] == [
        "Stopping early, at most 20 draws",
        "Stopping early, at most 100 draws",
        "The rule as it was run",
    ]
    assert (inputs.folder / found.pictures[0]).exists()
    official, bound = found.tables[-2:]
    assert [row[:2] for row in official.rows] == [("official", 4), ("window", 4), ("official", 16), ("window", 16)]
    assert bound.rows[0][0] == figures["parting"]["n"] == 2
