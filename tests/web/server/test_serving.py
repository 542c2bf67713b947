"""A real server, in this process or its own: health, limits, privacy, faults, stopping. No browser but in one test."""

import asyncio
import base64
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import httpx
import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import ExifTags, Image

from jdm_core import Explainer
from jdm_core.explain.edit import EditSettings, Strength
from tests.server import serving
from web.logs import JsonLines
from web.page import COMPUTE
from web.server.gate import Gate
from web.server.jobs import FAULT
from web.server.scratch import Scratch
from web.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
QUICK = EditSettings(steps=3, time=0.6, ladder=(Strength(2, 1.0), Strength(3, 2.0)))
SECRET = "Ward-7-Smith"
pytestmark = pytest.mark.filterwarnings("ignore:::gradio.queueing")


@pytest.fixture(scope="module")
def explainer():
    loaded = Explainer.load(device="cpu")
    loaded.edit = QUICK
    return loaded


@pytest.fixture(scope="module")
def service(explainer, tmp_path_factory):
    with serving(explainer, tmp_path_factory.mktemp("scratch"), upload_megabytes=1, post_megabytes=2) as running:
        yield running


@pytest.fixture(scope="module")
def web(service):
    with httpx.Client(base_url=service.address, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def cell(tmp_path_factory) -> Path:
    """A drawn cell with a telling name and telling Exif."""
    y, x = np.mgrid[:90, :90]
    pixels = np.zeros((90, 90, 3), np.uint8)
    pixels[(x - 45) ** 2 + (y - 45) ** 2 < 42**2] = (226, 180, 178)
    pixels[(x - 55) ** 2 + (y - 40) ** 2 < 60] = (110, 60, 130)
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SECRET
    path = tmp_path_factory.mktemp("cells") / f"{SECRET}.jpg"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    return path


def post_file(web, name: str, data: bytes, kind: str = "image/png"):
    return web.post("/gradio_api/upload", files={"files": (name, data, kind)})


def call(web, path: str, endpoint: str = "predict"):
    """What a call of an endpoint on an uploaded file answers."""
    data = {"path": path, "meta": {"_type": "gradio.FileData"}}
    event = web.post(f"/gradio_api/call/v2/{endpoint}", json={"file": data}).json()["event_id"]
    return web.get(f"/gradio_api/call/{endpoint}/{event}").text


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


def test_every_answer_forbids_requests_to_others(web):
    for path in ("/", "/healthz", "/config"):
        headers = web.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self' data: blob:")
        assert headers["x-content-type-options"] == "nosniff"


def test_posts_beyond_the_limits_are_refused(web):
    assert post_file(web, "a.png", b"x" * (2**20 + 1)).status_code == 413  # of one file
    assert web.post("/gradio_api/upload", content=b"x" * (4 * 2**20)).status_code == 413  # of all
    chunks = (b"x" * 2**16 for _ in range(64))  # no content-length
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert web.post("/gradio_api/upload", content=chunks, headers=headers).status_code in (400, 413)
    assert web.post("/gradio_api/call/predict", json={"data": ["x" * 2**21]}).status_code == 413


def test_a_post_may_name_every_file_of_a_batch():
    """As the page does for loose files: each with path, address and name, here of 120 characters."""
    name = "x" * 120
    file = {"path": f"/tmp/plasmolens-x/{'0' * 64}/{name}", "url": f"http://localhost:7860/{'0' * 64}/{name}"}
    post = json.dumps([{**file, "orig_name": name, "size": 9999, "mime_type": "image/png"}] * 3000).encode()
    assert len(post) > 2**20
    passed = {cells: status_of_post(post, cells) for cells in (500, 3000)}
    assert passed == {500: 413, 3000: 200}


def status_of_post(body: bytes, batch_cells: int) -> int:
    """What the gate answers to a post before a page that answers 200 once it has it all."""
    said = []

    async def page(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        said.append(message)

    pages = SimpleNamespace(check_jobs=lambda _: None, make_room=lambda _: None)
    service = SimpleNamespace(
        settings=Settings(batch_cells=batch_cells), stopping=False, loop=None, pages=pages, app=None
    )
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join"}
    scope["headers"] = [(b"content-length", str(len(body)).encode())]
    asyncio.run(Gate(page, service)(scope, receive, send))
    return said[0]["status"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"data": 3}', b"\xff\xfe", b'{"data": [{"path": 3}]}'])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
@pytest.mark.parametrize("path", ["upload", "call/predict", "queue/join", "run/predict"])
def test_nonsense_never_shows_a_traceback(web, path, kind, content):
    answer = web.post(f"/gradio_api/{path}", content=content, headers={"content-type": kind})
    assert "Traceback" not in answer.text and ".py" not in answer.text
    assert web.get("/healthz").status_code == 200


@pytest.mark.parametrize("name", ["../../../evil.png", "..\\evil.png", "/etc/evil.png", "a\0b.png", "x" * 300 + ".png"])
def test_uploads_stay_in_their_folder(web, service, name):
    before = set(Path("/tmp").glob("evil*")) | set(Path("/etc").glob("evil*"))
    answer = post_file(web, name, b"\x89PNG")
    if answer.status_code == 200:
        assert Path(answer.json()[0]).resolve().is_relative_to(service.scratch.folder.resolve())
    assert answer.status_code < 500 and "Traceback" not in answer.text
    assert set(Path("/tmp").glob("evil*")) | set(Path("/etc").glob("evil*")) == before


def test_a_picture_is_not_fetched_from_a_url(web, monkeypatch):
    from gradio import processing_utils

    asked = []
    monkeypatch.setattr(processing_utils.sh, "get", lambda url, **options: asked.append(url))
    answer = call(web, "https://example.org/cell.png")
    assert "event: error" in answer and "is not fetched from a URL" in answer
    assert not asked


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "app.py"), "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"])
def test_other_files_are_not_served(web, path):
    answer = web.get(f"/gradio_api/file={path}")
    assert answer.status_code in (400, 403, 404) and "root:" not in answer.text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("a.html", b"<script>alert(1)</script>"),
        ("a.png", b"<html><script>alert(1)</script></html>"),
        ("a.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>"),
        ("a.js", b"alert(1)"),
    ],
)
def test_nothing_uploaded_comes_back_as_active_content(web, name, data):
    path = post_file(web, name, data, "image/svg+xml").json()[0]
    answer = web.get(f"/gradio_api/file={path}")
    kind = answer.headers["content-type"]
    assert not any(word in kind for word in ("html", "svg", "xml", "script"))
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "event: error" in call(web, path)


