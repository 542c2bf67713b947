"""The whole hostile corpus, posted to one real server, while an honest visitor's predictions come back in time."""

import json
import socket
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from benchmarks.fuzz.budget import MEMORY, tree_memory
from benchmarks.start import ROOT, start_server, stop_server
from tests.support import hostile

API = "/gradio_api"
EXAMPLE = next(iter(sorted((ROOT / "web/examples").glob("*-*.png"))))
SECONDS = 3.0  # within which an honest prediction comes back, on a machine that has nothing else to do
JOB = 120  # seconds within which every job ends
WEB = {"timeout": 60, "trust_env": False}
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


class Visitor:
    """One who uploads files and asks for what the page offers, from an address of their own."""

    def __init__(self, address: str, home: str) -> None:
        self.web = httpx.Client(base_url=address, headers={"x-forwarded-for": home}, **WEB)

    def upload(self, name: str, data: bytes) -> dict | None:
        """The file as calls name it; None where it was refused."""
        answer = self.web.post(f"{API}/upload", files={"files": (name, data)})
        assert answer.status_code < 500, (name, answer.status_code, answer.text)
        if answer.status_code != 200:
            return None
        return {"path": answer.json()[0], "orig_name": name, "meta": {"_type": "gradio.FileData"}}

    def call(self, endpoint: str, file: dict) -> str:
        """The words of the event that ends a call, "complete" or "error"."""
        answer = self.web.post(f"{API}/call/v2/{endpoint}", json={"file": file})
        assert answer.status_code == 200, (endpoint, answer.status_code, answer.text)
        last = ""
        with self.web.stream("GET", f"{API}/call/{endpoint}/{answer.json()['event_id']}", timeout=JOB) as events:
            for line in events.iter_lines():
                if line.startswith("event: ") and line != "event: heartbeat":
                    last = line.removeprefix("event: ")
                    if last in ("complete", "error"):
                        break
        return last

    def read_batch(self, functions: tuple[int, int], files: list[dict], session: str) -> bool:
        """Drops files, which the tab for many cells then reads; whether that ended well."""
        route, read = functions
        return self._job(route, [files], session) and self._job(read, [None, False], session)

    def _job(self, function: int, data: list, session: str) -> bool:
        """A job of the page's, to its end; whether it ended well."""
        job = {"data": data, "fn_index": function, "session_hash": session, "trigger_id": None}
        answer = self.web.post(f"{API}/queue/join", json=job)
        assert answer.status_code == 200, answer.text
        with self.web.stream("GET", f"{API}/queue/data", params={"session_hash": session}, timeout=JOB) as events:
            for line in events.iter_lines():
                if line.startswith("data: ") and (said := json.loads(line[6:]))["msg"] == "process_completed":
                    return said["success"]
        return False


@dataclass
class Honest:
    """Seconds of each prediction of a visitor who asks for one after the other, until told."""

    visitor: Visitor
    waits: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    told: threading.Event = field(default_factory=threading.Event)

    def one(self) -> None:
        """Uploads a cell, asks for its verdict, and waits for it."""
        start = time.monotonic()
        file = self.visitor.upload("cell.png", EXAMPLE.read_bytes())
        ended = self.visitor.call("predict", file) if file else "no upload"
        self.waits.append(time.monotonic() - start)
        if ended != "complete":
            self.faults.append(ended)

    def go_on(self) -> None:
        """Until told; a fault of any kind ends it, and is kept."""
        try:
            while not self.told.wait(0.5):
                self.one()
        except Exception as error:
            self.faults.append(f"{type(error).__name__}: {error}")


