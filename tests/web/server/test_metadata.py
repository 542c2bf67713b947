"""What is taken out of stored uploads, and what stays."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from time import process_time

import numpy as np
import pytest
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from jdm_core.images.parts import jpeg_segments
from jdm_core.images.read import read_cell
from tests.support import hostile
from web.server import metadata
from web.server.metadata import strip_metadata

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


def jpeg(seed: int, **options) -> bytes:
    """A picture whose secret is in its Exif and in what a program of its own wrote."""
    exif, buffer = Image.Exif(), BytesIO()
    exif[ExifTags.Base.ImageDescription] = SECRET
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, "JPEG", exif=exif, **options)
    made = b"\xff\xe5" + (2 + len(SECRET)).to_bytes(2, "big") + SECRET.encode()
    return buffer.getvalue()[:2] + made + buffer.getvalue()[2:]


def mpo() -> bytes:
    first, second = (Image.open(BytesIO(jpeg(seed))) for seed in (1, 2))
    buffer = BytesIO()
    first.save(buffer, "MPO", save_all=True, append_images=[second], exif=first.getexif())
    return buffer.getvalue()


PICTURES = {
    "two": jpeg(1) + jpeg(2),
    "mpo": mpo(),
    "progressive": jpeg(1, progressive=True),
    "restart markers": jpeg(1, restart_marker_blocks=1),
    "colours as Adobe writes them": jpeg(1, keep_rgb=True),
    "a maker's data": jpeg(1) + SECRET.encode() + b"\xff\xd9",
    "webp": picture("WEBP") + picture("WEBP"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_of_a_file_the_first_picture_alone_stays_bit_for_bit(tmp_path, name):
    path = tmp_path / "cell"
    path.write_bytes(PICTURES[name])
    before = read_cell(path)
    assert strip_metadata(path)
    data = path.read_bytes()
    assert SECRET.encode() not in data and data.count(b"\xff\xd8\xff") == (name != "webp")
    assert np.array_equal(read_cell(path), before)
    assert not strip_metadata(path)


def test_a_second_picture_goes_though_the_first_has_no_end(tmp_path):
    path = tmp_path / "cell"
    path.write_bytes(jpeg(1)[:-2] + jpeg(2))
    assert strip_metadata(path) and SECRET.encode() not in path.read_bytes()


def test_every_scan_of_a_progressive_picture_stays():
    whole = jpeg(1, progressive=True)
    scans, start = whole.count(b"\xff\xda"), whole.index(b"\xff\xdb")
    assert scans > 2 and b"".join(metadata._parts(whole)).endswith(whole[start:])


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


@pytest.mark.parametrize("name", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_is_to_be_turned_stays_so(tmp_path, name):
    path = tmp_path / "cell"
    path.write_bytes(picture(name, 6))
    before = read_cell(path)
    assert before.shape == (32, 24, 3)
    assert strip_metadata(path) and np.array_equal(read_cell(path), before)
    assert not strip_metadata(path)


@pytest.mark.parametrize(
    "data",
    [
        hostile.jpeg_fill_bytes(1_000_000),
        hostile.jpeg_fill_within(1_000_000),
        hostile.jpeg_segment_flood(),
        hostile.jpeg_exif_flood(),
        b"\xff\xd8\xff" + b"\xff\0" * 500_000,
        hostile.png_chunk_flood(),
        hostile.png_exif_of_shared_values(),
        hostile.webp_chunk_flood(),
        hostile.png_text_bombs(),
        b"\xff\xd8\xff\xe1" + (2**16 - 1).to_bytes(2, "big") + b"Exif\0\0" * 10_922,
    ],
    ids=range(10),
)
def test_a_hostile_file_takes_time_linear_in_it(tmp_path, data):
    path = tmp_path / "cell"
    path.write_bytes(data)
    start = process_time()
    strip_metadata(path)
    assert process_time() - start < 5  # a pattern that goes back over a megabyte takes hours


def test_fill_bytes_stand_in_nobodys_way(tmp_path):
    path = tmp_path / "cell"
    path.write_bytes(hostile.jpeg_fill_within(100_000))
    before = read_cell(path)
    assert strip_metadata(path) and path.stat().st_size < 2_000
    assert np.array_equal(read_cell(path), before)


def test_a_marker_at_the_edge_of_a_search_is_found():
    for count in range(2**20 - 3, 2**20 + 3):
        (first, *_, last) = jpeg_segments(b"\xff\xd8\xff\xda\0\2" + bytes(count) + b"\xff\xe5\0\2\xff\xd9")
        assert (first[0], last[0]) == (0xDA, 0xD9)


def test_nothing_is_left_of_a_file_that_cannot_be_written(tmp_path, monkeypatch):
    path = tmp_path / "cell"
    path.write_bytes(picture("JPEG"))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(metadata.os, "replace", full)
    with pytest.raises(OSError, match="No space"):
        strip_metadata(path)
    assert [file.name for file in tmp_path.iterdir()] == ["cell"]
