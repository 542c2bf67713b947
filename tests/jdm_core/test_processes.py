"""explain under torchrun: each file once, the reports and the index of one process, also after a process was killed."""

import json
import os
import shutil
import subprocess

import pytest

from jdm_core.processes import Shards
from tests.support.one_cell import EXPLAIN, QUICKLY
from tests.support.warm_python import warm_python

PICTURES = ("original", "evidence", "counterfactual", "difference")
# Four files are a batch: the first process has a to d, of which b is no image, and the second e and f. Dealt out one by
# one, d and e would pass the network beside other numbers of cells.
GOOD = ("a", "c", "d", "e", "f")
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
# The second process is killed with its first report written and its second one not.
KILLED = f"""{QUICKLY}
import os, signal, sys
from jdm_core import cli
from jdm_core.cli import explain as command
original = command.write_report
def write_report(explainer, explanation, *arguments):
    if explanation.file == "f.png":
        os.kill(os.getpid(), signal.SIGKILL)
    return original(explainer, explanation, *arguments)
command.write_report = write_report
sys.exit(cli.main())
"""


def run(*arguments):
    # One thread in every run: how sums are split over threads moves their last digits, as batches would.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.getcwd(), "PYTHON_EXEC": warm_python()}
    return subprocess.run([warm_python(), *map(str, arguments)], capture_output=True, text=True, env=environment)


@pytest.fixture(scope="module")
def folder(cell_files, tmp_path_factory):
    """Five cells, and a file that is none."""
    folder = tmp_path_factory.mktemp("cells")
    for name, cell in zip(GOOD, cell_files, strict=False):
        shutil.copy(cell, folder / f"{name}.png")
    (folder / "b.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """`python -m jdm_core` with quick edits and few files: that the processes share the work is what is looked at."""
    path = tmp_path_factory.mktemp("program") / "explain.py"
    path.write_text(EXPLAIN)
    return path


def explain(folder, out):
    return ["explain", folder, "--out", out, "--device", "cpu", "--draws", "3"]


@pytest.fixture(scope="module")
def alone(folder, program, tmp_path_factory):
    out = tmp_path_factory.mktemp("alone")
    done = run(program, *explain(folder, out))
    assert done.returncode == 1, done.stderr
    return out


def assert_same(first, second):
    assert (first / "index.csv").read_bytes() == (second / "index.csv").read_bytes()
    assert sorted(path.name for path in first.iterdir()) == sorted(path.name for path in second.iterdir())
    for name in GOOD:
        reports = [json.loads((out / f"{name}.json").read_text()) for out in (first, second)]
        assert all(report.pop("time") for report in reports)
        assert reports[0] == reports[1]
        for picture in PICTURES:
            file = f"{name}_{picture}.png"
            assert (first / file).read_bytes() == (second / file).read_bytes()


@pytest.mark.slow
def test_two_processes_explain_as_one(folder, alone, program, tmp_path):
    done = run(*TORCHRUN, program, *explain(folder, tmp_path / "out"))
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith(str(folder))]
    assert [error.split(":")[0] for error in errors] == [str(folder / "b.png")]
    assert_same(tmp_path / "out", alone)


@pytest.mark.slow
def test_a_killed_process_is_made_up_for(folder, alone, program, tmp_path):
    out, killed = tmp_path / "out", tmp_path / "killed.py"
    killed.write_text(KILLED)
    assert run(*TORCHRUN, killed, *explain(folder, out)).returncode == 1
    assert not (out / "index.csv").exists()
    assert not (out / "f.json").exists()
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.json")}
    assert out / "e.json" in before
    run(*TORCHRUN, program, *explain(folder, out))
    assert_same(out, alone)
    assert before == {path: path.stat().st_mtime_ns for path in before}


@pytest.mark.slow
def test_predict_is_not_done_twice(folder):
    done = run(*TORCHRUN, "-m", "jdm_core", "predict", folder, "--device", "cpu")
    assert done.returncode == 1
    assert done.stdout == ""
    assert "torchrun is for explain" in done.stderr


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_each_item_is_one_processs(count):
    shares = [Shards(rank, count).share(range(6)) for rank in range(count)]
    assert sorted(item for share in shares for item in share) == list(range(6))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_one_process_alone_takes_the_device_that_is_named():
    assert [Shards().device(name) for name in ("auto", "cuda", "cpu")] == ["auto", "cuda", "cpu"]
