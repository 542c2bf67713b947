"""Whose page it is: room on the disk and in memory, and work that nobody waits for."""

import json
import os
import shutil
import subprocess
import threading
import time
from contextlib import ExitStack

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.support.server import (
    CELL,
    UPLOAD,
    drop,
    eventually,
    explain_a_cell,
    explaining,
    join,
    kept,
    open_page,
    picture,
    readings,
    serving,
)
from web.words.language import say_in


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 3 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True
    )
    if not mounted or mounted.returncode:
        pytest.skip("needs a disk that can be filled, which this system lets nobody mount")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


@pytest.mark.slow
def test_a_full_disk_is_said_and_left_again(explainer, small_disk):
    with serving(explainer, small_disk) as running, httpx.Client(base_url=running.address, timeout=60) as web:
        first = web.post(UPLOAD, files={"files": ("a.png", os.urandom(2**20))})
        cell = web.post(UPLOAD, files={"files": ("cell.png", CELL.read_bytes())}).json()[0]
        answer = web.post(UPLOAD, files={"files": ("b.png", os.urandom(5 * 2**20))})
        assert (first.status_code, answer.status_code) == (200, 507) and "disk is full" in answer.text
        assert len(kept(running)) == 2 and not list(running.scratch.folder.glob("tmp*"))
        rest = shutil.disk_usage(small_disk).free
        (small_disk / "rest").write_bytes(b"x" * rest)
        event = web.post("/gradio_api/call/v2/explain", json={"file": picture(cell)}).json()["event_id"]
        assert "disk is full" in web.get(f"/gradio_api/call/explain/{event}").text  # its map finds no room
        (small_disk / "rest").unlink()
        event = web.post("/gradio_api/call/v2/explain", json={"file": picture(cell)}).json()["event_id"]
        assert "event: complete" in web.get(f"/gradio_api/call/explain/{event}").text
        assert web.post(UPLOAD, files={"files": ("c.png", b"x" * 2**19)}).status_code == 200


@pytest.mark.slow
def test_one_visitor_fills_half_of_the_room_at_most(explainer, tmp_path):
    with serving(explainer, tmp_path, disk_megabytes=2) as running:
        with httpx.Client(base_url=running.address) as web:
            sizes = (2**19, 2**20, 2**19 - 2000, 2**16)
            answers = [web.post(UPLOAD, files={"files": ("a.png", os.urandom(size))}) for size in sizes]
            assert [answer.status_code for answer in answers] == [200, 507, 200, 507]
        with httpx.Client(base_url=running.address, headers={"x-forwarded-for": "192.0.2.7"}) as other:
            assert other.post(UPLOAD, files={"files": ("a.png", os.urandom(2**16))}).status_code == 200


@pytest.mark.slow
def test_many_strangers_do_not_wipe_a_page(service, web, monkeypatch):
    monkeypatch.setattr("web.server.sessions.PAGES_OF_ONE", 20)
    with open_page(service, "honest"):
        explain_a_cell(service, web, "honest")
        explain_a_cell(service, web, "away")  # as of somebody whose train is in a tunnel
        for number in range(30):  # on a busy machine as many of them wait as may
            assert eventually(lambda: join(web, "close", [], f"stranger{number}").status_code == 200)  # noqa: B023
        assert readings(service, "honest") and readings(service, "away")


@pytest.mark.slow
def test_who_comes_when_all_pages_are_taken_is_told(explainer, tmp_path, monkeypatch):
    from web.server import sessions

    monkeypatch.setattr(sessions, "PAGES", 3)
    with serving(explainer, tmp_path) as running, ExitStack() as stack:
        web = stack.enter_context(httpx.Client(base_url=running.address, timeout=60))
        for name in ("a", "b"):
            stack.enter_context(open_page(running, name))
        assert join(web, "close", [], "left").status_code == 200
        assert eventually(lambda: join(web, "close", [], "newer").status_code == 200)  # in the place of who left
        assert "left" not in running.pages.pages and "a" in running.pages.pages
        stack.enter_context(open_page(running, "newer"))
        for answer in (join(web, "close", [], "late"), web.get("/gradio_api/heartbeat/late")):
            assert answer.status_code == 503 and answer.json()["detail"] == sessions.NO_PAGE
        monkeypatch.setattr(sessions, "PAGES_OF_ONE", 3)
        assert join(web, "close", [], "late").json()["detail"] == sessions.NO_PAGE_OF_ONE
        assert join(web, "close", [], "a").status_code == 200


@pytest.mark.slow
def test_what_pages_hold_is_bounded_in_bytes(explainer, tmp_path, monkeypatch):
    from web.server import sessions

    with serving(explainer, tmp_path) as running, httpx.Client(base_url=running.address, timeout=60) as web:
        explain_a_cell(running, web, "first")
        size = running.pages.pages["first"].bytes
        assert size > np.asarray(Image.open(CELL)).nbytes
        monkeypatch.setattr(sessions, "STATE_BYTES_OF_ONE", int(1.5 * size))
        explain_a_cell(running, web, "second")
        assert not readings(running, "first") and readings(running, "second")  # one's own page that was left goes
        monkeypatch.setattr(sessions, "STATE_BYTES_OF_ONE", size // 2)
        path = web.post(UPLOAD, files={"files": ("cell.png", CELL.read_bytes())}).json()[0]
        drop(running, web, path, "third")
        join(web, explaining(running), [None, 8, 0, False, False], "third")
        with httpx.stream("GET", f"{running.address}/gradio_api/queue/data?session_hash=third", timeout=60) as stream:
            assert any(sessions.NO_MEMORY in line for line in stream.iter_lines())
        web.headers["accept-language"] = "fr"
        join(web, explaining(running), [None, 8, 0, False, False], "third")
        with httpx.stream("GET", f"{running.address}/gradio_api/queue/data?session_hash=third", timeout=60) as stream:
            told = [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line]
        assert any(say_in("fr")(sessions.NO_MEMORY) == (one.get("output") or {}).get("error") for one in told)


def test_what_a_value_weighs():
    from web.server.sessions import size_of

    assert size_of(np.zeros((10, 10), np.uint8)) == 100
    assert size_of({"a": ["x" * 50, (b"y" * 20,)]}) == 71
    assert 0.9e6 < size_of([f"{number:0100d}" for number in range(10_000)]) < 1.1e6


@pytest.mark.slow
def test_work_that_nobody_waits_for_ends(explainer, tmp_path, monkeypatch):
    from web.server import sessions

    monkeypatch.setattr(sessions, "NOBODY_SECONDS", 1.0)
    monkeypatch.setattr(sessions, "SWEEP_SECONDS", 0.2)
    closed, stream = threading.Event(), explainer.stream

    def slow(*arguments, **options):
        frame = next(iter(stream(*arguments, **options)))
        try:
            for _ in range(600):
                time.sleep(0.1)
                yield frame
        finally:
            closed.set()

    monkeypatch.setattr(explainer, "stream", slow)
    with serving(explainer, tmp_path) as running, httpx.Client(base_url=running.address, timeout=60) as web:
        path = web.post(UPLOAD, files={"files": ("cell.png", CELL.read_bytes())}).json()[0]
        web.post("/gradio_api/call/v2/edit", json={"file": picture(path)})
        assert closed.wait(30)
