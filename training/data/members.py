"""Images by name, in the NIH layout, of a zip or a folder, or digits: listed, chosen by slide, and read ahead."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, UnidentifiedImageError

from jdm_core.images.read import IMAGE_EXTENSIONS, read_cell
from jdm_core.images.refused import CellImageError
from training.data.digits import Digits, holds_digits, read_digits


class DataError(ValueError):
    """Data that cannot be used; the message names the file or folder and the reason."""


def slide_of(file_name: str) -> str:
    """The slide (one patient) of an NIH file name: what stands before "thin", in any case, less a trailing "_"."""
    return re.split("thin", PurePosixPath(file_name).name, maxsplit=1, flags=re.IGNORECASE)[0].rstrip("_")


def list_members(source: Path, labels: Sequence[str]) -> list[tuple[str, int]]:
    """(member, class index) of every image under a folder named after its class, in zip or folder `source`, sorted.

    Of digits (see `training.data.digits`) all, as they come. Raises DataError.
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


def chunks(count: int, size: int) -> list[slice]:
    """Slices of at most `size` that cover `count` items, in order."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


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
        for part in chunks(len(members), 256):  # bounded, so that a slow consumer holds few images
            yield from pool.map(decode, members[part])


def read_all(source: Path, members: Sequence[str]) -> list[np.ndarray]:
    """The pixels of each member, uint8 (H, W, 3); DataError that names those that cannot be read."""
    cells, bad = [], []
    for cell in read_members(source, members):
        (bad if isinstance(cell, CellImageError) else cells).append(cell)
    if bad:
        raise unreadable(source, bad)
    return cells


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
