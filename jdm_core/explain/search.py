"""The search for the weakest edit that turns both verdicts: one strength after the other, each edit checked."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.draw.maps import CHANGED
from jdm_core.explain.edit import EditSettings, Strength, decode_edit, invert, uninverted
from jdm_core.explain.results import Counterfactual, Effort, Frame
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.images.pixels import at_own_resolution, cell_mask, from_uint8, to_uint8
from jdm_core.model.network import JointDiffusionNetwork


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

    images (B, S, S, 3) uint8, probabilities and posterior (B, K), flipped (B,), and what each image has taken.
    """

    images: Tensor
    probabilities: Tensor
    posterior: Tensor
    flipped: Tensor
    efforts: list[Effort]

    def keep(self, rows: Tensor, edited: Tensor, check: Check, strength: Strength, passes: int) -> None:
        """Takes the edits (n, S, S, 3) of some rows (n,), with what was found of them and the passes that it took."""
        self.images[rows], self.flipped[rows] = edited, check.flipped
        self.probabilities[rows], self.posterior[rows] = check.probabilities, check.posterior
        for i in rows.tolist():
            before = self.efforts[i]
            self.efforts[i] = Effort(
                strength,
                before.attempts + 1,
                before.decoded_steps + strength.start,
                before.encoder_passes + passes,
            )


class Search:
    """The way to an edit for a network: whoever wants one, step by step or at its end, runs this loop."""

    def __init__(
        self, network: JointDiffusionNetwork, verdicts: Verdicts, thresholds: Thresholds, labels: tuple[str, ...]
    ) -> None:
        self._network, self._verdicts = network, verdicts
        self._thresholds, self._labels = thresholds, labels

    @torch.inference_mode()
    def frames(self, batch: Batch, target: Tensor | None, settings: EditSettings, seed: int) -> Iterator[Frame]:
        """Frames of the first image that is edited; the last one carries the result of all.

        target (B,) are classes, None the other than the head's of two. An image that the head already takes for its
        target stays as it is. `seed` is the one that the batch was made with, and is only told.
        """
        probabilities = self._verdicts.head(batch.x)
        source = probabilities.argmax(1)
        target = 1 - source if target is None else target
        found = self._unedited(batch, probabilities, source == target)
        frame = Frame(_picture(batch.x), 0, len(settings.ladder), 0, 0, 0.0)
        for frame in self._tried(batch, source, target, settings, found):
            yield frame
        result = self._result(batch, target, found, settings, seed)
        yield replace(frame, image=result.images[0], result=result)

    def _unedited(self, batch: Batch, probabilities: Tensor, stays: Tensor) -> Found:
        """Nothing done yet; only what stays (B,) as it is needs its posterior."""
        rows = stays.nonzero().flatten()
        posterior = torch.empty_like(probabilities)
        if len(rows):
            own = batch.take(rows)
            posterior[rows] = self._verdicts.posterior(own.x, own.seeds)
        efforts = [Effort() for _ in batch.cells]
        return Found(to_uint8(batch.x), probabilities, posterior, torch.zeros_like(stays), efforts)

    def _tried(
        self, batch: Batch, source: Tensor, target: Tensor, settings: EditSettings, found: Found
    ) -> Iterator[Frame]:
        """Decodes with one strength after the other, each time only the images that no weaker one has flipped.

        The inversion goes on only as far as the next strength needs it.
        """
        rows = (source != target).nonzero().flatten()
        if len(rows) == 0:
            return
        inversion = uninverted(batch.x[rows], source[rows], target[rows], settings.logsnr(batch.x.device))
        for attempt, strength in enumerate(settings.ladder, start=1):
            read = len(inversion.own)
            inversion = invert(self._network, inversion, strength.start)
            passes = len(inversion.own) - read + strength.start - 1
            edited = inversion.states[0]
            for step, edited in enumerate(decode_edit(self._network, inversion, strength), start=1):
                yield Frame(_picture(edited), attempt, len(settings.ladder), step, strength.start, strength.guidance)
            pixels, last = to_uint8(edited), attempt == len(settings.ladder)
            check = self._check(batch.take(rows), pixels, target[rows], last)
            found.keep(rows, pixels, check, strength, passes)
            inversion, rows = inversion.take(~check.flipped), rows[~check.flipped]
            if len(rows) == 0:
                break

    def _check(self, batch: Batch, edited: Tensor, target: Tensor, last: bool) -> Check:
        """Reads edits (n, S, S, 3) uint8 of a batch by the head, at both resolutions, and by the posterior.

        The posterior takes most of the passes: before the last strength only those are asked for it that the head
        lets pass.
        """
        signed, n = from_uint8(edited), len(batch.x)
        difference = ((signed - batch.x).permute(0, 2, 3, 1)).cpu().numpy()
        shown = [at_own_resolution(cell, difference[i]) for i, cell in enumerate(batch.cells)]
        probabilities = self._verdicts.head(torch.cat([signed, self._verdicts.tensor(shown)]))
        wanted = target[:, None]
        head = torch.minimum(probabilities[:n].gather(1, wanted), probabilities[n:].gather(1, wanted))[:, 0]
        turned = head >= self._thresholds.flip_head
        posterior = torch.full_like(probabilities[:n], torch.nan)
        asked = (turned | last).nonzero().flatten()
        if len(asked):
            posterior[asked] = self._verdicts.posterior(signed[asked], [batch.seeds[i] for i in asked.tolist()])
        flipped = turned & (posterior.gather(1, wanted)[:, 0] >= self._thresholds.flip_posterior)
        return Check(probabilities[:n], posterior, flipped)

    def _result(self, batch: Batch, target: Tensor, found: Found, settings: EditSettings, seed: int) -> Counterfactual:
        """The edits that were found, with their differences, also at each of the cells' own resolution."""
        original, edited = to_uint8(batch.x), found.images
        difference = (edited.float() - original.float()) / 255
        mask = cell_mask(batch.x)
        changed = ((difference.abs().amax(3) > CHANGED) & mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
        in_colour = (pixels.expand(-1, -1, -1, 3).cpu().numpy() for pixels in (original, edited, difference))
        original, edited, moved = in_colour
        return Counterfactual(
            labels=self._labels,
            original=original,
            images=edited,
            target=target.cpu().numpy(),
            difference=moved,
            full_resolution=[at_own_resolution(cell, 2 * moved[i]) for i, cell in enumerate(batch.cells)],
            probabilities=found.probabilities.cpu().numpy(),
            posterior=found.posterior.cpu().numpy(),
            flipped=found.flipped.cpu().numpy(),
            changed_fraction=changed.cpu().numpy(),
            efforts=found.efforts,
            steps=settings.steps,
            inversion_time=settings.time,
            seed=seed,
        )


def _picture(images: Tensor) -> np.ndarray:
    """The first of images (B, C, S, S) as pixels uint8 (S, S, 3); a gray one in three equal channels."""
    return to_uint8(images[:1]).expand(-1, -1, -1, 3)[0].cpu().numpy()
