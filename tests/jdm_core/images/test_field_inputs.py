"""Whole fields are read within limits of their own: larger files, and longer strips."""

import numpy as np
import pytest
from PIL import Image

from jdm_core import CellImageError
from jdm_core.images.inputs import read_field
from jdm_core.images.limits import MAX_FILE_BYTES, MAX_PIXELS, OF_FIELD
from jdm_core.images.read import read_cell
from tests.support.hostile import png


@pytest.fixture
def strip(tmp_path):
    """Three fields side by side, stitched."""
    path = tmp_path / "strip.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 120, 3), np.uint8)).save(path)
    return path


def test_a_strip_is_a_field_and_no_cell(strip):
    pixels = read_field(strip)
    assert pixels.shape == (40, 120, 3)
    assert (read_field(pixels) == pixels).all() and (read_field(strip.read_bytes(), "a") == pixels).all()
    with pytest.raises(CellImageError, match=r"too elongated for one cell \(beyond 2:1\)"):
        read_cell(strip)


def test_a_longer_one_is_refused_as_a_field(tmp_path):
    with pytest.raises(CellImageError, match=r"^a: 100 x 20 pixels, too elongated for a field \(beyond 4:1\)$"):
        read_field(np.zeros((20, 100, 3), np.uint8), "a")


def test_a_gray_field_is_one_too():
    gray = np.full((40, 50), 7, np.uint8)
    assert (read_field(gray) == 7).all() and read_field(gray).shape == (40, 50, 3)


def test_more_than_forty_megapixels_are_refused_before_they_are_decoded(tmp_path):
    path = tmp_path / "large.png"
    path.write_bytes(png(8256, 5504, 8, 0, b""))  # a camera's 45 megapixels
    with pytest.raises(CellImageError, match="8256 x 5504 pixels, more than 40 million"):
        read_field(path)


def test_colour_of_sixteen_bits_and_all_pixels_fits_into_a_fields_file():
    assert OF_FIELD.file_bytes > 6 * MAX_PIXELS and 3 * MAX_PIXELS > MAX_FILE_BYTES


@pytest.mark.slow
def test_a_field_that_nothing_compressed_is_read(tmp_path):
    pixels = np.zeros((4100, 5600, 3), np.uint8)
    pixels[2000, 3000] = (1, 2, 3)
    path = tmp_path / "field.tif"
    Image.fromarray(pixels).save(path)
    assert path.stat().st_size > MAX_FILE_BYTES
    with pytest.raises(CellImageError, match="a file of more than 64 MiB"):
        read_cell(path)
    assert (read_field(path) == pixels).all()


def test_deep_colour_is_read_or_told_in_one_line(tmp_path):
    rows = b"".join(b"\0" + b"\x12\x34" * 3 * 24 for _ in range(24))
    (tmp_path / "deep.png").write_bytes(png(24, 24, 16, 2, rows))
    assert (read_field(tmp_path / "deep.png") == 0x12).all()
    dark = b"".join(b"\0" + b"\x0f\xff" * 3 * 24 for _ in range(24))
    (tmp_path / "dark.png").write_bytes(png(24, 24, 16, 2, dark))
    with pytest.raises(CellImageError, match="16-bit colour that uses 12 bits or fewer: scale it to 8 bits first"):
        read_field(tmp_path / "dark.png")
