"""CSV files that an annotator fills: read with line and reason of what is wrong, written whole or not at all."""

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from jdm_core.files import replace_file
from training.data import DataError


def read_rows(path: Path, columns: Sequence[str], take: Callable[[Mapping[str, str]], None]) -> None:
    """Hands every row, in order, to `take`, whose ValueError or TypeError says what is wrong with one.

    Raises DataError that names the file, the line and the reason.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        try:
            if tuple(rows.fieldnames or ()) != tuple(columns):
                raise DataError(f"{path}: the first line is not {','.join(columns)}")
            for row in rows:
                take(row)
        except (ValueError, TypeError) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(f"{path}: line {rows.line_num}: {error}") from error


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes a line of names and the rows, atomically, in a folder that is made where it is missing."""

    def write(partial: Path) -> None:
        with partial.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows([columns, *rows])

    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, write)
