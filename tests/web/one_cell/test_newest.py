"""One visitor's explanations: only the newest is shown, however long an older one takes."""

import threading
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from PIL import Image

from web.compute.shared import SharedExplainer
from web.one_cell.callbacks import Callbacks
from web.one_cell.newest import Newest
from web.one_cell.view import View
from web.page import build_page
from web.parts import reading as reading_module

VISITOR, OTHER = (SimpleNamespace(session_hash=name, headers={}) for name in ("visitor", "other"))


@pytest.fixture(scope="module")
def callbacks(explainer):
    return Callbacks(SharedExplainer(explainer))


@pytest.fixture
def slow(callbacks, cell_files, tmp_path, monkeypatch):
    """Lets an explanation go on that is held while its file is read, and gives the views that come of it."""
    path = tmp_path / "slow.png"
    Image.open(cell_files[0]).save(path)
    reading, go, views = threading.Event(), threading.Event(), []
    read_pixels = reading_module.read_pixels

    def held(source, name, *bounds):
        if source == str(path):
            reading.set()
            assert go.wait(30)
        return read_pixels(source, name, *bounds)

    monkeypatch.setattr(reading_module, "read_pixels", held)
    thread = threading.Thread(target=lambda: views.extend(callbacks.explain(upload(path), 8, 0, False, False, VISITOR)))
    thread.start()
    assert reading.wait(30)

    def ended() -> list[View]:
        go.set()
        thread.join(60)
        return views

    yield ended
    ended()


def upload(path: Path) -> dict[str, str]:
    return {"path": str(path), "orig_name": path.name}


def test_an_upload_that_was_replaced_changes_nothing_more(callbacks, slow, cell_files):
    newer = list(callbacks.explain(upload(cell_files[1]), 8, 0, False, False, VISITOR))
    assert [cell_files[1].name in view.verdict for view in newer] == [True, True]
    assert slow() == [View()]


@pytest.mark.parametrize("newer", ["example", "again", "show"])
def test_nor_does_one_before_something_else_was_explained(callbacks, slow, cell_files, newer):
    *_, other = callbacks.explain(upload(cell_files[1]), 8, 0, False, False, OTHER)
    pressed = gr.EventData(None, {"name": "parasitized-1"})
    views = {
        "example": lambda: callbacks.example(8, 0, False, False, pressed, VISITOR),
        "again": lambda: callbacks.again(other.reading, 8, 0, False, False, VISITOR),
        "show": lambda: callbacks.show(lambda: ("shown.png", other.reading.upload), 8, 0, False, False, VISITOR),
    }[newer]()
    next(views)
    assert slow() == [View()]
    assert next(views).reading is not None


def test_a_drop_for_another_view_leaves_the_explanation_alone(callbacks, slow):
    assert list(callbacks.explain(None, 8, 0, False, False, VISITOR)) == [View()]
    assert ["slow.png" in view.verdict for view in slow()] == [True, True]


def test_what_others_do_ends_nothing(callbacks, slow, cell_files):
    list(callbacks.explain(upload(cell_files[1]), 8, 0, False, False, OTHER))
    assert ["slow.png" in view.verdict for view in slow()] == [True, True]


@pytest.mark.slow
def test_an_explanation_that_is_half_on_the_page_stops_there(callbacks, cell_files):
    older = callbacks.explain(upload(cell_files[0]), 8, 0, False, False, VISITOR)
    assert cell_files[0].name in next(older).verdict
    list(callbacks.explain(upload(cell_files[1]), 8, 0, False, False, VISITOR))
    assert list(older) == [View()]


def test_nothing_is_remembered_of_visitors_who_wait_for_nothing():
    newest = Newest()
    assert list(newest.only(VISITOR, iter([View()]))) == [View()]
    unfinished = newest.only(VISITOR, iter([View()] * 2))
    next(unfinished)
    unfinished.close()
    assert newest._begun == {}


@pytest.mark.slow
def test_a_drop_ends_the_edits_that_run(explainer):
    blocks = build_page(explainer)
    (zone,) = (number for number, block in blocks.blocks.items() if block.elem_id == "drop-files")
    ended = {
        blocks.fns[number].name
        for function in blocks.fns.values()
        if (zone, "upload") in function.targets
        for number in function.cancels
    }
    assert {"flip", "variants", "gradient", "prepare"} <= ended
