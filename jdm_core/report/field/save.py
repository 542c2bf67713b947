"""Every export of fields by its name: what it is called, and its bytes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path
from typing import Any

from jdm_core.files import replace_file
from jdm_core.images.refused import on_one_line
from jdm_core.report.field.bundles import bundle, crops, png, roi_set
from jdm_core.report.field.entry import FieldEntry, Smear
from jdm_core.report.field.geojson import feature_collection
from jdm_core.report.field.marked import marked
from jdm_core.report.field.readings import dump_readings
from jdm_core.report.field.record import field_json
from jdm_core.report.field.sheet import book
from jdm_core.report.field.tables import CELL_COLUMNS, FIELD_COLUMNS, cell_rows, field_row, table

_UNSAFE = str.maketrans(dict.fromkeys('/\\:*?"<>|', "_"))


@dataclass(frozen=True)
class Export:
    """A kind of file: its ending behind a name, what makes it of a smear, or of one field where each has a file."""

    ending: str
    of_smear: Callable[[Smear], bytes] | None = None
    of_field: Callable[[FieldEntry, Smear], bytes] | None = None


def as_json(values: Any) -> bytes:
    """Values as an indented JSON file. Raises ValueError for NaN, which JSON does not know."""
    return (json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _cells(smear: Smear) -> bytes:
    return table(CELL_COLUMNS, (row for entry in smear.fields for row in cell_rows(field_json(entry, smear))))


def _fields(smear: Smear) -> bytes:
    return table(FIELD_COLUMNS, (field_row(field_json(entry, smear)) for entry in smear.fields))


def _crops(smear: Smear) -> bytes:
    return bundle(file for entry in _distinctly_named(smear) for file in crops(entry))


def _distinctly_named(smear: Smear) -> list[FieldEntry]:
    """The fields under file names of which no two are one, be it on a disk that takes a for A."""
    named: list[FieldEntry] = []
    taken: set[str] = set()
    for entry in smear.fields:
        stem = _safe(entry.stem)
        candidates = chain([stem], (f"{stem}-{number}" for number in count(2)))
        name = next(one for one in candidates if one.casefold() not in taken)
        taken.add(name.casefold())
        named.append(replace(entry, file=f"{name}.png"))
    return named


EXPORTS: dict[str, Export] = {
    "marked": Export("_marked.png", of_field=lambda entry, _: png(marked(entry))),
    "cells": Export("_cells.csv", _cells),
    "fields": Export("_fields.csv", _fields),
    "json": Export(".json", of_field=lambda entry, smear: as_json(field_json(entry, smear))),
    "geojson": Export(".geojson", of_field=lambda entry, _: as_json(feature_collection(entry))),
    "rois": Export("_rois.zip", of_field=lambda entry, _: roi_set(entry)),
    "crops": Export("_crops.zip", _crops),
    "pdf": Export(".pdf", book),
    "readings": Export("_readings.json", dump_readings),
}


def export(kind: str, smear: Smear) -> tuple[str, bytes]:
    """The ending and the bytes of one export: of one field as it is, of several as a ZIP where each has a file."""
    one = EXPORTS[kind]
    if one.of_smear is not None:
        return one.ending, one.of_smear(smear)
    make = one.of_field
    assert make is not None
    if len(smear.fields) == 1:
        return one.ending, make(smear.fields[0], smear)
    names = [entry.stem for entry in _distinctly_named(smear)]
    files = ((f"{name}{one.ending}", make(entry, smear)) for name, entry in zip(names, smear.fields, strict=True))
    return f"_{kind}.zip", bundle(files)


def save(kind: str, smear: Smear, folder: Path) -> Path:
    """Writes one export into a folder, whole or not at all, under the field's or the smear's name; returns its path."""
    name = smear.fields[0].stem if len(smear.fields) == 1 else smear.name
    ending, data = export(kind, smear)
    path = folder / f"{_safe(name)}{ending}"
    replace_file(path, lambda partial: partial.write_bytes(data))
    return path


def _safe(name: str) -> str:
    """A name that a file can have on any system."""
    return on_one_line(name).translate(_UNSAFE).strip(". ")[:100] or "field"
