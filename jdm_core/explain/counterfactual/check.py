"""The check of an edit: both verdicts, at the model's resolution and at the upload's own."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.explain.counterfactual.detail import with_detail_renewed
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.images.pixels import at_own_resolution, cell_mask, from_uint8, to_uint8

CURVE_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)  # shares of an edit at which the curve reads both verdicts
_CURVE_DRAWS = 4  # of the posterior on the way; at its end it is that of the check


@dataclass
class Candidate:
    """An edit and what the verdicts say of it: pixels (S, S, C) uint8, renewed (S, S), probabilities (K,) of the head.

    The posterior (K,) is None until it is asked for; head is what the head gives the target at the less sure of both
    resolutions.
    """

    pixels: Tensor
    renewed: np.ndarray
    probabilities: Tensor
    head: float
    posterior: Tensor | None = None


class Checker:
    """Reads edits of a batch by both verdicts, against what an edit must reach."""

    def __init__(self, verdicts: Verdicts, thresholds: Thresholds, batch: Batch, target: Tensor) -> None:
        self._verdicts, self.thresholds, self._batch, self._target = verdicts, thresholds, batch, target
        self._masks = cell_mask(batch.x).cpu().numpy()
        self._original = to_uint8(batch.x)

    def shown(self, cell: int, pixels: Tensor, renewed: np.ndarray) -> np.ndarray:
        """An edit (S, S, C) uint8 in the upload's own pixels."""
        difference = (pixels.float() - self._original[cell].float()) / 127.5
        upload = with_detail_renewed(self._batch.cells[cell], renewed, self._masks[cell])
        return at_own_resolution(upload, difference.expand(-1, -1, 3).cpu().numpy())

    def head_enough(self, images: Tensor, cells: Sequence[int]) -> Tensor:
        """Whether the head gives images (n, C, S, S) of some cells their target clearly enough, (n,)."""
        wanted = self._target[list(cells)][:, None]
        return self._verdicts.head(images).gather(1, wanted)[:, 0] >= self.thresholds.flip_head

    def read(self, cells: Sequence[int], pixels: Tensor, renewed: np.ndarray) -> list[Candidate]:
        """Edits (n, S, S, C) uint8 of cells, read by the head at both resolutions."""
        shown = [self.shown(*edit) for edit in zip(cells, pixels, renewed, strict=True)]
        probabilities = self._verdicts.head(torch.cat([from_uint8(pixels), self._verdicts.tensor(shown)]))
        wanted = self._target[list(cells)].repeat(2)[:, None]
        head = probabilities.gather(1, wanted)[:, 0].unflatten(0, (2, len(cells))).amin(0).tolist()
        rows = zip(pixels, renewed, probabilities[: len(cells)], head, strict=True)
        return [Candidate(*row) for row in rows]

    def ask_posterior(self, candidates: Sequence[tuple[int, Candidate]]) -> None:
        """Has the posterior read candidates of cells that it has not read yet."""
        asked = [(cell, candidate) for cell, candidate in candidates if candidate.posterior is None]
        if asked:
            x = from_uint8(torch.stack([candidate.pixels for _, candidate in asked]))
            read = self._verdicts.posterior(x, [self._batch.seeds[cell] for cell, _ in asked])
            for (_, candidate), posterior in zip(asked, read, strict=True):
                candidate.posterior = posterior

    def turned(self, cell: int, candidate: Candidate) -> bool:
        """Whether both verdicts give the target what they must."""
        if candidate.posterior is None or candidate.head < self.thresholds.flip_head:
            return False
        return float(candidate.posterior[self._target[cell]]) >= self.thresholds.flip_posterior

    def nearness(self, cell: int, candidate: Candidate) -> float:
        """How near a candidate comes, as the less of what it reaches of either threshold."""
        near = candidate.head / self.thresholds.flip_head
        if candidate.posterior is not None:
            near = min(near, float(candidate.posterior[self._target[cell]]) / self.thresholds.flip_posterior)
        return near

    def curves(self, edited: Tensor, probabilities: Tensor, posterior: Tensor) -> np.ndarray:
        """What head and posterior give the target, (B, T, 2), on the way from each cell to its edit (B, S, S, C) uint8.

        At shares of `CURVE_STRENGTHS`; probabilities and posterior (B, K) are those of the edit, at its end.
        """
        x, y, b = self._batch.x, from_uint8(edited), len(edited)
        moved = (edited != self._original).flatten(1).any(1).nonzero().flatten()
        wanted = self._target[:, None]
        ends = torch.stack([probabilities.gather(1, wanted)[:, 0], posterior.gather(1, wanted)[:, 0]], dim=1)
        curves = ends[:, None].repeat(1, len(CURVE_STRENGTHS), 1)
        if len(moved):
            seeds = [self._batch.seeds[i] for i in moved.tolist()]
            for t, share in enumerate(CURVE_STRENGTHS[:-1]):
                blend = from_uint8(to_uint8(torch.lerp(x[moved], y[moved], share)))
                read = self._verdicts.head(blend), self._verdicts.posterior(blend, seeds, _CURVE_DRAWS)
                curves[moved, t] = torch.stack([r.gather(1, wanted[moved])[:, 0] for r in read], dim=1)
        assert curves.shape == (b, len(CURVE_STRENGTHS), 2)
        return curves.cpu().numpy()
