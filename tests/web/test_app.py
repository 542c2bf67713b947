"""The app without a browser: what its callbacks show, the words, the settings, and the endpoints for programs."""

import base64
import io
import json
import re
import zipfile
from dataclasses import replace
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import gradio as gr
import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

import app
import jdm_core.explain.explainer as explainer_module
from jdm_core import Explainer
from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.cli import main as command_line
from jdm_core.explain.edit import EditSettings, Strength
from jdm_core.report.words import ENGLISH, outcome
from web.compute.shared import SharedExplainer
from web.one_cell.callbacks import Callbacks
from web.one_cell.checks import changed, check_panel
from web.one_cell.downloads import Downloads
from web.one_cell.edits import Edits
from web.one_cell.panels import verdict_panel
from web.one_cell.view import View
from web.page import LAUNCH, build_page, figures
from web.parts.charts import _ticks, elbo_chart, elbo_panel, legend
from web.parts.pictures import like, marked
from web.settings import read_settings
from web.words import sentences

LABELS = ("Parasitized", "Uninfected")
QUICK = EditSettings(steps=3, time=0.6, ladder=(Strength(2, 1.0), Strength(3, 2.0)))
pytestmark = pytest.mark.filterwarnings("ignore:::gradio.queueing")
REASON = "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"


@pytest.fixture(scope="module")
def explainer():
    loaded = Explainer.load(device="cpu")
    loaded.edit = QUICK
    return loaded


@pytest.fixture
def callbacks(explainer):
    return Callbacks(explainer)


@pytest.fixture
def edits(explainer):
    return Edits(explainer)


@pytest.fixture(scope="module")
def cell(tmp_path_factory) -> Path:
    """A drawn cell, wider than high, with a stained spot."""
    y, x = np.mgrid[:90, :120]
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[((x - 60) / 56) ** 2 + ((y - 45) / 42) ** 2 < 1] = (226, 180, 178)
    pixels[(x - 75) ** 2 + (y - 40) ** 2 < 60] = (110, 60, 130)
    path = tmp_path_factory.mktemp("cells") / "drawn cell.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="module")
