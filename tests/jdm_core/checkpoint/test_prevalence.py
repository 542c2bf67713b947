"""What a recorded verdict is worth at another share of infected cells."""

from dataclasses import replace

import pytest

from jdm_core import worth


def test_worth_is_bayes_rule_on_the_recorded_figures(explainer):
    recorded = {"worth": {"head": {"sensitivity": 0.95, "specificity": 0.98}}}
    checkpoint = replace(explainer.checkpoint, metrics=recorded)
    even, rare = worth(checkpoint, 0.5), worth(checkpoint, 0.001)
    assert even.first == pytest.approx(0.95 / 0.97) and even.second == pytest.approx(0.98 / 1.03)
    assert rare.first == pytest.approx(0.00095 / (0.00095 + 0.01998)) and rare.second > 0.9999
    assert (rare.prevalence, rare.sensitivity, rare.specificity) == (0.001, 0.95, 0.98)


def test_worth_says_what_is_missing(explainer):
    checkpoint = replace(explainer.checkpoint, metrics={"worth": {}})
    with pytest.raises(ValueError, match="sensitivity and specificity of the posterior are not recorded"):
        worth(checkpoint, 0.5, "posterior")
    with pytest.raises(ValueError, match="prevalence"):
        worth(checkpoint, 1.5)
