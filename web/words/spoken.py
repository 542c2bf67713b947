"""The language that a request is answered in: the one chosen on the page, else the one that the browser prefers."""

from collections.abc import MutableMapping
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import cookie_parser

from web.words.language import NAMES

Message = MutableMapping[str, Any]  # of ASGI
FIELD, COOKIE = "lang", "plasmolens-language"


def chosen(scope: Message) -> str | None:
    """The language that a request's address names, where it is one of the page's."""
    named = parse_qs(scope.get("query_string", b"").decode("latin-1")).get(FIELD, [""])[-1]
    return named if named in NAMES else None


def spoken(scope: Message) -> Message:
    """The request as one of a browser that prefers what was chosen: in its address, or before in this visit."""
    headers = dict(scope["headers"])
    kept = cookie_parser(headers.get(b"cookie", b"").decode("latin-1")).get(COOKIE, "")
    code = chosen(scope) or (kept if kept in NAMES else None)
    if code is None:
        return scope
    others = [(name, value) for name, value in scope["headers"] if name != b"accept-language"]
    return {**scope, "headers": [*others, (b"accept-language", code.encode())]}


def remembering(code: str, root_path: str) -> bytes:
    """The value of the header by which a browser remembers a choice until it is closed."""
    cookie = SimpleCookie({COOKIE: code})
    cookie[COOKIE]["path"] = f"{root_path.rstrip('/')}/"
    cookie[COOKIE]["samesite"] = "Lax"
    cookie[COOKIE]["httponly"] = True
    return cookie[COOKIE].OutputString().encode()
