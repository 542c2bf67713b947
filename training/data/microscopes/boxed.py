"""Sets of whole fields with a box per cell: IML, BBBC041, BCCD, and anybody's own in their layout."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.data.annotations import Field, read_fields, read_pixels
from training.data.fields import KINDS, cut_cell, marked_twice, stained
from training.data.microscopes.sample import Known, Part, Role, Sample, choose_of_fields, framed, part_of_field

NO_RED_CELL = ("leukocyte", "platelet")


@dataclass(frozen=True)
class BoxedSet:
    """A set in the layout of `training.data.annotations`; cells of a `dark` stain may be black without being dirty."""

    name: str
    title: str
    dark: bool = False

    def read(self, folder: Path, at_most: int, seed: int) -> Sample:
        """Cells of the folder, at most so many of a role and part. Raises DataError."""
        fields = read_fields(folder)
        places = [(field, i) for field in fields for i, box in enumerate(field.boxes) if _role(box.kind)]
        known = [_known(field, i) for field, i in places]
        return self._framed(fields, choose_of_fields(places, known, at_most, seed))

    def read_whole(self, folder: Path, part: Part, at_most: int, seed: int) -> Sample:
        """All cells of at most so many fields of a part, drawn, those with infected cells first. Raises DataError."""
        fields = [field for field in read_fields(folder) if part_of_field(field.path.name) == part]
        order = np.random.default_rng(seed).permutation(len(fields)).tolist()
        order.sort(key=lambda i: not any(_role(box.kind) == "infected" for box in fields[i].boxes))
        chosen = [fields[i] for i in sorted(order[:at_most])]
        wanted = {f.path.name: {i: _known(f, i) for i, box in enumerate(f.boxes) if _role(box.kind)} for f in chosen}
        return self._framed(chosen, wanted)

    def _framed(self, fields: Sequence[Field], wanted: Mapping[str, Mapping[int, Known]]) -> Sample:
        def frame(field: Field) -> Iterator[tuple[Known, np.ndarray | str]]:
            pixels = read_pixels(field.path)
            foreground, twice = stained(pixels), marked_twice(field.boxes)
            single = [i for i in range(len(field.boxes)) if i not in twice]
            boxes = [field.boxes[i] for i in single]
            for i, facts in wanted[field.path.name].items():
                if i in twice:
                    yield facts, "marked twice"
                else:
                    yield facts, cut_cell(pixels, foreground, boxes, single.index(i), self.dark)

        return framed(self.name, self.title, "field", frame, [field for field in fields if field.path.name in wanted])


def _role(kind: str) -> Role | None:
    """What a kind of box is; None for what is neither, as a difficult cell."""
    if kind in KINDS:
        return "infected" if KINDS[kind] == "Parasitized" else "healthy"
    return "no red cell" if kind in NO_RED_CELL else None


def _known(field: Field, i: int) -> Known:
    kind, name = field.boxes[i].kind, field.path.name
    role = _role(kind)
    assert role is not None
    return Known(role, kind, name, part_of_field(name), batch=name)
