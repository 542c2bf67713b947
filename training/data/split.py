"""Slides for training, validation and test, which cells keep their label, and the order in which they are seen."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.data.digits import TEST_PREFIX
from training.data.members import DataError


@dataclass(frozen=True)
class Split:
    """Slides of each part; no slide is in two parts."""

    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]

    @property
    def digest(self) -> str:
        """sha256 of the three lists, to recognise the same split again."""
        text = "\n".join(f"{part}:{','.join(getattr(self, part))}" for part in ("train", "validation", "test"))
        return hashlib.sha256(text.encode()).hexdigest()


def split_slides(
    slides: Sequence[str], labels: Sequence[int], validation: float, test: float, seed: int, given_test: bool = False
) -> Split:
    """Splits by slide, deterministically: slides with and without cells of class 0 apart, each ordered by a hash.

    slides and labels are per cell; validation and test are shares of the slides. With `given_test`, slides called
    "test-..." are the test part, as the data come, and the shares are of the others. Raises DataError with fewer
    than three slides in a stratum that needs splitting.
    """
    with_first = {slide for slide, label in zip(slides, labels, strict=True) if label == 0}
    given = {slide for slide in slides if given_test and slide.startswith(TEST_PREFIX)}
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": list(given)}
    for stratum in (with_first - given, set(slides) - with_first - given):
        ordered = sorted(stratum, key=lambda slide: hashlib.sha256(f"{seed}:{slide}".encode()).hexdigest())
        n_validation, n_test = round(len(ordered) * validation), round(len(ordered) * test)
        parts["validation"] += ordered[:n_validation]
        parts["test"] += ordered[n_validation : n_validation + n_test]
        parts["train"] += ordered[n_validation + n_test :]
    for name, part in parts.items():
        if not part:
            raise DataError(f"{len(set(slides))} slides are too few to split: no slide left for {name}")
    return Split(*(tuple(sorted(parts[name])) for name in ("train", "validation", "test")))


def labelled_subset(labels: Tensor, share: float, seed: int) -> Tensor:
    """Which of N cells keep their label when only a share in (0, 1] of each class does: (N,) bool.

    Every class present keeps at least one cell. One seed gives nested subsets: a larger share keeps what a smaller
    one keeps, so that few labels are compared with fewer of the same. Raises ValueError for another share.
    """
    if not 0 < share <= 1:
        raise ValueError(f"label share: {share}, where more than 0 and at most 1 is expected")
    kept = torch.zeros(len(labels), dtype=torch.bool)
    generator = torch.Generator().manual_seed(seed)
    for label in labels.unique().tolist():
        of_class = (labels == label).nonzero().flatten()
        order = torch.randperm(len(of_class), generator=generator)
        kept[of_class[order[: max(1, round(share * len(of_class)))]]] = True
    return kept


def batches(count: int, batch_size: int, seed: int, start: int) -> Iterator[Tensor]:
    """Index batches (batch_size,) without end from step `start`: each epoch a permutation that its number decides."""
    per_epoch = count // batch_size
    if per_epoch == 0:
        raise DataError(f"{count} training cells are fewer than one batch of {batch_size}")
    step = start
    while True:
        epoch = step // per_epoch
        order = torch.randperm(count, generator=torch.Generator().manual_seed(seed * 1_000_003 + epoch))
        for i in range(step % per_epoch, per_epoch):
            yield order[i * batch_size : (i + 1) * batch_size]
        step = (epoch + 1) * per_epoch


def half_labelled_batches(labelled: Tensor, batch_size: int, seed: int, start: int) -> Iterator[Tensor]:
    """Index batches as of `batches` over cells of which some are `labelled` (N,) bool, half of each batch at least.

    Few labels would otherwise be met too seldom to learn from: where fewer than half of the cells are labelled, the
    first half of a batch is drawn from these, the second from all.
    """
    if batch_size < 2 or 2 * int(labelled.sum()) >= len(labelled):
        yield from batches(len(labelled), batch_size, seed, start)
        return
    half = batch_size // 2
    known = labelled.nonzero().flatten()
    known = known.repeat(-(-half // len(known)))  # to one batch at least
    for i, j in zip(
        batches(len(known), half, seed, start), batches(len(labelled), batch_size - half, seed, start), strict=True
    ):
        yield torch.cat([known[i], j])
