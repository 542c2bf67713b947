"""What the callbacks show of a cell: verdict, likelihoods, maps, what was found, and what is refused."""

import re
from html import unescape

import numpy as np
import pytest
from PIL import Image

import jdm_core.checkpoint.kinds as kinds_module
from jdm_core.checkpoint.red_cells import RedCells
from jdm_core.report.words import ENGLISH
from tests.support.one_cell import LABELS, REASON, explained, shown, text_of, upload
from web.one_cell.stage import evidence_tile
from web.parts.pictures import like
from web.words import sentences

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


def test_explain_shows_the_head_at_once_and_then_everything(callbacks, cell):
    first, last = callbacks.explain(upload(cell), 16, 3)
    assert sentences.WORKING in first.verdict and "drawn cell.png" in first.verdict
    assert first.reading is None and not first.flip["visible"] and last.flip["visible"]
    assert first.results["visible"] and not first.intro["visible"]
    assert last.reading.seed == 3 and last.reading.explanation.elbo.draws == 16
    assert sentences.WORKING not in last.verdict and "16 paired draws" in last.elbo
    pixels, (base, layer) = np.asarray(Image.open(cell)), shown(last.evidence)
    assert np.array_equal(shown(first.cell)[0], pixels) and np.array_equal(base, pixels)  # to the last bit
    assert layer.mode == "RGBA" and "--ratio:1.3333" in first.cell and "--ratio:1.3333" in last.evidence
    assert "drawn cell.png" in first.cell and "drawn cell.png" in last.evidence
    assert last.said.startswith("drawn cell.png: ") and "%" in last.said and first.said == ""


def test_again_explains_the_same_cell_with_other_settings(callbacks, cell):
    reading = explained(callbacks, cell).reading
    *_, view = callbacks.again(reading, 16, 1)
    assert view.reading.explanation.file == "drawn cell.png"
    assert np.array_equal(view.reading.upload, reading.upload)
    assert (view.reading.explanation.elbo.draws, view.reading.seed) == (16, 1)
    (view,) = callbacks.again(None, 16, 1)
    assert sentences.LOST in view.status


@pytest.mark.slow
def test_a_cell_in_matched_colours_is_read_and_edited_in_them_and_shown_in_its_own(callbacks, edits, cell, explainer):
    *_, given = callbacks.explain(upload(cell), 8, 0)
    *_, view = callbacks.explain(upload(cell), 8, 0, False, True)
    explanation = view.reading.explanation
    assert given.reading.explanation.colours == "as given"
    assert explanation.colours == explainer.measure_colours(cell)
    expected = explainer.predict(cell, colours="matched").probabilities
    np.testing.assert_allclose(explanation.prediction.probabilities, expected, atol=1e-5)
    assert np.abs(expected - given.reading.explanation.prediction.probabilities).max() > 1e-6
    *_, edited = edits.flip(view.reading)
    edit = edited.reading.explanation.edit
    assert np.array_equal(edit.original[0], explainer.model_view(cell))
    *_, back = callbacks.again(view.reading, 8, 0)
    assert back.reading.explanation.colours == "as given"


def test_one_button_is_named_by_what_it_does_to_the_cell(callbacks, cell):
    view = explained(callbacks, cell)
    says = LABELS[view.reading.explanation.prediction.probabilities[0].argmax()]
    words = {"Parasitized": "Show it without the parasite", "Uninfected": "Show what would look infected"}[says]
    assert view.flip["value"] == words and view.flip["visible"]
    first = next(callbacks.explain(upload(cell), 8, 0))
    assert f"Press “{words}”." in first.edited and f"Press “{words}”." in first.change
    assert 'class="readings"' in view.figures


def test_a_picture_that_is_no_cell_gets_no_edit_and_its_figures_folded(callbacks, edits, cell, monkeypatch):
    monkeypatch.setattr(kinds_module, "LIMIT", 0.0)
    monkeypatch.setattr(RedCells, "scores_of", lambda self, squares: np.zeros(len(squares)))
    first, last = callbacks.explain(upload(cell), 8, 0)
    for view in (first, last):
        assert text_of(view.verdict).startswith("drawn cell.png This does not look like a stained red cell The model")
        assert "%" not in view.verdict and "tone-" not in view.verdict
        assert 'class="readings muted"' in view.figures  # among the folded figures
        assert not view.flip["visible"] and view.evidence == ""
    assert "The picture" in first.cell and first.edited == first.change == ""
    assert sentences.NO_EDIT in last.progress and '"alert"' not in last.progress
    after = edits.stop(last.reading)
    assert not after.flip["visible"] and sentences.STOPPED in after.progress


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("notes.png", "notes.png"),
        ("/home/someone/notes.png", "notes.png"),
        ("C:\\Users\\someone\\notes.png", "notes.png"),
        ("<img src=x onerror=alert(1)>.png", "&lt;img src=x onerror=alert(1)&gt;.png"),
    ],
)
def test_a_bad_upload_is_named_with_its_reason_and_clears_the_page(callbacks, bad, name, told):
    (view,) = callbacks.explain(upload(bad, name), 32, 0)
    assert f'role="alert">{told}: {REASON}<' in view.status
    assert str(bad.parent) not in view.status
    assert view.reading is None and view.verdict == ""
    assert not view.results["visible"] and view.intro["visible"]


