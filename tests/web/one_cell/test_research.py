"""What is told to researchers beside the figures of one cell."""

import pytest

from jdm_core.report.words import ENGLISH
from web.one_cell.research import contradictions
from web.words.language import say_in

RECORD = {
    "logsnr_max": 3.75,
    "n": 1200,
    "slides": 41,
    "parts": 0.0625,
    "parts_interval": [0.0211, 0.1],
    "parts_clearly": 0.0108,
}


def test_how_often_elbo_and_likelihood_contradict_each_other_comes_from_the_record():
    told = contradictions({"elbo": RECORD}, ENGLISH).replace("\u00a0", " ").replace("\u202f", " ")
    assert told.startswith("On 1 200 test cells of 41 slides")
    assert "in 6.2 % (2.1 % to 10.0 %)" in told and told.endswith("in 1.1 %.")
    assert "6,2" in contradictions({"elbo": RECORD}, say_in("fr")) and "6,2%" in contradictions(
        {"elbo": RECORD}, say_in("pt")
    )


@pytest.mark.parametrize("metrics", [{}, {"elbo": {}}, {"elbo": None}, {"elbo": RECORD | {"parts": "many"}}])
def test_nothing_is_told_that_was_not_measured(metrics):
    assert contradictions(metrics, ENGLISH) == ""


def test_the_shipped_figure_stands_below_the_elbo(callbacks, cell, explainer):
    from tests.support.one_cell import upload

    *_, view = callbacks.explain(upload(cell), 8, 0)
    told = contradictions(explainer.checkpoint.metrics, ENGLISH)
    assert told and told in view.elbo
