"""A real server in this process, and raw requests to it that no well-behaved client would send."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

import httpx

from web.parts.static import EXAMPLES
from web.server.service import Service
from web.settings import Settings


@contextmanager
def serving(explainer, folder: Path, **settings) -> Iterator[Service]:
    """A server with its files below `folder`; it bears its `address`."""
    before = {name: os.environ.get(name) for name in ("GRADIO_TEMP_DIR",)}
    os.environ["GRADIO_TEMP_DIR"] = str(folder)
    service = Service(explainer, Settings(**settings))
    try:
        service.address = service.launch().rstrip("/")
        yield service
    finally:
        service.stop()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


@contextmanager
def raw(address: str, path: str, *headers: str, method: str = "POST") -> Iterator[socket.socket]:
    """A connection on which the head of a request was sent, and nothing more."""
    parts = urlsplit(address)
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        lines = [f"{method} {path} HTTP/1.1", f"Host: {parts.netloc}", *headers]
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        yield connection


def status_of(connection: socket.socket) -> int:
    """The status of the answer, waited for."""
    with connection.makefile("rb") as answer:
        return int(answer.readline().split()[1])


def chunk(data: bytes) -> bytes:
    """A piece of a body of no declared length."""
    return b"%x\r\n%s\r\n" % (len(data), data)


def part(head: str, data: bytes = b"") -> bytes:
    """The beginning of a part of a form whose boundary is `b`."""
    return f"--b\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + data


FORM = "Content-Type: multipart/form-data; boundary=b"
CHUNKED = "Transfer-Encoding: chunked"
SECRET = "Ward-7-Smith"  # in names and Exif of what is uploaded
UPLOAD = "/gradio_api/upload"
CELL = sorted(EXAMPLES.glob("*-*.png"))[0]


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


def post_file(web, name: str, data: bytes, kind: str = "image/png"):
    """The answer to an upload."""
    return web.post(UPLOAD, files={"files": (name, data, kind)})


def picture(path: str) -> dict:
    """A file as requests name it."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def call(web, path: str, endpoint: str = "predict") -> str:
    """What a call of an endpoint on an uploaded file answers."""
    event = web.post(f"/gradio_api/call/v2/{endpoint}", json={"file": picture(path)}).json()["event_id"]
    return web.get(f"/gradio_api/call/{endpoint}/{event}").text


_FUNCTIONS: WeakKeyDictionary[httpx.Client, dict[str, int]] = WeakKeyDictionary()


def function(web, name: str) -> int:
    """The number of a function of the page."""
    if web not in _FUNCTIONS:  # the page's whole configuration: large
        functions = reversed(web.get("/config").json()["dependencies"])  # so that the first of a name counts
        _FUNCTIONS[web] = {item["api_name"]: item["id"] for item in functions}
    return _FUNCTIONS[web][name]


def join(web, name: str, data: list, session: str):
    """Asks for work as the page does."""
    asked = {"fn_index": function(web, name), "data": data, "session_hash": session, "trigger_id": None}
    return web.post("/gradio_api/queue/join", json=asked)


def readings(service, session: str) -> list:
    """What the server keeps of a page."""
    holder = service.blocks.state_holder
    return [value for value in holder[session].state_data.values() if value is not None] if session in holder else []


def explaining(service) -> str:
    """The name of what explains a dropped cell: it ends in a number, which other parts of the page move."""
    functions = service.blocks.fns.values()
    return next(one.api_name for one in functions if getattr(one.fn, "__qualname__", "") == "Callbacks.explain")


def drop(service, web, path: str, session: str) -> None:
    """A file dropped on a page."""
    assert join(web, "route", [[picture(path)]], session).status_code == 200
    with httpx.stream("GET", f"{service.address}/gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
        assert any("process_completed" in line for line in stream.iter_lines())


def explain_a_cell(service, web, session: str) -> None:
    """A page on which a cell is explained."""
    path = web.post(UPLOAD, files={"files": ("cell.png", CELL.read_bytes())}).json()[0]
    drop(service, web, path, session)
    assert join(web, explaining(service), [None, 8, 0, False, False], session).status_code == 200
    with httpx.stream("GET", f"{service.address}/gradio_api/queue/data?session_hash={session}", timeout=60) as stream:
        assert any("process_completed" in line for line in stream.iter_lines())
    assert readings(service, session)


@contextmanager
def open_page(service, session: str) -> Iterator[None]:
    """A page that is there: its connection stays open."""
    with raw(service.address, f"/gradio_api/heartbeat/{session}", method="GET") as connection:
        assert status_of(connection) == 200
        yield