def test_an_upload_that_is_gone_is_an_error_without_the_path_of_the_server(callbacks, tmp_path):
    (view,) = callbacks.explain(upload(tmp_path / "gone.png", "mine.png"), 32, 0)
    assert "mine.png: there is no such file" in view.status and str(tmp_path) not in view.status


@pytest.mark.slow
@pytest.mark.parametrize(("draws", "seed"), [(None, None), (10**9, -5)])
def test_settings_that_the_page_does_not_offer_are_not_followed(callbacks, cell, draws, seed, monkeypatch):
    monkeypatch.setattr("web.one_cell.callbacks.USUAL_DRAWS", 3)
    *_, view = callbacks.explain(upload(cell), draws, seed)
    assert view.reading.explanation.elbo.draws == 3 and view.reading.seed == 0


@pytest.mark.slow
def test_a_cell_on_a_bright_ground_is_found_unless_the_picture_is_to_be_taken_as_it_is(callbacks, bright):
    path, pixels = bright, np.asarray(Image.open(bright))
    first, last = callbacks.explain(upload(path), 8, 0)
    assert "bright.png" in first.found and "put on black" in first.found
    found = np.asarray(shown(first.found)[0]).astype(int)
    differs = np.abs(found - np.asarray(like(pixels, pixels)).astype(int)).max(axis=2) > 20
    rows, columns = differs.nonzero()
    scale = 512 / 180
    assert rows.min() / scale == pytest.approx(30, abs=5) and columns.max() / scale == pytest.approx(140, abs=5)
    assert last.reading.explanation.cell[0, 0].tolist() == [0, 0, 0]
    *_, given = callbacks.again(last.reading, 8, 0, True)
    assert np.array_equal(given.reading.explanation.cell, pixels)
    first, last = callbacks.explain(upload(path), 8, 0, True)
    assert first.found == ""


@pytest.mark.slow
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
    assert view.gradient["visible"] and view.saliency == ""
    asked = callbacks.gradient(view.reading, sentences.GRADIENT)
    assert shown(asked.saliency)[0].size == (256, 192) and "drawn cell.png" in asked.saliency
    assert "strong gradient" in asked.saliency and asked.gradient["value"] == sentences.NO_GRADIENT
    back = callbacks.gradient(view.reading, sentences.NO_GRADIENT)
    assert back.saliency == "" and back.gradient["value"] == sentences.GRADIENT
    assert sentences.LOST in callbacks.gradient(None, None).status


@pytest.mark.slow
def test_pictures_say_in_words_what_they_show(callbacks, edits, cell):
    view = explained(callbacks, cell)
    elbo = view.reading.explanation.elbo
    speaks = LABELS[int(elbo.evidence[0].sum() < 0)]
    assert f"on the whole it speaks for {speaks}, most strongly at " in view.evidence
    assert re.search(r"changes the odds by a factor of [\d.]+", view.elbo)
    assert "log-odds" not in view.elbo + view.evidence
    *_, edited = edits.flip(view.reading)
    moved = edited.reading.explanation.edit.difference[0].mean(axis=2)
    row = np.unravel_index(np.abs(moved).argmax(), moved.shape)[0]
    third = ("top", "middle", "bottom")[3 * row // 64]
    assert f"most at {third} " in edited.change
    full = round(255 * edits.explainer.draw.difference_scale(edited.reading.explanation.edit.difference[0]))
    assert f"{full} of 255" in edited.change and "stain taken away" in edited.change


def test_a_cell_that_nothing_speaks_against_gets_a_sentence_and_no_gray_square(callbacks, cell):
    one = explained(callbacks, cell).reading.explanation
    flat, spot = np.zeros((64, 64), np.float32), np.zeros((64, 64), np.float32)
    spot[30:34, 30:34] = 1
    for evidence, speaks in ((flat, False), (-spot, False), (spot, True), (spot - 0.02, True)):
        tile = evidence_tile(callbacks.explainer, one.cell, one.file, evidence, ENGLISH)
        assert (sentences.NOTHING_SPEAKS in tile) != speaks
    _, layer = shown(evidence_tile(callbacks.explainer, one.cell, one.file, flat, ENGLISH))
    assert np.asarray(layer)[..., 3].max() == 0


@pytest.mark.slow
def test_the_calls_that_repeat_a_result_give_it_again(callbacks, cell, explainer, monkeypatch):
    """The Python that the page shows is run as it stands."""
    *_, view = callbacks.explain(upload(cell), 16, 3)
    monkeypatch.chdir(cell.parent)
    code = unescape(re.search(r"<code>(.*?)</code>", view.repeat, re.DOTALL)[1])
    lines = [line for line in code.splitlines() if line.startswith("explainer.elbo")]
    elbo = eval(lines[0], {"explainer": explainer})
    np.testing.assert_allclose(elbo.elbo, view.reading.explanation.elbo.elbo, rtol=1e-5)
    assert view.reading.seed == 3 and "seed=3" in code and 'Explainer.load("malaria-64")' in code
