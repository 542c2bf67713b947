"""Damage to any file: bits flipped, stretches replaced, cut, doubled and exchanged, sizes overwritten, ends cut off."""

import random
import struct
import zlib

from benchmarks.fuzz.formats import reshape

HEADER = 64  # bytes in which most formats say how large a picture is
MOST = 2**19  # bytes that a damaged file may have
SIZES = (0, 1, 7, 255, 2**15, 40_000, 2**16 - 1, 2**24, 2**31 - 1, 2**32 - 1)


def damaged(files: list[bytes], rng: random.Random) -> bytes:
    """One of the files with one to four kinds of damage, half of them where its format is sensitive."""
    data = bytearray(rng.choice(files))
    for _ in range(rng.randint(1, 4)):
        if rng.random() < 0.5:
            reshape(data, rng)
        else:
            rng.choice(_DAMAGE)(data, files, rng)
        del data[MOST:]
    return bytes(_mended(data) if rng.random() < 0.7 else data)


def _flip(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    for _ in range(rng.randint(1, 16)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _replace(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    start, end = _stretch(data, rng)
    data[start:end] = rng.choice((bytes(end - start), b"\xff" * (end - start), rng.randbytes(end - start)))


def _truncate(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _remove(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    start, end = _stretch(data, rng)
    del data[start:end]


def _double(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    start, end = _stretch(data, rng)
    data[end:end] = data[start:end] * rng.randint(1, 8)


def _splice(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    other = bytearray(rng.choice(files))
    start, end = _stretch(data, rng)
    from_, to = _stretch(other, rng)
    data[start:end] = other[from_:to]


def _resize(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    """Writes a number that sizes or offsets stumble over somewhere in the header, in either byte order."""
    kind = rng.choice(("<H", ">H", "<I", ">I"))
    if len(data) >= HEADER:
        struct.pack_into(kind, data, rng.randrange(HEADER - 4), rng.choice(SIZES) % 256 ** struct.calcsize(kind))


def _anywhere(data: bytearray, files: list[bytes], rng: random.Random) -> None:
    """The same anywhere: a TIFF's directory may stand at its end."""
    kind = rng.choice(("<H", ">H", "<I", ">I"))
    if len(data) >= 4:
        number = rng.choice(SIZES) % 256 ** struct.calcsize(kind)
        struct.pack_into(kind, data, rng.randrange(len(data) - 3), number)


_DAMAGE = (_flip, _replace, _truncate, _remove, _double, _splice, _resize, _anywhere)


def _stretch(data: bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 2, 4, 16, 64, 256)))


def _mended(data: bytearray) -> bytearray:
    """A PNG with the right checksum after each of its chunks; anything else as it is."""
    at = 8
    while data.startswith(b"\x89PNG") and at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        end = at + 8 + length
        if end + 4 > len(data):
            break
        struct.pack_into(">I", data, end, zlib.crc32(data[at + 4 : end]))
        at = end + 4
    return data
