"""The search for an edit that turns both verdicts: candidates from natural to strong, some at once, each checked."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from jdm_core.checkpoint.calibration import Thresholds
from jdm_core.draw.maps import CHANGED
from jdm_core.explain.counterfactual.candidates import Cells, Made, cells_to_edit, least, make
from jdm_core.explain.counterfactual.check import Candidate, Checker
from jdm_core.explain.counterfactual.region import SHIFT_PASSES
from jdm_core.explain.edit import EditSettings, Strength
from jdm_core.explain.results import Counterfactual, Effort, Frame
from jdm_core.explain.verdicts import Batch, Verdicts
from jdm_core.images.pixels import cell_mask, to_uint8
from jdm_core.model.network import JointDiffusionNetwork

AT_ONCE = 4  # candidates of a cell that are made as one batch
MAX_VARIANTS = 16


@dataclass
class Tried:
    """What was tried for one cell so far: candidates with their strengths in order, attempts, steps and passes."""

    candidates: list[Candidate] = field(default_factory=list)
    strengths: list[Strength] = field(default_factory=list)
    attempts: int = 0
    decoded_steps: int = 0
    encoder_passes: int = 0


class Search:
    """The way to an edit for a network: whoever wants one, step by step or at its end, runs this loop."""

    def __init__(
        self, network: JointDiffusionNetwork, verdicts: Verdicts, thresholds: Thresholds, labels: tuple[str, ...]
    ) -> None:
        self._network, self._verdicts = network, verdicts
        self._thresholds, self._labels = thresholds, labels

    @torch.inference_mode()
    def frames(
        self, batch: Batch, target: Tensor | None, settings: EditSettings, seed: int, variants: int | None = None
    ) -> Iterator[Frame]:
        """Frames of the first image that is edited; the last one carries the result of all.

        target (B,) are classes, None the other than the head's of two. An image that the head already takes for its
        target stays as it is. `seed` is the one that the batch was made with, and is only told. The search goes on
        until so many `variants` of each cell turn both verdicts, or the ladder ends. Raises ValueError for too many.
        """
        if variants is not None and not 1 <= variants <= MAX_VARIANTS:
            raise ValueError(f"variants: {variants}, where 1 to {MAX_VARIANTS} are possible")
        probabilities = self._verdicts.head(batch.x)
        source = probabilities.argmax(1)
        target = 1 - source if target is None else target
        checker = Checker(self._verdicts, self._thresholds, batch, target)
        tried = [Tried() for _ in batch.cells]
        frame = Frame(_picture(batch.x), 0, 1, 0, 0, 0.0)
        if bool((source != target).any()):
            cells = cells_to_edit(self._network, batch.x, source, target, batch.seeds)
            for frame in self._tried(cells, settings, variants or 1, tried, checker):
                yield frame
        result = self._result(batch, target, probabilities, tried, checker, settings, seed, variants)
        yield replace(frame, image=result.images[0], result=result)

    def _tried(
        self, cells: Cells, settings: EditSettings, variants: int, tried: list[Tried], checker: Checker
    ) -> Iterator[Frame]:
        """Makes and checks candidates, each time for the cells that have too few, until the ladder ends."""
        own = [i for i in range(len(tried)) if int(cells.source[i]) != int(cells.target[i])]
        for i in own:
            tried[i].encoder_passes = SHIFT_PASSES if bool(cells.shift[i].any()) else 0
        ladders = {i: _for_variants(settings.candidates(cells.removes(i)), variants) for i in own}
        parts = {i: _attempts(cells.removes(i), len(ladders[i]), variants) for i in own}
        attempts = max(map(len, parts.values()))
        work = [
            sum(ladders[i][n].start for i in own for part in parts[i][k : k + 1] for n in part) for k in range(attempts)
        ]
        for attempt in range(attempts):
            wanted = []
            for i in own:
                if attempt < len(parts[i]) and self._turned(i, tried[i], checker) < variants:
                    numbers = _tried_in_order(cells.removes(i), parts[i][attempt], cells.seeds[i])
                    wanted += [(i, number, ladders[i][number]) for number in numbers]
            if not wanted:
                break
            steps, made = max(strength.start for *_, strength in wanted), None
            for done in make(self._network, cells, settings, wanted):
                if isinstance(done, Made):
                    made = done
                else:
                    step, images = done
                    share = (sum(work[:attempt]) + work[attempt] * step / steps) / sum(work)
                    yield Frame(_picture(images), attempt + 1, attempts, step, steps, share)
            if made is not None:
                self._check(least(made, cells, checker.head_enough), cells, tried, checker, variants)

    def _check(self, made: Made, cells: Cells, tried: list[Tried], checker: Checker, variants: int) -> None:
        """Reads what was made; of a cell's candidates the posterior reads no more than are wanted and turn the head.

        In the order in which they were made: the first that turns both is kept.
        """
        removes = np.array([cells.removes(i) for i in made.cells], np.float32)
        renewed = made.areas * removes[:, None, None]
        read = checker.read(made.cells, made.pixels, renewed)
        for i, strength, candidate in zip(made.cells, made.strengths, read, strict=True):
            tried[i].candidates.append(candidate)
            tried[i].strengths.append(strength)
            tried[i].decoded_steps += strength.start
            tried[i].encoder_passes += strength.start
        touched = sorted(set(made.cells))
        for i in touched:
            tried[i].attempts += 1
        while True:
            asked = []
            for i in touched:
                missing = variants - self._turned(i, tried[i], checker)
                turning = [one for one in tried[i].candidates if one.head >= self._thresholds.flip_head]
                unread = [one for one in turning if one.posterior is None]
                asked += [(i, candidate) for candidate in unread[: max(missing, 0)]]
            if not asked:
                return
            checker.ask_posterior(asked)

    @staticmethod
    def _turned(cell: int, tried: Tried, checker: Checker) -> int:
        return sum(checker.turned(cell, candidate) for candidate in tried.candidates)

    def _result(
        self,
        batch: Batch,
        target: Tensor,
        probabilities: Tensor,
        tried: list[Tried],
        checker: Checker,
        settings: EditSettings,
        seed: int,
        variants: int | None,
    ) -> Counterfactual:
        """The edits that were found, the best first, with their differences, also at the cells' own resolution."""
        original = to_uint8(batch.x)
        orders = [_order(i, one, checker) for i, one in enumerate(tried)]
        blank = np.zeros(tuple(original.shape[1:3]), np.float32)
        unedited = [Candidate(original[i], blank, probabilities[i], 1.0) for i in range(len(tried))]
        kept = [t.candidates[o[0]] if o else u for t, o, u in zip(tried, orders, unedited, strict=True)]
        checker.ask_posterior(list(enumerate(kept)))
        edited = torch.stack([one.pixels for one in kept])
        head = torch.stack([one.probabilities for one in kept])
        posterior = torch.stack([one.posterior for one in kept if one.posterior is not None])
        difference = (edited.float() - original.float()) / 255
        mask = cell_mask(batch.x)
        changed = ((difference.abs().amax(3) > CHANGED) & mask).sum((1, 2)) / mask.sum((1, 2)).clamp(min=1)
        flipped = [bool(o) and checker.turned(i, one) for i, (o, one) in enumerate(zip(orders, kept, strict=True))]
        several, several_flipped = _several(tried, orders, kept, checker, variants or 1)
        return Counterfactual(
            labels=self._labels,
            original=_coloured(original),
            images=_coloured(edited),
            target=target.cpu().numpy(),
            difference=_coloured(difference),
            full_resolution=[checker.shown(i, one.pixels, one.renewed) for i, one in enumerate(kept)],
            probabilities=head.cpu().numpy(),
            posterior=posterior.cpu().numpy(),
            flipped=np.array(flipped),
            changed_fraction=changed.cpu().numpy(),
            variants=several,
            variants_flipped=several_flipped,
            curve=checker.curves(edited, head, posterior) if variants else np.zeros((len(kept), 0, 2), np.float32),
            efforts=[_effort(one, order) for one, order in zip(tried, orders, strict=True)],
            steps=settings.steps,
            time=settings.time,
            seed=seed,
        )


