"""The study of whole fields: what is matched with what, how many cells are looked at, counts, and a page of its own."""

import json

import numpy as np
import pytest
from PIL import Image

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import MANIFEST
from jdm_core.checkpoint.reading import Reading
from jdm_core.field.found import CLUMP, CUT_OFF, READ, Found
from tests.support.synthetic_fields import EXAMPLES, GROUND, LABELS, circle, paste
from tests.support.toy_fields import box_of
from training.data.microscopes.sample import part_of_field
from training.studies.field.figures import counting_figures, counting_summary, finding_figures, looking_figures
from training.studies.field.marked import Marked, read_marked
from training.studies.field.matching import match
from training.studies.field.readings import Read, read_all
from training.studies.field.study import Fields
from training.studies.study import Inputs

NAMES = ("PA1001.png", "PA1002.png", "PA2031.png", "PA2032.png", "PA3055.png")


def found_of(*things, size=(200, 300)):
    """Discs (x, y, radius, status) as they were found."""
    outlines = [circle(x, y, radius) for x, y, radius, _ in things]
    boxes = np.array([(*o.min(axis=0), *np.ptp(o, axis=0)) for o in outlines], np.float32)
    status = np.array([status for *_, status in things], dtype="<U16")
    return Found(size, boxes, outlines, status, [np.zeros((4, 4, 3), np.uint8)] * len(things), 40.0)


def marked_of(*boxes, smear="s", part="report"):
    """Boxes (x, y, radius, red, infected) of a field."""
    corners = np.array([(x - r, y - r, 2 * r, 2 * r) for x, y, r, *_ in boxes], float)
    flags = np.array([box[3:] for box in boxes], bool).reshape(-1, 2)
    return Marked(None, corners, flags[:, 0], flags[:, 1], smear, part)


def test_boxes_are_met_by_what_reads_them_and_borders_and_clumps_stand_apart():
    found = found_of(
        (50, 50, 20, READ), (120, 50, 20, READ), (5, 100, 20, CUT_OFF), (200, 100, 40, CLUMP), (280, 20, 9, READ)
    )
    marked = marked_of(
        (52, 48, 20, True, True),
        (150, 50, 20, True, False),
        (5, 100, 20, True, False),
        (200, 110, 20, True, True),
        (120, 52, 21, False, False),
    )
    said = match(found, marked, "cells")
    assert said.met.tolist() == [0, -1, -1, -1, 1]
    assert said.counted.tolist() == [
        True,
        True,
        False,
        True,
        False,
    ]  # the third touches the border, the last is no red cell
    assert said.clumped.tolist() == [False, False, False, True, False]
    assert said.known.tolist() == [True, False, False, False, False]  # what is no red cell makes nothing known
    assert said.infected.tolist() == [True, False, False, False, False]
    assert said.whole.tolist() == [True, True, False, False, True]


def test_parasites_are_met_by_the_outline_that_holds_their_middle():
    found = found_of((50, 50, 20, READ), (150, 50, 20, READ), (290, 50, 20, CUT_OFF))
    marked = marked_of(
        (60, 55, 4, True, True), (100, 50, 4, True, True), (292, 50, 4, True, True), (67, 67, 4, True, True)
    )
    said = match(found, marked, "parasites")
    assert said.met.tolist() == [0, -1, -1, -1]  # the last lies in the box, and not in the disc
    assert said.counted.tolist() == [True, True, False, True]
    assert said.infected.tolist() == [True, False, False]


class _Record:
    """Of a field, what the figures read."""

    def __init__(self, found, suspicious):
        self.found, self.status, self.trouble = found, found.status, ""
        self.suspicious = np.array(suspicious, bool)


def read_of(scores, infected, suspicious, smear="s"):
    n = len(scores)
    found = found_of(*[(30 + 40 * i, 50, 15, READ) for i in range(n)], size=(100, 60 + 40 * n))
    boxes = [(30 + 40 * i, 50, 15, True, bool(flag)) for i, flag in enumerate(infected)]
    marked = marked_of(*boxes, smear=smear)
    said = match(found, marked, "cells")
    ranked = {"PlasmoLens": np.array(scores, float), "at random": -np.array(scores, float)}
    return Read(marked, _Record(found, suspicious), said, ranked, np.array(infected, bool), 0.1, 0.2)


def test_looks_are_counted_in_one_order_of_all_fields():
    reads = [read_of([5, 1, 0], [True, False, False], [1, 0, 0]), read_of([4, 3, 2], [False, True, False], [1, 1, 0])]
    own, other = looking_figures("x", "X", "report", reads)
    assert own["looks"] == {"0.95": 3, "1.0": 3} and (own["suspicious"], own["infected_suspicious"]) == (3, 2)
    assert other["looks"]["1.0"] == 6 and own["aim"] == 2 * 2 + 2 * 2
    assert looking_figures("x", "X", "report", [read_of([1, 2], [False, False], [0, 0])]) == []


