"""What is dropped: which view it is for, and what the page says that it sees."""

import zipfile

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from tests.support.one_cell import upload
from tests.support.synthetic_fields import EXAMPLES, GROUND, paste, pasted_field
from web.compute.decoding import read_pixels
from web.drop import MANY_CELLS, Looks, router, view_of
from web.field.layout import FIELD
from web.many_cells.opening import ONE_CELL
from web.many_cells.uploads import Limits


@pytest.fixture
def archive(cell, tmp_path):
    path = tmp_path / "cells.png"  # whatever it is called
    with zipfile.ZipFile(path, "w") as file:
        for number in range(52):
            file.write(cell, f"cell {number}.png")
    return path


@pytest.fixture
def field(tmp_path):
    path = tmp_path / "field.png"
    Image.new("RGB", (640, 480), (228, 222, 226)).save(path)
    return path


def test_a_file_alone_is_one_cell_and_several_or_a_zip_are_many(cell, bad, archive):
    assert view_of([upload(cell)]) == view_of([upload(bad)]) == ONE_CELL
    assert view_of([upload(cell), upload(cell)]) == view_of([upload(archive)]) == MANY_CELLS


def routed(uploads):
    """What a drop comes to, once it has left the zone empty and the page says that it is looked at."""
    looking, last = router(Limits(), Looks())(uploads)
    assert looking[5] is None and "Looking at what was dropped" in looking[3]
    assert {str(value) for value in (*looking[:3], looking[4])} == {str(gr.skip())}
    return last


def test_a_drop_goes_to_its_view_alone_and_leaves_the_zone_empty(cell, archive):
    one, many, fields, seen, tab, _ = routed([upload(cell)])
    assert one == upload(cell) | {"drop": 1} and many == fields == gr.skip() and tab["selected"] == ONE_CELL
    assert "One picture: drawn cell.png" in seen
    two = [upload(cell), upload(cell, "other.png")]
    one, many, fields, seen, tab, _ = routed(two)
    assert one == fields == gr.skip() and tab["selected"] == MANY_CELLS and "2 pictures" in seen
    assert many == [each | {"drop": 1} for each in two]
    assert "52 pictures" in routed([upload(archive)])[3]


def test_the_same_file_dropped_twice_is_another_drop(cell):
    route = router(Limits(), Looks())
    (*_, first), (*_, second) = (route([upload(cell)]) for _ in range(2))
    assert first[0] != second[0]


def test_a_drop_that_was_overtaken_changes_nothing_more(cell):
    looks = Looks()
    route = router(Limits(), looks)
    first = route([upload(cell)])
    next(first)
    *_, last = route([upload(cell, "second.png")])
    assert "second.png" in last[3]
    assert list(first) == []
    third = route([upload(cell)])
    next(third)
    looks.give_up(None)  # as an example that is chosen does
    assert list(third) == []
    (nothing,) = route(None)  # all of it was overtaken on its way here
    assert nothing == (*[gr.skip()] * 5, None)
    assert not looks._newest


def test_a_file_that_is_no_picture_is_not_called_one(tmp_path, cell):
    for name, content in (("README.md", b"# Cells"), ("Thumbs.db", b"\xd0\xcf\x11\xe0"), ("paper.pdf", b"%PDF-1.7")):
        path = tmp_path / name
        path.write_bytes(content)
        assert f"Not a picture: {name}" in routed([upload(path)])[3]
    assert "One picture: cell.dat" in routed([upload(cell, "cell.dat")])[3]  # it can be read
    assert "One picture: phone.heic" in routed([upload(path, "phone.heic")])[3]  # which is told how it can be


@pytest.mark.slow
def test_pictures_as_large_as_fields_are_fields(cell, bad, field):
    assert view_of([upload(field)]) == view_of([upload(field), upload(field)]) == FIELD
    assert view_of([upload(field), upload(cell)]) == MANY_CELLS
    one, many, fields, seen, tab, _ = routed([upload(field)])
    assert one == many == gr.skip() and fields == [upload(field) | {"drop": 1}]
    assert tab["selected"] == FIELD and "1 field" in seen


def saved(path, pixels):
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return upload(path)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_large_photograph_of_one_cell_is_one_cell(tmp_path, share):
    pixels = np.full((1500, 2000, 3), GROUND, float)
    side = round(1500 * share)
    paste(pixels, EXAMPLES[1], 1000 - side // 2, 750 - side // 2, side)
    assert view_of([saved(tmp_path / "phone.jpg", pixels)]) == ONE_CELL


@pytest.mark.parametrize(("height", "width", "cells", "diameter"), [(350, 350, 20, 50), (200, 260, 9, 50)])
def test_a_small_field_is_a_field(tmp_path, height, width, cells, diameter):
    pixels = pasted_field(height, width, cells, 1, diameter)
    assert view_of([saved(tmp_path / "small.png", pixels)]) == FIELD


def test_of_many_files_a_few_are_looked_at(tmp_path, cell, monkeypatch):
    small = saved(tmp_path / "small.png", pasted_field(350, 350, 20, 1, 50))
    looked = []
    monkeypatch.setattr("web.drop.read_pixels", lambda path, *rest: looked.append(path) or read_pixels(path, *rest))
    assert view_of([small] * 12) == FIELD and len(looked) == 3
    assert view_of([upload(cell)] * 12) == MANY_CELLS


def test_a_name_is_never_markup(cell):
    assert "&lt;b&gt;" in routed([upload(cell, "<b>.png")])[3]