def test_nothing_of_exif_is_stored_or_returned(service, cell):
    client = Client(service.address, verbose=False)
    _, picture = client.predict(handle_file(cell), api_name="/explain")
    assert SECRET.encode() in cell.read_bytes() and SECRET.encode() not in Path(picture).read_bytes()
    stored = [file for file in service.scratch.folder.rglob("*") if file.is_file()]
    assert any(file.name == cell.name for file in stored)
    assert not [file for file in stored if SECRET.encode() in file.read_bytes()]


def test_a_fault_leaves_the_page_usable(service, explainer, cell, monkeypatch, capfd):
    client = Client(service.address, verbose=False)
    with monkeypatch.context() as broken:
        broken.setattr(explainer, "elbo", lambda *_, **__: (_ for _ in ()).throw(RuntimeError(f"{SECRET} broke")))
        with pytest.raises(AppError, match=FAULT.split(";")[0]):
            client.predict(handle_file(cell), api_name="/predict")
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out
    assert client.predict(handle_file(cell), api_name="/predict")["label"]


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


def test_a_cancelled_edit_stops(service, explainer, cell, monkeypatch):
    done, closed = slow_stream(explainer, monkeypatch)
    job = Client(service.address, verbose=False).submit(handle_file(cell), None, api_name="/edit")
    while len(done) < 3:
        time.sleep(0.05)
    job.cancel()
    assert closed.wait(10) and len(done) < 60


def test_a_full_queue_refuses_and_the_rest_is_served(explainer, cell, tmp_path, monkeypatch):
    slow_stream(explainer, monkeypatch, steps=10)
    monkeypatch.setitem(COMPUTE, "concurrency_limit", 1)
    with serving(explainer, tmp_path, queue_length=1) as running:
        client = Client(running.address, verbose=False)
        jobs = [client.submit(handle_file(cell), None, api_name="/edit") for _ in range(4)]
        ends = [job.exception(timeout=60) for job in jobs]
    assert any(end is None for end in ends) and any("full" in str(end) for end in ends if end)


