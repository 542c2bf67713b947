"""Parasites of a network's own training cells, laid into healthy cells of other microscopes.

Sets of other microscopes that may be trained on hold many healthy cells and few infected ones, so that a network
learns from them what is healthy abroad, and hardly what is not. What absorbs more than a cell's own ground is cut out
in optical density, where stains add up (Ruifrok & Johnston 2001), and laid into another cell with a soft edge; out of
healthy cells likewise, so that a seam says nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from jdm_core.images.colours import density, light_of, own_pixels
from training.data.cells import Cells, as_pixels, draw_some
from training.data.doubted import read_doubted, sure_labels

GRAFTS = "+grafts"  # behind the name of a set
DRAWN, AT_MOST = 12_000, 4_000  # training cells that are looked at; of each class, those whose excess is laid elsewhere
EACH = 1_500  # grafts of a set
TURN = (0, 0, 1)  # whose excess is laid, in turn: of two infected cells and a healthy one
SIDE = 64  # of the square whose pixels the numbers below count; a larger cell has as many more
AMOUNT = 12.0  # nats times pixels: at least of a parasite, at most of what a healthy cell holds
RIM, LEAST_CELL, LEAST_CORE = 4, 500, 300  # pixels: what a rim absorbs is no parasite's
SOFT = 0.7  # pixels: the deviation of a soft edge
GRAIN = (3.0, 6.0)  # deviations of the ground: below the first nothing is taken along, above the second all is
LIGHTER = 0.1  # optical density: what is cut out may be lighter than its ground by so much, as a ring's middle is
PIECE, HEAVY = 6, 0.2  # pixels of a piece; its share of the heaviest one's amount: the rest is grain
ALIKE, LARGER, ALIKE_SHARE = (0.75, 1.45), (1.4, 2.1), 0.75  # how it is scaled: a quarter fills much of a cell
SHIFT, STRENGTH, PLACES = 7, (0.7, 1.3), 12  # pixels; factors of the density; places that are tried
INSIDE = 0.85  # of what is laid: so much must lie within the cell
LEFT = 0.45  # of all that there was: so much must be left


@dataclass(frozen=True)
class Excess:
    """What absorbs more than its cell's ground: optical density (S, S, 3), and its sum, in nats times pixels."""

    density: np.ndarray
    amount: float


def excess_of(cell: np.ndarray) -> Excess | None:
    """The excess of a cell uint8 (S, S, 3) on black, in few and heavy pieces; None where it has none."""
    own, unit = own_pixels(cell), len(cell) / SIDE
    if own.sum() < LEAST_CELL * unit**2:
        return None
    inward = _inward(own) / unit
    core = inward > RIM
    if core.sum() < LEAST_CORE * unit**2:
        return None
    depth = density(cell)
    beyond = depth - np.quantile(depth[core], 0.5, axis=0)
    strength = ndimage.gaussian_filter(np.where(own[..., None], beyond, 0).sum(2), SOFT * unit)
    grain = np.median(np.abs(strength[core] - np.median(strength[core]))) + 0.02
    least, most = GRAIN
    weight = ((strength / grain - least) / (most - least)).clip(0, 1) * ((inward - RIM + 2) / 3).clip(0, 1)
    taken = weight > 0.3
    pieces = np.empty(taken.shape, dtype=np.int32)
    numbers = np.arange(1, 1 + int(np.asarray(ndimage.label(taken, output=pieces))))
    if not len(numbers):
        return None
    amounts = ndimage.sum(weight * strength.clip(0), pieces, numbers)
    sizes = ndimage.sum(taken, pieces, numbers)
    kept = np.isin(pieces, numbers[(amounts > HEAVY * amounts.max()) & (sizes >= PIECE * unit**2)])
    around = ndimage.binary_dilation(kept, iterations=max(1, round(2 * unit)))
    weight = weight * ndimage.gaussian_filter(around.astype(float), SOFT * unit)
    amount = float((weight * strength.clip(0)).sum()) / unit**2
    return Excess(np.maximum(beyond, -LIGHTER) * weight[..., None], amount)


