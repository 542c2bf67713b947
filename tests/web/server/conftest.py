"""A real server in this process, which these tests share, and a cell that tells too much."""

from pathlib import Path

import httpx
import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.support.server import SECRET, kept, serving


@pytest.fixture(scope="session")
def running(explainer, tmp_path_factory):
    with serving(explainer, tmp_path_factory.mktemp("scratch"), upload_megabytes=4, post_megabytes=8) as service:
        yield service


@pytest.fixture
def service(running):
    """The server, without a file of a test before."""
    for path in kept(running):
        path.unlink(missing_ok=True)
    return running


@pytest.fixture
def web(service):
    with httpx.Client(base_url=service.address, timeout=60) as client:
        yield client


@pytest.fixture(scope="session")
def cell(tmp_path_factory) -> Path:
    """A drawn cell with a telling name and telling Exif."""
    y, x = np.mgrid[:90, :90]
    pixels = np.zeros((90, 90, 3), np.uint8)
    pixels[(x - 45) ** 2 + (y - 45) ** 2 < 42**2] = (226, 180, 178)
    pixels[(x - 55) ** 2 + (y - 40) ** 2 < 60] = (110, 60, 130)
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription] = SECRET
    path = tmp_path_factory.mktemp("cells") / f"{SECRET}.jpg"
    Image.fromarray(pixels).save(path, exif=exif, quality=95)
    return path
