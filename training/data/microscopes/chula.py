"""Chula: whole fields without malaria, with the centre and the shape of every red cell."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from training.data.annotations import Box, Field, read_marked_fields, read_pixels
from training.data.fields import cut_cell, stained
from training.data.microscopes.sample import Known, Sample, choose_of_fields, framed, part_of_field

SIDE = 76  # pixels of the square round a centre in which its cell lies
LEAST = 0.08  # of the square: the cells are far smaller than it, and some than others


def read_chula(folder: Path, at_most: int, seed: int) -> Sample:
    """Healthy cells of the folder, at most so many of a part. Raises DataError."""
    fields = read_points(folder)
    places = [(field, i) for field in fields for i in range(len(field.boxes))]
    names = [(field.path.name, field.boxes[i].kind) for field, i in places]
    known = [Known("healthy", kind, name, part_of_field(name), batch=name) for name, kind in names]
    wanted = choose_of_fields(places, known, at_most, seed)

    def frame(field: Field) -> Iterator[tuple[Known, np.ndarray | str]]:
        pixels = read_pixels(field.path)
        foreground = stained(pixels)
        for i, facts in wanted[field.path.name].items():
            yield facts, cut_cell(pixels, foreground, field.boxes, i, least=LEAST)

    return framed("chula", "Chula, no malaria", "field", frame, [f for f in fields if f.path.name in wanted])


def read_points(folder: Path) -> list[Field]:
    """The fields of the folder, with a square round the centre of each marked cell. Raises DataError."""
    return read_marked_fields(folder / "points.json", _squares)


def _squares(entry: dict[str, Any]) -> tuple[Box, ...]:
    return tuple(
        Box(str(point["type"]), float(point["x"]) - SIDE / 2, float(point["y"]) - SIDE / 2, SIDE, SIDE)
        for point in entry["points"]
    )
