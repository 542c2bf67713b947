"""Reports of many cells: the table, and a folder a cell."""

import io
import json
import zipfile
from types import SimpleNamespace

import pytest
from pypdf import PdfReader

from jdm_core.explain.edit import EditSettings, Strength
from jdm_core.report.report import NOTICE
from tests.support.many_cells import LABELS
from web.many_cells import reports as batch_reports
from web.many_cells.run import Batch
from web.many_cells.summary import summary


@pytest.mark.slow
def test_reports_hold_the_table_and_a_folder_a_cell(callbacks, mixed, quick, monkeypatch):
    monkeypatch.setattr(batch_reports, "POSTERIOR_DRAWS", 3)
    files = [*mixed[0], mixed[0][0]]  # one of them twice: two folders
    *_, batch = (view.batch for view in callbacks.read(files) if isinstance(view.batch, Batch))
    *steps, last = callbacks.prepare(batch, edits=False)
    assert ["report 1 of 4" in steps[0].status, "report 3 of 4" in steps[2].status] == [True, True]
    assert all(summary(batch) in step.status for step in (*steps, last)) and "The reports are ready." in last.status
    with zipfile.ZipFile(last.archive["value"]) as archive:
        names = archive.namelist()
        assert NOTICE in archive.read("batch.csv").decode()
        assert archive.read("a/a.json") != b"" and archive.read("a-2/a-2.pdf").startswith(b"%PDF")
        pages = archive.read("all-cells.pdf")
    book = PdfReader(io.BytesIO(pages))
    assert len(book.pages) == 4 and book.metadata.subject == NOTICE
    told = ["a.png", "smear/b.png", "=HYPERLINK(1).png", "a.png"]  # in their order, each the page of its own file
    assert [name in page.extract_text() for name, page in zip(told, book.pages, strict=True)] == [True] * 4
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"a", "a-2", "smear_b", "HYPERLINK_1"}
    assert {name for name in names if name.startswith("a/")} == {
        "a/a.json",
        "a/a.pdf",
        "a/a_original.png",
        "a/a_evidence.png",
    }


@pytest.mark.slow
def test_reports_speak_the_language_of_the_page(callbacks, cell_files, quick, monkeypatch):
    monkeypatch.setattr(batch_reports, "POSTERIOR_DRAWS", 3)
    (batch,) = (view.batch for view in callbacks.read(upload_of(cell_files[0])) if getattr(view.batch, "done", None))
    *_, last = callbacks.prepare(batch, False, SimpleNamespace(headers={"accept-language": "fr"}))
    with zipfile.ZipFile(last.archive["value"]) as archive:
        assert b"Usage de recherche uniquement" in archive.read("a/a.pdf")
        assert json.loads(archive.read("a/a.json"))["notice"] == NOTICE


def upload_of(path) -> list[dict]:
    return [{"path": str(path), "orig_name": "a.png"}]


@pytest.mark.slow
def test_reports_with_edits_hold_them(callbacks, explainer, mixed, quick, monkeypatch):
    monkeypatch.setattr(batch_reports, "POSTERIOR_DRAWS", 3)
    monkeypatch.setattr(explainer, "edit", EditSettings(steps=3, time=0.6, ladder=(Strength(2, 1.0),)))
    *_, batch = (view.batch for view in callbacks.read(mixed[0][:2]) if isinstance(view.batch, Batch))
    *_, last = callbacks.prepare(batch, edits=True)
    with zipfile.ZipFile(last.archive["value"]) as archive:
        edit = json.loads(archive.read("a/a.json"))["counterfactual"]
        names = archive.namelist()
    assert edit["target"] in LABELS and isinstance(edit["flipped"], bool)
    assert {"a/a_counterfactual.png", "a/a_difference.png"} <= set(names)
