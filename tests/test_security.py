"""SECURITY.md: its limits are the code's, and none of reading is left out."""

import importlib
import re
from dataclasses import fields, is_dataclass

import pytest

from jdm_core.checkpoint.manifest import MANIFEST
from jdm_core.images import limits

TEXT = (MANIFEST.parent.parent / "SECURITY.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| [^|]+ \| ([\d.]+)( [A-Za-z]+)? \| `([\w.]+)` \|$", TEXT, re.MULTILINE)
UNITS = {"": 1, " KiB": 2**10, " MiB": 2**20, " GiB": 2**30, " million": 10**6}
TUNING = {"SMALL_PIXELS", "SMALL_SIDE", "WALL_FACTOR", "BLACK"}  # what sets no limit to anybody
TOGETHER = {"OF_CELL", "OF_FIELD"}  # of limits that have rows of their own


def value_of(place: str) -> float:
    """A constant, or the default of a dataclass's field; megabytes as bytes."""
    module, name = place.rsplit(".", 1)
    try:
        value = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        path, cls = module.rsplit(".", 1)
        owner = getattr(importlib.import_module(path), cls)
        assert is_dataclass(owner)
        value = next(field.default for field in fields(owner) if field.name == name)
    return value * 2**20 if name.endswith("_megabytes") else value


@pytest.mark.parametrize(("number", "unit", "place"), ROWS, ids=[place for *_, place in ROWS])
def test_a_limit_is_the_codes(number, unit, place):
    assert float(number) * UNITS[unit] == value_of(place)


def test_no_limit_of_reading_is_left_out():
    told = {place.rsplit(".", 1)[1] for *_, place in ROWS if place.startswith("jdm_core.images.limits.")}
    assert told == {name for name in vars(limits) if name.isupper()} - TUNING - TOGETHER
    assert len(ROWS) == len(re.findall(r"^\| (?!What|---)", TEXT, re.MULTILINE))


def test_what_it_links_exists():
    links = re.findall(r"\]\(([^)#:]+)[^):]*\)", TEXT)
    assert links and all((MANIFEST.parent.parent / link).exists() for link in links)
    assert "@" not in TEXT and "private security advisories" in TEXT
