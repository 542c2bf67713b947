"""What the server says of itself: health, and a log without names."""

import json
import logging
import sys
import threading
import time
from dataclasses import replace

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.support.server import SECRET, call, eventually, join, post_file
from web.logs import JsonLines
from web.server.jobs import FAULT


@pytest.mark.parametrize("spoiled", ["elbo", "predict"])
def test_health_is_of_what_the_model_says_and_decodes(service, web, explainer, monkeypatch, spoiled):
    from dataclasses import replace

    real, field = getattr(explainer, spoiled), {"elbo": "elbo", "predict": "probabilities"}[spoiled]

    def broken(*arguments, **options):
        result = real(*arguments, **options)
        return replace(result, **{field: np.full_like(getattr(result, field), np.nan)})

    monkeypatch.setattr(service, "_answered", -1e9)
    monkeypatch.setattr(explainer, spoiled, broken)
    assert web.get("/healthz").status_code == 503
    monkeypatch.undo()
    assert eventually(lambda: web.get("/healthz").status_code == 200)


def test_a_flood_fills_no_log(caplog):
    from web.logs import JsonLines, NotTooMany

    kind, lines = NotTooMany(at_once=20, a_second=1000.0), []

    def say(status: int) -> None:
        record = logging.LogRecord("plasmolens", logging.INFO, "x.py", 1, "request", (), None)
        record.fields = {"status": status}
        if kind.filter(record):
            lines.append(json.loads(JsonLines().format(record)))

    kind.a_second = 0.0
    for _ in range(1000):
        say(404)
    say(200)  # another kind is not drowned
    kind.a_second = 1000.0
    time.sleep(0.01)
    say(404)
    assert len(lines) == 22 and lines[20]["status"] == 200 and lines[21]["left_out"] == 980


def test_a_fault_of_the_server_itself_is_one_line_of_the_log(service, web):
    handlers = [logger.handlers for logger in map(logging.getLogger, ("uvicorn", "uvicorn.error"))]
    assert handlers == [[], []]  # they write through ours


def test_an_error_of_gradio_is_no_page_of_text(service, web, capfd):
    join(web, "predict", [{"path": 3}], "odd")
    with httpx.stream("GET", f"{service.address}/gradio_api/queue/data?session_hash=odd", timeout=60) as stream:
        assert any("process_completed" in line for line in stream.iter_lines())
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out


def test_an_error_that_is_kept_holds_no_picture():
    import gc
    import weakref

    import gradio as gr

    from web.server.jobs import let_go

    class Picture:
        pass

    left = []

    def decode():
        picture = Picture()
        left.append(weakref.ref(picture))
        raise ValueError("not a picture")

    def refuse():
        try:
            decode()
        except ValueError as error:
            raise gr.Error("no") from error

    try:
        refuse()
    except gr.Error as error:
        let_go(error)
        gc.collect()
        assert left[0]() is None


def test_health_and_status(web, explainer, service, monkeypatch):
    assert web.get("/healthz").json() == {"status": "ok"}
    status = web.get("/status").json()
    assert status["sha256"] == explainer.sha256 and status["model"] == "malaria-64" and status["device"] == "cpu"
    assert status["running"] == status["waiting"] == 0 and status["uptime_seconds"] > 0 and not status["stopping"]
    monkeypatch.setattr(service, "_answered", -1e9)
    monkeypatch.setattr(explainer, "predict", lambda _: 1 / 0)
    assert web.get("/healthz").status_code == 503


def test_a_checkpoint_that_cannot_say_what_is_familiar_is_well(web, explainer, service, monkeypatch):
    """An adapted one: its unfamiliarity is NaN of every picture."""
    calibration = replace(explainer.checkpoint.calibration, familiarity=None)
    monkeypatch.setattr(explainer, "checkpoint", replace(explainer.checkpoint, calibration=calibration))
    monkeypatch.setattr(service, "_answered", -1e9)
    assert np.isnan(explainer.predict(np.zeros((64, 64, 3), np.uint8)).unfamiliarity).all()
    assert web.get("/healthz").status_code == 200


def test_health_asks_the_model_on_the_thread_that_computes(web, explainer, service, monkeypatch):
    """A second thread that computes would keep memory of its own, and a hung device would go unseen."""
    threads, predict = [], explainer.predict
    monkeypatch.setattr(explainer, "predict", lambda _: threads.append(threading.current_thread().name) or predict(_))
    monkeypatch.setattr(service, "_answered", -1e9)
    assert web.get("/healthz").status_code == 200 and threads == ["compute"]


@pytest.mark.slow
def test_a_fault_leaves_the_page_usable(service, explainer, cell, monkeypatch, capfd):
    client = Client(service.address, verbose=False)
    with monkeypatch.context() as broken:
        broken.setattr(explainer, "elbo", lambda *_, **__: (_ for _ in ()).throw(RuntimeError(f"{SECRET} broke")))
        with pytest.raises(AppError, match=FAULT.split(";")[0]):
            client.predict(handle_file(cell), api_name="/predict")
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out
    assert client.predict(handle_file(cell), api_name="/predict")["label"]


def test_logs_are_json_without_names(web, cell, caplog):
    with caplog.at_level(logging.DEBUG, "plasmolens"):
        path = post_file(web, cell.name, cell.read_bytes()).json()[0]
        assert "event: complete" in call(web, path)
        web.get(f"/gradio_api/file={path}")
    lines = [JsonLines().format(record) for record in caplog.records if record.name == "plasmolens"]
    events = [json.loads(line) for line in lines]
    assert {"request", "job"} <= {event["event"] for event in events}
    (job,) = [event for event in events if event["event"] == "job"]
    assert job["name"] == "predict" and job["end"] == "done" and job["seconds"] > 0
    assert not [line for line in lines if SECRET in line]


def test_the_error_of_a_library_is_a_line_without_its_words():
    try:
        raise OSError(f"cannot read {SECRET}")
    except OSError:
        record = logging.LogRecord("uvicorn.error", logging.ERROR, "x.py", 1, SECRET, (), sys.exc_info())
    line = json.loads(JsonLines().format(record))
    assert line["error"] == "OSError" and SECRET not in json.dumps(line)
