"""What the explainer returns: numbers and pictures as numpy arrays, B images, K classes, model size S."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from jdm_core.checkpoint.familiarity import FAMILIAR, NO_RED_CELL
from jdm_core.draw.drawing import change_pictures
from jdm_core.explain.edit import Strength
from jdm_core.model.diffusion import LOGSNR_MAX

Result = TypeVar("Result", "Prediction", "ElboResult", "Counterfactual")


@dataclass(frozen=True)
class Prediction:
    """Calibrated probabilities (B, K) of the head, for the K labels, and whether the model knows such pictures.

    unfamiliarity (B,) from 0 on, higher for a stranger picture; kind (B,) of words: "familiar", below 1, as 99 % of
    cells as in training are; "other", a red cell of another stain or microscope, on which the model errs more often;
    "not a red cell", nearly always from 1 on, on which neither verdict nor edit should be trusted. A checkpoint for
    which that was not fitted finds everything familiar, and its unfamiliarity is NaN. unsure_below is the confidence
    from which the head calls a cell.
    """

    labels: tuple[str, ...]
    probabilities: np.ndarray
    unfamiliarity: np.ndarray
    kind: np.ndarray
    unsure_below: float = 0.0

    @property
    def familiar(self) -> np.ndarray:
        """Whether each picture is a red cell as in training, (B,) bool."""
        return self.kind == FAMILIAR

    @property
    def is_cell(self) -> np.ndarray:
        """Whether each picture is a red cell of whatever stain and microscope, (B,) bool."""
        return self.kind != NO_RED_CELL

    @property
    def called(self) -> np.ndarray:
        """Whether the head calls each cell, (B,) bool: it is a red cell, of which the head is sure enough.

        The checkpoint's `thresholds.promise` says how often calls are right, on slides like those of training.
        """
        return self.is_cell & (self.probabilities.max(1) >= self.unsure_below)


@dataclass(frozen=True)
class ElboResult:
    """Likelihood scores; for B images, K classes and model size S.

    elbo and standard_error (B, K) in nats, an estimate, up to a term that no class changes, of the bound on log p of
    the cell under the noise of log-SNR elbo_logsnr_max: detail so fine that this noise covers it is not counted;
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
    elbo_logsnr_max: float = LOGSNR_MAX


@dataclass(frozen=True)
class Effort:
    """What the edit of one image took: the `strength` of the one kept, None where the image was left as it is.

    attempts counts the batches of candidates, decoded_steps the steps decoded for all of them, and encoder_passes the
    encoder's passes with those that found the region; the verdicts' own are not counted.
    """

    strength: Strength | None = None
    attempts: int = 0
    decoded_steps: int = 0
    encoder_passes: int = 0


@dataclass(frozen=True)
class Counterfactual:
    """Edits of B images towards `target` (B,), class indices.

    original and images (B, S, S, 3) uint8; difference (B, S, S, 3) their difference in [-1, 1]; full_resolution, the
    edit in each upload's own pixels; probabilities and posterior (B, K) of the edit; flipped (B,), whether head and
    posterior both changed to the target, at the upload's own resolution too; changed_fraction (B,), the share of the
    cell's pixels that moved by more than 10/255. variants (B, V, S, S, 3) uint8 are V different edits of each image, of
    which the first is `images`; variants_flipped (B, V), which of them turn both verdicts. curve (B, T, 2): what head
    and posterior give the target on the straight way from each image to its edit, over `strengths` (T,); T is 0 where
    no variants were asked for. efforts says for each image what its edit took, on a way of `steps` equal steps of
    cosine time down from `time`.
    """

    labels: tuple[str, ...]
    original: np.ndarray
    images: np.ndarray
    target: np.ndarray
    difference: np.ndarray
    full_resolution: list[np.ndarray]
    probabilities: np.ndarray
    posterior: np.ndarray
    flipped: np.ndarray
    changed_fraction: np.ndarray
    variants: np.ndarray
    variants_flipped: np.ndarray
    curve: np.ndarray
    efforts: list[Effort]
    steps: int
    time: float
    seed: int

    @cached_property
    def heatmap(self) -> np.ndarray:
        """The change over each gray image, (B, S, S, 3) uint8: green where it is brighter; drawn when asked for."""
        return change_pictures(self.original, self.difference)

    @property
    def strengths(self) -> np.ndarray:
        """The shares (T,) of the edit at which the curve was read: 0 the image, 1 the edit."""
        return np.linspace(0, 1, self.curve.shape[1])

    @property
    def settings(self) -> dict[str, Any]:
        """What was done as the plain values that a JSON holds; those that differ between images are lists."""
        each = [self._settings_of_image(effort) for effort in self.efforts]
        return self._settings_of_all() | {key: [own[key] for own in each] for key in each[0]}

    def settings_of(self, image: int) -> dict[str, Any]:
        """What was done for one image, as the plain values that a JSON holds."""
        return self._settings_of_all() | self._settings_of_image(self.efforts[image])

    def _settings_of_all(self) -> dict[str, Any]:
        return {"seed": self.seed, "steps": self.steps, "time": self.time}

    def _settings_of_image(self, effort: Effort) -> dict[str, Any]:
        strength = effort.strength or Strength(0, 0.0)
        return {
            "guidance": strength.guidance,
            "region": strength.region,
            "start_time": round(strength.start / self.steps * self.time, 4),
            "attempts": effort.attempts,
            "decoded_steps": effort.decoded_steps,
            "encoder_passes": effort.encoder_passes,
        }


@dataclass(frozen=True)
class Frame:
    """One frame of an edit as it comes: the image so far (S, S, 3) uint8, and where the search stands.

    attempt counts from 1 to attempts, step from 1 to steps; done is the share of the most work that the search may
    take, which it seldom needs; `result` comes with the last frame alone.
    """

    image: np.ndarray
    attempt: int
    attempts: int
    step: int
    steps: int
    done: float
    result: Counterfactual | None = None


def merge(parts: Sequence[Result]) -> Result:
    """The results of consecutive parts of one list of images as one: arrays and lists joined, the rest the first's."""
    joined: dict[str, Any] = {}
    for field in fields(parts[0]):
        values = [getattr(part, field.name) for part in parts]
        if isinstance(values[0], np.ndarray):
            joined[field.name] = np.concatenate(values)
        elif isinstance(values[0], list):
            joined[field.name] = list(chain.from_iterable(values))
    return replace(parts[0], **joined)
