"""A blinded second look at labels: what is drawn, what is told of it, and what the annotator gets to see."""

import csv

import numpy as np
import pytest
import torch
from PIL import Image

from tests.support.toy import TINY_OPTIONS
from training.cli import main
from training.data.cells import Cells
from training.data.marks import find_marks
from training.data.members import DataError
from training.studies.second_look import (
    ANSWERS,
    COLUMNS,
    Readings,
    SecondLook,
    draw_looks,
    read_looks,
    summarise_looks,
    write_looks,
)
from training.studies.study import Inputs
from training.studies.verdicts import count_agreeing

pytestmark = pytest.mark.train

LABELS = ("Parasitized", "Uninfected")


@pytest.fixture(autouse=True)
def few(few_resamples):
    """All of them with few samples."""


def make_readings(labels, agreeing, verdicts):
    """Cells of three slides, of whose labels the first `agreeing` verdicts are sure and the others not at all."""
    cells = Cells(
        torch.zeros(len(labels), 3, 4, 4, dtype=torch.uint8),
        torch.as_tensor(labels),
        [f"slide {i % 3}" for i in range(len(labels))],
        [f"cell {i}" for i in range(len(labels))],
    )
    own = np.eye(2)[labels]
    read = {f"verdict {j}": np.where(np.array(agreeing)[:, None] > j, own, 1 - own) for j in range(verdicts)}
    return Readings(cells, read)


def test_verdicts_that_give_the_label_are_counted():
    p = np.array([[[0.9, 0.1], [0.2, 0.8]], [[0.1, 0.9], [0.2, 0.8]], [[0.9, 0.1], [0.8, 0.2]]])
    assert count_agreeing(p, np.array([0, 0, 0])).tolist() == [1, 0, 2]


def test_as_many_that_all_give_as_that_none_gives():
    agreeing = ([0] * 10 + [1] * 10 + [3] * 20) + ([0] * 3 + [2] * 7 + [3] * 30)
    readings = make_readings([0] * 40 + [1] * 40, agreeing, 3)
    assert readings.agreeing.tolist() == agreeing
    looks = draw_looks(readings, 5, seed=0)
    drawn = [int(name.split()[1]) for name in looks]
    kinds = [(int(readings.cells.labels[i]), agreeing[i]) for i in drawn]
    assert {kind: kinds.count(kind) for kind in kinds} == {(0, 0): 5, (0, 3): 5, (1, 0): 3, (1, 3): 3}
    assert kinds != sorted(kinds)  # the order says nothing
    assert set(looks.values()) == {""}
    assert draw_looks(readings, 5, seed=0) == looks != draw_looks(readings, 5, seed=1)


def test_shares_of_what_was_seen():
    readings = make_readings([0, 0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 2, 2, 1], 2)
    looks = {"cell 4": "yes", "cell 0": "no", "cell 1": "no", "cell 2": "unsure", "cell 5": "no"}
    figures = summarise_looks(looks, readings, LABELS)
    assert (figures["n"], figures["cells"]) == (5, 7)
    missed, given, healthy = figures["rows"]
    assert (missed["label"], missed["verdicts"], missed["cells"], missed["n"], missed["slides"]) == (
        "Parasitized",
        0,
        4,
        3,
        3,
    )
    assert [missed[seen] for seen in ANSWERS] == [0, pytest.approx(1 / 3, abs=1e-4), pytest.approx(2 / 3, abs=1e-4)]
    assert (given["verdicts"], given["cells"], given["n"], given["yes"]) == (2, 1, 1, 1)
    assert (healthy["label"], healthy["verdicts"], healthy["n"], healthy["no"]) == ("Uninfected", 2, 1, 1)


def test_verdicts_without_the_labels_that_the_eye_contradicts():
    readings = make_readings([0, 0, 0, 0, 1, 1], [0, 0, 1, 1, 0, 1], 1)
    looks = {"cell 0": "no", "cell 1": "unsure", "cell 2": "yes", "cell 4": "yes", "cell 5": "no"}
    figures = summarise_looks(looks, readings, LABELS)
    assert figures["contradicted"] == 2  # infected and not seen so, healthy and seen infected
    of_verdict = figures["verdicts"]["verdict 0"]
    assert [of_verdict[part]["accuracy"] for part in ("all", "others")] == [0.5, 0.75]
    assert [of_verdict[part]["auroc"] for part in ("all", "others")] == [0.5, pytest.approx(5 / 6, abs=1e-4)]


