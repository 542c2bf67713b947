"""Hostile uploads, made and not kept: small files that cost a careless reader much time or memory.

Each function gives the bytes of one file. `PICTURES` holds those that a reader of pictures must refuse, at once or
within its limits, by name; `HONEST_BUT_LARGE` what may be read, but without multiplying. None has more than 3 MiB.
`ZIPS` are for the tab for many cells; `BODIES` are posts to addresses that take none of them, of up to 48 MiB.
"""

import json
import struct
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO

from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
Files = dict[str, Callable[[], bytes]]  # what makes each, by its name
TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 7: 1}  # bytes of a value by type


def _by_name(*makes: Callable[[], bytes]) -> Files:
    return {make.__name__: make for make in makes}


# JPEG


def jpeg_fill_bytes(count: int = 60_000) -> bytes:
    """A start, and then nothing but fill bytes, over which a pattern that backtracks takes quadratic time."""
    return b"\xff\xd8\xff" + b"\xff" * count


def jpeg_fill_within(count: int = 60_000) -> bytes:
    """A whole picture with fill bytes before one of its segments, which is valid."""
    whole = _encoded(Image.new("RGB", (32, 32), (200, 120, 150)), "JPEG")
    return whole[:2] + b"\xff" * count + whole[2:]


def jpeg_many_scans(scans: int = 400, side: int = 6000) -> bytes:
    """A progressive picture whose last scan, which refines nothing, comes again and again."""
    whole = _encoded(Image.new("RGB", (side, side), (200, 120, 150)), "JPEG", progressive=True)
    last = whole.rindex(b"\xff\xda")
    start = whole.rindex(b"\xff\xc4", 0, last) if whole.rindex(b"\xff\xc4", 0, last) > last - 64 else last
    return whole[:start] + whole[start:-2] * scans + b"\xff\xd9"


def jpeg_segment_flood(count: int = 200_000) -> bytes:
    """A whole picture behind as many empty segments of a program."""
    whole = _encoded(Image.new("RGB", (32, 32), (200, 120, 150)), "JPEG")
    return whole[:2] + b"\xff\xe5\0\2" * count + whole[2:]


def jpeg_exif_flood(segments: int = 30, entries: int = 2700) -> bytes:
    """Exif in many pieces, which make one directory whose entries all point at the same bytes."""
    whole = _encoded(Image.new("RGB", (32, 32), (200, 120, 150)), "JPEG")
    body = directory_of_shared_values(entries, 65_000 * segments - 12 * entries)
    pieces = [body[at : at + 65_000] for at in range(0, len(body), 65_000)]
    exif = b"".join(b"\xff\xe1" + struct.pack(">H", len(piece) + 8) + b"Exif\0\0" + piece for piece in pieces)
    return whole[:2] + exif + whole[2:]


# PNG


def png_chunk(kind: bytes, data: bytes = b"") -> bytes:
    """One chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(
    width: int, height: int, bits: int, colour: int, rows: bytes, between: bytes = b"", interlace: int = 0
) -> bytes:
    """A PNG of raw rows, each behind its filter byte, with whole chunks `between` header and pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    pixels = png_chunk(b"IDAT", zlib.compress(rows, 9))
    return PNG_MAGIC + png_chunk(b"IHDR", header) + between + pixels + png_chunk(b"IEND")


def png_16bit_large(width: int = 8000, height: int = 5000) -> bytes:
    """A valid gray picture of 16 bits and 40 million pixels in some 80 KB."""
    return png(width, height, 16, 0, bytes((2 * width + 1) * height))


def png_chunk_flood(count: int = 200_000) -> bytes:
    """A whole picture behind as many empty chunks."""
    return png(32, 32, 8, 0, bytes(33 * 32), png_chunk(b"teXt") * count)


def png_text_bombs(count: int = 60) -> bytes:
    """A whole picture behind compressed words of a megabyte each."""
    words = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(1_000_000), 9))
    return png(32, 32, 8, 0, bytes(33 * 32), words * count)


