"""python -m jdm_core field: a folder of fields in, a file a field and the tables out, with the network that ships."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from jdm_core import cli
from jdm_core.cli import field as command
from jdm_core.cli.smears import mixed_names
from jdm_core.report.field.entry import FieldEntry, Smear
from jdm_core.report.field.readings import dump_readings
from jdm_core.report.words import NOTICE
from tests.support.synthetic_fields import EXAMPLES, paste, pasted_field
from tests.support.warm_python import warm_python

OPTIONS = ("--device", "cpu", "--draws", "3")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
TAKES_TIME = ("seconds", "time")
# The second process is killed while it writes its second field.
KILLED = """
import os, signal, sys
from jdm_core import cli
from jdm_core.cli import field as command
original = command._write
def write(explainer, entry, *arguments):
    if entry.file == "f4.png":
        os.kill(os.getpid(), signal.SIGKILL)
    return original(explainer, entry, *arguments)
command._write = write
sys.exit(cli.main())
"""


def run(*arguments):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd(), "PYTHON_EXEC": warm_python()}
    return subprocess.run([warm_python(), *map(str, arguments)], capture_output=True, text=True, env=environment)


def field(folder, out, *options):
    return ["field", str(folder), "--out", str(out), *OPTIONS, *map(str, options)]


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def records(out):
    """Each field's JSON without what differs from run to run, by its path."""
    read = {path.relative_to(out): json.loads(path.read_text()) for path in sorted(out.rglob("*.json"))}
    return {path: {key: value for key, value in one.items() if key not in TAKES_TIME} for path, one in read.items()}


