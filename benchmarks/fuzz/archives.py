"""Zips to be damaged by `python -m benchmarks.fuzz`, whole and hostile ones, and how the page reads an upload."""

import stat
import struct
import tempfile
import zipfile
import zlib
from io import BytesIO
from pathlib import Path

from jdm_core import CellImageError
from jdm_core.images.find import prepare
from web.many_cells.uploads import Limits, list_items, read_item

READ = 8  # members of one upload: a mutant may hold thousands
LIMITS = Limits(images=64, unpacked_bytes=2**26)


def archives(pictures: list[bytes]) -> list[bytes]:
    """Zips of some pictures: whole, nested, with names that lead out, links, bombs, secrets, thousands of members."""
    first, second = pictures[:2]
    plain = _zipped({"a.png": first, "cells/b.png": second})
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    kept = _zipped({"a.png": first, "b.png": second}, zipfile.ZIP_STORED)
    directory = kept.index(b"PK\x01\x02")
    secret = kept[: directory + 8] + b"\x01" + kept[directory + 9 :]  # flag 1: encrypted
    wrong_sum = kept.replace(struct.pack("<I", zlib.crc32(first)), b"\0\0\0\0")
    return [
        plain,
        kept,
        secret,
        wrong_sum,
        plain[: len(plain) // 2],
        plain + first,
        first + plain,
        _zipped({}),
        _zipped({"inner.zip": plain, "inner.png": plain}),
        _zipped({link: b"/etc/passwd", "a.png": first}),
        _zipped({"../../a.png": first, "/etc/a.png": first, "C:\\a.png": first, "a\0b\n.png": first}),
        _zipped({"bomb.bmp": b"BM" + bytes(2**24), "small bomb.bmp": b"BM" + bytes(2**19)}),
        _zipped({"a.png": first}, zipfile.ZIP_LZMA),
        _zipped({"a.png": first}, zipfile.ZIP_BZIP2),
        _zipped({f"{number}.png": b"" for number in range(3000)}, zipfile.ZIP_STORED),
    ]


def read_upload(data: bytes) -> str:
    """Reads an upload as the page for many cells does: "read" with at least one picture, else "refused".

    Raises ValueError where a reason is not one line of a named file.
    """
    seen = "refused"
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(data)
        file.flush()
        items, _ = list_items([{"path": file.name, "orig_name": "upload.zip"}], LIMITS)
        for item in items[:READ]:
            try:
                prepare(read_item(item), item.name)
                seen = "read"
            except CellImageError as error:
                if not str(error).isprintable() or not error.reason or Path(file.name).name in str(error):
                    raise ValueError(f"reason {str(error)!r}") from error
    return seen


def _zipped(members: dict[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)  # not of this hour
            archive.writestr(info, data, method)
    return buffer.getvalue()
