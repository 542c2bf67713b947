"""Damaged and hostile uploads through the reading code: each must end soon, with a cell or with one line of reason.

    python -m benchmarks.fuzz --uploads 10000

Starts from small images in every format that is read, in many modes, and damages them: bits flipped, bytes replaced,
chunks cut, doubled and exchanged between files, ends cut off, size fields and headers overwritten, the checksums of
PNG chunks mended so that the damage gets past them. Zips, hostile ones among them, are damaged likewise and read as the
page for many cells reads them. Exits with 1 where an upload broke what is promised.
"""

import argparse
import random
import resource
import struct
import sys
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from PIL import Image

from benchmarks.archives import archives, read_upload
from jdm_core import CellImageError
from jdm_core.finding import prepare

SECONDS = 5.0  # of the processor, within which every upload ends
GROWTH = 256 * 2**20  # bytes that memory may grow by after the first tenth; one picture of 40 million pixels is freed
HEADER = 64  # bytes in which most formats say how large a picture is
SIZES = (0, 1, 7, 255, 2**15, 2**16 - 1, 2**24, 2**31 - 1, 2**32 - 1)


@dataclass
class Outcome:
    """What became of the uploads: how many were read, by status, or refused; and each broken promise."""

    ended: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0
    growth: int = 0


def corpus() -> list[bytes]:
    """Whole, small images of all formats and many modes: a disc on black, and one on a bright background."""
    y, x = np.mgrid[-1:1:40j, -1:1:36j]
    disc = ((x**2 + y**2 < 0.6)[:, :, None] * np.array([200, 120, 150])).astype(np.uint8)
    bright = np.where(disc > 0, disc, np.uint8(225))
    files = []
    for pixels in (disc, bright):
        rgb = Image.fromarray(pixels)
        gray, deep = rgb.convert("L"), Image.fromarray(pixels[:, :, 0].astype(np.uint16) * 256)
        files += [_encoded(image, "PNG") for image in (rgb, gray, deep, rgb.convert("RGBA"), rgb.quantize(16))]
        files += [_encoded(image, "TIFF") for image in (rgb, gray, deep, rgb.convert("CMYK"), rgb.convert("1"))]
        files += [
            _encoded(rgb, "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")
        ]
        files += [
            _encoded(rgb, "JPEG"), _encoded(rgb, "JPEG", progressive=True), _encoded(rgb.convert("CMYK"), "JPEG"),
            _encoded(gray, "JPEG"), _encoded(rgb, "JPEG", exif=_turned()), _encoded(rgb, "WEBP"),
            _encoded(rgb, "WEBP", lossless=True), _encoded(rgb.convert("RGBA"), "WEBP"), _encoded(rgb, "GIF"),
            _encoded(rgb, "GIF", save_all=True, append_images=[rgb.rotate(90)]), _encoded(rgb, "BMP"),
            _encoded(gray, "BMP"), _encoded(rgb.convert("1"), "BMP"),
        ]  # fmt: skip
    return files


def mutants(files: list[bytes], rng: random.Random) -> Iterator[bytes]:
    """Endlessly, one of the files with one to four kinds of damage."""
    while True:
        data = bytearray(rng.choice(files))
        for _ in range(rng.randint(1, 4)):
            rng.choice(_DAMAGE)(data, files, rng)
        yield bytes(_mended(data) if rng.random() < 0.5 else data)


def run(
    count: int, seed: int = 0, read: Callable[[bytes], str] | None = None, files: list[bytes] | None = None
) -> Outcome:
    """Reads `count` damaged uploads, one after the other; made of pictures, unless other files are given."""
    read = read or (lambda data: prepare(data, "upload").status)
    outcome, stream, settled = Outcome(), mutants(files or corpus(), random.Random(seed)), _resident()
    for number, data in zip(range(count), stream, strict=False):
        start = time.process_time()
        try:
            outcome.ended[read(data)] += 1
        except CellImageError as error:
            outcome.ended["refused"] += 1
            if not str(error).isprintable() or not str(error).startswith("upload: "):
                outcome.broken.append(f"upload {number} of seed {seed}: reason {str(error)!r}")
        except Exception as error:
            outcome.broken.append(f"upload {number} of seed {seed}: {type(error).__name__}: {error}")
        seconds = time.process_time() - start
        outcome.slowest = max(outcome.slowest, seconds)
        if seconds > SECONDS:
            outcome.broken.append(f"upload {number} of seed {seed}: {seconds:.1f} s")
        if number == count // 10:
            settled = _resident()
    outcome.growth = _resident() - settled
    if outcome.growth > GROWTH:
        outcome.broken.append(f"memory grew by {outcome.growth / 2**20:.0f} MiB")
    return outcome


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _resident() -> int:
    """Bytes that this process holds in memory; where the system does not say, the most it has held."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


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


def main(arguments: list[str] | None = None) -> int:
    """Prints what became of the uploads; 1 where any broke a promise."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--uploads", type=int, default=10_000, help="pictures (default: 10000)")
    parser.add_argument("--zips", type=int, default=2_000, help="zips of pictures (default: 2000)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    pictures = corpus()
    outcomes = {
        "pictures": run(options.uploads, options.seed, files=pictures),
        "zips": run(options.zips, options.seed, read_upload, archives(pictures)),
    }
    for what, outcome in outcomes.items():
        print(f"{what}: {', '.join(f'{count} {how}' for how, count in outcome.ended.most_common())}")
        print(f"  slowest {outcome.slowest:.2f} s, memory grew by {outcome.growth / 2**20:.0f} MiB")
    broken = [f"{what}: {words}" for what, outcome in outcomes.items() for words in outcome.broken]
    print("\n".join(broken) or "every upload ended with a picture or one line of reason")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
