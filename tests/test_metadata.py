"""What is taken out of stored uploads, and what stays."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from jdm_core.cells import read_cell
from web.metadata import strip_metadata

SECRET = "Ward-7-Smith"


def picture(format_: str, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.ImageDescription], exif[ExifTags.Base.Orientation] = SECRET, orientation
    words = PngInfo()
    words.add_text("Comment", SECRET)
    words.add_itxt("XML:com.adobe.xmp", SECRET)
    pixels = np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)
    options = {"pnginfo": words} if format_ == "PNG" else {"xmp": SECRET.encode(), "quality": 90}
    if format_ == "JPEG":
        options["comment"] = SECRET
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format_, exif=exif, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("format_", "orientation"), [("PNG", 1), ("JPEG", 1), ("JPEG", 6), ("WEBP", 1), ("WEBP", 6)])
def test_words_go_and_the_cell_stays_as_it_was(tmp_path, format_, orientation):
    path = tmp_path / "cell"
    path.write_bytes(picture(format_, orientation))
    assert SECRET.encode() in path.read_bytes()
    before = read_cell(path)
    assert strip_metadata(path)
    assert SECRET.encode() not in path.read_bytes()
    assert np.array_equal(read_cell(path), before)
    assert not strip_metadata(path) or orientation != 1
    assert [file.name for file in tmp_path.iterdir()] == ["cell"]


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe1\xff", b"RIFF", b"PK\3\4", b"<svg/>"])
def test_what_is_no_such_picture_stays_as_it_is(tmp_path, data):
    path = tmp_path / "cell"
    path.write_bytes(data)
    assert not strip_metadata(path) and path.read_bytes() == data


def test_the_same_picture_may_arrive_many_times_at_once(tmp_path):
    path, data = tmp_path / "cell", picture("JPEG")
    path.write_bytes(data)

    def arrive(_: int) -> None:
        path.write_bytes(data)
        strip_metadata(path)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(arrive, range(64)))
    assert [file.name for file in tmp_path.iterdir()] == ["cell"]
