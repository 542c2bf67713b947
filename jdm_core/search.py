"""The search for the weakest edit that turns both verdicts: one strength after the other, each edit checked."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jdm_core import heatmap
from jdm_core.cells import at_own_resolution, cell_mask, to_uint8
from jdm_core.counterfactual import EditSettings, Strength, decode_edit, invert, uninverted
from jdm_core.network import JointDiffusionNetwork
from jdm_core.results import Counterfactual, Frame

CHANGED = 10 / 255  # a pixel counts as changed beyond this, in any channel


@dataclass(frozen=True)
class Check:
    """What the verdicts say of n edits: probabilities and posterior (n, K), and whether both turned (n,).

    The posterior is NaN where the head had not turned and the search goes on: nobody asks for it.
    """

    probabilities: Tensor
    posterior: Tensor
    flipped: Tensor


@dataclass
class Found:
    """The edits of B images while the search goes on; what no strength has touched is the image itself.

    images (B, S, S, 3) uint8, probabilities and posterior (B, K), flipped (B,); for each image the last strength
    tried, the number of those tried, the steps decoded for them, and the encoder's passes; each decodes two classes.
    """

    images: Tensor
    probabilities: Tensor
    posterior: Tensor
    flipped: Tensor
    strength: list[Strength | None]
    attempts: list[int]
    decoded: list[int]
    passes: list[int]

    @classmethod
    def unedited(cls, x: Tensor, probabilities: Tensor, posterior: Tensor) -> "Found":
        """Nothing done yet to x (B, C, S, S)."""
        b = len(x)
        flipped = torch.zeros(b, dtype=torch.bool, device=x.device)
        return cls(to_uint8(x), probabilities, posterior, flipped, [None] * b, [0] * b, [0] * b, [0] * b)

    def keep(self, rows: Tensor, edited: Tensor, check: Check, strength: Strength, passes: int) -> None:
        """Takes the edits (n, S, S, 3) of some rows (n,), with what was found of them and the passes that it took."""
        self.images[rows], self.flipped[rows] = edited, check.flipped
        self.probabilities[rows], self.posterior[rows] = check.probabilities, check.posterior
        for i in rows.tolist():
            self.strength[i] = strength
            self.attempts[i] += 1
            self.decoded[i] += strength.start
            self.passes[i] += passes


def search(
    network: JointDiffusionNetwork, x: Tensor, source: Tensor, target: Tensor, settings: EditSettings, found: Found,
    check: Callable[[Tensor, Tensor, bool], Check],
) -> Iterator[Frame]:  # fmt: skip
    """Edits x (B, C, S, S) from classes `source` to `target` (B,), into `found`; frames of the batch's first edit.

    Decodes with one strength after the other, each time only the images that no weaker one has flipped; the
    inversion goes on only as far as the next strength needs it. check(rows, edited, last) reads edits
    (n, S, S, 3) uint8 of rows (n,), of the last strength or not.
    """
    open_ = (source != target).nonzero().flatten()
    if len(open_) == 0:
        return
    inversion = uninverted(x[open_], source[open_], target[open_], settings.logsnr(x.device))
    for attempt, strength in enumerate(settings.ladder, start=1):
        read = len(inversion.own)
        inversion = invert(network, inversion, strength.start)
        passes = len(inversion.own) - read + strength.start - 1
        for step, edited in enumerate(decode_edit(network, inversion, strength), start=1):
            first = to_uint8(edited[:1]).expand(-1, -1, -1, 3)[0].cpu().numpy()
            yield Frame(first, attempt, len(settings.ladder), step, strength.start, strength.guidance)
        pixels = to_uint8(edited)
        checked = check(open_, pixels, attempt == len(settings.ladder))
        found.keep(open_, pixels, checked, strength, passes)
        inversion, open_ = inversion.take(~checked.flipped), open_[~checked.flipped]
        if len(open_) == 0:
            break


def result(
    labels: tuple[str, ...], cells: Sequence[np.ndarray], x: Tensor, target: Tensor, found: Found,
    settings: EditSettings, seed: int,
) -> Counterfactual:  # fmt: skip
    """The edits that were found, with differences and pictures, also at each of the cells' own resolution."""
    original, edited = to_uint8(x), found.images
    difference = (edited.float() - original.float()) / 255
    mask = cell_mask(x)
    changed = ((difference.abs().amax(3) > CHANGED) & mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
    values = heatmap.difference_map(difference.permute(0, 3, 1, 2))
    scale = heatmap.robust_scale(values).clamp(min=CHANGED)
    picture = heatmap.signed_overlay(x, values, scale, x.shape[-1], heatmap.CHANGE_STOPS)
    original, edited, difference = (pixels.expand(-1, -1, -1, 3) for pixels in (original, edited, difference))  # gray
    moved = difference.cpu().numpy()
    return Counterfactual(
        labels=labels, original=original.cpu().numpy(), images=edited.cpu().numpy(),
        target=target.cpu().numpy(), difference=moved, heatmap=picture.cpu().numpy(),
        full_resolution=[at_own_resolution(cell, 2 * moved[i]) for i, cell in enumerate(cells)],
        probabilities=found.probabilities.cpu().numpy(), posterior=found.posterior.cpu().numpy(),
        flipped=found.flipped.cpu().numpy(), changed_fraction=changed.cpu().numpy(),
        settings=_described(found, settings, seed),
    )  # fmt: skip


def _described(found: Found, settings: EditSettings, seed: int) -> dict[str, Any]:
    """What was done, as plain values; lists are per image."""
    done = [s or Strength(0, 0.0, 0.0) for s in found.strength]
    return {
        "seed": seed, "steps": settings.steps, "inversion_time": settings.time,
        "guidance": [s.guidance for s in done], "region": [s.region for s in done], "single": [s.single for s in done],
        "start_time": [round(s.start / settings.steps * settings.time, 4) for s in done],
        "attempts": found.attempts, "decoded_steps": found.decoded, "encoder_passes": found.passes,
    }  # fmt: skip
