"""What tells white cells and platelets from red cells: fitted on the sets whose licence allows it."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from tqdm import tqdm

from jdm_core.checkpoint.red_cells import WhiteCells, mean_features
from jdm_core.images.pixels import from_uint8
from jdm_core.images.traits import SIDE, measure_cells
from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import squares
from training.data.members import chunks
from training.data.red_cells import Pictures
from training.publish.fits.red_cells import DIGITS, design, logistic, vary

KEPT = 0.999  # of the red cells of fields that had no part in the fit, every set alike
FOLDS = 3  # of the fields behind the fit, left out one after the other
VARIED = 10  # times that each white cell is fitted on in other colours, of which there are few; a red cell once
AT_MOST = 200  # red cells of a set
PENALTY = 3.0  # of the squared weights, in pictures
NONE = "no red cells"  # what sets of other microscopes call white cells and platelets
CHUNK = 64


def fit_white_cells(
    network: JointDiffusionNetwork, sets: Sequence[Pictures], own: Pictures, seed: int, device: torch.device
) -> WhiteCells | None:
    """The rule that parts the red cells among the sets, and the training's own, from their white cells and platelets.

    None where the sets have none of these. `KEPT` of the red cells of fields that were left out lie on the right side.
    """
    white = [one for one in sets if one.what == NONE]
    if not white:
        return None
    generator = np.random.default_rng(seed)
    gathered = [_gather(network, one, generator, device) for one in [*white, *(s for s in sets if s.red), own]]
    x, fold, plain = (np.concatenate(part) for part in zip(*gathered, strict=True))
    of_set = np.concatenate([np.full(len(part), i) for i, (part, _, _) in enumerate(gathered)])
    side = np.where(of_set < len(white), -1.0, 1.0)
    scores = np.zeros(len(x))
    for left_out in (fold == k for k in range(FOLDS)):
        kept = ~left_out
        centre, scale, weights = _fit(x[kept], side[kept], of_set[kept])
        scores[left_out] = design(x[left_out], centre, scale) @ weights
    counted = plain & (side > 0)
    limit = _quantile(scores[counted], of_set[counted], 1 - KEPT)
    centre, scale, weights = _fit(x, side, of_set)
    rows = [tuple(float(f"{v:.{DIGITS}g}") for v in row) for row in (centre, scale, weights[:-1])]
    return WhiteCells(*rows, bias=float(f"{weights[-1] - limit:.{DIGITS}g}"))


@torch.inference_mode()
def _gather(
    network: JointDiffusionNetwork, pictures: Pictures, generator: np.random.Generator, device: torch.device
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rule's inputs (n, d) of pictures as they are and varied, each one's fold, and whether it is as it is."""
    chosen = generator.permutation(len(pictures.cells))[: AT_MOST if pictures.red else None]
    fields = np.unique(pictures.groups, return_inverse=True)[1]
    fold_of = generator.permutation(fields.max() + 1) % FOLDS
    turns = 1 + (1 if pictures.red else VARIED)
    plain = squares([pictures.cells[i] for i in chosen], SIDE)
    shown = np.concatenate([plain, *(_varied(plain, generator) for _ in range(turns - 1))])
    fold, as_is = np.tile(fold_of[fields[chosen]], turns), np.arange(len(shown)) < len(plain)
    features = [
        mean_features(network.levels(network.encode_clean(part)))
        for part in tqdm(_batches(network, shown, device), desc=f"encoding {pictures.title}", unit="batch")
    ]
    x = np.concatenate([measure_cells(list(shown)), np.concatenate(features)], axis=1)
    known = np.isfinite(x).all(axis=1)
    return x[known], fold[known], as_is[known]


def _varied(cells: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Cells uint8 (N, S, S, 3) under other stains, lamps and cameras, turned at random."""
    turned = [np.rot90(vary(cell, generator), int(generator.integers(4))) for cell in cells]
    return np.stack([cell[:, ::-1] if generator.random() < 0.5 else cell for cell in turned])


def _batches(network: JointDiffusionNetwork, cells: np.ndarray, device: torch.device) -> Iterator[torch.Tensor]:
    """Cells uint8 (N, SIDE, SIDE, 3) at the network's own size, in [-1, 1]."""
    at_size = squares(list(cells), network.architecture.image_size)
    for part in chunks(len(at_size), CHUNK):
        yield from_uint8(torch.from_numpy(at_size[part])).to(device)


def _fit(x: np.ndarray, side: np.ndarray, of_set: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centre and scale (d,) of the red cells, and the rule's weights (d + 1,); sets of a side weigh alike."""
    red = x[side > 0]
    centre, scale = red.mean(axis=0), red.std(axis=0) + 1e-3
    share = 1 / np.bincount(of_set)[of_set]
    for sign in (1, -1):
        share[side == sign] *= len(side) / 2 / share[side == sign].sum()
    return centre, scale, logistic(design(x, centre, scale), side, share, PENALTY)


def _quantile(scores: np.ndarray, of_set: np.ndarray, share: float) -> float:
    """The score below which a share of red cells lies, every set weighing alike."""
    order = np.argsort(scores)
    weight = (1 / np.bincount(of_set)[of_set])[order].cumsum()
    return float(scores[order][np.searchsorted(weight, share * weight[-1])])
