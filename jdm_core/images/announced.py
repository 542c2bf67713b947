"""What a file says of its picture before any of it is decoded, checked against what decoding it would take.

A decoder gets no more of a file than its picture: words, profiles and previews, which it would unpack, join or parse at
a cost that no size of a picture limits, are left out.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from jdm_core.images.limits import (
    MAX_PARTS,
    MAX_PIXELS,
    MAX_RLE_PIXELS,
    MAX_SCAN_PIXELS,
    MAX_SCANS,
    MIN_SIDE,
    OF_CELL,
    Bounds,
)
from jdm_core.images.others import why_not_read
from jdm_core.images.parts import (
    JPEG_COMMENT,
    JPEG_PROGRAMS,
    JPEG_SCAN,
    PNG_MAGIC,
    chunk_turn,
    jpeg_segments,
    jpeg_turn,
    png_chunks,
    webp_chunks,
)
from jdm_core.images.refused import CellImageError
from jdm_core.images.tiff import check_tiff

SEVERAL = "several frames or pages: save the one that shows the cell"
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # the segments that say how large the picture is
_JPEG_COLOURS = {0xE0: b"JFIF\0", 0xEE: b"Adobe"}
_PNG_PIXELS = {b"tRNS", b"acTL", b"fcTL", b"fdAT"}  # of the chunks that a decoder may pass over
# Where old programs say which side is up. Pillow unpacks a megabyte of each at most.
_PNG_WORDS = re.compile(rb"(zTXt|tEXt)Raw profile type exif\0|iTXtXML:com\.adobe\.xmp\0")
_WEBP_PIXELS = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF"}


class Excess(Exception):
    """Why a picture is not to be decoded, in the words of its refusal."""


@dataclass(frozen=True)
class Announced:
    """A file's `kind`, its picture's `width` and `height`, the `data` for its decoder, and how it is to be turned.

    `turn` is an EXIF orientation, 1 to 8, or None where the decoder is to say.
    """

    kind: str
    width: int
    height: int
    data: bytes
    turn: int | None = 1


def announced(data: bytes, name: str, bounds: Bounds = OF_CELL) -> Announced:
    """What a PNG, JPEG, TIFF, WebP, BMP or GIF, by content, says of itself, in time linear in the file.

    Raises CellImageError, for `name`, where its picture is not to be decoded.
    """
    kind, read = next((item for magic, item in _KINDS.items() if magic.match(data)), ("", None))
    if read is None:
        raise CellImageError(name, why_not_read(data))
    reason = damaged(kind)
    try:
        said = read(data)
        reason = wrong_size(said.width, said.height, bounds)
    except Excess as excess:
        reason = str(excess)
    except (struct.error, IndexError):
        pass
    except ValueError:
        reason = f"a {kind} image of more than {MAX_PARTS} parts"
    if reason:
        raise CellImageError(name, reason)
    return said


def damaged(kind: str | None) -> str:
    """The reason of what no decoder reads."""
    return f"a damaged, incomplete or unsupported {kind} image"


def wrong_size(width: int, height: int, bounds: Bounds = OF_CELL) -> str:
    """Why pictures of this size are not read; "" where they are."""
    if min(width, height) < MIN_SIDE:
        return f"{width} x {height} pixels, smaller than {MIN_SIDE} x {MIN_SIDE}"
    if width * height > MAX_PIXELS:
        return f"{width} x {height} pixels, more than {MAX_PIXELS // 10**6} million"
    if max(width, height) > bounds.aspect * min(width, height):
        return f"{width} x {height} pixels, too elongated for {bounds.what} (beyond {bounds.aspect:g}:1)"
    return ""


def _png(data: bytes) -> Announced:
    kind, width, height = struct.unpack_from(">4sII", data, 12)
    if kind != b"IHDR":
        raise IndexError
    kept, words = [PNG_MAGIC], 0
    for kind, start, end in png_chunks(data):
        named = _PNG_WORDS.match(data, start + 4)
        words += named is not None
        if kind[:1].isupper() or kind in _PNG_PIXELS or (named and words < 4):
            kept.append(data[start:end])
    return Announced("PNG", width, height, _joined(kept, data), chunk_turn(data, png_chunks(data)))


def _jpeg(data: bytes) -> Announced:
    kept, size, scan = [data[:2]], None, None
    for kind, start, end in jpeg_segments(data):
        if kind == JPEG_SCAN:
            scan = start
            break
        if kind in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, start + 5)
            size = width, height
        if kind == JPEG_COMMENT or (kind in JPEG_PROGRAMS and not _tells_colours(kind, data, start)):
            continue
        kept.append(data[start:end])
    if scan is None or size is None:
        raise IndexError
    # Among pixels 0xFF is always followed by another byte, and no other segment that is left has to hold this pair.
    scans = data.count(b"\xff\xda", scan)
    if scans > MAX_SCANS or scans * size[0] * size[1] > MAX_SCAN_PIXELS:
        raise Excess(wrong_size(*size) or f"a JPEG image in {scans} scans: save it again, as a baseline JPEG or PNG")
    return Announced("JPEG", *size, _joined([*kept, data[scan:]], data), jpeg_turn(data))


def _tells_colours(kind: int, data: bytes, start: int) -> bool:
    return kind in _JPEG_COLOURS and data.startswith(_JPEG_COLOURS[kind], start + 4)


def _webp(data: bytes) -> Announced:
    kept, width, height, frames, extended = [], 0, 0, 0, False
    for kind, start, end in webp_chunks(data):
        if kind not in _WEBP_PIXELS or (kind == b"VP8X" and extended):
            continue
        chunk, w, h = data[start:end], 0, 0
        if kind == b"VP8X":
            extended = True
            flags, w, h = chunk[8], 1 + _uint24(chunk, 12), 1 + _uint24(chunk, 15)
            chunk = chunk[:8] + bytes([flags & 0x12]) + chunk[9:]  # alpha and frames: the rest is left out
        elif kind == b"VP8 ":
            w, h = (side & 0x3FFF for side in struct.unpack_from("<HH", chunk, 14))
        elif kind == b"VP8L":
            (sides,) = struct.unpack_from("<I", chunk, 9)
            w, h = 1 + (sides & 0x3FFF), 1 + (sides >> 14 & 0x3FFF)
        elif kind == b"ANMF":
            frames, w, h = frames + 1, 1 + _uint24(chunk, 14), 1 + _uint24(chunk, 17)
        width, height = max(width, w), max(height, h)
        kept.append(chunk)
    if frames > 1:
        raise Excess(SEVERAL)
    if not width:
        raise IndexError
    body, turn = b"".join(kept), chunk_turn(data, webp_chunks(data))
    whole = len(body) == len(data) - 12  # then the size that the file states stays, right or wrong
    data = data[:12] + body if whole else b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
    return Announced("WEBP", width, height, data, turn)


def _uint24(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 3], "little")


def _bmp(data: bytes) -> Announced:
    (header,) = struct.unpack_from("<I", data, 14)
    if header == 12:
        (width, height), packing = struct.unpack_from("<HH", data, 18), 0
    else:
        width, height, packing = struct.unpack_from("<II4xI", data, 18)
        height = 2**32 - height if data[25] == 0xFF else height  # from the top downwards
    if packing in (1, 2) and width * height > MAX_RLE_PIXELS:
        raise Excess(wrong_size(width, height) or "a large run-length encoded BMP image: save it as PNG")
    return Announced("BMP", width, height, data)


def _gif(data: bytes) -> Announced:
    """A GIF, of which its first picture and the transparency of that are left."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    at = 13 + _palette(flags)
    kept, control, pictures, blocks = [data[:at]], b"", 0, MAX_PARTS + 2 * len(data) // 255
    while at < len(data) and data[at] != 0x3B and blocks > 0:
        start, mark = at, data[at]
        if mark == 0x21:
            at, blocks = _behind_blocks(data, at + 2, blocks)
            control = data[start:at] if data[start + 1] == 0xF9 else control
        elif mark == 0x2C:
            x, y, w, h, flags = struct.unpack_from("<HHHHB", data, at + 1)
            width, height = (max(width, x + w), max(height, y + h)) if not pictures else (width, height)
            at, blocks = _behind_blocks(data, at + 11 + _palette(flags), blocks)
            if not pictures:
                kept += [control, data[start:at]]
            pictures += 1
        else:
            at, blocks = at + 1, blocks - 1
    if blocks <= 0:
        raise ValueError("too many blocks")
    if pictures > 1:
        raise Excess(SEVERAL)
    return Announced("GIF", width, height, b"".join(kept))


