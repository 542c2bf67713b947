"""What goes back to whoever asked: answers as JSON, and the headers that every answer bears."""

import json
import re
from collections.abc import Callable
from typing import Any

from web.server.bodies import Message
from web.server.login import lax_cookie
from web.server.scratch import FULL, is_full

# Nothing from elsewhere and nothing to elsewhere; Gradio's page needs inline scripts, styles and compiled templates.
POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
HEADERS = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
NOT_OURS = (KeyError, IndexError, TypeError, ValueError, AttributeError)  # of Gradio's code that reads a post
HASHED = re.compile(r"/assets/[\w.-]+-[\w-]{8,10}\.(js|css)")
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def with_policy(
    headers: list[tuple[bytes, bytes]], route: str, asked: dict[bytes, bytes], sites: tuple[str, ...]
) -> list[tuple[bytes, bytes]]:
    """The headers of an answer with what a browser may do with it, and from which other sites it may be asked for."""
    is_file = "/file=" in route or "/file/" in route
    policy = " ".join([POLICY, *sites]) + ("; sandbox" if is_file else "")  # no script of an upload would run
    origin = asked.get(b"origin", b"")
    if origin.decode("latin-1") in sites:
        headers += [(b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true")]
        headers += [(b"access-control-allow-headers", b"*, content-type, authorization"), (b"vary", b"Origin")]
    elif route == "/login" and not sites:
        headers = [(name, lax_cookie(value) if name == b"set-cookie" else value) for name, value in headers]
    return [*headers, *HEADERS, (b"content-security-policy", policy.encode())]


def what_broke(error: Exception, scope: Message) -> tuple[int, dict[str, str]]:
    """The status and the words of an answer to a request that broke something."""
    if is_full(error):
        return 507, {"detail": FULL}
    if scope["method"] not in SAFE_METHODS and isinstance(error, NOT_OURS):
        return 400, {"detail": "this is nothing that the page can read"}
    return 500, {"detail": "something went wrong on the server"}


def lasting(route: str, status: int) -> list[tuple[bytes, bytes]]:
    """What lets a browser keep a file of the page whose name changes whenever it does."""
    return (
        [(b"cache-control", b"public, max-age=31536000, immutable")]
        if status == 200 and HASHED.fullmatch(route)
        else []
    )


async def answer(send: Callable, status: int, value: dict[str, Any], headers: dict[str, str] | None = None) -> None:
    """Sends a JSON answer that nobody keeps."""
    body = json.dumps(value).encode()
    more = [(name.encode(), text.encode()) for name, text in (headers or {}).items()]
    shown = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *more]
    await send({"type": "http.response.start", "status": status, "headers": shown})
    await send({"type": "http.response.body", "body": body})
