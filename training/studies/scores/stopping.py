"""Early stopping of likelihood scores: classes that are already beaten are dropped, and a decided image draws no more.

A sequential test on paired differences: draws come in an order whose every prefix is balanced over noise levels, and
a class is dropped as soon as the leader is ahead of it by more than so many standard errors.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np
import torch
from torch import Tensor

from jdm_core.explain.likelihood import Draws
from jdm_core.model.network import JointDiffusionNetwork
from training.data.members import chunks
from training.metrics import clustered_interval, share
from training.studies.scores.draws import Weighting, class_errors, make_draws

ROUND = 4  # draws between two looks: a round of the balanced order covers the range of levels evenly
THRESHOLDS = (0.0, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)  # standard errors

# (images (m,), their alive classes (m, K), first draw, draw after the last) -> λ (m, d), scores (m, d, K)
Score = Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Decisions:
    """For n images: the class decided for, the draws (encoder passes) made, and the decoder passes; each (n,)."""

    labels: np.ndarray
    draws: np.ndarray
    decoder_passes: np.ndarray


class Row(TypedDict):
    """What a threshold costs, in mean passes a cell, and how often it is right and decides as all draws would."""

    threshold: float
    draws: float
    decoder_passes: float
    decoder_passes_all: int
    accuracy: float
    accuracy_interval: list[float]
    accuracy_all: float
    differs: float
    differs_interval: list[float]


def stratified_standard_error(values: Tensor) -> Tensor:
    """Standard error of the mean over draws, dimension 1, of values (B, D, ...) with one draw a stratum.

    From second differences of neighbouring strata (Wolter 2007, Introduction to Variance Estimation, chapter 8):
    the plain deviation would count the trend over noise levels, which stratifying removes, as noise.
    Needs three draws.
    """
    count = values.shape[1]
    squares = values.diff(n=2, dim=1).square().sum(dim=1) / (6 * (count - 2))
    return (squares / count).sqrt()


def mean_and_error(values: np.ndarray, logsnr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean of values (m, d, K) over draws and its standard error, each (m, K), for draws at balanced levels (m, d).

    From second differences in the order of the levels.
    """
    order = np.argsort(logsnr, axis=1)
    ordered = np.take_along_axis(values, order[:, :, None], axis=1)
    return values.mean(1), stratified_standard_error(torch.from_numpy(ordered)).numpy()


def decide(score: Score, images: int, classes: int, limit: int, threshold: float, offset: np.ndarray) -> Decisions:
    """Draws in rounds until one class is left for each image, or `limit` draws are made and the leader wins.

    After each round a class is dropped where the leader's mean score is ahead of its own by more than `threshold`
    standard errors of their paired difference; `offset` (K,) is added to the scores, as the posterior's bias is.
    """
    alive = np.ones((images, classes), dtype=bool)
    labels, draws = np.zeros(images, dtype=int), np.zeros(images, dtype=int)
    passes = np.zeros(images, dtype=int)
    active = np.arange(images)
    levels, scores = np.empty((images, 0)), np.empty((images, 0, classes))  # of the active images
    for part in chunks(limit, ROUND):
        start, stop = part.start, part.stop
        new_levels, new_scores = score(active, alive[active], start, stop)
        levels, scores = np.concatenate([levels, new_levels], 1), np.concatenate([scores, new_scores + offset], 1)
        draws[active] = stop
        passes[active] += (stop - start) * alive[active].sum(1)

        means = np.where(alive[active], scores.mean(1), -np.inf)
        leader = means.argmax(1)
        labels[active] = leader
        if stop == limit:
            break
        behind = scores[np.arange(len(active)), :, leader][:, :, None] - scores
        gap, error = mean_and_error(behind, levels)
        alive[active] &= ~(gap > threshold * error)  # NaN for a class dropped before, which stays dropped
        open_still = alive[active].sum(1) > 1
        active, levels, scores = active[open_still], levels[open_still], scores[open_still]
        if not len(active):
            break
    return Decisions(labels, draws, passes)


def recorded(logsnr: np.ndarray, scores: np.ndarray) -> Score:
    """Looks draws up that were all made before: λ (n, D) and scores (n, D, K)."""

    def score(images: np.ndarray, alive: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        found = scores[images, start:stop]
        return logsnr[images, start:stop], np.where(alive[:, None], found, np.nan)

    return score


def computed(
    network: JointDiffusionNetwork, x: Tensor, seeds: Sequence[Sequence[int]], limit: int, weighting: Weighting
) -> Score:
    """Makes draws of images x (B, C, S, S) when they are asked for: classes that were dropped are not decoded."""
    draws = make_draws(seeds, limit, x.shape[1:], weighting, balanced=True)

    def score(images: np.ndarray, alive: np.ndarray, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        index = torch.from_numpy(images)
        part = Draws(draws.logsnr[index, start:stop], draws.noise[index, start:stop], draws.symmetries[start:stop])
        errors = class_errors(network, x[index.to(x.device)], part, torch.from_numpy(alive), weighting.bf16)
        return part.logsnr.numpy(), weighting.scores(errors, part.logsnr).double().numpy()

    return score


def stopping_table(
    logsnr: np.ndarray, scores: np.ndarray, labels: np.ndarray, slides: Sequence[str], limit: int, offset: np.ndarray
) -> list[Row]:
    """What each threshold costs and errs on recorded draws λ (n, D), scores (n, D, K); plain JSON values.

    Each image is decided D // limit times, from draws of its own each time. differs: the share of decisions that all
    `limit` draws would have made otherwise, the rule's own error.
    """
    _, draws, classes = scores.shape
    trials = draws // limit
    logsnr = logsnr[:, : trials * limit].reshape(-1, limit)
    scores = scores[:, : trials * limit].reshape(-1, limit, classes)
    labels, repeated = labels.repeat(trials), np.repeat(slides, trials).tolist()
    full = (scores.mean(1) + offset).argmax(1)
    score = recorded(logsnr, scores)
    rows: list[Row] = []
    for threshold in THRESHOLDS:
        found = decide(score, len(labels), classes, limit, threshold, offset)
        right, differs = found.labels == labels, found.labels != full
        rows.append(
            {
                "threshold": threshold,
                "draws": round(float(found.draws.mean()), 3),
                "decoder_passes": round(float(found.decoder_passes.mean()), 3),
                "decoder_passes_all": limit * classes,
                "accuracy": round(share(right, labels), 5),
                "accuracy_interval": _interval(right, repeated),
                "accuracy_all": round(float((full == labels).mean()), 5),
                "differs": round(share(differs, labels), 5),
                "differs_interval": _interval(differs, repeated),
            }
        )
    return rows


def choose_threshold(rows: Sequence[Row], error: float) -> float:
    """The lowest threshold from which on at most a share `error` of the decisions differ from those of all draws.

    The highest where none is as good.
    """
    chosen = rows[-1]["threshold"]
    for row in reversed(rows):
        if row["differs"] > error:
            break
        chosen = row["threshold"]
    return chosen


def _interval(flags: np.ndarray, slides: Sequence[str]) -> list[float]:
    return [round(value, 5) for value in clustered_interval(share, flags, flags, slides)]
