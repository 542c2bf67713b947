"""Which cells the head calls: one idea with what the verdict finds unclear."""

import numpy as np
import pytest

from jdm_core.checkpoint.calibration import Promise, Thresholds
from jdm_core.checkpoint.familiarity import FAMILIAR, NO_RED_CELL, OTHER
from jdm_core.checkpoint.records import build_record
from jdm_core.explain.results import Prediction, merge
from jdm_core.report.words import NOT_A_CELL, UNCLEAR, verdict_kind

LABELS = ("Parasitized", "Uninfected")


def test_called_is_what_the_verdict_neither_finds_unclear_nor_no_cell():
    head = np.array([[0.97, 0.03], [0.03, 0.97], [0.96, 0.04], [0.99, 0.01], [0.99, 0.01]])
    kinds = np.array([FAMILIAR, FAMILIAR, FAMILIAR, OTHER, NO_RED_CELL])
    prediction = Prediction(LABELS, head, np.zeros(5), kinds, unsure_below=0.97)
    assert prediction.called.tolist() == [True, True, False, True, False]
    verdicts = [
        verdict_kind(LABELS, p.tolist(), None, 0.97, bool(c)) for p, c in zip(head, prediction.is_cell, strict=True)
    ]
    assert [verdict not in (UNCLEAR, NOT_A_CELL) for verdict in verdicts] == prediction.called.tolist()
    assert merge([prediction, prediction]).called.tolist() == prediction.called.tolist() * 2


def test_a_promise_is_read_where_there_is_one_and_checked():
    values = {"unsure_below": 0.8, "flip_head": 0.9, "flip_posterior": 0.5}
    assert build_record(Thresholds, values, "thresholds").promise is None
    kept = build_record(Thresholds, values | {"promise": {"wrong": 0.02, "slides": 0.9}}, "thresholds")
    assert kept.promise == Promise(0.02, 0.9)
    with pytest.raises(ValueError, match="wrong"):
        build_record(Thresholds, values | {"promise": {"wrong": 2.0, "slides": 0.9}}, "thresholds")
