"""The scale of a picture follows from its cells, whatever the picture's own size."""

import numpy as np
import pytest

from jdm_core.field.network import DIAMETER, RAYS, directions
from jdm_core.field.polygons import Polygons
from jdm_core.field.scale import LARGEST, LEVELS, MAX_SIDE, scale_of


def looker(diameter, count=60, score=0.85, seen=(14.0, 60.0)):
    """Finds discs of a true diameter, as far as they have a size in sight at a scale; else a few doubtful things."""
    looked = []

    def look(scale):
        looked.append(scale)
        own = diameter * scale
        visible = seen[0] < own < seen[1]
        radius = own / 2 if visible else 15.0
        outlines = np.repeat(radius * directions().numpy()[None], count if visible else 3, axis=0)
        return Polygons(outlines, np.full(len(outlines), score if visible else 0.4))

    return look, looked


@pytest.mark.parametrize("longest", [640, 1280, 2592, 5312])
@pytest.mark.parametrize("share", [0.025, 0.06, 0.16])
def test_cells_of_any_size_come_to_the_network_at_its_own(longest, share):
    look, _ = looker(share * longest)
    scale = scale_of((round(longest * 0.75), longest), look)
    assert scale * share * longest == pytest.approx(DIAMETER, rel=0.1)


def test_clear_cells_end_the_search_at_once():
    look, looked = looker(0.16 * 640)
    scale_of((480, 640), look)
    assert len(looked) == 1


def test_without_cells_a_scale_is_given_all_the_same():
    empty = Polygons(np.zeros((0, RAYS, 2)), np.zeros(0))
    looked = []

    def look(scale):
        looked.append(scale)
        return empty

    assert 0 < scale_of((3000, 4000), look) <= MAX_SIDE / 4000
    assert len(looked) == len(LEVELS)


def test_a_small_picture_is_not_enlarged_without_end():
    look, looked = looker(1e9)
    scale_of((90, 100), look)
    assert max(looked) <= max(LARGEST, LEVELS[0] / 100)
