"""python -m jdm_core as its users run it: JSON lines, report folders, resuming, bad files among good ones."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jdm_core import Explainer
from jdm_core.cli import _parser, main
from jdm_core.report.report import NOTICE, PICTURES, write_report
from tests.support.one_cell import QUICKLY, explain_quickly
from tests.support.warm_python import warm_python

FIELDS = {
    "file",
    "label",
    "probabilities",
    "elbo",
    "elbo_difference",
    "elbo_difference_standard_error",
    "posterior",
}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Edits and reports are looked at elsewhere: here, what becomes of them."""
    explain_quickly(monkeypatch.setattr)


@pytest.fixture
def bad_files(tmp_path):
    empty, text = tmp_path / "leer.png", tmp_path / "größe.png"
    empty.touch()
    text.write_text("no image")
    return [empty, text]


def run(*arguments):
    return subprocess.run(
        [warm_python(), "-m", "jdm_core", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_predict_prints_one_object_a_line_and_names_bad_files(cell_files, bad_files):
    done = run("predict", cell_files[0], *bad_files, cell_files[1], "missing.png", "--json", "--draws", "4")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["file"] for line in lines] == [str(path) for path in cell_files[:2]]
    for line in lines:
        assert line.keys() >= FIELDS
        assert sum(line["probabilities"].values()) == pytest.approx(1, abs=1e-4)
        assert line["elbo"]["Parasitized"] - line["elbo"]["Uninfected"] == pytest.approx(
            line["elbo_difference"], abs=0.1
        )
    errors = done.stderr.splitlines()
    assert len(errors) == 3
    for error, name in zip(errors, ("leer.png", "größe.png", "missing.png"), strict=True):
        assert name in error


def test_predict_equals_the_library(explainer, cell_files, capsys):
    assert main(["predict", str(cell_files[0]), "--json", "--draws", "4", "--seed", "2"]) == 0
    line = json.loads(capsys.readouterr().out)
    result = explainer.elbo(cell_files[0], draws=4, seed=2)
    assert line["elbo"]["Parasitized"] == pytest.approx(float(result.elbo[0, 0]), rel=1e-5)
    assert line["elbo_difference_standard_error"] == pytest.approx(float(result.difference_standard_error[0]), rel=1e-3)


def test_files_in_matched_colours_are_one_batch(explainer, cell_files, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("jdm_core.cli.inputs.BATCH", 2)
    cells = []
    for i, path in enumerate(cell_files[:3]):
        with Image.open(path) as picture:
            cells.append((np.asarray(picture.convert("RGB")) * [0.5, 0.6, 0.8]).round().astype(np.uint8))
        Image.fromarray(cells[-1]).save(tmp_path / f"{i}.png")
    (tmp_path / "broken.png").write_text("no image")
    assert main(["predict", str(tmp_path), "--json", "--draws", "4", "--colours", "matched"]) == 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = explainer.predict(cells, colours="matched").probabilities
    told = [list(line["probabilities"].values()) for line in lines]
    np.testing.assert_allclose(told, expected, atol=1e-4)
    assert np.abs(expected - explainer.predict(cells, "as given").probabilities).max() > 1e-3
    assert {line["colours"] for line in lines} == {"matched"} and len(lines[0]["matched_from"]["density"]) == 3
    assert main(["predict", str(tmp_path / "0.png"), str(cell_files[0]), "--json", "--draws", "4"]) == 0
    dark, usual = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert dark["colours"] == "matched", "as needed: by itself"
    assert tuple(dark["matched_from"]["density"]) == explainer.measure_colours(cells[0]).density
    assert usual["colours"] == "as given" and "matched_from" not in usual


def test_predict_in_words(cell_files, capsys):
    assert main(["predict", str(cell_files[0]), "--draws", "4"]) == 0
    assert "nats" in capsys.readouterr().out


@pytest.mark.slow
def test_explain_writes_reports_and_resumes(explainer, cell_files, bad_files, tmp_path, capsys, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "deep").mkdir(parents=True)
    for i, path in enumerate(cell_files[:2]):
        Image.open(path).save(folder / ("deep" if i else "") / "cell.png")
    Image.open(cell_files[2]).save(folder / "cell.bmp")
    arguments = ["explain", str(folder), str(bad_files[1]), "--out", str(out), "--draws", "4"]
    with monkeypatch.context() as patch:
        patch.setattr("jdm_core.cli.explain.write_report", write_report)
        assert main(arguments) == 1
    assert "größe.png" in capsys.readouterr().err

    reports = sorted(out.rglob("*.json"))
    # cell.bmp comes before cell.png, so the second of the two keeps its ending to stay apart.
    assert [path.relative_to(out).as_posix() for path in reports] == ["cell.json", "cell.png.json", "deep/cell.json"]
    for path in reports:
        report = json.loads(path.read_text())
        assert report.keys() >= FIELDS
        assert report["notice"] == NOTICE
        assert report["model"]["sha256"] == explainer.sha256
        assert report["counterfactual"]["target"] != report["label"]
        assert path.with_suffix(".pdf").is_file() and path.with_name(f"{path.stem}_sheet.png").is_file()
        for name in PICTURES:
            with Image.open(path.with_name(f"{path.stem}_{name}.png")) as picture:
                assert picture.info["Comment"] == NOTICE
                assert np.asarray(picture).std() > 5
    with (out / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    assert [bool(row["error"]) for row in rows] == [False, False, False, True]
    assert all((out / row["report"]).is_file() for row in rows[:3])

    times = {path: path.stat().st_mtime_ns for path in reports}
    reports[0].unlink()
    monkeypatch.setattr("jdm_core.cli.inputs.BATCH", 2)
    assert main(arguments) == 1
    again = {path: path.stat().st_mtime_ns for path in reports}
    assert [again[path] != times[path] for path in reports] == [True, False, False]
    assert main([*arguments, "--overwrite"]) == 1
    assert all(path.stat().st_mtime_ns != again[path] for path in reports)


@pytest.mark.slow
def test_two_runs_on_one_folder_at_once_both_succeed(cell_files, tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    for i, path in enumerate(cell_files[:2]):
        Image.open(path).save(folder / f"{i}.png")
    # Both begin to write at one moment, so that they meet at every file.
    program = (
        f"import sys, time; from pathlib import Path\n{QUICKLY}\n"
        "from jdm_core import cli; from jdm_core.cli import explain as command\n"
        "write = command._explain_batch\n"
        "def together(*arguments):\n"
        "    Path(sys.argv[-1]).touch()\n"
        f"    while len(list(Path({str(tmp_path)!r}).glob('*.ready'))) < 2: time.sleep(0.01)\n"
        "    yield from write(*arguments)\n"
        "command._explain_batch = together\n"
        "sys.exit(cli.main(sys.argv[1:-1]))"
    )
    arguments = ["explain", str(folder), "--out", str(out), "--draws", "3", "--overwrite", "--device", "cpu"]
    runs = [
        subprocess.Popen(
            [warm_python(), "-c", program, *arguments, str(tmp_path / f"{i}.ready")],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for i in range(2)
    ]
    errors = [run.communicate(timeout=300)[1] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], errors
    assert len(list(out.glob("*.json"))) == 2
    assert not list(out.rglob(".*"))
    with (out / "index.csv").open(encoding="utf-8") as file:
        assert [row["error"] for row in csv.DictReader(file)] == [""] * 2


@pytest.mark.slow
def test_same_input_and_seed_give_the_same_report_but_for_the_time(cell_files, tmp_path):
    texts = []
    for name in ("a", "b"):
        assert main(["explain", str(cell_files[0]), "--out", str(tmp_path / name), "--draws", "4"]) == 0
        report = json.loads((tmp_path / name / f"{cell_files[0].stem}.json").read_text())
        assert report.pop("time")
        texts.append(report)
    assert texts[0] == texts[1]


@pytest.mark.slow
def test_other_settings_are_done_again(explainer, cell_files, tmp_path, monkeypatch):
    out, arguments = tmp_path / "out", ["explain", str(cell_files[0]), "--out", str(tmp_path / "out"), "--draws", "4"]
    path = out / f"{cell_files[0].stem}.json"
    assert main(arguments) == 0
    assert main([*arguments, "--seed", "5"]) == 0
    assert json.loads(path.read_text())["seed"] == 5
    label = json.loads(path.read_text())["label"]
    assert main([*arguments, "--target", label]) == 0
    assert json.loads(path.read_text())["counterfactual"]["target"] == label
    assert main(arguments) == 0  # no target is the other label, whatever an earlier run was asked for
    assert json.loads(path.read_text())["counterfactual"]["target"] != label
    written = path.stat().st_mtime_ns
    assert main(arguments) == 0
    assert path.stat().st_mtime_ns == written
    other = replace(explainer.checkpoint, thresholds=replace(explainer.checkpoint.thresholds, flip_head=0.95))
    load = Explainer.load

    def load_other(*arguments):
        loaded = load(*arguments)
        loaded.checkpoint = other
        return loaded

    monkeypatch.setattr(Explainer, "load", load_other)
    assert main(arguments) == 0
    assert json.loads(path.read_text())["thresholds"]["flip_head"] == 0.95


@pytest.mark.slow
def test_reports_beside_the_images_are_not_explained(cell_files, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.open(cell_files[0]).save(folder / "cell.png")
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(folder / "my_original.png")  # of no report
    for out in (folder, folder / "reports"):
        for _ in range(2):
            assert main(["explain", str(folder), "--out", str(out), "--draws", "4"]) == 0
            with (out / "index.csv").open(encoding="utf-8") as file:
                assert [row["file"] for row in csv.DictReader(file)] == ["cell.png", "my_original.png"]


@pytest.mark.slow
def test_awkward_names_are_explained_and_told_apart(cell_files, tmp_path, capsys):
    folder, out = tmp_path / "in", tmp_path / "out"
    (folder / "sub").mkdir(parents=True)
    undecodable = os.fsdecode(b"a\xff.png")
    names = [undecodable, "c.png", "C.bmp", "sub/c.png", f"{'l' * 240}.png"]
    for name in names:
        Image.open(cell_files[0]).save(folder / name)
    assert main(["explain", str(folder), "--out", str(out), "--draws", "4"]) == 0
    with (out / "index.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert sorted(row["file"] for row in rows) == sorted(["a\\udcff.png", *names[1:]])
    assert len({row["report"].casefold() for row in rows}) == len(names)
    assert len(list(out.rglob("*.json"))) == len(names)
    predict = ["-m", "jdm_core", "predict", str(folder / undecodable), "--json", "--draws", "4"]
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *predict],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8:strict"},
        check=True,
    )
    assert json.loads(done.stdout)["file"].endswith("a\\udcff.png")
    assert b" jdm_core" in done.stderr and b"torch._dynamo" not in done.stderr  # a compiler: two seconds for nothing


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["predict", "x.png", "--checkpoint", "malaria-7"], "no checkpoint 'malaria-7'"),
        (["predict", "x.png", "--device", "warp"], "'warp' cannot be used"),
        (["explain", "x.png", "--out", "out", "--target", "Malaria"], "Parasitized"),
    ],
)
def test_wrong_options_are_one_clear_line(arguments, reason, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 1
    message = capsys.readouterr().err
    assert reason in message
    assert message.count("\n") == 1


def test_folder_without_images_says_so(tmp_path, capsys):
    assert main(["predict", str(tmp_path)]) == 1
    assert "folder without images" in capsys.readouterr().err


def test_an_error_shows_its_place_where_that_is_asked_for_or_is_the_programs_own(cell_files, monkeypatch, capsys):
    wrong = ["predict", str(cell_files[0]), "--device", "cpu", "--checkpoint", "none"]
    assert main(wrong) == 1
    told = capsys.readouterr().err
    assert told.startswith("error: ") and "none" in told and len(told.splitlines()) == 1
    assert main([*wrong, "--debug"]) == 1
    assert "Traceback" in capsys.readouterr().err
    monkeypatch.setattr(Explainer, "predict", lambda *_: np.zeros(3).reshape(2, 2))  # a fault of the program
    assert main(["predict", str(cell_files[0]), "--device", "cpu"]) == 1
    told = capsys.readouterr().err
    assert "Traceback" in told and "cannot reshape" in told and "damaged" not in told


def test_every_flag_has_help():
    parsers = next(action.choices for action in _parser()._actions if action.dest == "command")
    assert set(parsers) == {"predict", "explain", "field"}
    assert [action.dest for parser in parsers.values() for action in parser._actions if not action.help] == []
