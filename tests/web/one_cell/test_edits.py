"""Edits on the page: frames, stopping, fixed strengths, seeds, several edits, and the map of the change."""

import re
from dataclasses import replace
from html import unescape

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from jdm_core.explain.edit import Strength
from jdm_core.report.words import ENGLISH
from tests.support.one_cell import explained, shown
from web.one_cell.downloads import Downloads
from web.one_cell.kept import STEPS
from web.one_cell.stage import turning
from web.one_cell.view import View
from web.parts.pictures import like
from web.words import sentences

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


@pytest.mark.slow
def test_edit_shows_frames_and_then_the_checked_result(callbacks, edits, cell, monkeypatch):
    monkeypatch.setattr("web.one_cell.edits.FRAMES_PER_SECOND", 1000)
    view = explained(callbacks, cell)
    first, *frames, last = edits.flip(view.reading)
    assert first.stop["visible"] and not first.flip["visible"] and sentences.EDITING in first.edited
    assert re.search(r"attempt 1 of \d, step 1 of \d; at most \d+ s left", frames[0].progress)
    assert "checking what came of it" in frames[-1].progress
    pictures = [shown(frame.edited)[0].tobytes() for frame in frames]
    assert len(set(pictures)) >= 2 and all(len(shown(frame.edited)) == 1 for frame in frames)
    edit, own = last.reading.explanation.edit, view.reading.explanation.cell
    before, after = shown(last.edited)
    assert np.array_equal(before, own) and np.array_equal(after, edit.full_resolution[0])
    assert ("This edit works" in last.check) == bool(edit.flipped[0])
    assert ("Not convincing" in last.check or "Nearly" in last.check) != bool(edit.flipped[0])
    assert not last.stop["visible"] and last.flip["visible"] and last.progress == ""


