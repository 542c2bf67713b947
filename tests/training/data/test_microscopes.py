"""Cells of other microscopes in each layout: what they are, framed, half for choosing, few of each."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.support.toy_microscopes import SMEARS, write_microscopes
from training.data.fields import part_of
from training.data.marks import box_mask
from training.data.members import DataError
from training.data.microscopes.boxed import BoxedSet
from training.data.microscopes.chula import read_chula
from training.data.microscopes.mpidb import read_mpidb, read_parasites
from training.data.microscopes.sample import Known, choose
from training.data.microscopes.uploads import read_uploads

MANY = 1000


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return write_microscopes(tmp_path_factory.mktemp("sets"))


def counts(sample):
    return Counter(known.role for known in sample.known)


def test_boxed_fields_give_cells_on_black_in_two_halves(sets):
    sample = BoxedSet("iml", "IML").read(sets / "iml_malaria", MANY, 0)
    assert counts(sample) == {"infected": 12, "healthy": 24}
    assert sample.left_out == {
        "healthy: black marks": 12,
        "healthy: marked twice": 12,
        "healthy: no whole cell found": 12,
    }
    assert all(cell.shape[2] == 3 and (cell[0, 0] == 0).all() for cell in sample.cells)
    for known in sample.known:
        assert (known.part == "report") == (part_of(known.field, 0.5) == "test")
        assert (known.kind, known.drawn) == ("ring" if known.role == "infected" else "red blood cell", True)
    assert {known.part for known in sample.known} == {"report", "developer"}


def test_whole_fields_are_of_one_part_and_those_with_infected_cells_come_first(sets, tmp_path):
    boxed, folder = BoxedSet("iml", "IML"), Path(shutil.copytree(sets / "iml_malaria", tmp_path / "iml"))
    every, two = boxed.read(folder, MANY, 0), boxed.read_whole(folder, "developer", 2, 0)
    fields = sorted({known.field for known in two.known})
    assert len(fields) == 2 and {known.part for known in two.known} == {"developer"}
    of_fields = [i for i, known in enumerate(every.known) if known.field in fields]
    assert [(known.field, known.kind) for known in two.known] == [
        (every.known[i].field, every.known[i].kind) for i in of_fields
    ]
    assert all((a == every.cells[i]).all() for a, i in zip(two.cells, of_fields, strict=True))
    annotations = folder / "annotations.json"
    entries = json.loads(annotations.read_text())
    for entry in entries:
        if entry["image_name"] != fields[1]:
            entry["objects"] = [marked for marked in entry["objects"] if marked["type"] != "ring"]
    annotations.write_text(json.dumps(entries))
    for seed in range(5):
        assert {known.field for known in boxed.read_whole(folder, "developer", 1, seed).known} == {fields[1]}


def test_cells_of_a_dark_stain_are_no_dirt(sets):
    dark = BoxedSet("bbbc041", "BBBC041", dark=True).read(sets / "microscopes/bbbc041", MANY, 0)
    bright = BoxedSet("bbbc041", "BBBC041").read(sets / "microscopes/bbbc041", MANY, 0)
    assert (counts(dark)["healthy"], counts(bright)["healthy"]) == (18, 12)


def test_white_cells_and_platelets_are_no_red_cells(sets):
    sample = BoxedSet("bccd", "BCCD").read(sets / "microscopes/bccd", MANY, 0)
    assert counts(sample) == {"healthy": 12, "no red cell": 6}
    assert {known.kind for known in sample.known if known.role == "no red cell"} == {"leukocyte"}
    assert not any(known.drawn for known in sample.known if known.role == "no red cell")


def test_red_cells_are_drawn_without_a_look_at_their_label():
    known = [Known("infected" if i < 20 else "healthy", "", f"F{i}", "report") for i in range(220)]
    chosen = choose(known, 30, seed=3)
    assert Counter(facts.role for _, facts in chosen) == {"infected": 20, "healthy": 30}
    drawn = [facts for _, facts in chosen if facts.drawn]
    assert len(drawn) == 30 and 0 < sum(facts.role == "infected" for facts in drawn) < 15
    assert choose(known, 30, seed=3) == chosen != choose(known, 30, seed=4)


def test_what_is_photographed_alike_is_a_field(sets):
    for sample in (
        BoxedSet("iml", "IML").read(sets / "iml_malaria", MANY, 0),
        read_chula(sets / "microscopes/chula", MANY, 0),
    ):
        assert all(known.batch == known.field for known in sample.known)
        assert len({known.batch for known in sample.known}) > 1


def test_so_many_of_a_role_and_part_at_most(sets):
    sample = BoxedSet("iml", "IML").read(sets / "iml_malaria", 2, 0)
    assert all(
        len(sample.where(part, role)) <= 2 for part in ("report", "developer") for role in ("infected", "healthy")
    )
    assert len(sample.where("report", "infected")) == 2


def test_centres_give_whole_cells(sets):
    sample = read_chula(sets / "microscopes/chula", MANY, 0)
    assert counts(sample) == {"healthy": 18}
    assert all(min(cell.shape[:2]) >= 33 and max(cell.shape[:2]) <= 42 for cell in sample.cells)


def test_crops_know_smear_and_field_and_what_only_looks_infected(sets):
    sample = read_mpidb(sets / "microscopes/mpidb", MANY, 0)
    assert counts(sample) == {"infected": 8, "healthy": 8, "lookalike": 8}
    assert {known.smear for known in sample.known} == {known.batch for known in sample.known} == set(SMEARS)
    assert len({known.field for known in sample.known}) == 8
    assert all((cell[0, 0] == 0).all() for cell in sample.cells)
    with pytest.raises(DataError, match="cells: no crops in Parasitized"):
        read_mpidb(sets / "microscopes/chula", MANY, 0)


def test_parasites_lie_where_their_boxes_are_in_the_cell(sets):
    found = read_parasites(sets / "microscopes/mpidb")
    assert len(found) == 4  # of each smear two: one is cut off, one has a box burnt into it
    for pointed in found:
        height, width = pointed.cell.shape[:2]
        assert 120 < height < 160 and 120 < width < 160
        inside = box_mask(pointed.parasites, 64)
        rows, columns = (np.arange(64) * side // 64 for side in (height, width))
        green = pointed.cell[rows][:, columns, 1].astype(int)
        parasite = (green > 10) & (green < 80)
        assert parasite.sum() > 40 and (parasite & inside).sum() > 0.9 * parasite.sum()


def test_uploads_are_what_the_index_says(sets, tmp_path):
    sample = read_uploads(sets / "uploads")
    assert [(known.kind, known.role) for known in sample.known] == [
        ("infected (P. vivax ring)", "infected"),
        ("uninfected", "healthy"),
        ("leukocyte", "no red cell"),
    ]
    assert [reason.split(" (")[0] for reason in sample.left_out] == ["no red cell: unreadable"]
    with pytest.raises(DataError, match=r"index\.csv: No such file"):
        read_uploads(tmp_path)
    (tmp_path / "index.csv").write_text("file,size,true_label\ngone.png,60x60,infected\n")
    with pytest.raises(DataError, match=r"gone\.png: no such file, though index\.csv names it"):
        read_uploads(tmp_path)
    (tmp_path / "index.csv").write_text("file,size,true_label\ngone.png,large,infected\n")
    with pytest.raises(DataError, match="not an index of pictures"):
        read_uploads(tmp_path)
