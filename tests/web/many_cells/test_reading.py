"""Many cells are read together: good files, bad ones, large ones, and a batch that is stopped."""

import csv
import json
import zipfile
from html import escape
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from jdm_core.images.find import prepare
from jdm_core.report.words import ENGLISH
from tests.support.many_cells import png
from web.many_cells import callbacks as batch_callbacks
from web.many_cells import reports as batch_reports
from web.many_cells import run as batch_run
from web.many_cells.callbacks import View
from web.many_cells.layout import add_batch_tab
from web.many_cells.run import Batch
from web.many_cells.uploads import Limits
from web.page import build_page


def test_good_files_are_read_and_bad_ones_say_why(callbacks, explainer, mixed, quick):
    files, contents = mixed
    views = list(callbacks.read(files))
    steps = [view.batch for view in views if isinstance(view.batch, Batch)]
    assert [len(batch.results) for batch in steps] == [0, 2, 4, 5]
    assert "Starting …" in views[0].status and "2 of 5" in views[1].status
    batch, last = steps[-1], views[-1]
    assert [r.item.name for r in batch.done] == ["a.png", "smear/b.png", "=HYPERLINK(1).png"]
    errors = {r.item.name: r.error for r in batch.results if r.error}
    assert errors["notes.png"] == "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"
    assert "damaged, incomplete" in errors["smear/cut.png"]
    expected = explainer.predict([prepare(data).cell for data in contents]).probabilities
    np.testing.assert_allclose([r.head for r in batch.done], expected, atol=1e-5)
    np.testing.assert_allclose([sum(r.posterior) for r in batch.done], 1, atol=1e-5)
    assert "3 cells" in last.status and "2 files could not be read" in last.status
    rows = [view.table for view in views if isinstance(view.table, str)]
    assert all(later.startswith(earlier) for earlier, later in pairwise(rows))  # only ever appended
    assert rows[-1].count("<tr") == 1 + 5 and rows[-1].count("data:image/webp") == 3


@pytest.mark.slow
def test_the_cells_of_large_pictures_are_reduced_at_once_and_in_the_reports(
    callbacks, explainer, cell_files, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_reports, "POSTERIOR_DRAWS", 3)
    Image.open(cell_files[0]).resize((1500, 1400)).save(tmp_path / "large.png")
    sides, predict = [], explainer.predict
    monkeypatch.setattr(
        explainer,
        "predict",
        lambda cells, *colours: sides.extend(max(np.shape(cell)) for cell in cells) or predict(cells, *colours),
    )
    uploads = [{"path": str(tmp_path / "large.png"), "orig_name": "large.png"}]
    *_, batch = (view.batch for view in callbacks.read(uploads) if isinstance(view.batch, Batch))
    *_, last = callbacks.prepare(batch, edits=False)
    assert sides == [1024, 1024]
    with zipfile.ZipFile(last.archive["value"]) as archive:
        assert json.loads(archive.read("large/large.json"))["reduced_from"] == {"height": 1400, "width": 1500}


def test_cells_pass_the_network_together(callbacks, explainer, cell_files, monkeypatch):
    passes = []
    predict = explainer.predict
    monkeypatch.setattr(batch_run, "POSTERIOR_DRAWS", 3)
    monkeypatch.setattr(
        explainer, "predict", lambda cells, *colours: passes.append(len(cells)) or predict(cells, *colours)
    )
    list(callbacks.read([{"path": str(path), "orig_name": path.name} for path in cell_files] * 2))
    assert passes == [len(cell_files) * 2] == [16]


@pytest.mark.slow
def test_a_batch_in_matched_colours_is_matched_as_one(callbacks, explainer, cell_files, quick, tmp_path):
    uploads, cells = [], []
    for i, path in enumerate(cell_files[:3]):
        with Image.open(path) as picture:
            cells.append((np.asarray(picture.convert("RGB")) * [0.5, 0.6, 0.8]).round().astype(np.uint8))
        (tmp_path / f"{i}.png").write_bytes(png(cells[-1]))
        uploads.append({"path": str(tmp_path / f"{i}.png"), "orig_name": f"{i}.png"})
    *_, before, last = callbacks.read(uploads, True)
    expected = explainer.predict(cells, colours="matched").probabilities
    np.testing.assert_allclose([r.head for r in before.batch.done], expected, atol=1e-4)
    assert np.abs(expected - explainer.predict(cells, "as given").probabilities).max() > 1e-3
    lines = list(csv.DictReader(Path(last.csv["value"]).read_text().splitlines()))
    assert [line["colours"] for line in lines] == ["matched"] * 3
    shown = callbacks.explain(before.batch, SimpleNamespace(row=1)).detail
    share = explainer.predict(cells[1:2], colours=before.batch.colours).probabilities[0, 0]
    assert escape(ENGLISH.percent(float(share))) in shown


@pytest.mark.slow
def test_each_line_of_the_csv_says_in_which_colours_its_cell_was_read(callbacks, cell_files, quick, tmp_path):
    uploads = []
    for name, light in (("dark.png", 0.3), ("plain.png", 1.0)):
        with Image.open(cell_files[0]) as picture:
            (tmp_path / name).write_bytes(png((np.asarray(picture.convert("RGB")) * light).round().astype(np.uint8)))
        uploads.append({"path": str(tmp_path / name), "orig_name": name})
    *_, last = callbacks.read(uploads)
    lines = csv.DictReader(Path(last.csv["value"]).read_text().splitlines())
    assert {line["file"]: line["colours"] for line in lines} == {"dark.png": "matched", "plain.png": "as given"}


