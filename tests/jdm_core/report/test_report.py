"""The report of one cell: the sheet as PNG and PDF, the JSON, and names of files that mean no good."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from jdm_core.explain.edit import Strength
from jdm_core.images.find import find_cell
from jdm_core.report.paper import LEFT, MONO, RIGHT, printable
from jdm_core.report.report import NOTICE, Explanation, panels, pictures, report_json, write_report
from jdm_core.report.sheet import draw_sheet, save_sheet
from jdm_core.report.words import ENGLISH, UNPROVEN
from web.words import sentences
from web.words.language import CODES, say_in

NAMES = [
    r"$\alpha$ and $ alone.png",
    "two\nlines\x00\x1b[31m.png",
    "turned\u202egnp.exe",
    "细胞 клетка κύτταρο.png",
    "W" * 300 + ".png",
    "<script>alert(1)</script>.png",
]
STRANGE = {
    "verdict": "not a cell",
    "label": "Parasitized",
    "posterior": {"Parasitized": 0.1, "Uninfected": 0.9},
    "familiar": False,
    "kind": "not a red cell",
}
NOTE = "One cell was found on a bright background and put on black."
FINDING = SimpleNamespace(status="cut out", note=NOTE, count=1, reduced_from=None)


@pytest.fixture(scope="module")
def explanation(explainer, cells) -> Explanation:
    cell = cells[0]
    edit = explainer.counterfactual(cell, strength=Strength(2, 1.0))
    return Explanation("cell.png", cell, 0, explainer.predict(cell), explainer.elbo(cell, 3), edit)


@pytest.fixture(scope="module")
def drawn(explainer, explanation):
    return panels(explainer, explanation, pictures(explainer, explanation))


@pytest.fixture(scope="module")
def report(explainer, explanation):
    return report_json(explainer, replace(explanation, finding=FINDING, file_sha256="ab" * 32), seed=7)


def words(figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def test_every_file_of_a_report(explainer, explanation, tmp_path):
    report = write_report(explainer, explanation, tmp_path / "cell", seed=0)
    names = {path.name for path in tmp_path.iterdir()}
    pictures = {f"cell_{name}.png" for name in ("original", "evidence", "counterfactual", "difference", "sheet")}
    assert names == pictures | {"cell.pdf", "cell.json"}
    assert json.loads((tmp_path / "cell.json").read_text()) == report
    with Image.open(tmp_path / "cell_sheet.png") as sheet:
        assert sheet.height / sheet.width == pytest.approx(297 / 210, rel=0.01)
        assert sheet.text["Comment"] == NOTICE


def test_the_pdf_is_one_page_of_a4_with_its_fonts(drawn, report, tmp_path):
    report = report | {"time": "2001-02-03T04:05:06+00:00"}
    save_sheet(draw_sheet(drawn, report), report, tmp_path / "sheet.pdf", "pdf")
    pdf = (tmp_path / "sheet.pdf").read_bytes()
    assert len(re.findall(rb"/Type /Page\b", pdf)) == 1
    width, height = map(float, re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", pdf).groups())
    assert (width, height) == pytest.approx((595.28, 841.89), abs=0.1)
    fonts = set(re.findall(rb"/BaseFont /([\w-]+)", pdf))
    assert fonts and fonts == set(re.findall(rb"/FontName /([\w-]+)", pdf))  # each with its descriptor and outlines
    for expected in (NOTICE, report["model"]["sha256"], report["file"]):
        assert expected.encode() in pdf
    assert b"/CreationDate (D:20010203040506" in pdf


def test_the_sheet_says_what_it_is_of(drawn, report):
    shown = words(draw_sheet(drawn, report))
    everything = "\n".join(shown)
    assert sum(NOTICE in text for text in shown) >= 2
    digests = report["model"]["sha256"], report["input_sha256"], report["file_sha256"]
    for expected in (report["file"], *digests, NOTE, "Seed 7, 3 draws", report["software"]):
        assert expected in everything
    assert re.search(r"less Uninfected: [+−][\d\u202f]+ ± [\d\u202f]+ nats \(standard error\), 3 paired", everything)
    assert "Edit: seed 0, guidance 1, starting noise 16\u00a0%, attempt 1." in everything
    assert not re.search(r"region|single|start.time|passes|False|True|T\d\d:", everything)
    for explained in ("Evidence map: ", "ELBO: ", "Edit: part of the cell made anew"):
        assert explained in everything
    moment = words(draw_sheet(drawn, report | {"time": "2026-11-02T10:17:59+00:00"}))[-1]
    assert moment.endswith(", 2026-11-02 10:17 UTC")


@pytest.mark.parametrize("code", CODES)
def test_a_report_speaks_the_language_of_the_page_and_its_json_english(explainer, explanation, code, tmp_path):
    from matplotlib.figure import Figure

    say, spoken, drawn = say_in(code), [], Figure.savefig
    found = find_cell(np.full((60, 60, 3), 230, np.uint8))
    told = replace(explanation, finding=found, prediction=replace(explanation.prediction, kind=np.array(["other"])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", lambda figure, *a, **k: (spoken.append(words(figure)), drawn(figure, *a, **k)))
        values = write_report(explainer, told, tmp_path / "cell", 0, ("pdf",), say=say)
    (shown,) = spoken
    everything = "\n".join(shown).replace(values["file"], "")
    for words_of in (NOTICE, "Classifier", "PlasmoLens report", "Edit: classifier"):
        assert say(words_of) in shown and say(words_of) != words_of
    assert values["warning"][:20] not in everything and values["found_note"][:20] not in everything
    assert not re.search(r"\b(the|and|of|cell|draws|seed)\b", everything, re.IGNORECASE)
    assert values["notice"] == NOTICE and values["warning"].startswith("A red cell")


def test_what_speaks_against_a_verdict_is_on_the_sheet(explainer, drawn, report):
    _, _, _, title, detail, *others = words(draw_sheet(drawn, report | STRANGE))
    assert title == "This does not look like a stained red cell" and "%" not in detail
    assert any("Uninfected" in line for line in others)  # the figures come after it
    several = {"found": "several", "found_note": "3 cells."}
    assert words(draw_sheet(drawn, report | several))[5] == "3 cells."
    short = report["counterfactual"] | {"flipped": False, "probabilities": {"Parasitized": 0.34, "Uninfected": 0.66}}
    assert report["counterfactual"]["target"] == "Uninfected"
    shown = " ".join(words(draw_sheet(drawn, report | {"counterfactual": short})))
    needed = round(100 * explainer.checkpoint.thresholds.flip_head)
    assert f"Not convincing: the classifier gives 66\u00a0%, and {needed}\u00a0% is needed" in shown


@pytest.mark.parametrize(
    ("head", "posterior", "kind", "verdict", "title"),
    [
        (0.98, 0.9, "familiar", "Parasitized", "Parasitized 98\u00a0%"),
        (0.003, 0.1, "other", "Uninfected", "Uninfected >99\u00a0%"),
        (0.288, 0.192, "familiar", "unclear", "Unclear"),
        (0.71, 0.2, "familiar", "disagree", "The two verdicts disagree"),
        (0.97, 0.9, "not a red cell", "not a cell", "This does not look like a stained red cell"),
    ],
)
def test_the_sheet_and_the_page_say_the_same(explainer, explanation, drawn, head, posterior, kind, verdict, title):
    prediction = replace(explanation.prediction, probabilities=np.array([[head, 1 - head]]), kind=np.array([kind]))
    elbo = replace(explanation.elbo, posterior=np.array([[posterior, 1 - posterior]]))
    edit = replace(explanation.edit, flipped=np.array([True]))
    fields = report_json(explainer, replace(explanation, prediction=prediction, elbo=elbo, edit=edit), 0)
    cell = kind != "not a red cell"
    called = explainer.checkpoint.thresholds.unsure_below
    page = sentences.verdict(explainer.labels, [head, 1 - head], [posterior, 1 - posterior], called, cell)
    shown = words(draw_sheet(drawn, fields))
    assert (fields["kind"], fields["familiar"]) == (kind, kind == "familiar")
    assert ("not as in training" in " ".join(shown)) == ("warning" in fields) == (kind == "other")
    assert ("This edit works" in " ".join(shown)) == (UNPROVEN not in " ".join(shown)) == (kind == "familiar")
    assert fields["verdict"] == verdict and fields["label"] == ("Parasitized" if head > 0.5 else "Uninfected")
    assert shown[3] == page.title == title and " ".join(shown).count(page.detail)
    assert not re.search(r"\d\.\d[\u00a0 ]%|100[\u00a0 ]%", " ".join(shown))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("error")  # of glyphs that the font lacks
def test_a_file_name_is_one_line_of_plain_text(drawn, report, name, tmp_path):
    from matplotlib.font_manager import findfont, get_font

    figure = draw_sheet(drawn, report | {"file": name})
    save_sheet(figure, report | {"file": name}, tmp_path / "sheet.pdf", "pdf")
    (line,) = [line for line in figure.texts if line.get_text() == printable(name)]
    assert line.get_text().isprintable() and not line.get_parse_math()
    assert all(ord(c) in get_font(findfont(MONO)).get_charmap() for c in line.get_text())
    box = line.get_window_extent()
    assert box.x1 <= figure.bbox.x1 and box.height < 0.02 * figure.bbox.height


@pytest.mark.parametrize("code", ["en", *CODES])
def test_the_fullest_sheet_stays_apart_from_its_foot_and_between_its_margins(drawn, report, code):
    edit = report["counterfactual"] | {
        "flipped": False,
        "probabilities": {"Parasitized": 0.9, "Uninfected": 0.1},
        "posterior": {"Parasitized": 0.9, "Uninfected": 0.1},
    }
    full = (
        report
        | STRANGE
        | {
            "counterfactual": edit,
            "found": "several",
            "elbo_difference": 1e4,
            "elbo_difference_standard_error": 9.0,
            "found_note": "12 cells, none of them clearly the one that is meant: the whole picture "
            "is read as one cell.",
        }
    )
    figure = draw_sheet(drawn, full, say_in(code))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.texts]
    left, right = figure.bbox.x1 * LEFT - 1, figure.bbox.x1 * RIGHT + 1
    assert all(box.x0 >= left and box.x1 <= right and box.y0 >= 0 and box.y1 <= figure.bbox.y1 for box in boxes)
    *others, foot = boxes
    assert min(box.y0 for box in others) > foot.y1
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_maps_take_the_proportions_of_the_cell(explainer, explanation, report):
    wide = replace(explanation, cell=explanation.cell[: explanation.cell.shape[0] * 2 // 3], edit=None)
    drawn = panels(explainer, wide, pictures(explainer, wide))
    figure = draw_sheet(drawn, report_json(explainer, wide, 0))
    shapes = [axis.images[0].get_array().shape[:2] for axis in figure.axes if not axis.axison]
    ratio = wide.cell.shape[0] / wide.cell.shape[1]
    assert len(shapes) == 2 and len(set(shapes)) == 1
    assert shapes[0][0] / shapes[0][1] == pytest.approx(ratio, rel=0.01)


def test_colour_bars_state_what_takes_full_colour(explainer, explanation, drawn, report):
    evidence, change = (panel for panel in drawn if panel.bar)
    assert evidence.scale == explainer.draw.evidence_scale(explanation.elbo.evidence[0])
    # Twice the evidence takes full colour at twice the value; the picture is then the same.
    double = explainer.draw.evidence_scale(20 * explanation.elbo.evidence[0])
    assert double == pytest.approx(2 * explainer.draw.evidence_scale(10 * explanation.elbo.evidence[0]), rel=1e-4)
    assert change.scale >= 10 and "1/255" in change.bar
    bars = [axis for axis in draw_sheet(drawn, report).axes if axis.axison]
    assert bars[1].get_xticklabels()[2].get_text() == f"+{change.scale:.2g}"


def test_the_same_but_for_the_time(explainer, explanation, drawn, tmp_path):
    first, second = (report_json(explainer, explanation, 0) for _ in range(2))
    second["time"] = first["time"]
    assert first == second
    files = [tmp_path / f"{i}.{kind}" for kind in ("pdf", "png") for i in range(2)]
    for file in files:
        save_sheet(draw_sheet(drawn, first), first, file, file.suffix[1:])
    assert files[0].read_bytes() == files[1].read_bytes()
    assert files[2].read_bytes() == files[3].read_bytes()


def test_what_was_found_is_in_the_json(explainer, explanation):
    given = SimpleNamespace(status="as given", note="The picture is read as it is.", count=1, reduced_from=None)
    fields = report_json(explainer, replace(explanation, finding=given), 0)
    assert fields["found"] == "as given" and "found_note" not in fields and "file_sha256" not in fields
    fields = report_json(explainer, replace(explanation, finding=FINDING, file_sha256="cd"), 0)
    assert (fields["found"], fields["found_note"], fields["file_sha256"]) == ("cut out", NOTE, "cd")
    assert np.isfinite(fields["counterfactual"]["mean_absolute_change"])


@pytest.mark.parametrize(("share", "words"), [(0.0, "<1"), (4e-7, "<1"), (0.014, "1"), (0.5, "50"), (1.0, ">99")])
def test_no_percentage_is_certain(share, words):
    assert ENGLISH.percent(share) == f"{words}\u00a0%"
