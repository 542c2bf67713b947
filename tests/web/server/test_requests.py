"""What strangers may send: nothing of it stops the page, fills the machine or reaches other files."""

import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.server import CELL, CHUNKED, FORM, UPLOAD, chunk, eventually, kept, part, raw, serving, status_of


@pytest.mark.parametrize("path", ["/upload", "/call/upload", "/run/upload", "/gradio_api/call/upload", "/x/upload"])
def test_only_the_upload_route_takes_much(web, path):
    for kind in ("application/json", "multipart/form-data; boundary=b", "text/plain"):
        answer = web.post(path, content=b"[" + b"[]," * 2**19 + b"[]]", headers={"content-type": kind})
        assert answer.status_code in (404, 413, 415)
    assert web.post(UPLOAD, content=b"[" + b"[]," * 2**19 + b"[]]").status_code == 413  # nor it, but of files


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "GET"])
def test_a_body_without_length_is_refused_while_it_comes(service, method):
    with raw(service.address, "/gradio_api/queue/join", CHUNKED, method=method) as connection:
        for _ in range(40):  # 2.5 MiB, of no more than 1 MiB
            connection.sendall(chunk(b"x" * 2**16))
        assert status_of(connection) == 413


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 40 + b"]" * 40,
        b'{"data": ' + b"[" * 33 + b"]" * 33 + b"}",
        b"[" + b"1," * 60_000 + b"1]",
        b'{"data": [' + b'"",' * 60_000 + b'""]}',
        b'["\\"' + b'\\"' * 30_000 + b'",' + b"[" * 50,
        "[[[[".encode("utf-16"),
    ],
)
@pytest.mark.parametrize("path", ["queue/join", "call/predict", "cancel"])
def test_deep_and_wide_json_is_not_parsed(web, monkeypatch, path, body):
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("parsed"))
    answer = web.post(f"/gradio_api/{path}", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 413) and "detail" in answer.text


