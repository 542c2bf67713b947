"""Zips of an upload: the directory read once and no further than it is wanted, members as zipfile itself reads them."""

import io
import struct
import zipfile
from pathlib import Path

import pytest

from web.many_cells import uploads
from web.many_cells.uploads import Limits, list_items, read_item

MANY = 3000


def zipped(path: Path, members: dict, prefix: bytes = b"", comment: bytes = b"", **options) -> dict:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as archive:
        archive.comment = comment
        for name, data in members.items():
            archive.writestr(name, data)
    path.write_bytes(prefix + buffer.getvalue())
    return {"path": str(path), "orig_name": path.name}


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> dict:
    members = {f"cells/{number}.png": b"%d" % number for number in range(MANY)}
    return zipped(tmp_path_factory.mktemp("zips") / "many.zip", members)


@pytest.fixture
def parsed(monkeypatch) -> list[str]:
    """The names of all entries of directories that zipfile makes an object of."""
    names = []

    class Counted(zipfile.ZipInfo):
        __slots__ = ()

        def __init__(self, filename: str = "NoName", **options: object) -> None:
            names.append(filename)
            super().__init__(filename, **options)

    monkeypatch.setattr(zipfile, "ZipInfo", Counted)
    return names


def test_no_more_entries_are_parsed_than_are_listed(many, parsed):
    items, found = list_items([many], Limits(images=20))
    assert (len(items), found) == (20, MANY)
    assert len(parsed) <= 20


def test_a_zip_that_is_named_often_is_listed_once(many, parsed):
    limits = Limits(images=2 * MANY)
    items, _ = list_items([many], limits)
    once = len(parsed)
    again, found = list_items([many] * 20, limits)
    assert len(parsed) <= 2 * once
    assert again == items * 2 and found == 20 * MANY


def test_reading_a_member_parses_no_other(many, parsed):
    items, _ = list_items([many], Limits())
    parsed.clear()
    assert [read_item(item) for item in items[-3:]] == [b"497", b"498", b"499"]
    assert len(parsed) <= 6


def test_uploads_beyond_the_images_are_counted_and_not_opened(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"x")
    here = {"path": str(tmp_path / "a.png"), "orig_name": "a.png"}
    listed, real = [], uploads._list
    monkeypatch.setattr(uploads, "_list", lambda path, *rest: listed.append(path) or real(path, *rest))
    items, found = list_items(
        [here] * 3 + [{"path": f"{tmp_path}/{n}.png", "orig_name": ""} for n in range(9)], Limits(4)
    )
    assert ([item.name for item in items], found) == (["a.png"] * 3 + ["0.png"], 12)
    assert set(listed) == {here["path"], f"{tmp_path}/0.png"}


def test_the_directories_of_one_request_share_their_room(tmp_path, monkeypatch):
    first = zipped(tmp_path / "a.zip", {"a.png": b"a"})
    monkeypatch.setattr(uploads, "MAX_DIRECTORY_BYTES", 60)
    second = zipped(tmp_path / "b.zip", {"b.png": b"b"})
    broken = zipped(tmp_path / "c.zip", {"c.png": b"c"})
    data = Path(broken["path"]).read_bytes()
    Path(broken["path"]).write_bytes(data.replace(b"PK\x01\x02", b"PK\x01\x07"))
    reasons = [item.reason for item in list_items([first, first, second], Limits())[0]]
    assert reasons == ["", "", "a zip of too many files"]
    # A directory that turns out to be damaged was read all the same.
    reasons = [item.reason for item in list_items([broken, first], Limits())[0]]
    assert reasons == ["a damaged zip", "a zip of too many files"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": zipfile.ZIP_DEFLATED},
        {"prefix": b"PK\x03\x04 cut off" * 9},
        {"comment": b"of a microscope"},
        {"prefix": b"PK\x03\x04" * 7, "comment": b"PK" * 40, "compression": zipfile.ZIP_DEFLATED},
    ],
    ids=["stored", "deflated", "behind another", "with a comment", "all of it"],
)
def test_members_are_what_zipfile_reads(tmp_path, options):
    members = {"a.png": b"first" * 99, "Zelle ä.png": b"second", "leer.png": b"", "b/c\\d.png": bytes(5000)}
    upload = zipped(tmp_path / "a.zip", members, **options)
    items, _ = list_items([upload], Limits())
    with zipfile.ZipFile(upload["path"]) as archive:
        assert [item.name for item in items] == archive.namelist()
        assert [read_item(item) for item in items] == [archive.read(name) for name in archive.namelist()]


def test_members_of_large_sizes_and_unknown_ones_are_read(tmp_path):
    path = tmp_path / "a.zip"
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        with archive.open("large.png", "w", force_zip64=True) as member:
            member.write(b"with sizes of 64 bits")
        archive.writestr("b.png", b"plain")
    streamed = tmp_path / "b.zip"

    class Pipe(io.RawIOBase):  # without a way back: sizes come after the bytes
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:
            with streamed.open("ab") as file:
                return file.write(data)

    with zipfile.ZipFile(io.BufferedWriter(Pipe()), "w") as archive:
        archive.writestr("c.png", b"sent on the way")
    items, _ = list_items([{"path": str(path), "orig_name": ""}, {"path": str(streamed), "orig_name": ""}], Limits())
    assert [read_item(item) for item in items] == [b"with sizes of 64 bits", b"plain", b"sent on the way"]


def test_an_entry_cannot_send_zipfile_to_another_directory(tmp_path, parsed):
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        for number in range(200):
            archive.writestr(f"{number}.png", b"")
    other = inner.getvalue()[: -zipfile.sizeEndCentDir]
    size = len(other) - other.index(b"PK\x01\x02")
    record = struct.pack(zipfile.structEndArchive64, zipfile.stringEndArchive64, 44, 45, 45, 0, 0, 200, 200, size, 0)
    locator = struct.pack(zipfile.structEndArchive64Locator, zipfile.stringEndArchive64Locator, 0, 0, 1)
    hostile = zipfile.ZipInfo("hostile.png")
    hostile.extra = struct.pack("<HH", 0xCAFE, len(record + locator)) + record + locator
    upload = zipped(tmp_path / "a.zip", {"good.png": b"good", hostile: other, "last.png": b"last"})
    parsed.clear()
    items, _ = list_items([upload], Limits())
    assert [item.reason for item in items] == ["", "damaged in its archive", ""]
    assert [read_item(item) for item in items if not item.reason] == [b"good", b"last"]
    assert len(parsed) < 20
