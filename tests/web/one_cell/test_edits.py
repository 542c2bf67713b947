"""Edits on the page: frames, stopping, fixed strengths, seeds, several edits, and the map of the change."""

import re

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from jdm_core.explain.edit import Strength
from tests.support.one_cell import explained, shown
from web.one_cell.view import View
from web.parts.pictures import like
from web.words import sentences

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


def test_edit_shows_frames_and_then_the_checked_result(callbacks, edits, cell, monkeypatch):
    monkeypatch.setattr("web.one_cell.edits.FRAMES_PER_SECOND", 1000)
    view = explained(callbacks, cell)
    first, *frames, last = (edits.remove if view.remove["interactive"] else edits.add)(view.reading)
    assert first.stop["visible"] and not first.remove["interactive"] and not first.add["interactive"]
    assert re.search(r"attempt 1 of \d, step 1 of \d; at most \d+ s left", frames[0].progress)
    pictures = [frame.frame["value"].tobytes() for frame in frames]
    assert 2 <= len(set(pictures)) == len(pictures) <= 5
    edit = last.reading.explanation.edit
    before, after = shown(last.slider)
    assert np.array_equal(before, like(view.reading.explanation.cell, view.reading.explanation.cell))
    assert np.array_equal(after, like(edit.full_resolution[0], view.reading.explanation.cell))
    with Image.open(last.animation["value"]) as kept:
        assert (kept.format, kept.n_frames, kept.size) == ("WEBP", 2, (512, 384 + 22))
    assert ("This edit works" in last.check) == bool(edit.flipped[0])
    assert ("Not convincing" in last.check) != bool(edit.flipped[0])
    assert not last.stop["visible"] and not last.frame["visible"] and last.edited["visible"]


def test_closing_an_edit_closes_the_computation(callbacks, edits, cell, monkeypatch):
    view = explained(callbacks, cell)
    closed = []
    stream = edits.explainer.stream

    def watched(*arguments):
        try:
            yield from stream(*arguments)
        except GeneratorExit:
            closed.append(True)
            raise

    monkeypatch.setattr(edits.explainer, "stream", watched)
    edit = edits.flip(view.reading)
    assert next(edit).progress and next(edit).progress
    edit.close()
    assert closed == [True]
    after = edits.stop(view.reading)
    assert sentences.STOPPED in after.progress and not after.stop["visible"] and after.edited == gr.skip()
    assert (after.flip, after.remove, after.add) == (view.flip, view.remove, view.add)


def test_stop_shows_the_edit_before_the_stopped_one_again(callbacks, edits, cell):
    *_, done = edits.flip(explained(callbacks, cell).reading, sentences.FIXED, 2, 1.0)
    edit = edits.flip(done.reading, sentences.FIXED, 3, 2.0)
    running = next(edit)
    next(edit)
    edit.close()
    assert not running.edited["visible"] and running.reading == gr.skip()  # out of sight, and kept
    assert [getattr(running, name) for name in ("check", "slider", "change", "animation")] == [gr.skip()] * 4
    after = edits.stop(done.reading)
    assert sentences.STOPPED_AGAIN in after.progress and after.edited["visible"] and after.variants["visible"]


def test_an_edit_without_a_cell_says_so(edits):
    for views in (edits.flip(None), edits.remove(None), edits.variants(None)):
        (view,) = views
        assert sentences.LOST in view.status


def test_flip_is_the_edit_on_offer(callbacks, edits, cell):
    reading = explained(callbacks, cell).reading
    *_, view = edits.flip(reading)
    edit = view.reading.explanation.edit
    assert edit.target[0] == 1 - reading.explanation.prediction.probabilities[0].argmax()


def test_a_fixed_strength_is_that_of_the_sliders(callbacks, edits, cell):
    *_, view = edits.flip(explained(callbacks, cell).reading, sentences.FIXED, 2, 1.5)
    settings = view.reading.explanation.edit.settings
    assert (settings["guidance"], settings["attempts"], settings["decoded_steps"]) == ([1.5], [1], [2])
    assert "attempt 1 of at most 1" in view.check
    assert edits._strength(sentences.MILDEST, 2, 1.5) is None and edits._strength(None, None, None) is None
    assert edits._strength(sentences.FIXED, 99, -3) == Strength(3, 0.0)  # what the page does not offer is not followed


