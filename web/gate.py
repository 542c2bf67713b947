"""What every request passes before the page: health and status, limits, safe headers, and a line in the log."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect

from web.logs import fault, note
from web.metadata import strip_metadata

Message = MutableMapping[str, Any]
JSON_BYTES = 2**20  # of a post that carries no file: names of files and numbers, and no more
NAME_BYTES = 2**11  # of it for each file of a batch, which it names thrice
MULTIPART_BYTES = 2**16  # what a multipart post adds to its files
QUIET = re.compile(r"^/(assets|static|svelte|theme\.css|favicon\.ico|healthz|manifest\.json)")
PRIVATE_PART = re.compile(r"(/file=|/file/|/proxy=|/deep_link|/heartbeat/|/stream/|/call/[^/]+/|/call/v2/[^/]+/).*")
# Nothing from elsewhere and nothing to elsewhere; Gradio's page needs inline scripts, styles and compiled templates.
POLICY = (
    b"default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    b"object-src 'none'; base-uri 'self'; form-action 'self'"
)
HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]


class TooLarge(Exception):
    """A request whose body is beyond its limit."""


class Gate:
    """ASGI middleware around the whole page. `service` answers health() and status() and says if it is stopping."""

    def __init__(self, app: Callable[..., Awaitable[None]], service: Any) -> None:
        self.app, self.service = app, service

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        """Answers /healthz and /status itself, refuses what is too large or too late, and passes on the rest."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.service.loop = asyncio.get_running_loop()
        start, status = time.monotonic(), 500
        path = scope["path"].removeprefix(self.service.settings.root_path.rstrip("/")) or "/"
        is_file = "/file=" in path or "/file/" in path

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _headers(list(message.get("headers", [])), is_file)
            await send(message)

        try:
            await self._answer(scope, path, receive, watched_send)
        except TooLarge:
            await _json(watched_send, 413, {"detail": "the upload is larger than this server takes"})
        except ClientDisconnect:  # in the middle of an upload
            status = 499  # as proxies call it
        except Exception as error:  # of Gradio itself: no traceback leaves the server, and none fills the log
            note("fault", logging.ERROR, path=public_path(path), **fault(error))
            if status == 500:
                await _json(watched_send, 500, {"detail": "something went wrong on the server"})
        finally:
            level = logging.DEBUG if QUIET.match(path) else logging.INFO
            seconds = round(time.monotonic() - start, 3)
            note("request", level, method=scope["method"], path=public_path(path), status=status, seconds=seconds)

    async def _answer(self, scope: Message, path: str, receive: Callable, send: Callable) -> None:
        service = self.service
        if path == "/healthz":
            healthy = await asyncio.to_thread(service.healthy)
            await _json(send, 200 if healthy else 503, {"status": "ok" if healthy else "not serving"})
        elif path == "/status":
            await _json(send, 200, service.status())
        elif scope["method"] == "POST" and service.stopping and not path.endswith("/cancel"):
            await _json(send, 503, {"detail": "this server is stopping: please try again in a minute"})
        elif scope["method"] == "POST":
            upload = path.rstrip("/").endswith("/upload")
            settings = service.settings
            if upload:
                most = settings.post_megabytes * 2**20 + MULTIPART_BYTES
                await self._take(scope, _limited(scope, receive, most), send)
            else:
                most = max(JSON_BYTES, settings.batch_cells * NAME_BYTES)
                await self.app(scope, _limited(scope, receive, most), send)
        else:
            await self.app(scope, receive, send)

    async def _take(self, scope: Message, receive: Callable, send: Callable) -> None:
        """An upload; what its files tell beside their pixels is taken out once they lie where they will lie."""
        said = bytearray()

        async def heard(message: Message) -> None:
            said.extend(message.get("body", b""))
            await send(message)

        scope = {**scope, "headers": [item for item in scope["headers"] if item[0] != b"accept-encoding"]}
        await self.app(scope, receive, heard)
        try:
            paths = [Path(path) for path in json.loads(said)]
        except (ValueError, TypeError):  # a refusal
            return
        for path in paths:
            await asyncio.to_thread(strip_metadata, path)


def public_path(path: str) -> str:
    """A path without what it may tell of a person: names of files, of sessions and of jobs."""
    return PRIVATE_PART.sub(r"\1…", path)[:80]


def _limited(scope: Message, receive: Callable, most: int) -> Callable:
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > most:
        raise TooLarge
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > most:
            raise TooLarge
        return message

    return counted


def _headers(headers: list[tuple[bytes, bytes]], is_file: bool) -> list[tuple[bytes, bytes]]:
    policy = POLICY + (b"; sandbox" if is_file else b"")  # no script of an upload would run here
    return [*headers, *HEADERS, (b"content-security-policy", policy)]


async def _json(send: Callable, status: int, value: dict[str, Any]) -> None:
    body = json.dumps(value).encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
