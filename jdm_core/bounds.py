"""What numbers from elsewhere may be: every limit on a checkpoint's words, checked before anything is allocated."""

import math
import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from reprlib import repr as shortened

MAX_IMAGE_SIDE = 512
LARGEST = 1e30  # of a calibration: what is divided by its inverse stays finite
MAX_LEVEL_VALUES = 2**22  # channels times pixels of a level: 16 MiB for each feature map of an image
MAX_ATTENTION_SIDE = 64  # pixels a side: every one of them is compared with every other
RANGES = {
    "image_size": (1, MAX_IMAGE_SIDE),
    "image_channels": (1, 4),
    "fold": (1, 16),
    "levels": (1, 8),
    "width": (16, 2048),
    "block count": (1, 16),
    "embedding": (4, 2048),
    "classes": (2, 1000),
    "draws": (3, 1024),  # a standard error needs three
    "seed": (0, 2**31 - 1),
}
_SHA256 = re.compile("[0-9a-f]{64}")


def check_range(name: str, value: int) -> None:
    """Raises ValueError for a number outside of what `RANGES` gives."""
    low, high = RANGES[name]
    if not low <= value <= high:
        raise ValueError(f"{name}: {shortened(value)} is not within {low} to {high}")


def check_figure(name: str, value: float, low: float, high: float) -> None:
    """Raises ValueError for a number that is NaN or outside of an interval."""
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name}: {shortened(value)} is not within {low:g} to {high:g}")


def check_temperature(name: str, value: float) -> None:
    """Raises ValueError for a temperature that is NaN, 0, or below, which would turn a verdict round.

    One that was fitted to a network which knows nothing may be very large.
    """
    check_figure(name, value, 1 / LARGEST, LARGEST)


def check_labels(labels: Sequence[str]) -> None:
    """Raises ValueError where labels are not short, different words on one line each."""
    if len(labels) > RANGES["classes"][1]:
        raise ValueError(f"labels: {len(labels)} of them, where {RANGES['classes'][1]} are the most")
    for label in labels:
        if not (0 < len(label) <= 100 and label.isprintable() and label.strip() == label):
            raise ValueError(f"labels: {shortened(label)} is no word")
    if len(set(labels)) != len(labels):
        raise ValueError("labels: one of them twice")


def check_digest(name: str, digest: str) -> None:
    """Raises ValueError for what is not a sha256 in hexadecimal digits."""
    if not _SHA256.fullmatch(digest):
        raise ValueError(f"{name}: {shortened(digest)} is not a sha256 of 64 hexadecimal digits")


def check_relative(name: str, path: str) -> None:
    """Raises ValueError for a path that may lead out of its folder, on any system, or that no file can have."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path or ":" in path:
        raise ValueError(f"{name}: {shortened(path)} is not a path within its folder")
    if len(path) > 200 or not path.isprintable():
        raise ValueError(f"{name}: {shortened(path)} is not the name of a file")
