"""What strangers may send: nothing of it stops the page, fills the machine, or takes another visitor's page away."""

import asyncio
import base64
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from io import BytesIO
from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import Image

from tests.server import CHUNKED, FORM, chunk, part, raw, serving, status_of

ROOT = Path(__file__).resolve().parents[3]
CELL = sorted((ROOT / "web/examples").glob("*.png"))[0]
UPLOAD = "/gradio_api/upload"
pytestmark = pytest.mark.filterwarnings("ignore:::gradio.queueing")


@pytest.fixture(scope="module")
def service(explainer, tmp_path_factory):
    with serving(explainer, tmp_path_factory.mktemp("scratch"), upload_megabytes=4, post_megabytes=8) as running:
        yield running


@pytest.fixture
def web(service):
    with httpx.Client(base_url=service.address, timeout=60) as client:
        yield client


def kept(service) -> list[Path]:
    """The files that lie in a server's folder, but for the page's own."""
    own = service.scratch._own
    return [path for path in service.scratch.folder.rglob("*") if path.is_file() and path not in own]


def eventually(true, seconds: float = 20) -> bool:
    """Whether something becomes true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.05)
    return False


def function(web, name: str) -> int:
    """The number of a function of the page."""
    return next(item["id"] for item in web.get("/config").json()["dependencies"] if item["api_name"] == name)


def join(web, name: str, data: list, session: str):
    """Asks for work as the page does."""
    asked = {"fn_index": function(web, name), "data": data, "session_hash": session, "trigger_id": None}
    return web.post("/gradio_api/queue/join", json=asked)


def picture(path: str) -> dict:
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


# What a request may bring


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


# What is left of it


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


def test_one_visitor_fills_half_of_the_room_at_most(explainer, tmp_path):
    with serving(explainer, tmp_path, disk_megabytes=2) as running:
        with httpx.Client(base_url=running.address) as web:
            sizes = (2**19, 2**20, 2**19 - 2000, 2**16)
            answers = [web.post(UPLOAD, files={"files": ("a.png", os.urandom(size))}) for size in sizes]
            assert [answer.status_code for answer in answers] == [200, 507, 200, 507]
        with httpx.Client(base_url=running.address, headers={"x-forwarded-for": "192.0.2.7"}) as other:
            assert other.post(UPLOAD, files={"files": ("a.png", os.urandom(2**16))}).status_code == 200


# Whose page it is


def readings(service, session: str) -> list:
    """What the server keeps of a page."""
    holder = service.blocks.state_holder
    return [value for value in holder[session].state_data.values() if value is not None] if session in holder else []


def explain_a_cell(service, web, session: str) -> None:
    """A page on which a cell is explained."""
    path = web.post(UPLOAD, files={"files": ("cell.png", CELL.read_bytes())}).json()[0]
    assert join(web, "explain_1", [picture(path), 8, 0, False], session).status_code == 200
    with httpx.stream("GET", f"{service.address}/gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
        assert any("process_completed" in line for line in stream.iter_lines())
    assert readings(service, session)


@contextmanager
def open_page(service, session: str):
    """A page that is there: its connection stays open."""
    with raw(service.address, f"/gradio_api/heartbeat/{session}", method="GET") as connection:
        assert status_of(connection) == 200
        yield


@pytest.mark.slow
def test_many_strangers_do_not_wipe_a_page(service, web):
    with open_page(service, "honest"):
        explain_a_cell(service, web, "honest")
        explain_a_cell(service, web, "away")  # as of somebody whose train is in a tunnel
        for number in range(130):  # on a busy machine as many of them wait as may
            assert eventually(lambda: join(web, "clear", [], f"stranger{number}").status_code == 200)  # noqa: B023
        assert readings(service, "honest") and readings(service, "away")


def test_who_comes_when_all_pages_are_taken_is_told(explainer, tmp_path, monkeypatch):
    from web.server import sessions

    monkeypatch.setattr(sessions, "PAGES", 3)
    with serving(explainer, tmp_path) as running, ExitStack() as stack:
        web = stack.enter_context(httpx.Client(base_url=running.address, timeout=60))
        for name in ("a", "b"):
            stack.enter_context(open_page(running, name))
        assert join(web, "clear", [], "left").status_code == 200
        assert eventually(lambda: join(web, "clear", [], "newer").status_code == 200)  # in the place of who left
        assert "left" not in running.pages.pages and "a" in running.pages.pages
        stack.enter_context(open_page(running, "newer"))
        for answer in (join(web, "clear", [], "late"), web.get("/gradio_api/heartbeat/late")):
            assert answer.status_code == 503 and answer.json()["detail"] == sessions.NO_PAGE
        monkeypatch.setattr(sessions, "PAGES_OF_ONE", 3)
        assert join(web, "clear", [], "late").json()["detail"] == sessions.NO_PAGE_OF_ONE
        assert join(web, "clear", [], "a").status_code == 200


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
        join(web, "explain_1", [picture(path), 8, 0, False], "third")
        with httpx.stream("GET", f"{running.address}/gradio_api/queue/data?session_hash=third", timeout=60) as stream:
            assert any(sessions.NO_MEMORY in line for line in stream.iter_lines())


def test_what_a_value_weighs():
    from web.server.sessions import size_of

    assert size_of(np.zeros((10, 10), np.uint8)) == 100
    assert size_of({"a": ["x" * 50, (b"y" * 20,)]}) == 71
    assert 0.9e6 < size_of([f"{number:0100d}" for number in range(10_000)]) < 1.1e6


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


# Who it is


def test_wrong_passwords_are_slowed_down_by_address(explainer, tmp_path):
    with serving(explainer, tmp_path, login="ann:secret") as running, httpx.Client(base_url=running.address) as web:

        def attempt(password: str, **headers: str) -> httpx.Response:
            return web.post("/login", data={"username": "ann", "password": password}, headers=headers)

        codes = [attempt(f"wrong{number}").status_code for number in range(12)]
        assert codes[:5] == [400] * 5 and codes.count(429) >= 4
        answer = attempt("secret")
        assert answer.status_code == 429 and int(answer.headers["retry-after"]) >= 1
        assert attempt("secret", **{"x-forwarded-for": "192.0.2.7"}).status_code == 200


@pytest.fixture
def guarded(explainer, tmp_path):
    """A page with a login and these settings, and a client of it."""
    with ExitStack() as stack:

        def start(**settings):
            running = stack.enter_context(serving(explainer, tmp_path, login="ann:secret", **settings))
            return stack.enter_context(httpx.Client(base_url=running.address))

        yield start


FOREIGN = {"origin": "https://evil.example", "host": "cells.example", "sec-fetch-site": "cross-site"}


def test_other_sites_are_kept_out(guarded):
    web = guarded()
    preflight = web.options("/config", headers=FOREIGN | {"access-control-request-method": "POST"})
    for answer in (web.get("/config", headers=FOREIGN), preflight):
        assert "access-control-allow-origin" not in answer.headers
    local = {"origin": "https://evil.example"}  # a browser that does not say whose page it is
    for headers in (FOREIGN, local):
        assert web.post(UPLOAD, headers=headers, files={"files": ("a.png", b"x")}).status_code == 403
    cookies = web.post("/login", data={"username": "ann", "password": "secret"}).headers.get_list("set-cookie")
    assert len(cookies) == 2 and all("samesite=lax" in cookie.lower() for cookie in cookies)
    assert web.get("/").headers["content-security-policy"].endswith("frame-ancestors 'self'")


def test_a_site_that_is_named_gets_in(guarded):
    web, friend = guarded(sites="https://lab.example"), FOREIGN | {"origin": "https://lab.example"}
    headers = web.get("/config", headers=friend).headers
    assert headers["access-control-allow-origin"] == "https://lab.example"
    assert headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in web.get("/config", headers=FOREIGN).headers
    assert web.post(UPLOAD, headers=friend, files={"files": ("a.png", b"x")}).status_code == 401
    cookies = web.post("/login", data={"username": "ann", "password": "secret"}).headers.get_list("set-cookie")
    assert any("samesite=none; secure" in cookie.lower() for cookie in cookies)
    assert web.get("/").headers["content-security-policy"].endswith("'self' https://lab.example")


@pytest.mark.slow
def test_tools_ask_for_the_login_and_work_with_it(explainer, tmp_path):
    import mcp
    from mcp.client import streamable_http as transport

    noise = np.random.default_rng(0).integers(0, 255, (900, 900, 3), np.uint8)  # a picture of some 2 MB
    buffer = BytesIO()
    Image.fromarray(noise).save(buffer, "PNG")
    uri = f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    assert len(uri) > 2**21

    async def talk(address: str, headers: dict[str, str]):
        async with (
            transport.streamablehttp_client(f"{address}/gradio_api/mcp/", headers=headers) as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = await session.list_tools()
            return tools, await session.call_tool("predict", {"file": uri, "as_given": True})

    with serving(explainer, tmp_path, mcp=True, login="ann:secret") as running:
        with httpx.Client(base_url=running.address) as web:
            asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
            headers = {"accept": "application/json, text/event-stream"}
            for address in ("/gradio_api/mcp/", "/gradio_api/mcp", "/gradio_api/mcp/http/", "/gradio_api/mcp/schema"):
                assert web.post(address, json=asked, headers=headers).status_code == 401
                assert web.get(address).status_code == 401
            web.post("/login", data={"username": "ann", "password": "secret"})
            cookie = "; ".join(f"{name}={value}" for name, value in web.cookies.items())
        basic = base64.b64encode(b"ann:secret").decode()
        for headers in ({"authorization": f"Basic {basic}"}, {"cookie": cookie}):
            tools, answer = asyncio.run(talk(running.address, headers))
            assert {tool.name for tool in tools.tools} == {"predict", "explain", "edit"}
            assert not answer.isError and "Parasitized" in answer.content[0].text


# What it says of itself


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


def test_gradio_has_the_private_names_that_are_used():
    from web.server.private_names import missing

    assert missing() == []


# And it stops

HELD = """
import pathlib, re, sys, threading, time
def hold():
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.05)
    re.match(r"(a|a)+$", "a" * 64 + "b")  # for ages, and never lets another thread run
threading.Thread(target=hold, daemon=True).start()
import app
sys.exit(app.main(sys.argv[2:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_ends_a_process_whose_interpreter_is_held(tmp_path, number):
    held, environment = tmp_path / "held", os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    command = [sys.executable, "-c", HELD, str(held), "--port", "7997", "--stop-seconds", "1"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert any("serves on" in line for line in server.stdout)
        held.touch()
        time.sleep(1)
        with pytest.raises(httpx.HTTPError):
            httpx.get("http://127.0.0.1:7997/healthz", timeout=2)  # held it is
        start = time.monotonic()
        server.send_signal(number)
        assert server.wait(60) == signal.SIGALRM
        assert time.monotonic() - start < 30  # one, the eight of an orderly stop, and what a busy machine does
        assert eventually(lambda: not list(tmp_path.glob("plasmolens-*")))
    finally:
        server.kill()
