"""What a person said of the cells, as the browser keeps and sends it: by the digest of a field and a cell's place."""

import json
from collections.abc import Mapping
from typing import Any

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.checkpoint.reading import readings as known_readings
from jdm_core.field.estimate import RED_CELLS
from jdm_core.report.field import entry as report
from web.field.smear import Entry, Smear

LETTERS = dict(zip("PU?X", report.READINGS, strict=True))  # the key that is pressed for each
MOST_RED_CELLS = 20_000_000  # per µL; nobody has more
Readings = Mapping[str, Mapping[str, str]]


def parsed(sent: str | None) -> Readings:
    """The readings that a browser sent; whatever is none of them is left out."""
    try:
        fields = json.loads(sent or "{}")
    except ValueError:
        return {}
    if not isinstance(fields, dict):
        return {}
    return {
        digest: {place: letter for place, letter in cells.items() if isinstance(letter, str) and letter in LETTERS}
        for digest, cells in fields.items()
        if isinstance(cells, dict)
    }


def reported(entry: Entry, readings: Readings, pixels: Any = None) -> report.FieldEntry | None:
    """A field with its readings as reports take it; None where nothing was read."""
    if entry.read is None:
        return None
    places, said = entry.places, readings.get(entry.digest, {})
    return report.FieldEntry(
        file=entry.name,
        sha256=entry.digest,
        field=entry.read,
        readings={i: LETTERS[said[place]] for i, place in enumerate(places) if place in said},
        added=frozenset(i for i, place in enumerate(places) if place in entry.added),
        seconds=entry.seconds,
        pixels=pixels,
    )


def totals(entry: Entry, readings: Readings) -> report.Totals:
    """What the cells of one field come to."""
    told = reported(entry, readings)
    return told.totals() if told else report.NOTHING


def totals_of(smear: Smear, readings: Readings) -> report.Totals:
    """What the cells of all fields come to."""
    return sum((totals(entry, readings) for entry in smear.entries), report.NOTHING)


def red_cells(value: float | None) -> float:
    """Red cells per µL as they are given; the usual number where none is, or none that can be."""
    return float(value) if value is not None and 0 < value <= MOST_RED_CELLS else RED_CELLS


def known(checkpoint: Checkpoint) -> Mapping[str, Any]:
    """How well a checkpoint is known to read; nothing where its record cannot be read."""
    try:
        return known_readings(checkpoint)
    except ValueError:  # of a checkpoint from elsewhere it may be anything
        return {}
