"""Edits that wait, are called off, or are left alone."""

import threading
import time

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.support.server import call, post_file, serving
from web.page import COMPUTE


def slow_stream(explainer, monkeypatch, steps: int = 300):
    """Makes edits take a second each ten steps; how many were done, and whether the work was closed."""
    done, closed = [], threading.Event()
    stream = explainer.stream

    def slow(*arguments, **options):
        frames = list(stream(*arguments, **options))
        try:
            for number in range(steps):
                time.sleep(0.1)
                done.append(number)
                yield frames[0]
            yield frames[-1]
        finally:
            closed.set()

    monkeypatch.setattr(explainer, "stream", slow)
    return done, closed


@pytest.mark.slow
def test_an_edit_whose_caller_is_gone_stops_and_frees_the_device(web, service, explainer, cell, monkeypatch):
    done, closed = slow_stream(explainer, monkeypatch)
    path = post_file(web, "cell.jpg", cell.read_bytes()).json()[0]
    data = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event = web.post("/gradio_api/call/v2/edit", json={"file": data}).json()["event_id"]
    with httpx.stream("GET", f"{service.address}/gradio_api/call/edit/{event}", timeout=60) as stream:
        next(line for line in stream.iter_lines() if "generating" in line)
        at = len(done)
    assert closed.wait(10) and len(done) - at <= 15  # 1.5 s until the server notices, then a step or two
    assert "event: complete" in call(web, path)
    assert web.get("/status").json()["running"] == 0


@pytest.mark.slow
def test_a_cancelled_edit_stops(service, explainer, cell, monkeypatch):
    done, closed = slow_stream(explainer, monkeypatch)
    job = Client(service.address, verbose=False).submit(handle_file(cell), None, api_name="/edit")
    while len(done) < 3:
        time.sleep(0.05)
    job.cancel()
    assert closed.wait(10) and len(done) < 60


@pytest.mark.slow
def test_a_full_queue_refuses_and_the_rest_is_served(explainer, cell, tmp_path, monkeypatch):
    slow_stream(explainer, monkeypatch, steps=10)
    monkeypatch.setitem(COMPUTE, "concurrency_limit", 1)
    with serving(explainer, tmp_path, queue_length=1) as running:
        client = Client(running.address, verbose=False)
        jobs = [client.submit(handle_file(cell), None, api_name="/edit") for _ in range(4)]
        ends = [job.exception(timeout=60) for job in jobs]
    assert any(end is None for end in ends) and any("full" in str(end) for end in ends if end)
