"""A field to read, and what answers the tab's presses."""

from pathlib import Path

import pytest
from PIL import Image

from tests.support.synthetic_fields import pasted_field
from web.field.callbacks import FieldCallbacks
from web.field.reading import add, read_entry
from web.field.smear import Smear


@pytest.fixture(scope="session")
def field_files(tmp_path_factory) -> list[Path]:
    """Two fields of cells that ship as examples, on a light ground."""
    folder = tmp_path_factory.mktemp("fields")
    for number in (1, 2):
        Image.fromarray(pasted_field(cells=8 + number, seed=number)).save(folder / f"field {number}.png")
    return sorted(folder.glob("*.png"))


@pytest.fixture(scope="session")
def uploads(field_files) -> list[dict]:
    return [{"path": str(path), "orig_name": path.name} for path in field_files]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch) -> None:
    """Each of a field's cells that the likelihood is asked of: most of what a reading takes."""
    monkeypatch.setattr("web.field.callbacks.PAGE_DRAWS", 3)


@pytest.fixture
def callbacks(explainer) -> FieldCallbacks:
    return FieldCallbacks(explainer, "viewer.js")


@pytest.fixture(scope="session")
def one_read(explainer, uploads):
    """The first field, read once for all tests that change nothing of it."""
    smear = Smear()
    add(smear, uploads[:1])
    for _ in read_entry(explainer, smear.entries[0], 3, "as given"):
        pass
    return smear.entries[0]


@pytest.fixture
def smear(one_read) -> Smear:
    """A smear of the field that was read."""
    return Smear([one_read])
