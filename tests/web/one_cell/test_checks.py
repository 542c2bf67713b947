"""Verdicts and the check of an edit in words, with thresholds and figures as they are."""

from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.report.words import ENGLISH, UNPROVEN, outcome
from tests.support.one_cell import LABELS, explained, text_of
from web.one_cell.change_map import Wanted
from web.one_cell.checks import check_panel
from web.one_cell.panels import PREVALENCES, USUAL, answer_panel
from web.one_cell.shown import edited_view
from web.words import sentences

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


@pytest.mark.parametrize(
    ("head", "posterior", "title"),
    [
        ([0.97, 0.03], [0.9, 0.1], "Parasitized 97\u00a0%"),
        ([0.97, 0.03], None, "Parasitized 97\u00a0%"),
        ([0.38, 0.62], [0.1, 0.9], "Unclear"),
        ([0.97, 0.03], [0.4, 0.6], "The two verdicts disagree"),
        ([0.0, 1.0], [0.001, 0.999], "Uninfected >99\u00a0%"),
    ],
)
def test_verdict_in_words(head, posterior, title):
    verdict = sentences.verdict(LABELS, head, posterior, 0.8)
    assert verdict.title == title
    assert (verdict.tone == "unsure") == title.startswith(("Unclear", "The two"))


@pytest.mark.parametrize(("posterior", "then"), [([0.1, 0.9], "The likelihood leans"), (None, sentences.WORKING)])
def test_an_unclear_verdict_names_the_least_that_one_needs(posterior, then):
    detail = sentences.verdict(LABELS, [0.0504, 0.9496], posterior, 0.95).detail
    why = "The classifier is not sure: 94.9\u00a0% Uninfected, and a verdict needs 95\u00a0%."
    assert detail.startswith(f"{why} {then}")


def test_an_unfamiliar_picture_gets_no_verdict(callbacks, cell):
    verdict = sentences.verdict(LABELS, [0.97, 0.03], [0.9, 0.1], 0.8, cell=False)
    assert verdict.title == "This does not look like a stained red cell" and verdict.tone == "unsure"
    assert "its figures mean nothing." in verdict.detail and "%" not in verdict.detail
    one = explained(callbacks, cell).reading.explanation
    prediction = callbacks.explainer.predict(cell)
    for kind, refused, warned in (
        ("not a red cell", True, False),
        ("other", False, True),
        ("familiar", False, False),
    ):
        seen = replace(prediction, kind=np.array([kind]))
        panel = answer_panel(callbacks.explainer, one.finding, "x.png", seen, None, ENGLISH)
        assert ("does not look like" in panel) == ("not-a-cell" in panel) == refused
        assert ("not as in training" in panel) == warned
        assert ("read with care" in panel) == warned and "alert" not in panel
        assert ("such verdicts are right" in panel) == (kind == "familiar")  # elsewhere it was not measured
        assert ("holds for slides of the training laboratory" in panel) == (kind == "familiar")


THRESHOLDS = Thresholds(unsure_below=0.8, flip_head=0.9, flip_posterior=0.5)


@pytest.mark.parametrize(
    ("head", "posterior", "reason"),
    [
        (
            0.74,
            0.99,
            "the classifier gives 74\u00a0%, and 90\u00a0% is needed",
        ),
        (
            0.6,
            0.3,
            "the classifier gives 60\u00a0%, and 90\u00a0% is needed; the likelihood gives 30\u00a0%, "
            "and 50\u00a0% is needed",
        ),
        (
            0.8996,
            0.9,
            "the classifier gives 89.9\u00a0%, and 90\u00a0% is needed",
        ),
        (
            0.95,
            0.9,
            "at the cell’s own resolution the classifier stays below 90\u00a0%",
        ),
    ],
)
def test_an_edit_that_falls_short_says_by_how_much_and_no_less(head, posterior, reason):
    words = outcome(False, "Uninfected", head, posterior, THRESHOLDS)
    assert words == f"Not convincing: {reason}. Do not take this picture as an explanation."


def test_check_tells_before_from_after(explainer, callbacks, cell):
    reading = explained(callbacks, cell).reading.explanation
    edit = explainer.counterfactual(reading.cell)
    thresholds = Thresholds(unsure_below=0.8, flip_head=0.97, flip_posterior=0.42)
    short = replace(edit, flipped=np.array([False]), probabilities=np.array([[0.3, 0.3]]))
    advised = check_panel(reading, short, thresholds, False)
    assert "You can make another edit, or try a fixed strength." in advised and 'class="outcome failed"' in advised
    assert "another strength" in check_panel(reading, short, thresholds, True)
    assert "30\u00a0% 97\u00a0%: no" in text_of(advised) and "42\u00a0%: " in advised
    panel = check_panel(reading, edit, explainer.checkpoint.thresholds, False)
    target = int(edit.target[0])
    for numbers in (reading.prediction.probabilities, edit.probabilities, reading.elbo.posterior, edit.posterior):
        assert f"<td>{ENGLISH.percent(float(numbers[0, target]))}</td>" in unescape(panel)


def test_an_edit_is_said_to_work_only_on_cells_as_in_training(explainer, callbacks, cell):
    """On another stain both verdicts may follow a picture that no cell looks like."""
    reading = explained(callbacks, cell).reading
    one = reading.explanation
    edit = explainer.counterfactual(one.cell)
    for kind, flipped in (("familiar", True), ("other", True), ("familiar", False)):
        own = replace(edit, flipped=np.array([flipped]))
        seen = replace(one, prediction=replace(one.prediction, kind=np.array([kind])), edit=own)
        view = edited_view(explainer, replace(reading, explanation=seen), Wanted(), ENGLISH)
        works, unproven = kind == "familiar" and flipped, kind == "other"
        assert ("This edit works" in view.check) == ('class="outcome works"' in view.check) == works
        assert (UNPROVEN in view.check) == ('class="outcome unproven"' in view.check) == unproven
        assert ("<figcaption>⚠ " in view.edited) != works


def test_an_edit_that_all_but_turns_both_is_nearly_there(explainer, callbacks, cell):
    reading = explained(callbacks, cell).reading.explanation
    edit = replace(explainer.counterfactual(reading.cell), flipped=np.array([False]))
    target = int(edit.target[0])

    def told(head: float) -> str:
        shares = np.full((1, 2), 1 - head)
        shares[0, target] = head
        posterior = np.full((1, 2), 0.9)
        return check_panel(reading, replace(edit, probabilities=shares, posterior=posterior), THRESHOLDS, False)

    near = text_of(told(0.89))
    assert near.startswith("Nearly: the classifier gives 89\u00a0%, and 90\u00a0% is needed.")
    assert 'class="outcome nearly"' in told(0.89) and "Not convincing" in told(0.79)


def test_a_verdict_says_what_it_is_worth_where_fewer_are_infected(callbacks, cell):
    view = explained(callbacks, cell)
    metrics = callbacks.explainer.checkpoint.metrics["worth"]["head"]
    prediction = view.reading.explanation.prediction
    told = text_of(view.verdict)
    shares = [
        round(100 * one["infected" if prediction.probabilities[0].argmax() == 0 else "healthy"])
        for one in metrics["at"]
    ]
    assert [one["prevalence"] for one in metrics["at"]] == list(PREVALENCES) and PREVALENCES[USUAL] == 0.01
    for share in shares:
        assert (f"{share} of 100 such verdicts are right" if share < 100 else "More than 99 of 100") in told
    assert told.count("Plasmodium") <= 1
