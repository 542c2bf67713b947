"""Boxes by hand: their file, their pixels, the cells that are drawn for them, and the page that takes them."""

import json
import threading
import urllib.error
import urllib.request
from collections import Counter

import numpy as np
import pytest

from tests.support.toy import write_toy_zip
from training.data.marking import marking_server
from training.data.marks import Box, agreement, box_mask, draw_members, find_marks, read_marks, write_marks
from training.data.members import DataError, list_members, slide_of

NAMES = [f"cell_images/Parasitized/C{i % 3}P1ThinF_IMG_1_cell_{i}.png" for i in range(40)]


def test_marks_survive_their_file(tmp_path):
    marks = {NAMES[0]: (Box(0.1, 0.2, 0.3, 0.4), Box(0.5, 0.5, 1, 1)), NAMES[1]: (), NAMES[2]: (Box(0, 0, 0.5, 1),)}
    path = tmp_path / "new" / "marks.csv"
    write_marks(path, marks)
    assert read_marks(path) == marks
    assert list(read_marks(path)) == list(marks)
    assert path.read_text().splitlines()[3] == f"{NAMES[1]},C1P1,,,,"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("file,left\n", "first line"),
        ("HEADER\na,s,0.5,0,0.2,1\n", "line 2: box 0.5, 0, 0.2, 1: not within"),
        ("HEADER\na,s,0,0,1,2\n", "line 2"),
        ("HEADER\na,s,0,0,1\n", "line 2"),
        ("HEADER\na,s,x,0,1,1\n", "line 2"),
        ("HEADER\na,s,0,0,1,1\na,s,,,,\n", "line 3: a stands there twice"),
    ],
)
def test_a_bad_file_names_line_and_reason(tmp_path, lines, reason):
    path = tmp_path / "marks.csv"
    path.write_text(lines.replace("HEADER", "file,slide,left,top,right,bottom"))
    with pytest.raises(DataError, match=reason) as error:
        read_marks(path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_pixels_of_boxes():
    assert box_mask([Box(0.25, 0.5, 0.5, 1)], 8).nonzero() == pytest.approx(np.mgrid[4:8, 2:4].reshape(2, -1))
    assert box_mask([], 8).sum() == 0
    # Half of a pixel's area counts, less does not; a box smaller than that keeps the pixel of its centre.
    assert box_mask([Box(0, 0, 0.5 / 8, 1)], 8)[:, 0].all()
    assert box_mask([Box(1 / 8, 0, 1.4 / 8 + 1 / 8, 1 / 8)], 8).sum() == 1
    assert np.argwhere(box_mask([Box(0.99, 0.99, 1, 1)], 8)).tolist() == [[7, 7]]


def test_agreement_is_intersection_over_union():
    first = {"a": (Box(0, 0, 0.5, 1),), "b": (), "c": (), "d": (Box(0, 0, 1, 1),)}
    second = {"a": (Box(0.25, 0, 0.75, 1),), "b": (), "c": (Box(0, 0, 0.5, 0.5),)}
    assert agreement(first, second).tolist() == pytest.approx([1 / 3, 0])


def test_at_most_five_of_a_slide_are_drawn_and_the_seed_decides():
    drawn = draw_members(NAMES, 12, seed=0)
    assert drawn == draw_members(NAMES[::-1], 12, seed=0) != draw_members(NAMES, 12, seed=1)
    assert len(set(drawn)) == 12
    assert max(Counter(map(slide_of, draw_members(NAMES, 40, 0))).values()) == 5


@pytest.mark.parametrize("name", ["test", "validation", "test-again"])
def test_shipped_marks_are_readable_and_spread_over_slides(name):
    marks = read_marks(find_marks(f"{name}.csv"))
    assert len(marks) == (100 if name == "test" else 30)
    assert max(Counter(map(slide_of, marks)).values()) <= 5
    areas = [box_mask(boxes, 128).mean() for boxes in marks.values() if boxes]
    assert 0.03 < np.mean(areas) < 0.15


def test_no_slide_is_marked_for_test_and_for_tuning():
    test, validation = (set(map(slide_of, read_marks(find_marks(f"{n}.csv")))) for n in ("test", "validation"))
    assert not test & validation


def test_second_marks_agree_with_the_first():
    first, second = (read_marks(find_marks(f"{n}.csv")) for n in ("test", "test-again"))
    assert second.keys() <= first.keys()
    assert agreement(first, second).mean() > 0.75


@pytest.fixture
def page(tmp_path):
    """The address of a marking page of three toy cells, their members, and where the marks go."""
    data, out = write_toy_zip(tmp_path / "cells.zip", slides=1, per_class=3), tmp_path / "marks.csv"
    members = [member for member, label in list_members(data, ("Parasitized", "Uninfected")) if label == 0]
    with marking_server(data, members, out, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", data, members, out
        server.shutdown()


def post(address, value, kind="application/json"):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    request = urllib.request.Request(address, body, {"Content-Type": kind})
    return urllib.request.urlopen(request, timeout=10).status


def test_the_server_keeps_marks_and_refuses_what_is_none(page):
    address, data, members, out = page
    box = {"left": 0.1, "top": 0.2, "right": 0.3, "bottom": 0.4}
    assert post(f"{address}/marks/2", [box]) == 200
    assert post(f"{address}/marks/0", []) == 200
    expected = {members[0]: (), members[2]: (Box(**box),)}
    assert read_marks(out) == expected
    refused = [
        ("marks/9", [box]),
        ("marks/1", [{"left": 2}]),
        ("marks/1", [{**box, "left": 0.5}]),
        ("marks/1", b"{"),
        ("marks/1", 3),
        ("cell/0.png", []),
    ]
    for path, value in refused:
        with pytest.raises(urllib.error.HTTPError):
            post(f"{address}/{path}", value)
    with pytest.raises(urllib.error.HTTPError):
        post(f"{address}/marks/1", [box], "text/plain")  # what another site's page could send
    assert read_marks(out) == expected
    assert json.loads(urllib.request.urlopen(f"{address}/marks").read()) == [[], None, [box]]
    with pytest.raises(DataError, match="marks cells that were not drawn"):
        marking_server(data, members[:1], out, 0)


@pytest.mark.browser
def test_boxes_are_drawn_undone_saved_and_continued(page, browser):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    address, _, members, out = page

    def wait_for(text):
        WebDriverWait(browser, 20).until(lambda b: text in b.find_element(By.ID, "state").text)

    def drag(left, top, right, bottom):
        canvas = browser.find_element(By.ID, "cell")
        browser.execute_script("arguments[0].scrollIntoView()", canvas)
        ActionChains(browser, duration=50).move_to_element_with_offset(
            canvas, left - 320, top - 320
        ).click_and_hold().move_by_offset(right - left, bottom - top).release().perform()

    browser.get(address)
    wait_for("Cell 1 of 3, not marked yet; 0 done")
    browser.find_element(By.ID, "next").click()
    wait_for("Draw a box")
    drag(64, 128, 192, 320)
    drag(400, 400, 500, 500)
    browser.find_element(By.ID, "undo").click()
    browser.find_element(By.ID, "next").click()
    wait_for("Cell 2 of 3, not marked yet; 1 done")
    browser.find_element(By.ID, "none").click()
    wait_for("Cell 3 of 3, not marked yet; 2 done")
    marks = read_marks(out)
    assert marks[members[1]] == ()
    (box,) = marks[members[0]]
    assert list(vars(box).values()) == pytest.approx([0.1, 0.2, 0.3, 0.5], abs=0.01)
    browser.get(address)  # it goes on where it stood
    wait_for("Cell 3 of 3, not marked yet; 2 done")
    browser.find_element(By.ID, "back").click()
    wait_for("Cell 2 of 3, no parasite visible")
