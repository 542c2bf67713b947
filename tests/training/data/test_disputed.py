"""A cell that lies under two classes teaches nothing: it is refused by name, whatever its file is called or coded."""

import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.support.toy import TINY_OPTIONS, write_toy_zip
from training.__main__ import main
from training.data.cells import DataError, load_cells

LABELS = ("Parasitized", "Uninfected")


@pytest.fixture
def toy(tmp_path):
    return write_toy_zip(tmp_path / "cells.zip")


def add(data, *names: str, kind: str = "PNG") -> None:
    """Puts the pixels of a first cell under other names too."""
    with zipfile.ZipFile(data) as archive:
        pixels = np.asarray(Image.open(io.BytesIO(archive.read(archive.namelist()[0]))))
    coded = io.BytesIO()
    Image.fromarray(pixels).save(coded, kind)
    with zipfile.ZipFile(data, "a") as archive:
        for name in names:
            archive.writestr(f"cell_images/{name}", coded.getvalue())


def test_a_cell_under_both_classes_is_named(toy, tmp_path):
    add(toy, "Uninfected/C77P7thinF_IMG_1_cell_9.tiff", kind="TIFF")
    with pytest.raises(DataError, match=r"cells\.zip: the same pixels under two classes") as caught:
        load_cells(toy, LABELS, 16)
    assert "cell_images/Parasitized/C0P0ThinF_IMG_20150101_P_cell_0.png and " in str(caught.value)
    assert "cell_images/Uninfected/C77P7thinF_IMG_1_cell_9.tiff" in str(caught.value)
    with zipfile.ZipFile(toy) as archive:
        archive.extractall(tmp_path / "folder")
    with pytest.raises(DataError, match="the same pixels under two classes"):
        load_cells(tmp_path / "folder", LABELS, 16)


def test_a_cell_twice_under_one_class_is_two_cells(toy):
    before = len(load_cells(toy, LABELS, 16))
    add(toy, "Parasitized/C77P7thinF_IMG_1_cell_9.png")
    assert len(load_cells(toy, LABELS, 16)) == before + 1


def test_of_many_the_first_are_named(toy):
    add(toy, *(f"Uninfected/C77P7thinF_IMG_1_cell_{i}.png" for i in range(9)))
    with pytest.raises(DataError, match="; and 4 more"):
        load_cells(toy, LABELS, 16)


def test_only_what_is_used_is_compared(toy):
    add(toy, "Uninfected/C77P7thinF_IMG_1_cell_9.png")
    assert load_cells(toy, LABELS, 16, keep=lambda slide: slide != "C77P7")


def test_training_says_so_in_one_line(toy, tmp_path, capsys):
    copy = shutil.copy(toy, tmp_path / "both.zip")
    add(copy, "Uninfected/C77P7thinF_IMG_1_cell_9.png")
    assert main(["train", "--data", str(copy), "--run", str(tmp_path / "run"), "--device", "cpu", *TINY_OPTIONS]) == 1
    assert "both.zip: the same pixels under two classes: " in capsys.readouterr().err.splitlines()[-1]
