"""A field's record without a network, and a smear of it."""

import pytest

from jdm_core.checkpoint.reading import Reading
from jdm_core.images.pixels import content_sha256
from jdm_core.report.field.entry import FieldEntry, Smear
from tests.support.synthetic_fields import drawn_record

MODEL = {"name": "toy", "version": 1, "sha256": "0" * 64, "calibration_sha256": "1" * 64}
KNOWN = {"familiar": Reading(0.9, 0.05, 0.98, 0.01, 20, 20)}


@pytest.fixture
def entry():
    """A field of eight things: five read (0 and 2 suspicious), one cut off, a clump, one no red cell."""
    field, pixels = drawn_record()
    return FieldEntry("a/field 1.png", content_sha256(pixels), field, seconds=1.25, pixels=pixels)


@pytest.fixture
def smear(entry):
    return Smear("smear A", (entry,), MODEL, KNOWN)
