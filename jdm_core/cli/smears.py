"""The fields of a command together: which smear each belongs to, what became of it, the tables and the last lines."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from jdm_core.checkpoint.reading import Reading
from jdm_core.files import replace_file
from jdm_core.images.refused import on_one_line
from jdm_core.report.field.entry import NOTHING, Totals
from jdm_core.report.field.record import totals_json
from jdm_core.report.field.tables import (
    CELL_COLUMNS,
    FIELD_COLUMNS,
    SMEAR_COLUMNS,
    cell_rows,
    count_row,
    field_row,
    write_rows,
)
from jdm_core.report.language import ENGLISH

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


def write_tables(fields: Sequence[tuple[Path, Path, str, Outcome]], out: Path) -> Totals:
    """Writes fields.csv, cells.csv and smears.csv of (place, stem, smear, outcome) a field; returns what all come to.

    They are made of the fields' JSON, one field after the other, so that memory holds no more than one.
    """
    totals: dict[str, Totals] = {}
    known: dict[str, tuple[Mapping[str, Reading], float]] = {}
    with_rows = partial(_rows, fields, out)
    for record, _ in with_rows():
        if record is None:
            continue
        smear = record["smear"]
        totals[smear] = totals.get(smear, NOTHING) + Totals(**record["totals"])
        rests = (record["estimate"] or {}).get("rests_on")
        if rests or smear not in known:
            reading = {kind: Reading(**rests) for kind in ("familiar", "other")} if rests else {}
            known[smear] = reading, record["red_cells_per_ul"]
    _write(out / "fields.csv", FIELD_COLUMNS, (row for _, row in with_rows()))
    _write(out / "cells.csv", CELL_COLUMNS, (row for record, _ in with_rows() if record for row in cell_rows(record)))
    rows = ({"smear": name} | count_row(totals_json(of, *known[name])) for name, of in totals.items())
    _write(out / "smears.csv", SMEAR_COLUMNS, rows)
    return sum(totals.values(), NOTHING)


def summary(totals: Totals, outcomes: Sequence[Outcome], out: Path) -> str:
    """What a run came to, in one line."""
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
    ):
        if count:
            words.append(f"{ENGLISH.number(count)} {said}")
    return f"{', '.join(words)}: {out / 'fields.csv'}"


def _rows(
    fields: Sequence[tuple[Path, Path, str, Outcome]], out: Path
) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any]]]:
    """Each field's JSON, None where it could not be read, and its line in fields.csv."""
    for place, stem, smear, outcome in fields:
        name = on_one_line(place.as_posix())
        if outcome.error:
            yield None, {"file": name, "smear": smear, "error": outcome.error}
            continue
        path = stem.with_name(f"{stem.name}.json")
        record = json.loads(path.read_text(encoding="utf-8"))
        report = on_one_line(path.relative_to(out).as_posix())
        yield record, field_row(record) | {"report": report}


def _write(path: Path, columns: Sequence[str], rows: Any) -> None:
    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            write_rows(file, columns, rows)

    replace_file(path, write)
