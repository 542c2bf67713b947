"""No cell of a CSV is a formula to a spreadsheet, in the command line's index as in the page's table."""

import csv
import io

import pytest
from PIL import Image

from jdm_core.cli import main
from jdm_core.report.spreadsheet import harmless
from web.many_cells.run import Result
from web.many_cells.table import table_csv
from web.many_cells.uploads import Item

FORMULAS = (
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\tx",
    "\rx",
    "\nx",
    " =1",
    "\u00a0=1",
    "\ufeff=1",
    "\u200b@a",
    "\u00ad+1",
    "＝1",
    "＋1",
    "－1",
    "＠a",
    "　＝1",
    "﹦1",
    "⁼1",
    "=HYPERLINK(1).png",
)
PLAIN = ("a=b", "cell.png", "", " ", "C1P1thinF_-1", "(=1)", "'=1", "ä", "1e-5")


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_get_a_quote(text):
    assert harmless(text) == f"'{text}"


def test_other_texts_and_figures_stay():
    assert [harmless(text) for text in PLAIN] == list(PLAIN)
    assert [harmless(value) for value in (-1.5, -3, None, True)] == [-1.5, -3, None, True]


@pytest.mark.slow
def test_the_index_of_a_folder_has_no_formulas(cell_files, tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    names = ["=1+1.png", "+a.png", "-a.png", "@a.png", "＝a.png", "plain.png"]
    (folder / "=below").mkdir(parents=True)
    for name in [*names, "=below/cell.png"]:
        (folder / name).write_text("no image")
    Image.open(cell_files[0]).save(folder / "=good.png")
    assert main(["explain", str(folder), "--out", str(out), "--draws", "3", "--device", "cpu"]) == 1
    with (out / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    expected = ["'+a.png", "'-a.png", "'=1+1.png", "'=below/cell.png", "'=good.png", "'@a.png", "'＝a.png", "plain.png"]
    assert sorted(row["file"] for row in rows) == sorted(expected)
    (good,) = [row for row in rows if row["report"]]
    assert good["report"] == "'=good.json"
    float(good["elbo_difference"])  # a figure, whatever its sign


def test_the_pages_table_has_no_formulas():
    results = [Result(Item(name, ""), error) for name, error in (("＝1.png", "@why"), ("plain.png", "why"))]
    written = table_csv(results, ("=a", "b"), {"model": "-m", "seed": -1})
    first, second = csv.DictReader(io.StringIO(written, newline=""))
    assert (first["file"], first["error"], first["model"], first["seed"]) == ("'＝1.png", "'@why", "'-m", "-1")
    assert (second["file"], second["error"]) == ("plain.png", "why")
