"""Each export of a field and of a smear: what it holds, and that it holds no more."""

import csv
import json
import re
import zlib
from dataclasses import replace
from io import BytesIO, StringIO
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image
from roifile import ImagejRoi

from jdm_core.field.estimate import reviewed_share
from jdm_core.images.colours import Colours
from jdm_core.report.field.entry import Totals
from jdm_core.report.field.marked import SIGNS, STYLES, marked
from jdm_core.report.field.record import field_json
from jdm_core.report.field.save import EXPORTS, export, save
from jdm_core.report.field.sheet import COLUMNS, ROWS, draw_pages, suspects
from jdm_core.report.paper import LEFT, RIGHT
from jdm_core.report.words import NOTICE
from tests.support.synthetic_fields import drawn_record

SAID = {0: "Parasitized", 2: "unsure", 3: "no cell", 6: "Uninfected"}


@pytest.fixture
def reviewed(smear, entry):
    return replace(smear, fields=(replace(entry, readings=SAID),))


@pytest.fixture
def two(smear, entry):
    other = replace(entry, file="b/field 1.png", sha256="e" * 64, readings={2: "Parasitized"})
    return replace(smear, fields=(entry, other))


def rows(kind, smear):
    return list(csv.DictReader(StringIO(export(kind, smear)[1].decode())))


def test_the_tables_begin_with_the_columns_of_the_contract(smear):
    heads = {kind: export(kind, smear)[1].decode().splitlines()[0] for kind in ("fields", "cells")}
    assert heads["fields"].startswith("file,cells,read,suspicious,estimate,low,high,seconds,")
    assert heads["cells"].startswith("file,cell,x,y,w,h,status,label,probability,posterior,unfamiliarity,rank,")
    assert all(head.endswith(",notice") for head in heads.values())


def test_a_cells_line_says_what_is_known_of_it(reviewed):
    cells = rows("cells", reviewed)
    assert len(cells) == 8 and all(cell["notice"] == NOTICE for cell in cells)
    first, healthy, clump = cells[0], cells[3], cells[6]
    assert [first[key] for key in ("file", "cell", "status", "label", "rank", "reading")] == [
        "a/field 1.png",
        "0",
        "read",
        "Parasitized",
        "1",
        "Parasitized",
    ]
    assert [float(first[key]) for key in ("x", "y", "w", "h", "probability", "posterior")] == pytest.approx(
        [12, 12, 36, 36, 0.97, 0.9], abs=0.01
    )
    assert (healthy["label"], healthy["probability"], healthy["posterior"]) == ("Uninfected", "0.99", "")
    assert [clump[key] for key in ("status", "label", "probability", "rank", "reading")] == [
        "clump",
        "",
        "",
        "",
        "Uninfected",
    ]
    assert sorted(int(cell["rank"]) for cell in cells if cell["rank"]) == [1, 2, 3, 4, 5]


def test_a_fields_line_counts(smear, reviewed):
    (field,), (count,) = rows("fields", smear), rows("fields", reviewed)
    told = ("cells", "read", "suspicious", "cut_off", "clumps", "not_red_cells", "seconds")
    assert [field[key] for key in told] == ["8", "5", "2", "1", "1", "1", "1.25"]
    assert float(field["low"]) <= float(field["estimate"]) <= float(field["high"])
    assert field["share"] == field["infected"] == ""  # nobody has read a cell: there is no count
    # Of five read: one is unsure and one no cell; a clump was read by a person.
    assert [count[key] for key in ("reviewed", "looked_at", "infected", "counted", "unsure")] == [
        "4",
        "2",
        "1",
        "4",
        "1",
    ]
    exact = reviewed_share(1, 4)
    assert [float(count[key]) for key in ("share", "share_low", "share_high")] == pytest.approx(
        [0.25, exact.low, exact.high], abs=1e-6
    )
    assert float(count["per_ul"]) == 1_250_000


def test_a_smears_totals_are_its_fields_together(two):
    totals = two.totals()
    assert (totals.fields, totals.found, totals.read, totals.suspicious) == (2, 16, 10, 4)
    assert (totals.reviewed, totals.infected, totals.counted) == (1, 1, 10)
    assert totals == sum((Totals(**field_json(one, two)["totals"]) for one in two.fields[1:]), two.fields[0].totals())


