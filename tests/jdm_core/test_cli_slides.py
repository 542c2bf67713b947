"""Slide scans: cut into other tiles, the same scan gives the same cells, each once; memory stays flat."""

import json
from dataclasses import astuple

import numpy as np
import pytest

from jdm_core import CellImageError
from jdm_core.cli.field import Task
from jdm_core.cli.slides import CORE, MARGIN, Merged, Tile, _opened, cut, is_slide, read_tile, slide_told, tiles_of
from jdm_core.cli.smears import write_tables
from tests.jdm_core.test_cli_field import rows
from tests.support.synthetic_fields import EXAMPLES, GROUND, paste

pytestmark = pytest.mark.cluster
TASK = Task(draws=3, seed=0, colours="as given", red_cells_per_ul=5e6)
SEAMS = 256, 300  # cores of the tiles
DIAMETER = 84


@pytest.fixture(scope="module", autouse=True)
def tiffslide():
    """Not imported where nothing here is run."""
    pytest.importorskip("tiffslide")


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """A pyramid of 640 x 900 pixels as OME-TIFF, in which cells lie on every seam of both cuts."""
    import tifffile

    pixels = np.full((640, 900, 3), GROUND, float)
    for number, (x, y) in enumerate((x, y) for y in range(20, 640, 107) for x in range(20, 900, 107)):
        paste(pixels, EXAMPLES[number % len(EXAMPLES)], x, y, DIAMETER, number % 4)
    pixels = (pixels + np.random.default_rng(0).normal(0, 2, pixels.shape)).clip(0, 255).astype(np.uint8)
    path = tmp_path_factory.mktemp("scan") / "scan.ome.tif"
    with tifffile.TiffWriter(path, ome=True) as file:
        options = {"tile": (256, 256), "photometric": "rgb"}
        file.write(pixels, subifds=1, **options)
        file.write(pixels[::2, ::2], subfiletype=1, **options)
    return str(path)


def read_all(explainer, scan, core, folder):
    tiles = tiles_of(scan, core)
    for tile in tiles:
        read_tile(explainer, scan, tile, folder, "smear", TASK)
    return [folder / f"{tile.name}.json" for tile in tiles]


@pytest.fixture(scope="module")
def cuts(explainer, scan, tmp_path_factory):
    """The tiles' files of the scan in one piece, and cut in two other ways."""
    return {core: read_all(explainer, scan, core, tmp_path_factory.mktemp(f"cut{core}")) for core in (2048, *SEAMS)}


def middles(cells):
    return np.array([(cell["x"] + cell["w"] / 2, cell["y"] + cell["h"] / 2) for cell in cells])


@pytest.mark.parametrize("core", SEAMS)
def test_other_tiles_give_the_same_cells(cuts, core):
    assert len(cuts[2048]) == 1 and len(cuts[core]) >= 6
    whole, parts = (
        [cell for cell in Merged(paths).cells() if cell["status"] == "read"] for paths in (cuts[2048], cuts[core])
    )
    seams = {int(path.stem[1:].split("_")[0]) for path in cuts[core]} - {0}
    at_seams = sum(min(abs(x - seam) for seam in seams) < DIAMETER / 2 for x, _ in middles(whole))
    assert len(whole) > 20 and at_seams > 5
    apart = np.hypot(*(middles(whole)[:, None] - middles(parts)[None]).transpose(2, 0, 1))
    assert len(parts) == len(whole)
    assert (apart.min(axis=0) < 4).all() and (apart.min(axis=1) < 4).all()  # each has its own, and none has two
    assert len(set(apart.argmin(axis=0))) == len(whole)


