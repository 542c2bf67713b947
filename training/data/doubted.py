"""Cells whose label is in doubt: those that networks trained without them contradict, kept as names and figures.

One row a cell: file, slide, label as given, and what the networks give that label. `training.run.doubts` finds them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from training.data.marks import BUNDLED, read_rows, write_rows
from training.data.members import DataError, slide_of

COLUMNS = ("file", "slide", "label", "given")
FILE = BUNDLED / "doubted.csv"

Doubted = dict[str, float]  # of each cell, by `key_of`, the probability of its own label


def key_of(member: str) -> str:
    """A cell's name in every archive of the same cells: class folder and file name, whatever it is packed as."""
    path = PurePosixPath(member)
    return f"{path.parent.name}/{path.stem}"


def read_doubted(path: Path | None = None) -> Doubted:
    """The doubted cells of a file, of the bundled one unless told; DataError where it is missing or not one."""
    path = FILE if path is None else path
    if not path.is_file():
        raise DataError(f"{path}: no such file; `python -m training doubts` writes it")
    found: Doubted = {}

    def take(row: Mapping[str, str]) -> None:
        given = float(row["given"])
        if not 0 <= given <= 1:
            raise ValueError(f"{given:g} is no probability")
        found[key_of(row["file"])] = given

    read_rows(path, COLUMNS, take)
    return found


def write_doubted(path: Path, members: Sequence[str], labels: Sequence[str], given: Sequence[float]) -> None:
    """Writes the cells with the probability that each one's label is given, the least likely first, atomically."""
    order = sorted(range(len(members)), key=lambda i: (given[i], members[i]))
    rows = [(members[i], slide_of(members[i]), labels[i], f"{given[i]:.4f}") for i in order]
    write_rows(path, COLUMNS, rows)


def sure_labels(members: Sequence[str], doubted: Doubted) -> np.ndarray:
    """Which cells' labels nothing contradicts, (N,) bool."""
    return np.array([key_of(member) not in doubted for member in members], dtype=bool)