def test_a_picture_that_cannot_be_counted_has_no_counts(smear, entry):
    field, _ = drawn_record()
    troubled = replace(field, found=replace(field.found, trouble="This is a thick smear."))
    smear = replace(smear, fields=(replace(entry, field=troubled),))
    (told,) = rows("fields", smear)
    assert (told["trouble"], told["read"], told["estimate"]) == ("This is a thick smear.", "0", "")
    assert "thick smear" in pdf_text(export("pdf", smear)[1])


def test_json_has_no_number_that_json_lacks(reviewed):
    text = export("json", reviewed)[1].decode()
    record = json.loads(text, parse_constant=lambda name: pytest.fail(name))
    assert record["notice"] == NOTICE and record["counts"] == {
        "read": 5,
        "cut off": 1,
        "clump": 1,
        "not a red cell": 1,
    }
    assert record["reviewed"]["infected"] == 1 and record["known"]["familiar"]["sensitivity"] == 0.9
    assert [cell["reading"] for cell in record["cells"]][:4] == ["Parasitized", None, "unsure", "no cell"]


def test_json_says_in_which_colours_cells_were_read(smear, entry):
    record = field_json(entry, smear)
    assert record["colours"] == "as given" and "matched_from" not in record
    measured = Colours((0.1, 0.2, 0.3), (0.01, 0.02, 0.03))
    record = field_json(replace(entry, field=replace(entry.field, measured=measured)), smear)
    assert record["colours"] == "matched" and record["matched_from"]["density"] == [0.1, 0.2, 0.3]


def test_the_marks_differ_by_colour_and_by_line(reviewed):
    entry = reviewed.fields[0]
    picture = marked(entry)
    height, width = entry.pixels.shape[:2]
    assert picture.shape[1] == width and picture.shape[0] > height
    drawn = (picture[:height] != entry.pixels).any(axis=2)
    assert drawn[12:49, 12:49].any() and not drawn[:, 212:].any()  # at the cells, and nowhere else
    kinds = {}
    for colour, dash, width in STYLES.values():
        assert (picture[:height] == colour).all(axis=2).any()
        assert (picture[height:] == colour).all(axis=2).any()  # in the legend too
        kinds[colour] = dash, width
    assert len(kinds) == len(STYLES) == len(set(kinds.values()))  # told apart without colour


def test_a_reading_is_marked_with_its_sign(entry):
    assert len(set(SIGNS.values())) == 4
    plain = marked(entry)
    for cell, reading in ((1, "Parasitized"), (1, "Uninfected"), (5, "unsure"), (7, "no cell")):
        picture = marked(replace(entry, readings={cell: reading}))
        assert (picture[:120] != plain[:120]).any()


def test_a_field_without_its_pixels_is_not_marked(entry):
    with pytest.raises(ValueError, match="pixels are not at hand"):
        marked(replace(entry, pixels=None))


def test_imagej_reads_the_rois_where_the_cells_are(reviewed, tmp_path):
    regions = ImagejRoi.fromfile(save("rois", reviewed, tmp_path))
    outlines = reviewed.fields[0].field.outlines
    assert len(regions) == len(outlines)
    for region, outline in zip(regions, outlines, strict=True):
        assert np.allclose(region.coordinates().min(axis=0), outline.min(axis=0), atol=0.01)
        assert np.allclose(region.coordinates().max(axis=0), outline.max(axis=0), atol=0.01)
        assert NOTICE in region.props
    assert regions[0].name == "00000 Parasitized rank 1" and regions[5].name == "00005 cut off"
    assert tuple(regions[0].stroke_color[1:]) == STYLES["to look at"][0]


def test_crops_lie_by_what_they_were_read_as(reviewed):
    with ZipFile(BytesIO(export("crops", reviewed)[1])) as archive:
        names = archive.namelist()
        assert archive.comment.decode() == NOTICE
        cells = [np.asarray(Image.open(BytesIO(archive.read(name)))) for name in names]
    assert names[0] == "Parasitized/field 1_cell_0.png" and names[1] == "Uninfected/field 1_cell_1.png"
    assert names[3] == "no_cell/field 1_cell_3.png" and names[5] == "cut_off/field 1_cell_5.png"
    assert all((one == two).all() for one, two in zip(cells, reviewed.fields[0].field.cells, strict=True))