def test_files_go_on_schedule_and_all_when_the_server_stops(explainer, cell, tmp_path):
    with serving(explainer, tmp_path, kept_seconds=2) as running, httpx.Client(base_url=running.address) as web:
        path = Path(post_file(web, "cell.jpg", cell.read_bytes()).json()[0])
        assert path.exists()
        until = time.monotonic() + 20
        while path.exists() and time.monotonic() < until:
            time.sleep(0.2)
        assert not path.exists()
        folder = running.scratch.folder
    assert not folder.exists()


def test_the_page_keeps_its_own_pictures(tmp_path):
    scratch = Scratch(0.4, tmp_path)
    example = tmp_path / "example.png"
    example.write_text("an example")
    for name, picture in (("button", "cell.png"), ("upload", "cell.png"), ("late", "example.png")):
        (scratch.folder / name).mkdir()
        (scratch.folder / name / picture).write_text(example.read_text())
        if name == "button":
            scratch.keep_all([example])
    until = time.monotonic() + 20
    while (scratch.folder / "upload").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert sorted(path.name for path in scratch.folder.iterdir()) == [".lock", "button", "late"]
    assert (scratch.folder / "button" / "cell.png").exists() and (scratch.folder / "late" / "example.png").exists()
    scratch.close()


def test_what_a_killed_server_left_goes_at_the_next_start(tmp_path):
    script = (
        "import sys, os; from pathlib import Path; from web.server.scratch import Scratch;"
        "s = Scratch(60, Path(sys.argv[1]));"
        "(s.folder / 'cell.png').write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    (left,) = tmp_path.glob("plasmolens-*/cell.png")
    living = Scratch(60, tmp_path)
    other = Scratch(60, tmp_path)
    assert not left.exists() and living.folder.exists() and living.folder.stat().st_mode & 0o77 == 0
    living.close()
    other.close()


def test_a_system_without_file_locks_is_told_so_in_one_line():
    start = "import sys; sys.modules['fcntl'] = None; import app; sys.exit(app.main(['--device', 'cpu']))"
    ended = subprocess.run([sys.executable, "-c", start], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("error: the page runs on Linux and macOS")


def test_a_login_shuts_everything_but_health(explainer, cell, tmp_path):
    with serving(explainer, tmp_path, login="ann:secret") as running, httpx.Client(base_url=running.address) as web:
        assert web.get("/config").status_code == post_file(web, "a.png", b"x").status_code == 401
        assert web.post("/gradio_api/call/predict", json={"data": [None]}).status_code == 401
        assert web.post("/login", data={"username": "ann", "password": "wrong"}).status_code == 400
        assert web.get("/healthz").status_code == 200
        client = Client(running.address, auth=("ann", "secret"), verbose=False)
        assert client.predict(handle_file(cell), api_name="/predict")["label"]


@pytest.mark.slow
def test_mcp_clients_find_tools_that_describe_themselves_and_use_them(explainer, cell, tmp_path):
    import mcp
    from mcp.client import streamable_http as transport

    async def talk(address: str):
        async with (
            transport.streamablehttp_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            mcp.ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {tool.name: tool for tool in (await session.list_tools()).tools}
            given = {"file": f"data:image/jpeg;base64,{base64.b64encode(cell.read_bytes()).decode()}"}
            answer = await session.call_tool("predict", given)
            bad = await session.call_tool("predict", {"file": "data:image/png;base64,bm90aGluZw=="})
            elsewhere = await session.call_tool("predict", {"file": "https://example.org/cell.png"})
            return tools, answer, bad, elsewhere

    with serving(explainer, tmp_path, mcp=True) as running:
        tools, answer, bad, elsewhere = asyncio.run(talk(running.address))
    assert tools.keys() == {"predict", "explain", "edit"}
    for tool in tools.values():
        assert "not for diagnosis" in tool.description
        assert "Giemsa" in tool.inputSchema["properties"]["file"]["description"]
    assert tools["edit"].inputSchema["required"] == ["file"]
    assert not answer.isError and "Parasitized" in answer.content[0].text
    assert bad.isError and "not a PNG" in bad.content[0].text
    assert elsewhere.isError and "not fetched from a URL" in elsewhere.content[0].text


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


GUARD = """
import os, socket
def watched(connect):
    def call(self, address, *rest):
        if self.family != socket.AF_UNIX and not str(address[0]).startswith(("127.", "localhost", "::1")):
            open(os.environ["GUARD_LOG"], "a").write(f"{address}\\n")
        return connect(self, address, *rest)
    return call
socket.socket.connect = watched(socket.socket.connect)
socket.socket.connect_ex = watched(socket.socket.connect_ex)
resolve = socket.getaddrinfo
def getaddrinfo(host, *rest, **options):
    if host not in (None, "127.0.0.1", "localhost", "::1"):
        open(os.environ["GUARD_LOG"], "a").write(f"{host}\\n")
    return resolve(host, *rest, **options)
socket.getaddrinfo = getaddrinfo
"""


@pytest.mark.slow
def test_the_process_asks_nobody_and_ends_well_when_told(cell, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(GUARD)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path),
        "GUARD_LOG": str(tmp_path / "outside"),
        "GRADIO_SERVER_PORT": port,
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "PLASMOLENS_STOP_SECONDS": "2",
        "GRADIO_TEMP_DIR": str(tmp_path),
    }
    server = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
    lines: list[str] = []
    threading.Thread(target=lambda: lines.extend(server.stderr), daemon=True).start()
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 200
        while time.monotonic() < until and server.poll() is None:
            try:
                if httpx.get(f"{address}/healthz", timeout=5).status_code == 200:
                    break
            except httpx.HTTPError:
                time.sleep(0.3)
        client = Client(address, verbose=False)
        assert client.predict(handle_file(cell), api_name="/predict")["label"]
        job = client.submit(handle_file(cell), None, api_name="/edit")
        while not job.outputs() and not job.done():
            time.sleep(0.05)
        start = time.monotonic()
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0 and time.monotonic() - start < 20
        job.exception(timeout=20)  # finished or told: it does not hang
    finally:
        server.kill()
    assert not (tmp_path / "outside").exists()
    assert json.loads(lines[-1])["event"] == "stopped" and not list(tmp_path.glob("plasmolens-*"))
    assert not [line for line in lines if SECRET in line or not line.startswith("{")]


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """A file with some bytes changed, cut out or put in."""
    parts = bytearray(data)
    for _ in range(int(random.integers(1, 12))):
        at = int(random.integers(0, max(len(parts), 1)))
        kind = random.integers(0, 4)
        if kind == 0:
            parts[at : at + 1] = random.bytes(1)
        elif kind == 1:
            del parts[at : at + int(random.integers(1, 64))]
        elif kind == 2:
            parts[at:at] = random.bytes(int(random.integers(1, 64)))
        else:
            parts = parts[: max(at, 8)]
    return bytes(parts)


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_500_mutated_uploads_are_read_or_refused(web, service, explainer, cell, monkeypatch):
    elbo = explainer.elbo
    monkeypatch.setattr(explainer, "elbo", lambda image, *_, **__: elbo(image, draws=3))
    sources = []
    for format_ in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"):
        buffer = BytesIO()
        Image.open(cell).resize((32, 32)).save(buffer, format_)
        sources.append(buffer.getvalue())
    random = np.random.default_rng(0)
    ends = {"complete": 0, "error": 0}
    for number in range(500):
        path = post_file(web, "cell.png", mutated(sources[number % len(sources)], random)).json()[0]
        answer = call(web, path)
        assert FAULT.split(";")[0] not in answer, number
        ends["complete" if "event: complete" in answer else "error"] += "event: " in answer
    assert sum(ends.values()) == 500 and min(ends.values()) > 20
    assert web.get("/healthz").status_code == 200


@pytest.mark.slow
@pytest.mark.browser
def test_the_page_asks_its_own_server_alone(service, cell):
    webdriver = pytest.importorskip("selenium.webdriver")
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("needs chromium and chromedriver on the PATH")
    from web.screenshot import explain

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    try:
        driver.get(service.address)
        explain(driver, cell)
        messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
        severe = [entry for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    finally:
        driver.quit()
    asked = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    assert len(asked) > 20
    own = (service.address, "data:", "blob:", "chrome", "about:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert severe == []  # nor did the page try what its policy forbids
