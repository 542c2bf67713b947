"""Files that are uploaded: where they lie, what comes back of them, and when they go."""

import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file

from tests.support.server import SECRET, call, post_file, serving
from web.server.scratch import Scratch

ROOT = Path(__file__).resolve().parents[3]


def test_every_answer_forbids_requests_to_others(web):
    for path in ("/", "/healthz", "/config"):
        headers = web.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self' data: blob:")
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["../../../evil.png", "..\\evil.png", "/etc/evil.png", "a\0b.png", "x" * 300 + ".png"])
def test_uploads_stay_in_their_folder(web, service, name):
    before = set(Path("/tmp").glob("evil*")) | set(Path("/etc").glob("evil*"))
    answer = post_file(web, name, b"\x89PNG")
    if answer.status_code == 200:
        assert Path(answer.json()[0]).resolve().is_relative_to(service.scratch.folder.resolve())
    assert answer.status_code < 500 and "Traceback" not in answer.text
    assert set(Path("/tmp").glob("evil*")) | set(Path("/etc").glob("evil*")) == before


def test_a_picture_is_not_fetched_from_a_url(web, monkeypatch):
    from gradio import processing_utils

    asked = []
    monkeypatch.setattr(processing_utils.sh, "get", lambda url, **options: asked.append(url))
    answer = call(web, "https://example.org/cell.png")
    assert "event: error" in answer and "is not fetched from a URL" in answer
    assert not asked


@pytest.mark.parametrize("path", ["/etc/passwd", str(ROOT / "app.py"), "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd"])
def test_other_files_are_not_served(web, path):
    answer = web.get(f"/gradio_api/file={path}")
    assert answer.status_code in (400, 403, 404) and "root:" not in answer.text


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("a.html", b"<script>alert(1)</script>"),
        ("a.png", b"<html><script>alert(1)</script></html>"),
        ("a.xhtml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>"),
        ("a.js", b"alert(1)"),
    ],
)
def test_nothing_uploaded_comes_back_as_active_content(web, name, data):
    path = post_file(web, name, data, "image/svg+xml").json()[0]
    answer = web.get(f"/gradio_api/file={path}")
    kind = answer.headers["content-type"]
    assert not any(word in kind for word in ("html", "svg", "xml", "script"))
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "event: error" in call(web, path)


@pytest.mark.slow
def test_nothing_of_exif_is_stored_or_returned(service, cell):
    client = Client(service.address, verbose=False)
    _, picture = client.predict(handle_file(cell), api_name="/explain")
    assert SECRET.encode() in cell.read_bytes() and SECRET.encode() not in Path(picture).read_bytes()
    stored = [file for file in service.scratch.folder.rglob("*") if file.is_file()]
    assert any(file.name == cell.name for file in stored)
    assert not [file for file in stored if SECRET.encode() in file.read_bytes()]


@pytest.mark.slow
def test_files_go_on_schedule_and_all_when_the_server_stops(explainer, cell, tmp_path):
    with serving(explainer, tmp_path, kept_seconds=2) as running, httpx.Client(base_url=running.address) as web:
        path = Path(post_file(web, "cell.jpg", cell.read_bytes()).json()[0])
        assert path.exists()
        until = time.monotonic() + 20
        while path.exists() and time.monotonic() < until:
            time.sleep(0.2)
        assert not path.exists()
        folder = running.scratch.folder
    assert not folder.exists()


def test_the_page_keeps_its_own_pictures(tmp_path):
    scratch = Scratch(0.4, tmp_path)
    example = tmp_path / "example.png"
    example.write_text("an example")
    for name, picture in (("button", "cell.png"), ("upload", "cell.png"), ("late", "example.png")):
        (scratch.folder / name).mkdir()
        (scratch.folder / name / picture).write_text(example.read_text())
        if name == "button":
            scratch.keep_all([example])
    until = time.monotonic() + 20
    while (scratch.folder / "upload").exists() and time.monotonic() < until:
        time.sleep(0.1)
    assert sorted(path.name for path in scratch.folder.iterdir()) == [".lock", "button", "late"]
    assert (scratch.folder / "button" / "cell.png").exists() and (scratch.folder / "late" / "example.png").exists()
    scratch.close()


@pytest.mark.slow
def test_what_a_killed_server_left_goes_at_the_next_start(tmp_path):
    script = (
        "import sys, os; from pathlib import Path; from web.server.scratch import Scratch;"
        "s = Scratch(60, Path(sys.argv[1]));"
        "(s.folder / 'cell.png').write_text('x'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], cwd=ROOT)
    (left,) = tmp_path.glob("plasmolens-*/cell.png")
    living = Scratch(60, tmp_path)
    other = Scratch(60, tmp_path)
    assert not left.exists() and living.folder.exists() and living.folder.stat().st_mode & 0o77 == 0
    living.close()
    other.close()
