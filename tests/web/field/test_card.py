"""A cell that is opened: verdicts at once, then evidence, then an edit; and what stops when another is opened."""

from dataclasses import replace
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL
from jdm_core.report.words import ENGLISH, UNPROVEN
from web.field.card import WHY_NOT, card
from web.field.latest import Latest
from web.field.smear import Entry, Smear
from web.field.view import View


def pressed(entry, index):
    return SimpleNamespace(place=entry.places[index], digest=entry.digest)


@pytest.mark.slow
def test_a_cell_is_explained_step_by_step_and_kept(callbacks, one_read):
    one_read = replace(one_read, read=replace(one_read.read, kind=np.full_like(one_read.read.kind, "other")))
    smear, index = Smear([one_read]), int(one_read.read.order[0])
    cards = [view.card for view in callbacks.open_cell(smear, pressed(one_read, index))]
    assert "<img" not in cards[0] and "Classifier" in cards[0], "the verdicts are there before anything is computed"
    assert [html.count("<img") for html in cards] == sorted(html.count("<img") for html in cards)
    assert cards[-1].count("<img") == 3 and "progress" not in cards[-1]
    # Of a cell unlike training's an edit is not said to work.
    assert 'class="outcome unproven"' in cards[-1] and UNPROVEN in cards[-1]
    again = list(callbacks.open_cell(smear, pressed(one_read, index)))
    assert [view.card for view in again] == [cards[-1]]


def test_the_evidence_is_that_of_the_fields_colours(explainer, one_read, monkeypatch):
    asked, elbo = [], explainer.elbo
    monkeypatch.setattr(explainer, "elbo", lambda *arguments: asked.append(arguments) or elbo(*arguments))
    entry, index = replace(one_read, colours="matched"), int(one_read.read.order[0])
    steps = card(explainer, entry, index, ENGLISH)
    next(steps), next(steps)
    steps.close()
    ((cell, draws, seed, colours),) = asked
    assert (draws, seed, colours) == (entry.read.draws, entry.read.seed, "matched")
    np.testing.assert_array_equal(cell, entry.read.cells[index])


@pytest.mark.parametrize("status", [CUT_OFF, CLUMP, NO_RED_CELL])
def test_what_was_not_read_says_why(explainer, one_read, status):
    changed = one_read.read.status.copy()
    changed[0] = status
    entry = replace(one_read, read=replace(one_read.read, found=replace(one_read.read.found, status=changed)))
    (html,) = card(explainer, entry, 0, ENGLISH)
    assert WHY_NOT[status] in html and "<img" not in html


def test_a_cell_that_is_not_there_changes_nothing(callbacks, smear, one_read):
    for press in (
        SimpleNamespace(),
        SimpleNamespace(place="1,2,3,4", digest=one_read.digest),
        SimpleNamespace(place=one_read.places[0], digest="0"),
    ):
        assert list(callbacks.open_cell(smear, press)) == [View()]
    assert list(callbacks.open_cell(None, pressed(one_read, 0))) == [View()]


def test_only_the_newest_goes_on():
    latest, closed = Latest(), []

    def steps(name):
        try:
            for number in range(3):
                yield f"{name}{number}"
        finally:
            closed.append(name)

    one, other = (gr.Request(session_hash=name) for name in ("one", "other"))
    first = latest.only(one, steps("a"), "nothing")
    assert next(first) == "a0"
    assert next(latest.only(other, steps("x"), "nothing")) == "x0", "another visitor's is another matter"
    second = latest.only(one, steps("b"), "nothing")
    assert next(second) == "b0" and list(first) == ["nothing"] and closed[:1] != ["b"] and "a" in closed
    assert list(second) == ["b1", "b2"] and "b" in closed


def test_so_many_cards_are_kept(monkeypatch):
    smear = Smear([Entry("a", "a")])
    for number in range(60):
        smear.keep("digest", str(number), "html")
    assert len(smear.cards) == 48 and ("digest", "59") in smear.cards and ("digest", "0") not in smear.cards
