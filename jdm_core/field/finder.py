"""Finds the cells of a field, one at a place, and the parts of a clump; tells a field from a single cell."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from jdm_core.field.boxes import overlaps
from jdm_core.field.cut import added, assemble, filled, replaced
from jdm_core.field.found import Found
from jdm_core.field.network import DIAMETER, MULTIPLE, FinderNetwork, Maps, network_input
from jdm_core.field.polygons import parts_of, polygon_at, polygons_of
from jdm_core.field.scale import scale_of, shows_several, within
from jdm_core.field.weights import load_finder
from jdm_core.images.find import find_cell

MEND, AGREES = 2, 0.2  # looks more, where the cells found differ by so much, in a logarithm, from the scale's
LEAST_IN_CLUMP = 0.1  # of a centre, where a person says that there are several
SAME = 0.5  # intersection over union of boxes: the cell is there already, beside the clump or over it
CELL_SIDE = 150  # pixels: what has a shorter side than that is no field

Shown = Literal["several cells", "one cell", "neither"]


@dataclass(frozen=True)
class View:
    """A picture as the network saw it: its maps, without padding, and by how much x and y were scaled, (2,)."""

    maps: Maps
    scale: np.ndarray
    size: tuple[int, int]


class Finder:
    """The network that finds cells, on a device. The same picture gives the same cells on one class of device."""

    def __init__(self, network: FinderNetwork, device: torch.device) -> None:
        self._network = nn.utils.convert_conv2d_weight_memory_format(network.to(device), torch.channels_last)
        self._device = device

    @torch.inference_mode()
    def find(self, pixels: np.ndarray) -> Found:
        """What a field uint8 (H, W, 3) shows."""
        scale = scale_of(pixels.shape, lambda scale: polygons_of(self._look(pixels, scale).maps))
        view = self._look(pixels, scale)
        found = polygons_of(view.maps)
        for _ in range(MEND):
            if len(found.scores) == 0 or abs(np.log(np.median(found.diameters) / DIAMETER)) < AGREES:
                break
            scale = within(scale * DIAMETER / float(np.median(found.diameters)), pixels.shape)
            view = self._look(pixels, scale)
            found = polygons_of(view.maps)
        return assemble(pixels, found, view.maps, view.scale)

    @torch.inference_mode()
    def sees_several(self, pixels: np.ndarray) -> bool:
        """Whether a picture uint8 (H, W, 3) shows several whole cells, as far as looks at it in small tell."""
        return shows_several(pixels.shape, lambda scale: polygons_of(self._look(pixels, scale).maps))

    @torch.inference_mode()
    def at(self, pixels: np.ndarray, found: Found, x: float, y: float) -> Found:
        """What was found and, at its end, the cell at a place in pixels of the upload, which a person says is there."""
        scale = self._scale(pixels, found)
        view = self._look(pixels, scale)
        outline = polygon_at(view.maps, x * view.scale[0], y * view.scale[1], DIAMETER / 3)
        if outline is None:
            raise ValueError(f"place: {x:.0f}, {y:.0f}, where {pixels.shape[1]} x {pixels.shape[0]} pixels are")
        return added(pixels, found, outline / view.scale)

    @torch.inference_mode()
    def parted(self, pixels: np.ndarray, found: Found, index: int) -> Found:
        """What was found, with the cells of one clump in its place, at the end; two at least."""
        scale = self._scale(pixels, found)
        view = self._look(pixels, scale)
        outline = found.outlines[index] * view.scale
        mask = filled(outline, view.size)
        others = np.delete(found.boxes, index, axis=0) * np.tile(view.scale, 2)
        parts = [one for one in polygons_of(view.maps, LEAST_IN_CLUMP).outlines if _within(one, mask)]
        parts = [one for one in parts if overlaps(_box(one)[None], others).max(initial=0) < SAME]
        if len(parts) < 2:
            parts = parts_of(mask, max(2, round(mask.sum() / (np.pi * (DIAMETER / 2) ** 2))))
        return replaced(pixels, found, index, [part / view.scale for part in parts])

    def _scale(self, pixels: np.ndarray, found: Found) -> float:
        if np.isfinite(found.diameter):
            return DIAMETER / found.diameter
        return scale_of(pixels.shape, lambda scale: polygons_of(self._look(pixels, scale).maps))

    def _look(self, pixels: np.ndarray, scale: float) -> View:
        height, width = pixels.shape[:2]
        h, w = max(8, round(height * scale)), max(8, round(width * scale))
        way = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        small = np.asarray(Image.fromarray(pixels).resize((w, h), way, reducing_gap=3.0 if scale < 1 else None))
        x = network_input(torch.from_numpy(small.copy()).permute(2, 0, 1)[None].to(self._device))
        x = F.pad(x, (0, -w % MULTIPLE, 0, -h % MULTIPLE), mode="replicate")
        maps = self._network(x.contiguous(memory_format=torch.channels_last))
        return View(maps.on_host(h, w), np.array([w / width, h / height], np.float32), (h, w))


def what_shows(pixels: np.ndarray, finder: Finder) -> Shown:
    """What pixels uint8 (H, W, 3) show: several whole cells, or one that can be cut out or stands on black already.

    "neither" may be a field yet: of cells that are small beside it, or of a smear on which none can be told apart.
    """
    if finder.sees_several(pixels):
        return "several cells"
    return "one cell" if find_cell(pixels).status in ("as given", "cut out") else "neither"


def _box(outline: np.ndarray) -> np.ndarray:
    """The box (4,) of x, y, w, h round an outline (P, 2)."""
    low, high = outline.min(axis=0), outline.max(axis=0)
    return np.concatenate([low, high - low])


def _within(outline: np.ndarray, mask: np.ndarray) -> bool:
    """Whether the middle of an outline lies in a mask (h, w)."""
    column, row = outline.mean(axis=0).astype(int).tolist()
    return 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1] and bool(mask[row, column])


@lru_cache(maxsize=2)
def finder_on(device: torch.device) -> Finder:
    """The finder that ships, on a device; loaded once. Raises CheckpointError."""
    return Finder(load_finder(), device)
