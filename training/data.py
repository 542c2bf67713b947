"""Labelled cells in the NIH layout, from a zip or a folder, or digits: decoded once and split by slide."""

import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from tqdm import tqdm

from jdm_core.cells import IMAGE_EXTENSIONS, CellImageError, read_cell, to_tensor, to_uint8
from training.digits import TEST_PREFIX, Digits, holds_digits, read_digits
from training.run.recipe import Recipe

Item = TypeVar("Item")


class DataError(ValueError):
    """Data that cannot be used; the message names the file or folder and the reason."""


@dataclass(frozen=True)
class Cells:
    """N labelled cells: images (N, C, S, S) uint8, labels (N,) int64, and each one's slide and file name."""

    images: Tensor
    labels: Tensor
    slides: list[str]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, indices: Sequence[int]) -> "Cells":
        """The cells at `indices`, in that order."""
        index = torch.as_tensor(indices, dtype=torch.long)
        return Cells(
            self.images[index], self.labels[index],
            [self.slides[i] for i in indices], [self.names[i] for i in indices],
        )  # fmt: skip

    def of_slides(self, slides: Iterable[str]) -> "Cells":
        """The cells whose slide is one of `slides`."""
        wanted = set(slides)
        return self.take([i for i, slide in enumerate(self.slides) if slide in wanted])


def slide_of(file_name: str) -> str:
    """The slide (one patient) of an NIH file name: what stands before "thin", in any case, less a trailing "_"."""
    return re.split("thin", PurePosixPath(file_name).name, maxsplit=1, flags=re.IGNORECASE)[0].rstrip("_")


def list_members(source: Path, labels: Sequence[str]) -> list[tuple[str, int]]:
    """(member, class index) of every image under a folder named after its class, in zip or folder `source`, sorted.

    Of digits (see `training.digits`) all, as they come. Raises DataError.
    """
    if holds_digits(source):
        digits = _digits(source)
        index = {str(label): i for i, label in enumerate(labels)}
        if strange := sorted({str(label) for label in np.unique(digits.labels)} - set(index)):
            raise DataError(f"{source}: holds the digits {', '.join(strange)}, not {', '.join(labels)}")
        return [(name, index[str(label)]) for name, label in zip(digits.names, digits.labels, strict=True)]
    if source.is_dir():
        members = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            members = archive.namelist()
    else:
        raise DataError(f"{source}: " + ("neither a zip nor a folder" if source.exists() else "no such file or folder"))
    found = []
    for member in sorted(members):
        path = PurePosixPath(member)
        if path.suffix.lower() in IMAGE_EXTENSIONS and path.parent.name in labels and not path.name.startswith("."):
            found.append((member, labels.index(path.parent.name)))
    for index, label in enumerate(labels):
        if not any(label_index == index for _, label_index in found):
            raise DataError(f"{source}: no images in a folder named {label!r}")
    return found


def _digits(source: Path) -> Digits:
    try:
        return read_digits(source)
    except ValueError as error:
        raise DataError(str(error)) from error


def member_reader(source: Path) -> Callable[[str], bytes]:
    """A function, safe to call from several threads, that reads a member of the zip or folder."""
    if source.is_dir():
        return lambda member: (source / member).read_bytes()
    archive = zipfile.ZipFile(source)
    return archive.read


def read_members(source: Path, members: Sequence[str]) -> Iterator[np.ndarray | CellImageError]:
    """The pixels of each member, uint8 (H, W, 3), in order and read ahead; an error in the place of a bad one."""
    if holds_digits(source):
        digits = _digits(source)
        index = {name: i for i, name in enumerate(digits.names)}
        yield from (np.repeat(digits.images[index[member], :, :, None], 3, axis=2) for member in members)
        return
    read = member_reader(source)

    def decode(member: str) -> np.ndarray | CellImageError:
        try:
            with Image.open(BytesIO(read(member))) as image:
                return read_cell(image, name=member)
        except CellImageError as error:
            return error
        except (UnidentifiedImageError, zipfile.BadZipFile, zlib.error, OSError) as error:
            return CellImageError(member, f"unreadable ({type(error).__name__})")

    with ThreadPoolExecutor(4) as pool:
        for start in range(0, len(members), 256):  # bounded, so that a slow consumer holds few images
            yield from pool.map(decode, members[start : start + 256])


def load_cells(
    source: Path, labels: Sequence[str], size: int, keep: Callable[[str], bool] | None = None,
    at_most: int | None = None, seed: int = 0, channels: int | None = None,
) -> Cells:  # fmt: skip
    """The labelled cells of a zip or folder, or digits, at size×size, decoded once; `keep` chooses by slide.

    Of more than `at_most`, so many are drawn by `seed`. In so many channels, 1 for gray or 3; None: gray for digits
    alone. Raises DataError that names unreadable members.
    """
    channels = channels or (1 if holds_digits(source) else 3)
    found = choose_members(source, labels, keep)
    found = draw_some(found, at_most, seed)
    names = [member for member, _ in found]
    images = torch.empty(len(names), channels, size, size, dtype=torch.uint8)
    bad: list[CellImageError] = []
    for i, cell in enumerate(tqdm(read_members(source, names), total=len(names), desc="reading cells", unit="cell")):
        if isinstance(cell, CellImageError):
            bad.append(cell)
        else:
            images[i] = to_uint8(to_tensor([cell], size, channels))[0].permute(2, 0, 1)
    if bad:
        raise unreadable(source, bad)
    return Cells(images, torch.tensor([label for _, label in found]), [slide_of(name) for name in names], names)


def draw_some(items: list[Item], at_most: int | None, seed: int) -> list[Item]:
    """At most so many of the items, drawn by `seed` and in their order; all without a number."""
    if at_most is None:
        return items
    drawn = torch.randperm(len(items), generator=torch.Generator().manual_seed(seed))[:at_most]
    return [items[i] for i in drawn.sort().values.tolist()]


def choose_members(
    source: Path, labels: Sequence[str], keep: Callable[[str], bool] | None = None
) -> list[tuple[str, int]]:
    """The members of `list_members` whose slide `keep` wants; DataError where none is left."""
    found = list_members(source, labels)
    if keep is not None:
        found = [(member, label) for member, label in found if keep(slide_of(member))]
        if not found:
            raise DataError(f"{source}: none of the wanted slides is in it")
    return found


def unreadable(source: Path, bad: Sequence[CellImageError]) -> DataError:
    """The error that names the first five of the unreadable members."""
    listed = "; ".join(str(error) for error in bad[:5]) + (f"; and {len(bad) - 5} more" if len(bad) > 5 else "")
    return DataError(f"{source}: {len(bad)} unreadable images: {listed}")


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


def split_cells(cells: Cells, recipe: Recipe) -> Split:
    """The split of the cells' slides by a recipe."""
    return split_by_recipe(cells.slides, cells.labels.tolist(), recipe)


def split_by_recipe(slides: Sequence[str], labels: Sequence[int], recipe: Recipe) -> Split:
    """The split of slides, per cell as in `split_slides`, by a recipe's shares and seed, or as the data come."""
    return split_slides(
        slides, labels, recipe.validation_slides, recipe.test_slides, recipe.split_seed, recipe.given_test
    )


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


def labelled_cells(training: Cells, recipe: Recipe) -> Cells:
    """The training cells whose labels a recipe uses."""
    return training.take(labelled_subset(training.labels, recipe.label_share, recipe.seed).nonzero().flatten().tolist())


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
