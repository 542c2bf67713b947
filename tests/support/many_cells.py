"""Pictures and archives for tests of the tab for many cells."""

import io
import stat
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

LABELS = ("Parasitized", "Uninfected")
PIXEL_NOISE = np.random.default_rng(0).integers(0, 256, (24, 24, 3), dtype=np.uint8)


def png(pixels: np.ndarray = PIXEL_NOISE) -> bytes:
    """A PNG file's bytes."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> dict:
    """A zip of members, as the page hands it on."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members:
            archive.writestr(name, data, method)
    return {"path": str(path), "orig_name": path.name}


def link(name: str, kind: int = stat.S_IFLNK) -> zipfile.ZipInfo:
    """A member that is no regular file."""
    info = zipfile.ZipInfo(name)
    info.external_attr = (kind | 0o777) << 16
    return info
