"""The package: requirements are told once, the wheel holds every file that it needs, and works without a checkout."""

import ast
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.start import stop_server
from tests.support.warm_python import warm_python

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ROOMS = ("jdm_core", "web", "training", "checkpoints_manifest")
# They come with Gradio, which is bounded, and with Jinja.
OF_OTHERS = {"starlette", "fastapi", "gradio-client", "python-multipart", "markupsafe"}
OPTIONAL = {"spaces"}  # a Space's own
OF_DEVELOPERS = {"selenium"}  # web.screenshot


def requirements(lines: list[str]) -> set[str]:
    """Requirements in one form, without comments and without what a line includes."""
    return {str(Requirement(line)) for line in lines if line and not line.startswith(("#", "-r", "plasmolens["))}


def required(file: str) -> set[str]:
    """The requirements of a file, without those that it includes."""
    return requirements((ROOT / file).read_text(encoding="utf-8").splitlines())


def imported(room: str) -> set[str]:
    """The distributions that a package imports, the standard library and the project's own left out."""
    distributions, found = packages_distributions(), set()
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module]
            found |= {name.split(".")[0] for name in names}
    found -= set(sys.stdlib_module_names) | set(ROOMS) | {"app"}
    return {canonicalize_name(distributions.get(name, [name])[0]) for name in found}


def names(wanted: set[str]) -> set[str]:
    return {canonicalize_name(Requirement(line).name) for line in wanted}


def test_requirements_for_development_are_the_extras():
    extras = {name: extra for name, extra in PROJECT["optional-dependencies"].items() if name != "cluster"}  # large
    assert required("requirements-dev.txt") == requirements([line for extra in extras.values() for line in extra])
    assert required("requirements-cluster.txt") == requirements(PROJECT["optional-dependencies"]["cluster"])
    assert "-r requirements.txt" in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "room, extras, others",
    [
        ("jdm_core", ["cluster"], set()),
        ("web", [], OF_OTHERS | OPTIONAL | OF_DEVELOPERS),
        ("training", ["train"], set()),
    ],
)
def test_what_a_package_imports_is_required(room, extras, others):
    allowed = names(required("requirements.txt")) | others
    for extra in extras:
        allowed |= names(requirements(PROJECT["optional-dependencies"][extra]))
    assert imported(room) <= allowed


def test_a_space_installs_nothing_that_only_training_needs():
    only_training = imported("training") - imported("jdm_core") - imported("web")
    assert "torchvision" in only_training and not names(required("requirements.txt")) & only_training


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["accelerate", "torchvision"])
def test_training_without_its_packages_says_in_one_line_what_to_install(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from training.cli import main; "
        "sys.exit(main(['judge', '--data', '.']))"
    )
    run = subprocess.run([warm_python(), "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.count("\n") == 1
    assert missing in run.stderr and 'pip install "plasmolens[train]"' in run.stderr


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder that the package is installed in from a copy of the tracked files, without what it requires."""
    source, target = (tmp_path_factory.mktemp(name) for name in ("source", "installed"))
    for name in tracked():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", str(target), str(source)], check=True)
    return target


def tracked() -> list[str]:
    """The files of the project that make the package, tracked or new; those of a plain copy where git is missing."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        found = [str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*") if path.is_file()]
        found = [name for name in found if "__pycache__" not in name]
    else:
        found = [name for name in listed.stdout.splitlines() if name.split("/")[0] in ROOMS and (ROOT / name).exists()]
    return [*found, "pyproject.toml", "requirements.txt", "README.md", "LICENSE"]


@pytest.mark.slow
def test_the_wheel_holds_every_file_of_its_packages(installed):
    here = [name for name in tracked() if name.split("/")[0] in ROOMS]
    assert "checkpoints_manifest/manifest.json" in here
    assert [name for name in here if not (installed / name).is_file()] == []


def outside(installed: Path, folder: Path, *command: str) -> subprocess.CompletedProcess:
    """Runs an installed command as a user does who has no checkout."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PATH": f"{installed / 'bin'}:{os.environ['PATH']}"}
    command = (warm_python(), str(installed / "bin" / command[0]), *command[1:])
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_the_command_line_works_outside_the_checkout(installed, tmp_path):
    cell = shutil.copy(ROOT / "web/examples/parasitized-1.png", tmp_path / "cell.png")
    run = outside(installed, tmp_path, "plasmolens-cells", "predict", cell.name, "--json", "--device", "cpu")
    assert run.returncode == 0, run.stderr
    fields = json.loads(run.stdout)
    assert fields["file"] == "cell.png" and fields["label"] == "Parasitized"


@pytest.mark.slow
@pytest.mark.parametrize("command, option", [("plasmolens", "--port"), ("plasmolens-train", "evaluate")])
def test_the_page_and_training_are_commands_too(installed, tmp_path, command, option):
    run = outside(installed, tmp_path, command, "--help")
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith(f"usage: {command} ") and option in run.stdout


@pytest.mark.slow
def test_the_installed_page_serves_itself_and_its_files(installed, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": str(installed), "PLASMOLENS_LOG_LEVEL": "warning"}
    page = subprocess.Popen(
        [warm_python(), str(installed / "bin/plasmolens"), "--port", address.rsplit(":", 1)[1]],
        cwd=tmp_path,
        env=environment,
    )
    try:
        until = time.monotonic() + 200
        while not answers(address):
            assert page.poll() is None and time.monotonic() < until
            time.sleep(0.2)
        example = installed / "web/examples/parasitized-1.png"
        served = httpx.get(f"{address}/gradio_api/file={example}", timeout=30)
        assert served.status_code == 200 and served.content == example.read_bytes()
    finally:
        assert stop_server(page) == 0


def answers(address: str) -> bool:
    try:
        return (
            httpx.get(f"{address}/healthz", timeout=30).status_code == 200 and httpx.get(address, timeout=30).is_success
        )
    except httpx.TransportError:
        return False
