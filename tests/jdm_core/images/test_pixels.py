"""Every image that a person may hand over, good, odd and hostile; and the way to tensors and back."""

import io
import os
import pickle
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jdm_core.images import limits, pixels
from jdm_core.images.pixels import cell_mask, to_tensor, to_uint8
from jdm_core.images.read import checked_bytes, image_files, read_cell
from jdm_core.images.refused import CellImageError

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def cell() -> np.ndarray:
    """A smooth, asymmetric (24, 20, 3) picture: any turn or swap of channels of it differs from it by far."""
    y, x = np.mgrid[0:24, 0:20]
    return np.stack([40 + 9 * y, 230 - 11 * x, 60 + 4 * x + 3 * y], axis=2).clip(0, 255).astype(np.uint8)


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG from its raw bytes; `rows` holds each row's filter byte and big-endian samples."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def png16(samples: np.ndarray, colour: int) -> bytes:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    return png(samples.shape[1], samples.shape[0], 16, colour, rows)


def tiff(samples: np.ndarray, photometric: int, planar: int = 1, order: str = "<") -> bytes:
    """An uncompressed TIFF of unsigned (H, W) or (H, W, 3) samples; planar 2 stores channel after channel."""
    height, width = samples.shape[:2]
    channels = samples.shape[2] if samples.ndim == 3 else 1
    planes = np.moveaxis(samples, -1, 0) if planar == 2 else samples[None]
    strips = [plane.astype(samples.dtype.newbyteorder(order)).tobytes() for plane in planes]
    entries = [  # tag, type (3: 16 bits, 4: 32 bits), values
        (256, 3, [width]),
        (257, 3, [height]),
        (258, 3, [8 * samples.dtype.itemsize] * channels),
        (259, 3, [1]),
        (262, 3, [photometric]),
        (273, 4, [0] * len(strips)),
        (277, 3, [channels]),
        (278, 3, [height]),
        (279, 4, [len(strip) for strip in strips]),
        (284, 3, [planar]),
    ]
    end = 8 + 2 + 12 * len(entries) + 4
    offsets_at = end + sum(_size(kind, values) for tag, kind, values in entries if _size(kind, values) > 4)
    entries[5] = (273, 4, list(np.cumsum([offsets_at, *map(len, strips)])[:-1]))
    directory, beyond = struct.pack(f"{order}H", len(entries)), b""
    for tag, kind, values in entries:
        packed = struct.pack(f"{order}{len(values)}{'HI'[kind - 3]}", *values)
        if len(packed) > 4:
            packed, beyond = struct.pack(f"{order}I", end + len(beyond)), beyond + packed
        directory += struct.pack(f"{order}HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    magic = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return magic + directory + struct.pack(f"{order}I", 0) + beyond + b"".join(strips)


def _size(kind: int, values: list[int]) -> int:
    return len(values) * {3: 2, 4: 4}[kind]


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def refused(source, **kwargs) -> str:
    """The reason why `source` is refused, once its message is seen to be one line of name and reason."""
    with pytest.raises(CellImageError) as caught:
        read_cell(source, **kwargs)
    error = caught.value
    assert str(error) == f"{error.name}: {error.reason}"
    assert str(error).isprintable()
    return error.reason


# What is read, and how


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "WEBP"])
def test_lossless_files_come_back_pixel_for_pixel(tmp_path, cell, kind):
    path = tmp_path / "cell"
    path.write_bytes(encoded(Image.fromarray(cell), kind, **({"lossless": True} if kind == "WEBP" else {})))
    pixels = read_cell(path)
    assert pixels.dtype == np.uint8 and pixels.flags.c_contiguous and pixels.flags.writeable
    np.testing.assert_array_equal(pixels, cell)
    np.testing.assert_array_equal(read_cell(str(path)), cell)


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(tmp_path, cell, compression):
    path = tmp_path / "cell.tif"
    path.write_bytes(encoded(Image.fromarray(cell), "TIFF", compression=compression))
    np.testing.assert_array_equal(read_cell(path), cell)