@pytest.mark.slow
def test_json_is_weighed_in_time_that_its_length_bounds():
    from web.server.bodies import Refused, check_json

    for body in (b'"\\', b'\\"', b'"', b'"\\"', b"\\", b'"a'):
        start = time.process_time()
        with suppress(Refused):
            check_json(body * (4 * 2**20 // len(body)), 2**22)
        assert time.process_time() - start < 10, body
    check_json(json.dumps({"data": [{"path": 'a"b\\', "meta": [[]]}] * 100}).encode())


def test_a_field_that_is_no_file_is_refused_while_it_comes(service):
    with raw(service.address, UPLOAD, FORM, CHUNKED) as connection:
        connection.sendall(chunk(part('name="x"', b"x" * 2**12)))
        assert status_of(connection) == 400  # and nothing more was sent
    with raw(service.address, UPLOAD, FORM, CHUNKED) as connection:  # a file that nobody asked for
        connection.sendall(chunk(part('name="other"; filename="a.png"', b"x" * 2**12)))
        assert status_of(connection) == 400
    assert eventually(lambda: not kept(service))


def test_too_many_parts_and_too_long_heads_are_refused(web, service):
    parts = b"".join(part(f'name="files"; filename="{number}"', b"x\r\n") for number in range(1500)) + b"--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert web.post(UPLOAD, content=parts, headers=headers).status_code == 400
    head = part('name="files"; filename="' + "x" * 2**16 + '"') + b"\r\n--b--\r\n"
    assert web.post(UPLOAD, content=head, headers=headers).status_code in (400, 413)
    assert eventually(lambda: not kept(service))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files by Linux's /proc")
def test_an_upload_of_many_files_opens_few_at_once(web, service):
    most, done = [0], threading.Event()

    def watch():
        while not done.is_set():
            most[0] = max(most[0], len(os.listdir("/proc/self/fd")))
            time.sleep(0.001)

    before, watcher = len(os.listdir("/proc/self/fd")), threading.Thread(target=watch)
    watcher.start()
    files = [("files", (f"{number}.png", b"%d" % number)) for number in range(900)]
    answer = web.post(UPLOAD, files=files)
    done.set()
    watcher.join()
    assert len(answer.json()) == 900 and most[0] - before < 300
    for path in answer.json():
        Path(path).unlink()


@pytest.mark.slow
def test_an_upload_waits_for_the_login_before_its_body(explainer, tmp_path):
    with serving(explainer, tmp_path, login="ann:secret") as running:
        for path in (UPLOAD, "/gradio_api/queue/join", "/gradio_api/cancel", "/gradio_api/heartbeat/x"):
            method = "GET" if "heartbeat" in path else "POST"
            with raw(running.address, path, FORM, "Content-Length: 1000000", method=method) as connection:
                assert status_of(connection) == 401  # without a byte of it


def test_a_post_that_falls_silent_ends(service, monkeypatch):
    from web.server import bodies

    monkeypatch.setattr(bodies, "SILENCE", 0.5)
    for path, head in ((UPLOAD, FORM), ("/gradio_api/queue/join", "Content-Type: application/json")):
        with raw(service.address, path, head, "Content-Length: 100000") as connection:
            connection.sendall(part('name="files"; filename="a.png"', b"x" * 100))
            assert status_of(connection) == 408
    assert eventually(lambda: not kept(service))


def test_a_post_that_drips_ends(service, monkeypatch):
    from web.server import bodies

    monkeypatch.setattr(bodies, "SILENCE", 1.0)
    with raw(service.address, "/gradio_api/queue/join", CHUNKED) as connection:
        connection.settimeout(0.2)
        for _ in range(100):
            connection.sendall(chunk(b" "))
            try:
                assert connection.recv(12).endswith(b"408")
                return
            except TimeoutError:
                continue
    pytest.fail("it drips on")


def test_other_servers_are_not_asked(web, monkeypatch):
    import safehttpx

    asked = []
    monkeypatch.setattr(safehttpx, "async_validate_url", lambda host: asked.append(host))
    assert web.get("/gradio_api/file=https://example.org/cell.png").status_code == 403 and not asked


@pytest.mark.parametrize("given", ["1-2-3", "²-5", "5-2", "99999999-", "9999999-99999999", "0-1,5-2", "-", "x"])
def test_bad_ranges_are_refused_and_good_ones_served(web, given):
    data = CELL.read_bytes()
    path = web.post(UPLOAD, files={"files": ("cell.png", data)}).json()[0]
    asked = f"/gradio_api/file={path}"
    assert web.get(asked, headers={"range": f"bytes={given}".encode()}).status_code in (400, 416)
    answer = web.get(asked, headers={"range": "bytes=2-5", "cookie": "a=b"})
    assert answer.status_code == 206 and answer.content == data[2:6] and "cookie" not in answer.headers
    Path(path).unlink()


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("queue/join", {"fn_index": 999, "data": [], "session_hash": "s"}),
        ("queue/join", {"fn_index": -1, "data": [], "session_hash": "s"}),
        ("queue/join", {"fn_index": 0, "data": [], "session_hash": 7}),
        ("queue/join", {"data": [], "session_hash": "s"}),
        ("call/nothing", {"data": []}),
        ("call/v2/nothing", {}),
        ("call/v2/predict", {"nothing": 1}),
        ("run/nothing", {"data": []}),
        ("run/predict", {"data": []}),
        ("component_server", {"data": 1}),
        ("cancel", {}),
    ],
)
def test_what_the_page_does_not_have_is_not_its_fault(web, path, asked):
    assert 400 <= web.post(f"/gradio_api/{path}", json=asked).status_code < 500


def test_an_upload_that_is_broken_off_leaves_nothing(web, service):
    for _ in range(3):
        with raw(service.address, UPLOAD, FORM, "Content-Length: 4000000") as connection:
            connection.sendall(part('name="files"; filename="a.png"', b"x" * 2**20))
            assert eventually(lambda: kept(service))
    assert eventually(lambda: not kept(service))
    two = [("files", ("a.png", b"x" * 2**20)), ("files", ("b.png", b"x" * (2**22 + 1)))]
    assert web.post(UPLOAD, files=two).status_code == 413 and not kept(service)
    with raw(service.address, UPLOAD, FORM, "Content-Length: 100") as connection:
        connection.sendall(part('name="files"; filename=".."', b"x"))
        assert status_of(connection) == 400
    assert eventually(lambda: not kept(service))


@pytest.mark.parametrize(
    "file",
    [
        {"path": "/nowhere/cell.png", "meta": {"_type": "gradio.FileData"}},
        {"path": "cell.png", "meta": {"_type": "gradio.FileData"}},
        {"path": ""},
        {"path": "/etc/passwd"},
    ],
)
@pytest.mark.parametrize("endpoint", ["predict", "edit"])
def test_a_path_that_was_not_uploaded_is_a_sentence_with_the_way_out(web, endpoint, file):
    event = web.post(f"/gradio_api/call/v2/{endpoint}", json={"file": file}).json()["event_id"]
    answer = web.get(f"/gradio_api/call/{endpoint}/{event}").text
    assert "event: error" in answer and "file: not an uploaded file. Post it to /gradio_api/upload" in answer
    assert "nowhere" not in answer and "passwd" not in answer
