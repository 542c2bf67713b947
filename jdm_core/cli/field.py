"""python -m jdm_core field: a field's cells marked, ranked and counted, a file a field and tables of all."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from jdm_core import CellImageError, Explainer
from jdm_core.checkpoint.manifest import read_finders
from jdm_core.checkpoint.reading import readings as known_readings
from jdm_core.cli.inputs import given_files, passed_over, places_of, progress_bar, stems_of
from jdm_core.cli.smears import Outcome, mixed_names, smear_names, summary, told_of, write_tables
from jdm_core.field.rows import with_added
from jdm_core.field.trouble import ONE_CELL
from jdm_core.field.weights import FINDER
from jdm_core.files import read_file, replace_file
from jdm_core.images.inputs import read_field
from jdm_core.images.pixels import content_sha256
from jdm_core.images.refused import on_one_line
from jdm_core.processes import Shards
from jdm_core.report.field.entry import FieldEntry, Smear
from jdm_core.report.field.readings import (
    MAX_READINGS_BYTES,
    FieldReadings,
    ReadingsError,
    digest_of,
    load_readings,
    matched,
)
from jdm_core.report.field.record import field_json, known_from
from jdm_core.report.field.save import EXPORTS, as_json, export
from jdm_core.report.report import model_fields

ALWAYS = ("marked", "geojson")  # beside the JSON, which comes last and says that the others are there
ALSO = tuple(kind for kind in EXPORTS if kind not in (*ALWAYS, "json", "cells", "fields"))
OLD_WAY = "A single cell is for: python -m jdm_core explain"


@dataclass(frozen=True)
class Task:
    """What is to be done with each field: everything that decides its files beside its pixels."""

    draws: int
    seed: int
    colours: str
    red_cells_per_ul: float
    also: tuple[str, ...] = ()
    overwrite: bool = False
    readings: Mapping[str, FieldReadings] = field(default_factory=dict)  # by the digest of their picture

    def settings(self, sha256: str) -> dict[str, Any]:
        """The JSON by which a record of an earlier run is known for one of the same task."""
        given = self.readings.get(sha256)
        finder = read_finders()[FINDER].sha256
        asked = {"draws": self.draws, "seed": self.seed, "colours": self.colours, "finder_sha256": finder}
        return asked | {"red_cells_per_ul": self.red_cells_per_ul, "readings_sha256": given and digest_of(given)}


def run(explainer: Explainer, options: argparse.Namespace, group: Shards) -> int:
    """Writes the fields that are not there yet and the tables; 1 where one could not be read or counted.

    Raises ValueError.
    """
    task = task_of(options)
    # Pictures and tables may soon appear beside them.
    (files, empty), passed = group.from_first(lambda: (given_files(options.files), passed_over(options.files)))
    places = places_of(options.files, files)
    stems, smears = stems_of(places, options.out), smear_names(files, places)
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes: dict[Path, Outcome] = {}
    with progress_bar(len(group.share(files)), group.first) as bar:
        bar.unit = "field"
        for path in group.share(files):
            outcomes[path] = outcome = read_one(explainer, path, places[path], stems[path], smears[path], task)
            for line in outcome.lines(on_one_line(str(path))):
                bar.write(line, file=sys.stderr)
            bar.update()
    gathered = group.gather(outcomes)
    if not group.first:
        return 0  # the first process's status is that of all: torchrun ends it when another fails before
    outcomes = {path: outcome for part in gathered for path, outcome in part.items()}
    refused = refused_readings(options.readings, task.readings, {one.sha256 for one in outcomes.values()})
    for line in (*mixed_names(files, smears), *refused):
        print(line, file=sys.stderr)
    done = ((places[path], stems[path], smears[path], outcomes[path]) for path in files)
    totals = write_tables(told_of(done, options.out), options.out)
    print(summary(totals, list(outcomes.values()), options.out, passed))
    return 1 if empty or refused or any(not outcome.counted for outcome in outcomes.values()) else 0


def read_one(explainer: Explainer, path: Path, place: Path, stem: Path, smear: str, task: Task) -> Outcome:
    """Reads one field and writes its files, unless they are of this picture and task already."""
    try:
        pixels = read_field(path)
    except CellImageError as error:
        return Outcome(error=error.reason)
    return read_pixels(explainer, pixels, on_one_line(place.as_posix()), stem, smear, task)


def read_pixels(explainer: Explainer, pixels: np.ndarray, name: str, stem: Path, smear: str, task: Task) -> Outcome:
    """The same of pixels uint8 (H, W, 3)."""
    sha256 = content_sha256(pixels)
    record = None if task.overwrite else _done(explainer, sha256, name, stem, smear, task)
    lost = 0
    if record is None:
        start = perf_counter()
        read = explainer.field(pixels, task.draws, task.seed, task.colours)
        seconds = perf_counter() - start
        entry = FieldEntry(name, sha256, read, seconds=seconds, pixels=pixels)
        if sha256 in task.readings:
            entry, lost = _with_readings(entry, task.readings[sha256], pixels)
        record = _write(explainer, entry, stem, smear, task)
    trouble = record["trouble"]
    told = f"{trouble} {OLD_WAY}" if trouble == ONE_CELL else trouble
    return Outcome(sha256=sha256, trouble=told, lost=lost)


def task_of(options: argparse.Namespace) -> Task:
    """What the options ask for. Raises ValueError."""
    if not (np.isfinite(options.red_cells_per_ul) and options.red_cells_per_ul > 0):
        raise ValueError(f"--red-cells-per-ul {options.red_cells_per_ul:g}: a count per µL is expected")
    given: dict[str, FieldReadings] = {}
    for path in options.readings or []:
        try:
            loaded = load_readings(read_file(path, MAX_READINGS_BYTES))
        except ReadingsError as error:
            raise ValueError(f"{path}: {error}") from error
        given |= {one.sha256: one for one in loaded}
    also = tuple(dict.fromkeys(options.also or ()))
    return Task(options.draws, options.seed, options.colours, options.red_cells_per_ul, also, options.overwrite, given)


def refused_readings(
    paths: Sequence[Path] | None, given: Mapping[str, FieldReadings], seen: Set[str | None]
) -> list[str]:
    """A line for each picture of the readings that is none of those seen, by digest."""
    name = on_one_line(", ".join(map(str, paths or [])))
    others = [one for sha256, one in given.items() if sha256 not in seen]
    return [f"{name}: these are readings of another picture, {one.file}: they were not taken" for one in others]


def _with_readings(entry: FieldEntry, given: FieldReadings, pixels: np.ndarray) -> tuple[FieldEntry, int]:
    """The entry with a person's readings and the cells that they added, and how many readings found no cell."""
    found = matched(given, entry.field, entry.sha256)
    first = len(entry.field.status)
    outlines = [one.outline for one in found.added if one.outline is not None]
    readings = found.readings | {first + i: one.reading for i, one in enumerate(found.added)}
    added = frozenset(range(first, first + len(outlines)))
    read = with_added(entry.field, pixels, outlines)
    return (
        FieldEntry(entry.file, entry.sha256, read, readings, added, entry.seconds, entry.pixels),
        len(found.lost),
    )