@pytest.mark.slow
def test_what_is_kept_runs_through_the_strengths(callbacks, edits, cell):
    *_, last = edits.flip(explained(callbacks, cell).reading)
    assert last.animation["visible"]
    *_, made = Downloads(edits.explainer).animation(last.reading)
    with Image.open(made.animation_file["value"]) as kept:
        assert (kept.format, kept.n_frames, kept.size) == ("WEBP", 2 * STEPS, (512, 384 + 22))
        frames = [np.asarray(kept.convert("RGB"), np.int32)[:384] for _ in kept_frames(kept)]
    far = [np.abs(frame - frames[0]).mean() for frame in frames]
    assert far[: STEPS + 1] == sorted(far[: STEPS + 1]) and far[STEPS] == max(far) > far[STEPS // 2] > far[0]


def kept_frames(kept):
    for number in range(kept.n_frames):
        kept.seek(number)
        yield number


@pytest.mark.slow
def test_the_scrubber_says_what_both_verdicts_give_at_each_strength(callbacks, edits, cell):
    *_, last = edits.flip(explained(callbacks, cell).reading)
    edit = last.reading.explanation.edit
    told = re.findall(r'data-share="([\d.]+)"[^>]*>([^<]*)<', last.edited)
    assert [float(share) for share, _ in told] == edit.strengths.tolist() and len(told) == 5
    for (_, words), reached in zip(told, edit.curve[0], strict=True):
        assert all(ENGLISH.percent(float(value)) in unescape(words) for value in reached)
    assert "Classifier: " in last.edited and "Likelihood: " in last.edited


@pytest.mark.parametrize(
    ("reached", "at"),
    [
        ([0.0, 0.2, 0.4, 0.8, 1.0], 0.625),
        ([0.0, 0.9, 0.1, 0.3, 0.7], 0.875),  # what falls back has not turned
        ([0.0, 0.1, 0.2, 0.3, 0.49], None),
        ([0.6, 0.7, 0.8, 0.9, 1.0], 0.0),
    ],
)
def test_a_verdict_turns_where_it_reaches_what_it_must_for_good(reached, at):
    assert turning([0, 0.25, 0.5, 0.75, 1], reached, 0.6 if at == 0.625 else 0.5) == (
        at if at is None else pytest.approx(at)
    )


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
    assert sentences.STOPPED in after.progress and not after.stop["visible"]
    assert after.flip == view.flip and f"Press “{view.flip['value']}”." in after.edited


@pytest.mark.slow
def test_stop_shows_the_edit_before_the_stopped_one_again(callbacks, edits, cell):
    *_, done = edits.flip(explained(callbacks, cell).reading, sentences.FIXED, 2, 1.0)
    edit = edits.flip(done.reading, sentences.FIXED, 3, 2.0)
    running = next(edit)
    next(edit)
    edit.close()
    assert running.check == "" and running.reading == gr.skip()  # out of sight, and kept
    after = edits.stop(done.reading)
    assert sentences.STOPPED_AGAIN in after.progress and after.variants["visible"] and after.reading == gr.skip()
    assert (after.edited, after.change, after.check) == (done.edited, done.change, done.check)


def test_an_edit_without_a_cell_says_so(edits):
    for views in (edits.flip(None), edits.variants(None)):
        (view,) = views
        assert sentences.LOST in view.status


@pytest.mark.slow
def test_flip_is_the_edit_on_offer(callbacks, edits, cell):
    reading = explained(callbacks, cell).reading
    *_, view = edits.flip(reading)
    edit = view.reading.explanation.edit
    assert edit.target[0] == 1 - reading.explanation.prediction.probabilities[0].argmax()


@pytest.mark.slow
def test_a_fixed_strength_is_that_of_the_sliders(callbacks, edits, cell):
    *_, view = edits.flip(explained(callbacks, cell).reading, sentences.FIXED, 2, 1.5)
    settings = view.reading.explanation.edit.settings
    assert (settings["guidance"], settings["attempts"], settings["decoded_steps"]) == ([1.5], [1], [2])
    assert "found at attempt 1" in view.check
    assert edits._strength(sentences.WEAKEST, 2, 1.5) is None and edits._strength(None, None, None) is None
    assert edits._strength(sentences.FIXED, 99, -3) == Strength(3, 0.0)  # what the page does not offer is not followed


@pytest.mark.slow
def test_another_seed_gives_another_edit(callbacks, edits, cell):
    reading = explained(callbacks, cell).reading
    *_, again = callbacks.again(reading, 8, 1)
    edited = []
    for one in (reading, reading, again.reading):
        *_, view = edits.flip(one, sentences.FIXED, 3, 2.0)
        edited.append(view.reading.explanation.edit)
    assert np.array_equal(edited[0].images, edited[1].images) and not np.array_equal(edited[0].images, edited[2].images)
    assert [edit.seed for edit in edited] == [0, 0, 1]


@pytest.mark.slow
def test_the_edit_on_the_page_is_not_made_again(callbacks, edits, cell):
    fixed, stronger = (sentences.FIXED, 3, 2.0), (sentences.FIXED, 3, 1.0)
    *_, first = edits.flip(explained(callbacks, cell).reading, *fixed)
    *_, second = edits.flip(first.reading, *fixed)
    *_, third = edits.flip(second.reading, *stronger)
    one, two, three = (view.reading.explanation.edit for view in (first, second, third))
    assert [edit.seed for edit in (one, two, three)] == [0, 1, 1]  # another strength is another edit already
    assert not np.array_equal(one.images, two.images)
    assert {view.flip["value"] for view in (first, second, third)} == {sentences.ANOTHER}
    assert second.reading.seed == 0 and "Seed 1," in second.check
    assert "draws=8, seed=0)" in second.repeat and "seed=1, variants=4)" in second.repeat
    *_, four = edits.variants(second.reading)
    kept = second.reading.explanation
    several = edits.explainer.counterfactual(kept.cell, two.labels[two.target[0]], 1, Strength(3, 2.0), variants=4)
    assert np.array_equal(shown(four.several)[0], like(several.variants[0][0], kept.cell, 256))
    last = replace(second.reading, explanation=replace(kept, edit=replace(two, seed=2**31 - 1)))
    *_, begun_anew = edits.flip(last, *fixed)
    assert begun_anew.reading.explanation.edit.seed == 0


@pytest.mark.slow
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
        assert np.array_equal(pictures[own], like(pixels, kept.cell, 256))
        assert ("Changes both verdicts" in figures[own]) == passes != ("Fails the check" in figures[own])
        assert all(alt for alt in re.findall(r'alt="([^"]*)"', figures[own]))
    assert len({picture.tobytes() for picture in pictures}) == 4
    assert edits.redraw(edited.reading, 0, False).several == gr.skip()
    assert last.reading == gr.skip()  # reports hold the edit above


@pytest.mark.slow
def test_the_change_map_is_redrawn_from_the_kept_difference(callbacks, edits, cell, monkeypatch):
    *_, edited = edits.flip(explained(callbacks, cell).reading)
    monkeypatch.setattr(edits.explainer, "stream", None)  # nothing is edited again

    def drawn(*wishes):
        return np.asarray(shown(edits.redraw(edited.reading, *wishes).change)[1]).astype(int)

    plain = drawn(0, False)
    assert np.array_equal(plain, np.asarray(shown(edited.change)[1])) and plain[..., 3].max() > 100
    assert drawn(255, False)[..., 3].max() == 0  # no change is that large
    assert "hidden" not in edited.change
    assert "changes below 20 are hidden" in edits.redraw(edited.reading, 20, False).change
    coloured = [(drawn(level, False)[..., 3] > 8).sum() for level in (0, 10, 20)]
    assert coloured[0] > coloured[1] >= coloured[2]
    outline = drawn(255, True)[..., 3] == 255
    assert 0.001 < (drawn(0, True) != plain).any(axis=2).mean() < 0.3 and not outline.all()
    assert np.array_equal(drawn(None, None), plain)
    assert edits.redraw(None, 0, False) == View()


@pytest.mark.slow
def test_a_new_map_is_drawn_as_the_controls_stand(callbacks, edits, cell):
    reading = explained(callbacks, cell).reading
    for wishes in ((25, True), (0, False)):
        *_, edited = edits.flip(reading, sentences.FIXED, 2, 2.0, *wishes)
        assert edited.change == edits.redraw(edited.reading, *wishes).change
        assert edited.change != edits.redraw(edited.reading, *((0, False) if wishes[1] else (25, True))).change
