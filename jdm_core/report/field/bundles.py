"""ZIPs of a field: ImageJ's ROI set, crops of its cells, and one file a field of a smear. The same bytes every time."""

from collections.abc import Iterable
from io import BytesIO
from pathlib import PurePath
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from roifile import ROI_TYPE, ImagejRoi

from jdm_core.report.field.entry import FieldEntry
from jdm_core.report.field.geojson import COLOURS, OTHER_LABEL, group_of
from jdm_core.report.field.rings import ring
from jdm_core.report.words import NOTICE

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP can say: no file in it tells when it was made


def bundle(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A ZIP of files, (name, bytes) each, with the notice as its comment."""
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.comment = NOTICE.encode()
        for name, data in files:
            info = ZipInfo(name, _FIRST_DAY)
            info.compress_type = ZIP_STORED if name.endswith((".png", ".zip", ".pdf")) else ZIP_DEFLATED
            archive.writestr(info, data)
    return packed.getvalue()


def roi_set(entry: FieldEntry) -> bytes:
    """A field's cells as ImageJ's ROI Manager opens them: named by number and what they are, in the marks' colours."""
    ranks = entry.ranks
    return bundle((f"{cell:05d}.roi", _roi(entry, cell, ranks.get(cell))) for cell in range(len(entry.field.status)))


def crops(entry: FieldEntry) -> Iterable[tuple[str, bytes]]:
    """Each cell on black as PNG, (name, bytes): in a folder by what it was read as, as training data are laid out."""
    for cell, pixels in enumerate(entry.field.cells):
        yield f"{_folder(group_of(entry, cell))}/{entry.stem}_cell_{cell}.png", png(pixels)


def png(pixels: np.ndarray) -> bytes:
    """A picture uint8 (H, W, 3) as the bytes of a PNG, with the notice and no other metadata."""
    data, notice = BytesIO(), PngInfo()
    notice.add_text("Comment", NOTICE)
    Image.fromarray(pixels).save(data, "PNG", pnginfo=notice)
    return data.getvalue()


def _folder(group: str) -> str:
    return PurePath(group.replace(" ", "_")).name


def _roi(entry: FieldEntry, cell: int, rank: int | None) -> bytes:
    group = group_of(entry, cell)
    points = np.array(ring(entry.outline(cell), entry.box(cell))[:-1], dtype=np.float32)
    roi = ImagejRoi.frompoints(points, name=f"{cell:05d} {group}" + (f" rank {rank}" if rank else ""))
    roi.roitype = ROI_TYPE.POLYGON
    roi.stroke_color = bytes((255, *COLOURS.get(group, OTHER_LABEL)))
    roi.props = f"notice: {NOTICE}\nstatus: {entry.field.status[cell]}\n"
    return roi.tobytes()
