"""What the callbacks show of a cell: verdict, likelihoods, maps, what was found, and what is refused."""

import re

import gradio as gr
import numpy as np
import pytest
from PIL import Image

import jdm_core.checkpoint.kinds as kinds_module
from jdm_core.checkpoint.red_cells import RedCells
from tests.support.one_cell import LABELS, REASON, explained, text_of, upload
from web.parts.pictures import like
from web.words import sentences

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


def test_explain_shows_the_head_at_once_and_then_everything(callbacks, cell):
    first, last = callbacks.explain(upload(cell), 16, 3)
    assert sentences.WORKING in first.verdict and "drawn cell.png" in first.verdict
    assert first.reading is None and not first.remove["interactive"] and not first.add["interactive"]
    assert first.results["visible"] and not first.intro["visible"]
    assert last.reading.seed == 3 and last.reading.explanation.elbo.draws == 16
    assert sentences.WORKING not in last.verdict and "16 paired draws" in last.elbo
    assert first.cell["value"].size == last.evidence["value"].size == (512, 384)  # in the cell's proportions
    assert "drawn cell.png" in first.cell["alt_text"] and "drawn cell.png" in last.evidence["alt_text"]


def test_again_explains_the_same_cell_with_other_settings(callbacks, cell):
    reading = explained(callbacks, cell).reading
    *_, view = callbacks.again(reading, 16, 1)
    assert view.reading.explanation.file == "drawn cell.png"
    assert np.array_equal(view.reading.upload, reading.upload)
    assert (view.reading.explanation.elbo.draws, view.reading.seed) == (16, 1)
    (view,) = callbacks.again(None, 16, 1)
    assert sentences.LOST in view.status


def test_a_cell_in_matched_colours_is_read_and_edited_in_them_and_shown_in_its_own(callbacks, edits, cell, explainer):
    *_, given = callbacks.explain(upload(cell), 8, 0)
    *_, view = callbacks.explain(upload(cell), 8, 0, False, True)
    explanation = view.reading.explanation
    assert (given.reading.explanation.colours, explanation.colours) == ("as given", "matched")
    expected = explainer.predict(cell, colours="matched").probabilities
    np.testing.assert_allclose(explanation.prediction.probabilities, expected, atol=1e-5)
    assert np.abs(expected - given.reading.explanation.prediction.probabilities).max() > 1e-6
    *_, edited = edits.flip(view.reading)
    edit = edited.reading.explanation.edit
    assert np.array_equal(edit.original[0], explainer.model_view(cell))
    *_, back = callbacks.again(view.reading, 8, 0)
    assert back.reading.explanation.colours == "as given"


def test_what_a_browser_cannot_show_is_shown_as_png(callbacks, cell, tmp_path):
    path = tmp_path / "cell.TIF"
    Image.open(cell).save(path)
    first, last = callbacks.explain(upload(path), 8, 0)
    assert first.upload.size == (512, 384) and first.reading is None and last.upload == gr.skip()
    assert next(callbacks.explain(upload(cell), 8, 0)).upload == gr.skip()


def test_only_the_edit_away_from_the_verdict_is_on_offer(callbacks, cell):
    view = explained(callbacks, cell)
    says = LABELS[view.reading.explanation.prediction.probabilities[0].argmax()]
    assert view.remove["interactive"] == (says == "Parasitized")
    assert view.add["interactive"] == (says == "Uninfected")
    assert view.flip["interactive"] and view.flip["variant"] == "primary"
    assert view.reason.startswith(f"The classifier says {says}, so a parasite can be ")
    assert ("removed" in view.reason) == (says == "Parasitized")
    assert next(callbacks.explain(upload(cell), 8, 0)).anyway["open"] and 'class="readings"' in view.verdict
    assert view.strange == ""


def test_a_picture_that_is_no_cell_gets_no_edit_and_its_figures_folded(callbacks, edits, cell, monkeypatch):
    monkeypatch.setattr(kinds_module, "LIMIT", 0.0)
    monkeypatch.setattr(RedCells, "found_in", lambda self, squares: np.zeros(len(squares), bool))
    first, last = callbacks.explain(upload(cell), 8, 0)
    for view in (first, last):
        assert text_of(view.verdict).startswith("drawn cell.png This does not look like a stained red cell The model")
        assert "%" not in view.verdict and "tone-" not in view.verdict
        assert 'class="readings muted"' in view.strange  # among the folded figures
        assert [view.flip["interactive"], view.remove["interactive"], view.add["interactive"]] == [False] * 3
    assert first.anyway["open"] is False and first.cell["label"] == "The picture"
    assert last.reason == sentences.NO_EDIT and last.anyway == gr.skip()
    after = edits.stop(last.reading)
    assert not after.flip["interactive"] and after.reason == sentences.NO_EDIT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("notes.png", "notes.png"),
        ("/home/someone/notes.png", "notes.png"),
        ("C:\\Users\\someone\\notes.png", "notes.png"),
        ("<img src=x onerror=alert(1)>.png", "&lt;img src=x onerror=alert(1)&gt;.png"),
    ],
)
def test_a_bad_upload_is_named_with_its_reason_and_clears_the_page(callbacks, bad, name, shown):
    (view,) = callbacks.explain(upload(bad, name), 32, 0)
    assert f'role="alert">{shown}: {REASON}<' in view.status
    assert str(bad.parent) not in view.status
    assert view.upload is None and view.reading is None and view.verdict == ""
    assert not view.results["visible"] and view.intro["visible"]


