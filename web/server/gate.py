"""What every request passes before the page: health and status, limits, safe headers, and a line in the log."""

import asyncio
import json
import logging
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect

from jdm_core.report.words import noop
from web.logs import fault, note
from web.server import bodies, paths
from web.server.answers import SAFE_METHODS, answer, lasting, what_broke, with_policy
from web.server.bodies import Bodies, Message, Refused, check_json, limited, replayed
from web.server.login import Door, is_of_other_site, visitor_of
from web.server.metadata import strip_metadata
from web.server.private import bound_progress, delete_uploaded, uploaded
from web.server.scratch import FULL, is_full
from web.words.language import preferred, say_in
from web.words.spoken import spoken

QUERY_BYTES = 2**12
QUIET = re.compile(r"^/(assets|static|svelte|theme\.css|favicon\.ico|healthz|manifest\.json)")
PRIVATE_PART = re.compile(r"(/file=|/file/|/proxy=|/deep_link|/heartbeat/|/stream/|/call/[^/]+/|/call/v2/[^/]+/).*")


class Gate:
    """ASGI middleware around the whole page.

    `service` bears its settings, answers health() and status(), says if it is stopping, and has `pages` and `scratch`.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], service: Any) -> None:
        self.app, self.service = app, service
        settings = service.settings
        self.bodies, self.door, self.sites = (
            Bodies(settings.batch_cells),
            Door(settings.logins()),
            settings.other_sites(),
        )

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        """Answers /healthz and /status itself, refuses what is too large or too late, and passes on the rest."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        self.service.loop, scope = asyncio.get_running_loop(), spoken(scope)
        start, status = time.monotonic(), 500
        route = paths.route_of(scope["path"], self.service.settings.root_path)
        headers = dict(scope["headers"])

        async def watched_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = [*message.get("headers", []), *lasting(route, status)]
                message["headers"] = with_policy(told, route, headers, self.sites)
            await send(message)

        try:
            await self._answer(scope, route, headers, receive, watched_send)
        except Refused as refusal:
            say = say_in(_language(headers))
            words = say(refusal.words, **refusal.fields) if isinstance(refusal.words, str) else refusal.words
            await answer(watched_send, refusal.status, {"detail": words}, refusal.headers)
        except ClientDisconnect:  # in the middle of an upload
            status = 499  # as proxies call it
        except Exception as error:  # of Gradio itself: no traceback leaves the server, and none fills the log
            note("fault", logging.ERROR, path=public_path(route), **fault(error))
            if is_full(error):
                await asyncio.to_thread(self.service.scratch.sweep)
            if status == 500:
                await answer(watched_send, *what_broke(error, scope))
        finally:
            level = logging.DEBUG if QUIET.match(route) else logging.INFO
            seconds = round(time.monotonic() - start, 3)
            note("request", level, method=scope["method"], path=public_path(route), status=status, seconds=seconds)

    async def _answer(
        self, scope: Message, route: str, headers: dict[bytes, bytes], receive: Callable, send: Callable
    ) -> None:
        service = self.service
        if route == "/healthz":
            healthy = await service.healthy()
            await answer(send, 200 if healthy else 503, {"status": "ok" if healthy else "not serving"})
            return
        if route == "/status":
            await answer(send, 200, service.status())
            return
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await answer(send, 200 if headers.get(b"origin", b"").decode("latin-1") in self.sites else 403, {})
            return
        self._check(scope, route, headers)
        changes = scope["method"] not in SAFE_METHODS
        if changes and service.stopping and not route.endswith("/cancel"):
            raise Refused(503, noop("this server is stopping: please try again in a minute"))
        if scope["method"] == "POST" and paths.is_upload(route) and _is_form(headers):
            await self._take(scope, receive, send)
        elif bodies.has_body(headers):
            await self._read(scope, route, headers, receive, send)
        else:
            await self._pass(scope, route, None, receive, send)

    def _check(self, scope: Message, route: str, headers: dict[bytes, bytes]) -> None:
        """Raises Refused for a request that is not to be answered, whatever it brings."""
        if not paths.is_known(route):
            raise Refused(404, "there is nothing here")
        if len(scope.get("query_string", b"")) > QUERY_BYTES:
            raise Refused(414, "the query is too long")
        if scope["method"] not in SAFE_METHODS and is_of_other_site(headers, self.sites):
            raise Refused(403, "another site's page may not do this here")
        if not paths.is_open(route):
            self.door.check(scope, headers, self.service.app, basic_too=paths.is_mcp(route))

    async def _take(self, scope: Message, receive: Callable, send: Callable) -> None:
        """An upload; what its files tell beside their pixels is taken out once they lie where they will lie.

        The files of one that does not end well are deleted at once.
        """
        said, status, files, taken = bytearray(), 0, [], 0
        visitor, scratch = visitor_of(scope), self.service.scratch

        async def heard(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            said.extend(message.get("body", b""))
            await send(message)

        def claim(size: int) -> None:
            nonlocal taken
            if not scratch.claim(visitor, size):
                raise Refused(507, FULL, headers={"retry-after": "60"})
            taken += size

        most = self.service.settings.post_megabytes * 2**20 + bodies.MULTIPART_BYTES
        scope = {**scope, "headers": [item for item in scope["headers"] if item[0] != b"accept-encoding"]}
        mark = uploaded.set(files)
        try:
            await self.app(scope, limited(scope, receive, most, claim), heard)
        finally:
            uploaded.reset(mark)
            bound_progress()
            if status != 200:
                await asyncio.to_thread(delete_uploaded, files)
            scratch.settle(visitor, taken, status == 200)
        if status == 200:
            for path in json.loads(said):
                await asyncio.to_thread(strip_metadata, Path(path))

    async def _read(
        self, scope: Message, route: str, headers: dict[bytes, bytes], receive: Callable, send: Callable
    ) -> None:
        """Any other request with a body: small, and read as a whole before anyone parses it."""
        join, most = route.endswith("/queue/join"), bodies.JSON_BYTES
        if route == "/login":
            most = bodies.LOGIN_BYTES
        elif paths.is_mcp(route):
            most = bodies.MCP_BYTES
        elif join:
            most = self.bodies.join_bytes
        async with self.bodies.whole(scope, receive, most) as body:
            if route != "/login":
                if _is_form(headers):
                    raise Refused(415, "files are taken at /gradio_api/upload alone")
                await asyncio.to_thread(check_json, body, self.bodies.join_width if join else bodies.WIDEST)
            await self._pass(scope, route, body, replayed(body, receive), send)

    async def _pass(self, scope: Message, route: str, body: bytes | None, receive: Callable, send: Callable) -> None:
        """Lets a request through to the page, as that of a page that has room here."""
        visitor, pages = visitor_of(scope), self.service.pages
        query = dict(parse_qsl(scope.get("query_string", b"").decode("latin-1")))
        stream = paths.stream_of(route, query) if scope["method"] == "GET" else None
        here = pages.here(_session(stream), visitor) if stream else nullcontext()
        if body is not None and paths.starts_job(route):
            pages.check_jobs(visitor)
            session = _session_in(body)
            language = _language(dict(scope["headers"]))
            pages.enter(session, visitor, language) if session else pages.make_room(visitor)
        if route.endswith("/upload_progress"):
            bound_progress()
        with here:
            if route == "/login" and scope["method"] == "POST":
                await self._login(scope, visitor, receive, send)
            else:
                await self.app(_own_ranges(scope), receive, send)

    async def _login(self, scope: Message, visitor: str, receive: Callable, send: Callable) -> None:
        self.door.tries.begin(visitor)

        async def heard(message: Message) -> None:
            if message.get("status", 400) < 400:
                self.door.tries.right(visitor)
            await send(message)

        await self.app(scope, receive, heard)


def public_path(path: str) -> str:
    """A path without what it may tell of a person: names of files, of sessions and of jobs."""
    return PRIVATE_PART.sub(r"\1…", path)[:80]


def _language(headers: dict[bytes, bytes]) -> str:
    return preferred(headers.get(b"accept-language", b"").decode("latin-1"))


def _is_form(headers: dict[bytes, bytes]) -> bool:
    return headers.get(b"content-type", b"").strip().lower().startswith(b"multipart/")


def _session_in(body: bytes) -> str | None:
    """The session that a request names. Raises Refused for one that cannot be."""
    try:
        request = json.loads(body)
    except ValueError:  # which the page says better
        return None
    named = request.get("session_hash") if isinstance(request, dict) else None
    return None if named is None else _session(named)


def _session(named: Any) -> str:
    if not isinstance(named, str) or not 0 < len(named) <= 128:
        raise Refused(400, "session_hash: not a name")
    return named


def _own_ranges(scope: Message) -> Message:
    """The request with its Range for Starlette's code, not Gradio's, which fails at some and sends headers back."""
    headers = [
        (name, b"Bytes=" + value.strip()[6:] if name == b"range" and value.strip().startswith(b"bytes=") else value)
        for name, value in scope["headers"]
    ]
    return {**scope, "headers": headers}
