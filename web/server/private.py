"""Whatever the page does by private names of Gradio: what it replaces, and what it reads.

Gradio is bounded to the minor version whose names these are; `private_names` says which of them are gone.
"""

# pyright: reportPrivateImportUsage=false, reportOptionalMemberAccess=false, reportAttributeAccessIssue=false
# These names are what this file is for; tests say whether they are there.

import asyncio
import logging
import sys
import traceback
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import HTTPException
from gradio import blocks, processing_utils, queueing, route_utils, routes, utils
from gradio.server_messages import HeartbeatMessage
from gradio_client import Client
from gradio_client.utils import strip_invalid_filename_characters
from python_multipart.multipart import parse_options_header
from starlette.formparsers import MultiPartException

from web.logs import fault, note
from web.server.scratch import FULL, is_full

NOT_UPLOADED = (
    "file: not an uploaded file. Post it to /gradio_api/upload first, and name it by the path that this answers: "
    '{"path": PATH, "meta": {"_type": "gradio.FileData"}}'
)
MCP_USER = "\0mcp"  # which no login can be
TRACKED = 1000  # uploads whose progress is known
MANY_PARTS = 32  # in one piece of an upload: beyond this it is cut, so that few are open at once
SMALL = 4096

uploaded: ContextVar[list[Any] | None] = ContextVar("uploaded", default=None)  # files of the request that is on its way


class FilesAlone(route_utils.GradioMultiPartParser):
    """Takes the files of an upload and nothing else; each is closed as soon as it is whole."""

    def __init__(self, headers: Any, stream: Any, **options: Any) -> None:
        super().__init__(headers, _few_parts_at_once(stream), **options)

    def on_headers_finished(self) -> None:
        """Refuses a part that is not a file of the field `files`, or whose name leads elsewhere, before it arrives."""
        _, options = parse_options_header(self._current_part.content_disposition or b"")
        if b"filename" not in options or options.get(b"name") != b"files":
            raise MultiPartException("only files are taken here, in fields of the name files")
        name = strip_invalid_filename_characters(Path(options[b"filename"].decode("latin-1")).name)
        try:
            utils.safe_join("/uploads", name)  # type: ignore[arg-type]
        except Exception as error:
            raise MultiPartException("a file's name that leads elsewhere") from error
        super().on_headers_finished()
        file = self._current_part.file

        async def close(_: int) -> None:
            await asyncio.to_thread(file.file.close)

        file.seek = close  # what Gradio awaits once a file is whole; it never reads it again
        if (known := uploaded.get()) is not None:
            known.append(file.file)


async def _few_parts_at_once(stream: Any) -> AsyncGenerator[bytes, None]:
    async for piece in stream:
        if piece.count(b"filename") <= MANY_PARTS:
            yield piece
        else:
            for start in range(0, len(piece), SMALL):
                yield piece[start : start + SMALL]


def delete_uploaded(files: list[Any]) -> None:
    """Deletes the files of a post that did not end well."""
    for file in files:
        with suppress(OSError):
            file.close()
        with suppress(OSError):
            Path(file.name).unlink(missing_ok=True)


def bound_progress() -> None:
    """Forgets the oldest uploads whose progress was asked for: Gradio keeps them for ever."""
    known = routes.file_upload_statuses
    for table in (known._signals, known._statuses):
        while len(table) > TRACKED:
            del table[next(iter(table))]


class NoCors:
    """In place of Gradio's middleware, which lets any site read with the visitor's cookies; the gate says who may."""

    def __init__(self, app: Any, **_: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Passes everything on."""
        await self.app(scope, receive, send)


class OneLine:
    """In place of the module `traceback`: an error of a library becomes a line of the log, not a page of text."""

    def __getattr__(self, name: str) -> Any:
        return getattr(traceback, name)

    def print_exc(self, *_: Any, **__: Any) -> None:
        """Notes the error that is being handled."""
        error = sys.exception()
        if error is not None:
            note("fault", logging.WARNING, **fault(error))


def replace_private_names() -> None:
    """To be called before a page is launched; once for all pages of a process."""
    if routes.CustomCORSMiddleware is NoCors:
        return
    get_fn, error_payload = route_utils.get_fn, queueing.error_payload

    def known_fn(blocks: Any, api_name: str | None, body: Any) -> Any:
        try:
            return get_fn(blocks=blocks, api_name=api_name, body=body)
        except (KeyError, route_utils.FnIndexInferError) as error:
            raise HTTPException(404, "the page has no such function") from error

    def payload(error: BaseException | None, show_error: bool) -> dict[str, Any]:
        if isinstance(error, ValueError) and not isinstance(error, gr.Error):  # Gradio's, of a file that is not its own
            error = gr.Error(NOT_UPLOADED)
        return error_payload(gr.Error(FULL) if is_full(error) else error, show_error)

    async def refuse(url: str, request: Any) -> None:
        raise HTTPException(403, "files of other servers are not fetched")

    route_utils.GradioMultiPartParser = FilesAlone
    route_utils.get_fn = known_fn
    queueing.error_payload = payload
    routes.secure_url_stream_response = refuse
    routes.CustomCORSMiddleware = NoCors
    for module in (routes, route_utils, queueing):
        module.traceback = OneLine()


def refuse_urls(refusal: str) -> None:
    """Lets no file be fetched from a URL: all downloads of Gradio's go through the one function."""

    async def refuse(url: str) -> None:
        raise gr.Error(refusal, print_exception=False)

    processing_utils.async_ssrf_protected_get = refuse


def user_of(app: Any, cookies: dict[str, str]) -> str | None:
    """Whose login the cookies are."""
    for kind in ("", "-unsecure"):
        if (token := cookies.get(f"access-token{kind}-{app.cookie_id}")) in app.tokens:
            return app.tokens[token]
    return None


def let_tools_in(page: gr.Blocks, token: str) -> None:
    """Lets the MCP tools of a page call its endpoints, as they do through a client of their own, past the login."""
    server, app = page.mcp_server_obj, page.app
    app.tokens[token] = MCP_USER
    headers = {"x-gradio-user": "mcp", "cookie": f"access-token-unsecure-{app.cookie_id}={token}"}
    made: list[Client] = []

    def client() -> Client:
        if not made:
            address = str(server.local_url or page.local_url)
            made.append(
                Client(
                    address,
                    download_files=False,
                    verbose=False,
                    analytics_enabled=False,
                    ssl_verify=False,
                    _skip_components=False,
                    headers=headers,
                )
            )
        return made[0]

    server._get_or_create_client = client


def queue_of(page: gr.Blocks) -> Any:
    """The queue of a page: Gradio has no public way to ask for its length."""
    return page._queue


class _NoApplication:
    @staticmethod
    def create_app(*_: object, **__: object) -> None:
        """Stands in the place of Gradio's."""


@contextmanager
def no_application_yet() -> Iterator[None]:
    """Gradio makes its application at each step towards a launch: here none, as only the one of the launch serves."""
    made, blocks.App = blocks.App, _NoApplication  # type: ignore[misc,assignment]
    try:
        yield
    finally:
        blocks.App = made


def keep_states(page: gr.Blocks, holder: Any) -> None:
    """Puts another keeper of the sessions' states in the place of Gradio's."""
    holder.set_blocks(page)
    page.app.state_holder = holder


def wake_streams(page: gr.Blocks) -> None:
    """Open streams sleep until a message comes: with one they look up and tell that the server stops."""
    for messages in list(page._queue.pending_messages_per_session.values()):
        messages.put_nowait(HeartbeatMessage())
