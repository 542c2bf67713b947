"""What a verdict is worth where infection is rare."""

import numpy as np
import pytest

from jdm_core.checkpoint.worth import predictive_value
from training.metrics import summarise
from training.publish.fits.worth import PREVALENCES, sensitivity, specificity, worth


@pytest.fixture
def resamples():
    """As many as figures are made of."""


def cells(infected_right: int, infected_wrong: int, healthy_right: int, healthy_wrong: int):
    called = [0] * infected_right + [1] * infected_wrong + [1] * healthy_right + [0] * healthy_wrong
    labels = np.array([0] * (infected_right + infected_wrong) + [1] * (healthy_right + healthy_wrong))
    return np.eye(2)[called] * 0.8 + 0.1, labels


def test_sensitivity_and_specificity_are_shares_of_the_label():
    probabilities, labels = cells(8, 2, 15, 5)
    assert sensitivity(probabilities, labels) == 0.8
    assert specificity(probabilities, labels) == 0.75
    assert np.isnan(sensitivity(probabilities[labels == 1], labels[labels == 1]))


def test_a_positive_call_is_worth_less_where_infection_is_rare():
    assert predictive_value(0.95, 0.95, 0.5) == pytest.approx(0.95)
    # 1,000 cells, 10 infected: 9.5 found, and 49.5 of the healthy ones called infected too
    assert predictive_value(0.95, 0.95, 0.01) == pytest.approx(9.5 / 59)
    assert predictive_value(1, 1, 0.001) == 1
    assert np.isnan(predictive_value(0, 1, 0.5))


@pytest.mark.slow
def test_worth_is_that_of_the_counted_cells_with_intervals_around_it():
    probabilities, labels = cells(90, 10, 95, 5)
    figures = worth(probabilities, labels, [f"slide {i % 10}" for i in range(200)])
    assert figures["sensitivity"] == 0.9 and figures["specificity"] == 0.95
    assert [row["prevalence"] for row in figures["at"]] == list(PREVALENCES)
    for row in figures["at"]:
        p = row["prevalence"]
        assert row["infected"] == pytest.approx(0.9 * p / (0.9 * p + 0.05 * (1 - p)), abs=1e-5)
        assert row["healthy"] == pytest.approx(0.95 * (1 - p) / (0.95 * (1 - p) + 0.1 * p), abs=1e-5)
        for name in ("infected", "healthy"):
            low, high = row[f"{name}_interval"]
            assert low <= row[name] <= high and low < high
    worths = [row["infected"] for row in figures["at"]]
    assert worths == sorted(worths, reverse=True) and worths[-1] < 0.02


@pytest.mark.slow
def test_spread_between_slides_is_of_slides_with_cells_enough():
    probabilities, labels = cells(30, 10, 60, 0)  # infected: four slides of ten cells, of one all read wrongly
    slides = [f"slide {i // 10}" for i in range(40)] + ["few"] * 9 + [f"slide {i // 17}" for i in range(51)]
    spread = worth(probabilities, labels, slides)["per_slide"]
    assert spread["sensitivity"] == {
        "slides": 4,
        "lowest": 0,
        "lower_quartile": 0.75,
        "median": 1,
        "upper_quartile": 1,
        "highest": 1,
    }
    assert spread["specificity"]["slides"] == 3 and spread["specificity"]["lowest"] == 1


def test_intervals_are_those_of_slides_and_not_of_cells():
    probabilities, labels = cells(50, 50, 100, 0)  # of the infected cells' ten slides five are read wrongly throughout

    def width(slides):
        figures = summarise(probabilities, labels, slides, {"sensitivity": sensitivity})
        return np.diff(figures["sensitivity_interval"])[0]

    assert width([f"slide {i // 10}" for i in range(200)]) > 2 * width([str(i) for i in range(200)])
