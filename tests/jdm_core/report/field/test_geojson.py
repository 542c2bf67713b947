"""GeoJSON as QuPath takes it: RFC 7946's shapes, and QuPath's own properties."""

import json
from dataclasses import replace
from uuid import UUID

import numpy as np
import pytest

from jdm_core.report.field.geojson import feature_collection
from jdm_core.report.field.rings import is_simple, ring
from jdm_core.report.field.save import as_json
from tests.support.synthetic_fields import circle

BOW = [(0, 0), (10, 10), (10, 0), (0, 10)]  # crosses itself
SPIKE = [(0, 0), (10, 0), (10, 10), (5, 10), (5, 18), (5, 10), (0, 10)]  # runs out and back
BORDER = [(0, 0), (0, 4), (0, 2), (0, 9), (8, 9), (8, 0)]  # back and forth on the picture's side, where it was clipped
TOUCH = [(0, 0), (5, 5), (10, 0), (10, 10), (5, 5), (0, 10)]  # meets itself in a corner


def area(points):
    x, y = np.array(points).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum()) / 2


def assert_valid(coordinates):
    assert len(coordinates) >= 4 and coordinates[0] == coordinates[-1]
    assert area(coordinates) > 0  # counterclockwise
    assert is_simple(np.array(coordinates[:-1]))
    assert np.isfinite(coordinates).all()


def test_each_cell_is_a_detection_as_qupath_reads_it(entry):
    entry = replace(entry, readings={0: "Parasitized", 6: "unsure"})
    collection = json.loads(as_json(feature_collection(entry)))
    assert collection["type"] == "FeatureCollection" and collection["notice"].startswith("Research use only")
    features = collection["features"]
    assert len(features) == 8 and len({UUID(one["id"]) for one in features}) == 8
    for one in features:
        assert one["type"] == "Feature" and one["geometry"]["type"] == "Polygon"
        (outer,) = one["geometry"]["coordinates"]
        assert_valid(outer)
        told = one["properties"]
        assert told["objectType"] == "detection"
        assert isinstance(told["classification"]["name"], str) and len(told["classification"]["color"]) == 3
        assert all(type(level) is int and 0 <= level <= 255 for level in told["classification"]["color"])
        assert all(type(value) in (int, float) for value in told["measurements"].values())
        assert {"status", "label", "probability", "posterior"} <= told.keys()
        assert all(isinstance(text, str) for text in told["metadata"].values())
    named = [one["properties"]["classification"]["name"] for one in features]
    assert named[:3] == ["Parasitized", "Uninfected", "Parasitized"]
    assert named[5:] == ["cut off", "unsure", "not a red cell"]
    first, unread = features[0]["properties"], features[5]["properties"]
    assert (first["status"], first["label"], first["probability"], first["posterior"]) == (
        "read",
        "Parasitized",
        0.97,
        0.9,
    )
    assert first["measurements"]["rank"] == 1 and "rank" not in unread["measurements"]
    assert unread["label"] is unread["probability"] is unread["posterior"] is None


def test_polygons_lie_where_the_cells_do(entry):
    (outer,) = feature_collection(entry)["features"][0]["geometry"]["coordinates"]
    low, high = np.min(outer, axis=0), np.max(outer, axis=0)
    assert np.allclose(low, (12, 12), atol=0.01) and np.allclose(high, (48, 48), atol=0.01)


def test_ids_follow_from_picture_and_cell(entry):
    ids = [one["id"] for one in feature_collection(entry)["features"]]
    assert ids == [one["id"] for one in feature_collection(replace(entry, file="other.png"))["features"]]
    assert not set(ids) & {one["id"] for one in feature_collection(replace(entry, sha256="f" * 64))["features"]}


def test_both_directions_of_an_outline_become_one():
    outline = circle(20, 20, 10)
    assert_valid(ring(outline, np.array((10, 10, 20, 20))))
    assert area(ring(outline, np.zeros(4))) == pytest.approx(area(ring(outline[::-1], np.zeros(4))))


@pytest.mark.parametrize("outline", [BOW, SPIKE, BORDER, TOUCH], ids=["bow", "spike", "border", "touch"])
def test_an_outline_that_meets_itself_is_made_valid(outline):
    points = np.array(outline, np.float32)
    assert not is_simple(points)
    made = ring(points, np.array((0, 0, 10, 10)))
    assert_valid(made)
    assert (np.min(made, axis=0) >= points.min(axis=0) - 0.01).all()
    assert (np.max(made, axis=0) <= points.max(axis=0) + 0.01).all()
    assert area(made) > 0.4 * abs(area([*outline, outline[0]])) or outline is BOW


@pytest.mark.parametrize("outline", [[], [(3, 4)], [(3, 4), (3, 4), (3, 4)], [(0, 0), (5, 5), (9, 9)]])
def test_what_encloses_nothing_becomes_its_box(outline):
    made = ring(np.array(outline, np.float32).reshape(-1, 2), np.array((3, 4, 6, 5)))
    assert_valid(made)
    assert area(made) == pytest.approx(30)


def test_a_long_outline_is_checked_in_parts():
    long = circle(100, 100, 90, points=1500)
    assert is_simple(long)
    long[700] = (100, 5)
    long[701] = (180, 180)
    assert not is_simple(long)