def test_finding_is_a_share_of_what_was_marked(few_resamples):
    row = finding_figures("x", "X", "report", [read_of([1, 2, 3], [True, False, False], [0, 0, 0])] * 3, 0)
    assert (row["marked"], row["recall"], row["infected"], row["infected_recall"]) == (9, 1.0, 3, 1.0)
    assert row["recall_interval"][0] == pytest.approx(0.6637, abs=1e-3)  # exact: 9 of 9
    assert row["marked_of_found"] == 1.0 and row["read"] == 9


def test_counts_of_smears_are_corrected_and_reviewed():
    sure = Reading(0.99, 0.0, 0.999, 0.0, 10, 10)
    one = read_of(range(20), [True] * 4 + [False] * 16, [1] * 4 + [0] * 16, smear="a")
    none = read_of(range(20), [False] * 20, [0] * 20, smear="b")
    rows = counting_figures("x", "X", [one, one, none], sure)
    a, b = rows
    assert (a["cells"], a["infected"], a["suspicious"]) == (40, 8, 8)
    assert a["reviewed_share"] == pytest.approx(0.2) and a["machine_share"] == pytest.approx(0.201, abs=0.003)
    assert b["machine_share"] == 0 and b["machine_low"] == 0 < b["machine_high"]
    machine, reviewed = counting_summary(rows)
    assert (machine["near"], machine["with_infected"], machine["held"], machine["smears"]) == (1, 1, 2, 2)
    assert reviewed["bias"] == 0


@pytest.fixture(scope="module")
def microscopes(tmp_path_factory):
    """A set in IML's layout: fields of four generated cells each, the boxes of which are known."""
    folder = tmp_path_factory.mktemp("microscopes")
    (folder / "iml_malaria/fields").mkdir(parents=True)
    entries = []
    for seed, name in enumerate(NAMES):
        pixels, marks = np.full((260, 360, 3), GROUND, float), []
        for i, (x, y) in enumerate([(30, 30), (150, 30), (250, 30), (30, 150), (150, 150), (255, 155)]):
            path = EXAMPLES[(i + seed) % len(EXAMPLES)]
            paste(pixels, path, x, y, turns=i % 4)
            kind = "ring" if path.stem.startswith("parasitized") else "red blood cell"
            marks.append(box_of(kind, x + 42, y + 42, 42))
        noise = np.random.default_rng(seed).normal(0, 2, pixels.shape)
        Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8)).save(folder / "iml_malaria/fields" / name)
        entries.append({"image_name": name, "objects": marks})
    (folder / "iml_malaria/annotations.json").write_text(json.dumps(entries))
    return folder


def test_sets_that_are_not_there_are_told(microscopes):
    sets, missing = read_marked(microscopes, 3, 0)
    assert [one.name for one in sets] == ["iml"] and len(missing) == 4
    parts = [part_of_field(field.path.name) for field in sets[0].fields]
    assert parts == [field.part for field in sets[0].fields] and max(parts.count(p) for p in set(parts)) <= 3
    smears = {field.path.stem: field.smear for field in read_marked(microscopes, 9, 0)[0][0].fields}
    assert smears["PA1001"] == smears["PA1002"] != smears["PA2031"]


@pytest.mark.slow
def test_the_shipped_network_reads_the_fields_and_a_page_is_made(microscopes, tmp_path, few_resamples):
    inputs = Inputs({"microscopes": microscopes}, tmp_path, "malaria-64", MANIFEST, "cpu")
    findings = Fields(fields=1, draws=3, sheet=1).measure(inputs)
    row = findings.measured["finding"][0]
    assert row["recall"] >= 0.8 and row["infected"] >= 2 and row["infected_recall"] >= 0.5
    assert {row["reader"] for row in findings.measured["looking"]} == {"PlasmoLens", "colour alone", "at random"}
    assert any("Found" in table.title for table in findings.tables)
    assert Image.open(tmp_path / "fields.png").size[0] == 1800
    assert all(table.markdown() for table in Fields().tables(findings.measured))


@pytest.mark.slow
def test_readers_score_the_same_cells(microscopes):
    sets, _ = read_marked(microscopes, 1, 0)
    (read, *_) = read_all(sets, Explainer.load(device="cpu"), None, 3, 0)["iml"]
    assert read.field.labels == LABELS
    assert {len(scores) for scores in read.scores.values()} == {len(read.infected)} == {len(read.field.order)}
