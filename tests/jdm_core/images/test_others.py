"""Files that are not read: each is named, with the way to one that is; and what lies beside pictures in a folder."""

from pathlib import Path

import pytest

from jdm_core import CellImageError
from jdm_core.images.read import image_files, other_files, read_cell

OTHERS = {
    "phone.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), r"HEIC.*export it as JPEG.*Most Compatible"),
    "phone.jpg": (b"\0\0\0\x1cftypmif1\0\0\0\0" + bytes(200), r"HEIC.*export it as JPEG"),
    "web.avif": (b"\0\0\0\x20ftypavif" + bytes(200), r"AVIF.*PNG or JPEG"),
    "paper.pdf": (b"%PDF-1.7\n" + bytes(200), r"a PDF: save the picture in it"),
    "slides.pptx": (b"PK\x03\x04" + bytes(200), r"unpack it"),
    "stack.czi": (b"ZISRAWFILE" + bytes(200), r"own format: export it as TIFF"),
    "scan.dcm": (bytes(128) + b"DICM" + bytes(200), r"own format: export it as TIFF"),
    "list.txt": (b"cell 1, cell 2", r"not a PNG, JPEG, TIFF, WebP, BMP or GIF image"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_read_is_told_with_the_way_out(name, tmp_path):
    data, words = OTHERS[name]
    (tmp_path / name).write_bytes(data)
    for source in (tmp_path / name, data):
        with pytest.raises(CellImageError, match=words):
            read_cell(source, name)


def test_a_missing_path_is_a_sentence(tmp_path):
    with pytest.raises(CellImageError, match=r"gone\.png: there is no such file$"):
        read_cell(tmp_path / "gone.png")


def test_what_lies_beside_the_pictures_of_a_folder(tmp_path):
    for name in ("a.png", "Thumbs.db", "sub/notes.txt", "sub/b.JPG", ".DS_Store", ".git/config", "sub/.hidden.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = {path.relative_to(tmp_path).as_posix() for path in other_files(tmp_path)}
    assert named == {"Thumbs.db", "sub/notes.txt"}
    assert image_files([tmp_path]) == [tmp_path / "a.png", tmp_path / Path("sub/b.JPG")]
