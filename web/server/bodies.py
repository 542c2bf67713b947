"""What a request may bring, checked while it arrives: its bytes, its pace, and how deep and wide its JSON is."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.requests import ClientDisconnect

from jdm_core.report.words import noop

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
JSON_BYTES = 2**20  # of a request that carries no file: names of files and numbers, and no more
NAME_BYTES = 2**11  # of it for each file of a batch, which it names thrice
LOGIN_BYTES = 2**14
MCP_BYTES = 12 * 2**20  # a picture of 9 MB as a data URI
MULTIPART_BYTES = 2**16  # what a multipart post adds to its files
HELD_BYTES = 64 * 2**20  # of all bodies that are held at once
SILENCE = 30.0  # seconds without a byte
PACE = 1024  # bytes a second that the whole of a body must come at, once it has had that time
DEEPEST = 32  # levels of JSON
WIDEST = 20_000  # its values, separators and brackets
WIDTH_OF_NAME = 60  # of them for each file of a batch
STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)  # possessive: it never looks at a byte twice
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Refused(Exception):
    """A request that is answered with this status, these words as `detail`, in which `fields` stand, and headers."""

    def __init__(
        self,
        status: int,
        words: Any,
        fields: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(str(words))
        self.status, self.words, self.fields, self.headers = status, words, fields or {}, dict(headers or {})


class Bodies:
    """The bodies that one server holds at once."""

    def __init__(self, batch_cells: int) -> None:
        self.join_bytes = max(JSON_BYTES, batch_cells * NAME_BYTES)
        self.join_width = WIDEST + batch_cells * WIDTH_OF_NAME
        self.most, self.held = max(HELD_BYTES, 2 * self.join_bytes), 0

    @asynccontextmanager
    async def whole(self, scope: Message, receive: Receive, most: int) -> AsyncIterator[bytes]:
        """All of a body of at most so many bytes, which counts as held until the block ends.

        Raises Refused, and ClientDisconnect.
        """
        parts, size = [], 0
        arriving = limited(scope, receive, most)
        try:
            while True:
                message = await arriving()
                if message["type"] != "http.request":
                    raise ClientDisconnect
                part = message.get("body", b"")
                if self.held + len(part) > self.most:
                    raise Refused(
                        503, noop("this server is busy with other requests: try again"), headers={"retry-after": "5"}
                    )
                self.held += len(part)
                size += len(part)
                parts.append(part)
                if not message.get("more_body"):
                    break
            yield b"".join(parts)
        finally:
            self.held -= size


def has_body(headers: dict[bytes, bytes]) -> bool:
    """Whether a request says that a body follows."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


def limited(scope: Message, receive: Receive, most: int, claim: Callable[[int], None] = lambda _: None) -> Receive:
    """`receive`, which raises Refused beyond `most` bytes, and where they come too slowly.

    `claim` is told of each piece's bytes, and may refuse too.
    """
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    start, seen, ended = time.monotonic(), 0, False

    async def counted() -> Message:
        nonlocal seen, ended
        if ended:
            return await receive()  # the news that the client is gone, for which one may wait
        left = start + SILENCE + seen / PACE - time.monotonic()
        try:
            async with asyncio.timeout(min(SILENCE, max(left, 0))):
                message = await receive()
        except TimeoutError:
            words = "the request came too slowly: please try again"
            raise Refused(408, words, headers={"connection": "close"}) from None
        size = len(message.get("body", b""))
        seen += size
        ended = not message.get("more_body", False)
        if seen > most:
            raise _too_large(most)
        claim(size)
        return message

    return counted


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives a body that was read before, then what follows it."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def check_json(body: bytes, widest: int = WIDEST) -> None:
    """Raises Refused for JSON that is deeper or wider than any that the page sends, in time that its length bounds.

    What is no JSON at all may pass: whoever parses it says so.
    """
    if b"\0" in body:  # another encoding than UTF-8 would hide its brackets
        raise Refused(400, "the request is not JSON in UTF-8")
    if body.count(b'"') > 4 * widest:
        raise _too_wide()
    bare = STRING.sub(b"", body)
    if sum(bare.count(mark) for mark in (b",", b":", b"[", b"{")) > widest:
        raise _too_wide()
    depth = 0
    for mark in bare.translate(None, delete=NOT_BRACKETS):
        depth += 1 if mark in b"[{" else -1
        if depth > DEEPEST:
            raise Refused(413, f"the request's JSON is deeper than {DEEPEST} levels")


def _too_large(most: int) -> Refused:
    size = f"{most // 2**20} MiB" if most >= 2**20 else f"{most // 2**10} KiB"
    return Refused(413, f"the request is larger than the {size} that this server takes here")


def _too_wide() -> Refused:
    return Refused(413, "the request's JSON holds more values than this server takes")
