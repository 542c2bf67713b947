"""Uploads as the page takes them: their names, their pixels, and the cell in them, found and not too large."""

import re
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np

from jdm_core import CellImageError
from jdm_core.images.find import Finding, located, reduced
from jdm_core.images.limits import OF_CELL, Bounds
from web.compute.decoding import read_pixels

SIDE = 1024  # pixels; an edit of more takes some 60 bytes for each, and a page shows half as many a side
STEM_CHARACTERS = 60


def read_upload(upload: dict[str, Any], bounds: Bounds = OF_CELL) -> tuple[str, np.ndarray]:
    """The user's name of an uploaded file, and its pixels, of a cell or within other bounds.

    Raises CellImageError, which never names the path here.
    """
    name, path = _named(upload)
    return name, read_pixels(path, name, bounds)


def find_upload(upload: dict[str, Any], as_given: bool) -> tuple[str, Finding]:
    """The user's name of an uploaded file, and its cell, found as the page finds it. Raises CellImageError likewise."""
    name, path = _named(upload)
    return name, find(path, name, as_given)


def _named(upload: dict[str, Any]) -> tuple[str, str]:
    path = upload.get("path")
    name = PureWindowsPath(upload.get("orig_name") or path or "").name or "image"  # parts of either kind of path go
    if not path:
        raise CellImageError(name, "not an uploaded file")
    return name, path


def find(source: str | Path | bytes | np.ndarray, name: str, as_given: bool = False) -> Finding:
    """The cell of a file, of its bytes or of pixels uint8 (H, W, 3), with at most `SIDE` pixels a side.

    Raises CellImageError.
    """
    pixels = source if isinstance(source, np.ndarray) else read_pixels(source, name)
    return reduced(located(pixels, not as_given), SIDE)


def plain_stem(name: str) -> str:
    """A file's name without its ending, in characters that every system takes, and not too many."""
    return re.sub(r"[^\w-]+", "_", name.rsplit(".", 1)[0], flags=re.ASCII).strip("_")[-STEM_CHARACTERS:] or "cell"
