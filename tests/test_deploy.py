"""One's own server: what the Dockerfile copies serves, and deploy/nginx.conf is sticky before two real replicas."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml
from gradio_client import Client, handle_file

from benchmarks.start import start_server, stop_server
from tests.support.warm_python import warm_python

ROOT = Path(__file__).resolve().parents[1]
EXAMPLE = next(iter(sorted((ROOT / "web/examples").glob("*-*.png"))))
REPLICAS = ("first", "second")
PAGE = {"accept": "text/html,application/xhtml+xml"}  # as browsers ask for a page
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:::gradio.queueing")]


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def replicas(tmp_path_factory) -> Iterator[list[str]]:
    """The addresses of two apps, whose uploads go below folders named as REPLICAS."""
    folder, addresses, servers = tmp_path_factory.mktemp("replicas"), [], []
    try:
        for name in REPLICAS:
            (folder / name).mkdir()
            address, server, _ = start_server(warm_python(), GRADIO_TEMP_DIR=str(folder / name))
            addresses.append(address)
            servers.append(server)
        yield addresses
    finally:
        for server in servers:
            stop_server(server)


@contextmanager
def proxy(folder: Path, replicas: list[str]) -> Iterator[str]:
    """The address of nginx under the shipped configuration; only its addresses and folders are the test's."""
    program = shutil.which("nginx")
    if program is None:
        reason = "the proxy's tests need nginx on the PATH"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    text, port = (ROOT / "deploy/nginx.conf").read_text(), free_port()
    servers = " ".join(f"server {address.removeprefix('http://')};" for address in replicas)
    changes = {
        "server page:7860;": servers,
        "listen 8080;": f"listen 127.0.0.1:{port};",
        "/tmp/nginx": f"{folder}/nginx",
        "/dev/stderr": f"{folder}/errors",
    }
    for shipped, here in changes.items():
        assert shipped in text
        text = text.replace(shipped, here)
    configuration = folder / "nginx.conf"
    configuration.write_text(text)
    nginx = subprocess.Popen([program, "-e", f"{folder}/errors", "-c", configuration, "-g", "daemon off;"])
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert nginx.poll() is None, (folder / "errors").read_text()
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        nginx.terminate()
        nginx.wait(20)


@pytest.fixture(scope="module")
def address(tmp_path_factory, replicas) -> Iterator[str]:
    with proxy(tmp_path_factory.mktemp("proxy"), replicas) as running:
        yield running


def replica_of_upload(web: httpx.Client, data: bytes = EXAMPLE.read_bytes()) -> str:
    """Which replica took a file: the folder that it says it keeps it in tells."""
    answer = web.post("/gradio_api/upload", files={"files": ("cell.png", data, "image/png")})
    assert answer.status_code == 200, answer.text
    (name,) = [name for name in REPLICAS if f"/{name}/" in answer.json()[0]]
    return name


def test_a_browser_stays_with_the_replica_of_its_first_visit(address):
    chosen = []
    for _ in range(16):
        with httpx.Client(base_url=address, timeout=60) as web:
            first = web.get("/", headers=PAGE)
            assert first.status_code == 200 and "httponly" in first.headers["set-cookie"].lower()
            cookie = web.cookies["replica"]
            taken = {replica_of_upload(web) for _ in range(3)}
            again = web.get("/", headers=PAGE)
            assert len(taken) == 1 and "set-cookie" not in again.headers and web.cookies["replica"] == cookie
            chosen += taken
    assert set(chosen) == set(REPLICAS)  # one of 30,000 runs has all visitors at one replica


def test_a_program_without_cookies_stays_with_one_replica_and_sees_an_edit_as_it_comes(address):
    assert len({replica_of_upload(httpx.Client(base_url=address, timeout=60)) for _ in range(6)}) == 1
    client = Client(address, verbose=False)
    assert client.predict(handle_file(EXAMPLE), api_name="/predict")["label"]
    job = client.submit(handle_file(EXAMPLE), None, api_name="/edit")
    frames_while_running = 0
    while not job.done():
        frames_while_running = max(frames_while_running, len(job.outputs()))
        time.sleep(0.02)
    assert job.outputs() and frames_while_running > 1  # not all at the end