def lay(cell: np.ndarray, excess: Excess, generator: np.random.Generator) -> np.ndarray | None:
    """A cell uint8 (S, S, 3) on black with an excess in it, turned, scaled and moved; None where it finds no place."""
    own = own_pixels(cell)
    soft = (_inward(own) / 2 * SIDE / len(cell)).clip(0, 1)[..., None]
    there = np.abs(excess.density).sum()
    for _ in range(PLACES):
        moved = _moved(excess.density, generator)
        left = np.abs(moved * soft).sum()
        if left > INSIDE * np.abs(moved).sum() and left > LEFT * there:
            deeper = density(cell) + moved * soft * generator.uniform(*STRENGTH)
            return np.where(own[..., None], light_of(deeper).round().astype(np.uint8), cell)
    return None


def grafted(abroad: Cells, own: Cells, seed: int) -> Cells:
    """At most `EACH` cells of every set of `abroad`, healthy ones with the excess of one of `own` laid into each.

    Those with an infected cell's are labelled infected. Cells whose label is in doubt give nothing. Raises DataError
    where what is doubted is not known.
    """
    generator = np.random.default_rng(seed)
    pools = _pools(own, seed)
    hosts = as_pixels(abroad)
    images, labels, slides, names = list[np.ndarray](), list[int](), list[str](), list[str]()
    for name in dict.fromkeys(abroad.slides):
        healthy = [i for i, slide in enumerate(abroad.slides) if slide == name and abroad.labels[i] == 1]
        for k in range(EACH):
            label = TURN[k % len(TURN)]
            if not healthy or not pools[label]:
                continue
            host = healthy[int(generator.integers(len(healthy)))]
            made = lay(hosts[host], pools[label][int(generator.integers(len(pools[label])))], generator)
            if made is not None:
                images.append(made)
                labels.append(label)
                slides.append(name + GRAFTS)
                names.append(f"{abroad.names[host]} with a graft")
    side = abroad.images.shape[-1]
    stacked = torch.from_numpy(np.array(images, dtype=np.uint8).reshape(-1, side, side, 3)).permute(0, 3, 1, 2)
    return Cells(stacked, torch.tensor(labels, dtype=torch.long), slides, names)


def _pools(own: Cells, seed: int) -> Sequence[list[Excess]]:
    """What may be laid elsewhere: parasites, and what healthy cells hold."""
    sure = sure_labels(own.names, read_doubted())
    pools: tuple[list[Excess], list[Excess]] = ([], [])
    for i in draw_some(list(range(len(own))), DRAWN, seed):
        label = int(own.labels[i])
        if label in (0, 1) and sure[i] and len(pools[label]) < AT_MOST:
            found = excess_of(own.images[i].permute(1, 2, 0).numpy())
            if found is not None and (found.amount >= AMOUNT if label == 0 else found.amount <= AMOUNT):
                pools[label].append(found)
    return pools


def _moved(values: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Density (S, S, 3) scaled about the middle, shifted, turned and perhaps mirrored."""
    scale = generator.uniform(*(ALIKE if generator.random() < ALIKE_SHARE else LARGER))
    shift = generator.uniform(-SHIFT, SHIFT, 2) * len(values) / SIDE
    values = np.rot90(values, int(generator.integers(4)))
    values = values[:, ::-1] if generator.integers(2) else values
    middle = (len(values) - 1) / 2 * (1 - 1 / scale)
    matrix = np.column_stack([np.diag([1 / scale, 1 / scale, 1]), [middle, middle, 0]])
    values = ndimage.affine_transform(values, matrix, order=1)
    return ndimage.shift(values, [*shift, 0], order=1)


def _inward(own: np.ndarray) -> np.ndarray:
    """The distance of each pixel of a mask (S, S) bool from what is outside it or the picture."""
    return np.asarray(ndimage.distance_transform_edt(np.pad(own, 1)))[1:-1, 1:-1]
