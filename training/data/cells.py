"""Labelled cells at a model's size, decoded once, and what else networks read: squares, tensors, folders of images."""

import sys
import zipfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from jdm_core.files import replace_file
from jdm_core.images.pixels import content_sha256, to_tensor, to_uint8
from jdm_core.images.read import image_files
from jdm_core.images.refused import CellImageError
from training.data.digits import TEST_PREFIX, holds_digits, read_digits
from training.data.members import DataError, choose_members, read_members, slide_of, unreadable

Item = TypeVar("Item")
WEBP_QUALITY = 95  # of a pack


@dataclass(frozen=True)
class Cells:
    """N labelled cells: images (N, C, S, S) uint8, labels (N,) int64, and each one's slide and file name."""

    images: Tensor
    labels: Tensor
    slides: list[str]
    names: list[str]

    def __len__(self) -> int:
        return len(self.names)

    def take(self, indices: Sequence[int] | slice) -> "Cells":
        """The cells at `indices`, in that order, or of a slice."""
        if isinstance(indices, slice):
            indices = range(*indices.indices(len(self)))
        index = torch.as_tensor(indices, dtype=torch.long)
        return Cells(
            self.images[index],
            self.labels[index],
            [self.slides[i] for i in indices],
            [self.names[i] for i in indices],
        )

    def of_slides(self, slides: Iterable[str]) -> "Cells":
        """The cells whose slide is one of `slides`."""
        wanted = set(slides)
        return self.take([i for i, slide in enumerate(self.slides) if slide in wanted])


def joined(first: Cells, second: Cells) -> Cells:
    """The cells of both, the first ones first."""
    return Cells(
        torch.cat([first.images, second.images]),
        torch.cat([first.labels, second.labels]),
        first.slides + second.slides,
        first.names + second.names,
    )


def as_pixels(cells: Cells) -> np.ndarray:
    """Cells as a person sees them, uint8 (N, S, S, C)."""
    return cells.images.permute(0, 2, 3, 1).contiguous().numpy()


def squares(cells: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Cells uint8 (H, W, 3) as every model sees them: uint8 (B, size, size, 3)."""
    return to_uint8(to_tensor(cells, size)).numpy()


def load_cells(
    source: Path,
    labels: Sequence[str],
    size: int,
    keep: Callable[[str], bool] | None = None,
    at_most: int | None = None,
    seed: int = 0,
    channels: int | None = None,
) -> Cells:
    """The labelled cells of a zip or folder, or digits, at size×size, decoded once; `keep` chooses by slide.

    Of more than `at_most`, so many are drawn by `seed`. In so many channels, 1 for gray or 3; None: gray for digits
    alone. Raises DataError that names unreadable members, and cells that lie under two classes.
    """
    channels = channels or (1 if holds_digits(source) else 3)
    found = choose_members(source, labels, keep)
    found = draw_some(found, at_most, seed)
    names = [member for member, _ in found]
    images = torch.empty(len(names), channels, size, size, dtype=torch.uint8)
    bad: list[CellImageError] = []
    firsts, disputed = dict[str, int](), list[str]()
    for i, cell in enumerate(tqdm(read_members(source, names), total=len(names), desc="reading cells", unit="cell")):
        if isinstance(cell, CellImageError):
            bad.append(cell)
        else:
            first = firsts.setdefault(content_sha256(cell), i)
            if found[first][1] != found[i][1]:
                disputed.append(f"{names[first]} and {names[i]}")
            images[i] = to_uint8(to_tensor([cell], size, channels))[0].permute(2, 0, 1)
    if bad:
        raise unreadable(source, bad)
    if disputed:
        more = f"; and {len(disputed) - 5} more" if len(disputed) > 5 else ""
        raise DataError(f"{source}: the same pixels under two classes: {'; '.join(disputed[:5])}{more}")
    return Cells(images, torch.tensor([label for _, label in found]), [slide_of(name) for name in names], names)


def load_images(folder: Path, size: int, channels: int = 3, at_most: int | None = None, seed: int = 0) -> Tensor:
    """Every readable image below a folder, in any layout, uint8 (N, channels, size, size); names others on stderr.

    Of digits, the training part. Of more than `at_most`, so many are drawn by `seed`. Raises DataError where none is
    left.
    """
    if holds_digits(folder):
        names = [name for name in read_digits(folder).names if not name.startswith(TEST_PREFIX)]
    elif not folder.is_dir():
        raise DataError(f"{folder}: " + ("not a folder" if folder.exists() else "no such folder"))
    else:
        names = [path.relative_to(folder).as_posix() for path in image_files([folder])]
    names = draw_some(names, at_most, seed)
    images, bad = [], 0
    for cell in tqdm(read_members(folder, names), total=len(names), desc="reading cells", unit="cell"):
        if isinstance(cell, CellImageError):
            tqdm.write(str(cell), file=sys.stderr)
            bad += 1
        else:
            images.append(to_uint8(to_tensor([cell], size, channels))[0].permute(2, 0, 1))
    if not images:
        raise DataError(f"{folder}: no images" + (f" that can be read, of {bad}" if bad else ""))
    if bad:
        print(f"{folder}: {bad} of {len(names)} images cannot be read; the rest is used", file=sys.stderr)
    return torch.stack(images)


def draw_some(items: list[Item], at_most: int | None, seed: int) -> list[Item]:
    """At most so many of the items, drawn by `seed` and in their order; all without a number."""
    if at_most is None:
        return items
    drawn = torch.randperm(len(items), generator=torch.Generator().manual_seed(seed))[:at_most]
    return [items[i] for i in drawn.sort().values.tolist()]


def sample_cells(cells: Cells, count: int, seed: int) -> Cells:
    """At most `count` of the cells, drawn by `seed`."""
    return cells.take(draw_some(list(range(len(cells))), count, seed))


def shuffled(cells: Cells, seed: int, at_most: int | None = None) -> Cells:
    """The cells in an order drawn by `seed`, or the first so many of them."""
    return cells.take(torch.randperm(len(cells), generator=torch.Generator().manual_seed(seed))[:at_most].tolist())


def pack(data: Path, labels: tuple[str, ...], size: int, out: Path) -> int:
    """Writes every cell as size×size WebP under its class folder; returns the zip's bytes.

    Training on the pack skips the squashing, and reads exactly as it reads the original zip or folder.
    """
    cells = load_cells(data, labels, size, channels=3)

    def write(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for i, name in enumerate(tqdm(cells.names, desc="packing", unit="cell")):
                buffer = BytesIO()
                image = Image.fromarray(cells.images[i].permute(1, 2, 0).numpy())
                image.save(buffer, "WEBP", quality=WEBP_QUALITY)
                archive.writestr(f"{labels[int(cells.labels[i])]}/{PurePosixPath(name).stem}.webp", buffer.getvalue())

    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, write)
    return out.stat().st_size
