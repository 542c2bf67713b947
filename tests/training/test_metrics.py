"""Figures on cases with a known answer."""

import json

import numpy as np
import pytest

from training.metrics import (
    accuracy,
    auroc,
    balanced_accuracy,
    clustered_interval,
    expected_calibration_error,
    frechet_distance,
    mean_auroc,
    sample,
    share,
    share_figures,
    slide_spread,
    summarise,
    without_nan,
)


@pytest.fixture
def resamples():
    """As many as figures are made of."""


def test_auroc_with_ties_and_one_class():
    positive = np.array([True, True, False, False])
    assert auroc(np.array([0.9, 0.8, 0.7, 0.1]), positive) == 1
    assert auroc(np.array([0.9, 0.1, 0.1, 0.0]), positive) == pytest.approx(0.875)
    assert auroc(np.zeros(4), positive) == 0.5
    assert np.isnan(auroc(np.zeros(2), np.array([True, True])))


def test_calibration_error_is_the_gap():
    p = np.tile([0.8, 0.2], (10, 1))
    assert expected_calibration_error(p, np.array([0] * 8 + [1] * 2)) == pytest.approx(0, abs=1e-9)
    assert expected_calibration_error(p, np.array([0] * 5 + [1] * 5)) == pytest.approx(0.3)


def test_interval_is_wider_when_cells_of_a_slide_are_alike():
    generator = np.random.default_rng(0)
    slides = np.repeat(np.arange(20), 50)
    labels = np.zeros(1000, dtype=int)
    right_by_slide = np.repeat(generator.random(20) < 0.8, 50)
    right_by_cell = generator.permutation(right_by_slide)

    def width(right):
        p = np.where(right[:, None], [0.9, 0.1], [0.1, 0.9])
        low, high = clustered_interval(accuracy, p, labels, slides)
        assert low <= right.mean() <= high
        return high - low

    assert width(right_by_slide) > 3 * width(right_by_cell)


def test_summary_has_every_figure_with_its_interval():
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]])
    figures = summarise(p, np.array([0, 1, 0, 1]), ["a", "a", "b", "b"])
    assert figures["accuracy"] == 1
    assert figures["accuracy_interval"] == [1, 1]
    assert set(figures) == {f"{name}{end}" for name in ("accuracy", "auroc", "ece") for end in ("", "_interval")}


def test_what_is_undefined_is_null_and_not_told_of_by_warnings(recwarn):
    p, healthy = np.array([[0.2, 0.8], [0.4, 0.6]]), np.array([1, 1])
    figures = summarise(p, healthy, ["a", "b"])
    assert np.isnan(figures["auroc"]) and np.isnan(figures["auroc_interval"]).all() and figures["accuracy"] == 1
    assert not [warning for warning in recwarn if "NaN" in str(warning.message)]
    text = json.dumps(without_nan({"all": [figures, (1.5, float("nan"))]}), allow_nan=False)
    assert json.loads(text)["all"][0]["auroc_interval"] == [None, None] and json.loads(text)["all"][1] == [1.5, None]


def test_a_sample_is_told_by_slides_where_they_hold_several_cells():
    assert sample({"n": 40, "slides": 5}) == "n 40 cells of 5 slides"
    assert sample({"n": 300, "slides": 300}) == "n 300"


def test_intervals_hold_95_in_a_hundred():
    flags = np.arange(400) % 2 == 0
    low, high = clustered_interval(share, flags, flags, [str(i) for i in range(400)])
    assert high - low == pytest.approx(2 * 1.96 * 0.025, rel=0.08)  # of a binomial share of a half


def test_a_share_of_all_or_none_has_an_exact_interval():
    whole = share_figures("seen", np.ones(20, dtype=bool), ["a"] * 20)
    assert whole["seen"] == 1 and whole["seen_interval"] == [pytest.approx(0.025 ** (1 / 20), abs=1e-4), 1.0]
    half = share_figures("seen", np.arange(20) % 2 == 0, [str(i) for i in range(20)])
    assert half["seen_interval"][0] < 0.5 < half["seen_interval"][1]


def test_confidences_are_told_apart_by_fifteen_bins():
    p = np.array([[0.61, 0.39]] * 10 + [[0.69, 0.31]] * 10)  # of one bin in ten, of two in fifteen
    labels = np.array([0] * 10 + [1] * 10)
    assert expected_calibration_error(p, labels) == pytest.approx((0.39 + 0.69) / 2)


def test_frechet_distance_of_gaussians_of_one_covariance_is_that_of_their_means():
    features = np.random.default_rng(0).normal(size=(500, 3))
    assert frechet_distance(features, features + np.array([3, 0, 0])) == pytest.approx(9, abs=1e-6)
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


def test_slides_below_nine_in_ten_are_named_and_three_classes_have_a_mean_auroc():
    p = np.where(np.arange(20)[:, None] < 18, [0.9, 0.1], [0.1, 0.9])
    spread = slide_spread(p, np.zeros(20, dtype=int), ["a"] * 10 + ["b"] * 10)
    assert spread["below_0.9"] == {"b": 0.8} and spread["lowest"] == 0.8
    three = np.eye(3)[[0, 1, 2]] * 0.8 + 0.1
    assert mean_auroc(three, np.array([0, 1, 2])) == 1


def test_balanced_accuracy_counts_every_class_alike():
    guesses = np.eye(3)
    assert balanced_accuracy(guesses[[0, 0, 0, 1, 0, 2, 2]], np.array([0, 0, 0, 1, 1, 2, 2])) == pytest.approx(5 / 6)
    assert balanced_accuracy(guesses[[0, 0, 0]], np.array([0, 1, 2])) == pytest.approx(1 / 3)
    assert np.isnan(balanced_accuracy(guesses[[0, 0, 1]], np.array([0, 0, 1])))  # of the third there is no cell
