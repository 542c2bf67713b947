"""cells.csv, fields.csv and smears.csv, made of fields' JSON: the first columns are a contract, more come behind."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import StringIO
from typing import Any, TextIO

from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL
from jdm_core.report.spreadsheet import harmless
from jdm_core.report.words import NOTICE

_REVIEW = ("reviewed", "looked_at", "infected", "counted", "unsure", "share", "share_low", "share_high", "per_ul")
_COUNTS = ("cut_off", "clumps", "not_red_cells", *_REVIEW, "red_cells_per_ul")
FIELD_COLUMNS = (
    *("file", "cells", "read", "suspicious", "estimate", "low", "high", "seconds"),
    *(*_COUNTS, "smear", "report", "trouble", "error", "notice"),
)
SMEAR_COLUMNS = ("smear", "fields", "cells", "read", "suspicious", "estimate", "low", "high", *_COUNTS, "notice")
CELL_COLUMNS = (
    *("file", "cell", "x", "y", "w", "h", "status", "label", "probability", "posterior", "unfamiliarity", "rank"),
    *("kind", "suspicious", "suspicion", "reading", "added", "smear", "notice"),
)


def count_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The counts of a field's or a smear's JSON as columns; empty where there is nothing to tell."""
    counts, totals = record["counts"], record["totals"]
    estimate, review = record["estimate"] or {}, record["reviewed"] or {}
    seen = {name: totals[name] for name in ("reviewed", "looked_at", "infected", "counted", "unsure")}
    return {
        "fields": totals["fields"],
        "cells": record["found"],
        "read": record["read"],
        "suspicious": record["suspicious"],
        "estimate": estimate.get("share"),
        "low": estimate.get("low"),
        "high": estimate.get("high"),
        "cut_off": counts[CUT_OFF],
        "clumps": counts[CLUMP],
        "not_red_cells": counts[NO_RED_CELL],
        **(seen if review else {}),
        "share": review.get("share"),
        "share_low": review.get("low"),
        "share_high": review.get("high"),
        "per_ul": review.get("share_per_ul"),
        "red_cells_per_ul": record["red_cells_per_ul"],
    }


def field_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """A field's line in fields.csv."""
    told = {name: record[name] for name in ("file", "seconds", "smear", "trouble")}
    return count_row(record) | told


def cell_rows(record: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A field's lines in cells.csv, in the order in which its cells were found."""
    for cell in record["cells"]:
        yield {"file": record["file"], "smear": record["smear"]} | dict(cell)


def row_writer(file: TextIO, columns: Sequence[str]) -> Callable[[Mapping[str, Any]], object]:
    """Begins a table, and returns what adds a line with the notice; no text is a formula to a spreadsheet."""
    writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
    writer.writeheader()
    return lambda row: writer.writerow(plain(row))


def plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A line as it stands in a table."""
    return {name: harmless(value) for name, value in row.items()} | {"notice": NOTICE}


def table(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A whole table as a file's bytes."""
    text = StringIO(newline="")
    add = row_writer(text, columns)
    for row in rows:
        add(row)
    return text.getvalue().encode()
