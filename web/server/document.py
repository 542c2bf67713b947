"""The page's HTML as Gradio makes it, put right on its way out: its language, what it announces, and its size."""

import gzip
import json
import re
from collections.abc import Awaitable, Callable
from functools import lru_cache

from web.server.bodies import Message
from web.server.paths import route_of
from web.words.language import preferred, tag
from web.words.spoken import chosen, remembering

GZIP = 6  # a higher level takes longer than it spares
# Gradio's words about itself, which pages that link here would show.
ANNOUNCED = re.compile(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>\s*')
# The browser's choice of words follows the server's, which knows what was chosen on the page.
HEAD = """<head><title>PlasmoLens</title>
<script>Object.defineProperty(navigator, "language", {{ get: () => {language} }});</script>"""


class Document:
    """ASGI middleware around Gradio's application, for the one address of the page itself."""

    def __init__(self, app: Callable[..., Awaitable[None]], root_path: str = "") -> None:
        self.app, self.root_path = app, root_path

    async def __call__(self, scope: Message, receive: Callable, send: Callable) -> None:
        """Passes everything on but a page, which it holds until it is whole."""
        if scope["type"] != "http" or scope["method"] != "GET" or route_of(scope["path"], self.root_path) != "/":
            await self.app(scope, receive, send)
            return
        asked = dict(scope["headers"])
        language = preferred(asked.get(b"accept-language", b"").decode("latin-1"))
        small = b"gzip" in asked.get(b"accept-encoding", b"")
        start: Message = {}
        body = bytearray()

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            whole, headers = bytes(body), _kept(start["headers"])
            if start["status"] == 200:
                whole = put_right(whole, language, small)
                headers += [(b"content-encoding", b"gzip")] if small else []
                if code := chosen(scope):
                    headers.append((b"set-cookie", remembering(code, self.root_path)))
            headers.append((b"content-length", str(len(whole)).encode()))
            await send({**start, "headers": headers})
            await send({"type": "http.response.body", "body": whole})

        await self.app(scope, receive, heard)


def _kept(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a page, without its length, and with what it depends on."""
    kept = [(name, value) for name, value in headers if name != b"content-length"]
    return [*kept, (b"vary", b"Accept-Language, Cookie, Accept-Encoding")]


@lru_cache(maxsize=8)
def put_right(page: bytes, language: str, small: bool) -> bytes:
    """The HTML of a page in one language, which it says, and compressed where it is to be small."""
    html = ANNOUNCED.sub("", page.decode())
    html = re.sub(r'<html\s+lang="\w*"', f'<html lang="{tag(language)}"', html, count=1)
    html = html.replace("<head>", HEAD.format(language=json.dumps(tag(language))), 1)
    return gzip.compress(html.encode(), GZIP) if small else html.encode()
