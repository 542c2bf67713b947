"""Takes out of a stored upload what a camera or program wrote beside its pixels: place, time, serial numbers, words."""

import os
import re
import struct
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_WORDS = {b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"}
JPEG_START, JPEG_END, JPEG_SCAN, JPEG_COMMENT = 0xD8, 0xD9, 0xDA, 0xFE
JPEG_PROGRAMS = range(0xE0, 0xF0)  # what programs add, of which this alone says how the pixels are to be read
JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}
JPEG_MARKER = re.compile(rb"\xff+([^\x00\x01\xd0-\xd7\xff])")  # of a segment; the others stand among the pixels
ORIENTATION = ExifTags.Base.Orientation


def strip_metadata(path: Path) -> bool:
    """Rewrites a JPEG, PNG or WebP file without Exif, XMP, IPTC, comments and what follows; whether that changed it.

    Pixels stay bit for bit; a JPEG or WebP that is to be turned keeps its orientation alone. Other files and damaged
    ones stay as they are.
    """
    try:
        data = path.read_bytes()
        clean = b"".join(_parts(data))
    except (OSError, struct.error, ValueError, IndexError):
        return False
    if not clean or clean == data:
        return False
    try:
        # The same picture may arrive twice at once, so each rewriting has a file of its own.
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as partial:
            partial.write(clean)
        os.replace(partial.name, path)  # whoever is reading the old file reads it to its end
    except FileNotFoundError:  # deleted meanwhile
        return False
    return True


def _parts(data: bytes) -> Iterator[bytes]:
    if data.startswith(PNG_MAGIC):
        yield from _png(data)
    elif data.startswith(b"\xff\xd8\xff"):
        yield from _jpeg(data)
    elif data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        body = b"".join(_webp(data))
        yield b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _png(data: bytes) -> Iterator[bytes]:
    yield PNG_MAGIC
    at = 8
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind not in PNG_WORDS:
            yield data[at : at + 12 + length]
        at += 12 + length
        if kind == b"IEND":
            return  # what stands behind the end is no picture


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    turned = _orientation(data)
    if turned is not None:
        yield b"\xff\xe1" + struct.pack(">H", len(turned) + 2) + turned
    at, scan = 2, False
    while marker := JPEG_MARKER.search(data, at):
        kind, body = marker[1][0], marker.end()
        if scan:
            yield data[at : marker.start()]
        if kind in (JPEG_END, JPEG_START):  # what follows (another picture, a maker's data) is not of this one
            yield bytes([0xFF, JPEG_END])
            return
        (length,) = struct.unpack_from(">H", data, body)
        at, scan = body + length, kind == JPEG_SCAN
        if kind == JPEG_COMMENT or (kind in JPEG_PROGRAMS and not _tells_colours(kind, data, body + 2)):
            continue
        yield data[body - 2 : at]
    if not scan:
        raise ValueError("not a JPEG's segments")
    yield data[at:]  # cut off within its pixels


def _tells_colours(kind: int, data: bytes, at: int) -> bool:
    return kind in JPEG_KEPT and data.startswith(JPEG_KEPT[kind], at)


def _webp(data: bytes) -> Iterator[bytes]:
    turned = _orientation(data)
    (size,) = struct.unpack_from("<I", data, 4)
    at, end = 12, min(len(data), 8 + size)
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        chunk = data[at : at + 8 + length + length % 2]
        if kind == b"VP8X":  # says which other chunks there are
            flags = chunk[8] & ~0x0C | (0x08 if turned else 0)
            chunk = chunk[:8] + bytes([flags]) + chunk[9:]
        if kind == b"EXIF" and turned:
            yield b"EXIF" + struct.pack("<I", len(turned)) + turned + b"\0" * (len(turned) % 2)
        elif kind not in (b"EXIF", b"XMP "):
            yield chunk
        at += 8 + length + length % 2


def _orientation(data: bytes) -> bytes | None:
    """Exif that says nothing but how to turn the picture; None where it is upright or does not say."""
    try:
        with Image.open(BytesIO(data)) as image:
            turn = image.getexif().get(ORIENTATION, 1)
    except Exception:  # a damaged file is named when it is read
        return None
    if turn not in range(2, 9):
        return None
    exif = Image.Exif()
    exif[ORIENTATION] = turn
    return exif.tobytes()
