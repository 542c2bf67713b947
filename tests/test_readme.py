"""Every command of the README runs as it stands; training only with options that make it short."""

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from benchmarks.start import stop_server
from tests.support.toy import TINY_OPTIONS, write_toy_zip
from tests.support.warm_python import warm_python

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:7860"
SHORT = {  # what is added to a command that would take hours, or write into the project
    "pip install": ["--no-deps"],  # of what is named, that it is there; what that requires, `run_tests.sh` installed
    "python -m training adapt": ["--number", "8", "--device", "cpu"],
    "python -m training train": ["--device", "cpu", *TINY_OPTIONS],
    "python -m training export": ["--device", "cpu", "--cells", "8", "--manifest", "manifest.json"],
    "python -m training evaluate": ["--device", "cpu", "--manifest", "manifest.json"],
}


def fenced(language: str) -> dict[str, str]:
    """The blocks of a language, by the heading that each stands under."""
    parts = re.split(r"^## (.+)$", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = {}
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        for name, block in FENCE.findall(text):
            if name == language:
                assert heading not in found, f"{heading}: one block of {language} a heading"
                found[heading] = block
    return found


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder like the checkout, in which commands may write, with toy cells where the README has one's own."""
    for name in ("app.py", "web", "requirements.txt", "requirements-dev.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    write_toy_zip(tmp_path / "cell_images.zip")
    shutil.copytree(ROOT / "web/examples", tmp_path / "my_cells", ignore=shutil.ignore_patterns("field.png", "*.npz"))
    return tmp_path


def environment(**more: str) -> dict[str, str]:
    """The tests' Python as `python`, from anywhere."""
    path = f"{Path(warm_python()).parent}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def run(command: str, folder: Path) -> None:
    """Runs a line of a block; a server is asked for its page, and stopped."""
    if command.startswith("python app.py"):
        with served(command, folder):
            return
    more = next((options for start, options in SHORT.items() if command.startswith(start)), [])
    line = " ".join([command, *map(shlex.quote, more)])
    done = subprocess.run(["bash", "-c", line], cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@contextmanager
def served(command: str, folder: Path) -> Iterator[str]:
    """The address of the page that a command serves, on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = ADDRESS.replace("7860", port)
    page = subprocess.Popen(shlex.split(command), cwd=folder, env=environment(GRADIO_SERVER_PORT=port))
    try:
        until = time.monotonic() + 240
        while not answers(address):
            assert page.poll() is None and time.monotonic() < until, command
            time.sleep(0.2)
        yield address
    finally:
        assert stop_server(page) == 0


def answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/healthz", timeout=30).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.slow
@pytest.mark.parametrize("heading", fenced("sh"))
def test_commands_run_one_after_the_other(heading, folder):
    if heading == "Command line":  # of all examples, a cell and the field
        (folder / "web").unlink()
        for name in ("parasitized-1.png", "field.png"):
            (folder / "web/examples").mkdir(parents=True, exist_ok=True)
            (folder / "web/examples" / name).symlink_to(ROOT / "web/examples" / name)
    for command in fenced("sh")[heading].splitlines():
        run(command, folder)
    written = {
        "Command line": "reports/index.csv",
        "Your own microscope": "runs/my-microscope/manifest.json",
        "Train it yourself": "runs/test.json",
    }
    assert heading not in written or (folder / written[heading]).is_file()


@pytest.mark.slow
def test_the_python_example_runs(folder):
    code = fenced("python")["Python"]
    subprocess.run([warm_python(), "-c", code], cwd=folder, env=environment(), check=True)


@pytest.mark.slow
def test_the_example_for_programs_runs(folder):
    code = fenced("python")["HTTP"]
    assert ADDRESS in code
    with served("python app.py", folder) as address:
        shown = "\nassert verdicts['label'] == 'Parasitized' and check and edited and change_map and evidence_map"
        code = code.replace(ADDRESS, address) + shown
        subprocess.run([warm_python(), "-c", code], cwd=folder, env=environment(), check=True)


def test_every_block_is_of_a_kind_that_is_run():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    kinds = [name for name, _ in FENCE.findall(text)]
    assert set(kinds) == {"sh", "python"} and text.count("```") == 2 * len(kinds)
    assert set(fenced("python")) == {"Python", "HTTP"}
    assert len(fenced("sh")) >= 4


def test_the_script_of_the_tests_has_the_tiers_that_the_documents_name():
    text = (ROOT / "run_tests.sh").read_text(encoding="utf-8")
    subprocess.run(["bash", "-n", str(ROOT / "run_tests.sh")], check=True)
    assert "--fast" in text and "not slow and not browser and not train" in text
    assert "run_tests.sh --fast" in (ROOT / "README.md").read_text(encoding="utf-8")
