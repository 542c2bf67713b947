"""Cells cut from drawn fields: found, set on black, named, left out for a reason, neighbours in one part."""

import numpy as np
import pytest
from PIL import Image

from jdm_core.images.read import read_cell
from tests.support.toy_fields import BACKGROUND, NAMES, PARASITE, STAIN, disc, write_fields
from training.cli import main
from training.data.fields import Box, cut, cut_cell, cut_cells, find_cell, part_of, read_fields, stained
from training.data.members import DataError, list_members, slide_of


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    return write_fields(tmp_path_factory.mktemp("fields") / "iml", NAMES)


def test_cells_stand_on_black_and_what_is_no_cell_is_left_out(fields):
    field = read_fields(fields)[0]
    pixels = np.array(Image.open(field.path))
    found = dict(cut_cells(pixels, field.boxes))
    assert [type(found[i]) is str for i in range(7)] == [False, False, False, True, True, True, True]
    assert [found[i] for i in (3, 4, 5, 6)] == [
        "black marks",
        "of kind 'difficult'",
        "marked twice",
        "no whole cell found",
    ]
    for i in (0, 1, 2):
        height, width = found[i].shape[:2]
        assert 33 <= height <= 40
        assert 33 <= width <= 40
        black = (found[i] == 0).all(2)
        assert black[0, 0]
        assert 0.15 < black.mean() < 0.3  # what a disc leaves of its square: 1 - π/4
        assert not black[height // 2 - 5 : height // 2 + 5, width // 2 - 5 : width // 2 + 5].any()
    assert (np.abs(found[2].astype(int) - PARASITE).max(2) < 20).sum() > 20


@pytest.mark.parametrize("kinds", [("red blood cell", "ring"), ("ring", "red blood cell")])
def test_infected_mark_of_a_cell_outweighs_the_healthy_one(fields, kinds):
    pixels = np.array(Image.open(read_fields(fields)[0].path))
    cells = dict(cut_cells(pixels, [Box(kind, 92, 12, 36, 36) for kind in kinds]))
    assert cells[kinds.index("red blood cell")] == "marked twice"
    assert cells[kinds.index("ring")].shape[0] > 30


def test_touching_cells_part_between_them():
    foreground = np.zeros((60, 100), dtype=bool)
    rows, columns = np.mgrid[:60, :100] + 0.5
    for x in (30, 62):
        foreground |= (columns - x) ** 2 + (rows - 30) ** 2 < 18**2
    boxes = [Box("ring", 12, 12, 36, 36), Box("ring", 44, 12, 36, 36)]
    _, left, left_mask = find_cell(foreground, boxes, 0)
    _, right, right_mask = find_cell(foreground, boxes, 1)
    assert abs(left.stop - 46) <= 1
    assert abs(right.start - 46) <= 1
    assert abs(int(left_mask.sum()) - int(right_mask.sum())) < 40


def test_hole_is_filled_and_thin_piece_goes():
    foreground = np.zeros((60, 60), dtype=bool)
    rows, columns = np.mgrid[:60, :60] + 0.5
    away = (columns - 30) ** 2 + (rows - 30) ** 2
    foreground[(away < 18**2) & (away > 5**2)] = True
    foreground[29:31, 48:56] = True
    _, left, mask = find_cell(foreground, [Box("ring", 12, 12, 36, 36)], 0)
    assert mask[mask.shape[0] // 2, mask.shape[1] // 2]
    assert left.stop <= 50


def crescent(gap: float, radius: float = 24, rim: float = 6) -> np.ndarray:
    """A field (80, 80) bool: a rim round (40, 40), with a gap of so many pixels on the right."""
    rows, columns = np.mgrid[:80, :80] + 0.5 - 40
    away = np.hypot(rows, columns)
    return (away < radius) & (away > radius - rim) & ((columns < 0) | (abs(rows) > gap / 2))


@pytest.mark.parametrize("gap", [0, 6, 10, 26])
def test_a_pale_centre_belongs_to_its_cell_though_its_rim_has_a_gap(gap):
    rows, columns, mask = find_cell(crescent(gap), [Box("red blood cell", 16, 16, 48, 48)], 0)
    assert 44 <= mask.shape[0] <= 52 and 38 <= mask.shape[1] <= 52
    assert mask[40 - rows.start, 40 - columns.start]
    assert mask.sum() > 0.85 * np.pi * 24**2


def test_a_gap_of_a_rim_does_not_join_a_cell_to_its_neighbour():
    foreground = crescent(8)
    foreground[:, 66:] = True  # two pixels from the box
    _, columns, mask = find_cell(foreground, [Box("red blood cell", 16, 16, 48, 48)], 0)
    assert columns.stop <= 66 and mask.sum() < 1.1 * np.pi * 24**2


def test_the_cell_in_the_middle_of_a_wide_box_is_meant_and_a_piece_of_one_left_out():
    pixels = np.full((120, 120, 3), BACKGROUND, dtype=np.uint8)
    disc(pixels, 60, 60, 16, STAIN)
    disc(pixels, 104, 60, 26, STAIN)  # more of it lies in the box than of the other
    wide = [Box("normal", 14, 14, 92, 92)]
    foreground = stained(pixels)
    _, columns, _ = find_cell(foreground, wide, 0)
    assert (columns.start, columns.stop) == pytest.approx((44, 76), abs=2)
    assert cut_cell(pixels, foreground, wide, 0) == "too little of it found"
    assert cut_cell(pixels, foreground, wide, 0, least=0.08).shape[1] == columns.stop - columns.start


def test_pale_cell_beside_dark_ones_is_found():
    pixels = np.full((100, 200, 3), BACKGROUND, dtype=np.uint8)
    for x in (30, 80, 130):
        disc(pixels, x, 40, 20, (150, 20, 100))
    disc(pixels, 175, 40, 15, (210, 160, 200))
    assert stained(pixels)[40, 175]
    assert not stained(pixels)[90, 100]
    assert not stained(np.full((20, 20, 3), 200, dtype=np.uint8)).any()


def test_box_beyond_the_frame_is_clipped_or_left_out():
    foreground = np.ones((50, 50), dtype=bool)
    rows, columns, mask = find_cell(foreground, [Box("ring", -5, 10, 30, 30)], 0)
    assert columns.start == 0
    assert mask.shape == (rows.stop - rows.start, columns.stop)
    assert find_cell(foreground, [Box("ring", 45, 10, 30, 30)], 0) is None
    assert find_cell(foreground, [Box("ring", 60, 10, 30, 30)], 0) is None


def test_neighbouring_fields_share_a_part_and_the_share_is_kept():
    assert len({part_of(f"PA17169{unit}.JPG", 0.5) for unit in range(10)}) == 1
    parts = [part_of(f"PA{group}0.JPG", 0.3) for group in range(2000)]
    assert 0.26 < parts.count("test") / 2000 < 0.34
    assert {part_of("a.png", 0.0), part_of("b.png", 1.0)} == {"adapt", "test"}


def test_cut_writes_the_nih_layout(fields, tmp_path, capsys):
    out = tmp_path / "cut"
    assert main(["cut", "--fields", str(fields), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "left out, of kind 'difficult': 12" in said
    assert "left out, marked twice: 12" in said
    labels = ("Parasitized", "Uninfected")
    slides = {}
    for part in ("adapt", "test"):
        found = list_members(out / part, labels)
        slides[part] = {slide_of(name) for name, _ in found}
        assert sum(label == 0 for _, label in found) * 2 == sum(label == 1 for _, label in found)
        assert all(("ring" in name) == (label == 0) for name, label in found)
        assert min(min(read_cell(out / part / name).shape[:2]) for name, _ in found) >= 33
    assert slides["adapt"] | slides["test"] == {name.removesuffix(".png") for name in NAMES}
    assert not {slide[:-1] for slide in slides["adapt"]} & {slide[:-1] for slide in slides["test"]}

    assert main(["cut", "--fields", str(fields), "--out", str(out)]) == 1
    assert "not empty" in capsys.readouterr().err


def test_what_cannot_be_cut_is_said(fields, tmp_path):
    with pytest.raises(DataError, match=r"annotations\.json: No such file"):
        read_fields(tmp_path)
    (tmp_path / "annotations.json").write_text('[{"image_name": "a.png"}]')
    with pytest.raises(DataError, match="not annotations of fields"):
        read_fields(tmp_path)
    (tmp_path / "annotations.json").write_text('[{"image_name": "a.png", "objects": []}]')
    with pytest.raises(DataError, match=r"a\.png: no such file, though annotations\.json names it"):
        read_fields(tmp_path)
    (tmp_path / "fields").mkdir()
    (tmp_path / "fields/a.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"a\.png: unreadable"):
        cut(tmp_path, tmp_path / "out", 0.5)
    Image.new("RGB", (50, 50)).save(tmp_path / "fields/a.png")
    with pytest.raises(DataError, match="no cell found in any box"):
        cut(tmp_path, tmp_path / "out", 0.5)


def test_what_cannot_be_read_leaves_no_half_a_cut(tmp_path):
    folder, out = write_fields(tmp_path / "iml", NAMES[:4]), tmp_path / "cut"
    (folder / "fields" / NAMES[3]).write_bytes(b"no image")
    out.mkdir()
    with pytest.raises(DataError, match="unreadable"):
        cut(folder, out, 0.5)
    assert [path.name for path in tmp_path.iterdir() if path != folder] == ["cut"] and not any(out.iterdir())
