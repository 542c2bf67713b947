"""Fields in which somebody marked cells or parasites, of every microscope at hand, in one form."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.annotations import Box, Field, read_fields, read_marked_fields, typed_boxes
from training.data.fields import KINDS, marked_twice
from training.data.members import DataError
from training.data.microscopes.chula import read_points
from training.data.microscopes.places import IML, MPIDB
from training.data.microscopes.sample import Part, part_of_field

BLOCK = 10  # neighbouring fields of IML that are counted together as one smear


@dataclass(frozen=True)
class Marked:
    """A field's file, and what was marked in it: boxes (n, 4) of x, y, w, h; which are red cells, which infected.

    `smear` is what is counted together.
    """

    path: Path
    boxes: np.ndarray
    red: np.ndarray
    infected: np.ndarray
    smear: str
    part: Part


@dataclass(frozen=True)
class MarkedSet:
    """The marked fields of a microscope; what its boxes hold; and whether every red cell is marked."""

    name: str
    title: str
    holds: str  # "cells", "centres" or "parasites"
    fields: Sequence[Marked]


def read_marked(folder: Path, at_most: int, seed: int) -> tuple[list[MarkedSet], list[str]]:
    """The sets below a folder, at most so many fields of a part of each; and what of them is missing."""
    plain = folder / "microscopes"
    known: tuple[tuple[str, str, str, Callable[[], list[Field]], Callable[[str], str]], ...] = (
        ("iml", "IML, P. vivax", "cells", lambda: read_fields(folder / IML), _block),
        ("bbbc041", "BBBC041, P. vivax", "cells", lambda: read_fields(plain / "bbbc041"), lambda name: Path(name).stem),
        ("bccd", "BCCD, no malaria", "cells", lambda: read_fields(plain / "bccd"), lambda _: "bccd"),
        ("chula", "Chula, no malaria", "centres", lambda: read_points(plain / "chula"), lambda _: "chula"),
        ("mpidb", "MP-IDB, P. falciparum", "parasites", lambda: _parasites(folder / MPIDB), lambda n: n.split("-")[0]),
    )
    sets, missing = [], []
    for name, title, holds, read, smear_of in known:
        try:
            fields = read()
        except DataError as error:
            missing.append(str(error))
            continue
        sets.append(MarkedSet(name, title, holds, [*_chosen(fields, holds, smear_of, at_most, seed)]))
    return sets, missing


def _parasites(folder: Path) -> list[Field]:
    return read_marked_fields(folder / "parasites.json", typed_boxes)


def _chosen(
    fields: Sequence[Field], holds: str, smear_of: Callable[[str], str], at_most: int, seed: int
) -> Sequence[Marked]:
    order = np.random.default_rng(seed).permutation(len(fields))
    taken: dict[Part, int] = {}
    chosen = []
    for i in order.tolist():
        part = part_of_field(fields[i].path.name)
        if taken.get(part, 0) < at_most:
            taken[part] = taken.get(part, 0) + 1
            chosen.append(_marked(fields[i], holds, smear_of(fields[i].path.name), part))
    return sorted(chosen, key=lambda one: one.path.name)


def _marked(field: Field, holds: str, smear: str, part: Part) -> Marked:
    twice = marked_twice(field.boxes) if holds == "cells" else set()
    boxes = [box for i, box in enumerate(field.boxes) if i not in twice]
    red = [holds != "cells" or box.kind in KINDS for box in boxes]
    infected = [_infected(box, holds) for box in boxes]
    corners = np.array([(box.x, box.y, box.w, box.h) for box in boxes], float).reshape(-1, 4)
    return Marked(field.path, corners, np.array(red, bool), np.array(infected, bool), smear, part)


def _infected(box: Box, holds: str) -> bool:
    return holds == "parasites" or KINDS.get(box.kind) == "Parasitized"


def _block(name: str) -> str:
    """Neighbouring fields of one microscope, numbered in the order in which they were taken."""
    digits = "".join(c for c in Path(name).stem if c.isdigit())
    return f"block {int(digits or 0) // BLOCK}"