def png_profile_bomb(megabytes: int = 200) -> bytes:
    """A whole picture behind a colour profile that unpacks to as many megabytes."""
    profile = png_chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(megabytes * 2**20), 9))
    return png(32, 32, 8, 0, bytes(33 * 32), profile)


def png_exif_of_shared_values(entries: int = 4000) -> bytes:
    """A whole picture with Exif whose entries all point at the same 200 KB."""
    return png(32, 32, 8, 0, bytes(33 * 32), png_chunk(b"eXIf", directory_of_shared_values(entries, 200_000)))


# TIFF


def tiff(entries: dict[int, tuple[int, int, bytes | int]], data: bytes = b"", following: int = 0) -> bytes:
    """A TIFF of one directory: tag -> (type, count, the value where it fits into four bytes or its bytes).

    Bytes of more than four are laid behind the directory; `data`, say of a strip, comes first, at 8.
    """
    at = 8 + len(data) + 2 + 12 * len(entries) + 4
    directory, beyond = struct.pack("<H", len(entries)), b""
    for tag, (kind, count, value) in sorted(entries.items()):
        if isinstance(value, bytes) and len(value) > 4:
            directory += struct.pack("<HHII", tag, kind, count, at + len(beyond))
            beyond += value
        else:
            packed = value if isinstance(value, bytes) else struct.pack("<H" if kind == 3 else "<I", value)
            directory += struct.pack("<HHI", tag, kind, count) + packed.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + directory + struct.pack("<I", following) + beyond


def tiff_entries(width: int, height: int, **more: tuple[int, int, bytes | int]) -> dict[int, tuple]:
    """The entries of a gray picture of 8 bits; `more` as tag_256=(...)."""
    entries = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 8), 262: (3, 1, 1), 277: (3, 1, 1)}
    return entries | {int(tag.removeprefix("tag_")): entry for tag, entry in more.items()}


def tiff_huge_tiles(side: int = 40_000, compression: int = 8) -> bytes:
    """A picture of 64 x 64 in one tile of `side` x `side`, which a decoder allocates whole."""
    data = zlib.compress(bytes(2**18), 9)
    tiled = {"tag_322": (4, 1, side), "tag_323": (4, 1, side), "tag_324": (4, 1, 8), "tag_325": (4, 1, len(data))}
    return tiff(tiff_entries(64, 64, tag_259=(3, 1, compression), **tiled), data)


def tiff_tile_flood(count: int = 300_000) -> bytes:
    """A picture of 64 x 64 with as many tiles, which all lie at the same place."""
    offsets, lengths = struct.pack("<I", 8) * count, struct.pack("<I", 64) * count
    tiled = {
        "tag_322": (4, 1, 16),
        "tag_323": (4, 1, 16),
        "tag_324": (4, count, offsets),
        "tag_325": (4, count, lengths),
    }
    return tiff(tiff_entries(64, 64, tag_259=(3, 1, 1), **tiled), bytes(256))


def directory_of_shared_values(entries: int = 4000, size: int = 200_000) -> bytes:
    """A TIFF's header and directory, whose entries all point at the same bytes: `entries` times as much once read."""
    at = 8 + 2 + 12 * entries + 4
    directory = b"".join(struct.pack("<HHII", 40_000 + tag % 20_000, 7, size, at) for tag in range(entries))
    return b"II*\0" + struct.pack("<IH", 8, entries) + directory + bytes(4 + size)


def tiff_shared_values(entries: int = 4000, size: int = 200_000) -> bytes:
    """A whole picture with such a directory behind its own entries."""
    shared = {f"tag_{40_000 + number}": (7, size, 8) for number in range(entries)}
    strip = {"tag_259": (3, 1, 1), "tag_273": (4, 1, 8), "tag_278": (4, 1, 64), "tag_279": (4, 1, 64 * 64)}
    return tiff(tiff_entries(64, 64, **strip, **shared), bytes(max(size, 64 * 64)))


