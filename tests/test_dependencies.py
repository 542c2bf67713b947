"""What the image installs: locked to the last byte, within the ranges of requirements.txt, on bases named by digest."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("requirements.lock", "requirements-cuda.lock")
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")


def ranges(file: str) -> dict[str, Requirement]:
    """The requirements of a file, by the name that indexes use."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    found = [Requirement(line) for line in lines if line and not line.startswith(("#", "-"))]
    return {requirement.name.replace("_", "-"): requirement for requirement in found}


def pins(file: str) -> dict[str, str]:
    """The version of each package of a lock file; fails where a line says anything but versions and hashes."""
    text = (ROOT / file).read_text(encoding="utf-8").replace(" \\\n", " ")
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, version, hashes = re.fullmatch(
                r"([a-z0-9.-]+)==([\w.+]+)((?: +--hash=sha256:[0-9a-f]{64})+)", line
            ).groups()
            assert name not in found and hashes
            found[name] = version
    return found


@pytest.mark.parametrize("file", LOCKS)
def test_a_lock_holds_what_the_requirements_allow(file):
    locked, wanted = pins(file), ranges("requirements.txt")
    for name, requirement in wanted.items():
        assert requirement.specifier.contains(locked[name]), f"{file}: run deploy/lock.sh for {requirement}"
    assert not {"torchvision", "accelerate"} & set(locked)  # training's, of which the image has nothing


def test_the_locks_differ_in_torch_and_what_it_computes_with():
    cpu, cuda = map(pins, LOCKS)
    assert cpu.pop("torch") == f"{cuda.pop('torch')}+cpu"
    assert cpu.items() <= cuda.items()
    assert all(re.match("nvidia-|cuda-|triton$", name) for name in cuda.keys() - cpu.keys())


def test_the_image_takes_nothing_that_is_not_locked():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    installs = re.findall(r"^RUN pip install (.*)", text, re.MULTILINE)
    assert bases and all(map(DIGEST.search, bases))
    assert len(installs) == 1 and {"--require-hashes", "--only-binary"} <= set(installs[0].split())
    assert all(file in text for file in LOCKS)
    services = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"].values()
    assert all(DIGEST.search(service["image"]) for service in services if "image" in service)


def test_tests_run_with_the_gradio_that_the_page_requires():
    assert ranges("requirements.txt")["gradio"].specifier == ranges("requirements-dev.txt")["gradio"].specifier
