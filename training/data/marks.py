"""What annotators say, kept as CSV files; of them where the parasite is: boxes drawn by hand on cells that a seed drew.

One row a box: file, slide, and left, top, right, bottom as shares of the crop's width and height. A cell on which the
annotator found no parasite is one row without numbers.
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain
from pathlib import Path

import numpy as np

from jdm_core.files import replace_file
from training.data.members import DataError, slide_of

COLUMNS = ("file", "slide", "left", "top", "right", "bottom")
AT_MOST_A_SLIDE = 5
BUNDLED = Path(str(files("training") / "marks"))


@dataclass(frozen=True)
class Box:
    """A rectangle in shares of a picture's width and height, 0 ≤ left < right ≤ 1 and 0 ≤ top < bottom ≤ 1."""

    left: float
    top: float
    right: float
    bottom: float

    def __post_init__(self) -> None:
        if not (0 <= self.left < self.right <= 1 and 0 <= self.top < self.bottom <= 1):
            raise ValueError(f"box {self.left:g}, {self.top:g}, {self.right:g}, {self.bottom:g}: not within the cell")


Marks = dict[str, tuple[Box, ...]]  # the boxes of each file; none where no parasite was found


def draw_members(members: Sequence[str], count: int, seed: int) -> list[str]:
    """Up to `count` members in an order that `seed` decides, at most five of one slide."""
    order = np.random.default_rng(seed).permutation(len(members))
    of_slide: Counter[str] = Counter()
    drawn = []
    for member in (sorted(members)[i] for i in order):
        if len(drawn) < count and of_slide[slide_of(member)] < AT_MOST_A_SLIDE:
            of_slide[slide_of(member)] += 1
            drawn.append(member)
    return drawn


def read_marks(path: Path) -> Marks:
    """The marks of a CSV file, in its order; DataError that names the file, the line and the reason."""
    marks: Marks = {}

    def take(row: Mapping[str, str]) -> None:
        corners = [row[column] for column in COLUMNS[2:]]
        box = (Box(*map(float, corners)),) if any(corners) else ()
        if row["file"] in marks and not (box and marks[row["file"]]):
            raise ValueError(f"{row['file']} stands there twice")
        marks[row["file"]] = marks.get(row["file"], ()) + box

    read_rows(path, COLUMNS, take)
    return marks


def write_marks(path: Path, marks: Mapping[str, Iterable[Box]]) -> None:
    """Writes marks as CSV, atomically, to three places: half a pixel of a crop of 500."""
    rows: list[tuple[str, ...]] = []
    for name, boxes in marks.items():
        corners = [tuple(f"{v:.3f}" for v in (b.left, b.top, b.right, b.bottom)) for b in boxes] or [("",) * 4]
        rows += [(name, slide_of(name), *four) for four in corners]
    write_rows(path, COLUMNS, rows)


def box_mask(boxes: Iterable[Box], size: int) -> np.ndarray:
    """The pixels of a size×size square that lie in a box by half or more of their area: (size, size) bool.

    Whatever its size, a box holds at least the pixel of its centre.
    """
    covered, inside = np.zeros((size, size)), np.zeros((size, size), dtype=bool)
    edges = np.arange(size)
    for box in boxes:
        x = np.clip(np.minimum(edges + 1, box.right * size) - np.maximum(edges, box.left * size), 0, 1)
        y = np.clip(np.minimum(edges + 1, box.bottom * size) - np.maximum(edges, box.top * size), 0, 1)
        covered = np.maximum(covered, np.outer(y, x))
        inside[int((box.top + box.bottom) / 2 * size), int((box.left + box.right) / 2 * size)] = True
    return inside | (covered >= 0.5)


def agreement(first: Mapping[str, Sequence[Box]], second: Mapping[str, Sequence[Box]], size: int = 256) -> np.ndarray:
    """Intersection over union of the marked areas of the files in both, (N,), of those where either has a box."""
    values = []
    for name in (name for name in second if name in first and chain(first[name], second[name])):
        a, b = box_mask(first[name], size), box_mask(second[name], size)
        if (a | b).any():
            values.append((a & b).sum() / (a | b).sum())
    return np.array(values)


def find_marks(name: str) -> Path:
    """A file of annotations, or the bundled one of that name."""
    return Path(name) if Path(name).exists() else BUNDLED / name


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
