"""Which of what was found in a field is which of what was marked in it."""

from dataclasses import dataclass

import numpy as np

from jdm_core.field.boxes import overlaps
from jdm_core.field.found import CLUMP, READ, Found
from training.studies.field.marked import Marked

OVERLAP = 0.5  # intersection over union from which two boxes are of one cell
BORDER = 2.0  # pixels: what comes so near to the picture's side is cut off


@dataclass(frozen=True)
class Match:
    """Of the m marks of a field and the n things found in it.

    counted (m,) bool: red cells whose box does not touch the border; met (m,): the thing that reads it, or -1; clumped
    (m,) bool: its middle lies in a clump; known (n,) bool: things read that some mark is of; whole (n,) bool: things
    read that do not touch the border; infected (n,) bool: things read of which a mark says so.
    """

    counted: np.ndarray
    met: np.ndarray
    clumped: np.ndarray
    known: np.ndarray
    whole: np.ndarray
    infected: np.ndarray


def match(found: Found, marked: Marked, holds: str) -> Match:
    """Boxes of cells by their overlap; centres of cells and parasites by the outline in which their middle lies."""
    height, width = found.size
    x, y, w, h = (marked.boxes[:, k] for k in range(4))
    middle = np.stack([x + w / 2, y + h / 2], axis=1)
    read = found.status == READ
    if holds == "cells":
        counted = marked.red & (x > BORDER) & (y > BORDER) & (x + w < width - BORDER) & (y + h < height - BORDER)
        overlap = overlaps(marked.boxes, found.boxes) * read[None]
        best = overlap.argmax(1) if overlap.shape[1] else np.zeros(len(overlap), int)
        met = np.where(overlap.max(1, initial=0) >= OVERLAP, best, -1)
        known = overlap[marked.red].max(0, initial=0) >= OVERLAP
    else:
        counted = marked.red & (middle > BORDER).all(1) & (middle < (width - BORDER, height - BORDER)).all(1)
        inside = np.array([[_holds(outline, place) for outline in found.outlines] for place in middle], bool)
        inside = inside.reshape(len(middle), len(found.outlines))
        # A middle on the edge of the picture may lie in a cell that is cut off: nothing to be read.
        counted &= ~inside[:, ~read].any(1) | inside[:, read].any(1) | ~inside.any(1)
        inside = inside & read[None]
        met = np.where(inside.any(1), inside.argmax(1), -1)
        known = inside.any(0)
    clumps = [outline for outline, status in zip(found.outlines, found.status, strict=True) if status == CLUMP]
    clumped = np.array(
        [met_by < 0 and any(_holds(o, p) for o in clumps) for p, met_by in zip(middle, met, strict=True)]
    )
    infected = np.zeros(len(read), bool)
    infected[met[(met >= 0) & marked.infected]] = True
    low, high = found.boxes[:, :2], found.boxes[:, :2] + found.boxes[:, 2:]
    whole = read & (low > BORDER).all(1) & (high < (width - BORDER, height - BORDER)).all(1)
    return Match(counted, met, clumped, known & read, whole, infected)


def _holds(outline: np.ndarray, place: np.ndarray) -> bool:
    """Whether a place (2,) lies in an outline (P, 2): the number of edges to its right is odd (Shimrat 1962)."""
    (x0, y0), (x1, y1) = outline.T, np.roll(outline, -1, axis=0).T
    crosses = (y0 > place[1]) != (y1 > place[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x0 + (place[1] - y0) / (y1 - y0) * (x1 - x0)
    return bool((crosses & (place[0] < at)).sum() % 2)
