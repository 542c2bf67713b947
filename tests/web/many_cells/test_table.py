"""The table of many cells, its CSV, and what is said of the whole."""

import csv
import io
import re
from types import SimpleNamespace

import pytest

from jdm_core.explain.matching import AS_NEEDED
from jdm_core.report.report import NOTICE
from tests.support.many_cells import LABELS, PIXEL_NOISE
from web.many_cells import run as batch_run
from web.many_cells.run import Batch, Result
from web.many_cells.summary import progress, report_progress, summary
from web.many_cells.table import rule, shortened, table_csv, table_head, table_rows
from web.many_cells.uploads import Item
from web.words.language import say_in


def test_csv_follows_rfc_4180_and_no_cell_is_a_formula():
    item = Item('=cmd|" /C calc", "x".png', "path")
    good = Result(item, "", "Unclear", (0.25, 0.75), (0.6, 0.4), ("verdicts disagree", "not sure"), "several", 3)
    written = table_csv([good, Result(Item("+b.png", ""), "an empty file")], LABELS, {"model": "m", "seed": 0})
    assert written.count("\r\n") == 3 and '"\'=cmd|"" /C calc"", ""x"".png"' in written
    first, second = csv.DictReader(io.StringIO(written, newline=""))
    assert first["file"] == "'" + item.name and first["note"] == good.note() != ""
    assert (first["classifier_Parasitized"], first["likelihood_Uninfected"]) == ("0.25", "0.4")
    assert (first["remarks"], first["model"], first["notice"]) == ("verdicts disagree; not sure", "m", NOTICE)
    assert (second["file"], second["error"], second["classifier_Parasitized"]) == ("'+b.png", "an empty file", "")


def test_no_figure_of_the_csv_is_certain_and_a_long_name_keeps_both_its_ends():
    sure = Result(Item("a.png", ""), "", "Parasitized", (1.0, 0.0), (0.99999999, 1e-8))
    (line,) = csv.DictReader(io.StringIO(table_csv([sure], LABELS, {}), newline=""))
    assert float(line["classifier_Parasitized"]) < 1 and line["likelihood_Parasitized"] == "0.99999999"
    assert shortened("C33P1thinF_IMG_20150619_114756a_cell_179.png") == "C33P1thinF_IMG_2…56a_cell_179.png"
    assert shortened("short name.png") == "short name.png"


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


@pytest.mark.parametrize(("count", "told"), [(1, False), (3, True)])
def test_a_row_does_not_tell_what_is_usual(count, told):
    """How the cell was found stands in the table where there were others, and in the file always."""
    found = Result(Item("a.png", ""), "", "Uninfected", (0.1, 0.9), (0.1, 0.9), (), "cut out", count)
    assert ("put on black" in table_rows([found], LABELS, 0)) == told
    assert "put on black" in table_csv([found], LABELS, {})


def test_remarks_of_a_cell(explainer):
    finding = SimpleNamespace(status="several", count=3, cell=PIXEL_NOISE.repeat(2, 0).repeat(2, 1))
    result = batch_run._result(explainer, Item("a", ""), finding, AS_NEEDED, [0.55, 0.45], [0.1, 0.9], "not a red cell")
    assert result.flags == ("verdicts disagree", "not sure", "unfamiliar", "several cells")
    assert result.verdict == "Not a cell?" and result.note().startswith("3 objects stand out, none of them clearly")
    assert result.note(say_in("fr")).startswith("3 objets se détachent, dont aucun")
    finding.status = "as given"
    result = batch_run._result(explainer, Item("a", ""), finding, AS_NEEDED, [0.02, 0.98], [0.1, 0.9], "familiar")
    assert (result.verdict, result.flags, result.note()) == ("Uninfected", (), "")
    other = batch_run._result(explainer, Item("a", ""), finding, AS_NEEDED, [0.02, 0.98], [0.1, 0.9], "other")
    assert (other.verdict, other.flags) == ("Uninfected", ("other stain",))
    rows = table_rows([result, other], LABELS, 0)
    assert rows.count('class="settled"') == 2 and "other stain" in rows  # else the box would hide none of that stain


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
