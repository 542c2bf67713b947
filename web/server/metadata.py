"""Takes out of a stored upload what a camera or program wrote beside its pixels: place, time, serial numbers, words."""

import os
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from PIL import ExifTags, Image

from jdm_core.images.parts import (
    JPEG_COMMENT,
    JPEG_END,
    JPEG_PROGRAMS,
    JPEG_SCAN,
    JPEG_START,
    PNG_MAGIC,
    chunk_turn,
    jpeg_segments,
    jpeg_turn,
    png_chunks,
    webp_chunks,
)

PNG_WORDS = {b"eXIf", b"tEXt", b"iTXt", b"zTXt", b"tIME"}
JPEG_KEPT = {0xE0: b"JFIF\0", 0xE2: b"ICC_PROFILE\0", 0xEE: b"Adobe"}  # of programs: how pixels are to be read


def strip_metadata(path: Path) -> bool:
    """Rewrites a JPEG, PNG or WebP file without Exif, XMP, IPTC, comments and what follows; whether that changed it.

    Takes time linear in the file. Pixels stay bit for bit; a picture that is to be turned keeps its orientation alone.
    Other files, damaged ones and those of too many parts, which are refused when they are read, stay as they are.
    Raises OSError where the file cannot be written, of which nothing stays behind.
    """
    try:
        data = path.read_bytes()
        clean = b"".join(_parts(data))
    except (OSError, struct.error, ValueError, IndexError):
        return False
    if not clean or clean == data:
        return False
    try:
        _rewrite(path, clean)
    except FileNotFoundError:  # its folder was deleted meanwhile
        return False
    return True


def _rewrite(path: Path, data: bytes) -> None:
    # The same picture may arrive twice at once, so each rewriting has a file of its own.
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as partial:
        try:
            partial.write(data)
            partial.flush()
            os.replace(partial.name, path)  # whoever is reading the old file reads it to its end
        except OSError:
            Path(partial.name).unlink(missing_ok=True)
            raise


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
    turned = _turned(chunk_turn(data, png_chunks(data)))
    for kind, start, end in png_chunks(data):  # to the picture's end: what stands behind it is none
        if kind not in PNG_WORDS:
            yield data[start:end]
        if kind == b"IHDR" and turned:
            yield _png_chunk(b"eXIf", turned.removeprefix(b"Exif\0\0"))


def _png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg(data: bytes) -> Iterator[bytes]:
    yield data[:2]
    if turned := _turned(jpeg_turn(data)):
        yield b"\xff\xe1" + struct.pack(">H", len(turned) + 2) + turned
    kind, at = JPEG_START, 2
    for following, start, end in jpeg_segments(data):
        if kind == JPEG_SCAN:
            yield data[at:start]
        kind, at = following, end
        if kind in (JPEG_END, JPEG_START):  # what follows (another picture, a maker's data) is not of this one
            yield bytes([0xFF, JPEG_END])
            return
        if kind != JPEG_COMMENT and (kind not in JPEG_PROGRAMS or _tells_colours(kind, data, start + 4)):
            yield data[start:end]
    if kind != JPEG_SCAN:
        raise ValueError("not a JPEG's segments")
    yield data[at:]  # cut off within its pixels


def _tells_colours(kind: int, data: bytes, at: int) -> bool:
    return kind in JPEG_KEPT and data.startswith(JPEG_KEPT[kind], at)


def _webp(data: bytes) -> Iterator[bytes]:
    turned = _turned(chunk_turn(data, webp_chunks(data)))
    extended = False
    for kind, start, end in webp_chunks(data):
        if kind == b"VP8X" and not extended:  # says which other chunks there are
            extended = True
            flags = data[start + 8] & ~0x0C | (0x08 if turned else 0)
            yield data[start : start + 8] + bytes([flags]) + data[start + 9 : end]
        elif kind not in (b"EXIF", b"XMP "):
            yield data[start:end]
    if turned and extended:
        yield b"EXIF" + struct.pack("<I", len(turned)) + turned + b"\0" * (len(turned) % 2)


def _turned(turn: int) -> bytes:
    """Exif that says nothing but how to turn the picture; nothing where it is upright."""
    if turn == 1:
        return b""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = turn
    return exif.tobytes()