def test_a_cell_on_a_seam_that_both_tiles_tell_of_is_told_once(tmp_path):
    """Its middle lies a pixel to either side of the seam, as each tile finds it; another lies further in."""

    def file(tile, *cells):
        told = [
            {"x": x - 40, "y": y - 40, "w": 80, "h": 80, "status": "read", "suspicious": False, "kind": "familiar"}
            | {"rank": 1, "suspicion": s, "cell": i}
            for i, (x, y, s) in enumerate(cells)
        ]
        record = {"cells": told, "features": told, "tile": astuple(tile), "trouble": "", "seconds": 1.0}
        path = tmp_path / f"{tile.name}.json"
        path.write_text(json.dumps(record))
        return path

    left, right = Tile(0, 0, 256, 256), Tile(256, 0, 256, 256)
    paths = [
        file(left, (100, 100, -1.0), (255, 60, 0.5), (255, 200, 2.0)),
        file(right, (257, 61, 0.4), (300, 100, 3.0), (258, 120, 1.0)),
    ]
    merged = Merged(paths)
    cells = list(merged.cells())
    assert [(cell["x"] + 40, cell["y"] + 40) for cell in cells] == [
        (100, 100),
        (255, 60),
        (255, 200),
        (300, 100),
        (258, 120),
    ]
    assert [cell["rank"] for cell in cells] == [5, 4, 2, 1, 3] and [cell["cell"] for cell in cells] == list(range(5))
    assert merged.totals.read == len(list(merged.features())) == 5


def test_a_tile_owns_what_has_its_middle_in_it():
    tile, boxes = Tile(256, 0, 256, 128), np.array([[240, 20, 40, 40], [200, 20, 80, 80], [500, 0, 40, 40]], float)
    assert tile.owns(boxes).tolist() == [True, False, False]
    assert MARGIN > DIAMETER  # so that what has its middle in a tile lies whole in what is read for it


def test_a_scans_tables_and_geojson_hold_every_cell(cuts, tmp_path):
    told = slide_told("a/scan.ome.tif", tmp_path / "scan", "smear", cuts[SEAMS[0]], 0, tmp_path)
    write_tables([told], tmp_path)
    (field,), cells = rows(tmp_path / "fields.csv"), rows(tmp_path / "cells.csv")
    features = json.loads((tmp_path / "scan.geojson").read_text())["features"]
    assert int(field["cells"]) == len(cells) == len(features) > 20
    assert {cell["file"] for cell in cells} == {"a/scan.ome.tif"}
    ranks = sorted(int(cell["rank"]) for cell in cells if cell["rank"])
    assert ranks == list(range(1, int(field["read"]) + 1))
    assert json.loads((tmp_path / "scan.json").read_text())["tiles"] == len(cuts[SEAMS[0]])
    for cell, feature in zip(cells, features, strict=True):  # in pixels of the scan
        low = np.min(feature["geometry"]["coordinates"][0], axis=0)
        assert np.allclose(low, (float(cell["x"]), float(cell["y"])), atol=0.02)
    assert max(float(cell["x"]) for cell in cells) > 700


def test_tiles_that_are_there_are_not_read_again(explainer, scan, cuts):
    before = {path: path.stat().st_mtime_ns for path in cuts[SEAMS[1]]}
    read_all(explainer, scan, SEAMS[1], cuts[SEAMS[1]][0].parent)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_tiles_cover_a_scan_once(scan):
    for core in (256, 2048):
        covered = np.zeros((640, 900), int)
        for tile in tiles_of(scan, core):
            covered[tile.y : tile.y + tile.height, tile.x : tile.x + tile.width] += 1
        assert (covered == 1).all()


@pytest.mark.parametrize("size", [(2049, 4097), (300, 10_000), (100_001, 64), (5, 5)])
def test_no_tile_is_a_sliver(size):
    tiles = cut(*size, CORE)
    assert sum(tile.width * tile.height for tile in tiles) == size[0] * size[1]
    least = min(CORE / 2, *size)
    for tile in tiles:
        assert min(tile.width, tile.height) >= least and max(tile.width, tile.height) <= min(CORE, 2 * min(size))


def test_what_is_no_scan_is_told(tmp_path):
    path = tmp_path / "bad.ome.tif"
    path.write_text("no scan")
    assert is_slide(str(path)) and is_slide("A.SVS") and not is_slide("a.tif")
    with pytest.raises(CellImageError, match="a slide scan that cannot be opened"):
        tiles_of(str(path))
    _opened.cache_clear()
    record, row = slide_told("bad.ome.tif", tmp_path / "bad", "s", [], 1, tmp_path)
    assert record is None and row["error"] == "1 of its tiles could not be read"