def _palette(flags: int) -> int:
    return 3 * (2 << (flags & 7)) if flags & 0x80 else 0


def _behind_blocks(data: bytes, at: int, blocks: int) -> tuple[int, int]:
    """Where a chain of blocks ends, and how many more there may be."""
    while at < len(data) and data[at] and blocks > 0:
        at, blocks = at + data[at] + 1, blocks - 1
    return min(at + 1, len(data)), blocks


def _tiff(data: bytes) -> Announced:
    width, height, problem = check_tiff(data)
    if problem:
        raise Excess(problem)
    return Announced("TIFF", width, height, data, None)


def _joined(kept: list[bytes], data: bytes) -> bytes:
    """What is kept of a file; the file itself where that is all of it, so that it is not copied."""
    return data if sum(map(len, kept)) == len(data) else b"".join(kept)


_KINDS: dict[re.Pattern[bytes], tuple[str, Callable[[bytes], Announced]]] = {
    re.compile(rb"\x89PNG\r\n\x1a\n"): ("PNG", _png),
    re.compile(rb"\xff\xd8\xff"): ("JPEG", _jpeg),
    re.compile(rb"II[*+]\0|MM\0[*+]"): ("TIFF", _tiff),
    re.compile(rb"RIFF....WEBP", re.DOTALL): ("WEBP", _webp),
    re.compile(rb"BM"): ("BMP", _bmp),
    re.compile(rb"GIF8[79]a"): ("GIF", _gif),
}