def test_the_content_decides_not_the_extension(tmp_path, cell):
    path = tmp_path / "cell.jpg"
    path.write_bytes(encoded(Image.fromarray(cell), "PNG"))
    np.testing.assert_array_equal(read_cell(path), cell)


def test_a_non_ascii_name(tmp_path, cell):
    path = tmp_path / "Blutzelle_Grün_细胞 №7.png"
    Image.fromarray(cell).save(path)
    np.testing.assert_array_equal(read_cell(path), cell)
    path.write_bytes(b"no image")
    with pytest.raises(CellImageError, match=r"细胞 №7\.png: not a PNG"):
        read_cell(path)


def test_jpeg(tmp_path, cell):
    path = tmp_path / "cell.jpg"
    path.write_bytes(encoded(Image.fromarray(cell), "JPEG", quality=98, subsampling=0))
    np.testing.assert_allclose(read_cell(path).astype(int), cell, atol=4)


def test_cmyk_jpeg(tmp_path, cell):
    path = tmp_path / "cell.jpg"
    path.write_bytes(encoded(Image.fromarray(cell).convert("CMYK"), "JPEG", quality=98, subsampling=0))
    with Image.open(path) as image:
        assert image.mode == "CMYK"
    np.testing.assert_allclose(read_cell(path).astype(int), cell, atol=8)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette(tmp_path, cell, kind):
    palette = Image.fromarray(cell).quantize(64)
    path = tmp_path / "cell"
    path.write_bytes(encoded(palette, kind))
    np.testing.assert_array_equal(read_cell(path), np.asarray(palette.convert("RGB")))


def test_a_transparent_palette_entry_becomes_black(tmp_path, cell):
    palette = Image.fromarray(cell).quantize(64)
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(palette, "PNG", transparency=5))
    expected = np.asarray(palette.convert("RGB")).copy()
    clear = np.asarray(palette) == 5
    assert clear.any()
    expected[clear] = 0
    np.testing.assert_array_equal(read_cell(path), expected)


def test_alpha_is_laid_on_black(tmp_path, cell):
    alpha = np.zeros(cell.shape[:2], np.uint8)
    alpha[:, 7:14], alpha[:, 14:] = 128, 255
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(Image.fromarray(np.dstack([cell, alpha])), "PNG"))
    np.testing.assert_allclose(read_cell(path).astype(float), cell * (alpha[..., None] / 255), atol=1)
    assert not read_cell(path)[:, :7].any()


def test_gray_with_alpha_is_laid_on_black(tmp_path, cell):
    gray, alpha = cell[..., 0], cell[..., 1]
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(Image.merge("LA", [Image.fromarray(gray), Image.fromarray(alpha)]), "PNG"))
    expected = np.repeat((gray * (alpha / 255.0))[..., None], 3, axis=2)
    np.testing.assert_allclose(read_cell(path).astype(float), expected, atol=1)


def test_grayscale(tmp_path, cell):
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(Image.fromarray(cell[..., 0]), "PNG"))
    np.testing.assert_array_equal(read_cell(path), np.repeat(cell[..., :1], 3, axis=2))


def test_one_bit(tmp_path, cell):
    bright = cell[..., 0] > 128
    path = tmp_path / "cell.png"
    path.write_bytes(encoded(Image.fromarray(bright), "PNG"))
    np.testing.assert_array_equal(read_cell(path), np.repeat(bright[..., None] * np.uint8(255), 3, axis=2))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_deep_grayscale_is_scaled_from_the_depth_in_use(tmp_path, cell, bits, order):
    gray = cell[..., 0].copy()
    gray[0, 0] = 255
    deep = np.round(gray * ((2**bits - 1) / 255)).astype(np.uint16)
    path = tmp_path / "cell"
    for data in (png16(deep, colour=0), tiff(deep, photometric=1, order=order)):
        path.write_bytes(data)
        np.testing.assert_array_equal(read_cell(path), np.repeat(gray[..., None], 3, axis=2))


def test_sixteen_bit_grayscale_keeps_its_scale_when_dark(tmp_path):
    deep = np.full((10, 10), 257 * 100, np.uint16)
    (tmp_path / "a.png").write_bytes(png16(deep, colour=0))
    assert (read_cell(tmp_path / "a.png") == 100).all()


