"""The rooms of the code: imports run one way, rooms and files stay small enough to find one's way."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
MOST_LINES, MOST_FILES = 250, 14  # of a file, and of a room beside its __init__.py
ROOMS = sorted({path.parent for package in ("jdm_core", "training", "web") for path in (ROOT / package).rglob("*.py")})


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, check=False)


def test_imports_run_one_way():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


WRONG = {
    "jdm_core/images/limits.py": ("from jdm_core.model import diffusion", "jdm_core.model.diffusion"),
    "jdm_core/draw/maps.py": ("from jdm_core.draw import drawing", "jdm_core.draw.drawing"),
    "jdm_core/report/sheet.py": ("import web", "web"),
    "training/run/loss.py": ("from training.studies import verdicts", "training.studies.verdicts"),
    "web/__init__.py": ("import training", "training"),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> str:
    """What is said of a copy with every wrong import at once."""
    folder = tmp_path_factory.mktemp("wrong")
    ignored = shutil.ignore_patterns("__pycache__", "*.png", "*.mo", "*.po")
    for name in ("jdm_core", "web", "training"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for file, (line, _) in WRONG.items():
        path = folder / file
        path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{line}\n", encoding="utf-8")
    done = lint(folder)
    assert done.returncode == 1 and " BROKEN" in done.stdout
    return done.stdout


@pytest.mark.parametrize("file", WRONG)
def test_a_wrong_import_is_found(told, file):
    module = ".".join(Path(file).with_suffix("").parts).removesuffix(".__init__")
    line = len((ROOT / file).read_text("utf-8").splitlines()) + 3
    assert f"{module} -> {WRONG[file][1]} (l.{line})" in told


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: str(room.relative_to(ROOT)))
def test_rooms_and_files_are_small(room):
    files = [path for path in room.glob("*.py") if path.name != "__init__.py"]
    long = {path.name: lines for path in files if (lines := len(path.read_text("utf-8").splitlines())) > MOST_LINES}
    assert not long and len(files) <= MOST_FILES
    assert [path.name for path in files if "fmt: skip" in path.read_text("utf-8")] == []
