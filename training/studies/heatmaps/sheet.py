"""The sheet of a study of maps: marked cells drawn by a seed, failures included, and every method's map of each."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from jdm_core.draw.colours import magnitude_overlay
from jdm_core.draw.maps import robust_scale
from jdm_core.files import replace_file
from jdm_core.images.pixels import from_uint8
from training.data.cells import squares
from training.data.marks import Box

CELLS, PICTURE, MARGIN = 16, 96, 190


def draw_sheet(
    cells: Sequence[np.ndarray], boxes: Sequence[Sequence[Box]], maps: dict[str, np.ndarray], seed: int, path: Path
) -> None:
    """Writes a PNG: a column for each of 16 cells, below it its maps (N, S, S) by method, the boxes in all of them."""
    chosen = np.random.default_rng(seed).permutation(len(cells))[:CELLS].tolist()
    size = next(iter(maps.values())).shape[-1]
    x = from_uint8(torch.from_numpy(squares([cells[i] for i in chosen], size)))
    sheet = Image.new("RGB", (MARGIN + PICTURE * len(chosen), PICTURE * (1 + len(maps))), "white")
    pen = ImageDraw.Draw(sheet)
    for row, name in enumerate(("cell", *maps)):
        pen.text((4, PICTURE * row + PICTURE // 2 - 6), name, fill="black")
        if row:
            values = torch.from_numpy(maps[name][chosen]).float()
            pictures = magnitude_overlay(x, values, robust_scale(values), PICTURE).numpy()
        else:
            pictures = squares([cells[i] for i in chosen], PICTURE)
        for column, (i, picture) in enumerate(zip(chosen, pictures, strict=True)):
            left, top = MARGIN + PICTURE * column, PICTURE * row
            sheet.paste(Image.fromarray(picture), (left, top))
            for box in boxes[i]:
                corners = (
                    left + box.left * PICTURE,
                    top + box.top * PICTURE,
                    left + box.right * PICTURE,
                    top + box.bottom * PICTURE,
                )
                pen.rectangle(corners, outline=(0, 255, 255))
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: sheet.save(partial, "PNG"))
