"""How far boxes overlap."""

import numpy as np
import pytest

from jdm_core.field.boxes import overlaps


def test_what_is_shared_of_what_both_cover():
    some = np.array([(0, 0, 4, 2), (10, 10, 2, 2)], float)
    others = np.array([(0, 0, 4, 2), (2, 0, 4, 2), (4, 0, 2, 2)], float)
    assert overlaps(some, others) == pytest.approx(np.array([[1, 1 / 3, 0], [0, 0, 0]]))
    assert overlaps(some, np.empty((0, 4))).shape == (2, 0)
