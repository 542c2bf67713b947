"""Red cells of other microscopes, and what beside them in the same fields is none: to fit on, and to report."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jdm_core.images.find import find_cell
from jdm_core.images.read import image_files
from training.data.annotations import read_pixels
from training.data.microscopes.places import PLACES, Place
from training.data.microscopes.sample import Part, Role, Sample, part_of_field

SHARES = (0.3, 1.0)  # of a field's shorter side: many cells lie in a window so large
TRIES = 4  # windows of a field
AMONG = 3.0  # how much what lies among red cells counts in a fit, beside all else that is none: it is what people meet


@dataclass(frozen=True)
class Pictures:
    """Pictures uint8 (H, W, 3) of a set's part, whether they are red cells, and each one's field.

    labels are 0 for an infected red cell, 1 for a healthy one, -1 for what is none; weight is how much they count in a
    fit beside other pictures, however many they are.
    """

    title: str
    what: str
    cells: list[np.ndarray]
    groups: list[str]
    labels: list[int]
    fitted: bool
    weight: float = 1.0

    @property
    def red(self) -> bool:
        """Whether they are red cells."""
        return self.what == "red cells"


def read_pictures(folder: Path, at_most: int, seed: int) -> dict[Part, list[Pictures]]:
    """What each set below the folder shows, at most so many of a kind and part: red cells, no red cells, windows.

    Windows are crops of whole fields in which no single cell is found. What may not be fitted on has no developers'
    part. Raises DataError for a set that is not there.
    """
    found: dict[Part, list[Pictures]] = {"developer": [], "report": []}
    for place in PLACES:
        sample = place.read(folder / place.path, at_most, seed)
        for part in found:
            if part == "report" or place.fitted:
                found[part] += [one for one in _of_part(folder, place, sample, part, at_most, seed) if one.cells]
    return found


def _of_part(folder: Path, place: Place, sample: Sample, part: Part, at_most: int, seed: int) -> Iterator[Pictures]:
    kinds: dict[str, tuple[Role, ...]] = {"red cells": ("infected", "healthy"), "no red cells": ("no red cell",)}
    for what, roles in kinds.items():
        chosen = sample.where(part, *roles)
        known = [sample.known[i] for i in chosen]
        cells, groups = [sample.cells[i] for i in chosen], [one.field for one in known]
        labels = [{"infected": 0, "healthy": 1}.get(one.role, -1) for one in known]
        yield Pictures(
            sample.title, what, cells, groups, labels, place.fitted, AMONG if what == "no red cells" else 1.0
        )
    fields = folder / place.path / "fields"
    if fields.is_dir():
        yield _windows(sample.title, fields, part, at_most // 4, seed, place.fitted)


def _windows(title: str, folder: Path, part: Part, count: int, seed: int, fitted: bool) -> Pictures:
    generator = np.random.default_rng(seed)
    files = [path for path in image_files([folder]) if part_of_field(path.name) == part]
    cells, groups = [], []
    for i in generator.permutation(len(files)):
        pixels = read_pixels(files[i])
        for _ in range(TRIES):
            side = round(generator.uniform(*SHARES) * min(pixels.shape[:2]))
            top, left = (int(generator.integers(length - side + 1)) for length in pixels.shape[:2])
            finding = find_cell(pixels[top : top + side, left : left + side])
            if finding.status != "cut out":
                cells.append(finding.cell)
                groups.append(files[i].name)
        if len(cells) >= count:
            break
    return Pictures(title, "windows of fields", cells[:count], groups[:count], [-1] * len(cells[:count]), fitted)
