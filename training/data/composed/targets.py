"""What the finder is to make of a composed field: maps of centres, radii and stain, at half its size."""

from dataclasses import dataclass

import numpy as np

from jdm_core.field.network import RAYS, STRIDE, directions
from training.data.composed.scene import Placed, Scene

NEAR = 0.5  # of the centre's map: where radii are learnt


@dataclass(frozen=True)
class Targets:
    """Maps of one field of side S, s = S / STRIDE: centres (2, s, s) in [0, 1], radii (RAYS, s, s) in pixels, where
    they are known (s, s) bool, and the class (s, s) of each pixel: ground 0, red cell 1, other thing 2.
    """

    centres: np.ndarray
    radii: np.ndarray
    known: np.ndarray
    stained: np.ndarray


def targets_of(scene: Scene) -> Targets:
    """The maps of a scene."""
    side = len(scene.picture) // STRIDE
    centres = np.zeros((2, side, side), np.float32)
    radii = np.zeros((RAYS, side, side), np.float32)
    stained = np.zeros((side, side), np.int64)
    for kind, things in enumerate((scene.cells, scene.others)):
        for placed in things:
            _add(placed, kind, centres, radii, stained)
    return Targets(centres, radii, centres[0] > NEAR, stained)


def _add(placed: Placed, kind: int, centres: np.ndarray, radii: np.ndarray, stained: np.ndarray) -> None:
    mask, side = placed.mask, centres.shape[1]
    if not mask.any():
        return
    rows, columns = np.nonzero(mask)
    own_y, own_x = rows.mean(), columns.mean()
    reach = _radii(mask, own_x, own_y)
    y, x = placed.top + own_y, placed.left + own_x
    top, left = max(0, placed.top // STRIDE), max(0, placed.left // STRIDE)
    bottom = min(side, (placed.top + mask.shape[0]) // STRIDE + 1)
    right = min(side, (placed.left + mask.shape[1]) // STRIDE + 1)
    if top >= bottom or left >= right:
        return
    # A map's pixel stands for the middle of STRIDE × STRIDE pixels.
    grid_y, grid_x = np.mgrid[top:bottom, left:right] * STRIDE + (STRIDE - 1) / 2
    dy, dx = grid_y - y, grid_x - x
    angle = np.arctan2(dy, dx) % (2 * np.pi) / (2 * np.pi) * RAYS
    low = np.floor(angle).astype(int) % RAYS
    between = angle - np.floor(angle)
    edge = reach[low] * (1 - between) + reach[(low + 1) % RAYS] * between
    near = (1 - np.hypot(dy, dx) / np.maximum(edge, 1)).clip(0, None).astype(np.float32)
    window = (slice(top, bottom), slice(left, right))
    inside = near > 0
    stained[window][inside] = kind + 1
    nearer = near > centres[kind][window]
    centres[kind][window][nearer] = near[nearer]
    if kind == 0:
        u = directions().numpy()
        shifted = reach[:, None, None] - (u[:, 0, None, None] * dx + u[:, 1, None, None] * dy)
        radii[:, top:bottom, left:right][:, nearer] = shifted[:, nearer].clip(0.5, None)


def _radii(mask: np.ndarray, x: float, y: float) -> np.ndarray:
    """How far (RAYS,) a mask reaches from a place in each direction, in pixels: to the last pixel of it."""
    steps = np.arange(0, max(mask.shape) * 1.1, 0.5)
    u = directions().numpy()
    columns = np.rint(x + steps[:, None] * u[None, :, 0]).astype(int)
    rows = np.rint(y + steps[:, None] * u[None, :, 1]).astype(int)
    within = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    held = np.zeros(within.shape, bool)
    held[within] = mask[rows[within], columns[within]]
    last = held.shape[0] - 1 - held[::-1].argmax(axis=0)
    return np.where(held.any(axis=0), steps[last] + 0.5, 0.5).astype(np.float32)
