"""What the commands tell a person: the page's verdicts, what was passed over, how far they are and what came of it."""

import csv
import json
import os
import subprocess
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jdm_core import Explainer
from jdm_core.cli import main
from jdm_core.report.words import ENGLISH, UNPROVEN, verdict_words
from tests.support.one_cell import EXPLAIN, explain_quickly
from tests.support.synthetic_fields import pasted_field
from tests.support.warm_python import warm_python
from web.parts.static import EXAMPLES


@pytest.fixture
def folder(cell_files, tmp_path):
    """A folder as it comes from a microscope's computer: a cell, a tiny one, what is none, and what is no picture."""
    place = tmp_path / "smear"
    place.mkdir()
    with Image.open(cell_files[0]) as cell:
        cell.convert("RGB").save(place / "cell.png")
        cell.convert("RGB").resize((20, 20)).save(place / "tiny.png")
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(place / "noise.png")
    (place / "phone.jpg").write_bytes(b"\0\0\0\x18ftypheic" + bytes(100))
    for name in ("Thumbs.db", "notes.txt", ".DS_Store"):
        (place / name).touch()
    return place


def test_predict_says_what_the_page_says(explainer, folder, capsys):
    assert main(["predict", str(folder), "--draws", "4", "--device", "cpu"]) == 1
    told = capsys.readouterr()
    cell, noise, tiny = told.out.splitlines()
    head, posterior = explainer.predict(folder / "cell.png").probabilities[0], explainer.elbo(folder / "cell.png", 4)
    label = explainer.labels[int(head.argmax())]
    page = verdict_words(label, explainer.labels, head.tolist(), posterior.posterior[0].tolist(), 0.0)
    assert page.title in cell and ENGLISH.percent(float(head.max())) in cell and "nats" in cell
    assert "does not look like a stained red cell" in noise and "%" not in noise and "nats" not in noise
    assert "Too few pixels for a verdict" in tiny and "%" not in tiny
    assert "export it as JPEG" in told.err and "2 passed over" in told.err


def test_predict_tells_that_a_picture_shows_several_cells(cell_files, tmp_path, capsys):
    field, cell = tmp_path / "field.png", tmp_path / "cell.png"
    Image.fromarray(pasted_field()).save(field)
    with Image.open(cell_files[0]) as one:
        one.convert("RGB").resize((200, 200)).save(cell)
    assert main(["predict", str(field), str(cell), "--draws", "3", "--device", "cpu"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 2
    assert told.err.count("shows several cells") == 1 and f"{field}: it shows several cells" in told.err
    assert main(["predict", str(field), "--as-given", "--draws", "3", "--device", "cpu"]) == 0
    assert "several cells" not in capsys.readouterr().err


def test_predict_says_unclear_where_the_page_does(explainer, cell_files, capsys, monkeypatch):
    careful = replace(explainer.checkpoint.thresholds, unsure_below=1.0)
    monkeypatch.setattr(explainer, "checkpoint", replace(explainer.checkpoint, thresholds=careful))
    monkeypatch.setattr(Explainer, "load", lambda *_: explainer)
    for file in cell_files[:2]:
        assert main(["predict", str(file), "--draws", "4"]) == 0
        line = capsys.readouterr().out
        assert ": Unclear. The classifier is not sure: " in line or ": The two verdicts disagree" in line
        assert main(["predict", str(file), "--draws", "4", "--json"]) == 0
        fields = json.loads(capsys.readouterr().out)
        assert fields["called"] is False and fields["verdict"] in ("unclear", "disagree")


@pytest.mark.slow
def test_explain_shows_its_progress_and_ends_with_a_summary(folder, tmp_path):
    out = tmp_path / "reports"
    terminal, end = os.openpty()  # that tells no size, as many in containers do
    with os.fdopen(terminal, "rb", buffering=0) as shown:
        done = subprocess.run(
            [warm_python(), "-c", EXPLAIN, "explain", str(folder), "--out", str(out), "--draws", "3"],
            stdout=subprocess.PIPE,
            stderr=end,
            text=True,
            check=False,
            env={key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")},
        )
        os.close(end)
        bar = b""
        while True:
            try:
                bar += (read := shown.read(65536))
            except OSError:  # the other end is closed
                break
            if not read:
                break
    assert done.returncode == 1 and b"Reports:" in bar and b"4/4" in bar
    lines = done.stdout.splitlines()
    assert lines[0].startswith("3 pictures: ") and "1 not a cell?" in lines[0] and "1 too small" in lines[0]
    assert any(line.startswith("1 not read") for line in lines) and any(line.startswith("2 passed") for line in lines)
    assert lines[-1] == f"Reports: {out}, listed in {out / 'index.csv'}"
    with (out / "index.csv").open(encoding="utf-8") as file:
        rows = {row["file"]: row for row in csv.DictReader(file)}
    assert rows["noise.png"]["verdict"] == "not a cell" and rows["noise.png"]["target"] == ""
    assert rows["tiny.png"]["verdict"] == "too small" and rows["cell.png"]["target"] != ""
    assert float(rows["cell.png"]["classifier_Parasitized"]) + float(
        rows["cell.png"]["classifier_Uninfected"]
    ) == pytest.approx(1)
    assert "counterfactual" not in json.loads((out / "noise.json").read_text())
    written = (out / "noise.json").stat().st_mtime_ns
    again = subprocess.run(
        [warm_python(), "-c", EXPLAIN, "explain", str(folder), "--out", str(out), "--draws", "3"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 done by an earlier run." in again.stdout and (out / "noise.json").stat().st_mtime_ns == written


@pytest.mark.slow
def test_explain_says_how_far_edits_of_another_stain_were_checked(tmp_path, monkeypatch, capsys):
    explain_quickly(monkeypatch.setattr)
    with Image.open(EXAMPLES / "uninfected-3.png") as cell:
        cell.convert("RGB").point(lambda value: 0.6 * value).save(tmp_path / "dim.png")  # as under a weak lamp
    assert main(["explain", str(tmp_path / "dim.png"), "--out", str(tmp_path / "out"), "--draws", "3"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("1 of another stain")]
    assert line.endswith(UNPROVEN)


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--draws", "2", "draws: 2 is not within 3 to 1024"),
        ("--draws", "100000", "draws: 100000 is not within 3 to 1024"),
        ("--seed", "-1", "seed: -1 is not within 0 to 2147483647"),
    ],
)
def test_numbers_out_of_range_are_told_with_the_range(option, value, words, cell_files, capsys):
    assert main(["predict", str(cell_files[0]), option, value]) == 1
    assert capsys.readouterr().err == f"error: {words}\n"
