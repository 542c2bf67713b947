"""Takes out of a stored upload what a camera or program wrote beside its pixels: place, time, serial numbers, words."""

import os
import struct
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from PIL import ExifTags, Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_WORDS = {b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"}
JPEG_WORDS = {0xE1, 0xED, 0xFE}  # Exif and XMP, IPTC, comments
ORIENTATION = ExifTags.Base.Orientation


def strip_metadata(path: Path) -> bool:
    """Rewrites a JPEG, PNG or WebP file without Exif, XMP, IPTC and comments; whether that changed it.

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
    at = 2
    while data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:  # the pixels; what follows their end (a second picture, a maker's data) goes too
            end = data.rfind(b"\xff\xd9")
            yield data[at : end + 2] if end > 0 else data[at:]
            return
        (length,) = struct.unpack_from(">H", data, at + 2)
        if marker not in JPEG_WORDS:
            yield data[at : at + 2 + length]
        at += 2 + length
    raise ValueError("not a JPEG's segments")


def _webp(data: bytes) -> Iterator[bytes]:
    turned = _orientation(data)
    at = 12
    while at + 8 <= len(data):
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
