"""The cell in an upload: on black as in training, on all kinds of bright background, among others, or not there."""

import io
import json
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from jdm_core.cli import main
from jdm_core.images.find import find_cell, prepare, reduced
from jdm_core.images.pixels import to_tensor
from jdm_core.images.read import read_cell
from jdm_core.report.report import found_fields
from jdm_core.report.words import found_note
from tests.support.one_cell import explain_quickly

EXAMPLES = sorted((Path(__file__).resolve().parents[3] / "web/examples").glob("*-*.png"))
SIDE = 90  # pixels of a cell within a field


def background(height: int, width: int, kind: str = "even") -> np.ndarray:
    """A bright field (H, W, 3) float with a camera's noise."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    shade = {"even": 1 + 0 * x, "slope": 0.75 + 0.3 * x, "corners": 1.05 - 0.5 * ((x - 0.5) ** 2 + (y - 0.5) ** 2)}
    colour = np.array([226, 232, 224]) if kind != "slope" else np.array([232, 222, 228])
    noise = np.random.default_rng(0).normal(0, 2, (height, width, 1))
    return shade[kind][:, :, None] * colour + noise


def example(number: int, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """A generated cell (side, side, 3) float and its mask."""
    pixels = np.asarray(Image.open(EXAMPLES[number]).convert("RGB").resize((side, side), Image.Resampling.LANCZOS))
    mask = ndimage.binary_fill_holes(ndimage.binary_opening(pixels.max(axis=2) > 60, iterations=2))
    return pixels.astype(float), mask


def laid(field: np.ndarray, number: int, top: int, left: int) -> np.ndarray:
    """Lays a cell on a field, parts outside it cut off; the cell's mask in the field (H, W) bool."""
    pixels, mask = example(number)
    rows, columns = (np.arange(SIDE) + start for start in (top, left))
    inside_rows, inside_columns = ((at >= 0) & (at < n) for at, n in zip((rows, columns), field.shape, strict=False))
    window = np.ix_(rows[inside_rows], columns[inside_columns])
    part = np.ix_(inside_rows, inside_columns)
    edge = ndimage.gaussian_filter(mask.astype(float), 0.7)[part][:, :, None]
    field[window] = field[window] * (1 - edge) + pixels[part] * edge
    whole = np.zeros(field.shape[:2], bool)
    whole[window] = mask[part]
    return whole


def picture(field: np.ndarray) -> np.ndarray:
    return field.clip(0, 255).round().astype(np.uint8)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def jpeg(pixels: np.ndarray, quality: int = 60) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


# On black


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_cell_on_black_is_given_back_bit_for_bit(path):
    pixels = read_cell(path)
    finding = find_cell(pixels)
    assert (finding.status, finding.count) == ("as given", 1)
    assert finding.cell is pixels
    np.testing.assert_array_equal(finding.cell, read_cell(path))
    assert 0.5 < finding.outline.mean() < 0.95


def test_lossy_black_is_black():
    pixels = read_cell(EXAMPLES[0])
    assert prepare(jpeg(pixels, 20)).status == "as given"


def test_real_cells_are_never_touched(real_cells):
    if real_cells is None:
        pytest.skip("no real cells at hand (PLASMOLENS_DATA)")
    for path, _ in real_cells:
        finding = prepare(path)
        assert finding.status == "as given"
        np.testing.assert_array_equal(finding.cell, read_cell(path))


def test_finding_can_be_left_out():
    field = picture(background(120, 120))
    finding = prepare(field, find=False)
    assert finding.status == "as given"
    np.testing.assert_array_equal(finding.cell, field)


# One cell on a bright background


