"""A person's readings: saved, loaded again, and never taken for another picture's."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jdm_core.field.rows import with_added
from jdm_core.report.field.entry import READINGS
from jdm_core.report.field.readings import ReadingsError, digest_of, dump_readings, load_readings, matched
from tests.support.synthetic_fields import circle, drawn_record

SAID = {0: "Parasitized", 2: "unsure", 3: "no cell", 6: "Uninfected"}


@pytest.fixture
def reviewed(smear, entry):
    return replace(smear, fields=(replace(entry, readings=SAID),))


def test_readings_come_back_as_they_were(reviewed, entry):
    (one,) = load_readings(dump_readings(reviewed))
    assert (one.file, one.sha256, one.size) == (entry.file, entry.sha256, (120, 240))
    found = matched(one, entry.field, entry.sha256)
    assert found.readings == SAID and not found.added and not found.lost
    assert set(SAID.values()) == set(READINGS)


def test_readings_of_another_picture_are_refused_in_a_sentence(reviewed, entry):
    (one,) = load_readings(dump_readings(reviewed))
    with pytest.raises(ReadingsError, match=r"^These are readings of another picture, a/field 1.png: .*not taken\.$"):
        matched(one, entry.field, "f" * 64)


def test_a_cell_that_a_person_added_brings_its_outline(smear, entry):
    field, pixels = drawn_record()
    outline = circle(190, 40, 9)
    entry = replace(
        entry, field=with_added(field, pixels, [outline]), readings={8: "Parasitized"}, added=frozenset({8})
    )
    (one,) = load_readings(dump_readings(replace(smear, fields=(entry,))))
    found = matched(one, field, entry.sha256)
    assert found.readings == {}
    assert np.allclose(found.added[0].outline, outline, atol=0.01) and found.added[0].reading == "Parasitized"


def test_readings_find_their_cells_in_another_order_and_a_little_moved(reviewed, entry):
    (one,) = load_readings(dump_readings(reviewed))
    field, _ = drawn_record()
    turned = replace(field, found=replace(field.found, boxes=field.boxes[::-1] + 3))
    found = matched(one, turned, entry.sha256)
    assert found.readings == {7 - cell: reading for cell, reading in SAID.items()}


def test_two_readings_never_share_a_cell_and_a_lost_one_is_told(reviewed, entry):
    (one,) = load_readings(dump_readings(reviewed))
    twice = replace(one, cells=(one.cells[0], replace(one.cells[1], box=one.cells[0].box), *one.cells[2:]))
    field, _ = drawn_record()
    found = matched(twice, field, entry.sha256)
    assert found.readings == {0: "Parasitized", 3: "no cell", 6: "Uninfected"}
    assert [lost.reading for lost in found.lost] == ["unsure"]


def changed(data, **values):
    said = json.loads(data)
    said["fields"][0] |= values
    return json.dumps(said).encode()


BAD_CELLS = [
    {"cell": 0, "box": [1, 2, 3], "reading": "unsure"},
    {"cell": 0, "box": [1, 2, 3, float("nan")], "reading": "unsure"},
    {"cell": 0, "box": [1, 2, 0, 4], "reading": "unsure"},
    {"cell": 0, "box": [1, 2, 3, 4], "reading": "malaria"},
    {"cell": "0", "box": [1, 2, 3, 4], "reading": "unsure"},
    {"cell": 0, "box": [1, 2, 3, 4], "reading": "unsure", "outline": [[0, 0]]},
    {"cell": 0, "box": [1, 2, 3, 4], "reading": "unsure", "outline": [[0, 0], [1, 1], [1]]},
    {"cell": 0, "box": [1, 2, 3, 4]},
    7,
]


@pytest.mark.parametrize("cell", BAD_CELLS)
def test_a_damaged_cell_is_refused(reviewed, cell):
    with pytest.raises(ReadingsError, match="damaged"):
        load_readings(changed(dump_readings(reviewed), readings=[cell]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x89PNG", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "no file of readings"),
        (b'{"schema": "plasmolens/field-readings", "version": 2, "fields": []}', "another version"),
        (b'{"schema": "plasmolens/field-readings", "version": 1}', "damaged"),
        (b'{"schema": "plasmolens/field-readings", "version": 1, "fields": [{"file": "a"}]}', "damaged"),
    ],
)
def test_what_is_no_readings_is_refused_in_a_sentence(data, words):
    with pytest.raises(ReadingsError, match=words) as refusal:
        load_readings(data)
    assert str(refusal.value).endswith(".") and "\n" not in str(refusal.value)


def test_a_damaged_field_is_refused(reviewed):
    for values in ({"input_sha256": "../x"}, {"size": {"height": 0, "width": 3}}, {"file": 3}):
        with pytest.raises(ReadingsError, match="damaged"):
            load_readings(changed(dump_readings(reviewed), **values))


def test_the_digest_of_readings_follows_what_they_say(reviewed):
    (one,) = load_readings(dump_readings(reviewed))
    other = replace(one, cells=(replace(one.cells[0], reading="unsure"), *one.cells[1:]))
    assert digest_of(one) == digest_of(load_readings(dump_readings(reviewed))[0]) != digest_of(other)
