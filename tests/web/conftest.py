"""Fixtures of the page's tests: a checkpoint that edits quickly, drawn cells, and the served page."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import jdm_core.checkpoint.kinds as kinds_module
from jdm_core import Explainer
from tests.support.one_cell import QUICK, check_quickly


@pytest.fixture(scope="session")
def explainer():
    """The shipped checkpoint on the CPU, with few steps and strengths to an edit, and few draws to its check."""
    loaded = Explainer.load(device="cpu")
    loaded.edit = QUICK
    check_quickly(lambda _, name, few: setattr(loaded.verdicts, name, partial(few, loaded.verdicts)))
    return loaded


@pytest.fixture
def drawn_cells_are_cells(monkeypatch):
    """The drawn cell is none to the model; what follows from that has tests of its own."""
    monkeypatch.setattr(kinds_module, "LIMIT", np.inf)


@pytest.fixture(scope="session")
def cell(tmp_path_factory) -> Path:
    """A drawn cell, wider than high, with a stained spot."""
    y, x = np.mgrid[:90, :120]
    pixels = np.zeros((90, 120, 3), np.uint8)
    pixels[((x - 60) / 56) ** 2 + ((y - 45) / 42) ** 2 < 1] = (226, 180, 178)
    pixels[(x - 75) ** 2 + (y - 40) ** 2 < 60] = (110, 60, 130)
    path = tmp_path_factory.mktemp("cells") / "drawn cell.png"
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture(scope="session")
def bad(tmp_path_factory) -> Path:
    """A text that calls itself a picture."""
    path = tmp_path_factory.mktemp("cells") / "notes.png"
    path.write_text("no image at all")
    return path


@pytest.fixture(scope="session")
def large(cell, tmp_path_factory) -> Path:
    """The drawn cell with more pixels than the page keeps."""
    path = tmp_path_factory.mktemp("cells") / "large.png"
    Image.open(cell).resize((1560, 1170), Image.Resampling.NEAREST).save(path)
    return path
