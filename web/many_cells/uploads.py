"""The files of a batch: several images, or zips of them, which are read in memory and never unpacked to disk."""

import re
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

from jdm_core import CellImageError
from jdm_core.images.limits import MAX_FILE_BYTES
from jdm_core.images.read import IMAGE_EXTENSIONS
from web.many_cells.archives import MAGIC, Archive, Entry, is_archive
from web.settings import Settings

MAX_DIRECTORY_BYTES = 4 * 2**20  # of the zips of one request together: some 40,000 members
MAX_RATIO = 200  # deflate reaches 1000 on what is no picture
RATIO_FROM = 2**20  # bytes: below this a blank picture may shrink as much as it likes
NAME_CHARACTERS = 200
# Pictures in a form that is not read: whoever brings one is told, unlike of what lies beside pictures by chance.
PICTURES_NOT_READ = frozenset({".heic", ".heif", ".avif", ".jp2", ".czi", ".nd2", ".lif", ".dcm", ".svs", ".raw"})
TOLD = PICTURES_NOT_READ | {".zip", ".pdf"}
GONE, DAMAGED = "no longer kept: upload it again", "damaged in its archive"
_DRIVE = re.compile(r"[A-Za-z]:")
_BROKEN = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True)
class Limits:
    """How much one batch may hold: images, which as many files may bring, and bytes once they are unpacked."""

    images: int = Settings.batch_cells
    unpacked_bytes: int = 512 * 2**20


@dataclass(frozen=True)
class Item:
    """One file of a batch: `path` of the upload and, in a zip, where its entry stands; or why it is not read."""

    name: str
    path: str
    member: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Listing:
    """What one upload holds: the first items, each with its size once unpacked, and how many there are.

    And how many bytes of a zip's directory were read for it, and how many files are no pictures by their names.
    """

    items: list[tuple[Item, int]]
    found: int
    directory_bytes: int = 0
    others: int = 0


class Listed(NamedTuple):
    """The files of a batch, how many there would be without its limits, and how many others were passed over."""

    items: list[Item]
    found: int
    others: int


def list_items(uploads: list[dict[str, Any]], limits: Limits) -> tuple[list[Item], int]:
    """The first two of `list_uploads`."""
    return list_uploads(uploads, limits)[:2]


def list_uploads(uploads: list[dict[str, Any]], limits: Limits) -> Listed:
    """The files of uploads (path, orig_name), those in zips too, as many as the limits allow; and how many there are.

    What stands in the way of one of them is its `reason`. Folders, hidden files and __MACOSX are passed over, and what
    is no picture by its name, such as Thumbs.db and notes, is counted apart. A zip is listed once, however often it is
    named; uploads beyond as many as there may be images are counted, not opened.
    """
    items: list[Item] = []
    used, room, listings, others = 0, MAX_DIRECTORY_BYTES, dict[str, _Listing](), 0
    found = max(0, len(uploads) - limits.images)
    for upload in uploads[: limits.images]:
        path, left = upload["path"], limits.images - len(items)
        if path not in listings:
            listings[path] = _list(path, upload.get("orig_name") or path, left, room)
            room -= listings[path].directory_bytes
        found += listings[path].found
        others += listings[path].others
        for item, size in listings[path].items[:left]:
            if not item.reason:
                used += size
                if used > limits.unpacked_bytes:
                    reason = f"beyond the {limits.unpacked_bytes // 2**20} MiB of a batch"
                    item = Item(item.name, item.path, item.member, reason)
            items.append(item)
    return Listed(items, found, others)


def read_item(item: Item) -> bytes:
    """The bytes of an item. Raises CellImageError, also for the reason that the item bears."""
    if item.reason:
        raise CellImageError(item.name, item.reason)
    try:
        with open(item.path, "rb") as file:
            if item.member is None:
                return file.read(MAX_FILE_BYTES + 1)
            data = Archive(file).read(item.member, MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise CellImageError(item.name, GONE) from error
    except _BROKEN as error:
        raise CellImageError(item.name, DAMAGED) from error
    if data.startswith(MAGIC):
        raise CellImageError(item.name, "an archive within an archive")
    return data


def _list(path: str, given: str, most: int, room: int) -> _Listing:
    """What one upload holds, at most so many items of it; a directory of more bytes than there is room for is not read.

    An item that stands for the whole upload is called as its file was.
    """
    name = printable(PureWindowsPath(given).name or "file")
    read = 0
    try:
        if not is_archive(path):
            if _no_picture(name):
                return _Listing([], 0, others=1)
            return _Listing([(Item(name, path), Path(path).stat().st_size)], 1)
        with open(path, "rb") as file:
            archive = Archive(file)
            if archive.directory_bytes <= room:
                read = archive.directory_bytes
                listing = _list_archive(archive, path, most)
                if listing is not None:
                    return listing
            reason = "an empty zip" if read == archive.directory_bytes else "a zip of too many files"
    except zipfile.BadZipFile:
        reason = "a damaged zip"
    except OSError:
        reason = GONE
    return _Listing([(Item(name, path, reason=reason), 0)], 1, read)


def _list_archive(archive: Archive, path: str, most: int) -> _Listing | None:
    """What a zip holds; None where its directory is empty."""
    items: list[tuple[Item, int]] = []
    entry, found, others = None, 0, 0
    for entry in archive.entries():
        if entry.name.endswith(b"/") or _passed_over(entry.name):
            continue
        if _no_picture(entry.name.decode(errors="replace")):
            others += 1
            continue
        found += 1
        if found <= most:
            items.append(_member(archive, entry, path))
    return _Listing(items, found, archive.directory_bytes, others) if entry is not None else None


def _member(archive: Archive, entry: Entry, path: str) -> tuple[Item, int]:
    try:
        info = archive.info(entry.at)
    except _BROKEN:
        return Item(printable(entry.name.decode(errors="replace")), path, entry.at, DAMAGED), 0
    return Item(printable(info.filename or info.orig_filename), path, entry.at, _refused(info)), info.file_size


def _passed_over(name: bytes) -> bool:
    parts = name.replace(b"\\", b"/").split(b"/")
    return any(part == b"__MACOSX" or (part.startswith(b".") and part not in (b".", b"..")) for part in parts)


def _no_picture(name: str) -> bool:
    """Whether a file is none by its ending; one without an ending may be."""
    ending = PureWindowsPath(name).suffix.lower()
    return bool(ending) and ending not in IMAGE_EXTENSIONS | TOLD


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
    if max(info.file_size, info.compress_size) > MAX_FILE_BYTES:
        return f"a file of more than {MAX_FILE_BYTES // 2**20} MiB"
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * info.compress_size:
        return f"compressed more than {MAX_RATIO} to 1"
    return ""


def printable(name: str) -> str:
    """A name on one line: what does not print is put as �, and the beginning of a very long one left out."""
    shown = "".join(c if c.isprintable() else "�" for c in name)
    return shown if len(shown) <= NAME_CHARACTERS else f"…{shown[1 - NAME_CHARACTERS :]}"
