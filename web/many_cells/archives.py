"""A zip that is never read whole: its directory once, and only as far as it is wanted, then single members.

`zipfile` makes an object of every entry of the directory whenever it opens one, some 40,000 of them. So it is given
one member at a time, as a zip of its own in memory, and does with it what is not to be written again: names, extra
fields of large files, decompression, checksums.
"""

import struct
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

_zip: Any = zipfile  # its parts that no type stub names
MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
MAX_ENTRY_BYTES = 46 + 3 * 0xFFFF
_ENTRY = struct.Struct("<4s24x3H12x")  # of the directory: signature, and how long name, extra field and comment are
_LOCAL = struct.Struct("<4s22x2H")  # before a member's bytes: signature, and how long name and extra field are
_LOCATOR = b"PK\x06\x07"  # what sends zipfile to a directory elsewhere


class Entry(NamedTuple):
    """Where in the file an entry of the directory begins, and the raw name in it."""

    at: int
    name: bytes


class Archive:
    """An open zip; BadZipFile and OSError come from every method, UnicodeDecodeError and NotImplementedError too."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        end = _zip._EndRecData(file)  # no public function tells this before all of the directory is read
        if end is None:
            raise zipfile.BadZipFile("no end of a directory")
        self.directory_bytes: int = end[_zip._ECD_SIZE]
        self._start = end[_zip._ECD_LOCATION] - self.directory_bytes
        if end[_zip._ECD_SIGNATURE] == _zip.stringEndArchive64:
            self._start -= _zip.sizeEndCentDir64 + _zip.sizeEndCentDir64Locator
        self._shift = self._start - end[_zip._ECD_OFFSET]  # by what stands before the zip in its file
        if self._start < 0 or self._shift < 0:
            raise zipfile.BadZipFile("a directory before the beginning")

    def entries(self) -> Iterator[Entry]:
        """All entries, from one reading of the directory: look at `directory_bytes` before."""
        self._file.seek(self._start)
        directory, at = self._file.read(self.directory_bytes), 0
        while at < self.directory_bytes:
            name, extra, comment = self._lengths(directory[at : at + _ENTRY.size])
            begin = at + _ENTRY.size
            yield Entry(self._start + at, directory[begin : begin + name])
            at = begin + name + extra + comment
        if at != self.directory_bytes or len(directory) != at:
            raise zipfile.BadZipFile("a directory that is cut off")

    def info(self, at: int) -> zipfile.ZipInfo:
        """What the directory's entry at a place of the file says, with `header_offset` as it stands there."""
        entry = self._entry(at)
        with zipfile.ZipFile(BytesIO(entry + _end(entry, 0))) as alone:
            return alone.infolist()[0]

    def read(self, at: int, most: int) -> bytes:
        """The first `most` bytes of the member whose entry stands at a place; zlib.error, EOFError, ValueError too.

        Of the file no more is read than the member's packed bytes: look at its `info` before.
        """
        info, entry = self.info(at), self._entry(at)
        self._file.seek(info.header_offset + self._shift)
        head = self._file.read(_LOCAL.size)
        if len(head) < _LOCAL.size or not head.startswith(MAGIC[0]):
            raise zipfile.BadZipFile("no member where the directory says")
        _, name, extra = _LOCAL.unpack(head)
        local = head + self._file.read(name + extra + info.compress_size)
        with (
            zipfile.ZipFile(BytesIO(local + entry + _end(entry, len(local) + info.header_offset))) as alone,
            alone.open(alone.infolist()[0]) as member,
        ):
            return member.read(most)

    def _entry(self, at: int) -> bytes:
        self._file.seek(at)
        entry = self._file.read(MAX_ENTRY_BYTES)
        entry = entry[: _ENTRY.size + sum(self._lengths(entry[: _ENTRY.size]))]
        if entry[-_zip.sizeEndCentDir64Locator :].startswith(_LOCATOR):
            raise zipfile.BadZipFile("an entry that ends as a zip does")
        return entry

    @staticmethod
    def _lengths(head: bytes) -> tuple[int, int, int]:
        if len(head) < _ENTRY.size or not head.startswith(_zip.stringCentralDir):
            raise zipfile.BadZipFile("no entry where one is due")
        return _ENTRY.unpack(head)[1:]


def is_archive(path: str | Path) -> bool:
    """Whether a file begins as a zip does. Raises OSError."""
    with open(path, "rb") as file:
        return file.read(4) in MAGIC


def _end(entry: bytes, offset: int) -> bytes:
    """The end of a zip whose directory is one entry; members lie before it as if the directory began at `offset`."""
    if offset > 0xFFFFFFFF:
        raise zipfile.BadZipFile("a member beyond 4 GiB")
    return struct.pack(_zip.structEndArchive, _zip.stringEndArchive, 0, 0, 1, 1, len(entry), offset, 0)
