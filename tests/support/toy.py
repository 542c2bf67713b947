"""Small drawn cells in the NIH layout, for tests of training: enough to run every part, too few to learn much."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training.cli import main

TINY = (
    "architecture.image_size=16",
    "architecture.widths=[16, 32]",
    "architecture.blocks=[1, 1]",
    "architecture.attention=[1]",
    "architecture.embedding=32",
    "architecture.normalisation=group",
    "architecture.pooling=mean",
    "architecture.head_widths=[]",
    "head_alone_from=1.0",
    "crowd_share=0.0",
    "grain=0.0",
    "abroad=[]",
    "abroad_share=0.0",
    "teachers=[]",
    "teaching_weight=0.0",
    "batch_size=8",
    "images=160",
    "warmup_images=16",
    "validate_every=80",
    "validation_cells=8",
)
FEW_EDGES = np.arange(0.15, 0.96, 0.2).round(2)  # 30 windows to choose from, and not 270
TINY_OPTIONS = [argument for setting in TINY for argument in ("--set", setting)]


@contextmanager
def few_windows() -> Iterator[None]:
    """Calibration chooses among few windows: their fits are most of what an export of a toy takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.publish.calibrate.EDGES", FEW_EDGES)
        yield


@contextmanager
def rough_sheets() -> Iterator[None]:
    """Sheets of samples are drawn in few steps: a fifth of what a toy's training takes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("training.run.log.STEPS", 2)
        yield


def toy_cell(parasitized: bool, seed: int, size: int = 24) -> np.ndarray:
    """A pink disc on black, with a dark dot when parasitized; uint8 (size, size, 3)."""
    generator = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size] - size / 2
    cell = np.zeros((size, size, 3))
    cell[x**2 + y**2 < (0.42 * size) ** 2] = np.array([220, 190, 195]) + generator.normal(0, 6, 3)
    if parasitized:
        cx, cy = generator.uniform(-0.2 * size, 0.2 * size, 2)
        cell[(x - cx) ** 2 + (y - cy) ** 2 < (0.12 * size) ** 2] = (120, 60, 150)
    return cell.clip(0, 255).astype(np.uint8)


def write_toy_zip(path: Path, slides: int = 10, per_class: int = 4) -> Path:
    """A zip of `slides` slides in NIH's layout and naming."""
    with zipfile.ZipFile(path, "w") as archive:
        for slide in range(slides):
            for label in ("Parasitized", "Uninfected"):
                for cell in range(per_class):
                    buffer = BytesIO()
                    pixels = toy_cell(label == "Parasitized", seed=slide * 100 + cell)
                    Image.fromarray(pixels).save(buffer, "PNG")
                    name = f"cell_images/{label}/C{slide}P{slide}ThinF_IMG_20150101_{label[0]}_cell_{cell}.png"
                    archive.writestr(name, buffer.getvalue())
    return path


def train_toy(folder: Path, images: int) -> tuple[Path, Path]:
    """A zip of cells, and the manifest whose entry "toy" is a tiny network that saw so many of them; run in "run"."""
    data, manifest = write_toy_zip(folder / "cells.zip"), folder / "manifest.json"
    options = ["--data", str(data), "--run", str(folder / "run"), "--device", "cpu"]
    with rough_sheets():
        assert main(["train", *options, *TINY_OPTIONS, "--set", f"images={images}"]) == 0
    with few_windows():
        assert main(["export", *options, "--manifest", str(manifest), "--cells", "8", "--name", "toy"]) == 0
    return data, manifest
