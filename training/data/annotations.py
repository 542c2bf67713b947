"""Whole microscope fields and what annotators marked in them: a picture a field, and boxes in its pixels."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from training.data.members import DataError


@dataclass(frozen=True)
class Box:
    """What an annotator marked: the kind of cell, and the box's left upper corner and sides in pixels."""

    kind: str
    x: float
    y: float
    w: float
    h: float


@dataclass(frozen=True)
class Field:
    """A field's image file and its boxes, in the order of the annotations."""

    path: Path
    boxes: tuple[Box, ...]


def read_fields(folder: Path) -> list[Field]:
    """The fields of a folder by name; DataError where the annotations are none or name a file that is not there."""
    return read_marked_fields(folder / "annotations.json", typed_boxes)


def read_marked_fields(path: Path, boxes_of: Callable[[Any], tuple[Box, ...]]) -> list[Field]:
    """The fields beside a JSON list of {image_name, ...}, by name; `boxes_of` an entry gives its boxes. DataError."""
    folder = path.parent
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        fields = [Field(folder / "fields" / entry["image_name"], boxes_of(entry)) for entry in entries]
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: not annotations of fields ({type(error).__name__}: {error})") from error
    for field in fields:
        if not field.path.is_file():
            raise DataError(f"{field.path}: no such file, though {path.name} names it")
    if not fields:
        raise DataError(f"{path}: names no field")
    return sorted(fields, key=lambda field: field.path.name)


def read_pixels(path: Path) -> np.ndarray:
    """A field's pixels, uint8 (H, W, 3); DataError where it cannot be read."""
    try:
        with Image.open(path) as image:
            return np.array(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise DataError(f"{path}: unreadable ({type(error).__name__})") from error


def typed_boxes(entry: dict[str, Any]) -> tuple[Box, ...]:
    """The boxes of an entry whose objects have a type and a bbox."""
    return tuple(_box(marked) for marked in entry["objects"])


def _box(marked: dict[str, Any]) -> Box:
    sides = marked["bbox"]
    return Box(str(marked["type"]), float(sides["x"]), float(sides["y"]), float(sides["w"]), float(sides["h"]))
