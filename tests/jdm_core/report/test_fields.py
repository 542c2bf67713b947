"""Probabilities in files: none certain, all together 1, under both names."""

import json

import numpy as np
import pytest

from jdm_core.report.fields import exact, verdict_fields
from jdm_core.report.words import TOO_SMALL, too_small, verdict_kind, verdict_words

LABELS = "Parasitized", "Uninfected"


@pytest.mark.parametrize("least", [0.0, 3.2e-9, 1.4e-7, 4.1e-5, 0.0123456789])
def test_no_probability_is_rounded_to_one_or_nothing(least):
    told = exact(np.array([least, 1 - least]))
    assert min(told) > 0 and max(told) < 1 and sum(told) == pytest.approx(1, abs=1e-12)
    assert told[0] == pytest.approx(max(least, 1e-12), rel=1e-5)
    assert json.loads(json.dumps(told)) == told and "1.0" not in json.dumps(told)


def test_of_many_classes_the_largest_is_what_the_others_leave():
    told = exact([0.2, 0.30000000001, 0.4, 0.1])
    assert told == [0.2, 0.3, 0.4, 0.1] and exact([1.0, 0.0, 0.0])[0] == pytest.approx(1 - 2e-12, abs=1e-13)


def test_both_readings_stand_under_the_names_of_the_page_too(explainer, cells):
    fields = verdict_fields("a", explainer.predict(cells[0]), explainer.elbo(cells[0], 3), 0, 0.8)
    assert fields["classifier"] == fields["probabilities"] and fields["likelihood"] == fields["posterior"]


def test_a_tiny_cell_gets_no_verdict(explainer, cells):
    shapes = (20, 20, 3), (31, 12), (32, 20), (130, 130, 3)
    assert [too_small(shape) for shape in shapes] == [
        True,
        True,
        False,
        False,
    ]
    tiny = np.ascontiguousarray(cells[0][::6, ::6])
    fields = verdict_fields("a", explainer.predict(tiny), explainer.elbo(tiny, 3), 0, 0.0, too_small(tiny.shape))
    assert fields["verdict"] == TOO_SMALL and fields["called"] is False
    kind = verdict_kind(LABELS, [0.99, 0.01], None, 0.8, small=True)
    words = verdict_words(kind, LABELS, [0.99, 0.01], [0.99, 0.01], 0.8)
    assert "%" not in words.title + words.detail and "32 pixels" in words.detail and words.tone == "unsure"