def test_uploads_pass_up_to_the_replicas_limit_and_larger_ones_are_refused_at_once(address):
    with httpx.Client(base_url=address, timeout=60) as web:
        assert replica_of_upload(web, EXAMPLE.read_bytes() + bytes(8 * 2**20))  # nginx alone allows 1 MiB
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=30)
    connection.putrequest("POST", "/gradio_api/upload")
    connection.putheader("content-type", "multipart/form-data; boundary=b")
    connection.putheader("content-length", str(600 * 2**20))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()


def test_the_visitors_of_a_replica_that_is_gone_are_served_by_another(tmp_path, replicas):
    with proxy(tmp_path, [replicas[1], f"http://127.0.0.1:{free_port()}"]) as address:
        for _ in range(8):
            with httpx.Client(base_url=address, timeout=60) as web:
                assert replica_of_upload(web) == REPLICAS[1]
                assert web.get("/", headers=PAGE).status_code == 200
                assert replica_of_upload(web) == REPLICAS[1]


@pytest.mark.browser
def test_the_page_explains_a_cell_through_the_proxy(address, browser):
    from web.screenshot import explain

    browser.get(address)
    explain(browser, EXAMPLE)
    assert browser.get_cookie("replica")


def test_the_image_holds_all_that_serves_and_its_health_check_sees_it(tmp_path):
    """Without a container engine: the files, variables and commands of the Dockerfile, in this environment."""
    lines = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text()).splitlines()
    said = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    app, port = tmp_path / "app", str(free_port())
    app.mkdir()
    for arguments in (rest.split() for word, rest in said if word == "COPY"):
        for source in arguments[:-1]:
            (app / source).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, app / (source if copy is shutil.copytree else arguments[-1]))
    (variables,) = [dict(item.split("=") for item in rest.split()) for word, rest in said if word == "ENV"]
    assert variables["GRADIO_SERVER_NAME"] == "0.0.0.0" and ["EXPOSE", variables["GRADIO_SERVER_PORT"]] in said
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= variables | {"GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": port}

    def command(word: str) -> list[str]:
        (rest,) = [rest for first, rest in said if first == word]
        python, *arguments = json.loads(rest[rest.index("[") :])
        assert python == "python"
        return [warm_python(), *(argument.replace(variables["GRADIO_SERVER_PORT"], port) for argument in arguments)]

    server = subprocess.Popen(command("CMD"), cwd=app, env=environment)
    try:
        until = time.monotonic() + 120
        while healthy := subprocess.run(command("HEALTHCHECK"), env=environment, stderr=subprocess.DEVNULL).returncode:
            assert server.poll() is None and time.monotonic() < until
            time.sleep(0.5)
        assert healthy == 0 and httpx.get(f"http://127.0.0.1:{port}").status_code == 200
        result = Client(f"http://127.0.0.1:{port}", verbose=False).predict(handle_file(EXAMPLE), api_name="/predict")
        assert result["label"] in ("Parasitized", "Uninfected")
    finally:
        assert stop_server(server) == 0
    assert ["STOPSIGNAL", "SIGTERM"] in said
    assert subprocess.run(command("HEALTHCHECK"), env=environment, stderr=subprocess.DEVNULL).returncode


def test_the_compose_file_and_the_proxy_agree():
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    configuration = (ROOT / "deploy/nginx.conf").read_text()
    assert "server page:7860;" in configuration and services["page"]["build"] == "."
    assert "listen 8080;" in configuration and services["proxy"]["ports"] == ["8080:8080"]
    assert "./deploy/nginx.conf:/etc/nginx/nginx.conf:ro" in services["proxy"]["volumes"]
    megabytes = int(services["page"]["environment"]["PLASMOLENS_POST_MEGABYTES"])
    assert f"client_max_body_size {megabytes + 1}m;" in configuration