def test_white_is_zero(tmp_path, cell):
    (tmp_path / "8.tif").write_bytes(tiff(255 - cell[..., 0], photometric=0))
    (tmp_path / "16.tif").write_bytes(tiff((255 - cell[..., 0]).astype(np.uint16) * 257, photometric=0))
    for name in ("8.tif", "16.tif"):
        np.testing.assert_allclose(read_cell(tmp_path / name), np.repeat(cell[..., :1], 3, axis=2))


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_colour(tmp_path, cell, order):
    deep = cell.astype(np.uint16) * 257
    path = tmp_path / "cell"
    for data in (png16(deep, colour=2), tiff(deep, photometric=2, order=order)):
        path.write_bytes(data)
        np.testing.assert_array_equal(read_cell(path), cell)


def test_twelve_bit_colour_is_refused_rather_than_shown_black(tmp_path, cell):
    deep = cell.astype(np.uint16) * 16
    path = tmp_path / "cell"
    for data in (png16(deep, colour=2), tiff(deep, photometric=2)):
        path.write_bytes(data)
        assert "12 bits" in refused(path)


def test_separate_colour_planes(tmp_path, cell):
    (tmp_path / "8.tif").write_bytes(tiff(cell, photometric=2, planar=2))
    np.testing.assert_array_equal(read_cell(tmp_path / "8.tif"), cell)
    (tmp_path / "16.tif").write_bytes(tiff(cell.astype(np.uint16) * 257, photometric=2, planar=2))
    assert "planes" in refused(tmp_path / "16.tif")


def test_floating_point_and_wide_integers_are_refused(tmp_path, cell):
    Image.fromarray(cell[..., 0] / np.float32(255)).save(tmp_path / "float.tif")
    assert "floating-point" in refused(tmp_path / "float.tif")
    Image.fromarray(cell[..., 0].astype(np.int32) * 2000).save(tmp_path / "int.tif")
    assert "beyond 16 bits" in refused(tmp_path / "int.tif")
    Image.fromarray(-cell[..., 0].astype(np.int32)).save(tmp_path / "negative.tif")
    assert "beyond 16 bits" in refused(tmp_path / "negative.tif")


