"""Pictures whose cells cannot be counted are told so, each in its own sentence."""

import numpy as np
import pytest

from jdm_core.field.found import CLUMP, CUT_OFF, READ
from jdm_core.field.trouble import CLUMPS, GRAY, NO_FIELD, NOTHING, ONE_CELL, trouble_of

STAINED = np.full((480, 640, 3), (230, 225, 215), np.uint8)
STAINED[:48] = (200, 150, 160)  # a tenth of it in colour


def told(status, area=1500.0, scores=0.85, explained=0.9, pixels=STAINED):
    areas = np.full(len(status), area)
    return trouble_of(pixels, np.array(status), areas, np.full(len(status), scores), explained)


def test_a_field_has_none():
    assert told([READ] * 20 + [CUT_OFF] * 5 + [CLUMP] * 2) == ""


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ({"status": []}, NOTHING),
        ({"status": [CUT_OFF] * 8}, NOTHING),
        ({"status": [READ], "area": 0.3 * 480 * 640}, ONE_CELL),
        ({"status": [READ] * 30, "scores": 0.55}, NO_FIELD),
        ({"status": [READ] * 30, "explained": 0.4}, NO_FIELD),
        ({"status": [READ] * 8 + [CLUMP] * 20}, CLUMPS),
        ({"status": [READ] * 30, "pixels": np.full((480, 640, 3), 190, np.uint8)}, GRAY),
    ],
)
def test_each_trouble_has_its_sentence(what, sentence):
    assert told(**what) == sentence
