"""Uploads of the tab for many cells, and what answers its presses."""

import pytest

from tests.support.many_cells import zipped
from web.many_cells import run as batch_run
from web.many_cells.callbacks import BatchCallbacks
from web.many_cells.uploads import Limits


@pytest.fixture(scope="module")
def mixed(cell_files, tmp_path_factory):
    """Uploads: an image, a text, and a zip of two images, one damaged, and one whose name is a formula."""
    folder = tmp_path_factory.mktemp("mixed")
    text = folder / "notes.png"
    text.write_text("no image at all")
    first, second, third = (path.read_bytes() for path in cell_files[:3])
    archive = zipped(
        folder / "more.zip",
        ("smear/b.png", second),
        ("smear/cut.png", second[: len(second) // 3]),
        ("=HYPERLINK(1).png", third),
    )
    alone = {"path": str(cell_files[0]), "orig_name": "a.png"}
    return [alone, {"path": str(text), "orig_name": "notes.png"}, archive], [first, second, third]


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(batch_run, "CHUNK", 2)
    monkeypatch.setattr(batch_run, "POSTERIOR_DRAWS", 3)


@pytest.fixture
def callbacks(explainer):
    return BatchCallbacks(explainer, Limits())