@pytest.mark.parametrize("kind", ["even", "slope", "corners"])
@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_a_cell_is_found_and_put_on_black(number, kind):
    field = background(150, 140, kind)
    mask = laid(field, number, 25, 30)
    pixels = picture(field)
    finding = find_cell(pixels)
    assert (finding.status, finding.count) == ("cut out", 1)
    assert overlap(finding.outline, mask) > 0.9
    rows, columns = (np.flatnonzero(finding.outline.any(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    assert finding.cell.dtype == np.uint8
    np.testing.assert_array_equal(finding.cell[1:-1, 1:-1], pixels[box] * finding.outline[box][:, :, None])
    frame = np.concatenate([finding.cell[[0, -1]].reshape(-1, 3), finding.cell[:, [0, -1]].reshape(-1, 3)])
    assert not frame.any()


def test_what_was_cut_out_is_as_given_when_it_comes_back():
    field = background(130, 130)
    laid(field, 2, 20, 20)
    cell = find_cell(picture(field)).cell
    again = find_cell(cell)
    assert again.status == "as given" and again.cell is cell


@pytest.mark.parametrize("quality", [25, 60, 90])
def test_jpeg_and_gray_pictures(quality):
    field = background(150, 150, "corners")
    mask = laid(field, 0, 30, 30)
    assert overlap(prepare(jpeg(picture(field), quality)).outline, mask) > 0.9
    gray = Image.fromarray(picture(field)).convert("L")
    assert overlap(prepare(gray).outline, mask) > 0.9


def test_a_large_upload_keeps_its_resolution():
    field = background(150, 140)
    mask = laid(field, 1, 25, 30)
    pixels = np.repeat(np.repeat(picture(field), 6, axis=0), 6, axis=1)
    finding = find_cell(pixels)
    assert finding.outline.shape == (900, 840)
    assert overlap(finding.outline, np.repeat(np.repeat(mask, 6, axis=0), 6, axis=1)) > 0.9
    assert min(finding.cell.shape[:2]) > 450


@pytest.mark.parametrize("side", [150, 1024])
def test_a_cell_that_is_no_larger_is_not_reduced(side):
    field = background(150, 140)
    laid(field, 0, 25, 30)
    finding = find_cell(picture(field))
    same = reduced(finding, side)
    assert same.cell is finding.cell and same.outline is finding.outline and same == finding


def test_a_reduced_cell_is_the_same_cell_with_fewer_pixels():
    field = np.kron(background(150, 140), np.ones((8, 8, 1)))
    disc(field, 600, 560, 400, (205, 150, 160))
    finding = find_cell(picture(field))
    less = reduced(finding, 400)
    assert finding.status == less.status == "cut out" and less.reduced_from == finding.cell.shape[:2]
    assert max(less.cell.shape[:2]) == 400 and less.outline.shape == (400, 373)
    assert less.outline.mean() == pytest.approx(finding.outline.mean(), abs=0.01)
    assert prepare(less.cell).status == "as given"
    views = (to_tensor([found.cell], 64) for found in (finding, less))
    assert (next(views) - next(views)).abs().mean() < 0.02
    fields = found_fields(less, True)
    height, width = finding.cell.shape[:2]
    assert fields.pop("reduced_from") == {"height": height, "width": width}
    assert fields == found_fields(finding, True)


def test_the_longest_picture_stays_one_that_is_read_when_reduced():
    for height in range(1000, 1010):
        cell = reduced(prepare(np.zeros((height, 2 * height, 3), np.uint8)), 99).cell
        assert prepare(cell).cell.shape == cell.shape


def disc(field: np.ndarray, y: float, x: float, radius: float, colour: tuple[int, ...], stretch: float = 1) -> None:
    height, width = field.shape[:2]
    top, left = max(0, int(y - stretch * radius)), max(0, int(x - radius))
    below, right = max(top, min(height, int(y + stretch * radius) + 2)), max(left, min(width, int(x + radius) + 2))
    rows, columns = np.mgrid[top:below, left:right]
    inside = ((rows - y) / stretch) ** 2 + (columns - x) ** 2 < radius**2
    field[rows[inside], columns[inside]] = colour


def test_a_pale_cell_beside_deep_stains_and_a_scale_bar():
    field = background(140, 140)
    disc(field, 70, 70, 35, (204, 205, 208))
    disc(field, 5, 5, 30, (120, 30, 120))
    disc(field, 135, 130, 30, (120, 30, 120))
    field[128:131, 10:60] = 0
    finding = find_cell(picture(field))
    assert finding.status == "cut out" and finding.outline[70, 70] and not finding.outline[5, 5]
    assert abs(finding.outline.sum() / (np.pi * 35**2) - 1) < 0.1


def test_parasite_and_pale_centre_belong_to_the_cell():
    field = background(140, 140)
    disc(field, 70, 70, 40, (190, 130, 150))
    disc(field, 70, 66, 14, (225, 231, 223))
    disc(field, 52, 90, 6, (70, 20, 90))
    finding = find_cell(picture(field))
    assert finding.status == "cut out" and finding.outline[70, 66] and finding.outline[52, 90]
    assert abs(finding.outline.sum() / (np.pi * 40**2) - 1) < 0.1


@pytest.mark.parametrize("gap", [0, 8, 14])
def test_a_pale_centre_belongs_to_the_cell_though_its_rim_has_a_gap(gap):
    rows, columns = np.mgrid[:130, :130] + 0.5 - 65
    away = np.hypot(rows, columns)
    field = background(130, 130)
    field[(away < 45) & (away > 33) & ((columns < 0) | (abs(rows) > gap / 2))] = (200, 130, 160)
    found = find_cell(field.clip(0, 255).astype(np.uint8))
    assert found.status == "cut out"
    assert found.outline[65, 65] and found.outline.sum() == pytest.approx(np.pi * 45**2, rel=0.1)


def test_an_elongated_cell_is_padded_to_what_is_read():
    field = background(160, 100)
    disc(field, 80, 50, 15, (170, 90, 130), stretch=4)
    finding = find_cell(picture(field))
    height, width = finding.cell.shape[:2]
    assert finding.status == "cut out" and height > 2 * 40 and height <= 2 * width
    np.testing.assert_array_equal(read_cell(finding.cell), finding.cell)


# Among others


def test_the_central_cell_is_meant_among_neighbours_at_the_border():
    field = background(150, 150)
    for number, (top, left) in enumerate([(-50, -30), (-20, 110), (115, 0), (110, 105)]):
        laid(field, number, top, left)
    mask = laid(field, 4, 32, 28)
    finding = find_cell(picture(field))
    assert finding.status == "cut out" and finding.count > 3
    assert overlap(finding.outline, mask) > 0.9
    assert f"{finding.count}" in found_note(finding, cell=True)


def test_a_large_central_cell_is_meant_though_a_small_one_is_whole():
    field = background(150, 150)
    mask = laid(field, 4, 32, 28)
    disc(field, 20, 130, 16, (190, 120, 150))
    finding = find_cell(picture(field))
    assert (finding.status, finding.count) == ("cut out", 2)
    assert overlap(finding.outline, mask) > 0.9


def test_cells_that_touch_are_parted():
    field = background(150, 150)
    disc(field, 75, 75, 36, (190, 120, 150))
    disc(field, 75, 141, 34, (190, 120, 150))
    disc(field, 12, 66, 30, (190, 120, 150))
    finding = find_cell(picture(field))
    assert finding.status == "cut out" and finding.count == 3
    assert abs(finding.outline.sum() / (np.pi * 36**2) - 1) < 0.1


def test_a_field_of_cells_is_several():
    field = background(330, 330)
    for number in range(9):
        laid(field, number % len(EXAMPLES), 12 + 108 * (number // 3), 12 + 108 * (number % 3))
    pixels = picture(field)
    finding = find_cell(pixels)
    assert (finding.status, finding.count) == ("several", 9)
    assert finding.cell is pixels and "9 cells" in found_note(finding, cell=True)
    assert finding.outline.shape == (330, 330) and 0.3 < finding.outline.mean() < 0.8


@pytest.mark.slow
def test_a_large_field_of_small_cells_is_several():
    field = background(900, 1200, "corners")
    rng = np.random.default_rng(0)
    for row in range(15):
        for column in range(20):
            y, x = (30 + 60 * at + rng.uniform(-3, 3) for at in (row, column))
            disc(field, y, x, rng.uniform(18, 21), (200, 140, 160))
    finding = find_cell(picture(field))
    assert finding.status == "several" and finding.count == 300


def test_two_cells_side_by_side_are_several():
    field = background(120, 220)
    laid(field, 0, 15, 10)
    laid(field, 1, 15, 120)
    assert find_cell(picture(field)).status == "several"


# Not there


@pytest.mark.parametrize("kind", ["even", "slope", "corners"])
def test_an_empty_field_is_none(kind):
    pixels = picture(background(120, 140, kind))
    finding = find_cell(pixels)
    assert finding.status == "none" and finding.cell is pixels and "No whole cell" in found_note(finding, cell=True)


@pytest.mark.parametrize("colour", [(255, 255, 255), (200, 120, 150), (33, 33, 33)])
def test_one_colour_is_none(colour):
    assert find_cell(np.full((60, 50, 3), colour, np.uint8)).status == "none"


@pytest.mark.parametrize("side", [8, 9, 64])
def test_noise_ends_with_a_picture(side):
    rng = np.random.default_rng(side)
    for low in (0, 200):
        pixels = rng.integers(low, 256, (side, 2 * side, 3), dtype=np.uint8)
        finding = find_cell(pixels)
        assert finding.outline.shape == (side, 2 * side)
        read_cell(finding.cell)


def test_forty_million_pixels_of_noise_take_a_few_seconds():
    pixels = np.random.default_rng(0).integers(0, 256, (6324, 6324, 3), dtype=np.uint8)
    start = time.process_time()
    assert find_cell(pixels).cell is pixels
    assert time.process_time() - start < 5


# Where it is used


@pytest.fixture
def upload(tmp_path) -> Path:
    """The file of a cell on a bright background."""
    field = background(150, 150)
    laid(field, 0, 25, 30)
    path = tmp_path / "upload.png"
    Image.fromarray(picture(field)).save(path)
    return path


def test_the_explainer_finds_cells_in_files_and_takes_arrays_as_they_are(explainer, upload):
    found = prepare(upload)
    expected = explainer.predict(found.cell).probabilities
    np.testing.assert_array_equal(explainer.predict(upload).probabilities, expected)
    np.testing.assert_array_equal(explainer.predict(Image.open(upload)).probabilities, expected)
    np.testing.assert_array_equal(explainer.model_view(upload), explainer.model_view(found.cell))
    whole = explainer.predict(read_cell(upload)).probabilities
    assert not np.array_equal(whole, expected)


def test_what_was_found_is_called_a_cell_only_where_it_looks_like_one(upload):
    finding = prepare(upload)
    note = found_note(finding, cell=True)
    assert found_fields(finding, cell=True)["found_note"] == note and note.startswith("One cell")
    assert "cell" not in found_fields(finding, cell=False)["found_note"].lower()
    assert found_fields(find_cell(finding.cell), cell=False) == {"found": "as given"}


@pytest.mark.slow
def test_the_command_line_says_what_was_found(upload, capsys):
    arguments = ["predict", str(upload), str(EXAMPLES[0]), "--json", "--draws", "3"]
    assert main(arguments) == 0
    found, given = map(json.loads, capsys.readouterr().out.splitlines())
    assert found["found"] == "cut out" and "put on black" in found["found_note"]
    assert given["found"] == "as given" and "found_note" not in given
    assert main([*arguments, "--as-given"]) == 0
    whole, same = map(json.loads, capsys.readouterr().out.splitlines())
    assert whole["found"] == "as given" and whole["probabilities"] != found["probabilities"]
    assert same == given


@pytest.mark.slow
def test_explain_is_done_again_when_finding_is_switched_off(upload, tmp_path, monkeypatch):
    explain_quickly(monkeypatch.setattr)
    arguments = ["explain", str(upload), "--out", str(tmp_path / "out"), "--draws", "3"]
    report = tmp_path / "out" / "upload.json"
    for extra, status in (([], "cut out"), (["--as-given"], "as given")):
        assert main([*arguments, *extra]) == 0
        assert json.loads(report.read_text())["found"] == status
    assert ",found," in (tmp_path / "out" / "index.csv").read_text()