def assert_same(first, second):
    assert records(first) == records(second)
    names = sorted(str(path.relative_to(first)) for path in first.rglob("*"))
    assert names == sorted(str(path.relative_to(second)) for path in second.rglob("*"))
    for name in names:
        if name.endswith((".png", ".geojson", "cells.csv", "smears.csv")):
            assert (first / name).read_bytes() == (second / name).read_bytes()
    fields = [[row | {"seconds": ""} for row in rows(out / "fields.csv")] for out in (first, second)]
    assert fields[0] == fields[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four fields of a smear, of which one is a text under a picture's name."""
    folder = tmp_path_factory.mktemp("fields") / "smear 7"
    folder.mkdir()
    for number in (1, 3, 4):
        Image.fromarray(pasted_field(seed=number, cells=8)).save(folder / f"f{number}.png")
    (folder / "f2.png").write_text("no picture")
    (folder / "Thumbs.db").write_text("a thing of Windows")
    return folder


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    """What one process makes of them, and what it said."""
    out = tmp_path_factory.mktemp("alone")
    return out, run("-m", "jdm_core", *field(folder, out))


@pytest.mark.slow
def test_a_folder_of_fields_is_read(folder, alone):
    out, done = alone
    assert done.returncode == 1
    assert done.stderr.splitlines() == [f"{folder / 'f2.png'}: not a PNG, JPEG, TIFF, WebP, BMP or GIF image"]
    fields, cells = rows(out / "fields.csv"), rows(out / "cells.csv")
    assert [row["file"] for row in fields] == ["f1.png", "f2.png", "f3.png", "f4.png"]
    assert fields[1]["error"].startswith("not a PNG") and fields[1]["cells"] == ""
    assert done.stdout.splitlines()[-1].startswith("3 fields, ") and "1 not read, 1 passed over" in done.stdout
    for row in (fields[0], *fields[2:]):
        stem = out / Path(row["file"]).stem
        record = json.loads(stem.with_suffix(".json").read_text())
        features = json.loads(stem.with_suffix(".geojson").read_text())["features"]
        own = [cell for cell in cells if cell["file"] == row["file"]]
        assert len(own) == len(features) == len(record["cells"]) == int(row["cells"]) > 0
        assert sum(cell["status"] == "read" for cell in own) == int(row["read"]) > 0
        ranks = sorted(int(cell["rank"]) for cell in own if cell["rank"])
        assert ranks == list(range(1, int(row["read"]) + 1))
        assert row["smear"] == record["smear"] == "smear 7"
        with PngImageFile(f"{stem}_marked.png") as picture:
            assert picture.text == {"Comment": NOTICE}
            assert picture.width == 600 and picture.height > 420
    (smear,) = rows(out / "smears.csv")
    assert smear["fields"] == "3" and int(smear["cells"]) == len(cells)


@pytest.mark.slow
def test_an_infected_cell_ranks_before_a_healthy_one(alone):
    out, _ = alone
    cells = [cell for cell in rows(out / "cells.csv") if cell["rank"]]
    first = [cell for cell in cells if cell["rank"] == "1"]
    assert len(first) == 3 and {cell["label"] for cell in first} == {"Parasitized"}
    assert all(float(cell["probability"]) >= 0.5 for cell in cells)


@pytest.mark.slow
def test_what_is_done_is_not_done_again_but_another_task_is(folder, alone, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(alone[0], out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("f[0-9]*")}
    assert run("-m", "jdm_core", *field(folder, out)).returncode == 1
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert_same(out, alone[0])
    (out / "f3.geojson").unlink()
    assert run("-m", "jdm_core", *field(folder, out, "--red-cells-per-ul", "4e6")).returncode == 1
    assert (out / "f3.geojson").exists()
    assert {row["red_cells_per_ul"] for row in rows(out / "fields.csv") if not row["error"]} == {"4000000.0"}


@pytest.mark.slow
def test_two_processes_read_as_one(folder, alone, tmp_path):
    done = run(*TORCHRUN, "-m", "jdm_core", *field(folder, tmp_path / "out"))
    assert done.returncode == 1
    assert [line for line in done.stderr.splitlines() if line.startswith(str(folder))] == alone[1].stderr.splitlines()
    assert_same(tmp_path / "out", alone[0])


@pytest.mark.slow
def test_a_killed_process_is_made_up_for(folder, alone, tmp_path):
    out, program = tmp_path / "out", tmp_path / "killed.py"
    program.write_text(KILLED)
    assert run(*TORCHRUN, program, *field(folder, out)).returncode not in (0, -signal.SIGKILL)
    assert not (out / "fields.csv").exists() and not (out / "f4.json").exists()
    run("-m", "jdm_core", *field(folder, out))
    assert_same(out, alone[0])


@pytest.mark.slow
def test_an_interrupted_run_is_told_in_one_line_and_goes_on(folder, alone, tmp_path):
    out = tmp_path / "out"
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    command = [warm_python(), "-m", "jdm_core", *field(folder, out)]
    started = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    until = time.monotonic() + 250
    while not list(out.glob("f*.json")):
        assert started.poll() is None and time.monotonic() < until
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    _, errors = started.communicate()
    assert started.returncode == 130
    assert errors.splitlines()[-1] == "stopped: what is done stays, and the same command goes on behind it"
    assert "Traceback" not in errors and not (out / "fields.csv").exists()
    before = {path: path.stat().st_mtime_ns for path in out.glob("f*.json")}
    run("-m", "jdm_core", *field(folder, out))
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert_same(out, alone[0])


@pytest.fixture
def here(explainer, monkeypatch):
    """Runs the command in this process, with the network that is loaded already."""
    monkeypatch.setattr(cli.Explainer, "load", lambda *_: explainer)
    return lambda *arguments: cli.main([str(argument) for argument in arguments])


def test_a_persons_readings_are_counted(folder, alone, here, explainer, tmp_path, capsys):
    """Readings go to their picture: a suspect is infected, one is no cell, and one was added by hand."""
    pixels = np.asarray(Image.open(folder / "f1.png"))
    read = explainer.field(pixels, 3, 0, "matched")
    record = json.loads((alone[0] / "f1.json").read_text())
    added = command.with_added(read, pixels, [read.outlines[0] * 0.5 + 3])
    new = len(read.status)
    said = {int(read.order[0]): "Parasitized", int(read.order[-1]): "no cell", new: "Parasitized"}
    entry = FieldEntry("f1.png", record["input_sha256"], added, said, frozenset({new}))
    readings = tmp_path / "readings.json"
    other = replace(entry, file="gone.png", sha256="f" * 64)
    readings.write_bytes(dump_readings(Smear("smear 7", (entry, other), {})))

    status = here(*field(folder / "f1.png", tmp_path / "out", "--readings", readings))
    told = capsys.readouterr()
    assert status == 1
    assert told.err.splitlines() == [
        f"{readings}: these are readings of another picture, gone.png: they were not taken"
    ]
    assert "2 infected of " in told.out
    (row,) = rows(tmp_path / "out/fields.csv")
    assert int(row["reviewed"]) == 3 and int(row["infected"]) == 2
    assert int(row["counted"]) == record["read"]  # one more that was added, one less that is no cell
    cells = rows(tmp_path / "out/cells.csv")
    assert len(cells) == new + 1 and cells[new]["added"] == "True" and cells[new]["probability"] == ""
    assert [cell["reading"] for cell in cells if cell["rank"] == "1"] == ["Parasitized"]

    here(*field(folder / "f1.png", tmp_path / "out"))  # without them again: what was counted is not kept
    assert rows(tmp_path / "out/fields.csv")[0]["reviewed"] == ""


@pytest.mark.parametrize("data", [b"no readings", b"{}"])
def test_readings_that_are_none_stop_the_command(data, folder, here, tmp_path, capsys):
    (tmp_path / "readings.json").write_bytes(data)
    assert here(*field(folder, tmp_path / "out", "--readings", tmp_path / "readings.json")) == 1
    assert capsys.readouterr().err.startswith(f"error: {tmp_path / 'readings.json'}: This is no file of readings")
    assert not (tmp_path / "out").exists()


def test_more_files_on_request(folder, here, tmp_path):
    also = [part for kind in ("pdf", "rois", "crops", "readings") for part in ("--also", kind)]
    assert here(*field(folder / "f1.png", tmp_path / "out", *also)) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {"f1.pdf", "f1_rois.zip", "f1_crops.zip", "f1_readings.json"} <= names


def test_its_own_pictures_are_no_fields(folder, here, tmp_path):
    """Run twice into the folder of the fields themselves."""
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(folder / "f1.png", own)
    for _ in range(2):
        assert here(*field(own, own)) == 0
        assert [row["file"] for row in rows(own / "fields.csv")] == ["f1.png"]


def test_a_picture_without_cells_is_told_in_one_line(here, tmp_path, capsys):
    empty = np.full((300, 400, 3), (228, 222, 226), np.uint8)
    Image.fromarray((empty + np.random.default_rng(0).integers(0, 3, empty.shape)).astype(np.uint8)).save(
        tmp_path / "empty.png"
    )
    assert here(*field(tmp_path / "empty.png", tmp_path / "out")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'empty.png'}: ") and "explain" not in line
    (row,) = rows(tmp_path / "out/fields.csv")
    assert row["trouble"] and row["estimate"] == "" and row["read"] == "0"


@pytest.mark.parametrize("ground", [(228, 222, 226), (0, 0, 0)], ids=["bright", "black"])
def test_a_single_cell_goes_the_old_way(ground, here, tmp_path, capsys):
    pixels = np.full((200, 220, 3), ground, float)
    paste(pixels, EXAMPLES[0], 60, 50, 110)
    Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "one.png")
    assert here(*field(tmp_path / "one.png", tmp_path / "out")) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{tmp_path / 'one.png'}: ") and line.endswith("python -m jdm_core explain")


def test_names_of_two_smears_in_one_folder_are_told():
    files = [Path(f"x/{name}_{number}.png") for name in ("Anna", "Ben") for number in (1, 2)] + [Path("y/Anna_3.png")]
    smears = {path: path.parent.name for path in files}
    (line,) = mixed_names(files, smears)
    assert line.startswith("x: names of 2 smears (anna, ben)")
    assert mixed_names(files[:2] + files[4:], smears) == []
    unrelated = [Path(f"x/{name}.png") for name in ("41ac", "9f03", "field-12", "field 13")]
    assert mixed_names(unrelated, dict.fromkeys(unrelated, "x")) == []


@pytest.mark.parametrize("count", ["0", "-1", "nan", "inf"])
def test_no_count_of_red_cells_is_refused(count, folder, here, tmp_path, capsys):
    assert here(*field(folder, tmp_path / "out", f"--red-cells-per-ul={count}")) == 1
    assert "--red-cells-per-ul" in capsys.readouterr().err
