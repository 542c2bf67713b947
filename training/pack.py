"""python -m training pack: labelled cells at the model's size in one small zip, in the same layout, to travel."""

import zipfile
from io import BytesIO
from pathlib import Path, PurePosixPath

from PIL import Image
from tqdm import tqdm

from jdm_core.files import replace_file
from training.data import load_cells

WEBP_QUALITY = 95


def pack(data: Path, labels: tuple[str, ...], size: int, out: Path) -> int:
    """Writes every cell as size×size WebP under its class folder; returns the zip's bytes.

    Training on the pack skips the squashing, and reads exactly as it reads the original zip or folder.
    """
    cells = load_cells(data, labels, size, channels=3)

    def write(partial: Path) -> None:
        with zipfile.ZipFile(partial, "w", zipfile.ZIP_STORED) as archive:
            for i, name in enumerate(tqdm(cells.names, desc="packing", unit="cell")):
                buffer = BytesIO()
                image = Image.fromarray(cells.images[i].permute(1, 2, 0).numpy())
                image.save(buffer, "WEBP", quality=WEBP_QUALITY)
                archive.writestr(f"{labels[int(cells.labels[i])]}/{PurePosixPath(name).stem}.webp", buffer.getvalue())

    out.parent.mkdir(parents=True, exist_ok=True)
    replace_file(out, write)
    return out.stat().st_size
