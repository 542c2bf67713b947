"""What reading a hostile picture costs, what a large one takes, and whose fault an error is said to be."""

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from jdm_core.images import limits
from jdm_core.images.announced import announced
from jdm_core.images.read import read_cell
from jdm_core.images.refused import CellImageError
from tests.support import hostile

ROOT = Path(__file__).resolve().parents[3]
MIB = 2**20
# In a process of its own, which has imported all that it needs: what the file costs, and no more.
MEASURE = """
import json, resource, sys
from jdm_core.images.read import read_cell
from jdm_core.images.refused import CellImageError
def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
data = sys.stdin.buffer.read()
(seconds, peak), reason = used(), ""
try:
    read_cell(data)
except CellImageError as error:
    reason = error.reason
after = used()
print(json.dumps([reason, after[0] - seconds, after[1] - peak, sorted({"torch", "gradio"} & set(sys.modules))]))
"""


def cost(data: bytes) -> tuple[str, float, float]:
    """The reason of the refusal or "", seconds of the processor, and MiB that memory grew by."""
    done = subprocess.run([sys.executable, "-c", MEASURE], input=data, cwd=ROOT, capture_output=True, check=True)
    reason, seconds, grown, heavy = json.loads(done.stdout)
    assert heavy == [] and done.stderr == b""
    return reason, seconds, grown / MIB


@pytest.mark.parametrize("name", hostile.PICTURES)
def test_a_hostile_picture_is_refused_at_little_cost(name):
    reason, seconds, grown = cost(hostile.PICTURES[name]())
    assert reason.isprintable() and reason
    assert seconds < 3 and grown < 32


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile.HONEST_BUT_LARGE)
def test_a_large_picture_does_not_multiply(name):
    data = hostile.HONEST_BUT_LARGE[name]()
    said = announced(data, name)
    reason, seconds, grown = cost(data)
    assert reason == "" and seconds < 10
    assert grown < 32 + 3 * 3 * said.width * said.height / MIB


@pytest.mark.parametrize("side", [5_000, 40_000, 2**31 - 1])
@pytest.mark.parametrize("compression", [1, 5, 8])
def test_tiles_that_dwarf_their_picture(side, compression):
    with pytest.raises(CellImageError, match="tiles much larger"):
        read_cell(hostile.tiff_huge_tiles(side, compression))


def test_a_second_width_of_a_tile_is_not_overlooked():
    """Decoders differ in which one they take."""
    data = hostile.tiff_huge_tiles()
    at = data.index(b"\x42\x01\4\0")  # its width becomes a second length
    with pytest.raises(CellImageError, match="damaged"):
        read_cell(data[:at] + b"\x43\x01" + data[at + 2 :])


def test_ordinary_tiles_and_ordinary_scans_are_read():
    pixels = bytes(range(256)) * 256
    tiled = {"tag_322": (4, 1, 256), "tag_323": (4, 1, 256), "tag_324": (4, 1, 8), "tag_325": (4, 1, len(pixels))}
    assert read_cell(hostile.tiff(hostile.tiff_entries(100, 80, tag_259=(3, 1, 1), **tiled), pixels)).shape[0] == 80
    assert read_cell(hostile.jpeg_many_scans(20, 640)).shape == (640, 640, 3)
    with pytest.raises(CellImageError, match=r"in \d+ scans"):
        read_cell(hostile.jpeg_many_scans(limits.MAX_SCANS, 64))
    assert read_cell(hostile.bmp_rle(64, 64)).shape == (64, 64, 3)


def stuffed(kind: str) -> bytes:
    """A picture with a profile, words, Exif that is no orientation and a comment, as far as its format has them."""
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    words, buffer = PngInfo(), BytesIO()
    words.add_text("Comment", "words" * 100, zip=True)
    exif = Image.Exif()
    exif[0x010E] = "words"
    options = {"pnginfo": words} if kind == "PNG" else {"comment": b"words"} if kind in ("JPEG", "GIF") else {}
    options |= {"lossless": True, "xmp": b"<x/>"} if kind == "WEBP" else {}
    options |= {"icc_profile": b"profile" * 100, "exif": exif} if kind != "GIF" else {}
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF"])
def test_what_stands_beside_the_pixels_changes_none(kind):
    data = stuffed(kind)
    kept = announced(data, "cell").data
    assert kind == "TIFF" or (b"words" not in kept and b"profile" not in kept)
    with Image.open(BytesIO(data)) as image:
        np.testing.assert_array_equal(read_cell(data), image.convert("RGB"))


def test_an_old_program_may_say_in_words_which_side_is_up():
    exif, words, buffer = Image.Exif(), PngInfo(), BytesIO()
    exif[0x0112] = 6
    lines = f"\nexif\n{len(exif.tobytes()):8}\n{exif.tobytes().hex()}\n"
    words.add_text("Raw profile type exif", lines, zip=True)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=words)
    np.testing.assert_array_equal(read_cell(buffer.getvalue()), np.rot90(pixels, -1))


def test_sixteen_bits_in_strips_are_the_same_as_at_once():
    height, width = 1200, 2000  # more than one strip
    values = np.random.default_rng(0).integers(0, 2**16, (height, width), np.uint16)
    rows = np.insert(values.astype(">u2").view(np.uint8).reshape(height, -1), 0, 0, axis=1)
    expected = (values.astype(np.float64) * (255 / 65535)).round().astype(np.uint8)
    pixels = read_cell(hostile.png(width, height, 16, 0, rows.tobytes()))
    np.testing.assert_array_equal(pixels, np.repeat(expected[:, :, None], 3, axis=2))


@pytest.mark.parametrize("name", ["jpeg_fill_bytes", "tiff_huge_tiles", "bmp_huge"])
def test_an_error_that_is_kept_holds_nothing_of_its_picture(name, tmp_path):
    path = tmp_path / "cell"
    path.write_bytes(hostile.PICTURES[name]())
    with pytest.raises(CellImageError) as caught:
        read_cell(path)
    assert caught.value.__cause__ is None and caught.value.__context__ is None
    frames, traceback = [], caught.value.__traceback__
    while traceback is not None:
        frames.append(traceback.tb_frame)
        traceback = traceback.tb_next
    assert [frame.f_code.co_name for frame in frames[1:]] == ["read_cell"]
    assert not any(isinstance(value, bytes | np.ndarray | Image.Image) for value in frames[1].f_locals.values())


def test_a_fault_of_ours_is_not_told_as_one_of_the_picture(monkeypatch):
    def wrong(*_: object) -> None:
        raise TypeError("ours")

    monkeypatch.setattr("jdm_core.images.read._upright", wrong)
    with pytest.raises(TypeError, match="ours"):
        read_cell(hostile.jpeg_fill_within(1))
