"""Pictures that are no cells, or none that the model can know: what a measure of familiarity must find strange."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image, UnidentifiedImageError

from jdm_core.images.pixels import cell_mask, from_uint8
from training.data.cells import Cells, as_pixels, sample_cells
from training.data.fields import cut_cells, read_fields
from training.data.members import DataError
from training.data.vision import MNIST

PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "camera",
    "cat",
    "coffee",
    "coins",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "retina",
    "rocket",
)
SMALLEST_CROP = 96
COLOURLESS = "cells, without colour"  # refused by a rule of their own, which is not fitted
CELLS_OF_A_FIELD = 20


@dataclass(frozen=True)
class Outliers:
    """Pictures uint8 (H, W, 3) of one kind, and the group of each: those of a group are alike, as of one photograph.

    A near kind is of cells after all, which another laboratory has stained and photographed.
    """

    name: str
    pictures: list[np.ndarray]
    groups: list[str]
    near: bool = False


def outliers(cells: Cells, count: int, seed: int, mnist: Path | None, fields: Path | None) -> Iterator[Outliers]:
    """At most `count` pictures of each kind: the MNIST digits and cells of whole fields only where they are given.

    Noise is as large as the cells, of which so many get other colours. Raises DataError.
    """
    generator = np.random.default_rng(seed)
    if mnist is not None:
        yield _digits(mnist, count, generator)
    yield _photographs(count, generator)
    shape = (*cells.images.shape[2:], 3)
    noise = {
        "uniform noise": [generator.integers(0, 256, shape) for _ in range(count)],
        "Gaussian noise": [generator.normal(127.5, 50, shape).clip(0, 255) for _ in range(count)],
        "one colour": _plain(count, shape, generator),
    }
    for name, pictures in noise.items():
        yield Outliers(name, [p.astype(np.uint8) for p in pictures], [f"{name} {i}" for i in range(len(pictures))])
    chosen = sample_cells(cells, count, seed)
    own, groups = list(as_pixels(chosen)), chosen.slides
    yield Outliers("cells, colours inverted", [_inverted(cell) for cell in own], groups)
    yield Outliers(COLOURLESS, [_colourless(cell) for cell in own], groups)
    if fields is not None:
        yield _other_cells(fields, count, generator)


def _digits(root: Path, count: int, generator: np.random.Generator) -> Outliers:
    try:
        digits = MNIST(root, train=False, download=False).data.numpy()
    except (RuntimeError, OSError) as error:
        raise DataError(f"{root}: no MNIST digits as torchvision lays them out ({error})") from error
    chosen = generator.permutation(len(digits))[:count]
    return Outliers("MNIST digits", [_gray(digits[i]) for i in chosen], [f"digit {i}" for i in chosen])


def _photographs(count: int, generator: np.random.Generator) -> Outliers:
    """Square crops of the photographs in scikit-image's package, as many of each."""
    crops, groups = [], []
    for name in PHOTOGRAPHS:
        whole = getattr(skimage.data, name)()
        whole = _gray(whole) if whole.ndim == 2 else whole
        for _ in range(-(-count // len(PHOTOGRAPHS))):
            side = generator.integers(SMALLEST_CROP, min(whole.shape[:2]) + 1)
            top, left = (generator.integers(length - side + 1) for length in whole.shape[:2])
            crops.append(whole[top : top + side, left : left + side])
            groups.append(name)
    kept = sorted(generator.permutation(len(crops))[:count])
    return Outliers("photographs", [crops[i] for i in kept], [groups[i] for i in kept])


def _plain(count: int, shape: tuple[int, ...], generator: np.random.Generator) -> list[np.ndarray]:
    """White, then pictures of one colour each, drawn at random."""
    return [np.full(shape, 255), *(np.full(shape, generator.integers(0, 256, 3)) for _ in range(count - 1))]


def _inverted(cell: np.ndarray) -> np.ndarray:
    """The cell in its complementary colours, the background still black."""
    mask = cell_mask(from_uint8(torch.from_numpy(cell)[None]))[0].numpy()
    return np.where(mask[:, :, None], 255 - cell, cell)


def _colourless(cell: np.ndarray) -> np.ndarray:
    """The cell as a gray camera gives it."""
    return np.asarray(Image.fromarray(cell).convert("L").convert("RGB"))


def _other_cells(folder: Path, count: int, generator: np.random.Generator) -> Outliers:
    """Cells cut out of fields drawn at random, few of each."""
    cells, groups = [], []
    fields = read_fields(folder)
    for i in generator.permutation(len(fields)):
        try:
            with Image.open(fields[i].path) as image:
                pixels = np.array(image.convert("RGB"))
        except (UnidentifiedImageError, OSError) as error:
            raise DataError(f"{fields[i].path}: unreadable ({type(error).__name__})") from error
        found = [cell for _, cell in cut_cells(pixels, fields[i].boxes) if isinstance(cell, np.ndarray)]
        cells += found[:CELLS_OF_A_FIELD]
        groups += [fields[i].path.stem] * len(found[:CELLS_OF_A_FIELD])
        if len(cells) >= count:
            break
    return Outliers("cells of another microscope", cells[:count], groups[:count], near=True)


def _gray(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture[:, :, None], 3, axis=2)
