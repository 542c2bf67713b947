"""Fields are read one after the other, shown as they come, and opened again; bad files say why."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from jdm_core.images.pixels import content_sha256
from tests.support.synthetic_fields import pasted_field
from web.field import reading
from web.field.layout import VIEWER, add_field_tab
from web.field.smear import Smear
from web.field.view import View

WRITTEN = "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"


def given(views, name):
    """What views set a component to, one after the other."""
    return [value for view in views if not isinstance(value := getattr(view, name), dict) and value is not None]


def shown(views):
    """The data of the viewer in views, one after the other."""
    return [json.loads(data) for data in given(views, "data") if data]


@pytest.fixture
def read(callbacks, uploads, bad):
    files = [*uploads, {"path": str(bad), "orig_name": "notes.png"}]
    return list(callbacks.read(files, None, False))


def test_fields_are_read_one_after_the_other_and_a_bad_file_says_why(read, field_files, callbacks):
    first, last = read[0], read[-1]
    assert "Finding the cells" in first.status and first.stop["visible"] and first.files is None
    smear = last.smear
    assert isinstance(smear, Smear) and [entry.name for entry in smear.entries] == [
        "field 1.png",
        "field 2.png",
        "notes.png",
    ]
    assert [entry.error for entry in smear.entries] == ["", "", WRITTEN]
    assert f"notes.png: {WRITTEN}" in last.status and not last.stop["visible"] and last.anew["visible"]
    data = shown(read)
    assert {one["digest"] for one in data} == {content_sha256(np.asarray(Image.open(field_files[0]).convert("RGB")))}
    done = [one["done"] for one in data]
    assert done == sorted(done) and done[0] < 1 and done[-1] == 1, "the first stays in sight while the second is read"
    entry = smear.entries[0]
    assert len(data[-1]["cells"]) == len(entry.read.status) and data[-1]["viewer"] == "viewer.js"
    assert data[-1]["order"][: len(entry.read.order)] == entry.read.order.tolist()
    cell = data[-1]["cells"][data[-1]["order"][0]]
    x, y, _, h = cell["box"]
    assert 0 <= x < data[-1]["width"] and min(cell["outline"][::2]) >= x - 1 and max(cell["outline"][1::2]) <= y + h + 1
    with Image.open(entry.picture) as picture:
        assert picture.size == (data[-1]["width"], data[-1]["height"])


def test_the_reading_is_that_of_the_explainer(one_read, explainer, field_files):
    expected = explainer.field(str(field_files[0]), 3, 0, "as given")
    np.testing.assert_array_equal(one_read.read.status, expected.status)
    np.testing.assert_array_equal(one_read.read.probabilities, expected.probabilities)
    np.testing.assert_array_equal(one_read.read.order, expected.order)


def test_counts_of_every_state_add_up_to_what_was_found(read):
    entry = read[-1].smear.entries[0]
    counts = given(read, "counts")[-1]
    numbers = [int(item.split("</span>")[1].split()[0]) for item in counts.split("<li")[1:]]
    assert sum(numbers) == len(entry.read.status) and "to look at</h2>" in counts


def test_the_gallery_lists_everything_the_most_suspicious_first(read):
    gallery, entry = given(read, "gallery")[-1], read[-1].smear.entries[0]
    listed = [int(part.split('"')[0]) for part in gallery.split('data-index="')[1:]]
    assert sorted(listed) == list(range(len(entry.read.status)))
    assert listed[: len(entry.read.order)] == entry.read.order.tolist()
    assert 'role="listbox"' in gallery and gallery.count('role="option"') == len(listed)


def test_every_field_is_opened_again(callbacks, read):
    smear = read[-1].smear
    view = callbacks.open_field(smear, "{}", None, SimpleNamespace(number=1))
    assert json.loads(view.data)["digest"] == smear.entries[1].digest and "field 2.png" in view.strip
    assert view.strip.split('aria-current="true"')[1].split("field ")[1].startswith("2.png")
    bad = callbacks.open_field(smear, "{}", None, SimpleNamespace(number=2))
    assert WRITTEN in bad.counts and bad.data == "" and bad.gallery == ""
    for number in (-1, 3, "1", None):
        assert callbacks.open_field(smear, "{}", None, SimpleNamespace(number=number)) == View()


@pytest.mark.slow
def test_further_files_join_the_smear_and_what_was_read_stays(callbacks, smear, uploads, one_read):
    views = list(callbacks.read(uploads[1:], smear, False))
    assert smear.entries[0] is one_read and len(smear.entries) == 2 and smear.shown == 1
    assert {one["digest"] for one in shown(views)} == {smear.entries[1].digest}


def test_a_smear_has_room_for_so_many_fields(callbacks, uploads, monkeypatch):
    monkeypatch.setattr(reading, "MOST", 1)
    *_, last = callbacks.read(uploads, None, False)
    assert len(last.smear.entries) == 1 and "1 file was left out" in last.status


def test_stop_keeps_what_was_read(callbacks, uploads):
    views = callbacks.read(uploads, None, False)
    for view in views:
        smear = view.smear
        if smear.entries[1].read is not None:
            break
    views.close()
    stopped = callbacks.stop(smear, "{}", None)
    assert [entry.name for entry in smear.entries] == ["field 1.png"]
    assert "The fields that were read stay" in stopped.status and json.loads(stopped.data)["done"] == 1
    assert callbacks.stop(None, "{}", None).smear is None


def test_nothing_is_read_of_nothing(callbacks):
    assert list(callbacks.read(None)) == [View()] and list(callbacks.again(None)) == [View()]
    assert callbacks.count(None, "{}", None) == View()


def test_a_picture_that_is_no_field_says_so_and_counts_nothing(callbacks, uploads, monkeypatch, explainer):
    trouble, stream = "No red cells were found in this picture.", explainer.stream_field

    def troubled(*arguments):
        for field in stream(*arguments):
            yield replace(field, found=replace(field.found, trouble=trouble))

    monkeypatch.setattr(explainer, "stream_field", troubled)
    views = list(callbacks.read(uploads[:1], None, False))
    assert trouble in given(views, "counts")[-1] and given(views, "gallery")[-1] == ""
    assert given(views, "tally")[-1] == ""


def test_a_very_large_field_is_shown_smaller(monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "SHOWN_PIXELS", 60_000)
    path = reading.kept_picture(pasted_field(cells=2), "large field.png")
    with Image.open(path) as picture:
        assert picture.width * picture.height <= 60_500 and picture.width / picture.height == pytest.approx(
            600 / 420, 0.01
        )


def test_every_component_of_a_view_is_on_the_tab(explainer):
    with gr.Blocks() as blocks, gr.Tabs():
        tab = add_field_tab(explainer, {}, {}, 60)
    assert len(tab.outputs) == len(View._fields)
    data = next(block for block in blocks.blocks.values() if block.elem_id == "field-data")
    assert VIEWER.read_bytes() == Path(tab.callbacks.viewer).read_bytes() and data.value == ""


def test_a_fault_leaves_no_bar_behind(callbacks, uploads, monkeypatch, explainer):
    def broken(*_):
        raise RuntimeError("a fault of the program")
        yield

    monkeypatch.setattr(explainer, "stream_field", broken)
    views = callbacks.read(uploads, None, False)
    assert "progress" in next(views).status
    last = next(views)
    assert 'role="alert"' in last.status and "progress" not in last.status and not last.stop["visible"]
    with pytest.raises(RuntimeError):
        next(views)


@pytest.mark.slow
def test_a_picture_that_is_no_field_can_be_opened_as_one_cell(callbacks, uploads, tmp_path):
    path = tmp_path / "ground.png"
    Image.new("RGB", (420, 420), (228, 222, 226)).save(path)
    views = list(callbacks.read([{"path": str(path), "orig_name": "ground.png"}], None, False))
    *_, last = [view for view in views if "visible" in view.alone]
    assert last.alone["visible"] and "ground.png" in last.counts
    assert callbacks.alone(last.smear) == {"path": str(path), "orig_name": "ground.png"}
    *_, field = [view for view in callbacks.read(uploads[:1], None, False) if "visible" in view.alone]
    assert not field.alone["visible"] and callbacks.alone(None) is None
