"""Uploads of many cells: archives that attack, bad files among good ones, limits and names."""

import stat
import zipfile
from pathlib import Path

import pytest

from jdm_core import CellImageError
from tests.support.many_cells import link, png, zipped
from web.many_cells import uploads
from web.many_cells.archives import Archive
from web.many_cells.uploads import Limits, list_items, list_uploads, read_item

ATTACKS = {
    "up": ("../../etc/cell.png", png(), "a path that leads out of its archive"),
    "absolute": ("/etc/cell.png", png(), "a path that leads out of its archive"),
    "backslashes": ("..\\..\\cell.png", png(), "a path that leads out of its archive"),
    "drive": ("C:\\cell.png", png(), "a path that leads out of its archive"),
    "link": (link("cell.png"), b"/etc/passwd", "a link, not an image"),
    "pipe": (link("cell.png", stat.S_IFIFO), b"", "not a regular file"),
    "nested": ("more.zip", b"PK\x03\x04", "an archive within an archive"),
    "nested in disguise": ("cell.png", b"PK\x03\x04" + bytes(50), "an archive within an archive"),
    "bomb": ("cell.bmp", b"BM" + bytes(2 * 2**20), "compressed more than 200 to 1"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_gets_its_reason_and_its_neighbour_is_read(attack, tmp_path):
    name, data, reason = ATTACKS[attack]
    items, total = list_items([zipped(tmp_path / "a.zip", (name, data), ("good.png", png()))], Limits())
    assert total == 2
    with pytest.raises(CellImageError) as caught:
        read_item(items[0])
    assert caught.value.reason == reason
    assert read_item(items[1]) == png()


def test_other_archives_that_are_refused(tmp_path):
    lzma = zipped(tmp_path / "lzma.zip", ("cell.png", png()), method=zipfile.ZIP_LZMA)
    secret = zipped(tmp_path / "secret.zip", ("cell.png", png()), method=zipfile.ZIP_STORED)
    data = Path(secret["path"]).read_bytes()
    at = data.index(b"PK\x01\x02") + 8
    Path(secret["path"]).write_bytes(data[:at] + b"\x01" + data[at + 1 :])
    broken = zipped(tmp_path / "broken.zip", ("cell.png", png()))
    Path(broken["path"]).write_bytes(Path(broken["path"]).read_bytes()[:60])
    empty = zipped(tmp_path / "empty.zip")
    gone = {"path": str(tmp_path / "gone.zip"), "orig_name": "gone.zip"}
    items, _ = list_items([lzma, secret, broken, empty, gone], Limits())
    assert [item.reason for item in items] == [
        "compressed in another way than deflate",
        "encrypted",
        "a damaged zip",
        "an empty zip",
        "no longer kept: upload it again",
    ]


def test_a_member_with_a_wrong_checksum_is_damaged(tmp_path):
    upload = zipped(tmp_path / "a.zip", ("cell.png", png()), method=zipfile.ZIP_STORED)
    data = bytearray(Path(upload["path"]).read_bytes())
    data[80] ^= 255
    Path(upload["path"]).write_bytes(data)
    (item,), _ = list_items([upload], Limits())
    with pytest.raises(CellImageError, match=r"cell\.png: damaged in its archive"):
        read_item(item)


def test_hidden_files_are_passed_over_and_limits_hold(tmp_path):
    hidden = [("__MACOSX/._a.png", b"x"), (".git/a.png", b"x"), ("cells/.a.png", b"x"), ("cells/", b"")]
    upload = zipped(tmp_path / "a.zip", *hidden, *((f"cells/{i}.png", png()) for i in range(5)))
    items, total = list_items([upload], Limits(images=3))
    assert ([item.name for item in items], total) == (["cells/0.png", "cells/1.png", "cells/2.png"], 5)
    items, _ = list_items([upload], Limits(unpacked_bytes=2 * len(png()) + 1))
    assert [bool(item.reason) for item in items] == [False, False, True, True, True]
    assert "MiB of a batch" in items[2].reason


def test_what_lies_beside_pictures_is_counted_and_no_failure(tmp_path):
    beside = [("Thumbs.db", b"x"), ("cells/notes.txt", b"x"), (".DS_Store", b"x"), ("list.CSV", b"x")]
    upload = zipped(tmp_path / "a.zip", *beside, ("a.png", png()), ("phone.heic", b"x"), ("paper.pdf", b"x"))
    (tmp_path / "readme.md").write_text("x")
    alone = {"path": str(tmp_path / "readme.md"), "orig_name": "readme.md"}
    items, total, others = list_uploads([upload, alone], Limits())
    assert [item.name for item in items] == ["a.png", "phone.heic", "paper.pdf"]  # whoever brings these is told
    assert (total, others) == (3, 4) and list_items([upload, alone], Limits()) == (items, 3)
    none = list_uploads([zipped(tmp_path / "b.zip", *beside), alone], Limits())
    assert none == ([], 0, 4)


def test_a_huge_directory_is_not_even_read(tmp_path, monkeypatch):
    upload = zipped(tmp_path / "a.zip", *((f"{i}.png", b"x") for i in range(50)))
    monkeypatch.setattr(uploads, "MAX_DIRECTORY_BYTES", 1000)
    monkeypatch.setattr(Archive, "entries", lambda self: pytest.fail("read"))
    (item,), _ = list_items([upload], Limits())
    assert item.reason == "a zip of too many files"


def test_a_member_whose_name_is_lost_gets_its_reason(tmp_path):
    upload = zipped(tmp_path / "a.zip", ("x.png", png()), ("good.png", png()))
    Path(upload["path"]).write_bytes(Path(upload["path"]).read_bytes().replace(b"x.png", b"\0.png"))
    lost, good = list_items([upload], Limits())[0]
    assert (lost.name, lost.reason) == ("�.png", "a path that leads out of its archive")
    assert read_item(good) == png()


def test_names_are_on_one_line_and_not_endless(tmp_path):
    items, _ = list_items([zipped(tmp_path / "a.zip", ("a\nb\u202e.png", b"x"), ("W" * 5000 + ".png", b"x"))], Limits())
    assert items[0].name == "a�b�.png"
    assert len(items[1].name) == 200 and items[1].name.endswith("W.png")
