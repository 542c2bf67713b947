"""Candidates for an edit: which regions are made anew, how, and the least of what was added that is enough."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jdm_core.explain.counterfactual.region import changed_area, class_shift, parasite_area, pieces_of, place_area
from jdm_core.explain.edit import EditSettings, Strength, Task, resample
from jdm_core.explain.hold import bounds_of
from jdm_core.explain.verdicts import next_seed
from jdm_core.images.pixels import cell_mask, from_uint8, to_uint8
from jdm_core.model.network import JointDiffusionNetwork

FINDING = 0  # the class of what is added at a place; under the others, what is there is made anew
_PIECES = 4  # that are tried apart


@dataclass(frozen=True)
class Cells:
    """B cells to edit: x (B, C, S, S), what is cell (B, S, S) bool, classes (B,), a seed each, and the class's shift.

    The shift (B, S, S) is 0 where nothing is removed.
    """

    x: Tensor
    mask: Tensor
    source: Tensor
    target: Tensor
    seeds: Sequence[int]
    shift: Tensor

    def removes(self, cell: int) -> bool:
        """Whether what is to be changed is there already: no place must be sought, and the first try will do."""
        return self.x.shape[1] == 1 or int(self.target[cell]) != FINDING


def cells_to_edit(
    network: JointDiffusionNetwork, x: Tensor, source: Tensor, target: Tensor, seeds: Sequence[int]
) -> Cells:
    """The cells, with what the class moves in those from which something is removed."""
    mask, shift = cell_mask(x), torch.zeros_like(x[:, 0])
    rows = ((target != FINDING) & (source != target)).nonzero().flatten()
    if len(rows) and x.shape[1] > 1:
        shift[rows] = class_shift(network, x[rows], mask[rows], source[rows], target[rows])
    return Cells(x, mask, source, target, seeds, shift)


@dataclass(frozen=True)
class Made:
    """N candidates as they were made: cells and strengths they are of, pixels (N, S, S, C) uint8 and areas (N, S, S).

    Beyond its area a candidate is the cell itself, to the last bit.
    """

    cells: Sequence[int]
    strengths: Sequence[Strength]
    pixels: Tensor
    areas: np.ndarray


def make(
    network: JointDiffusionNetwork, cells: Cells, settings: EditSettings, wanted: Sequence[tuple[int, int, Strength]]
) -> Iterator[tuple[int, Tensor] | Made]:
    """Steps and frames of the candidates (cell, number, strength) as `resample` gives them, and at last what was made.

    The number of a candidate, with its cell's seed, decides its place and its noise.
    """
    seeds = [next_seed(cells.seeds[cell], number + 1) for cell, number, _ in wanted]
    areas = np.stack([_area(cells, cell, s.region, seed) for (cell, _, s), seed in zip(wanted, seeds, strict=True)])
    rows = torch.tensor([cell for cell, *_ in wanted], device=cells.x.device)
    x, mask = cells.x[rows], cells.mask[rows]
    area = torch.from_numpy(areas)[:, None].to(x.device)
    stain = torch.tensor([not cells.removes(cell) for cell, *_ in wanted])
    bounds = bounds_of(x, mask, area, stain)
    removes = (~stain).to(x.device)
    task = Task(x, area, cells.source[rows], cells.target[rows], removes, bounds)
    strengths, edited = [strength for *_, strength in wanted], x
    for step, edited in resample(network, task, settings, strengths, seeds):
        yield step, edited
    if bool(stain.any()):
        change = (edited - x).abs().amax(1).cpu().numpy()
        added = stain.numpy()
        areas[added] = [changed_area(*pair) for pair in zip(change[added], areas[added], strict=True)]
        edited = torch.lerp(x, edited, (torch.from_numpy(areas)[:, None].to(x.device) > 0).float())
    yield Made([cell for cell, *_ in wanted], strengths, to_uint8(edited), areas)


def least(made: Made, cells: Cells, enough: Callable[[Tensor, Sequence[int]], Tensor]) -> Made:
    """What was added with the fewest pieces of its area, the heaviest first, for which it is `enough`.

    enough((n, C, S, S), cells) says so of edited pictures, (n,) bool. What needs all its pieces keeps them, and so does
    what is not enough with all. The pieces given up are the cell itself again. What removes keeps every piece: a
    parasite left beside one that is gone would be no healthy cell, whatever the verdicts say.
    """
    fewer: list[tuple[int, np.ndarray]] = []
    for row, area in enumerate(made.areas):
        pieces = [] if cells.removes(made.cells[row]) else pieces_of(area)
        fewer += [(row, np.sum(pieces[:count], axis=0)) for count in range(1, min(len(pieces), _PIECES))]
    if not fewer:
        return made
    rows = torch.tensor([row for row, _ in fewer], device=made.pixels.device)
    own = torch.tensor([made.cells[row] for row, _ in fewer], device=made.pixels.device)
    kept = torch.from_numpy(np.stack([area > 0 for _, area in fewer])).to(made.pixels.device)[..., None]
    pixels = torch.where(kept, made.pixels[rows], to_uint8(cells.x)[own])
    passes = enough(from_uint8(pixels), own.tolist()).tolist()
    chosen, areas, done = made.pixels.clone(), made.areas.copy(), set()
    for i, (row, area) in enumerate(fewer):
        if passes[i] and row not in done:
            chosen[row], areas[row] = pixels[i], area
            done.add(row)
    return Made(made.cells, made.strengths, chosen, areas)


def _area(cells: Cells, cell: int, width: float, seed: int) -> np.ndarray:
    mask = cells.mask[cell].cpu().numpy()
    if cells.x.shape[1] == 1:
        return np.ones(mask.shape, np.float32)
    if not cells.removes(cell):
        return place_area(mask, width, np.random.default_rng(seed))
    picture = cells.x[cell].permute(1, 2, 0).cpu().numpy()
    return parasite_area(cells.shift[cell].cpu().numpy(), picture, mask, width)
