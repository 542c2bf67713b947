"""The fields of a command together: which smear each belongs to, what became of it, the tables and the last lines."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jdm_core.checkpoint.reading import Reading
from jdm_core.files import replace_file
from jdm_core.images.refused import on_one_line
from jdm_core.report.field.entry import NOTHING, Totals
from jdm_core.report.field.record import known_from, totals_json
from jdm_core.report.field.tables import (
    CELL_COLUMNS,
    FIELD_COLUMNS,
    SMEAR_COLUMNS,
    cell_rows,
    count_row,
    field_row,
    row_writer,
)
from jdm_core.report.language import ENGLISH

Told = tuple[dict[str, Any] | None, dict[str, Any]]  # a field's JSON, None where it could not be read, and its line
_NUMBER = re.compile(r"[\W_]*\d+[\W_]*$")  # at the end of a field's name, behind what names its smear


@dataclass(frozen=True)
class Outcome:
    """What became of a file: the digest of its pixels, or why they were not read; why its cells were not counted;
    and how many of a person's readings found no cell of it."""

    sha256: str | None = None
    error: str = ""
    trouble: str = ""
    lost: int = 0

    @property
    def counted(self) -> bool:
        """Whether its cells were read and counted."""
        return not (self.error or self.trouble)

    def lines(self, name: str) -> list[str]:
        """What a person is to know of it, a line each."""
        told = [f"{name}: {reason}" for reason in (self.error or self.trouble,) if reason]
        if self.lost:
            words = ENGLISH.plural("{count} reading finds", "{count} readings find", self.lost)
            told.append(f"{name}: {words} no cell any more")
        return told


def smear_names(files: Sequence[Path], places: Mapping[Path, Path]) -> dict[Path, str]:
    """The name of each file's smear: its folder is one smear's."""
    names = {}
    for path in files:
        parent = places[path].parent
        name = parent.as_posix() if parent != Path() else path.resolve().parent.name
        names[path] = on_one_line(name) or "fields"
    return names


def mixed_names(files: Sequence[Path], smears: Mapping[Path, str]) -> list[str]:
    """A line for each smear whose files are numbered under several names, as those of several smears would be."""
    numbered: dict[str, Counter[str]] = defaultdict(Counter)
    for path in files:
        numbered[smears[path]][_NUMBER.sub("", path.stem).casefold()] += 1
    lines = []
    for smear, names in numbered.items():
        several = sorted(name for name, count in names.items() if name and count > 1)
        if len(several) > 1:
            told = ", ".join(on_one_line(name) for name in several[:3]) + (", …" if len(several) > 3 else "")
            lines.append(
                f"{smear}: names of {len(several)} smears ({told}) are counted as one: give each a folder of its own"
            )
    return lines


def write_tables(fields: Iterable[Told], out: Path) -> Totals:
    """Writes fields.csv, cells.csv and smears.csv, field by field as they come; returns what all come to.

    Each is there whole or not at all, and memory holds no more than a field.
    """
    smears: dict[str, tuple[Totals, Mapping[str, Reading], float]] = {}

    def write(of_fields: Path, of_cells: Path) -> None:
        with (
            of_fields.open("w", newline="", encoding="utf-8") as first,
            of_cells.open("w", newline="", encoding="utf-8") as second,
        ):
            add_field, add_cell = row_writer(first, FIELD_COLUMNS), row_writer(second, CELL_COLUMNS)
            for record, row in fields:
                add_field(row)
                for cell in cell_rows(record) if record else ():
                    add_cell(cell)
                if record:
                    smears[record["smear"]] = _with(smears.get(record["smear"]), record)

    def write_smears(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            add = row_writer(file, SMEAR_COLUMNS)
            for name, (totals, known, red_cells) in smears.items():
                add({"smear": name} | count_row(totals_json(totals, known, red_cells)))

    replace_file(out / "fields.csv", lambda one: replace_file(out / "cells.csv", lambda two: write(one, two)))
    replace_file(out / "smears.csv", write_smears)
    return sum((totals for totals, _, _ in smears.values()), NOTHING)


def told_of(fields: Iterable[tuple[Path, Path, str, Outcome]], out: Path) -> Iterator[Told]:
    """Each field's JSON and its line in fields.csv, of (place, stem, smear, outcome) a field."""
    for place, stem, smear, outcome in fields:
        name = on_one_line(place.as_posix())
        if outcome.error:
            yield None, {"file": name, "smear": smear, "error": outcome.error}
            continue
        path = stem.with_name(f"{stem.name}.json")
        record = json.loads(path.read_text(encoding="utf-8"))
        yield record, field_row(record) | {"report": on_one_line(path.relative_to(out).as_posix())}


def _with(
    so_far: tuple[Totals, Mapping[str, Reading], float] | None, record: Mapping[str, Any]
) -> tuple[Totals, Mapping[str, Reading], float]:
    """A smear's totals with one more field, how well such cells are read, and the red cells per µL."""
    totals, known, red_cells = so_far or (NOTHING, {}, record["red_cells_per_ul"])
    return totals + Totals(**record["totals"]), known or known_from(record), red_cells


def summary(totals: Totals, outcomes: Sequence[Outcome], out: Path, passed_over: int = 0) -> str:
    """What a run came to, in one line; so many files of its folders were no pictures by their names."""
    words = [
        ENGLISH.plural("{count} field", "{count} fields", totals.fields),
        f"{ENGLISH.number(totals.found)} things found, {ENGLISH.number(totals.read)} cells read",
        f"{ENGLISH.number(totals.suspicious)} to look at",
    ]
    if totals.reviewed:
        words.append(f"{ENGLISH.number(totals.infected)} infected of {ENGLISH.number(totals.counted)} by a person")
    for count, said in (
        (sum(bool(one.trouble) for one in outcomes), "not counted"),
        (sum(bool(one.error) for one in outcomes), "not read"),
        (passed_over, "passed over as no pictures"),
    ):
        if count:
            words.append(f"{ENGLISH.number(count)} {said}")
    return f"{', '.join(words)}: {out / 'fields.csv'}"