def test_fields_of_one_name_stay_apart(two):
    with ZipFile(BytesIO(export("crops", two)[1])) as archive:
        assert len(set(archive.namelist())) == 16
    for kind in ("marked", "json", "geojson", "rois"):
        ending, data = export(kind, two)
        with ZipFile(BytesIO(data)) as archive:
            assert archive.namelist() == [f"field 1{EXPORTS[kind].ending}", f"field 1-2{EXPORTS[kind].ending}"]
        assert ending == f"_{kind}.zip"


def pdf_text(data):
    """The characters that a PDF of matplotlib draws: its fonts are subsets whose codes stay those of the characters."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL)
    drawn = []
    for stream in streams:
        try:
            drawn.append(zlib.decompress(stream))
        except zlib.error:
            continue
    lines = re.findall(rb"\((.*?)(?<!\\)\) Tj|\[(.*?)\] TJ", b"\n".join(drawn), re.DOTALL)
    words = [one or b"".join(re.findall(rb"\((.*?)(?<!\\)\)", several)) for one, several in lines]
    return b"\n".join(words).decode("latin-1")


def test_the_pdf_holds_the_count_the_suspects_and_the_notice(reviewed):
    data = export("pdf", reviewed)[1]
    text = pdf_text(data)
    for words in (
        "2 of 5 cells to look at",
        "clump 1, not a red cell 1",
        "1 infected of 4 cells: 25",
        "5,000,000 red cells per",
        "1. cell 0 of",
        "read by a person: Parasitized",
        "likelihood 90",
        NOTICE,
    ):
        assert words in text, words
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") == 2 and b"CreationDate" not in data


def test_words_of_the_pdf_stay_apart_and_between_the_margins(reviewed):
    (field,) = reviewed.fields
    long = replace(field, file="a field " * 20 + ".png")
    for figure in draw_pages(replace(reviewed, fields=(long,) * 40)):
        figure.draw_without_rendering()
        boxes = [text.get_window_extent() for text in figure.texts]
        left, right = figure.bbox.x1 * LEFT - 1, figure.bbox.x1 * RIGHT + 1
        assert all(box.x0 >= left and box.x1 <= right and box.y0 >= 0 for box in boxes)
        for i, box in enumerate(boxes):
            assert not any(box.padded(6, 0).overlaps(other) for other in boxes[i + 1 :])  # a millimetre


def test_suspects_of_all_fields_are_ranked_together(two):
    shown = suspects(two)
    assert [(one.entry.file[0], one.cell) for one in shown] == [("a", 0), ("b", 0), ("a", 2), ("b", 2)]
    many = replace(two, fields=two.fields * 10)
    pages = -(-len(suspects(many)) // (COLUMNS * ROWS))
    assert pages == 2 and "Suspects 36 to 40 of 40" in pdf_text(export("pdf", many)[1])


@pytest.mark.parametrize("kind", EXPORTS)
def test_every_export_bears_the_notice_and_is_the_same_each_time(kind, reviewed, tmp_path):
    first, again = (save(kind, reviewed, tmp_path / name) for name in ("one", "two") if not (tmp_path / name).mkdir())
    assert first.name == f"field 1{EXPORTS[kind].ending}"
    data = first.read_bytes()
    if kind not in ("json", "pdf"):  # which say when they were made
        assert data == again.read_bytes()
    if kind == "pdf":
        assert NOTICE in pdf_text(data)
    else:
        assert NOTICE.encode() in data


def test_names_that_no_disk_takes_are_changed(reviewed, tmp_path):
    bad = replace(reviewed, name="../a:b", fields=reviewed.fields * 2)
    assert save("cells", bad, tmp_path).name == "_a_b_cells.csv"


def test_a_name_is_no_formula(smear, entry):
    (cell, *_) = rows("cells", replace(smear, fields=(replace(entry, file="=1+1.png"),)))
    assert cell["file"] == "'=1+1.png"
