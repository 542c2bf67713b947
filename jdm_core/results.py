"""What the explainer returns: numbers and pictures as numpy arrays, B images, K classes, model size S."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """Calibrated probabilities (B, K) of the head, for the K labels, and whether the model knows such pictures.

    unfamiliarity (B,) from 0 on, higher for a stranger picture; familiar (B,) bool, where it is below 1, as 99 % of
    cells are. Outside, neither verdict nor edit should be trusted. A checkpoint for which that was not fitted finds
    everything familiar, and its unfamiliarity is NaN.
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    unfamiliarity: np.ndarray
    familiar: np.ndarray


@dataclass(frozen=True)
class ElboResult:
    """Likelihood scores; for B images, K classes and model size S.

    elbo and standard_error (B, K) in nats, an estimate of the bound up to a term that no class changes;
    difference (B,) of the first label minus the second and its standard error (B,), from paired draws;
    posterior (B, K), calibrated; evidence (B, S, S), positive where a pixel and its neighbours speak for the first
    label, which sums to score_difference (B,), what the posterior reads; draws, of each kind. With more than two
    classes, all differences are those of the class with the highest score and the next, image by image.
    """

    labels: tuple[str, ...]
    elbo: np.ndarray
    standard_error: np.ndarray
    difference: np.ndarray
    difference_standard_error: np.ndarray
    posterior: np.ndarray
    evidence: np.ndarray
    score_difference: np.ndarray
    draws: int


@dataclass(frozen=True)
class Counterfactual:
    """Edits of B images towards `target` (B,), class indices.

    original and images (B, S, S, 3) uint8; difference (B, S, S, 3) their difference in [-1, 1]; heatmap
    (B, S, S, 3) uint8; full_resolution, the edit in each upload's own pixels; probabilities and posterior
    (B, K) of the edit; flipped (B,), whether head and posterior both changed to the target; changed_fraction
    (B,), the share of the cell's pixels that moved by more than 10/255; settings, what was done, per image
    where it differs.
    """

    labels: tuple[str, ...]
    original: np.ndarray
    images: np.ndarray
    target: np.ndarray
    difference: np.ndarray
    heatmap: np.ndarray
    full_resolution: list[np.ndarray]
    probabilities: np.ndarray
    posterior: np.ndarray
    flipped: np.ndarray
    changed_fraction: np.ndarray
    settings: dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """One frame of an edit as it comes: the image so far (S, S, 3) uint8, and where the search stands.

    attempt counts from 1 to attempts, step from 1 to steps; `result` comes with the last frame alone.
    """

    image: np.ndarray
    attempt: int
    attempts: int
    step: int
    steps: int
    guidance: float
    result: Counterfactual | None = None


def merge(parts: Sequence[Counterfactual]) -> Counterfactual:
    """The edits of consecutive parts of one list of images, as one result."""
    merged: dict[str, Any] = {"labels": parts[0].labels}
    for key in vars(parts[0]).keys() - {"labels", "settings"}:
        values = [getattr(part, key) for part in parts]
        merged[key] = np.concatenate(values) if isinstance(values[0], np.ndarray) else list(chain.from_iterable(values))
    settings = {
        key: list(chain.from_iterable(part.settings[key] for part in parts)) if isinstance(value, list) else value
        for key, value in parts[0].settings.items()
    }
    return Counterfactual(settings=settings, **merged)
