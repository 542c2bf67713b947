"""Targets that are a real server: bodies of JSON where JSON is taken, and requests as no browser makes them.

After each request an honest visitor asks /status, which must answer at once.
"""

import json
import os
import random
import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.pictures import pictures
from benchmarks.fuzz.values import DEPTHS, WORDS, spoiled, text
from benchmarks.start import start_server, stop_server

WAIT = 5.0  # seconds by the clock, for the answer to either
QUIET = 0.1  # seconds for an answer to what is not a whole request, for whose rest a server may wait
API = "/gradio_api"
ENDPOINTS = ("predict", "explain", "edit", "read", "nothing", "0")
JSON_PATHS = (
    *(f"{API}/{way}/{name}" for way in ("call", "call/v2", "run", "api") for name in ENDPOINTS),
    *(
        f"{API}/{name}"
        for name in ("queue/join", "cancel", "reset", "component_server", "mcp/", "upload", "run/upload")
    ),
    "/upload",
    "/call/upload",
    "/login",
    f"{API}/process_recording",
    f"{API}/run-history/connect",
    f"{API}/vibe-edit",
)
GET_PATHS = (
    "/",
    "/config",
    "/healthz",
    "/monitoring",
    f"{API}/info",
    f"{API}/queue/data?session_hash=x",
    f"{API}/upload_progress",
    f"{API}/file=/etc/passwd",
    f"{API}/file=../../etc/passwd",
    f"{API}/file/etc/passwd",
    f"{API}/proxy=http://127.0.0.1/",
    f"{API}/stream/x/0/1/playlist.m3u8",
    f"{API}/call/predict/nothing",
    f"{API}/call/explain/x",
    "/static/../app.py",
    "/assets/..%2f..%2fapp.py",
    "/svelte/../../etc/passwd",
    f"{API}/deep_link",
    f"{API}/custom_component/x/y/z/w",
)
METHODS = ("GET", "POST", "POST", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "X" * 50)
KINDS = (
    "application/json",
    "multipart/form-data; boundary=b",
    "multipart/form-data",
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=" + "b" * 3000,
    "application/json; charset=x",
)
FILE = {"path": "/tmp/none.png", "url": None, "orig_name": "a.png", "size": 5, "meta": {"_type": "gradio.FileData"}}
BODIES = (
    {"data": [FILE, False], "fn_index": 0, "session_hash": "s", "event_data": None, "trigger_id": 1},
    {"file": FILE, "as_given": False},
    {"file": FILE, "target": "Parasitized", "as_given": False},
    {"data": [None, 32, 0, False], "fn_index": 3, "session_hash": "s", "batched": False},
    {"session_hash": "s", "fn_index": 2, "event_id": "e"},
    {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "predict", "arguments": {"file": "data:,"}}},
)


