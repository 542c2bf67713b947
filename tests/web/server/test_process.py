"""The server as a process: it asks nobody, and it stops when told."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.support.server import SECRET, eventually
from tests.support.warm_python import warm_python

ROOT = Path(__file__).resolve().parents[3]


HELD = """
import pathlib, re, sys, threading, time
from web.server import watchdog
watchdog.GRACE = 1.0
def hold():
    while not pathlib.Path(sys.argv[1]).exists():
        time.sleep(0.05)
    re.match(r"(a|a)+$", "a" * 64 + "b")  # for ages, and never lets another thread run
threading.Thread(target=hold, daemon=True).start()
import app
sys.exit(app.main(sys.argv[2:]))
"""


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGTERM, marks=pytest.mark.slow), pytest.param(signal.SIGINT, marks=pytest.mark.long)],
)
def test_a_stop_ends_a_process_whose_interpreter_is_held(tmp_path, number):
    held, environment = tmp_path / "held", os.environ | {"GRADIO_TEMP_DIR": str(tmp_path)}
    command = [warm_python(), "-c", HELD, str(held), "--port", "7997", "--stop-seconds", "1"]
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert any("serves on" in line for line in server.stdout)
        held.touch()
        time.sleep(0.3)
        with pytest.raises(httpx.HTTPError):
            httpx.get("http://127.0.0.1:7997/healthz", timeout=1)  # held it is
        start = time.monotonic()
        server.send_signal(number)
        assert server.wait(60) == signal.SIGALRM
        assert time.monotonic() - start < 30  # one, the one of an orderly stop, and what a busy machine does
        assert eventually(lambda: not list(tmp_path.glob("plasmolens-*")))
    finally:
        server.kill()


@pytest.mark.slow
def test_a_system_without_file_locks_is_told_so_in_one_line():
    start = "import sys; sys.modules['fcntl'] = None; import app; sys.exit(app.main(['--device', 'cpu']))"
    ended = subprocess.run([warm_python(), "-c", start], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)
    assert ended.stderr.startswith("error: the page runs on Linux and macOS")


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
