"""Accuracy over the number of draws, for every way of drawing and every weighting."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NotRequired, TypedDict

import numpy as np
import torch

from jdm_core import Explainer
from jdm_core.images.pixels import as_images
from training.data.cells import Cells
from training.data.members import chunks
from training.metrics import auroc, clustered_interval
from training.studies.scores.draws import SCHEMES, Scheme, Weighting, class_errors, make_draws

DRAWS = (1, 2, 4, 8, 16, 20, 50, 100)
TARGETS = (0.95, 0.97)
CHUNK = 8  # images whose noise is held at once


@dataclass(frozen=True)
class Pool:
    """Draws of n cells: λ (n, D), and what each adds to the mean score of every class (n, D, K).

    Any N draws that follow each other are as good as any other N, so that a pool holds D // N estimates of N draws.
    In an independent pool each class has draws of its own, and the levels are those of the first.
    """

    logsnr: np.ndarray
    scores: np.ndarray

    def estimates(self, count: int) -> np.ndarray:
        """Mean scores (n, D // count, K) of as many estimates of `count` draws each."""
        n, draws, classes = self.scores.shape
        blocks = draws // count
        return self.scores[:, : blocks * count].reshape(n, blocks, count, classes).mean(2)


class Point(TypedDict):
    """What so many draws give."""

    draws: int
    accuracy: float
    accuracy_interval: list[float]
    auroc: NotRequired[float]
    standard_error: NotRequired[float]


class Curve(TypedDict):
    """A point a number of draws, of n cells; the fewest draws with which accuracy stays at a target, by target."""

    n: int
    points: list[Point]
    draws_needed: dict[str, int | None]


@torch.inference_mode()
def draw_pools(
    explainer: Explainer,
    cells: Cells,
    weighting: Weighting,
    schemes: Sequence[Scheme],
    count: int,
    seed: int,
    progress: Callable[[int], object],
) -> dict[Scheme, Pool]:
    """`count` draws of each scheme for each cell, decided by `seed` and its place; `progress` hears of cells done.

    shared: independent levels and noise, the same for every class. independent: the same for the first class, and
    draws of its own for every other. stratified: shared noise, levels balanced in every prefix.
    """
    network, classes = explainer.network, len(explainer.labels)
    parts: dict[Scheme, list[tuple[np.ndarray, np.ndarray]]] = {scheme: [] for scheme in schemes}
    for part in chunks(len(cells), CHUNK):
        x, index = as_images(cells.images[part], explainer.device), range(part.start, part.stop)

        def scored(
            stream: int, balanced: bool, wanted: list[int], index: range = index, x: torch.Tensor = x
        ) -> tuple[np.ndarray, np.ndarray]:
            seeds = [(seed, i, *weighting.name.encode(), stream) for i in index]
            draws = make_draws(seeds, count, x.shape[1:], weighting, balanced)
            mask = torch.zeros(len(x), classes, dtype=torch.bool)
            mask[:, wanted] = True
            errors = class_errors(network, x, draws, mask, weighting.bf16)
            return draws.logsnr.numpy(), weighting.scores(errors, draws.logsnr).double().numpy()

        everyone = list(range(classes))
        if "stratified" in schemes:
            parts["stratified"].append(scored(0, True, everyone))
        if "shared" in schemes:
            parts["shared"].append(scored(1, False, everyone))
        if "independent" in schemes:
            logsnr, scores = parts["shared"][-1]
            own = [scored(1 + c, False, [c])[1][:, :, c] for c in everyone[1:]]
            parts["independent"].append((logsnr, np.stack([scores[:, :, 0], *own], axis=2)))
        progress(len(index))
    return {scheme: Pool(*map(np.concatenate, zip(*found, strict=True))) for scheme, found in parts.items()}


def curve(pool: Pool, labels: np.ndarray, slides: Sequence[str], offset: np.ndarray) -> Curve:
    """Accuracy with its interval at every number of draws in reach, and the draws needed; plain JSON values.

    `offset` (K,) is added to the scores. auroc, of two classes, is the same for any. standard_error, of the difference
    between a cell's two best classes, is the root mean square over cells of what two estimates or more show; it is
    left out where the pool holds one.
    """
    leaders = np.argsort(pool.scores.mean(1) + offset, axis=1)[:, ::-1]
    rows = np.arange(len(labels))
    points: list[Point] = []
    for count in (count for count in DRAWS if count <= pool.scores.shape[1]):
        means = pool.estimates(count) + offset
        right = (means.argmax(2) == labels[:, None]).mean(1)
        low, high = clustered_interval(lambda values, _: float(values.mean()), right, labels, slides)
        point: Point = {
            "draws": count,
            "accuracy": round(float(right.mean()), 5),
            "accuracy_interval": [round(low, 5), round(high, 5)],
        }
        if means.shape[2] == 2:
            margins = means[:, :, 0] - means[:, :, 1]
            point["auroc"] = round(float(np.mean([auroc(m, labels == 0) for m in margins.T])), 5)
        if means.shape[1] > 1:
            gaps = means[rows, :, leaders[:, 0]] - means[rows, :, leaders[:, 1]]
            point["standard_error"] = round(float(np.sqrt(gaps.var(axis=1, ddof=1).mean())), 5)
        points.append(point)
    return {"n": len(labels), "points": points, "draws_needed": {f"{t:g}": draws_needed(points, t) for t in TARGETS}}


def draws_needed(points: Sequence[Point], target: float) -> int | None:
    """The fewest draws from which on accuracy stays at `target` or above; None where it does not get there."""
    needed = None
    for point in reversed(points):
        if point["accuracy"] < target:
            break
        needed = point["draws"]
    return needed


def curves(pools: Mapping[Scheme, Pool], cells: Cells, offset: np.ndarray) -> dict[Scheme, Curve]:
    """The curve of each scheme, over the first of the cells where its pool holds fewer; plain JSON values."""
    found: dict[Scheme, Curve] = {}
    for scheme in SCHEMES:
        pool = pools.get(scheme)
        if pool is not None:
            own = cells.take(range(len(pool.scores)))
            found[scheme] = curve(pool, own.labels.numpy(), own.slides, offset)
    return found