# EXIF orientation -> the picture as stored, for an upright `cell`
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", STORED)
def test_exif_rotated_pictures_come_out_upright(tmp_path, cell, orientation, kind):
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](cell)))
    options = {"JPEG": {"quality": 98, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    path = tmp_path / "cell"
    path.write_bytes(encoded(stored, kind, exif=exif, **options))
    np.testing.assert_allclose(read_cell(path).astype(int), cell, atol=4 if kind == "JPEG" else 0)


def test_a_camera_jpeg_with_a_preview_is_one_picture(tmp_path, cell):
    image = Image.fromarray(cell)
    path = tmp_path / "camera.jpg"
    path.write_bytes(encoded(image, "MPO", save_all=True, append_images=[image.resize((10, 12))], quality=98))
    assert read_cell(path).shape == cell.shape


def test_pil_images(cell):
    np.testing.assert_array_equal(read_cell(Image.fromarray(cell)), cell)
    lazy = Image.open(io.BytesIO(encoded(Image.fromarray(cell), "PNG")))
    np.testing.assert_array_equal(read_cell(lazy), cell)
    assert "frames" in refused(Image.open(io.BytesIO(several(cell, "GIF"))))
    truncated = Image.open(io.BytesIO(encoded(Image.fromarray(cell), "PNG")[:-40]))
    assert "damaged" in refused(truncated, name="upload.png")
    assert "4 x 4" in refused(Image.new("RGB", (4, 4)))


def test_the_bytes_of_a_file(cell):
    data = encoded(Image.fromarray(cell), "PNG")
    np.testing.assert_array_equal(read_cell(data), cell)
    assert refused(b"") == "an empty file"
    assert "not a PNG" in refused(b"no image", name="upload.png")
    with pytest.raises(CellImageError, match="a file of more than"):
        checked_bytes(data, "image", replace(limits.OF_CELL, file_bytes=len(data) - 1))


def test_arrays_are_copied(cell):
    flipped = cell[:, ::-1]
    pixels = read_cell(flipped)
    assert pixels.flags.c_contiguous
    np.testing.assert_array_equal(pixels, flipped)
    pixels[:] = 0
    assert cell.any()


def test_many_threads_read_at_once(tmp_path, cell):
    paths = []
    for i in range(40):
        path = tmp_path / f"{i}.png"
        good = encoded(Image.fromarray(np.roll(cell, i, axis=0)), "PNG")
        path.write_bytes(good if i % 3 else good[:-60])
        paths.append(path)

    def read(path: Path) -> np.ndarray | None:
        try:
            return read_cell(path)
        except CellImageError:
            return None

    with ThreadPoolExecutor(8) as pool:
        for i, pixels in enumerate(pool.map(read, paths)):
            if i % 3:
                np.testing.assert_array_equal(pixels, np.roll(cell, i, axis=0))
            else:
                assert pixels is None


# What is refused, and why


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cell.png", b"Dear doctor, please find the image attached.\n" * 20),
        ("cell.svg", b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='64'><circle r='9'/></svg>"),
        ("cell.png", b"<!DOCTYPE html><html><body><img src='cell.png'></body></html>"),
        ("cell.jpg", bytes(range(256)) * 8),
        ("cell.webp", b"RIFF\x00\x01\x00\x00WAVEfmt "),
    ],
    ids=["text", "svg", "html", "bytes", "wave"],
)
def test_what_is_not_an_image(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    assert refused(path) == "not a PNG, JPEG, TIFF, WebP, BMP or GIF image"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_truncated_anywhere(tmp_path, kind):
    grainy = np.random.default_rng(0).integers(0, 256, (24, 20, 3), np.uint8)
    whole = encoded(Image.fromarray(grainy), kind)
    path = tmp_path / "cell"
    for length in range(16, len(whole) * 9 // 10, max(1, len(whole) // 30)):
        path.write_bytes(whole[:length])
        assert f"damaged, incomplete or unsupported {kind}" in refused(path)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_any_damage_is_a_refusal_or_an_image(tmp_path, cell):
    rng = np.random.default_rng(0)
    path = tmp_path / "cell"
    refusals = 0
    for kind in ("PNG", "JPEG", "TIFF", "WEBP", "BMP", "GIF"):
        whole = np.frombuffer(encoded(Image.fromarray(cell), kind), np.uint8)
        for _ in range(60):
            damaged = whole.copy()
            damaged[rng.integers(4, min(len(whole), 400), size=4)] = rng.integers(0, 256, size=4)
            path.write_bytes(damaged.tobytes())
            try:
                assert read_cell(path).shape[2] == 3
            except CellImageError:
                refusals += 1
    assert refusals > 50


def test_zero_bytes(tmp_path):
    (tmp_path / "cell.png").touch()
    assert refused(tmp_path / "cell.png") == "an empty file"


def test_a_missing_path(tmp_path):
    assert refused(tmp_path / "none.png") == refused("") == "there is no such file"


def test_a_folder(tmp_path):
    assert refused(tmp_path) == "a folder, not an image"


def test_impossible_names(tmp_path):
    assert "null" in refused("cell\0.png")
    assert "too long" in refused(tmp_path / ("x" * 5000)).lower()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes on this system")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert refused(tmp_path / "pipe.png") == "not a regular file"


def test_no_permission(tmp_path, cell, monkeypatch):
    path = tmp_path / "cell.png"
    Image.fromarray(cell).save(path)

    def forbidden(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", forbidden)  # root may read whatever chmod says
    assert refused(path) == "cannot be read (Permission denied)"


def test_a_file_too_large(tmp_path, cell):
    path = tmp_path / "cell.png"
    Image.fromarray(cell).save(path)
    with path.open("r+b") as file:
        file.truncate(limits.MAX_FILE_BYTES)
    np.testing.assert_array_equal(read_cell(path), cell)
    with path.open("r+b") as file:
        file.truncate(limits.MAX_FILE_BYTES + 1)
    assert refused(path) == "a file of more than 64 MiB"


def several(cell: np.ndarray, kind: str) -> bytes:
    first, second = Image.fromarray(cell), Image.fromarray(255 - cell)
    return encoded(first, kind, save_all=True, append_images=[second])


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_animations_and_several_pages(tmp_path, cell, kind):
    (tmp_path / "cell.png").write_bytes(several(cell, kind))
    assert refused(tmp_path / "cell.png") == "several frames or pages: save the one that shows the cell"


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 8), (8, 7), (7, 14)])
def test_too_small(tmp_path, width, height):
    Image.new("RGB", (width, height)).save(tmp_path / "cell.png")
    assert refused(tmp_path / "cell.png") == f"{width} x {height} pixels, smaller than 8 x 8"


def test_the_smallest_and_the_longest_allowed(tmp_path):
    for width, height in ((8, 8), (8, 16), (40, 20)):
        Image.new("RGB", (width, height), (1, 2, 3)).save(tmp_path / "cell.png")
        assert read_cell(tmp_path / "cell.png").shape == (height, width, 3)
    for width, height in ((8, 17), (41, 20)):
        Image.new("RGB", (width, height)).save(tmp_path / "cell.png")
        assert "2:1" in refused(tmp_path / "cell.png")


@pytest.mark.parametrize("side", [6400, 10_000, 20_000, 2**31 - 1])
def test_a_decompression_bomb_is_refused_before_decoding(tmp_path, side, monkeypatch, recwarn):
    rows = bytes(20_000 * 2_501) if side == 20_000 else b""  # this one is whole, in 50 kB
    (tmp_path / "cell.png").write_bytes(png(side, side, 1, 0, rows))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
    assert refused(tmp_path / "cell.png") == f"{side} x {side} pixels, more than 40 million"
    assert not recwarn.list


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((16, 16), np.uint8),
        np.zeros((16, 16, 4), np.uint8),
        np.zeros((3, 16, 16), np.uint8),
        np.zeros((16, 16, 3), np.float32),
        np.zeros((16, 16, 3), np.uint16),
        np.zeros((0, 16, 3), np.uint8),
        np.zeros((16, 40, 3), np.uint8),
        np.broadcast_to(np.uint8(0), (7000, 7000, 3)),
    ],
    ids=lambda array: f"{array.shape} {array.dtype}",
)
def test_wrong_arrays(array):
    assert refused(array)


