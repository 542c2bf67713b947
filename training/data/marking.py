"""python -m training mark: a page that shows one cell after the other, on which boxes are drawn by mouse."""

import json
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from io import BytesIO
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from training.data.marks import Box, read_marks, write_marks
from training.data.members import DataError, read_all

PAGE = Path(str(files("training.data") / "marking.html"))
LARGEST_BODY = 2**16


def marking_server(data: Path, members: Sequence[str], out: Path, port: int) -> ThreadingHTTPServer:
    """A server, on this machine alone, of the page: GET / and /cell/N.png, /marks; POST /marks/N writes `out`.

    What `out` holds already is kept and shown. Raises DataError for marks of other cells and unreadable members.
    """
    marks = read_marks(out) if out.exists() else {}
    if foreign := [name for name in marks if name not in members]:
        raise DataError(f"{out}: marks cells that were not drawn, the first {foreign[0]}")
    cells = read_all(data, members)
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            if path == "/":
                self._answer("text/html; charset=utf-8", PAGE.read_bytes())
            elif path == "/marks":
                known = [[vars(box) for box in marks[name]] if name in marks else None for name in members]
                self._answer("application/json", json.dumps(known).encode())
            elif (index := self._index(path, "/cell/", ".png")) is not None:
                self._answer("image/png", _png(cells[index]))
            else:
                self.send_error(404)

        def do_POST(self) -> None:
            index = self._index(urlsplit(self.path).path, "/marks/", "")
            length = int(self.headers.get("Content-Length") or 0)
            # Another site's page may post here too, but not as JSON without asking first.
            if index is None or length > LARGEST_BODY or self.headers.get_content_type() != "application/json":
                self.send_error(404)
                return
            try:
                boxes = json.loads(self.rfile.read(length))
                wanted = None if boxes is None else tuple(Box(**box) for box in boxes)
            except (ValueError, TypeError) as error:
                self.send_error(400, explain=str(error))
                return
            with lock:
                kept = {**marks, members[index]: wanted}
                marks.clear()
                marks.update({name: kept[name] for name in members if kept.get(name) is not None})
                write_marks(out, marks)
            self._answer("application/json", b"{}")

        def log_message(self, *_: object) -> None:
            """Says nothing: a line for every cell would bury the address."""

        def _index(self, path: str, before: str, after: str) -> int | None:
            middle = path.removeprefix(before).removesuffix(after)
            if path != f"{before}{middle}{after}" or not middle.isdecimal() or int(middle) >= len(members):
                return None
            return int(middle)

        def _answer(self, kind: str, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def serve_marking(data: Path, members: Sequence[str], out: Path, port: int) -> None:
    """Serves the page until Ctrl-C; every cell is written to `out` as soon as it is done."""
    with marking_server(data, members, out, port) as server:
        print(f"mark {len(members)} cells on http://127.0.0.1:{server.server_port}; Ctrl-C ends, {out} keeps them")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            done = len(read_marks(out)) if out.exists() else 0
            print(f"{done} of {len(members)} cells marked")


def _png(cell: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(cell).save(buffer, "PNG")
    return buffer.getvalue()
