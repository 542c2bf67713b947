"""python -m benchmarks.decoding_cost: what an upload pays for being decoded in another process, and what one takes.

Ordinary cells, read here and by a warm process in turns, the median of many counted; then pictures of 40 million
pixels, each by a fresh process, with the most memory that it ever held and its seconds of the processor. Linux alone.
"""

import os
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from jdm_core.images.limits import MAX_PIXELS, decoding_seconds
from jdm_core.images.read import read_cell
from web.compute.decoding import Decoder, Decoders

ROUNDS = 200
SHAPE = (5000, 8000)  # 40 million pixels
EXAMPLES = Path(__file__).parents[1] / "web/examples"


def milliseconds(read: Callable[[bytes, str], np.ndarray], data: bytes) -> float:
    """How long one reading takes."""
    start = time.perf_counter()
    read(data, "cell")
    return 1000 * (time.perf_counter() - start)


def large() -> dict[str, bytes]:
    """Files of 40 million pixels, none beyond 64 MiB."""
    small = np.random.default_rng(0).integers(0, 256, (SHAPE[0] // 20, SHAPE[1] // 20, 3), np.uint8)
    rgb = Image.fromarray(small).resize((SHAPE[1], SHAPE[0]))
    deep = Image.fromarray(np.asarray(rgb.convert("L")).astype(np.uint16) * 257)
    return {
        "PNG, 8-bit colour": _encoded(rgb, "PNG", compress_level=3),
        "PNG, 16-bit gray": _encoded(deep, "PNG", compress_level=3),
        "JPEG": _encoded(rgb, "JPEG", quality=90),
        "JPEG, progressive": _encoded(rgb, "JPEG", quality=90, progressive=True, subsampling=0),
        "JPEG, turned": _encoded(rgb, "JPEG", quality=90, exif=_turned()),
        "TIFF, JPEG within": _encoded(rgb, "TIFF", compression="jpeg"),
        "WebP": _encoded(rgb, "WEBP", method=0),
        "WebP, lossless": _encoded(rgb, "WEBP", lossless=True, method=0, quality=0),
    }


def main() -> None:
    """Prints both tables."""
    cells = [path.read_bytes() for path in sorted(EXAMPLES.glob("*-*.png"))]
    with closing(Decoders()) as decoders:
        start = time.perf_counter()
        decoders.read(cells[0], "cell")
        print(f"first upload, with the start of its process: {1000 * (time.perf_counter() - start):.0f} ms")
        pairs = [(milliseconds(read_cell, c), milliseconds(decoders.read, c)) for _ in range(ROUNDS) for c in cells]
        here, there = (sorted(column) for column in zip(*pairs, strict=True))
        print(f"{'':24} {'here, ms':>10} {'apart, ms':>10} {'ratio':>6}")
        for name, share in (("a cell, median", 0.5), ("a cell, 99 of 100", 0.99)):
            one, other = here[int(share * len(here))], there[int(share * len(there))]
            print(f"{name:24} {one:10.2f} {other:10.2f} {other / one:6.2f}")
        print(f"more for the median cell: {statistics.median(b - a for a, b in pairs):.2f} ms")
    with closing(Decoder()) as decoder:
        print(f"memory of a process that waits: {_mebibytes(decoder, 'VmRSS')} MiB")
    print(f"{'40 million pixels':24} {'file, MiB':>10} {'seconds':>10} {'peak, MiB':>10}")
    for name, data in large().items():
        with closing(Decoder()) as decoder:
            decoder.read(data, name, decoding_seconds(MAX_PIXELS))
            print(f"{name:24} {len(data) / 2**20:10.1f} {_seconds(decoder):10.1f} {_mebibytes(decoder, 'VmHWM'):10}")


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _mebibytes(decoder: Decoder, kind: str) -> int:
    """A figure of the process by the system: what it holds (VmRSS) or has held at most (VmHWM)."""
    lines = Path(f"/proc/{decoder.process.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith(kind))


def _seconds(decoder: Decoder) -> float:
    """Of the processor, that the process has computed."""
    used = Path(f"/proc/{decoder.process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[11:13]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