def test_looks_at_other_cells_or_none_are_refused():
    readings = make_readings([0, 1], [1, 1], 1)
    with pytest.raises(DataError, match="1 of the files looked at are not among the cells, the first cell 9"):
        summarise_looks({"cell 9": "no"}, readings, LABELS)
    with pytest.raises(DataError, match="nobody has looked at 1 of 2 files, the first cell 1"):
        summarise_looks({"cell 0": "no", "cell 1": ""}, readings, LABELS)


def test_looks_survive_their_file(tmp_path):
    looks, path = {"b/C1thin, 1.png": "yes", "a/C2thin_2.png": ""}, tmp_path / "new" / "looks.csv"
    write_looks(path, looks)
    assert read_looks(path) == looks
    assert path.read_text().splitlines()[2] == "a/C2thin_2.png,C2,"
    assert list(read_looks(path)) == list(looks)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("file,seen\n", "the first line is not file,slide,seen"),
        ("file,slide,seen\na,s,maybe\n", "line 2: 'maybe' is none of yes, unsure, no"),
        ("file,slide,seen\na,s\n", "line 2: None is none of"),
        ("file,slide,seen\na,s,no\na,s,yes\n", "line 3: a stands there twice"),
    ],
)
def test_a_bad_file_names_line_and_reason(tmp_path, lines, reason):
    path = tmp_path / "looks.csv"
    path.write_text(lines)
    with pytest.raises(DataError, match=reason) as error:
        read_looks(path)
    assert str(path) in str(error.value)


def test_bundled_looks_are_whole():
    looks = read_looks(find_marks("second-look.csv"))
    assert len(looks) > 100 and set(looks.values()) == set(ANSWERS)


def test_from_sheets_to_a_table(trained, tmp_path, monkeypatch, capsys):
    judge = tmp_path / "judge.safetensors"
    data = ["--data", str(trained / "cells.zip"), "--device", "cpu"]
    classifier = ["classifier", "--architecture", "encoder", "--out", str(judge), "--images", "16"]
    assert main([*classifier, *data, *TINY_OPTIONS]) == 0
    # Hardly trained networks agree on anything: for the test, none gives the label of every third cell.
    monkeypatch.setattr(
        "training.studies.second_look.count_agreeing",
        lambda p, labels: np.where(np.arange(len(labels)) % 3 == 0, 0, p.shape[1]),
    )
    looks, folder, manifest = tmp_path / "looks.csv", tmp_path / "sheets", trained / "manifest.json"
    command = [
        "looks",
        "--checkpoint",
        "toy",
        "--manifest",
        str(manifest),
        *data,
        "--judge",
        str(judge),
        "--looks",
        str(looks),
        "--sheets",
        str(folder),
        "--cells",
        "3",
    ]
    assert main(command) == 0
    rows = list(csv.reader(looks.open(encoding="utf-8")))
    assert tuple(rows[0]) == COLUMNS and {row[2] for row in rows[1:]} == {""}
    (sheet,) = folder.iterdir()
    with Image.open(sheet) as picture:
        assert np.asarray(picture)[16:].std() > 20
    assert "whether a parasite is seen" in capsys.readouterr().out

    inputs = Inputs({"cells": trained / "cells.zip"}, tmp_path, "toy", manifest, "cpu", judge=judge)
    study = SecondLook(large="toy", small="toy", looks=str(looks))
    with pytest.raises(DataError, match=f"nobody has looked at {len(rows) - 1} of {len(rows) - 1} files"):
        study.measure(inputs)
    assert main(command) == 1
    assert f"{looks}: is there already" in capsys.readouterr().err

    filled = {row[0]: "yes" if "Parasitized" in row[0] else "no" for row in rows[1:]}
    write_looks(looks, filled)
    found = study.measure(inputs)
    assert [(row["label"], row["verdicts"], row["yes"]) for row in found.measured["rows"]] == [
        ("Parasitized", 0, 1),
        ("Parasitized", 3, 1),
        ("Uninfected", 0, 0),
        ("Uninfected", 3, 0),
    ]
    seen, verdicts = found.tables
    assert seen.columns[:5] == ("label", "read so by", "cells", "looked at", "parasite seen: yes")
    assert [row[1] for row in seen.rows] == ["none of 3", "all of 3"] * 2
    assert 0 < seen.rows[0][4].low < seen.rows[0][4].high == 1  # all alike, and yet not certain
    assert [row[0] for row in verdicts.rows] == ["head", "toy: head", "judge"]
