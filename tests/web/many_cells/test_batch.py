"""Many cells at once: uploads that attack, bad files among good ones, the table, CSV, reports, and the real page."""

import csv
import io
import json
import re
import stat
import zipfile
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from jdm_core import CellImageError
from jdm_core.explain.edit import EditSettings, Strength
from jdm_core.images.find import prepare
from jdm_core.report.report import NOTICE
from web.compute.shared import PIECE
from web.many_cells import reports as batch_reports
from web.many_cells import run as batch_run
from web.many_cells import uploads
from web.many_cells.archives import Archive
from web.many_cells.callbacks import BatchCallbacks, View
from web.many_cells.layout import add_batch_tab
from web.many_cells.run import Batch, Result
from web.many_cells.summary import progress, report_progress, summary
from web.many_cells.table import rule, table_csv, table_head, table_rows
from web.many_cells.uploads import Item, Limits, list_items, read_item
from web.page import build_page
from web.words.language import say_in

LABELS = ("Parasitized", "Uninfected")
PIXEL_NOISE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)


def png(pixels: np.ndarray = PIXEL_NOISE) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> dict:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name, data, method)
    return {"path": str(path), "orig_name": path.name}


def link(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info


ATTACKS = {
    "up": ("../../etc/cell.png", png(), "a path that leads out of its archive"),
    "absolute": ("/etc/cell.png", png(), "a path that leads out of its archive"),
    "backslashes": ("..\\..\\cell.png", png(), "a path that leads out of its archive"),
    "drive": ("C:\\cell.png", png(), "a path that leads out of its archive"),
    "link": (link("cell.png"), b"/etc/passwd", "a link, not an image"),
    "pipe": (link("cell.png", stat.S_IFIFO), b"", "not a regular file"),
    "nested": ("more.zip", b"PK\x03\x04", "an archive within an archive"),
    "nested in disguise": ("cell.png", b"PK\x03\x04" + bytes(50), "an archive within an archive"),
    "bomb": ("cell.bmp", b"BM" + bytes(2 * 2**20), "compressed more than 200 to 1"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_its_reason_and_its_neighbour_is_read(attack, tmp_path):
    name, data, reason = ATTACKS[attack]
    items, total = list_items([zipped(tmp_path / "a.zip", (name, data), ("good.png", png()))], Limits())
    assert total == 2
    with pytest.raises(CellImageError) as caught:
        read_item(items[0])
    assert caught.value.reason == reason
    assert read_item(items[1]) == png()


def test_other_archives_that_are_refused(tmp_path):
    lzma = zipped(tmp_path / "lzma.zip", ("cell.png", png()), method=zipfile.ZIP_LZMA)
    secret = zipped(tmp_path / "secret.zip", ("cell.png", png()), method=zipfile.ZIP_STORED)
    data = Path(secret["path"]).read_bytes()
    at = data.index(b"PK\x01\x02") + 8
    Path(secret["path"]).write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    broken = zipped(tmp_path / "broken.zip", ("cell.png", png()))
    Path(broken["path"]).write_bytes(Path(broken["path"]).read_bytes()[:60])
    empty = zipped(tmp_path / "empty.zip")
    gone = {"path": str(tmp_path / "gone.zip"), "orig_name": "gone.zip"}
    items, _ = list_items([lzma, secret, broken, empty, gone], Limits())
    assert [item.reason for item in items] == [
        "compressed in another way than deflate",
        "encrypted",
        "a damaged zip",
        "an empty zip",
        "no longer kept: upload it again",
    ]


def test_a_member_with_a_wrong_checksum_is_damaged(tmp_path):
    upload = zipped(tmp_path / "a.zip", ("cell.png", png()), method=zipfile.ZIP_STORED)
    data = bytearray(Path(upload["path"]).read_bytes())
    data[80] ^= 255
    Path(upload["path"]).write_bytes(data)
    (item,), _ = list_items([upload], Limits())
    with pytest.raises(CellImageError, match=r"cell\.png: damaged in its archive"):
        read_item(item)


def test_hidden_files_are_passed_over_and_limits_hold(tmp_path):
    hidden = [("__MACOSX/._a.png", b"x"), (".git/a.png", b"x"), ("cells/.a.png", b"x"), ("cells/", b"")]
    upload = zipped(tmp_path / "a.zip", *hidden, *((f"cells/{i}.png", png()) for i in range(5)))
    items, total = list_items([upload], Limits(images=3))
    assert ([item.name for item in items], total) == (["cells/0.png", "cells/1.png", "cells/2.png"], 5)
    items, _ = list_items([upload], Limits(unpacked_bytes=2 * len(png()) + 1))
    assert [bool(item.reason) for item in items] == [False, False, True, True, True]
    assert "MiB of a batch" in items[2].reason


def test_a_huge_directory_is_not_even_read(tmp_path, monkeypatch):
    upload = zipped(tmp_path / "a.zip", *((f"{i}.png", b"x") for i in range(50)))
    monkeypatch.setattr(uploads, "MAX_DIRECTORY_BYTES", 1000)
    monkeypatch.setattr(Archive, "entries", lambda self: pytest.fail("read"))
    (item,), _ = list_items([upload], Limits())
    assert item.reason == "a zip of too many files"


def test_a_member_whose_name_is_lost_gets_its_reason(tmp_path):
    upload = zipped(tmp_path / "a.zip", ("x.png", png()), ("good.png", png()))
    Path(upload["path"]).write_bytes(Path(upload["path"]).read_bytes().replace(b"x.png", b"\0.png"))
    lost, good = list_items([upload], Limits())[0]
    assert (lost.name, lost.reason) == ("�.png", "a path that leads out of its archive")
    assert read_item(good) == png()


def test_names_are_on_one_line_and_not_endless(tmp_path):
    items, _ = list_items([zipped(tmp_path / "a.zip", ("a\nb\u202e.png", b"x"), ("W" * 5000 + ".png", b"x"))], Limits())
    assert items[0].name == "a�b�.png"
    assert len(items[1].name) == 200 and items[1].name.endswith("W.png")


@pytest.fixture(scope="module")
def mixed(cell_files, tmp_path_factory):
    """Uploads: an image, a text, and a zip of two images, one damaged, and one whose name is a formula."""
    folder = tmp_path_factory.mktemp("mixed")
    text = folder / "notes.png"
    text.write_text("no image at all")
    first, second, third = (path.read_bytes() for path in cell_files[:3])
    archive = zipped(
        folder / "more.zip",
        ("smear/b.png", second),
        ("smear/cut.png", second[: len(second) // 3]),
        ("=HYPERLINK(1).png", third),
    )
    alone = {"path": str(cell_files[0]), "orig_name": "a.png"}
    return [alone, {"path": str(text), "orig_name": "notes.png"}, archive], [first, second, third]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(batch_run, "CHUNK", 2)
    monkeypatch.setattr(batch_run, "POSTERIOR_DRAWS", 3)


@pytest.fixture
def callbacks(explainer):
    return BatchCallbacks(explainer, Limits())


def test_good_files_are_read_and_bad_ones_say_why(callbacks, explainer, mixed, quick):
    files, contents = mixed
    views = list(callbacks.read(files))
    steps = [view.batch for view in views if isinstance(view.batch, Batch)]
    assert [len(batch.results) for batch in steps] == [0, 2, 4, 5]
    assert "Starting …" in views[0].status and "2 of 5" in views[1].status
    batch, last = steps[-1], views[-1]
    assert [r.item.name for r in batch.done] == ["a.png", "smear/b.png", "=HYPERLINK(1).png"]
    errors = {r.item.name: r.error for r in batch.results if r.error}
    assert errors["notes.png"] == "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"
    assert "damaged, incomplete" in errors["smear/cut.png"]
    expected = explainer.predict([prepare(data).cell for data in contents]).probabilities
    np.testing.assert_allclose([r.head for r in batch.done], expected, atol=1e-5)
    np.testing.assert_allclose([sum(r.posterior) for r in batch.done], 1, atol=1e-5)
    assert "3 cells" in last.status and "2 files could not be read" in last.status
    rows = [view.table["value"] for view in views if "value" in view.table]
    assert all(later.startswith(earlier) for earlier, later in pairwise(rows))  # only ever appended
    assert rows[-1].count("<tr") == 1 + 5 and rows[-1].count("data:image/webp") == 3


def test_the_cells_of_large_pictures_are_reduced_at_once_and_in_the_reports(
    callbacks, explainer, cell_files, quick, tmp_path, monkeypatch
):
    monkeypatch.setattr(batch_reports, "POSTERIOR_DRAWS", 3)
    Image.open(cell_files[0]).resize((1500, 1400)).save(tmp_path / "large.png")
    sides, predict = [], explainer.predict
    monkeypatch.setattr(
        explainer, "predict", lambda cells: sides.extend(max(np.shape(cell)) for cell in cells) or predict(cells)
    )
    uploads = [{"path": str(tmp_path / "large.png"), "orig_name": "large.png"}]
    *_, batch = (view.batch for view in callbacks.read(uploads) if isinstance(view.batch, Batch))
    *_, last = callbacks.prepare(batch, edits=False)
    assert sides == [1024, 1024]
    with zipfile.ZipFile(last.archive["value"]) as archive:
        assert json.loads(archive.read("large/large.json"))["reduced_from"] == {"height": 1400, "width": 1500}


def test_cells_pass_the_network_together(callbacks, explainer, cell_files, monkeypatch):
    passes = []
    predict = explainer.predict
    monkeypatch.setattr(batch_run, "POSTERIOR_DRAWS", 3)
    monkeypatch.setattr(explainer, "predict", lambda cells: passes.append(len(cells)) or predict(cells))
    list(callbacks.read([{"path": str(path), "orig_name": path.name} for path in cell_files] * 2))
    assert passes == [len(cell_files) * 2] == [16]


def test_a_stopped_batch_keeps_what_was_done(callbacks, mixed, quick):
    running = callbacks.read(mixed[0])
    next(running)
    batch = next(running).batch
    running.close()
    view = callbacks.stop(batch)
    assert "Stopped. What was done stays: 1 cell: " in view.status and not view.stop["visible"]
    lines = list(csv.DictReader(Path(view.csv["value"]).read_text().splitlines()))
    assert [line["file"] for line in lines] == ["a.png", "notes.png"]
    assert callbacks.stop(None).batch is None


def test_csv_follows_rfc_4180_and_no_cell_is_a_formula():
    item = Item('=cmd|" /C calc", "x".png', "path")
    good = Result(item, "", "Unclear", (0.25, 0.75), (0.6, 0.4), ("verdicts disagree", "not sure"), "several", 3)
    written = table_csv([good, Result(Item("+b.png", ""), "an empty file")], LABELS, {"model": "m", "seed": 0})
    assert written.count("\r\n") == 3 and '"\'=cmd|"" /C calc"", ""x"".png"' in written
    first, second = csv.DictReader(io.StringIO(written, newline=""))
    assert first["file"] == "'" + item.name and first["note"] == good.note() != ""
    assert (first["classifier_Parasitized"], first["likelihood_Uninfected"]) == ("0.250000", "0.400000")
    assert (first["remarks"], first["model"], first["notice"]) == ("verdicts disagree; not sure", "m", NOTICE)
    assert (second["file"], second["error"], second["classifier_Parasitized"]) == ("'+b.png", "an empty file", "")


def test_names_in_the_table_are_text():
    hostile = Item('"><img src=x onerror=alert(1)>${x}{{y}}', "path")
    rows = table_rows([Result(hostile, "", "Unclear", (0.5, 0.5), (0.5, 0.5)), Result(hostile, "<b>")], LABELS, 0)
    assert "<img src=x" not in rows and "<b>" not in rows and rows.count("&lt;img") >= 2


def test_verdicts_sort_by_how_much_they_deserve_a_look_and_figures_highest_first():
    verdicts = ("Uninfected", "Not a cell?", "Unclear", "Parasitized")
    rows = table_rows([Result(Item("a", ""), "", v, (0.5, 0.5), (0.5, 0.5)) for v in verdicts], LABELS, 0)
    keys = re.findall(r'data-key="(\d)"><span class="tone-[^>]*>([^<]*)', rows)
    assert [verdict for _, verdict in sorted(keys)] == ["Parasitized", "Unclear", "Not a cell?", "Uninfected"]
    assert rows.count('data-key="0.500000"') == 2 * 3 and rows.count('data-key=""><span data-reading') == 2
    heads = table_head(LABELS).split("<th ")[1:]
    assert ["data-first=descending" in head for head in heads] == [False, False, False, True, True, False]
    assert "gives neither class 85\xa0%" in rule(0.85)


def test_what_the_tab_says_is_in_the_language_of_the_request(callbacks, mixed, quick):
    request = SimpleNamespace(headers={"accept-language": "pt-BR"})
    *_, before, last = callbacks.read(mixed[0], request)
    assert "3 células (" in last.status and "2 arquivos não puderam ser lidos" in last.status
    assert "Classificador: Parasitada" in before.table["value"] and "não lido" in before.table["value"]
    (verdict, *_) = before.batch.done
    assert verdict.verdict in ("Parasitized", "Uninfected", "Unclear")  # as in the CSV, whatever the page says
    shown = callbacks.explain(before.batch, SimpleNamespace(row=0), request).detail
    assert "Mapa de indícios" in shown and "Verossimilhança" in shown


def test_remarks_of_a_cell(explainer):
    finding = SimpleNamespace(status="several", count=3, cell=PIXEL_NOISE)
    result = batch_run._result(explainer, Item("a", ""), finding, [0.55, 0.45], [0.1, 0.9], False)
    assert result.flags == ("verdicts disagree", "not sure", "unfamiliar", "several cells")
    assert result.verdict == "Not a cell?" and result.note().startswith("3 cells, none of them clearly")
    assert result.note(say_in("fr")).startswith("3 cellules, sans que")
    finding.status = "as given"
    result = batch_run._result(explainer, Item("a", ""), finding, [0.02, 0.98], [0.1, 0.9], True)
    assert (result.verdict, result.flags, result.note()) == ("Uninfected", (), "")


@pytest.mark.parametrize(
    ("done", "seconds", "words"),
    [
        (0, 0, "Starting …"),
        (12, 24, "12 of 50; about 76 s left"),
        (10, 100, "10 of 50; about 7 min left"),
        (50, 9, "50 of 50"),
    ],
)
def test_progress_in_words(done, seconds, words):
    assert progress(done, 50, seconds) == words


@pytest.mark.parametrize(
    ("done", "seconds", "words"),
    [(0, 0, "report 1 of 51"), (6, 6, "report 7 of 51; about 45 s left"), (51, 9, "report 51 of 51")],
)
def test_progress_of_reports_names_the_one_that_is_made(done, seconds, words):
    assert report_progress(done, 51, seconds) == words


def test_what_is_no_cell_is_counted_apart():
    def batch(*verdicts, total=None):
        results = tuple(Result(Item("a", ""), "" if verdict else "damaged", verdict) for verdict in verdicts)
        return Batch(tuple(result.item for result in results), {}, total or len(results), results)

    assert summary(batch(*["Uninfected"] * 2, "Unclear", "Not a cell?", "Parasitized", "")) == (
        "4 cells: 1 Parasitized, 1 unclear, 2 Uninfected; 1 picture does not look like a cell. "
        "1 file could not be read; the table says why."
    )
    assert summary(batch("Not a cell?", "Not a cell?")) == "2 pictures do not look like a cell."
    assert summary(batch("Unclear", total=7)) == "1 cell: 1 unclear. Only the first 1 of 7 files were taken."
    assert summary(batch("")).startswith("No cell could be read.")
    french = summary(batch("Uninfected", "Not a cell?"), say_in("fr"))
    assert french == "1 cellule (Non parasitée\xa0: 1)\xa0; 1 image ne ressemble pas à une cellule."


def test_a_picture_that_is_no_cell_gets_no_verdict_in_table_csv_and_detail(callbacks, quick, tmp_path):
    path = tmp_path / "noise.png"
    path.write_bytes(png(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)))
    *_, last = views = list(callbacks.read([{"path": str(path), "orig_name": "noise.png"}]))
    batch, rows = views[-2].batch, views[-2].table["value"]
    assert (
        'class="strange"' in rows and ">Not a cell?<" in rows and "1 picture does not look like a cell." in last.status
    )
    (line,) = csv.DictReader(Path(last.csv["value"]).read_text().splitlines())
    assert line["verdict"] == "Not a cell?" and "unfamiliar" in line["remarks"]
    shown = callbacks.explain(batch, SimpleNamespace(row=0)).detail
    folded = shown.index('<details class="strange">')
    assert (
        shown.index("This does not look like")
        < shown.index("<figure>")
        < folded
        < shown.index('class="bar"')
        < shown.index("<svg")
    )


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
    assert pages.startswith(b"%PDF") and len(re.findall(rb"/Type /Page\b", pages)) == 4 and NOTICE.encode() in pages
    folders = {name.split("/")[0] for name in names if "/" in name}
    assert folders == {"a", "a-2", "smear_b", "HYPERLINK_1"}
    assert {name for name in names if name.startswith("a/")} == {
        "a/a.json",
        "a/a.pdf",
        "a/a_original.png",
        "a/a_evidence.png",
    }


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


def test_a_pressed_row_is_explained(callbacks, mixed, quick):
    *_, batch = (view.batch for view in callbacks.read(mixed[0]) if isinstance(view.batch, Batch))
    shown = callbacks.explain(batch, SimpleNamespace(row=2)).detail
    assert "smear/b.png" in shown and "Evidence map: smear/b.png" in shown and "<svg" in shown
    assert callbacks.explain(batch, SimpleNamespace(row=1)) == View()  # it could not be read
    assert callbacks.explain(batch, SimpleNamespace(row=99)) == View()
    assert callbacks.explain(None, SimpleNamespace(row=0)) == View()


def test_every_field_of_a_view_is_in_the_tab(explainer):
    with gr.Blocks() as page:
        add_batch_tab(explainer, {}, 60, Limits())
    ids = {block.elem_id for block in page.blocks.values()}
    assert {f"batch-{name}" for name in ("status", "table", "stop", "take", "csv", "prepare", "zip", "detail")} <= ids


def test_both_tabs_forget_after_the_seconds_of_the_settings(explainer):
    states = [block for block in build_page(explainer, kept_seconds=7).blocks.values() if isinstance(block, gr.State)]
    assert [state.time_to_live for state in states] == [7, 7]


@pytest.fixture(scope="module")
def many(cell_files, tmp_path_factory) -> Path:
    """A zip of 40 files, more than two chunks: cells over and over, a text, and a name that tries to be a script."""
    members = [(f"cell {i}.png", cell_files[i % len(cell_files)].read_bytes()) for i in range(38)]
    members += [("notes.txt", b"no image"), ("${alert(1)}{{x}}<b>`.png", cell_files[0].read_bytes())]
    path = tmp_path_factory.mktemp("many") / "many.zip"
    zipped(path, *members)
    return path


@pytest.mark.browser
@pytest.mark.slow
def test_upload_stop_sort_open_and_download_in_the_browser(browser, many, tmp_path):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.ui import WebDriverWait

    from web.screenshot import served

    def all_of(selector):
        return browser.find_elements(By.CSS_SELECTOR, selector)

    def wait(condition):
        from selenium.common.exceptions import StaleElementReferenceException as Stale

        return WebDriverWait(browser, 200, ignored_exceptions=(Stale, IndexError)).until(lambda _: condition())

    browser.get_log("browser")  # empties it of what other tests' pages left
    with served() as address:
        browser.get(address)
        wait(lambda: [tab for tab in all_of("button[role=tab]") if tab.text == "Many cells"])[0].click()
        wait(lambda: all_of("#batch-files input[type=file]"))[0].send_keys(str(many))
        wait(lambda: all_of("#batch-table tbody tr"))
        wait(lambda: " of 40" in all_of("#batch-status")[0].text)
        all_of("#batch-stop")[0].click()
        wait(lambda: "Stopped." in all_of("#batch-status")[0].text)
        done = len(all_of("#batch-table tbody tr"))
        assert 0 < done < 40 and done % PIECE == 0

        heading = all_of("#batch-table .sort")[1]
        heading.send_keys(Keys.ENTER)
        heading.send_keys(Keys.SPACE)  # once more: downwards
        names = [button.text for button in all_of("#batch-table .open")]
        assert names[:2] == [f"cell {done - 1}.png", f"cell {done - 2}.png"] and len(names) == done
        assert all_of("#batch-table th")[1].get_attribute("aria-sort") == "descending"

        all_of("#batch-table .open")[0].send_keys(Keys.ENTER)
        wait(lambda: all_of("#batch-detail .file") and all_of("#batch-detail section svg"))
        assert names[0] in all_of("#batch-detail .file")[0].text
        assert len(all_of("#batch-detail figure img")) == 2
        assert browser.switch_to.active_element.get_attribute("aria-label") == names[0]
        assert [button.is_enabled() for button in all_of("#batch-detail [data-step]")] == [False, True]
        all_of("#batch-detail [data-step='1']")[0].send_keys(Keys.ENTER)
        wait(lambda: names[1] in all_of("#batch-detail .file")[0].text)
        assert browser.switch_to.active_element.text == "Next"

        rows = {row.get_attribute("data-number"): row.text for row in all_of("#batch-table tbody tr")}
        settled = {number for number, text in rows.items() if "Uninfected" in text and text.endswith("%")}
        assert settled and settled != set(rows)
        box = all_of("#batch-table .leave-out")[0]
        box.send_keys(Keys.SPACE)
        assert box.value_of_css_property("background-color") != "rgba(0, 0, 0, 0)"  # the tick is white
        shown = [row for row in all_of("#batch-table tbody tr") if row.is_displayed()]
        assert {row.get_attribute("data-number") for row in shown} == set(rows) - settled
        here, order = all_of("#batch-detail section")[0].get_attribute("data-row"), [*rows]
        later = [number for number in order[order.index(here) + 1 :] if number not in settled]
        assert all_of("#batch-detail [data-step='1']")[0].is_enabled() == bool(later)
        box.send_keys(Keys.SPACE)
        assert all(row.is_displayed() for row in all_of("#batch-table tbody tr"))

        figures = all_of("#batch-table .sort")[3]
        figures.send_keys(Keys.ENTER)
        assert all_of("#batch-table th")[3].get_attribute("aria-sort") == "descending"
        shares = [float(cell.get_attribute("data-key")) for cell in all_of("#batch-table td:nth-child(4)")]
        assert shares == sorted(shares, reverse=True)

        saved = {"behavior": "allow", "downloadPath": str(tmp_path)}
        browser.execute_cdp_cmd("Browser.setDownloadBehavior", saved)
        all_of("#batch-csv")[0].send_keys(Keys.ENTER)
        file = tmp_path / "PlasmoLens-batch.csv"
        wait(file.exists)
        lines = list(csv.DictReader(io.StringIO(file.read_text())))
        assert [line["file"] for line in lines] == [f"cell {i}.png" for i in range(done)]

        browser.execute_script("window.scrollTo(0, document.body.scrollHeight)")
        assert browser.execute_script("return window.scrollY") > 100
        all_of("#batch-detail [data-act='open']")[0].send_keys(Keys.ENTER)
        wait(lambda: names[1] in all_of("#verdict .file")[0].text and all_of("#evidence img"))
        assert all_of("button[role=tab]")[0].get_attribute("aria-selected") == "true"
        assert browser.execute_script("return window.scrollY") == 0  # the verdict is at the top
        all_of("button[role=tab]")[1].send_keys(Keys.ENTER)
        all_of("#batch-detail [data-act='close']")[0].send_keys(Keys.ENTER)
        wait(lambda: not all_of("#batch-detail section"))
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
