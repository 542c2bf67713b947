"""Star-convex polygons: from the peaks of a map of centres to cells that are each found once."""

from dataclasses import dataclass

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from jdm_core.field.network import DIAMETER, RAYS, STRIDE, Maps, directions

LEAST_SCORE = 0.30  # of a centre
INWARD = 0.97  # of the radii: light falls half-way to a cell's own at 0.92 to 0.95 of them, and soft rims are to stay
NO_CELL = 0.03  # odds of a centre: radii were learnt at cells, and are nothing where there is none
SAME_SHARE = 0.5  # of the smaller polygon: what lies so far within a better one is the same cell


@dataclass(frozen=True)
class Polygons:
    """N outlines (N, RAYS, 2) of x, y in pixels of the network's picture, and each one's score (N,), best first."""

    outlines: np.ndarray
    scores: np.ndarray

    @property
    def areas(self) -> np.ndarray:
        """Areas (N,) in square pixels."""
        return area_of(self.outlines)

    @property
    def diameters(self) -> np.ndarray:
        """Diameters (N,) of discs of the same areas."""
        return 2 * np.sqrt(self.areas / np.pi)

    def take(self, index: np.ndarray) -> "Polygons":
        """Some of them, by indices or a mask."""
        return Polygons(self.outlines[index], self.scores[index])


def area_of(outlines: np.ndarray) -> np.ndarray:
    """Areas (...) of outlines (..., P, 2) of x, y, by the shoelace formula."""
    x, y = outlines[..., 0], outlines[..., 1]
    return 0.5 * np.abs((x * np.roll(y, -1, -1) - np.roll(x, -1, -1) * y).sum(-1))


def peaks_of(centres: Tensor, least: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns and values of the peaks of a map (h, w) in [0, 1], highest first."""
    smooth = F.avg_pool2d(centres[None, None], 3, 1, 1)[0, 0] * 0.5 + centres * 0.5
    highest = F.max_pool2d(smooth[None, None], 3, 1, 1)[0, 0]
    rows, columns = ((smooth == highest) & (centres >= least)).nonzero(as_tuple=True)
    values = centres[rows, columns]
    order = values.argsort(descending=True, stable=True)
    return rows[order].numpy(), columns[order].numpy(), values[order].numpy()


def polygons_of(maps: Maps, least: float = LEAST_SCORE) -> Polygons:
    """The cells of the first picture of a batch, each found once: greedy, by score, on the network's own pixels."""
    rows, columns, scores = peaks_of(maps.centres[0, 0].sigmoid(), least)
    reach = INWARD * maps.radii[0][:, rows, columns].T.numpy()  # (N, RAYS)
    middle = np.stack([columns, rows], axis=1) * STRIDE + (STRIDE - 1) / 2
    outlines = middle[:, None, :] + reach[:, :, None] * directions().numpy()[None]
    height, width = (side * STRIDE for side in maps.centres.shape[2:])
    return _once(Polygons(outlines.astype(np.float32), scores), height, width)


def _once(found: Polygons, height: int, width: int) -> Polygons:
    """What is left when each cell is found once."""
    from skimage.draw import polygon  # here, since it takes long to import

    margin = int(found.diameters.max(initial=0)) + 1  # outlines may leave the picture
    taken = np.zeros((height + 2 * margin, width + 2 * margin), np.int32)
    areas: list[int] = []
    kept: list[int] = []
    for i, outline in enumerate(found.outlines):
        rows, columns = polygon(outline[:, 1] + margin, outline[:, 0] + margin, taken.shape)
        if len(rows) == 0:
            continue
        under = np.bincount(taken[rows, columns], minlength=len(kept) + 1)
        under[0] = 0
        smaller = np.minimum(np.array([1, *areas])[: len(under)], len(rows))
        if (under > SAME_SHARE * smaller).any():
            continue
        kept.append(i)
        areas.append(len(rows))
        free = taken[rows, columns] == 0
        taken[rows[free], columns[free]] = len(kept)
    return found.take(np.array(kept, dtype=int))


def polygon_at(maps: Maps, x: float, y: float, reach: float) -> np.ndarray | None:
    """The outline (RAYS, 2) of the likeliest cell whose centre lies within `reach` pixels of a place; None without any.

    Where there is none to the network, a disc as large as cells are: somebody says that one is there.
    """
    centres = maps.centres[0, 0]
    rows, columns = np.mgrid[: centres.shape[0], : centres.shape[1]] * STRIDE + (STRIDE - 1) / 2
    near = np.hypot(rows - y, columns - x) <= reach
    if not near.any():
        return None
    held = np.where(near, centres.numpy(), -np.inf)
    row, column = np.unravel_index(int(held.argmax()), held.shape)
    radii = INWARD * maps.radii[0, :, row, column].numpy()
    middle = np.array([column, row], np.float32) * STRIDE + (STRIDE - 1) / 2
    if held[row, column] < np.log(NO_CELL):
        radii, middle = np.full(RAYS, DIAMETER / 2, np.float32), np.array([x, y], np.float32)
    return (middle + radii[:, None] * directions().numpy()).astype(np.float32)


def parts_of(mask: np.ndarray, number: int) -> list[np.ndarray]:
    """Outlines (P, 2) of x, y of a mask (h, w) in so many parts, each what is nearest to a centre of k-means.

    Lloyd 1982; the centres start apart along the mask's longer axis, so that nothing is drawn.
    """
    from skimage.measure import find_contours

    places = np.argwhere(mask).astype(float)
    if len(places) < number:
        return []
    axis = np.linalg.svd(places - places.mean(0), full_matrices=False)[2][0]
    along = (places - places.mean(0)) @ axis
    centres = np.stack([places[along >= np.quantile(along, q)][0] for q in (np.arange(number) + 0.5) / number])
    nearest = np.zeros(len(places), int)
    for _ in range(30):
        nearest = ((places[:, None] - centres[None]) ** 2).sum(2).argmin(1)
        centres = np.stack(
            [places[nearest == k].mean(0) if (nearest == k).any() else centres[k] for k in range(number)]
        )
    outlines = []
    for k in range(number):
        part = np.zeros(mask.shape, bool)
        part[tuple(places[nearest == k].astype(int).T)] = True
        lines = find_contours(np.pad(part, 1).astype(float), 0.5)
        if lines:
            outlines.append(max(lines, key=len)[:, ::-1] - 1)
    return outlines
