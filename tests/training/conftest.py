"""What tests of training share: one tiny network, trained once a session, and a study's inputs around it."""

import shutil
from pathlib import Path

import pytest

from tests.support.shared import made_once
from tests.support.toy import few_windows, rough_sheets, train_toy, write_toy_zip
from tests.support.toy_microscopes import write_microscopes
from training.studies.study import Inputs


@pytest.fixture(scope="session", autouse=True)
def calibrating():
    """Of what is exported here; `test_calibrate.py` looks at all windows."""
    with few_windows():
        yield


@pytest.fixture(scope="session", autouse=True)
def sampling():
    """Of what is trained here, in this process."""
    with rough_sheets():
        yield


@pytest.fixture(scope="session")
def toy_cells(tmp_path_factory) -> Path:
    """A zip of drawn cells of ten slides."""
    return write_toy_zip(tmp_path_factory.mktemp("cells") / "cells.zip")


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """cells.zip, a tiny run in run/, and its export "toy" in manifest.json: to be read and not to be written to."""
    return made_once(tmp_path_factory, "trained", lambda folder: train_toy(folder, images=160))


@pytest.fixture(scope="session")
def sets_abroad(tmp_path_factory) -> Path:
    """A folder of drawn sets of other microscopes: to be read and not to be written to."""
    return made_once(tmp_path_factory, "sets_abroad", write_microscopes)


@pytest.fixture
def own(trained, tmp_path) -> Path:
    """A copy of the trained folder, for a test that writes there."""
    return Path(shutil.copytree(trained, tmp_path / "trained"))


@pytest.fixture
def inputs(trained, tmp_path) -> Inputs:
    """What a study of the toy checkpoint reads."""
    return Inputs({"cells": trained / "cells.zip"}, tmp_path / "runs", "toy", trained / "manifest.json", "cpu")


@pytest.fixture(autouse=True)
def resamples(monkeypatch) -> None:
    """Intervals from 100 samples, where a file has no fixture of this name: they are most of what a study takes."""
    monkeypatch.setattr("training.metrics.RESAMPLES", 100)


@pytest.fixture
def few_resamples(resamples, monkeypatch) -> None:
    """Intervals from still fewer: of the same form."""
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)