def test_a_stopped_batch_keeps_what_was_done(callbacks, mixed, quick):
    running = callbacks.read(mixed[0])
    next(running)
    batch = next(running).batch
    running.close()
    view = callbacks.stop(batch)
    assert "Stopped. What was done stays: 1 cell: " in view.status and not view.stop["visible"]
    lines = list(csv.DictReader(Path(view.csv["value"]).read_text().splitlines()))
    assert [line["file"] for line in lines] == ["a.png", "notes.png"]
    assert callbacks.stop(None).batch is None


@pytest.mark.slow
def test_what_the_tab_says_is_in_the_language_of_the_request(callbacks, mixed, quick):
    request = SimpleNamespace(headers={"accept-language": "pt-BR"})
    *_, before, last = callbacks.read(mixed[0], False, request)
    assert "3 células (" in last.status and "2 arquivos não puderam ser lidos" in last.status
    assert "Classificador: Parasitada" in before.table and "não lido" in before.table
    (verdict, *_) = before.batch.done
    assert verdict.verdict in ("Parasitized", "Uninfected", "Unclear")  # as in the CSV, whatever the page says
    shown = callbacks.explain(before.batch, SimpleNamespace(row=0), request).detail
    assert "O que indica um parasita" in shown and "Verossimilhança" in shown


@pytest.mark.slow
def test_a_picture_that_is_no_cell_gets_no_verdict_in_table_csv_and_detail(callbacks, quick, tmp_path):
    path = tmp_path / "noise.png"
    path.write_bytes(png(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    *_, last = views = list(callbacks.read([{"path": str(path), "orig_name": "noise.png"}]))
    batch, rows = views[-2].batch, views[-2].table
    assert (
        'class="strange"' in rows and ">Not a cell?<" in rows and "1 picture does not look like a cell." in last.status
    )
    (line,) = csv.DictReader(Path(last.csv["value"]).read_text().splitlines())
    assert line["verdict"] == "Not a cell?" and "unfamiliar" in line["remarks"]
    shown = callbacks.explain(batch, SimpleNamespace(row=0)).detail
    folded = shown.index('<details class="strange">')
    assert (
        shown.index("This does not look like")
        < shown.index("<figure>")
        < folded
        < shown.index('class="bar"')
        < shown.index("<svg")
    )


def test_what_is_no_picture_and_what_is_too_small_is_told(callbacks, cell_files, quick, tmp_path):
    (tmp_path / "Thumbs.db").write_bytes(b"x")
    junk = {"path": str(tmp_path / "Thumbs.db"), "orig_name": "Thumbs.db"}
    (view,) = callbacks.read([junk])
    assert "None of these files is a picture by its name." in view.status and 'role="alert"' in view.status
    with Image.open(cell_files[0]) as cell:
        cell.convert("RGB").resize((20, 20)).save(tmp_path / "tiny.png")
    name = "a cell of the first patient on the last day of the study.png"
    *_, before, last = callbacks.read([junk, {"path": str(tmp_path / "tiny.png"), "orig_name": name}])
    assert "1 other file, no picture by its name, was passed over." in last.status
    rows = before.table
    assert f'title="{name}">a cell of the fi…of the study.png<' in rows and "too few pixels" in rows
    (line,) = csv.DictReader(Path(last.csv["value"]).read_text().splitlines())
    assert line["verdict"] == "Unclear" and line["file"] == name and float(line["classifier_Parasitized"]) < 1
    shown = callbacks.explain(before.batch, SimpleNamespace(row=0)).detail
    assert "Too few pixels for a verdict" in shown


def test_a_long_table_is_sent_seldom_and_whole_at_the_end(callbacks, cell_files, quick, monkeypatch):
    monkeypatch.setattr(batch_callbacks, "ROWS_AT_ONCE", 1)  # each time twice as long
    monkeypatch.setattr(batch_run, "PIECE", 1)
    uploads = [{"path": str(path), "orig_name": path.name} for path in cell_files[:6]]
    views = list(callbacks.read(uploads))
    lengths = [view.table.count("<tr") - 1 for view in views if isinstance(view.table, str)]
    assert lengths == [0, 1, 2, 4, 6] and sum(isinstance(view.batch, Batch) for view in views) == 1 + 6
    reading = callbacks.read(uploads)
    batch = [next(reading) for _ in range(4)][-1].batch
    assert len(batch.results) == 3 and callbacks.stop(batch).table.count("<tr") == 1 + 3


@pytest.mark.slow
def test_a_pressed_row_is_explained(callbacks, mixed, quick):
    *_, batch = (view.batch for view in callbacks.read(mixed[0]) if isinstance(view.batch, Batch))
    shown = callbacks.explain(batch, SimpleNamespace(row=2)).detail
    assert "smear/b.png" in shown and "What speaks for a parasite: smear/b.png" in shown and "<svg" in shown
    assert callbacks.explain(batch, SimpleNamespace(row=1)) == View()  # it could not be read
    assert callbacks.explain(batch, SimpleNamespace(row=99)) == View()
    assert callbacks.explain(None, SimpleNamespace(row=0)) == View()


def test_every_field_of_a_view_is_in_the_tab(explainer):
    with gr.Blocks() as page:
        add_batch_tab(explainer, {}, 60, Limits())
    ids = {block.elem_id for block in page.blocks.values()}
    assert {f"batch-{name}" for name in ("status", "table", "stop", "take", "csv", "prepare", "zip", "detail")} <= ids


def test_both_tabs_forget_after_the_seconds_of_the_settings(explainer):
    states = [block for block in build_page(explainer, kept_seconds=7).blocks.values() if isinstance(block, gr.State)]
    assert len(states) > 1 and {state.time_to_live for state in states} == {7}
