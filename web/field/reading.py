"""Uploads read as fields, one after the other, each result as it comes; the pictures that the viewer shows of them."""

import time
from collections.abc import Generator
from contextlib import closing
from pathlib import Path, PureWindowsPath
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from PIL import Image

from jdm_core import CellImageError, Explainer
from jdm_core.explain.matching import AS_GIVEN, ColourChoice
from jdm_core.field.results import Field
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.pixels import content_sha256
from jdm_core.images.refused import on_one_line
from web.field.smear import Entry, Smear
from web.parts.reading import plain_stem, read_upload

MOST = 40  # fields of one smear
SEED = 0
# Of each cell whose likelihood is asked: as many as in the study of fields. A person waits, and more change hardly any
# cell's place.
PAGE_DRAWS = 8
SHOWN_PIXELS = 24_000_000  # of a picture in the viewer: browsers keep it unpacked
QUALITY = 90  # of JPEG


def add(smear: Smear, uploads: list[dict[str, Any]]) -> None:
    """Adds uploads (path, orig_name) as fields that are to be read, as far as there is room."""
    room = max(0, MOST - len(smear.entries))
    smear.left_out = max(0, len(uploads) - room)
    for upload in uploads[:room]:
        name = on_one_line(PureWindowsPath(upload.get("orig_name") or upload.get("path") or "").name or "image")
        smear.entries.append(Entry(name, upload.get("path") or ""))


def pixels_of(entry: Entry) -> np.ndarray:
    """The pixels uint8 (H, W, 3) of a field's upload. Raises CellImageError, also where it is no longer kept."""
    return read_upload({"path": entry.path, "orig_name": entry.name}, OF_FIELD)[1]


def read_entry(explainer: Explainer, entry: Entry, draws: int, colours: ColourChoice) -> Generator[Field, None, None]:
    """Reads one field and fills its entry, result by result; what cannot be read gets its `error`. Closing stops it."""
    begun = time.monotonic()
    try:
        pixels = pixels_of(entry)
        entry.digest = content_sha256(pixels)
        entry.picture = entry.picture or kept_picture(pixels, entry.name)
        with closing(explainer.stream_field(pixels, draws, SEED, colours)) as results:
            for result in results:
                entry.read = result
                entry.seconds = time.monotonic() - begun
                if result.done < 1:
                    yield result
    except CellImageError as error:
        entry.error = error.reason
        return
    if entry.read is not None:
        entry.colours = AS_GIVEN if entry.read.measured is None else entry.read.measured
        yield entry.read


def kept_picture(pixels: np.ndarray, name: str) -> str:
    """The path in the session's cache of what the viewer shows of a field uint8 (H, W, 3)."""
    picture = Image.fromarray(pixels)
    scale = (SHOWN_PIXELS / (picture.width * picture.height)) ** 0.5
    if scale < 1:
        picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BOX)
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{plain_stem(name)}.jpg")
        picture.save(path, quality=QUALITY)
        return save_file_to_cache(path, get_upload_folder())
