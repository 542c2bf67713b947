"""Damage where a format is sensitive: lengths, dimensions, tags, repeated segments and frames, directories of zips."""

import random
import struct
import zlib
from collections.abc import Callable

NUMBERS = (0, 1, 2, 8, 255, 4096, 40_000, 2**16 - 1, 2**24, 2**31 - 1, 2**31, 2**32 - 1)
FLOOD = 2**18  # bytes
FILL = (1, 1000, 60_000)
BOMB = zlib.compress(bytes(2**25), 9)  # 32 KB that become 32 MB
TAGS = (256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 330, 338, 339, 347, 34665)
Part = tuple[int, int]  # from, to


def reshape(data: bytearray, rng: random.Random) -> None:
    """Changes a file in place as its kind invites; what is of no known kind stays as it is."""
    for magic, change in _KINDS.items():
        if data.startswith(magic):
            change(data, rng)
            return


def _jpeg(data: bytearray, rng: random.Random) -> None:
    parts, at = [], 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] != 0xD9:
        length = 2 + int.from_bytes(data[at + 2 : at + 4])
        parts.append((at, at + length))
        if data[at + 1] == 0xDA:  # pixels up to the next marker
            end = at + length
            while 0 <= (end := data.find(b"\xff", end)) < len(data) - 1 and data[end + 1] in (0, *range(0xD0, 0xD8)):
                end += 2
            length = (end if end > 0 else len(data)) - at
        at += length
    if not parts:
        return
    start, end = rng.choice(parts)
    how = rng.randrange(5)
    if how == 0:
        _flood(data, (start, end), rng)
    elif how == 1:
        data[start:start] = b"\xff" * rng.choice(FILL)
    elif how == 2:
        _number(data, start + 2, ">H", rng)
    elif how == 3:  # the frame: bits, height, width, how many components and their sampling
        frames = [part for part in parts if data[part[0] + 1] in (0xC0, 0xC1, 0xC2)]
        if frames:
            _number(data, frames[0][0] + rng.choice((4, 5, 7, 9, 11, 14)), ">H", rng)
    else:
        data[start:start] = bytes([0xFF, rng.randrange(0xC0, 0xFF)]) + struct.pack(">H", rng.choice(NUMBERS) % 2**16)


def _png(data: bytearray, rng: random.Random) -> None:
    parts, at = [], 8
    while at + 12 <= len(data):
        end = at + 12 + int.from_bytes(data[at : at + 4])
        parts.append((at, end))
        at = end
    if not parts:
        return
    how, (start, end) = rng.randrange(5), rng.choice(parts)
    if how == 0:
        _flood(data, (start, end), rng)
    elif how == 1:
        _number(data, start, ">I", rng)
    elif how == 2:
        _number(data, rng.choice((16, 20)), ">I", rng)
    elif how == 3 and len(data) > 29:  # bits, kind of colour, compression, filter, interlacing
        data[rng.randrange(24, 29)] = rng.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
    else:
        kind, before = rng.choice(((b"zTXt", b"a\0\0"), (b"iCCP", b"a\0\0"), (b"iTXt", b"a\0\1\0\0\0"), (b"IDAT", b"")))
        body = kind + before + BOMB
        at = 33 if kind != b"IDAT" else start
        data[at:at] = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _tiff(data: bytearray, rng: random.Random) -> None:
    order = "<" if data[:1] == b"I" else ">"
    if len(data) < 8:
        return
    (start,) = struct.unpack_from(f"{order}I", data, 4)
    if start + 2 > len(data):
        return
    (count,) = struct.unpack_from(f"{order}H", data, start)
    entries = [at for at in range(start + 2, start + 2 + 12 * count, 12) if at + 12 <= len(data)]
    if not entries:
        return
    how, at = rng.randrange(5), rng.choice(entries)
    if how == 0:  # another value
        _number(data, at + 8, f"{order}I", rng)
    elif how == 1:
        _number(data, at + 4, f"{order}I", rng)
    elif how == 2:  # another entry in its place
        kind, number = rng.choice((3, 4)), rng.choice(NUMBERS)
        struct.pack_into(f"{order}HHII", data, at, rng.choice(TAGS), kind, 1, number)
    elif how == 3:  # a directory that follows itself
        end = start + 2 + 12 * count
        if end + 4 <= len(data):
            struct.pack_into(f"{order}I", data, end, rng.choice((start, start - 1, 0, 8)) % 2**32)
    else:
        struct.pack_into(f"{order}H", data, start, rng.choice(NUMBERS) % 2**16)