def tiff_many_samples(samples: int = 60_000) -> bytes:
    """A picture of 64 x 64 that says to have as many samples a pixel."""
    bits = struct.pack("<H", 16) * samples
    strip = {"tag_273": (4, 1, 8), "tag_278": (4, 1, 64), "tag_279": (4, 1, 4096)}
    return tiff(tiff_entries(64, 64, tag_258=(3, samples, bits), tag_277=(3, 1, samples), **strip), bytes(4096))


# WebP, BMP, GIF


def webp(*chunks: tuple[bytes, bytes]) -> bytes:
    """A WebP of these chunks, (kind, data)."""
    body = b"".join(kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2) for kind, data in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def webp_pixels(side: int = 32) -> bytes:
    """What stands in the VP8L chunk of a small lossless picture."""
    return _encoded(Image.new("RGB", (side, side), (200, 120, 150)), "WEBP", lossless=True)[20:]


def webp_huge_canvas(side: int = 16_384) -> bytes:
    """One small frame on a canvas of `side` x `side`, for which a decoder takes 2 GiB when it opens the file."""
    size = struct.pack("<I", side - 1)[:3]
    pixels = webp_pixels()
    frame = bytes(6) + struct.pack("<I", 31)[:3] * 2 + bytes(4) + b"VP8L" + struct.pack("<I", len(pixels)) + pixels
    return webp(
        (b"VP8X", b"\x02\0\0\0" + size + size), (b"ANIM", bytes(6)), (b"ANMF", frame + b"\0" * (len(frame) % 2))
    )


def webp_chunk_flood(count: int = 200_000) -> bytes:
    """A whole picture behind as many chunks of no bytes."""
    size = struct.pack("<I", 31)[:3]
    empty = webp((b"NONE", b""))[12:]
    whole = webp((b"VP8X", b"\0\0\0\0" + size + size), (b"VP8L", webp_pixels()))
    return whole[:4] + struct.pack("<I", len(whole) - 8 + len(empty) * count) + whole[8:30] + empty * count + whole[30:]


def bmp_rle(width: int = 8000, height: int = 5000) -> bytes:
    """Rows of nothing, run-length encoded, each filled up byte by byte by a decoder in Python."""
    palette = struct.pack("<256I", *range(256))
    pixels = b"\x01\x05\0\0" * height + b"\0\1"
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    at = 14 + len(header) + len(palette)
    return b"BM" + struct.pack("<IHHI", at + len(pixels), 0, 0, at) + header + palette + pixels