def test_another_seed_gives_another_edit(callbacks, edits, cell):
    reading = explained(callbacks, cell).reading
    *_, again = callbacks.again(reading, 8, 1)
    edited = []
    for one in (reading, reading, again.reading):
        *_, view = edits.flip(one, sentences.FIXED, 3, 2.0)
        edited.append(view.reading.explanation.edit)
    assert np.array_equal(edited[0].images, edited[1].images) and not np.array_equal(edited[0].images, edited[2].images)
    assert [edit.seed for edit in edited] == [0, 0, 1]


def test_four_different_edits_beside_each_other(callbacks, edits, cell):
    *_, edited = edits.flip(explained(callbacks, cell).reading, sentences.FIXED, 2, 1.0)
    first, *frames, last = edits.variants(edited.reading)
    assert first.stop["visible"] and not last.stop["visible"] and sentences.EDITING_FOUR in first.several
    assert frames and all(sentences.EDITING_FOUR in frame.several for frame in frames)
    figures = re.findall(r"<figure.*?</figure>", last.several, re.DOTALL)
    assert [f"Edit {number}" in figure for number, figure in enumerate(figures, 1)] == [True] * 4
    kept = edited.reading.explanation
    several = edits.explainer.counterfactual(
        kept.cell, kept.edit.labels[kept.edit.target[0]], 0, Strength(2, 1.0), variants=4
    )
    pictures, turned = shown(last.several), several.variants_flipped[0]
    for own, (pixels, passes) in enumerate(zip(several.variants[0], turned, strict=True)):
        assert np.array_equal(pictures[2 * own], like(pixels, kept.cell, 256))
        assert ("Changes both verdicts" in figures[own]) == passes != ("Fails the check" in figures[own])
        assert all(alt for alt in re.findall(r'alt="([^"]*)"', figures[own]))
    assert len({picture.tobytes() for picture in pictures}) == 8  # four cells, each with its own map
    assert edits.redraw(edited.reading, 0, 90, False).several == gr.skip()
    assert last.reading == gr.skip()  # reports hold the edit above


def test_the_change_map_is_redrawn_from_the_kept_difference(callbacks, edits, cell, monkeypatch):
    *_, edited = edits.flip(explained(callbacks, cell).reading)
    monkeypatch.setattr(edits.explainer, "stream", None)  # nothing is edited again

    def drawn(*wishes):
        return np.asarray(edits.redraw(edited.reading, *wishes).change["value"]).astype(int)

    plain = drawn(0, 90, False)
    assert np.array_equal(plain, np.asarray(edited.change["value"]))
    gray = drawn(0, 0, False)
    assert (np.ptp(gray, axis=2) <= 2).all() and np.ptp(plain, axis=2).max() > 60
    assert np.array_equal(drawn(255, 90, False), gray)  # no change is that large
    assert "hidden" not in edited.change_scale
    assert "changes below 20 are hidden" in edits.redraw(edited.reading, 20, 90, False).change_scale
    coloured = [(np.ptp(drawn(level, 90, False), axis=2) > 8).sum() for level in (0, 10, 20)]
    assert coloured[0] > coloured[1] >= coloured[2]
    outline = (drawn(0, 0, True) != gray).any(axis=2)
    assert 0.001 < outline.mean() < 0.3 and outline.any(axis=0).mean() < 1
    assert np.array_equal(drawn(None, None, None), plain)
    assert edits.redraw(None, 0, 90, False) == View()


def test_a_new_map_is_drawn_as_the_controls_stand(callbacks, edits, cell):
    reading = explained(callbacks, cell).reading
    for wishes in ((25, 40, True), (0, 90, False)):
        *_, edited = edits.flip(reading, sentences.FIXED, 2, 2.0, *wishes)
        again = edits.redraw(edited.reading, *wishes)
        assert np.array_equal(np.asarray(edited.change["value"]), np.asarray(again.change["value"]))
        other = edits.redraw(edited.reading, *((0, 90, False) if wishes[2] else (25, 40, True)))
        assert not np.array_equal(np.asarray(edited.change["value"]), np.asarray(other.change["value"]))