def test_an_upload_that_is_gone_is_an_error_without_the_path_of_the_server(callbacks, tmp_path):
    (view,) = callbacks.explain(upload(tmp_path / "gone.png", "mine.png"), 32, 0)
    assert "mine.png: cannot be read" in view.status and str(tmp_path) not in view.status


def test_no_upload_shows_the_empty_page(callbacks):
    assert list(callbacks.explain(None, 32, 0)) == [callbacks.clear()]


@pytest.mark.parametrize(("draws", "seed"), [(None, None), (10**9, -5)])
def test_settings_that_the_page_does_not_offer_are_not_followed(callbacks, cell, draws, seed):
    *_, view = callbacks.explain(upload(cell), draws, seed)
    assert view.reading.explanation.elbo.draws == 32 and view.reading.seed == 0


def test_a_cell_on_a_bright_ground_is_found_unless_the_picture_is_to_be_taken_as_it_is(callbacks, bright):
    path, pixels = bright, np.asarray(Image.open(bright))
    first, last = callbacks.explain(upload(path), 8, 0)
    assert first.found["visible"] and "bright.png" in first.outline["alt_text"] and "put on black" in first.found_note
    found = np.asarray(first.outline["value"]).astype(int)
    differs = np.abs(found - np.asarray(like(pixels, pixels)).astype(int)).max(axis=2) > 20
    rows, columns = differs.nonzero()
    scale = 512 / 180
    assert rows.min() / scale == pytest.approx(30, abs=5) and columns.max() / scale == pytest.approx(140, abs=5)
    assert last.reading.explanation.cell[0, 0].tolist() == [0, 0, 0]
    *_, given = callbacks.again(last.reading, 8, 0, True)
    assert np.array_equal(given.reading.explanation.cell, pixels)
    first, last = callbacks.explain(upload(path), 8, 0, True)
    assert not first.found["visible"] and first.found_note == ""


@pytest.mark.parametrize("as_given", [False, True])
def test_a_large_cell_is_reduced_and_the_page_says_so(callbacks, edits, large, as_given):
    first, last = callbacks.explain(upload(large), 8, 0, as_given)
    assert last.reading.explanation.cell.shape == (768, 1024, 3) and last.reading.upload.shape == (1170, 1560, 3)
    for view in (first, last):
        assert "reported at 1024 × 768 pixels; in the upload it has 1560 × 1170." in text_of(view.verdict)
    *_, edited = edits.flip(last.reading)
    assert edited.reading.explanation.edit.full_resolution[0].shape == (768, 1024, 3)


def test_a_cell_that_is_not_large_stays_bit_for_bit(callbacks, cell):
    view = explained(callbacks, cell)
    assert np.array_equal(view.reading.explanation.cell, np.asarray(Image.open(cell))) and "pixels" not in view.verdict


def test_gradient_saliency_on_request(callbacks, cell):
    view = explained(callbacks, cell)
    assert view.gradient["visible"] and not view.saliency["visible"]
    asked = callbacks.gradient(view.reading, sentences.GRADIENT)
    assert asked.saliency["value"].size == (512, 384) and "drawn cell.png" in asked.saliency["alt_text"]
    assert "strong gradient" in asked.saliency_scale and asked.gradient["value"] == sentences.NO_GRADIENT
    back = callbacks.gradient(view.reading, sentences.NO_GRADIENT)
    assert not back.saliency["visible"] and back.saliency_scale == "" and back.gradient["value"] == sentences.GRADIENT
    assert sentences.LOST in callbacks.gradient(None, None).status


def test_pictures_say_in_words_what_they_show(callbacks, edits, cell):
    view = explained(callbacks, cell)
    elbo = view.reading.explanation.elbo
    speaks = LABELS[int(elbo.evidence[0].sum() < 0)]
    assert f"on the whole it speaks for {speaks}, most strongly at " in view.evidence["alt_text"]
    assert re.search(r"full colour: [\d.]+ log-odds per pixel", view.evidence_scale)
    *_, edited = edits.flip(view.reading)
    moved = edited.reading.explanation.edit.difference[0].mean(axis=2)
    row = np.unravel_index(np.abs(moved).argmax(), moved.shape)[0]
    third = ("top", "middle", "bottom")[3 * row // 64]
    assert f"most at {third} " in edited.change["alt_text"]
    full = round(255 * edits.explainer.draw.difference_scale(edited.reading.explanation.edit.difference[0]))
    assert f"−{full}: now darker" in edited.change_scale and "of 255" in edited.change_scale
