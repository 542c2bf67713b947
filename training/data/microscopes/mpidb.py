"""MP-IDB: crops of cells in folders by label, and whole fields with boxes round the parasites."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.measure import regionprops
from skimage.segmentation import watershed

from jdm_core.images.find import prepare
from jdm_core.images.refused import CellImageError
from training.data import marks
from training.data.annotations import Box, Field, read_marked_fields, read_pixels, typed_boxes
from training.data.fields import stained
from training.data.members import DataError
from training.data.microscopes.sample import Known, Role, Sample, choose, framed, part_of_field

ROLES: dict[str, Role] = {"Parasitized": "infected", "Uninfected": "healthy", "Lookalike": "lookalike"}
REDUCED = 4  # so many times is a field reduced in which cells are looked for
RADIUS = 17  # pixels of a reduced cell
HOLE, LEAST_AREA, MOST_AREA = 300, 450, 1600  # pixels: a pale centre, and what is one cell
SOLID = 0.93  # of its convex hull: what covers less is more than one cell, or a piece
BLUE = (np.array((0, 0, 200)), np.array((90, 90, 255)))  # of the boxes that are burnt into some fields


@dataclass(frozen=True)
class Pointed:
    """An infected cell uint8 (h, w, 3) on black, where its parasites lie in shares of its sides, and its field."""

    cell: np.ndarray
    parasites: tuple[marks.Box, ...]
    known: Known


def read_mpidb(folder: Path, at_most: int, seed: int) -> Sample:
    """Crops of the folder, framed as uploads are, at most so many of a role and part. Raises DataError.

    A smear is a batch. There are too few smears to be the units of an interval.
    """
    files = [path for label in ROLES for path in sorted((folder / "cells" / label).glob("*.webp"))]
    if not files:
        raise DataError(f"{folder / 'cells'}: no crops in {', '.join(ROLES)}")

    def frame(item: tuple[int, Known]) -> Iterator[tuple[Known, np.ndarray | str]]:
        i, known = item
        try:
            found = prepare(files[i])
        except CellImageError as error:
            raise DataError(str(error)) from error
        yield known, found.cell if found.status in ("cut out", "as given") else "no single cell found"

    known = [_known(ROLES[path.parent.name], "", path.stem) for path in files]
    return framed("mpidb", "MP-IDB, P. falciparum", "", frame, choose(known, at_most, seed))


def read_parasites(folder: Path) -> list[Pointed]:
    """The whole cells of the folder's fields that hold the middle of a boxed parasite. Raises DataError.

    Cells that the picture cuts off, clumps, and those with a burnt-in box are left out.
    """
    fields = read_marked_fields(folder / "parasites.json", typed_boxes)
    return [pointed for field in fields for pointed in _pointed(field)]


def _pointed(field: Field) -> Iterator[Pointed]:
    pixels = read_pixels(field.path)
    height, width = pixels.shape[:2]
    regions = _regions(np.array(Image.fromarray(pixels).reduce(REDUCED)))
    for cell in regionprops(regions):
        top, left, bottom, right = (side * REDUCED for side in cell.bbox)
        inside = [box for box in field.boxes if _at(regions, box.y + box.h / 2, box.x + box.w / 2) == cell.label]
        cut_off = min(top, left) <= 0 or bottom >= height - REDUCED or right >= width - REDUCED
        if not inside or cut_off or not LEAST_AREA < cell.area < MOST_AREA or cell.solidity < SOLID:
            continue
        mask = np.kron(cell.image_filled, np.ones((REDUCED, REDUCED), dtype=bool))
        crop = pixels[top:bottom, left:right] * mask[:, :, None]
        if ((crop >= BLUE[0]) & (crop <= BLUE[1])).all(axis=2).any():
            continue
        shares = (_share(box, left, top, right - left, bottom - top) for box in inside)
        yield Pointed(crop, tuple(shares), _known("infected", "", field.path.stem))


def _regions(pixels: np.ndarray) -> np.ndarray:
    """The cells of a reduced field uint8 (h, w, 3), numbered from 1: (h, w) int, parted at their necks."""
    mask = stained(pixels)
    gaps = np.empty(mask.shape, dtype=np.int32)
    ndimage.label(~mask, output=gaps)
    mask |= np.bincount(gaps.ravel())[gaps] <= HOLE
    distance = ndimage.gaussian_filter(np.asarray(ndimage.distance_transform_edt(mask)), 1)
    peaks = peak_local_max(distance, min_distance=RADIUS // 2, threshold_abs=RADIUS / 2)
    seeds = np.zeros(mask.shape, dtype=int)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, seeds, mask=mask)


def _at(regions: np.ndarray, y: float, x: float) -> int:
    """The number of the region at a place of the field in full."""
    row, column = (min(int(place / REDUCED), side - 1) for place, side in zip((y, x), regions.shape, strict=True))
    return int(regions[row, column])


def _share(box: Box, left: int, top: int, width: int, height: int) -> marks.Box:
    """A box of the field in shares of a crop, as far as it lies in it."""
    x, y = (box.x - left) / width, (box.y - top) / height
    edges = (x, y, x + box.w / width, y + box.h / height)
    return marks.Box(*(min(max(edge, 0.0), 1.0) for edge in edges))


def _known(role: Role, kind: str, stem: str) -> Known:
    """What a name says: what stands before the first hyphen is the smear, what before the underscore the field."""
    field, smear = stem.split("_")[0], stem.split("-")[0]
    return Known(role, kind, field, part_of_field(field), batch=smear, smear=smear)