def bad(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("cells") / "notes.png"
    path.write_text("no image at all")
    return path


@pytest.fixture(scope="module")
def large(cell, tmp_path_factory) -> Path:
    """The drawn cell with more pixels than the page keeps."""
    path = tmp_path_factory.mktemp("cells") / "large.png"
    Image.open(cell).resize((1560, 1170), Image.Resampling.NEAREST).save(path)
    return path


@pytest.fixture(scope="module")
def client(explainer):
    blocks = build_page(SharedExplainer(explainer))
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1", **LAUNCH)
    yield Client(url, verbose=False)
    blocks.close(verbose=False)


def upload(path: Path, name: str | None = None) -> dict[str, str]:
    return {"path": str(path), "orig_name": name or path.name}


def text_of(html: str) -> str:
    """What HTML says, on one line."""
    return re.sub(r"[ \n]+", " ", unescape(re.sub(r"<[^>]*>", " ", html))).strip()


def shown(html: str) -> list[Image.Image]:
    """The pictures that HTML carries."""
    return [Image.open(io.BytesIO(base64.b64decode(data))) for data in re.findall(r"base64,([^\"]+)", html)]


@pytest.fixture(autouse=True)
def drawn_cells_are_cells(monkeypatch):
    """The drawn cell is none to the model; what follows from that has tests of its own."""
    monkeypatch.setattr(explainer_module, "LIMIT", np.inf)


def explained(callbacks, cell):
    *_, last = callbacks.explain(upload(cell), 8, 0)
    return last


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
    monkeypatch.setattr(explainer_module, "LIMIT", 0.0)
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


def test_edit_shows_frames_and_then_the_checked_result(callbacks, edits, cell, monkeypatch):
    monkeypatch.setattr("web.one_cell.edits.FRAMES_PER_SECOND", 1000)
    view = explained(callbacks, cell)
    first, *frames, last = (edits.remove if view.remove["interactive"] else edits.add)(view.reading)
    assert first.stop["visible"] and not first.remove["interactive"] and not first.add["interactive"]
    assert re.search(r"attempt 1 of 2, guidance 1, step \d of 2; at most \d+ s left", frames[0].progress)
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
    assert edits._strength(sentences.SMALLEST, 2, 1.5) is None and edits._strength(None, None, None) is None
    assert edits._strength(sentences.FIXED, 99, -3) == Strength(3, 0.0)  # what the page does not offer is not followed


def test_variants_are_weaker_and_stronger_than_the_edit(callbacks, edits, cell):
    *_, edited = edits.flip(explained(callbacks, cell).reading, sentences.FIXED, 2, 1.0)
    first, *_, last = edits.variants(edited.reading)
    assert first.stop["visible"] and not last.stop["visible"] and sentences.TWO_MORE in first.strengths
    figures = re.findall(r"<figure.*?</figure>", last.strengths, re.DOTALL)
    assert ["Weaker" in figures[0], "As above" in figures[1], "Stronger" in figures[2]] == [True] * 3
    assert [re.search(r"Guidance ([\d.]+)\.", figure)[1] for figure in figures] == ["0.5", "1", "1.5"]
    moved = [float(re.search(r"moved by ([\d.]+) of 255", figure)[1]) for figure in figures]
    assert moved[0] < moved[1] < moved[2]
    for figure in figures:
        assert sum(words in figure for words in ("Changes both", "Does not change both verdicts")) == 1
        assert "of the cell changed visibly" in figure and all(alt for alt in re.findall(r'alt="([^"]*)"', figure))
    assert len({picture.tobytes() for picture in shown(last.strengths)}) == 6
    assert edits.redraw(edited.reading, 0, 90, False).strengths == gr.skip()


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


def test_the_archive_holds_pictures_and_json_and_the_pdf_is_one(callbacks, cell):
    reading = explained(callbacks, cell).reading
    downloads = Downloads(callbacks.explainer)
    busy, done = downloads.archive(reading)
    assert busy.archive["value"] == sentences.PREPARING and done.archive["value"] == sentences.FILES
    with zipfile.ZipFile(done.archive_file["value"]) as archive:
        names = {Path(name).name for name in archive.namelist() if not name.endswith("/")}
    assert {"drawn_cell.json", "drawn_cell.pdf", "drawn_cell_original.png", "drawn_cell_evidence.png"} <= names
    *_, done = downloads.pdf(reading)
    assert Path(done.pdf_file["value"]).name == "drawn_cell.pdf"
    assert Path(done.pdf_file["value"]).read_bytes().startswith(b"%PDF")


def test_the_report_tells_how_the_cell_was_come_by(callbacks, bright, large):
    told = {}
    for path in (bright, large):
        *_, done = Downloads(callbacks.explainer).archive(explained(callbacks, path).reading)
        with zipfile.ZipFile(done.archive_file["value"]) as archive:
            told[path] = json.loads(archive.read(f"{path.stem}.json"))
    assert told[bright]["found"] == "cut out" and "put on black" in told[bright]["found_note"]
    assert told[large]["found"] == "as given" and told[large]["reduced_from"] == {"height": 1170, "width": 1560}


def test_every_field_of_a_view_is_on_the_page(explainer):
    ids = {block.elem_id for block in build_page(explainer).blocks.values()}
    assert {*View._fields} - {"reading"} <= ids
    assert {"as-given", "mode", "start", "guidance", "threshold", "opacity", "border"} <= ids


@pytest.mark.parametrize(
    ("head", "posterior", "title"),
    [
        ([0.97, 0.03], [0.9, 0.1], "Parasitized 97\u00a0%"),
        ([0.97, 0.03], None, "Parasitized 97\u00a0%"),
        ([0.38, 0.62], [0.1, 0.9], "Unclear: the classifier is not sure (62\u00a0% Uninfected)"),
        ([0.97, 0.03], [0.4, 0.6], "The two verdicts disagree"),
        ([0.0, 1.0], [0.001, 0.999], "Uninfected >99\u00a0%"),
    ],
)
def test_verdict_in_words(head, posterior, title):
    verdict = sentences.verdict(LABELS, head, posterior, 0.8)
    assert verdict.title == title
    assert (verdict.tone == "unsure") == title.startswith(("Unclear", "The two"))


def test_an_unfamiliar_picture_gets_no_verdict(callbacks, cell):
    verdict = sentences.verdict(LABELS, [0.97, 0.03], [0.9, 0.1], 0.8, familiar=False)
    assert verdict.title == "This does not look like a stained red cell" and verdict.tone == "unsure"
    assert "its figures mean nothing." in verdict.detail and "%" not in verdict.detail
    prediction = callbacks.explainer.predict(cell)
    for familiar, says_so in (([False], True), ([True], False)):
        strange = SimpleNamespace(probabilities=prediction.probabilities, familiar=familiar)
        assert ("does not look like" in verdict_panel(callbacks.explainer, "x.png", strange, None, ENGLISH)) == says_so


ELBO = np.array([-25000.0, -25559.8]), np.array([700.0, 650.0])


@pytest.mark.parametrize(
    ("difference", "error", "figure", "says"),
    [
        (559.8, 57.2, "+560 ± 57", "It points the other way from the likelihood verdict (Uninfected 98\u00a0%)"),
        (-1559.8, 57.2, "−1\u202f560 ± 57", "The likelihood verdict reads only the noise levels that tell the"),
        (0.44, 0.09, "+0.4 ± 0.1", "It points the other way"),
        (20.0, 57.2, "+20 ± 57", "A difference within twice its error says nothing. The likelihood verdict reads"),
    ],
)
def test_the_elbo_is_a_figure_beside_the_verdict_and_none_itself(difference, error, figure, says):
    panel = elbo_panel(LABELS, *ELBO, (difference, error), 32, ENGLISH, [0.02, 0.98])
    words = text_of(panel)
    assert words.startswith(f"ELBO under each class ELBO, Parasitized less Uninfected: {figure} nats {says}")
    assert "Uninfected 98\u00a0%" in words and "likelier" not in words and "32 paired draws." in words
    assert ("the one that counts. ± is the noise of the random draws" in words) == ("other way" in says)


def test_chart_draws_the_likelier_class_on_the_right():
    assert 'aria-label="Parasitized +5, Uninfected −5 nats' in elbo_chart(LABELS, 10.0, 2.0)
    assert 'aria-label="Parasitized −5.0, Uninfected +5.0' in elbo_chart(LABELS, -10.0, 0.5)
    assert "http:" not in elbo_chart(LABELS, 0.0, 0.0)


def test_the_chart_stands_where_the_numbers_are():
    chart = elbo_chart(("<first>", "second"), 10.0, 2.0)
    root = ElementTree.fromstring(chart)
    circle, square = float(root.find(".//circle").get("cx")), float(root.find(".//rect").get("x")) + 6
    axis = [float(text.get("x")) for text in root.iter("text") if text.text in ("−5", "0", "5")]
    assert axis == pytest.approx([square, (circle + square) / 2, circle], abs=0.1)  # −5 and +5 about the mean
    bar = re.search(r"M([\d.]+) 26H([\d.]+)", chart)  # from 4 to 6
    assert float(bar[2]) - float(bar[1]) == pytest.approx((circle - square) / 5, abs=0.2)
    assert [_ticks(reach) for reach in (0.9, 8, 2500)] == [[-0.5, 0, 0.5], [-5, 0, 5], [-2000, -1000, 0, 1000, 2000]]


THRESHOLDS = Thresholds(unsure_below=0.8, flip_head=0.9, flip_posterior=0.5)


@pytest.mark.parametrize(
    ("head", "posterior", "reason", "caption"),
    [
        (
            0.74,
            0.99,
            "the classifier gives 74\u00a0%, and 90\u00a0% is needed",
            "Changes both, but the classifier only to 74\u00a0%",
        ),
        (
            0.6,
            0.3,
            "the classifier gives 60\u00a0%, and 90\u00a0% is needed; the likelihood gives 30\u00a0%, "
            "and 50\u00a0% is needed",
            "Does not change both verdicts",
        ),
        (
            0.8996,
            0.9,
            "the classifier gives 89.9\u00a0%, and 90\u00a0% is needed",
            "Changes both, but the classifier only to 89.9\u00a0%",
        ),
        (
            0.95,
            0.9,
            "at the cell’s own resolution the classifier stays below 90\u00a0%",
            "Changes both, but not at the cell’s own resolution",
        ),
    ],
)
def test_an_edit_that_falls_short_says_by_how_much_and_no_less(head, posterior, reason, caption):
    words = outcome(False, "Uninfected", head, posterior, THRESHOLDS)
    assert words == f"Not convincing: {reason}. Do not take this picture as an explanation."
    assert changed(False, head, posterior, THRESHOLDS, ENGLISH) == caption


def test_the_border_of_a_region_is_drawn_on_it_alone():
    region = np.zeros((50, 100), bool)
    region[10:40, 20:60] = True
    picture = marked(Image.new("RGB", (200, 100), (9, 99, 200)), region)
    pixels = np.asarray(picture)
    assert pixels[50, 100].tolist() == pixels[2, 2].tolist() == [9, 99, 200]
    assert pixels[50, 41].tolist() == [0, 0, 0] and pixels[50, 38].tolist() == [255, 255, 255]


def test_legend_has_its_unit():
    assert "of 255" in legend("a", "b", "c", "of 255") and 'class="unit"' not in legend("a", "b", "c")


def test_check_tells_before_from_after(explainer, callbacks, cell):
    reading = explained(callbacks, cell).reading.explanation
    edit = explainer.counterfactual(reading.cell)
    thresholds = Thresholds(unsure_below=0.8, flip_head=0.97, flip_posterior=0.42)
    short = replace(edit, flipped=np.array([False]), probabilities=np.array([[0.3, 0.3]]))
    advised = check_panel(reading, short, thresholds, 2)
    assert "You can try another seed or a fixed strength." in advised
    assert "another strength" in check_panel(reading, short, thresholds, 1)
    assert "30\u00a0% 97\u00a0%: no" in text_of(advised) and "42\u00a0%: " in advised
    panel = check_panel(reading, edit, explainer.checkpoint.thresholds, 2)
    target = int(edit.target[0])
    for numbers in (reading.prediction.probabilities, edit.probabilities, reading.elbo.posterior, edit.posterior):
        assert f"<td>{ENGLISH.percent(float(numbers[0, target]))}</td>" in unescape(panel)


def test_footer_gives_the_figures_with_their_test_set():
    head = {"accuracy": 0.968, "auroc": 0.9934}
    words = figures({"test_set": "test slides of a.zip", "n": 4394, "slides": 34, "head": head})
    rest = ": Classifier 97\u00a0% right, AUROC 0.993."
    assert words == f"Tested on 4,394 cells of 34 slides not used in training{rest}"
    words = figures({"test_set": "all slides of a.zip", "n": 400, "slides": 40, "head": head})
    assert words == f"Tested on 400 cells of 40 slides (all slides of a.zip){rest}"
    assert "No test figures" in figures({})


def test_an_unknown_checkpoint_is_one_line(capsys):
    assert app.main(["--checkpoint", "nothing"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "nothing" in error and error.count("\n") == 1


def test_a_checkpoint_of_other_labels_is_refused_in_one_line(capsys, monkeypatch):
    monkeypatch.setattr("web.__main__.serve", lambda *_: pytest.fail("it is served"))
    assert app.main(["--checkpoint", "mnist-28", "--device", "cpu"]) == 1
    error = capsys.readouterr().err
    assert (
        error.startswith("error: checkpoint: mnist-28 has 10 labels and images of 1 channel,")
        and error.count("\n") == 1
    )


def test_settings_come_from_the_environment(monkeypatch):
    for name, value in {
        "GRADIO_SERVER_NAME": "0.0.0.0",
        "GRADIO_SERVER_PORT": "7999",
        "PLASMOLENS_CHECKPOINT": "other",
    }.items():
        monkeypatch.setenv(name, value)
    options = read_settings([])
    assert (options.host, options.port, options.checkpoint) == ("0.0.0.0", 7999, "other")
    assert read_settings(["--port", "8001"]).port == 8001


def test_only_the_named_endpoints_are_public(client):
    assert set(client.view_api(return_format="dict")["named_endpoints"]) == {"/predict", "/explain", "/edit"}


def test_predict_endpoint(client, cell, explainer):
    result = client.predict(handle_file(cell), api_name="/predict")
    prediction = explainer.predict(cell)
    assert result["file"] == "drawn cell.png"
    assert result["label"] == LABELS[prediction.probabilities[0].argmax()]
    assert list(result["probabilities"].values()) == pytest.approx(prediction.probabilities[0].tolist(), abs=1e-4)
    assert {"elbo", "elbo_difference", "elbo_difference_standard_error", "posterior"} <= result.keys()
    assert result["draws"] == 16


@pytest.mark.parametrize("as_given", [False, True])
def test_the_endpoints_read_the_picture_that_the_command_line_reads(client, bright, as_given, capsys):
    given = ["--as-given"] if as_given else []
    assert command_line(["predict", str(bright), "--json", "--device", "cpu", "--draws", "16", *given]) == 0
    told = json.loads(capsys.readouterr().out)
    result = client.predict(handle_file(bright), as_given, api_name="/predict")
    assert result.keys() == told.keys() and result["found"] == told["found"] == ("as given" if as_given else "cut out")
    for key in ("verdict", "label", "familiar", "found_note"):
        assert result.get(key) == told.get(key)
    assert result["probabilities"] == pytest.approx(told["probabilities"], abs=1e-4)
    assert result["posterior"] == pytest.approx(told["posterior"], abs=1e-4)
    (explained, picture), (edited, *_) = (
        client.predict(handle_file(bright), api_name=name, as_given=as_given) for name in ("/explain", "/edit")
    )
    assert explained["found"] == edited["found"] == told["found"] and explained["label"] == told["label"]
    assert edited["familiar"] == told["familiar"]
    assert Image.open(picture).size == ((512, 455) if as_given else (512, 512))


def test_the_endpoints_say_when_they_reduce_a_picture(client, large, cell):
    size = {"height": 1170, "width": 1560}
    assert client.predict(handle_file(large), api_name="/predict")["reduced_from"] == size
    assert client.predict(handle_file(large), api_name="/edit")[0]["reduced_from"] == size
    assert "reduced_from" not in client.predict(handle_file(cell), api_name="/predict")


def test_explain_endpoint_gives_the_evidence_map(client, cell):
    result, evidence = client.predict(handle_file(cell), api_name="/explain")
    assert result["posterior"].keys() == set(LABELS)
    with Image.open(evidence) as picture:
        assert (picture.format, picture.size) == ("PNG", (512, 384))


def test_edit_endpoint(client, cell):
    other = {"Parasitized": "Uninfected", "Uninfected": "Parasitized"}
    target = other[client.predict(handle_file(cell), api_name="/predict")["label"]]
    result, picture, change = client.predict(handle_file(cell), target, api_name="/edit")
    assert result["target"] == target and isinstance(result["flipped"], bool) and result["settings"]["attempts"] > 0
    assert Image.open(picture).size == Image.open(change).size == (512, 384)


def test_endpoints_name_bad_files_and_targets(client, bad, cell):
    with pytest.raises(AppError, match=f"notes.png: {REASON}"):
        client.predict(handle_file(bad), api_name="/predict")
    with pytest.raises(AppError, match="target: 'Nonsense'"):
        client.predict(handle_file(cell), "Nonsense", api_name="/edit")
    with pytest.raises(AppError, match="file: none given"):
        client.predict(None, api_name="/predict")


def test_a_file_of_the_server_cannot_be_read(client, cell):
    """Unlike a file that the client's library uploads, one that a request merely names must be refused."""
    for data in ({"path": str(cell), "meta": {"_type": "gradio.FileData"}}, {"path": str(cell)}):
        with httpx.Client(base_url=f"{client.src.rstrip(chr(47))}/gradio_api/call/") as web:
            event = web.post("v2/predict", json={"file": data}).json()["event_id"]
            answer = web.get(f"predict/{event}").text
        assert "event: error" in answer and "probabilities" not in answer


def test_the_theme_brings_no_fonts_of_others():
    theme = LAUNCH["theme"]
    assert isinstance(theme, gr.themes.Base) and theme._stylesheets == [] and theme._font_css == []
