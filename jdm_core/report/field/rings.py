"""Outlines as rings that any reader of polygons takes: closed, counterclockwise, and crossing themselves nowhere."""

import numpy as np
from PIL import Image, ImageDraw

CHUNK = 256  # edges that are compared with all others at once
FINE = 4  # pixels a pixel of the field, in which an outline that crosses itself is drawn anew
MOST_SIDE = 4096  # of that drawing
LEAST_AREA = 0.5  # pixels: what encloses less encloses nothing


def ring(outline: np.ndarray, box: np.ndarray) -> list[list[float]]:
    """A polygon (P, 2) as a closed ring, counterclockwise by the sign of its area (RFC 7946, 3.1.6).

    Points are rounded to hundredths of a pixel, and none comes twice in a row. An outline that crosses or touches
    itself becomes the largest part of what it encloses; one that encloses nothing, its box x, y, w, h.
    """
    points = _distinct(np.asarray(outline, dtype=float).reshape(-1, 2))
    if len(points) < 3 or not is_simple(points):
        points = _distinct(_drawn_anew(points))
    if len(points) < 3 or abs(_area(points)) < 2 * LEAST_AREA:
        x, y, w, h = (float(v) for v in box)
        w, h = max(w, 0.01), max(h, 0.01)
        points = _distinct(np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]))
    if _area(points) < 0:
        points = points[::-1]
    return [[round(float(x), 2), round(float(y), 2)] for x, y in [*points, points[0]]]


def is_simple(points: np.ndarray) -> bool:
    """Whether no two edges of a polygon (P, 2) meet but neighbours, and those in their common corner alone."""
    start, end = points, np.roll(points, -1, axis=0)
    count = len(points)
    index = np.arange(count)
    back = _cross(end - start, np.roll(end, -1, axis=0) - end) == 0
    if (back & (((end - start) * (np.roll(end, -1, axis=0) - end)).sum(axis=1) < 0)).any():
        return False  # an edge that runs back over the one before it
    for first in range(0, count, CHUNK):
        one = slice(first, first + CHUNK)
        a, b = start[one, None], end[one, None]
        sides = [_cross(b - a, start[None] - a), _cross(b - a, end[None] - a)]
        sides += [_cross(end - start, a - start[None]), _cross(end - start, b - start[None])]
        meet = (sides[0] * sides[1] <= 0) & (sides[2] * sides[3] <= 0)
        low = np.maximum(np.minimum(a, b), np.minimum(start, end)[None])
        high = np.minimum(np.maximum(a, b), np.maximum(start, end)[None])
        meet &= (low <= high).all(axis=2)
        apart = (index[one, None] - index[None]) % count
        if (meet & (apart > 1) & (apart < count - 1)).any():
            return False
    return True


def _drawn_anew(points: np.ndarray) -> np.ndarray:
    """The largest part of what a polygon (P, 2) encloses, as a contour; nothing (0, 2) where that is nothing."""
    from scipy import ndimage
    from skimage.measure import find_contours

    if len(points) < 3:
        return np.empty((0, 2))
    low, high = points.min(axis=0), points.max(axis=0)
    fine = min(FINE, MOST_SIDE / max(1.0, float((high - low).max())))
    width, height = (np.ceil((high - low) * fine).astype(int) + 1).tolist()
    drawn = Image.new("L", (width, height))
    ImageDraw.Draw(drawn).polygon([(float(x), float(y)) for x, y in (points - low) * fine - 0.5], fill=1)
    parts, count = ndimage.label(np.asarray(drawn))  # type: ignore[misc]  # scipy states no type
    if not count:
        return np.empty((0, 2))
    largest = np.bincount(parts.ravel())[1:].argmax() + 1
    whole = ndimage.binary_fill_holes(parts == largest)
    contour = max(find_contours(np.pad(np.asarray(whole, dtype=float), 1), 0.5), key=len)[:-1, ::-1]
    return np.clip((contour - 0.5) / fine + low, low, high)


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _distinct(points: np.ndarray) -> np.ndarray:
    """A polygon's points in hundredths, without what repeats the one before it, the last of a closed one included."""
    points = points.round(2)
    return points[(points != np.roll(points, 1, axis=0)).any(axis=1)]


def _area(points: np.ndarray) -> float:
    """Twice a polygon's area, positive where it runs counterclockwise in axes of which y points up."""
    x, y = points.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())
