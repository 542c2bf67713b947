"""What a manifest says of how well cells are told to be suspicious, and what it may not say."""

from dataclasses import asdict, replace

import pytest

from jdm_core.checkpoint.reading import Reading, readings

USUAL = Reading(0.95, 0.05, 0.98, 0.01, infected=20, healthy=30)


def recorded(explainer, value):
    return replace(explainer.checkpoint, metrics={"reading": value})


def test_every_kind_of_cells_has_its_reading(explainer):
    kinds = {"familiar": asdict(USUAL), "other": asdict(replace(USUAL, specificity=0.9))}
    found = readings(recorded(explainer, {"kinds": kinds, "units": []}))
    assert found == {"familiar": USUAL, "other": replace(USUAL, specificity=0.9)}


def test_a_checkpoint_that_was_not_measured_has_none(explainer):
    assert readings(replace(explainer.checkpoint, metrics={})) == {}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "0.9",
        {"kinds": None},
        {"kinds": {"familiar": 0.9}},
        {"kinds": {"familiar": {"sensitivity": 0.9}}},
        {"kinds": {"familiar": {**asdict(USUAL), "sensitivity": 1.1}}},
        {"kinds": {"familiar": {**asdict(USUAL), "specificity_spread": -0.1}}},
        {"kinds": {"familiar": {**asdict(USUAL), "sensitivity": "0.9"}}},
    ],
)
def test_what_is_no_record_is_refused_in_one_line(explainer, value):
    with pytest.raises(ValueError, match="reading") as refused:
        readings(recorded(explainer, value))
    assert "\n" not in str(refused.value)
