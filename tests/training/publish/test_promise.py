"""The promise of called cells: chosen on some slides, kept on as many new ones as it says."""

import numpy as np
import pytest

from jdm_core.checkpoint.calibration import Promise
from jdm_core.checkpoint.manifest import read_manifest
from training.publish.fits.promise import (
    PROMISE,
    candidates,
    fit_threshold,
    promise_figures,
    share_wrong,
    slide_threshold,
)


def drawn_slides(count: int, seed: int):
    """Confidence, right and slide of cells of slides that differ in how hard they are."""
    generator = np.random.default_rng(seed)
    confidence, right, slides = [], [], []
    for slide in range(count):
        hard = generator.gamma(1.0, 0.6)
        c = 1 / (1 + np.exp(-np.abs(generator.normal(0, 3, 150))))
        confidence.append(c)
        right.append(generator.random(150) > hard * (1 - c))
        slides += [f"s{slide}"] * 150
    return np.concatenate(confidence), np.concatenate(right), slides


def test_a_slide_keeps_the_promise_at_its_threshold_and_at_every_higher_one():
    confidence = np.array([0.99] * 60 + [0.9] * 40 + [0.6] * 20)
    right = np.array([True] * 60 + [True] * 39 + [False] + [False] * 20)
    found = slide_threshold(confidence, right, 0.02)
    assert 0.6 < found <= 0.9
    right[0] = False  # now 2 of the 100 surest, and 1 of the 60 surest, are wrong
    assert slide_threshold(confidence, right, 0.02) == found
    right[1] = False  # 2 of 60: too many at the top, whatever lies below
    assert slide_threshold(confidence, right, 0.02) == np.inf


def test_a_cell_as_sure_as_the_threshold_is_called():
    """So a wrong one there breaks the promise up to it, and the next candidate is the lowest that keeps it."""
    first, second = candidates(0.02)[[0, 1]]
    assert slide_threshold(np.array([first]), np.array([False]), 0.02) == second
    assert slide_threshold(np.array([first]), np.array([True]), 0.02) == first


def test_what_ships_keeps_the_promise_that_is_fitted():
    assert read_manifest()["malaria-64"].thresholds.promise == PROMISE


@pytest.mark.slow
def test_as_many_new_slides_keep_the_promise_as_it_says(few_resamples):
    promise = Promise(wrong=0.05, slides=0.8)
    kept, coverage = [], []
    for seed in range(150):
        confidence, right, slides = drawn_slides(24, seed)
        old = np.array([int(slide[1:]) < 19 for slide in slides])
        least = fit_threshold(confidence[old], right[old], np.array(slides)[old].tolist(), promise) or 2.0
        new = promise_figures(confidence[~old] >= least, right[~old], np.array(slides)[~old].tolist(), promise)
        kept.append(new["kept"])
        coverage.append(new["coverage"])
    assert np.mean(kept) > 0.8 - 0.03
    assert np.mean(coverage) > 0.3  # and not by calling nothing


def test_too_few_slides_or_too_hard_ones_promise_nothing():
    confidence, right, slides = drawn_slides(8, 0)
    assert fit_threshold(confidence, right, slides, PROMISE) is None
    assert fit_threshold(confidence, np.zeros(len(right), bool), slides, Promise(0.02, 0.5)) is None
    assert fit_threshold(confidence, np.ones(len(right), bool), slides, Promise(0.02, 0.5)) == 0.5
    assert candidates(0.02)[[0, -1]].tolist() == [0.5, 0.98]


def test_figures_count_cells_slides_and_what_is_wrong(few_resamples):
    called = np.array([True, True, True, False, True, True])
    right = np.array([True, False, True, False, True, True])
    found = promise_figures(called, right, list("aabbcc"))
    assert (found["coverage"], found["error"], found["kept"]) == pytest.approx((5 / 6, 0.2, 2 / 3), abs=1e-5)
    assert (found["n"], found["groups"], found["called"]) == (6, 3, 5)
    none = promise_figures(~(called | True), right, list("aabbcc"))
    assert none["coverage"] == 0 and np.isnan(none["error"]) and none["kept"] == 1
    assert share_wrong(np.zeros(3, bool), np.zeros(3, bool)) == 0