def _for_variants(ladder: Sequence[Strength], variants: int) -> list[Strength]:
    """The ladder, and where it is shorter than the variants asked for, its last strength again."""
    return [*ladder, *[ladder[-1]] * (variants - len(ladder))]


def _attempts(removes: bool, count: int, variants: int) -> list[range]:
    """Which of the ladder's candidates are made at once; to remove, where no place is sought, one may do."""
    first = min(count, variants if removes else max(AT_ONCE, variants))
    return [range(first), *(range(i, min(i + AT_ONCE, count)) for i in range(first, count, AT_ONCE))]


def _tried_in_order(removes: bool, part: range, seed: int) -> list[int]:
    """In which order candidates that are made at once are read: to remove, the mildest first; to add, as a seed has it.

    Of parasites that all turn both verdicts the mildest were always alike, and real ones differ.
    """
    return list(part) if removes else np.random.default_rng(seed).permutation(part).tolist()


def _order(cell: int, tried: Tried, checker: Checker) -> list[int]:
    """The candidates of a cell, those that turn both verdicts first, in the order tried; then the nearest."""
    near = [checker.nearness(cell, one) for one in tried.candidates]
    turned = [checker.turned(cell, one) for one in tried.candidates]
    return sorted(range(len(near)), key=lambda i: (not turned[i], i if turned[i] else -near[i]))


def _several(
    tried: Sequence[Tried], orders: Sequence[list[int]], kept: Sequence[Candidate], checker: Checker, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (B, V, S, S, 3) of the best candidates, and which turn both (B, V); what is not edited as it is."""
    pictures, turned = [], []
    for i, (one, order, own) in enumerate(zip(tried, orders, kept, strict=True)):
        best = [one.candidates[j] for j in order[:count]] or [own]
        best += [best[-1]] * (count - len(best))
        pictures.append(_coloured(torch.stack([candidate.pixels for candidate in best])))
        turned.append([bool(order) and checker.turned(i, candidate) for candidate in best])
    return np.stack(pictures), np.array(turned)


def _effort(tried: Tried, order: list[int]) -> Effort:
    if not order:
        return Effort()
    return Effort(tried.strengths[order[0]], tried.attempts, tried.decoded_steps, tried.encoder_passes)


def _coloured(pixels: Tensor) -> np.ndarray:
    """Pictures (N, S, S, C) on the host, gray ones in three equal channels."""
    return pixels.expand(-1, -1, -1, 3).cpu().numpy()


def _picture(images: Tensor) -> np.ndarray:
    """The first of images (B, C, S, S) as pixels uint8 (S, S, 3)."""
    return _coloured(to_uint8(images[:1]))[0]
