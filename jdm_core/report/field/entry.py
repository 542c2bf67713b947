"""Fields with a person's readings of their cells, and what they come to: one smear's counts, defined once."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np

from jdm_core.checkpoint.familiarity import FAMILIAR, OTHER
from jdm_core.checkpoint.reading import Reading
from jdm_core.field.estimate import RED_CELLS, Estimate, estimated_share, reviewed_share
from jdm_core.field.found import READ, STATUSES
from jdm_core.field.results import Field

INFECTED, HEALTHY, UNSURE, NO_CELL = "Parasitized", "Uninfected", "unsure", "no cell"
READINGS = (INFECTED, HEALTHY, UNSURE, NO_CELL)  # what a person may say of a cell; the last takes it out of the count


@dataclass(frozen=True)
class FieldEntry:
    """A field that was read, under the name `file`, with a person's readings: index of a cell -> one of READINGS.

    sha256 is the digest of the picture's pixels (`content_sha256`). Cells that a person added are rows of the field
    too, and `added` holds their indices. seconds is what reading took; pixels uint8 (H, W, 3) are needed to mark the
    picture, and nowhere else. origin (x, y) is where the picture lies in a larger one, in whose pixels boxes and
    outlines are told.
    """

    file: str
    sha256: str
    field: Field
    readings: Mapping[int, str] = dataclasses.field(default_factory=dict)
    added: frozenset[int] = frozenset()
    seconds: float | None = None
    pixels: np.ndarray | None = None
    origin: tuple[int, int] = (0, 0)

    def box(self, cell: int) -> np.ndarray:
        """A cell's box (4,) of x, y, w, h, from the origin."""
        return self.field.boxes[cell] + np.array((*self.origin, 0, 0), np.float32)

    def outline(self, cell: int) -> np.ndarray:
        """A cell's outline (P, 2) of x, y, from the origin."""
        return self.field.outlines[cell] + np.array(self.origin, np.float32)

    @property
    def stem(self) -> str:
        """The file's name without folders and ending."""
        return PurePath(self.file).stem

    @property
    def ranks(self) -> dict[int, int]:
        """The place of each cell that was read, 1 the most suspicious."""
        return {int(cell): place for place, cell in enumerate(self.field.order, 1)}

    def label_of(self, cell: int) -> str:
        """The classifier's label of a cell; "" where it was not read."""
        probabilities = self.field.probabilities[cell]
        return "" if np.isnan(probabilities).any() else self.field.labels[int(probabilities.argmax())]

    def totals(self) -> "Totals":
        """What this field's cells come to."""
        f, readings = self.field, np.array([self.readings.get(i, "") for i in range(len(self.field.status))], dtype=str)
        counts = {status: int((f.status == status).sum()) for status in STATUSES}
        if f.trouble:
            return Totals(1, counts)
        decided = np.isin(readings, (INFECTED, HEALTHY))
        counted = decided | ((f.status == READ) & (readings == ""))
        return Totals(
            fields=1,
            counts=counts,
            read=int(f.read.sum()),
            suspicious=int((f.suspicious & f.read).sum()),
            looked_at=int((f.suspicious & f.read & (readings != "")).sum()),
            reviewed=int((readings != "").sum()),
            infected=int((readings == INFECTED).sum()),
            counted=int(counted.sum()),
            unsure=int((readings == UNSURE).sum()),
            familiar=int((f.kind[f.read] == FAMILIAR).sum()),
        )


@dataclass(frozen=True)
class Totals:
    """The cells of one field or of several: what was found, by status, and what became of it.

    Of the cells that were `read`, `suspicious` ones are to be looked at, and `looked_at` have a reading. A person
    read `reviewed` cells in all. `counted` are the cells of the reviewed count, of which `infected` are the numerator:
    what was read by the machine or by a person, without what the person took out or was unsure of; what nobody looked
    at counts as healthy. Fields whose cells cannot be counted have their counts by status and zeros else.
    """

    fields: int
    counts: Mapping[str, int]
    read: int = 0
    suspicious: int = 0
    looked_at: int = 0
    reviewed: int = 0
    infected: int = 0
    counted: int = 0
    unsure: int = 0
    familiar: int = 0

    @property
    def found(self) -> int:
        """Things found, of every status."""
        return sum(self.counts.values())

    def __add__(self, other: "Totals") -> "Totals":
        counts = {status: self.counts[status] + other.counts[status] for status in STATUSES}
        numbers = {name: getattr(self, name) + getattr(other, name) for name in self.__dict__ if name != "counts"}
        return Totals(counts=counts, **numbers)

    def reviewed_share(self) -> Estimate | None:
        """The share by a person's readings, with its exact interval; None before the first reading."""
        return reviewed_share(self.infected, self.counted) if self.reviewed else None

    def reading(self, known: Mapping[str, Reading]) -> Reading | None:
        """Of how well a checkpoint reads cells of each kind, that of the kind that most of these are of."""
        return known.get(FAMILIAR if 2 * self.familiar >= self.read else OTHER)

    def estimate(self, known: Mapping[str, Reading]) -> Estimate | None:
        """The machine's own estimate of the share; None where it is not known how well it reads, or nothing was."""
        reading = self.reading(known)
        return estimated_share(self.suspicious, self.read, reading) if reading and self.read else None


NOTHING = Totals(0, dict.fromkeys(STATUSES, 0))


@dataclass(frozen=True)
class Smear:
    """Fields of one smear, and what their reports say beside them.

    model is what `model_fields` says of the checkpoint; known, by kind of cell, how well it reads (`readings` of the
    checkpoint; where nothing is known the machine makes no estimate); red_cells_per_ul turns shares into counts per µL
    of blood.
    """

    name: str
    fields: tuple[FieldEntry, ...]
    model: Mapping[str, Any]
    known: Mapping[str, Reading] = dataclasses.field(default_factory=dict)
    red_cells_per_ul: float = RED_CELLS

    def totals(self) -> Totals:
        """What the cells of all fields come to."""
        return sum((entry.totals() for entry in self.fields), NOTHING)
