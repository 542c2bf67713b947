"""Digits beside cells: torchvision's MNIST root and USPS as an npz, each image a slide of its own.

Members are called after the part of the data that they come from, "train-00000" or "test-00000", and a recipe with
`given_test` keeps the latter for the test (LeCun et al. 1998; Hull 1994).
"""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

PARTS = ("train", "test")
TEST_PREFIX = "test-"  # of members and slides


@dataclass(frozen=True)
class Digits:
    """Both parts of a set, one after the other: images (N, H, W) uint8, white on black, labels (N,) from 0 to 9."""

    images: np.ndarray
    labels: np.ndarray
    names: list[str]


def holds_digits(source: Path) -> bool:
    """Whether `source` is a root folder of torchvision's MNIST, or an npz."""
    return (source / "MNIST" / "raw").is_dir() or (source.suffix == ".npz" and source.is_file())


def part_name(part: str, data: Path) -> str:
    """How to call a part of the split of some data; every digit is a slide of its own."""
    return f"{part} {'digits' if holds_digits(data) else 'slides'} of {data.name}"


@lru_cache(maxsize=1)  # one command reads them twice, names first
def read_digits(source: Path) -> Digits:
    """The digits of a root folder or of an npz with {train,test}_{images,labels}; ValueError names what is wrong."""
    parts = _read_npz(source) if source.suffix == ".npz" else _read_mnist(source)
    for part, (images, labels) in zip(PARTS, parts, strict=True):
        if images.dtype != np.uint8 or images.ndim != 3 or labels.shape != images.shape[:1]:
            raise ValueError(
                f"{source}: {part}: images {images.shape} of {images.dtype} with labels {labels.shape}, "
                "where (N, H, W) of uint8 with (N,) are expected"
            )
        if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) <= 9:
            raise ValueError(f"{source}: {part}: labels {labels.min()} to {labels.max()}, where 0 to 9 are expected")
    names = [f"{part}-{i:05d}" for part, (images, _) in zip(PARTS, parts, strict=True) for i in range(len(images))]
    (first, first_labels), (second, second_labels) = parts
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"{source}: images of {first.shape[1:]} pixels for training, of {second.shape[1:]} for test")
    return Digits(np.concatenate([first, second]), np.concatenate([first_labels, second_labels]).astype(int), names)


def _read_mnist(root: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    from training.data.vision import MNIST  # here, since cells do without torchvision, which takes long to import

    try:
        sets = [MNIST(root, train=part == "train", download=False) for part in PARTS]
    except (RuntimeError, ValueError, AssertionError, KeyError, OSError) as error:
        raise ValueError(f"{root}: not a root folder of MNIST ({error or type(error).__name__})") from error
    return [(digits.data.numpy(), digits.targets.numpy()) for digits in sets]


def _read_npz(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return [(arrays[f"{part}_images"], arrays[f"{part}_labels"]) for part in PARTS]
    except KeyError as error:
        wanted = ", ".join(f"{part}_{kind}" for part in PARTS for kind in ("images", "labels"))
        raise ValueError(f"{path}: an npz without {wanted}") from error
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: cannot be read as an npz ({error})") from error
