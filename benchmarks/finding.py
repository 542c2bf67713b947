"""python -m benchmarks.finding --data FIELDS: how often is the cell that a crop means the one that is cut out?

Crops are made around hand-marked cells of whole fields (`annotations.json` and `fields/*`, as IML has them). A crop
counts as right where the box of what was cut out meets the marked one, with an intersection over union of 0.5 or more.
"""

import argparse
import random
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from jdm_core.field.boxes import overlaps
from jdm_core.images.find import Finding, find_cell
from training.data.fields import Box, Field, read_fields

MARGIN = 0.35  # of a box's sides, added on each
RIGHT = 0.5  # intersection over union


def main() -> None:
    """Prints the number of crops, how they were read, and the share that was right."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.finding", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="FIELDS", help="annotations.json and fields/")
    parser.add_argument("--cells", type=int, default=400, help="marked cells, drawn at random (default: 400)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    marked = [(field, box) for field in read_fields(options.data) for box in field.boxes]
    drawn = random.Random(options.seed).sample(marked, min(options.cells, len(marked)))
    right, statuses = 0, Counter[str]()
    for field, box in drawn:
        finding, here = _found(field, box)
        statuses[finding.status] += 1
        right += finding.status == "cut out" and overlap(finding.outline, here) >= RIGHT
    print(f"{len(drawn)} crops: {', '.join(f'{count} {status}' for status, count in statuses.most_common())}")
    print(f"right: {right}, {right / len(drawn):.1%}")


def _found(field: Field, box: Box) -> tuple[Finding, tuple[float, float, float, float]]:
    """What is found in the crop around a box, and the box within it: x, y, w, h."""
    with Image.open(field.path) as image:
        left, top = max(0, round(box.x - MARGIN * box.w)), max(0, round(box.y - MARGIN * box.h))
        right = min(image.width, round(box.x + (1 + MARGIN) * box.w))
        bottom = min(image.height, round(box.y + (1 + MARGIN) * box.h))
        pixels = np.asarray(image.convert("RGB").crop((left, top, right, bottom)))
    return find_cell(pixels), (box.x - left, box.y - top, box.w, box.h)


def overlap(outline: np.ndarray, box: tuple[float, float, float, float]) -> float:
    """Intersection over union of the box around an outline (H, W) bool and another: x, y, w, h."""
    rows, columns = np.flatnonzero(outline.any(axis=1)), np.flatnonzero(outline.any(axis=0))
    found = columns[0], rows[0], columns[-1] + 1 - columns[0], rows[-1] + 1 - rows[0]
    return float(overlaps(np.array([found], float), np.array([box]))[0, 0])


if __name__ == "__main__":
    main()
