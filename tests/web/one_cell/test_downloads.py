"""What can be taken away of a cell: the archive, the PDF, and what they tell."""

import json
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from PIL import Image

from tests.support.one_cell import explained
from web.one_cell.downloads import Downloads
from web.words import sentences

pytestmark = pytest.mark.usefixtures("drawn_cells_are_cells")


@pytest.mark.slow
def test_the_archive_holds_pictures_and_json_and_the_pdf_is_one(callbacks, cell):
    reading = explained(callbacks, cell).reading
    downloads = Downloads(callbacks.explainer)
    busy, done = downloads.archive(reading)
    assert busy.archive["value"] == sentences.PREPARING and done.archive["value"] == sentences.FILES
    with zipfile.ZipFile(done.archive_file["value"]) as archive:
        names = {Path(name).name for name in archive.namelist() if not name.endswith("/")}
    assert {"drawn_cell.json", "drawn_cell.pdf", "drawn_cell_original.png", "drawn_cell_evidence.png"} <= names
    *_, done = downloads.pdf(reading)
    assert Path(done.pdf_file["value"]).name == "drawn_cell.pdf"
    assert Path(done.pdf_file["value"]).read_bytes().startswith(b"%PDF")


def test_the_report_speaks_the_language_of_the_page(callbacks, cell):
    request = SimpleNamespace(headers={"accept-language": "pt-BR"}, session_hash="a")
    *_, done = Downloads(callbacks.explainer).archive(explained(callbacks, cell).reading, request)
    with zipfile.ZipFile(done.archive_file["value"]) as archive:
        assert "Somente para pesquisa".encode("utf-16-be") in archive.read("drawn_cell.pdf")
        assert json.loads(archive.read("drawn_cell.json"))["notice"].startswith("Research use only")


def test_a_tiny_cell_gets_no_percentage(callbacks, cell, tmp_path):
    Image.open(cell).resize((24, 18)).save(tmp_path / "tiny.png")
    verdict = str(explained(callbacks, tmp_path / "tiny.png").verdict)
    assert "Too few pixels for a verdict" in verdict and "%" not in verdict.split("</h")[0]


@pytest.mark.slow
def test_the_report_tells_how_the_cell_was_come_by(callbacks, bright, large):
    told = {}
    for path in (bright, large):
        *_, done = Downloads(callbacks.explainer).archive(explained(callbacks, path).reading)
        with zipfile.ZipFile(done.archive_file["value"]) as archive:
            told[path] = json.loads(archive.read(f"{path.stem}.json"))
    assert told[bright]["found"] == "cut out" and "put on black" in told[bright]["found_note"]
    assert told[large]["found"] == "as given" and told[large]["reduced_from"] == {"height": 1170, "width": 1560}
