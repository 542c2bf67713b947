"""Posts beyond the limits and nonsense are refused."""

import asyncio
import json
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tests.support.server import call, post_file
from web.server.gate import Gate
from web.server.jobs import FAULT
from web.settings import Settings


def test_posts_beyond_the_limits_are_refused(web):
    assert post_file(web, "a.png", b"x" * (2**22 + 1)).status_code == 413  # of one file
    assert web.post("/gradio_api/upload", content=b"x" * (9 * 2**20)).status_code == 413  # of all
    chunks = (b"x" * 2**16 for _ in range(150))  # no content-length
    headers = {"content-type": "multipart/form-data; boundary=b"}
    assert web.post("/gradio_api/upload", content=chunks, headers=headers).status_code in (400, 413)
    assert web.post("/gradio_api/call/predict", json={"data": ["x" * 2**21]}).status_code == 413


def test_a_post_may_name_every_file_of_a_batch():
    """As the page does for loose files: each with path, address and name, here of 120 characters."""
    name = "x" * 120
    file = {"path": f"/tmp/plasmolens-x/{'0' * 64}/{name}", "url": f"http://localhost:7860/{'0' * 64}/{name}"}
    post = json.dumps([{**file, "orig_name": name, "size": 9999, "mime_type": "image/png"}] * 3000).encode()
    assert len(post) > 2**20
    passed = {cells: status_of_post(post, cells) for cells in (500, 3000)}
    assert passed == {500: 413, 3000: 200}


def status_of_post(body: bytes, batch_cells: int) -> int:
    """What the gate answers to a post before a page that answers 200 once it has it all."""
    said = []

    async def page(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def receive():
        return {"type": "http.request", "body": body}

    async def send(message):
        said.append(message)

    pages = SimpleNamespace(check_jobs=lambda _: None, make_room=lambda _: None)
    service = SimpleNamespace(
        settings=Settings(batch_cells=batch_cells), stopping=False, loop=None, pages=pages, app=None
    )
    scope = {"type": "http", "method": "POST", "path": "/gradio_api/queue/join"}
    scope["headers"] = [(b"content-length", str(len(body)).encode())]
    asyncio.run(Gate(page, service)(scope, receive, send))
    return said[0]["status"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"data": 3}', b"\xff\xfe", b'{"data": [{"path": 3}]}'])
@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data"])
@pytest.mark.parametrize("path", ["upload", "call/predict", "queue/join", "run/predict"])
def test_nonsense_never_shows_a_traceback(web, path, kind, content):
    answer = web.post(f"/gradio_api/{path}", content=content, headers={"content-type": kind})
    assert "Traceback" not in answer.text and ".py" not in answer.text
    assert web.get("/healthz").status_code == 200


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """A file with some bytes changed, cut out or put in."""
    parts = bytearray(data)
    for _ in range(int(random.integers(1, 12))):
        at = int(random.integers(0, max(len(parts), 1)))
        kind = random.integers(0, 4)
        if kind == 0:
            parts[at : at + 1] = random.bytes(1)
        elif kind == 1:
            del parts[at : at + int(random.integers(1, 64))]
        elif kind == 2:
            parts[at:at] = random.bytes(int(random.integers(1, 64)))
        else:
            parts = parts[: max(at, 8)]
    return bytes(parts)


@pytest.mark.parametrize("count", [pytest.param(60, marks=pytest.mark.slow), pytest.param(500, marks=pytest.mark.long)])
@pytest.mark.timeout(1500)
def test_mutated_uploads_are_read_or_refused(count, web, service, explainer, cell, monkeypatch):
    scores = explainer.elbo(cell, draws=3)  # of one cell, for all: what is tried here is how pictures are read
    monkeypatch.setattr(explainer, "elbo", lambda *_, **__: scores)
    sources = []
    for format_ in ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF"):
        buffer = BytesIO()
        Image.open(cell).resize((32, 32)).save(buffer, format_)
        sources.append(buffer.getvalue())
    random = np.random.default_rng(0)
    ends = {"complete": 0, "error": 0}
    for number in range(count):
        path = post_file(web, "cell.png", mutated(sources[number % len(sources)], random)).json()[0]
        answer = call(web, path)
        assert FAULT.split(";")[0] not in answer, number
        ends["complete" if "event: complete" in answer else "error"] += "event: " in answer
    assert sum(ends.values()) == count and min(ends.values()) > count // 25
    assert web.get("/healthz").status_code == 200
