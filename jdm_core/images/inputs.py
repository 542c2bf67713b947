"""Images as a caller has them, read as cells: files and PIL images found and put on black, arrays as they are."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from jdm_core.images.find import prepare
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.read import read_cell

ImageLike = str | Path | Image.Image | np.ndarray


def read_image(image: ImageLike, finds_cells: bool) -> np.ndarray:
    """The cell (H, W, 3) uint8 of a file or PIL image, found and put on black; an array, gray or RGB, as it is.

    Raises CellImageError.
    """
    if not isinstance(image, np.ndarray):
        return prepare(image, find=finds_cells).cell
    return read_cell(_coloured(image))


def read_images(images: ImageLike | Sequence[ImageLike], finds_cells: bool) -> list[np.ndarray]:
    """The cells of one image or a sequence of them; at least one. Raises CellImageError, ValueError."""
    if isinstance(images, str | Path | Image.Image) or (isinstance(images, np.ndarray) and images.ndim <= 3):
        images = [images]
    cells = [read_image(image, finds_cells) for image in images]
    if not cells:
        raise ValueError("images: none given")
    return cells


def read_field(image: ImageLike | bytes, name: str | None = None) -> np.ndarray:
    """The pixels (H, W, 3) uint8 of a whole field, as it is; `name` stands for it in errors. Raises CellImageError."""
    return read_cell(_coloured(image) if isinstance(image, np.ndarray) else image, name, OF_FIELD)


def _coloured(array: np.ndarray) -> np.ndarray:
    """An array in three channels, if it has one."""
    gray = array.ndim == 2 or array.shape[2:] == (1,)
    return np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2) if gray else array
