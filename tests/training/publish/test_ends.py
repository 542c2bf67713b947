"""The bound ends where its levels say nothing of the classes that holds."""

import numpy as np
import pytest

from training.publish.fits.ends import LEVELS, choose_end


def drawn_errors(offset: float):
    """Errors of two classes at even levels: from 0 to 6 they tell the classes apart, above they differ by an offset."""
    generator = np.random.default_rng(0)
    labels = np.arange(120) % 2
    logsnr = -12 + 24 * (np.arange(LEVELS) + 0.5) / LEVELS
    size = np.where((logsnr > 0) & (logsnr < 6), 1.0, 0.0)
    contrast = size * np.where(labels == 0, 1.0, -1.0)[:, None] + generator.normal(0, 1.5, (120, LEVELS)) * (logsnr > 0)
    contrast += np.where(logsnr > 6, offset, 0.0)
    errors = np.full((120, LEVELS, 2), 100.0)
    errors[:, :, 0] -= contrast / 2
    errors[:, :, 1] += contrast / 2
    return errors, labels, [f"s{i // 2 % 12}" for i in range(120)]


def test_the_bound_ends_before_levels_that_add_an_offset():
    end, table = choose_end(*drawn_errors(offset=5.0), values=400)
    assert 4.5 <= end <= 6.75
    last = table[-1]
    assert last["logsnr_max"] == 12 and last["balanced_accuracy"] < 0.6
    assert last["with_offset"] > 0.7  # what an offset would mend, were it not ended
    best = next(row for row in table if row["logsnr_max"] == end)
    assert best["balanced_accuracy"] > 0.9 and best["with_offset"] <= best["balanced_accuracy"] + 0.05
    assert all(row["unexplained"] == pytest.approx(0.25, abs=0.02) for row in table)


def test_of_equals_the_bound_that_counts_most_is_taken():
    errors, labels, slides = drawn_errors(offset=0.0)
    errors[:, :, 0] = 100.0 - np.where(labels == 0, 1.0, -1.0)[:, None]
    errors[:, :, 1] = 100.0
    end, table = choose_end(errors, labels, slides, values=400)
    assert end == 12 and {row["balanced_accuracy"] for row in table} == {1.0}


def test_more_classes_than_two_have_no_offset():
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    errors = generator.normal(100, 1, (60, LEVELS, 3))
    errors[np.arange(60), :, labels] -= 1
    end, table = choose_end(errors, labels, [str(i) for i in range(60)], values=400)
    assert 0 <= end <= 12 and all("with_offset" not in row for row in table)