class Busy:
    """How many times as long as on an idle machine a little work takes on this one."""

    def __init__(self) -> None:
        command = "import time\nwhile True:\n    start = time.monotonic(), time.process_time()\n"
        command += "    while time.process_time() - start[1] < 0.1: pass\n"
        command += "    print((time.monotonic() - start[0]) / 0.1, flush=True)\n    time.sleep(1.4)\n"
        self._process = subprocess.Popen([sys.executable, "-c", command], stdout=subprocess.PIPE, text=True)

    def factor(self) -> float:
        """The mean of the tenth of the time in which it was busiest; to be asked once."""
        self._process.terminate()
        told = sorted(float(line) for line in self._process.communicate()[0].splitlines()[:-1])
        worst = told[-max(1, len(told) // 10) :]
        return max(1.0, statistics.mean(worst))


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[tuple[str, int, Path]]:
    """Address, process and folder of a server with default settings."""
    folder = tmp_path_factory.mktemp("uploads")
    address, process, _ = start_server(GRADIO_TEMP_DIR=str(folder), PLASMOLENS_LOG_LEVEL="error", OMP_NUM_THREADS="1")
    try:
        yield address, process.pid, folder
    finally:
        status = stop_server(process)
    assert status == 0


def batch_functions(address: str) -> tuple[int, int]:
    """The numbers of the functions that route what is dropped, and that read it in the tab for many cells."""
    config = httpx.get(f"{address}/config", **WEB).json()
    ids = {part["props"].get("elem_id"): part["id"] for part in config["components"]}
    files, matched, functions = ids["drop-files"], ids["batch-matched"], config["dependencies"]
    (route,) = [one["id"] for one in functions if [files, "upload"] in one["targets"] and one["inputs"] == [files]]
    (read,) = [one["id"] for one in functions if len(one["inputs"]) == 2 and one["inputs"][1] == matched]
    return route, read


def post_raw(address: str, path: str, kind: str, body: bytes) -> int:
    """The status of the answer to a body, sent until the server will have no more of it; 0 where it closes without one.

    Raises TimeoutError where it does neither.
    """
    host, port = address.removeprefix("http://").split(":")
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\n"
    answer = b""
    with socket.create_connection((host, int(port)), timeout=JOB) as connection:
        with suppress(ConnectionError):
            connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with suppress(ConnectionError):
            answer = connection.recv(2**16)
    return int(answer.split(b" ", 2)[1]) if answer else 0


def post_pictures(address: str, made: dict[str, bytes]) -> Iterator[str]:
    """Every picture: those that must be refused are, at both endpoints, and every call ends."""
    visitor = Visitor(address, "192.0.2.1")
    for name in hostile.PICTURES:
        for endpoint in ("predict", "explain"):
            file = visitor.upload(f"{name}.png", made[name])
            if file is not None and (ended := visitor.call(endpoint, file)) != "error":
                yield f"{name}: {endpoint} ended with {ended!r}"
    for name in hostile.HONEST_BUT_LARGE:
        file = visitor.upload(f"{name}.png", made[name])
        if file is not None and (ended := visitor.call("predict", file)) not in ("complete", "error"):
            yield f"{name}: ended with {ended!r}"


def post_zips(address: str, made: dict[str, bytes]) -> Iterator[str]:
    """Every zip many times in one request, and all pictures at once, to the tab for many cells, which reads on."""
    visitor, functions = Visitor(address, "192.0.2.2"), batch_functions(address)
    requests = {name: [visitor.upload(f"{name}.zip", made[name])] * 20 for name in hostile.ZIPS}
    requests["pictures"] = [visitor.upload(f"{name}.png", made[name]) for name in hostile.PICTURES]
    for name, files in requests.items():
        if not visitor.read_batch(functions, [file for file in files if file], f"session-{name}"):
            yield f"{name}: a batch that failed"


def post_bodies(address: str, made: dict[str, bytes]) -> Iterator[str]:
    """Every body, to addresses that take none such: all are refused, and none is a fault of the server's."""
    json_paths = ("call/predict", "call/v2/explain", "run/predict", "queue/join", "call/upload", "run/upload", "upload")
    for name in hostile.BODIES:
        body, form = made[name], name.startswith("form")
        kind = "multipart/form-data; boundary=b" if form else "application/json"
        for path in ("upload", "run/upload") if form else json_paths:
            try:
                status = post_raw(address, f"{API}/{path}", kind, body)
            except TimeoutError:
                yield f"{name}: {path} did not answer"
                continue
            taken = name == "json_files_of_the_server" and status == 200  # as a job, which then says what is wrong
            if not (taken or status in (0, 503) or 400 <= status < 500):
                yield f"{name}: {path} answered {status}"


def test_an_honest_prediction_comes_back_while_the_whole_corpus_is_posted(server):
    address, pid, folder = server
    kinds = (hostile.PICTURES, hostile.HONEST_BUT_LARGE, hostile.ZIPS, hostile.BODIES)
    made = {name: make() for kind in kinds for name, make in kind.items()}  # before, as it takes the processor too
    honest = Honest(Visitor(address, "198.51.100.1"))
    for _ in range(6):
        honest.one()
    alone, idle = statistics.median(honest.waits[1:]), tree_memory(pid)
    honest.waits.clear()
    faults, most = [], 0

    def post(what: Callable[[str, dict[str, bytes]], Iterator[str]]) -> None:
        start = time.monotonic()
        try:
            faults.extend(what(address, made))
        except Exception as error:
            faults.append(f"{what.__name__}: {type(error).__name__}: {error}")
        print(f"{what.__name__}: {time.monotonic() - start:.1f} s")

    busy, visit = Busy(), threading.Thread(target=honest.go_on)
    attacks = [threading.Thread(target=post, args=(what,)) for what in (post_pictures, post_zips, post_bodies)]
    for thread in (visit, *attacks):
        thread.start()
    while any(thread.is_alive() for thread in attacks):
        most = max(most, tree_memory(pid) - idle)
        time.sleep(0.1)
    honest.told.set()
    visit.join()
    factor = busy.factor()
    print(f"alone {alone:.2f} s; beside the corpus {len(honest.waits)}, at most {max(honest.waits):.2f} s", end="; ")
    print(f"memory {most / 2**20:.0f} MiB above idle at most; all {factor:.1f} times as slow as on an idle machine")
    faults += honest.faults
    assert not faults, "\n".join(faults)
    assert len(honest.waits) >= 5
    assert max(honest.waits) < SECONDS * factor
    assert httpx.get(f"{address}/healthz", **WEB).json() == {"status": "ok"}
    assert tree_memory(pid) - idle < MEMORY
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 200 * 2**20