def _write(explainer: Explainer, entry: FieldEntry, stem: Path, smear: str, task: Task) -> dict[str, Any]:
    """Writes a field's files, its JSON last; returns that."""
    whole = Smear(smear, (entry,), model_fields(explainer), known_readings(explainer.checkpoint), task.red_cells_per_ul)
    record = field_json(entry, whole) | {"settings": task.settings(entry.sha256)}
    stem.parent.mkdir(parents=True, exist_ok=True)
    for kind in (*ALWAYS, *task.also):
        _, data = export(kind, whole)
        replace_file(_path(stem, kind), lambda partial, data=data: partial.write_bytes(data))
    replace_file(_path(stem, "json"), lambda partial: partial.write_bytes(as_json(record)))
    return record


def _path(stem: Path, kind: str) -> Path:
    return stem.with_name(f"{stem.name}{EXPORTS[kind].ending}")


def _done(explainer: Explainer, sha256: str, name: str, stem: Path, smear: str, task: Task) -> dict[str, Any] | None:
    """The record of an earlier run, if it is of this picture, model and task and its other files are there."""
    try:
        record = json.loads(_path(stem, "json").read_text(encoding="utf-8"))
        same = (
            (record["input_sha256"], record["file"], record["smear"]) == (sha256, name, smear)
            and record["model"] == model_fields(explainer)
            and record["settings"] == task.settings(sha256)
            and known_from(record) == known_readings(explainer.checkpoint)
            and record["found"] == sum(record["counts"].values())
            and all(_path(stem, kind).exists() for kind in (*ALWAYS, *task.also))
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return record if same else None
