"""The files of a batch: several images, or zips of them, which are read in memory and never unpacked to disk."""

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

from jdm_core import CellImageError
from jdm_core.cells import MAX_FILE_BYTES

MAX_DIRECTORY_BYTES = 4 * 2**20  # of a zip: some 40,000 members
MAX_RATIO = 200  # deflate reaches 1000 on what is no picture
RATIO_FROM = 2**20  # bytes: below this a blank picture may shrink as much as it likes
NAME_CHARACTERS = 200
STEM_CHARACTERS = 60
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Limits:
    """How much one batch may hold: images, and bytes once they are unpacked."""

    images: int = 500
    unpacked_bytes: int = 512 * 2**20


@dataclass(frozen=True)
class Item:
    """One file of a batch: `path` of the upload and, within a zip, the number of its member; or why it is not read."""

    name: str
    path: str
    member: int | None = None
    reason: str = ""


def list_items(uploads: list[dict[str, Any]], limits: Limits) -> tuple[list[Item], int]:
    """The files of uploads (path, orig_name), those in zips too, as many as the limits allow; and how many there are.

    What stands in the way of one of them is its `reason`. Folders, hidden files and __MACOSX are passed over.
    """
    items: list[Item] = []
    found = used = 0
    for upload in uploads:
        for item, size in _members(upload):
            found += 1
            if len(items) >= limits.images:
                continue
            if not item.reason:
                used += size
                if used > limits.unpacked_bytes:
                    reason = f"beyond the {limits.unpacked_bytes // 2**20} MiB of a batch"
                    item = Item(item.name, item.path, item.member, reason)
            items.append(item)
    return items, found


def read_item(item: Item) -> bytes:
    """The bytes of an item. Raises CellImageError, also for the reason that the item bears."""
    if item.reason:
        raise CellImageError(item.name, item.reason)
    try:
        if item.member is None:
            with open(item.path, "rb") as file:
                return file.read(MAX_FILE_BYTES + 1)
        with zipfile.ZipFile(item.path) as archive, archive.open(archive.infolist()[item.member]) as member:
            data = member.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise CellImageError(item.name, "no longer kept: upload it again") from error
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise CellImageError(item.name, "damaged in its archive") from error
    if data.startswith(ZIP_MAGIC):
        raise CellImageError(item.name, "an archive within an archive")
    return data


def _members(upload: dict[str, Any]) -> Iterator[tuple[Item, int]]:
    """The items of one upload, with their size once unpacked."""
    path = upload["path"]
    name = printable(PureWindowsPath(upload.get("orig_name") or path).name or "file")
    try:
        size = Path(path).stat().st_size
        with open(path, "rb") as file:
            is_zip = file.read(4) in ZIP_MAGIC
    except OSError:
        yield Item(name, path, reason="no longer kept: upload it again"), 0
        return
    if not is_zip:
        yield Item(name, path), size
        return
    try:
        with open(path, "rb") as file:
            directory = zipfile._EndRecData(file)  # no public function tells this before all of it is read
            if directory and directory[zipfile._ECD_SIZE] > MAX_DIRECTORY_BYTES:
                raise zipfile.BadZipFile("too many members")
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError) as error:
        too_many = "too many members" in str(error)
        yield Item(name, path, reason="a zip of too many files" if too_many else "a damaged zip"), 0
        return
    for number, info in enumerate(infos):
        # Of a damaged name, what follows a NUL is cut off, perhaps all of it: `is_dir` of Python 3.11 fails then.
        if not info.filename.endswith("/") and not _passed_over(info.filename):
            reason = _refused(info)
            yield Item(printable(info.filename or info.orig_filename), path, number, reason), info.file_size
    if not infos:
        yield Item(name, path, reason="an empty zip"), 0


def _passed_over(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return any(part == "__MACOSX" or (part.startswith(".") and part not in (".", "..")) for part in parts)


def _refused(info: zipfile.ZipInfo) -> str:
    """Why a member is not to be touched; nothing of it has been read yet, and all of this stands in the directory."""
    name = info.orig_filename.replace("\\", "/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/") or "\0" in name:
        return "a path that leads out of its archive"
    if kind not in (0, stat.S_IFREG):
        return "a link, not an image" if kind == stat.S_IFLNK else "not a regular file"
    if info.flag_bits & 1:
        return "encrypted"
    if name.lower().endswith(".zip"):
        return "an archive within an archive"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # others may claim memory beforehand
        return "compressed in another way than deflate"
    if info.file_size > MAX_FILE_BYTES:
        return f"a file of more than {MAX_FILE_BYTES // 2**20} MiB"
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
        return f"compressed more than {MAX_RATIO} to 1"
    return ""


def printable(name: str) -> str:
    """A name on one line: what does not print is put as �, and the beginning of a very long one left out."""
    shown = "".join(c if c.isprintable() else "�" for c in name)
    return shown if len(shown) <= NAME_CHARACTERS else f"…{shown[1 - NAME_CHARACTERS :]}"


def plain_stem(name: str) -> str:
    """A file's name without its ending, in characters that every system takes, and not too many."""
    return re.sub(r"[^\w-]+", "_", name.rsplit(".", 1)[0], flags=re.ASCII).strip("_")[-STEM_CHARACTERS:] or "cell"
