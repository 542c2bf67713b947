"""From counts to shares of infected cells, against values from the literature and by simulation."""

import math

import numpy as np
import pytest

from jdm_core.checkpoint.reading import Reading
from jdm_core.field.estimate import cells_needed, estimated_share, reviewed_share

PERFECT = Reading(1, 0, 1, 0, infected=9, healthy=9)
USUAL = Reading(0.95, 0.05, 0.98, 0.01, infected=20, healthy=30)


@pytest.mark.parametrize(
    ("infected", "read", "low", "high"),
    [
        (10, 100, 0.04900, 0.17622),  # R: binom.test
        (5, 10, 0.18709, 0.81291),
        (1, 1, 0.02500, 1.0),
        (0, 1000, 0.0, 0.00368),
    ],
)
def test_a_reviewed_count_has_the_exact_interval(infected, read, low, high):
    found = reviewed_share(infected, read)
    assert found.share == infected / read
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-5)


def test_of_nothing_read_nothing_is_known():
    for found in (reviewed_share(0, 0), estimated_share(0, 0, USUAL)):
        assert math.isnan(found.share) and (found.low, found.high) == (0, 1) and not found.tells


def test_counts_that_are_none_are_refused():
    for some, read in ((-1, 10), (11, 10), (0, math.inf)):
        with pytest.raises(ValueError, match="cells"):
            reviewed_share(some, read)
    with pytest.raises(ValueError, match="cells"):
        estimated_share(11, 10, USUAL)


def test_what_is_missed_and_what_is_suspected_wrongly_is_corrected():
    found = estimated_share(300, 1000, Reading(0.9, 0, 0.95, 0, infected=9, healthy=9))
    assert found.share == pytest.approx(0.25 / 0.85)  # Rogan & Gladen: (0.3 + 0.95 - 1) / (0.9 + 0.95 - 1)
    assert found.low < found.share < found.high


def test_with_perfect_reading_the_interval_is_that_of_wilson():
    found = estimated_share(10, 100, PERFECT)
    assert (found.low, found.share, found.high) == pytest.approx((0.05523, 0.1, 0.17437), abs=1e-5)


def test_fewer_than_healthy_cells_alone_would_give_cannot_be_told_from_none():
    few, some, many = (estimated_share(count, 1000, USUAL) for count in (2, 35, 80))
    assert few.share == 0 and few.low == 0 and not few.tells
    assert few.high == estimated_share(20, 1000, USUAL).high > 0.01  # no better than what healthy cells give
    assert some.share > 0.01 and not some.tells
    assert many.tells


@pytest.mark.parametrize(("suspicious", "read"), [(80, 1000), (500, 1000), (30, 40)])
def test_the_ends_are_where_the_count_is_just_not_too_far_from_what_is_expected(suspicious, read):
    found = estimated_share(suspicious, read, USUAL)
    for p in (found.low, found.high):
        q = 0.95 * p + 0.02 * (1 - p)
        variance = q * (1 - q) / read + (0.05 * p) ** 2 + (0.01 * (1 - p)) ** 2
        assert abs(suspicious / read - q) == pytest.approx(1.959964 * math.sqrt(variance), rel=1e-6)


def test_the_interval_does_not_shrink_below_what_slides_part_by():
    small, large = estimated_share(50, 1000, USUAL), estimated_share(50_000, 1_000_000, USUAL)
    assert large.high - large.low > 0.8 * (small.high - small.low)
    alike = estimated_share(50_000, 1_000_000, Reading(0.95, 0, 0.98, 0, infected=20, healthy=30))
    assert large.high - large.low > 20 * (alike.high - alike.low)


def test_a_reading_that_tells_nothing_leaves_everything_open():
    none = estimated_share(50, 100, Reading(0.4, 0.1, 0.6, 0.1, infected=9, healthy=9))
    assert math.isnan(none.share) and (none.low, none.high) == (0, 1)
    wild = estimated_share(50, 100, Reading(0.7, 0.4, 0.7, 0.4, infected=9, healthy=9))
    assert 0 < wild.share < 1 and (wild.low, wild.high) == (0, 1)


def between_slides(generator, mean, spread, slides):
    """Shares of slides, within [0, 1] and so not evenly round their mean."""
    size = mean * (1 - mean) / spread**2 - 1
    return generator.beta(mean * size, (1 - mean) * size, slides)


@pytest.mark.parametrize("share", [0.0, 0.005, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("reading", [USUAL, Reading(0.85, 0.12, 0.94, 0.05, infected=3, healthy=5)])
def test_the_interval_holds_the_truth_on_nearly_all_slides(share, reading):
    generator = np.random.default_rng(0)
    slides, read = 1000, 1000
    found = between_slides(generator, reading.sensitivity, reading.sensitivity_spread, slides)
    kept = between_slides(generator, reading.specificity, reading.specificity_spread, slides)
    counts = generator.binomial(read, share * found + (1 - share) * (1 - kept))
    estimates = [estimated_share(int(count), read, reading) for count in counts]
    assert 0.93 < np.mean([one.low <= share <= one.high for one in estimates]) < 0.985


def test_as_many_cells_are_needed_as_make_the_interval_so_narrow():
    for share, width in ((0, 0.003), (0.02, 0.01), (0.5, 0.2), (1, 0.01)):
        read = cells_needed(share, width)
        ends = [reviewed_share(share * n, n) for n in (read - 1, read)]
        assert ends[1].high - ends[1].low <= width < ends[0].high - ends[0].low
    assert cells_needed(0, 0.003) == 1228  # ln 0.025 / ln (1 - 0.003)
    assert cells_needed(0.3, 1) == 1
    for share, width in ((0.1, 0), (1.1, 0.1), (math.nan, 0.1)):
        with pytest.raises(ValueError, match="share"):
            cells_needed(share, width)
    with pytest.raises(ValueError, match="cells would have to be read"):
        cells_needed(0.5, 1e-5)


def test_per_microlitre_is_of_the_red_cells_there():
    found = reviewed_share(10, 1000)
    assert found.per_microlitre().share == 50_000
    assert found.per_microlitre(4e6).high == pytest.approx(4e6 * found.high)
    for count in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="red_cells"):
            found.per_microlitre(count)