class Json:
    """Sends bodies of JSON, with lengths that need not be theirs."""

    def __init__(self, port: int) -> None:
        self.port = port

    def make(self, rng: random.Random) -> bytes:
        """One request in twelve as it should be, for a file that is not there."""
        if rng.random() < 1 / 12:
            return _request(rng, "POST", f"{API}/call/v2/predict", KINDS[0], json.dumps({"file": FILE}).encode())
        return _request(rng, "POST", rng.choice(JSON_PATHS), KINDS[0], text(spoiled(rng.choice(BODIES), rng), rng))

    def read(self, data: bytes) -> str:
        """Says what the server answered; a fault is an answer of its own failure, silence, or a visitor who waits."""
        status = _ask(self.port, data)
        start = time.monotonic()
        if (honest := _ask(self.port, b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")) != 200:
            raise ValueError(f"then /status answered {honest} after {time.monotonic() - start:.1f} s")
        if status >= 500 and status not in (501, 503, 505, 507):
            raise ValueError(f"status {status} for {data[:200]!r}")
        return "read" if 200 <= status < 400 else "refused"


class Requests(Json):
    """Sends requests of any kind: paths, methods, headers, files and fields."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._files = pictures()

    def make(self, rng: random.Random) -> bytes:
        how, path = rng.random(), rng.choice((*JSON_PATHS, *GET_PATHS))
        if how < 0.05:
            return _request(rng, "GET", rng.choice(GET_PATHS), KINDS[3], b"")
        if how < 0.4:
            return _request(rng, "POST", f"{API}/upload", KINDS[1], _form(self._files, rng))
        if how < 0.6:
            return _request(rng, rng.choice(METHODS), path, rng.choice(KINDS), _form(self._files, rng))
        if how < 0.9:
            if rng.random() < 0.5:
                path += rng.choice(
                    ("/", "//", "?x=" + "y" * 5000, "%00", "%ff", "/../upload", "?upload_id=" + "u" * 90)
                )
            return _request(
                rng, rng.choice(METHODS), path, rng.choice(KINDS), rng.randbytes(rng.choice((0, 10, 10_000)))
            )
        return damaged([_request(rng, "POST", path, KINDS[0], b"{}")], rng)


@contextmanager
def json_target() -> Iterator[Json]:
    """Bodies of JSON to a server that serves MCP as well."""
    with _server() as port:
        yield Json(port)


@contextmanager
def requests_target() -> Iterator[Requests]:
    """Requests of any kind."""
    with _server() as port:
        yield Requests(port)


@contextmanager
def _server() -> Iterator[int]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    address, server, _ = start_server(PLASMOLENS_LOG_LEVEL="error")
    try:
        yield int(address.rsplit(":", 1)[1])
    finally:
        stop_server(server)


def _request(rng: random.Random, method: str, path: str, kind: str, body: bytes) -> bytes:
    length = rng.choice((*[len(body)] * 20, 0, -1, "x", len(body) // 2, len(body) + 1, 2**40))
    headers = {"Host": "x", "Connection": "close", "Content-Type": kind, "Content-Length": length}
    if rng.random() < 0.1:
        del headers["Content-Length"]
        headers["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    if rng.random() < 0.1:
        name = rng.choice(
            ("Accept", "Cookie", "Origin", "X-Forwarded-Host", "X-Gradio-User", "Accept-Language", "Range")
        )
        headers[name] = rng.choice(WORDS).encode("ascii", "replace").decode().replace("\0", "")
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _form(files: list[bytes], rng: random.Random) -> bytes:
    parts = []
    for _ in range(rng.choice((1, 1, 2, 50, 2000))):
        name = rng.choice(("files", "files", "files", "", "other", "x" * 3000))
        file = f'; filename="{rng.choice(("a.png", "a.zip", "", *WORDS))}"' if rng.random() < 0.8 else ""
        data = damaged(files, rng) if rng.random() < 0.5 and len(parts) < 5 else b"x" * rng.choice((0, 10, 1000))
        parts.append(f'--b\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + data + b"\r\n")
    return b"".join(parts) + rng.choice((b"--b--\r\n",) * 5 + (b"", b"--b", b"--b--" + b"x" * max(DEPTHS)))


def _ask(port: int, request: bytes) -> int:
    """The status of the answer; 0 where the server closes without one, or waits for more of what is incomplete.

    Raises ValueError where a request that is whole gets no answer in time.
    """
    whole, answer = _is_whole(request), b""
    until = time.monotonic() + (WAIT if whole else QUIET)
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT) as connection:
        try:
            connection.sendall(request)
            while b"\r\n" not in answer and (left := until - time.monotonic()) > 0:
                connection.settimeout(left)
                if not (more := connection.recv(2**16)):
                    break
                answer += more
        except TimeoutError:
            if whole:
                raise ValueError(f"no answer within {WAIT:.0f} s to {request[:200]!r}") from None
        except OSError:  # the server does not read on
            pass
    return int(answer.split(b" ", 2)[1]) if answer else 0


def _is_whole(request: bytes) -> bool:
    """Whether a server has all of a request."""
    head, end, body = request.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: (\d+)(\r\n|$)", head, re.IGNORECASE)
    if not end or b"transfer-encoding" in head.lower():
        return False
    return int(length[1]) <= len(body) if length else b"content-length" not in head.lower()
