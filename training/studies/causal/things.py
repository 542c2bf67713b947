"""What is laid into healthy cells: parasites of other cells, and decoys that a stain or dust leaves on a slide."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from training.data.annotations import read_fields, read_pixels
from training.data.cells import squares
from training.data.marks import Box, Marks
from training.data.members import read_all
from training.data.microscopes.mpidb import read_parasites
from training.publish.edits import masks_of
from training.studies.causal.paste import SIDE, Thing, cut, drawn
from training.studies.stain import StainProxy

PARASITES = ("parasite", "parasite, MP-IDB")
DECOYS = ("platelet, BCCD", "stain of healthy cells", "purple dot, drawn", "dirt, drawn")
LARGEST = 0.5  # of a cell's side: more leaves it no place
LEAST_STAIN = 30  # pixels of 128 x 128: of the heaviest piece of stain of a healthy cell
DOT, DOT_STRENGTH = (4.0, 8.0), (0.4, 0.8)  # pixels: radius; optical density along chromatin's direction
SPECK, SPECK_STRENGTH = (3.0, 8.0), (0.5, 1.5)
GRAY = 0.6  # of a dot's density that all channels share


def marked_parasites(data: Path, marks: Marks) -> Iterator[Thing]:
    """The parasites in the boxes that are marked in cells of the data. Raises DataError."""
    names = [name for name, boxes in marks.items() if boxes]
    cells = squares(read_all(data, names), SIDE)
    for name, cell, mask in zip(names, cells, masks_of(cells), strict=True):
        yield from _cut_boxes(cell, mask, marks[name])


def parasites_of_mpidb(folder: Path) -> Iterator[Thing]:
    """The boxed parasites of MP-IDB's fields, in their cells brought to our size. Raises DataError."""
    found = read_parasites(folder)
    cells = squares([pointed.cell for pointed in found], SIDE)
    for pointed, cell, mask in zip(found, cells, masks_of(cells), strict=True):
        yield from _cut_boxes(cell, mask, pointed.parasites)


def platelets(folder: Path) -> Iterator[Thing]:
    """The boxed platelets of BCCD's fields, as large as beside a red cell of our size. Raises DataError."""
    for field in read_fields(folder):
        red = [max(box.w, box.h) for box in field.boxes if box.kind == "red blood cell"]
        own = [box for box in field.boxes if box.kind == "platelet"]
        if not red or not own:
            continue
        scale = SIDE / float(np.median(red))
        pixels = read_pixels(field.path)
        size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
        reduced = np.array(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
        free = np.ones(reduced.shape[:2], dtype=bool)
        for box in field.boxes:
            if box.kind != "platelet":
                top, left = round(box.y * scale), round(box.x * scale)
                free[top : top + round(box.h * scale), left : left + round(box.w * scale)] = False
        for box in own:
            edges = (box.x * scale, box.y * scale, (box.x + box.w) * scale, (box.y + box.h) * scale)
            if (thing := cut(reduced, free, edges)) is not None:
                yield thing


def stain_of(cells: np.ndarray, proxy: StainProxy) -> Iterator[Thing]:
    """The heaviest piece of stain of each healthy cell (N, S, S, 3) uint8 that has one."""
    for cell, mask, amount in zip(cells, masks_of(cells), proxy.maps(cells), strict=True):
        pieces = np.empty(amount.shape, dtype=np.int32)
        ndimage.label(amount > 0, np.ones((3, 3)), output=pieces)
        sums = np.bincount(pieces.ravel(), amount.ravel())[1:]
        if len(sums) and ((own := pieces == 1 + sums.argmax()).sum() >= LEAST_STAIN):
            rows, columns = np.flatnonzero(own.any(1)), np.flatnonzero(own.any(0))
            thing = cut(cell, mask, (columns[0] - 1, rows[0] - 1, columns[-1] + 2, rows[-1] + 2))
            if thing is not None and max(thing.weight.shape) <= LARGEST * len(cell):
                yield thing


def dots(proxy: StainProxy, count: int, seed: int) -> Iterator[Thing]:
    """Round drops of chromatin's own colour."""
    direction = proxy.direction / np.abs(proxy.direction).max() + GRAY
    for i in range(count):
        generator = np.random.default_rng((seed, i))
        radius = generator.uniform(*DOT)
        yield drawn(_disc(radius), generator.uniform(*DOT_STRENGTH) * direction)


def specks(count: int, seed: int) -> Iterator[Thing]:
    """Ragged dark specks that absorb all colours nearly alike."""
    for i in range(count):
        generator = np.random.default_rng((seed, i))
        radius = generator.uniform(*SPECK)
        disc = _disc(radius)
        ragged = ndimage.gaussian_filter(generator.normal(size=disc.shape), radius / 3)
        form = disc & (ragged > np.quantile(ragged[disc], 0.4))
        yield drawn(form, generator.uniform(*SPECK_STRENGTH) * generator.uniform(0.85, 1.0, 3))


def every_thing(
    data: Path, marks: Marks, sets: Mapping[str, Path], healthy: np.ndarray, proxy: StainProxy, count: int, seed: int
) -> dict[str, list[Thing]]:
    """At most `count` things of every kind, drawn by `seed`; `sets` are the folders of mpidb and bccd. DataError."""
    makers: dict[str, Callable[[], Iterator[Thing]]] = {
        PARASITES[0]: lambda: marked_parasites(data, marks),
        PARASITES[1]: lambda: parasites_of_mpidb(sets["mpidb"]),
        DECOYS[0]: lambda: platelets(sets["bccd"]),
        DECOYS[1]: lambda: stain_of(healthy, proxy),
        DECOYS[2]: lambda: dots(proxy, count, seed),
        DECOYS[3]: lambda: specks(count, seed),
    }
    things = {}
    for name, make in makers.items():
        found = list(make())
        order = np.random.default_rng(seed).permutation(len(found))[:count]
        things[name] = [found[i] for i in order]
    return things


def _cut_boxes(cell: np.ndarray, mask: np.ndarray, boxes: Sequence[Box]) -> Iterator[Thing]:
    """What boxes of a cell (S, S, 3) hold, less what is too large to be laid elsewhere."""
    for box in boxes:
        if max(box.right - box.left, box.bottom - box.top) <= LARGEST:
            edges = tuple(len(cell) * edge for edge in (box.left, box.top, box.right, box.bottom))
            if (thing := cut(cell, mask, (edges[0], edges[1], edges[2], edges[3]))) is not None:
                yield thing


def _disc(radius: float) -> np.ndarray:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return np.hypot(y, x) <= radius
