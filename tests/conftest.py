"""Fixtures that several test files share."""

import gc
import os
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support import warm_python

ROOT = Path(__file__).resolve().parents[1]
REAL_CELLS = 32
# Fixtures that take long, and what a test that asks for one of them is marked as: none of the fast tier's.
LONG = {
    "trained": "train",
    "browser": "browser",
    "edit": "slow",
    "several": "slow",
    "explanation": "slow",
    "guarded": "slow",
    "read": "slow",
    "frames": "slow",
}


def pytest_configure(config: pytest.Config) -> None:
    """What the workers of a run share is begun before them, and ends with what started them; they start from it too."""
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        os.environ[warm_python.SHARED] = warm_python.start_warm_python()
        config.option.tx = [f"popen//python={warm_python.warm_python()}"] * len(config.option.tx)


@pytest.hookimpl(tryfirst=True)  # before tests are chosen by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that ask for a fixture of LONG, by way of another fixture too."""
    for item in items:
        for name in LONG.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(LONG[name])


def pytest_collection_finish() -> None:
    """What was imported stays: no collection of garbage looks through it."""
    gc.freeze()


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium under selenium; skips where it is missing, but fails where CI is set."""
    missing = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    if missing:
        reason = f"the browser tests need {' and '.join(missing)} on the PATH"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # Chromium's own sandbox refuses root, which containers run as
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        # One process draws all pages, and none is kept: each starts in a third less time than in a process of its own.
        "--process-per-site",
        "--disable-features=BackForwardCache",
        "--window-size=1280,1000",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def bright(tmp_path_factory) -> Path:
    """A drawn cell on a bright ground."""
    y, x = np.mgrid[:160, :180]
    pixels = np.full((160, 180, 3), 232, np.uint8)
    pixels[(x - 90) ** 2 + (y - 80) ** 2 < 50**2] = (205, 150, 160)
    pixels[(x - 100) ** 2 + (y - 75) ** 2 < 90] = (110, 60, 130)
    path = tmp_path_factory.mktemp("cells") / "bright.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def real_cells(tmp_path_factory) -> list[tuple[Path, str]] | None:
    """Up to 32 (path, label) of real cells, half of each label, from all over the data; None without data.

    PLASMOLENS_DATA names the zip, laid out as `cell_images/LABEL/NAME`; else one beside the checkout is used.
    """
    named = os.environ.get("PLASMOLENS_DATA")
    source = Path(named) if named else ROOT.parent / "shared/data/malaria/cell_images.zip"
    if not named and not source.exists():
        return None
    folder = tmp_path_factory.mktemp("real_cells")
    return list(_extract(source, folder))


def _extract(source: Path, folder: Path) -> Iterator[tuple[Path, str]]:
    with zipfile.ZipFile(source) as archive:
        for label in ("Parasitized", "Uninfected"):
            names = [n for n in archive.namelist() if f"/{label}/" in n and n.endswith((".png", ".webp"))]
            for name in names[:: -(-len(names) // (REAL_CELLS // 2))]:
                path = folder / label / Path(name).name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(archive.read(name))
                yield path, label


@pytest.fixture(scope="session")
def explainer():
    """The shipped checkpoint on the CPU."""
    from jdm_core import Explainer

    return Explainer.load("malaria-64", device="cpu")


@pytest.fixture(scope="session")
def network(explainer):
    """The shipped network."""
    return explainer.network


@pytest.fixture(scope="session")
def cell_files(real_cells) -> list[Path]:
    """Eight cells, both classes in turn: real ones where there are any, else those that the model made."""
    if real_cells is None:
        made = sorted((ROOT / "web/examples").glob("*-*.png"))
        real_cells = [(path, path.stem.split("-")[0].capitalize()) for path in made]
    by_label = [[path for path, label in real_cells if label == wanted] for wanted in ("Parasitized", "Uninfected")]
    return [path for pair in zip(*by_label, strict=True) for path in pair][:8]


@pytest.fixture(scope="session")
def cells(cell_files):
    """The pixels of `cell_files`."""
    from jdm_core.images.read import read_cell

    return [read_cell(path) for path in cell_files]
