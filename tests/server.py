"""A real server in this process, and raw requests to it that no well-behaved client would send."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

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
