"""What an edit is held against: pictures made without a model, and the same region made anew under its own class."""

import numpy as np
import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.explain.counterfactual.candidates import cells_to_edit
from jdm_core.explain.counterfactual.region import parasite_area, place_area
from jdm_core.explain.edit import Task, resample
from jdm_core.explain.hold import bounds_of
from jdm_core.images.pixels import to_uint8
from training.publish.edits import masks_of
from training.studies.editing.quality import SIDE, blurred, depths, grown, numbered
from training.studies.stain import StainProxy

RADIUS = (2.0, 4.0)  # pixels: of a painted dot
STRENGTH = (0.5, 1.0)  # of its stain, in optical density along the direction of chromatin
LEAST_PIXELS = 5  # of stain that is filled in: less is grain
GRAY = 0.35  # of it that all channels share


def painted_dots(cells: np.ndarray, proxy: StainProxy, seed: int) -> np.ndarray:
    """Cells (N, S, S, 3) uint8, each with a soft purple dot at a place drawn at random: no model had any part in it."""
    scale, edited = cells.shape[1] / SIDE, []
    for i, (cell, mask) in enumerate(zip(cells, masks_of(cells), strict=True)):
        generator = np.random.default_rng((seed, i))
        depth = depths(mask)
        centres = np.argwhere(depth >= min(4 * scale, 0.6 * depth.max()))
        row, column = centres[generator.integers(len(centres))]
        y, x = np.ogrid[: mask.shape[0], : mask.shape[1]]
        radius = generator.uniform(*RADIUS) * scale
        dot = blurred((np.hypot(y - row, x - column) <= radius).astype(float), 0.8 * scale) * mask
        stain = generator.uniform(*STRENGTH) * (proxy.direction / np.abs(proxy.direction).max() + GRAY)
        edited.append((cell + 1) * np.exp(-dot[..., None] * stain) - 1)
    return np.clip(np.round(edited), 0, 255).astype(np.uint8)


def filled_in(cells: np.ndarray, proxy: StainProxy) -> np.ndarray:
    """Cells (N, S, S, 3) uint8 whose stain is filled in from around it, by a blur that leaves the stain out."""
    scale, edited = cells.shape[1] / SIDE, []
    for cell, mask, amount in zip(cells, masks_of(cells), proxy.maps(cells), strict=True):
        each = numbered(amount > 0)
        large = np.bincount(each.ravel()) >= LEAST_PIXELS * scale**2
        large[0] = False  # what is no stain
        stain = grown(large[each], 2 * scale)
        known = (mask & ~stain).astype(float)
        spread = [blurred(channel * known, 4 * scale) for channel in np.moveaxis(cell.astype(float), 2, 0)]
        smooth = np.stack(spread, axis=2) / np.maximum(blurred(known, 4 * scale), 1e-3)[..., None]
        weight = blurred((stain & mask).astype(float), 0.8 * scale)[..., None] * mask[..., None]
        edited.append(cell + weight * (smooth - cell))
    return np.clip(np.round(edited), 0, 255).astype(np.uint8)


@torch.inference_mode()
def placebo(explainer: Explainer, x: Tensor, source: Tensor, seeds: list[int]) -> np.ndarray:
    """Cells x (N, C, S, S) whose region the search would make anew first, made anew under the class that they have."""
    cells = cells_to_edit(explainer.network, x, source, 1 - source, seeds)
    areas, strengths = [], [explainer.edit.candidates(cells.removes(i))[0] for i in range(len(x))]
    for i, seed in enumerate(seeds):
        mask, picture = cells.mask[i].cpu().numpy(), x[i].permute(1, 2, 0).cpu().numpy()
        if cells.removes(i):
            areas.append(parasite_area(cells.shift[i].cpu().numpy(), picture, mask, strengths[i].region))
        else:
            areas.append(place_area(mask, strengths[i].region, np.random.default_rng(seed)))
    area = torch.from_numpy(np.stack(areas))[:, None].to(x.device)
    bounds = bounds_of(x, cells.mask, area, torch.ones(len(x), dtype=torch.bool))
    removes = torch.tensor([cells.removes(i) for i in range(len(x))], device=x.device)
    task = Task(x, area, 1 - source, source, removes, bounds)
    *_, (_, edited) = resample(explainer.network, task, explainer.edit, strengths, seeds)
    return to_uint8(edited).cpu().numpy()