@pytest.mark.parametrize("source", [None, bytearray(b"\x89PNG"), 7, [1, 2], torch.zeros(3, 8, 8)], ids=type)
def test_other_types(source):
    assert refused(source) == f"a path, a PIL image or an array is expected, not {type(source).__name__}"


def test_the_message_is_one_printable_line_whatever_the_name(tmp_path):
    with pytest.raises(CellImageError) as caught:
        read_cell(tmp_path, name="evil\nname\r\x1b[31m\u202e\udcff.png")
    assert str(caught.value) == r"evil\nname\r\x1b[31m\u202e\udcff.png: a folder, not an image"
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.name, copied.reason) == (caught.value.name, caught.value.reason)
    assert isinstance(copied, ValueError)


def test_nothing_escapes_to_stderr(tmp_path, cell):
    tif = encoded(Image.fromarray(cell), "TIFF", compression="tiff_adobe_deflate")
    (tmp_path / "truncated.tif").write_bytes(tif[:-30])
    (tmp_path / "large.png").write_bytes(png(12_000, 12_000, 8, 2, rows=b""))
    (tmp_path / "damaged.jpg").write_bytes(b"\xff\xd8\xff\xe0" + bytes(200))
    script = """
import sys
from jdm_core.images.read import read_cell
from jdm_core.images.refused import CellImageError
for path in sys.argv[1:]:
    try:
        read_cell(path)
    except CellImageError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", script, *sorted(map(str, tmp_path.iterdir()))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 3


# To tensors and back


def test_to_tensor_squashes_to_squares(cell):
    x = to_tensor([cell, np.full((100, 60, 3), 255, np.uint8), np.zeros((9, 17, 3), np.uint8)], size=16)
    assert x.shape == (3, 3, 16, 16) and x.dtype == torch.float32 and x.device.type == "cpu"
    assert x.max() <= 1 and x.min() >= -1
    torch.testing.assert_close(x[1:].mean(dim=(1, 2, 3)), torch.tensor([1.0, -1.0]))
    expected = np.asarray(Image.fromarray(cell).resize((16, 16), Image.Resampling.BILINEAR))
    np.testing.assert_allclose((x[0].permute(1, 2, 0).numpy() + 1) * 127.5, expected, atol=1)


def test_to_tensor_averages_when_it_shrinks():
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 200
    x = to_tensor([stripes], size=32)  # without antialiasing every sample would fall on the same stripes
    torch.testing.assert_close(x[..., 2:-2], torch.full((1, 3, 32, 28), 100 / 127.5 - 1), atol=0.02, rtol=0)


def test_to_tensor_is_deterministic_and_independent_of_the_batch(cell):
    alone = to_tensor([cell], 16)
    torch.testing.assert_close(to_tensor([255 - cell, cell], 16)[1:], alone, atol=0, rtol=0)


def test_pixels_survive_the_way_to_tensors_and_back():
    every = np.arange(256, dtype=np.uint8).reshape(16, 16)
    pixels = np.stack([every, every.T, 255 - every], axis=2)
    back = to_uint8(to_tensor([pixels], 16))
    assert back.shape == (1, 16, 16, 3) and back.dtype == torch.uint8 and back.is_contiguous()
    np.testing.assert_array_equal(back[0].numpy(), pixels)


def test_to_uint8_rounds_and_clamps():
    x = torch.tensor([-7.0, -1.0, 100.4 / 127.5 - 1, 100.6 / 127.5 - 1, 1.0, 3.0])
    assert to_uint8(x.expand(1, 3, 1, 6))[0, 0, :, 0].tolist() == [0, 0, 100, 101, 255, 255]


def disc(size: int = 64, radius: float = 24) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(size) - size / 2, torch.arange(size) - size / 2, indexing="ij")
    return x**2 + y**2 < radius**2


def test_cell_mask_counts_dark_parasites_as_cell():
    inside = disc()
    x = torch.full((2, 3, 64, 64), -1.0)
    x[:, :, inside] = 0.5
    x[1, :, 28:36, 28:36] = -1.0
    mask = cell_mask(x)
    assert mask.shape == (2, 64, 64) and mask.dtype == torch.bool
    assert (mask == inside).float().mean() > 0.995
    assert mask[1, 28:36, 28:36].all()


def test_cell_mask_closes_a_crack_that_leads_to_a_dark_parasite():
    x = torch.full((1, 3, 64, 64), -1.0)
    x[:, :, disc()] = 0.5
    x[..., 28:36, 44:52] = -1.0
    x[..., 31:33, 52:] = -1.0
    assert cell_mask(x)[0, 28:36, 44:53].all()


def test_cell_mask_leaves_a_bay_of_background_open():
    x = torch.full((1, 3, 64, 64), -1.0)
    x[:, :, disc()] = 0.5
    x[..., 30:40, 32:] = -1.0  # a wide gap that winds inwards from the right border
    x[..., 20:40, 28:34] = -1.0
    mask = cell_mask(x)[0]
    assert not mask[32:38, 34:].any() and not mask[22:38, 30:32].any()


def test_cell_mask_follows_a_winding_path_of_background():
    x = torch.full((1, 3, 64, 64), 0.5)
    for row in range(4, 60, 8):
        x[..., row : row + 4, 2:62] = -1.0
    for i, row in enumerate(range(8, 56, 8)):
        x[..., row : row + 4, slice(58, 62) if i % 2 else slice(2, 6)] = -1.0
    assert cell_mask(x).all()  # closed off from the border: a hole, however large
    x[..., 0:5, 30:34] = -1.0
    assert not cell_mask(x)[0, 5:7, 4:60].any() and not cell_mask(x)[0, 53:55, 4:60].any()


def test_cell_mask_of_nothing_and_of_everything():
    assert not cell_mask(torch.full((1, 3, 32, 32), -1.0)).any()
    assert not cell_mask(torch.full((1, 3, 32, 32), -0.9)).any()  # compression noise
    assert cell_mask(torch.full((1, 3, 32, 32), 0.9)).all()  # a crop from a field, on a bright ground


def test_cell_mask_keeps_deep_stains():
    x = torch.full((1, 3, 32, 32), -1.0)
    x[:, 2] = 0.0  # dark violet all over
    assert cell_mask(x).all()


def test_cell_mask_of_real_cells(real_cells):
    if real_cells is None:
        pytest.skip("no real cells at hand (PLASMOLENS_DATA)")
    x = to_tensor([read_cell(path) for path, _ in real_cells], 64)
    share = cell_mask(x).float().mean(dim=(1, 2))
    assert ((share > 0.4) & (share < 0.95)).all()


def test_no_difference_leaves_the_upload_as_it_is(cell):
    np.testing.assert_array_equal(pixels.at_own_resolution(cell, np.zeros((64, 64, 3))), cell)


@pytest.mark.parametrize(("height", "width"), [(128, 128), (130, 97), (24, 40)])
def test_a_difference_lands_where_it_belongs(height, width):
    original = np.random.default_rng(0).integers(60, 190, (height, width, 3)).astype(np.uint8)
    difference = np.zeros((32, 32, 3), np.float32)
    difference[4:12, 20:28, 1] = 40 / 127.5
    edited = pixels.at_own_resolution(original, difference)
    assert edited.shape == original.shape and edited.dtype == np.uint8
    change = edited.astype(int) - original
    assert not change[..., [0, 2]].any()
    rows, columns = np.nonzero(change[..., 1])
    assert 3 * height // 32 <= rows.min() and rows.max() <= 13 * height // 32
    assert 19 * width // 32 <= columns.min() and columns.max() <= 29 * width // 32
    middle = change[8 * height // 32, 24 * width // 32, 1]
    assert middle == 40
    assert change.min() == 0 and change.max() == 40  # no overshoot
    brought_down = to_tensor([edited], 32)[0] - to_tensor([original], 32)[0]
    np.testing.assert_allclose(brought_down[1, 7:9, 23:25], difference[7:9, 23:25, 1], atol=0.01)


def test_an_edit_is_clamped():
    grey = np.full((16, 16, 3), 100, np.uint8)
    assert (pixels.at_own_resolution(grey, np.full((8, 8, 3), 2.0)) == 255).all()
    assert (pixels.at_own_resolution(grey, np.full((8, 8, 3), -2.0)) == 0).all()


def test_content_seed_depends_on_shape_and_pixels_alone(cell):
    seed = pixels.content_seed(cell)
    assert 0 <= seed < 2**63
    assert seed == pixels.content_seed(np.asfortranarray(cell)) == pixels.content_seed(cell.copy())
    other = cell.copy()
    other[0, 0, 0] ^= 1
    assert len({seed, pixels.content_seed(other), pixels.content_seed(cell.reshape(20, 24, 3))}) == 3
    torch.Generator().manual_seed(seed)


def test_content_seed_is_the_same_on_every_machine():
    assert pixels.content_seed(np.zeros((8, 8, 3), np.uint8)) == 3580692163796981923


def test_image_files(tmp_path, cell):
    for name in ("b.PNG", "a.jpg", "sub/c.webp", "sub/.hidden.png", ".git/d.png", "notes.txt", "sub/e.tiff"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "folder.png").mkdir()
    found = image_files([str(tmp_path / "notes.txt"), tmp_path, tmp_path / "missing.png"])
    below = ["a.jpg", "b.PNG", "sub/c.webp", "sub/e.tiff"]
    assert found == [tmp_path / name for name in ("notes.txt", *below, "missing.png")]
    assert image_files(["x" * 5000, "nul\0"]) == [Path("x" * 5000), Path("nul\0")]


def test_image_files_of_a_hidden_folder_that_is_asked_for(tmp_path):
    folder = tmp_path / ".cache"
    folder.mkdir()
    (folder / "a.png").touch()
    assert image_files([folder]) == [folder / "a.png"]
