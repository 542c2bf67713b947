"""The parts of JPEG, PNG and WebP files, and which side of a picture is up: read in time linear in the file.

Nothing here decodes. A file of more than `MAX_PARTS` parts raises ValueError, a damaged one struct.error or IndexError.
"""

import re
import struct
from collections.abc import Iterator

from jdm_core.images.limits import MAX_PARTS

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
JPEG_START, JPEG_END, JPEG_SCAN, JPEG_COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
JPEG_PROGRAMS = range(0xE0, 0xF0)  # what programs add
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
Part = tuple[bytes, int, int]

# Of a run of 0xFF, which fills up, the last one counts. No repetition in the pattern: it would go back over the run
# from each of its bytes. The codes left out stand among the pixels.
_JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]")
_WINDOW = 2**20  # bytes searched at once: other threads wait meanwhile
_ORIENTATION = 0x0112
_XMP_ORIENTATION = re.compile(rb'tiff:Orientation(?:="|>)([1-8])')


def png_chunks(data: bytes) -> Iterator[Part]:
    """(kind, start, end) of each chunk up to IEND, length and checksum included; the last may be cut off."""
    at = len(PNG_MAGIC)
    for _ in range(MAX_PARTS):
        if at + 8 > len(data):
            return
        length, kind = struct.unpack_from(">I4s", data, at)
        end = min(at + 12 + length, len(data))
        yield kind, at, end
        if kind == b"IEND":
            return
        at = end
    raise ValueError("too many chunks")


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """(marker, start, end) of each segment behind the first START, up to END or a second START.

    What stands between segments (pixels behind a SCAN, fill bytes) belongs to none. The last one may be cut off.
    """
    at = 2
    for _ in range(MAX_PARTS):
        start = _marker(data, at)
        if start == len(data):
            return
        kind = data[start + 1]
        if kind in (JPEG_END, JPEG_START):
            yield kind, start, start + 2
            return
        (length,) = struct.unpack_from(">H", data, start + 2)
        at = min(start + 2 + length, len(data))
        yield kind, start, at
    raise ValueError("too many segments")


def webp_chunks(data: bytes) -> Iterator[Part]:
    """(kind, start, end) of each chunk within the size that the file states; the last may be cut off."""
    (size,) = struct.unpack_from("<I", data, 4)
    at, limit = 12, min(len(data), 8 + size)
    for _ in range(MAX_PARTS):
        if at + 8 > limit:
            return
        kind, length = struct.unpack_from("<4sI", data, at)
        end = min(at + 8 + length + length % 2, len(data))
        yield kind, at, end
        at = end
    raise ValueError("too many chunks")


def jpeg_turn(data: bytes) -> int:
    """The EXIF orientation, 1 to 8, of a JPEG."""
    exif = xmp = b""
    for kind, start, end in jpeg_segments(data):
        if kind == JPEG_SCAN:
            break
        if kind == 0xE1 and not exif and data.startswith(EXIF, start + 4):
            exif = data[start + 4 : end]
        elif kind == 0xE1 and not xmp and data.startswith(XMP, start + 4):
            xmp = data[start + 4 : end]
    return orientation(exif, xmp)


def chunk_turn(data: bytes, chunks: Iterator[Part]) -> int:
    """The EXIF orientation, 1 to 8, of a PNG or WebP of these chunks."""
    found = {b"EXIF": b"", b"XMP ": b""}
    for kind, start, end in chunks:
        kind = b"EXIF" if kind == b"eXIf" else kind
        if kind in found and not found[kind]:
            found[kind] = data[start + 8 : end]
    return orientation(*found.values())


def orientation(exif: bytes, xmp: bytes = b"") -> int:
    """How a picture is to be turned, 1 to 8, by the first directory of its Exif, else by its XMP, else 1 (upright)."""
    while exif.startswith(EXIF):
        exif = exif[len(EXIF) :]
    turn = _directory_orientation(exif)
    if turn is None and (match := _XMP_ORIENTATION.search(xmp)):
        turn = int(match[1])
    return turn if turn is not None and 1 <= turn <= 8 else 1


def _directory_orientation(exif: bytes) -> int | None:
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    if order is None or len(exif) < 10:
        return None
    (at,) = struct.unpack_from(f"{order}I", exif, 4)
    if at + 2 > len(exif):
        return None
    (count,) = struct.unpack_from(f"{order}H", exif, at)
    for entry in range(at + 2, min(at + 2 + 12 * count, len(exif) - 11), 12):
        tag, kind = struct.unpack_from(f"{order}HH", exif, entry)
        if tag == _ORIENTATION and kind in (3, 4):
            return struct.unpack_from(f"{order}{'HI'[kind - 3]}", exif, entry + 8)[0]
    return None


def _marker(data: bytes, at: int) -> int:
    """Where the next marker starts, from `at` on; the length of `data` where none does."""
    while at < len(data):
        if match := _JPEG_MARKER.search(data, at, at + _WINDOW + 1):
            return match.start()
        at += _WINDOW
    return len(data)
