"""An archive on a Ray of two workers: what one process gives, though a worker dies, and on after a killed driver."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from tests.jdm_core.test_cli_field import assert_same, field, rows, run
from tests.support.synthetic_fields import pasted_field

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1500)]
FIELDS = 6


@pytest.fixture(scope="module", autouse=True)
def ray():
    """Not imported where nothing here is run."""
    pytest.importorskip("ray")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive") / "smear 7"
    folder.mkdir()
    for number in range(FIELDS):
        Image.fromarray(pasted_field(300, 420, 6, seed=number)).save(folder / f"f{number}.png")
    (folder / "f2.png").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def alone(folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    assert run("-m", "jdm_core", *field(folder, out)).returncode == 1
    return out


def start(folder, out):
    command = [sys.executable, "-m", "jdm_core", *field(folder, out, "--cluster", "local", "--parquet")]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd()}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def without_parquet(out, folder):
    """A copy of what a run wrote, without the tables that one process does not write."""
    copy = folder / "copy"
    shutil.copytree(out, copy, ignore=shutil.ignore_patterns("*.parquet"))
    return copy


def wait_for_a_field(out, driver):
    until = time.monotonic() + 600
    while not list(out.glob("f*.json")):
        assert driver.poll() is None and time.monotonic() < until, driver.communicate()
        time.sleep(0.05)
    return {path: path.stat().st_mtime_ns for path in out.glob("f*.json")}


def descendants(pid):
    """Processes below one, by id with their command lines."""
    parents = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            parents[int(entry.name)] = parent, (entry / "cmdline").read_text().replace("\0", " ")
        except (OSError, ValueError):
            continue
    found, grown = {pid}, True
    while grown:
        more = {child for child, (parent, _) in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return {child: parents[child][1] for child in found if child in parents}


def test_a_cluster_reads_as_one_process(folder, alone, tmp_path):
    from pyarrow import parquet

    driver = start(folder, tmp_path / "out")
    told, errors = driver.communicate()
    assert driver.returncode == 1, errors
    assert [line for line in errors.splitlines() if line.startswith(str(folder))] == [
        f"{folder / 'f2.png'}: not a PNG, JPEG, TIFF, WebP, BMP or GIF image"
    ]
    assert told.startswith(f"{FIELDS - 1} fields, ")
    assert_same(without_parquet(tmp_path / "out", tmp_path), alone)
    for name in ("fields", "cells"):
        table, written = parquet.read_table(tmp_path / f"out/{name}.parquet"), rows(alone / f"{name}.csv")
        assert table.column_names == list(written[0]) and table.num_rows == len(written)
        assert table["file"].to_pylist() == [row["file"] for row in written]
    places = [float(row["x"]) for row in rows(alone / "cells.csv")]
    assert parquet.read_table(tmp_path / "out/cells.parquet")["x"].to_pylist() == places


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes as Linux tells of them")
def test_a_killed_worker_is_made_up_for(folder, alone, tmp_path):
    out = tmp_path / "out"
    driver = start(folder, out)
    wait_for_a_field(out, driver)
    workers = [pid for pid, words in descendants(driver.pid).items() if words.startswith("ray::MapWorker")]
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    _, errors = driver.communicate()
    assert driver.returncode == 1, errors
    assert_same(without_parquet(out, tmp_path), alone)


def test_a_killed_driver_goes_on_with_the_same_command(folder, alone, tmp_path):
    out = tmp_path / "out"
    driver = start(folder, out)
    wait_for_a_field(out, driver)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    time.sleep(2)  # its workers end with it
    done = {path: path.stat().st_mtime_ns for path in out.glob("f*.json")}
    assert done and not (out / "fields.csv").exists()
    again = start(folder, out)
    _, errors = again.communicate()
    assert again.returncode == 1, errors
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert_same(without_parquet(out, tmp_path), alone)


def test_addresses_of_other_file_systems_are_read(folder, alone, tmp_path):
    """Listed and opened by fsspec: here of the local one, under its own address."""
    from jdm_core.cli.addresses import listed, pixels_of

    items, empty = listed([f"file://{folder}"], tmp_path)
    assert empty == 0 and [item.place for item in items] == [f"f{number}.png" for number in range(FIELDS)]
    assert all(item.address.startswith("file://") and item.smear == "smear 7" for item in items)
    assert (pixels_of(items[0].address) == pixels_of(str(folder / "f0.png"))).all()