def _riff(data: bytearray, rng: random.Random) -> None:
    parts, at = [], 12
    while at + 8 <= len(data):
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        parts.append((at, at + 8 + length + length % 2))
        at = parts[-1][1]
    if not parts:
        return
    how, (start, end) = rng.randrange(4), rng.choice(parts)
    if how == 0:
        _flood(data, (start, end), rng)
    elif how == 1:
        _number(data, rng.choice((4, start + 4)), "<I", rng)
    elif how == 2:  # flags, and a canvas of 24 bits a side
        data[12:12] = b"VP8X" + struct.pack("<IB", 10, rng.randrange(256)) + bytes(3) + rng.randbytes(6)
    else:
        _number(data, start + 8 + rng.randrange(12), "<H", rng)


def _gif(data: bytearray, rng: random.Random) -> None:
    picture = data.find(b",", 13)
    how = rng.randrange(4)
    if how == 0:
        _number(data, rng.choice((6, 8)), "<H", rng)
    elif how == 1 and picture > 0:
        _number(data, picture + rng.choice((1, 3, 5, 7, 9)), "<H", rng)
    elif how == 2 and picture > 0:  # frames
        _flood(data, (picture, len(data) - 1), rng)
    else:
        data[13:13] = b"!\xfe" + b"\xff" * rng.choice(FILL)


def _bmp(data: bytearray, rng: random.Random) -> None:
    at = rng.choice((10, 14, 18, 22, 26, 28, 30, 34, 46))
    _number(data, at, "<H" if at in (26, 28) else "<I", rng)


def _zip(data: bytearray, rng: random.Random) -> None:
    ends, entries = _found(data, b"PK\x05\x06"), _found(data, b"PK\x01\x02")
    how = rng.randrange(4)
    if how == 0 and ends:  # how many members, how long the directory, where it is, how long the comment
        at = rng.choice((4, 6, 8, 10, 12, 16, 20))
        _number(data, ends[-1] + at, "<I" if at in (12, 16) else "<H", rng)
    elif how == 1 and entries:  # flags, way, sum, sizes, lengths of names, attributes, place
        at = rng.choice((4, 8, 10, 16, 20, 24, 28, 30, 32, 38, 42))
        _number(data, rng.choice(entries) + at, "<H" if at in (4, 8, 10, 28, 30, 32) else "<I", rng)
    elif how == 2 and entries and ends and entries[0] < ends[-1] <= len(data) - 16:  # the same members again and again
        times = min(60_000, FLOOD // max(1, ends[-1] - entries[0]))
        part = data[entries[0] : ends[-1]] * rng.choice((1, 10, times))
        struct.pack_into("<HHI", data, ends[-1] + 8, 0xFFFF, 0xFFFF, (ends[-1] - entries[0] + len(part)) % 2**32)
        data[ends[-1] : ends[-1]] = part
    else:
        _number(data, rng.randrange(4, 30), "<H", rng)


def _flood(data: bytearray, part: Part, rng: random.Random) -> None:
    """The same stretch many times."""
    stretch = bytes(data[part[0] : part[1]])
    most = FLOOD // max(1, len(stretch))
    data[part[1] : part[1]] = stretch * rng.choice((1, 30, most))


def _number(data: bytearray, at: int, kind: str, rng: random.Random) -> None:
    size = struct.calcsize(kind)
    if 0 <= at <= len(data) - size:
        struct.pack_into(kind, data, at, rng.choice(NUMBERS) % 256**size)


def _found(data: bytearray, mark: bytes) -> list[int]:
    places, at = [], data.find(mark)
    while at >= 0:
        places.append(at)
        at = data.find(mark, at + 4)
    return places


_KINDS: dict[bytes, Callable[[bytearray, random.Random], None]] = {
    b"\xff\xd8": _jpeg,
    b"\x89PNG": _png,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    b"RIFF": _riff,
    b"GIF8": _gif,
    b"BM": _bmp,
    b"PK": _zip,
}
