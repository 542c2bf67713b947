"""A person's readings as a file that can be loaded again: bound to a picture by its digest, to cells by place.

    {"schema": "plasmolens/field-readings", "version": 1, "smear": ..., "notice": ..., "fields": [
     {"file": ..., "input_sha256": ..., "size": {"height": ..., "width": ...}, "readings": [
      {"cell": 3, "box": [x, y, w, h], "reading": "Parasitized"},
      {"cell": 97, "box": [x, y, w, h], "reading": "unsure", "outline": [[x, y], ...]}]}]}

Only a cell that a person added has an outline.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from jdm_core.field.results import Field
from jdm_core.images.refused import on_one_line
from jdm_core.report.field.entry import READINGS, FieldEntry, Smear
from jdm_core.report.words import NOTICE
from jdm_core.version import VERSION

SCHEMA, SCHEMA_VERSION = "plasmolens/field-readings", 1
MAX_READINGS_BYTES = 64 * 2**20
MAX_OUTLINE_POINTS = 10_000
SAME_CELL = 0.5  # of intersection over union: boxes that share more are one cell's, found again
_DIGEST = re.compile("[0-9a-f]{64}")


class ReadingsError(ValueError):
    """A file of readings that does not fit; its text is one sentence for a person."""


@dataclass(frozen=True)
class CellReading:
    """A person's reading of one cell: box (4,) of x, y, w, h; outline (P, 2) where the person added the cell."""

    cell: int
    box: np.ndarray
    reading: str
    outline: np.ndarray | None = None


@dataclass(frozen=True)
class FieldReadings:
    """The readings of one picture, of `size` (height, width), by the digest of its pixels."""

    file: str
    sha256: str
    size: tuple[int, int]
    cells: tuple[CellReading, ...]


@dataclass(frozen=True)
class Matched:
    """Readings found again in a field: by index of its cells, those of cells to be added, those of cells not found."""

    readings: dict[int, str]
    added: tuple[CellReading, ...]
    lost: tuple[CellReading, ...]


def dump_readings(smear: Smear) -> bytes:
    """The readings of a smear's fields as the bytes of a JSON file."""
    fields = [_field_json(entry) for entry in smear.fields]
    head = {"schema": SCHEMA, "version": SCHEMA_VERSION, "smear": smear.name, "software": f"PlasmoLens {VERSION}"}
    return (json.dumps(head | {"notice": NOTICE, "fields": fields}, indent=1, ensure_ascii=False) + "\n").encode()


def load_readings(data: bytes) -> tuple[FieldReadings, ...]:
    """The readings of such a file, field by field. Raises ReadingsError for whatever is none."""
    if len(data) > MAX_READINGS_BYTES:
        raise ReadingsError(f"The readings take more than {MAX_READINGS_BYTES // 2**20} MiB.")
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        raise ReadingsError("This is no file of readings: it is not JSON.") from None
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise ReadingsError("This is no file of readings: save them on the page or with --also readings.")
    if said.get("version") != SCHEMA_VERSION:
        raise ReadingsError("These readings are of another version of PlasmoLens, which this one cannot load.")
    try:
        return tuple(_field(one) for one in said["fields"])
    except (LookupError, TypeError, ValueError, OverflowError):
        raise ReadingsError("The file of readings is damaged: a field or a cell of it says too little.") from None


def matched(readings: FieldReadings, field: Field, sha256: str) -> Matched:
    """The readings of a picture by the cells of its field, which may have been found otherwise this time.

    A reading goes to the cell whose box shares most with its own, and more than half; each cell gets one. Raises
    ReadingsError where they are of another picture.
    """
    if readings.sha256 != sha256:
        raise ReadingsError(f"These are readings of another picture, {readings.file}: they were not taken.")
    found: dict[int, str] = {}
    added, lost = [], []
    for one in readings.cells:
        if one.outline is not None:
            added.append(one)
            continue
        shared = _shared(one.box, field.boxes)
        shared[list(found)] = 0
        best = int(shared.argmax()) if len(shared) else -1
        if best >= 0 and shared[best] > SAME_CELL:
            found[best] = one.reading
        else:
            lost.append(one)
    return Matched(found, tuple(added), tuple(lost))


def digest_of(readings: FieldReadings) -> str:
    """A digest of what one picture's readings say."""
    said = [
        (one.cell, one.box.tolist(), one.reading, None if one.outline is None else one.outline.tolist())
        for one in readings.cells
    ]
    return hashlib.sha256(repr((readings.sha256, said)).encode()).hexdigest()


def _field_json(entry: FieldEntry) -> dict[str, Any]:
    f, cells = entry.field, []
    for cell, reading in sorted(entry.readings.items()):
        told: dict[str, Any] = {"cell": cell, "box": _rounded(f.boxes[cell]), "reading": reading}
        cells.append(told | ({"outline": [_rounded(p) for p in f.outlines[cell]]} if cell in entry.added else {}))
    size = {"height": f.found.size[0], "width": f.found.size[1]}
    return {"file": entry.file, "input_sha256": entry.sha256, "size": size, "readings": cells}


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 2) for value in values]


def _field(said: Mapping[str, Any]) -> FieldReadings:
    size = int(said["size"]["height"]), int(said["size"]["width"])
    if not (isinstance(said["file"], str) and _DIGEST.fullmatch(said["input_sha256"]) and min(size) > 0):
        raise ValueError("a field")
    cells = tuple(_cell(one) for one in said["readings"])
    return FieldReadings(on_one_line(said["file"]), said["input_sha256"], size, cells)


def _cell(said: Mapping[str, Any]) -> CellReading:
    box = _numbers(said["box"], (4,))
    if said["reading"] not in READINGS or not isinstance(said["cell"], int) or box[2:].min() <= 0:
        raise ValueError("a cell")
    outline = said.get("outline")
    if outline is not None and not 3 <= len(outline) <= MAX_OUTLINE_POINTS:
        raise ValueError("an outline")
    shape = None if outline is None else (len(outline), 2)
    return CellReading(said["cell"], box, said["reading"], None if shape is None else _numbers(outline, shape))


def _numbers(values: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.array(values, dtype=np.float32)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError("numbers")
    return array


def _shared(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union (N,) of a box with boxes (N, 4)."""
    low = np.maximum(box[:2], boxes[:, :2])
    high = np.minimum(box[:2] + box[2:], boxes[:, :2] + boxes[:, 2:])
    common = (high - low).clip(0).prod(axis=1)
    return common / (box[2:].prod() + boxes[:, 2:].prod(axis=1) - common)