def bmp_huge(side: int = 2**31 - 1) -> bytes:
    """A header that speaks of more pixels than any memory holds."""
    header = struct.pack("<IiiHHIIiiII", 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + header + bytes(64)


def gif_huge_canvas(side: int = 65_535) -> bytes:
    """A small picture on a canvas of `side` x `side`."""
    whole = _encoded(Image.new("P", (32, 32)), "GIF")
    return whole[:6] + struct.pack("<HH", side, side) + whole[10:]


def gif_comment_flood(blocks: int = 7_000) -> bytes:
    """A whole picture behind a comment of as many blocks, which are put together one by one."""
    whole = _encoded(Image.new("P", (32, 32)), "GIF")
    start = whole.index(b",", 13 + 3 * (2 << (whole[10] & 7) if whole[10] & 128 else 0))
    return whole[:start] + b"!\xfe" + (b"\xff" + b"x" * 255) * blocks + b"\0" + whole[start:]


PICTURES: Files = _by_name(
    jpeg_fill_bytes,
    jpeg_many_scans,
    jpeg_segment_flood,
    png_chunk_flood,
    tiff_huge_tiles,
    tiff_tile_flood,
    tiff_shared_values,
    tiff_many_samples,
    webp_huge_canvas,
    webp_chunk_flood,
    bmp_rle,
    bmp_huge,
    gif_huge_canvas,
)
HONEST_BUT_LARGE: Files = _by_name(
    gif_comment_flood,
    jpeg_fill_within,
    jpeg_exif_flood,
    png_16bit_large,
    png_text_bombs,
    png_profile_bomb,
    png_exif_of_shared_values,
)


# Zips


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these files."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def zip_many_members(count: int = 39_000) -> bytes:
    """As many empty files as a directory of 2 MiB holds."""
    return zipped({f"{number}": b"" for number in range(count)}, zipfile.ZIP_STORED)


def zip_bombs(count: int = 4, megabytes: int = 60) -> bytes:
    """Pictures of nothing, each of which unpacks to as many megabytes."""
    return zipped({f"{number}.bmp": b"BM" + bytes(megabytes * 2**20) for number in range(count)})


def zip_shared_member(count: int = 20_000) -> bytes:
    """A directory whose entries all name the same file, which lies there once and is no picture."""
    once = zipped({"00000.png": PNG_MAGIC + bytes(2000)}, zipfile.ZIP_STORED)
    start, end = once.index(b"PK\1\2"), once.index(b"PK\5\6")
    directory = b"".join(once[start:end].replace(b"00000.png", b"%05d.png" % number) for number in range(count))
    counts = struct.pack("<HHIIH", count, count, len(directory), start, 0)
    return once[:start] + directory + once[end : end + 8] + counts


def zip_nested(depth: int = 30) -> bytes:
    """Zips within zips, under the names of pictures."""
    data = png(32, 32, 8, 0, bytes(33 * 32))
    for _ in range(depth):
        data = zipped({"a.png": data})
    return data


def zip_of_hostile_pictures() -> bytes:
    """`PICTURES` of up to 300 KB, the smallest of them once more under names that lead elsewhere."""
    files = {name: make() for name, make in PICTURES.items()}
    names = {f"../../{name}\n\u202e=1+1.png": data for name, data in files.items() if len(data) < 1000}
    return zipped(names | {f"{name}.png": data for name, data in files.items() if len(data) < 300_000})


# Bodies of requests


def json_deep(depth: int = 400_000) -> bytes:
    """Lists within lists."""
    return b"[" * depth + b"]" * depth


def json_wide(megabytes: int = 16) -> bytes:
    """A list of empty lists, each of which takes some twenty times its bytes once it is parsed."""
    return b"[" + b"[]," * (megabytes * 2**20 // 3) + b"[]]"


def json_long_number(digits: int = 900_000) -> bytes:
    """A number that takes quadratic time to read."""
    return b'{"data": [' + b"9" * digits + b"]}"


def json_files_of_the_server(count: int = 400) -> bytes:
    """A call that names files which are no uploads, and some that have no end."""
    paths = ("/dev/zero", "/dev/stdin", "/etc/passwd", "/proc/self/environ", "../../app.py", "http://127.0.0.1:9/x.png")
    named = [{"path": path, "meta": {"_type": "gradio.FileData"}} for path in paths]
    return json.dumps({"data": [named * (count // len(paths)), False], "file": named[0]}).encode()


def form_field(megabytes: int = 48) -> bytes:
    """A multipart post of one field, which is no file and would be held in memory."""
    head = b'--b\r\nContent-Disposition: form-data; name="files"\r\n\r\n'
    return head + b"x" * (megabytes * 2**20) + b"\r\n--b--\r\n"


def form_many_parts(count: int = 30_000) -> bytes:
    """A multipart post of as many empty files."""
    part = b'--b\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n\r\n'
    return part * count + b"--b--\r\n"


def form_without_end(megabytes: int = 2) -> bytes:
    """A multipart post whose part begins with a header that does not end."""
    return b"--b\r\nContent-Disposition: " + b"x" * (megabytes * 2**20)


ZIPS: Files = _by_name(zip_many_members, zip_bombs, zip_shared_member, zip_nested, zip_of_hostile_pictures)
BODIES: Files = _by_name(
    json_deep, json_wide, json_long_number, json_files_of_the_server, form_field, form_many_parts, form_without_end
)


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
