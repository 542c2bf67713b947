"""Pictures of the kind that people send: crops of cells, and much that is no red cell, as `index.csv` says of each."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from jdm_core.images.find import prepare
from jdm_core.images.refused import CellImageError
from training.data.members import DataError
from training.data.microscopes.sample import Known, Role, Sample, framed

LARGEST_CROP = 256  # pixels of a side: what is larger shows a field, whatever is said of its cells
NO_RED_CELL = ("thick", "leukocyte", "no cell", "not ")  # how the words for them begin


def read_uploads(folder: Path) -> Sample:
    """Every picture that shows one cell, or none; fields are left out. Raises DataError."""
    path = folder / "index.csv"
    shown: list[tuple[Path, str, Role]] = []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                role = _role(row["size"], row["true_label"])
                if role is not None:
                    shown.append((folder / row["file"], row["true_label"], role))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not an index of pictures ({type(error).__name__}: {error})") from error
    if missing := [file for file, _, _ in shown if not file.is_file()]:
        raise DataError(f"{missing[0]}: no such file, though {path.name} names it")

    def frame(picture: tuple[Path, str, Role]) -> Iterator[tuple[Known, np.ndarray | str]]:
        file, words, role = picture
        known = Known(role, words, file.name, "report", batch=file.name)
        try:
            yield known, prepare(file).cell
        except CellImageError as error:
            yield known, f"unreadable ({file.name}: {error.reason})"  # figures name no folder

    return framed("uploads", "uploads", "", frame, shown)


def _role(size: str, words: str) -> Role | None:
    """What a picture of a size, "WIDTHxHEIGHT", shows by the words of the index; None for a field."""
    if words.startswith(NO_RED_CELL):
        return "no red cell"
    if max(int(side) for side in size.split("x")) > LARGEST_CROP or "field" in words:
        return None
    if words.startswith("infected"):
        return "infected"
    return "healthy" if words.startswith("uninfected") else None
