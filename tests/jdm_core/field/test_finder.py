"""The finder that ships on fields made of generated cells: what it finds, cuts, adds and parts, and what it refuses."""

import json
import shutil

import numpy as np
import pytest
import torch
from PIL import Image

from jdm_core import CheckpointError
from jdm_core.checkpoint.manifest import MANIFEST
from jdm_core.field.boxes import overlaps
from jdm_core.field.finder import finder_on
from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ, Found
from jdm_core.field.trouble import NO_FIELD, NOTHING, ONE_CELL
from jdm_core.field.weights import build_finder, load_finder
from tests.support.synthetic_fields import DIAMETER, EXAMPLES, GROUND, circle, heaped_field, paste, pasted_field


@pytest.fixture(scope="module")
def finder():
    return finder_on(torch.device("cpu"))


def rows_of_cells(rows=3, columns=5, apart=1.25, margin=30, cut=0):
    """Pixels, and the middles of cells in rows; the first `cut` columns hang out of the picture by half."""
    step = int(apart * DIAMETER)
    pixels = np.full((rows * step + margin, columns * step + margin, 3), GROUND, float)
    middles = []
    for i in range(rows * columns):
        x, y = margin + i % columns * step, margin + i // columns * step
        if i % columns < cut:
            x -= margin + DIAMETER // 2
        paste(pixels, EXAMPLES[i % len(EXAMPLES)], x, y, DIAMETER, i % 4)
        middles.append((x + DIAMETER / 2, y + DIAMETER / 2))
    noise = np.random.default_rng(0).normal(0, 2, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8), np.array(middles)


def met(found, middles, statuses=(READ,)):
    """For each middle, the thing of these statuses whose box holds it nearest to its own middle, or -1."""
    centres = found.boxes[:, :2] + found.boxes[:, 2:] / 2
    away = np.hypot(*(middles[:, None] - centres[None]).transpose(2, 0, 1))
    away[:, ~np.isin(found.status, statuses)] = np.inf
    return np.where(away.min(axis=1) < DIAMETER / 3, away.argmin(axis=1), -1)


def test_every_cell_is_found_and_as_large_as_it_is(finder):
    pixels, middles = rows_of_cells()
    found = finder.find(pixels)
    where = met(found, middles)
    assert found.trouble == "" and (where >= 0).all() and len(set(where.tolist())) == len(middles)
    assert found.boxes[where, 2:].mean() == pytest.approx(DIAMETER, rel=0.12)
    assert found.diameter == pytest.approx(DIAMETER, rel=0.12)


def test_crops_show_the_cell_on_black(finder):
    pixels, middles = rows_of_cells()
    found = finder.find(pixels)
    for i in met(found, middles):
        cell = found.cells[i]
        assert cell.dtype == np.uint8 and (cell[[0, -1]] == 0).all() and (cell[:, [0, -1]] == 0).all()
        assert 0.5 < (cell.max(axis=2) > 0).mean() < 0.95
        height, width = cell.shape[:2]
        w, h = found.boxes[i, 2:]
        assert abs(width - 2 - w) <= 2 and abs(height - 2 - h) <= 2


@pytest.mark.parametrize(("dyes", "status"), [((0.7, 0.7, 1.2), NO_RED_CELL), ((0.7, 0.7, 0.85), READ)])
def test_a_white_cell_of_a_red_cells_size_is_none(finder, dyes, status):
    pixels, middles = rows_of_cells()
    (x, y), half = middles[7].astype(int), DIAMETER // 2 + 2
    own = pixels[y - half : y + half, x - half : x + half]
    stained = (own * np.array(dyes)).clip(0, 255)
    own[:] = np.where(np.linalg.norm(own - np.array(GROUND), axis=2, keepdims=True) > 25, stained, own)
    found = finder.find(pixels)
    assert met(found, middles[7:8], (status,)) >= 0
    assert found.counts[READ] >= len(middles) - 1


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_the_scale_follows_from_the_cells(finder, factor):
    pixels, middles = rows_of_cells()
    size = tuple(round(side * factor) for side in pixels.shape[1::-1])
    found = finder.find(np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)))
    assert found.diameter == pytest.approx(DIAMETER * factor, rel=0.15)
    assert found.counts[READ] >= len(middles) - 1


def test_cells_at_the_border_are_cut_off(finder):
    pixels, middles = rows_of_cells(cut=1)
    found = finder.find(pixels)
    assert (met(found, middles[1:2]) >= 0).all()
    hanging = middles[::5]
    assert (met(found, hanging) < 0).all()
    assert found.counts[CUT_OFF] >= len(hanging) - 1


def test_the_same_picture_gives_the_same_cells(finder):
    pixels = pasted_field()
    once, again = finder.find(pixels), finder.find(pixels)
    assert (once.boxes == again.boxes).all() and (once.status == again.status).all()


def test_a_dark_surround_is_no_ground(finder):
    pixels, _ = rows_of_cells(rows=5, columns=5)
    height, width = pixels.shape[:2]
    rows, columns = np.mgrid[:height, :width]
    inside = np.hypot(rows - height / 2, columns - width / 2) < min(height, width) / 2
    found = finder.find(np.where(inside[:, :, None], pixels, 6).astype(np.uint8))
    assert found.trouble == ""
    for outline, status in zip(found.outlines, found.status, strict=True):
        x, y = outline.mean(axis=0)
        assert status != READ or np.hypot(y - height / 2, x - width / 2) < min(height, width) / 2 - DIAMETER / 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("pixels", "sentences"),
    [
        (np.full((300, 400, 3), GROUND, np.uint8), (NOTHING, NO_FIELD)),
        (np.random.default_rng(0).integers(0, 256, (300, 400, 3)).astype(np.uint8), (NOTHING, NO_FIELD)),
    ],
)
def test_what_shows_no_cells_is_told(finder, pixels, sentences):
    assert finder.find(pixels).trouble in sentences


def test_a_cell_alone_is_told(finder):
    pixels = np.full((110, 110, 3), GROUND, float)
    paste(pixels, EXAMPLES[0], 13, 13)
    assert finder.find(pixels.astype(np.uint8)).trouble in (ONE_CELL, NOTHING)


def test_a_cell_that_a_person_sees_is_added(finder):
    pixels, middles = rows_of_cells()
    found = finder.find(pixels)
    gone = met(found, middles[7:8])[0]
    keep = [i for i in range(len(found.status)) if i != gone]
    less = Found(
        found.size,
        found.boxes[keep],
        [found.outlines[i] for i in keep],
        found.status[keep],
        [found.cells[i] for i in keep],
        found.diameter,
    )
    more = finder.at(pixels, less, *middles[7])
    assert len(more.status) == len(less.status) + 1 and more.status[-1] == READ
    assert more.boxes[-1] == pytest.approx(found.boxes[gone], abs=4)
    assert (more.boxes[:-1] == less.boxes).all()
    with pytest.raises(ValueError, match="place"):
        finder.at(pixels, found, -500, 0)


def test_a_clump_is_parted(finder):
    pixels, middles = rows_of_cells(apart=0.98)
    found = finder.find(pixels)
    two = met(found, middles[:2])
    both = np.concatenate([found.outlines[i] for i in two])
    low, high = both.min(axis=0), both.max(axis=0)
    around = circle(*((low + high) / 2), 1.0) - (low + high) / 2
    outline = ((low + high) / 2 + around * (high - low) / 2).astype(np.float32)
    keep = [i for i in range(len(found.status)) if i not in two]
    clumped = Found(
        found.size,
        np.concatenate([found.boxes[keep], [[*low, *(high - low)]]]).astype(np.float32),
        [*[found.outlines[i] for i in keep], outline],
        np.array([*found.status[keep], CLUMP]),
        [*[found.cells[i] for i in keep], pixels[:4, :4]],
        found.diameter,
    )
    parted = finder.parted(pixels, clumped, len(keep))
    assert CLUMP not in parted.status[len(keep) :] and len(parted.status) >= len(keep) + 2
    assert len(set(met(parted, middles[:2]).tolist()) - {-1}) == 2


def test_weights_that_are_not_the_recorded_ones_are_refused(tmp_path):
    shutil.copytree(
        MANIFEST.parent / "weights", tmp_path / "weights", ignore=lambda d, n: set(n) - {"cells.safetensors"}
    )
    values = json.loads(MANIFEST.read_text())
    values["checkpoints"], values["classifiers"] = {}, {}
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    assert load_finder(tmp_path / "manifest.json") is not None
    path = tmp_path / "weights/cells.safetensors"
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match="sha256"):
        load_finder(tmp_path / "manifest.json")
    with pytest.raises(ValueError, match="tensors"):
        build_finder((MANIFEST.parent / "weights/rival-64.safetensors").read_bytes())
    del values["finders"]
    (tmp_path / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(CheckpointError, match="no finder"):
        load_finder(tmp_path / "manifest.json")


def test_a_cell_beside_a_clump_is_no_part_of_it(finder):
    pixels = heaped_field()
    found = finder.find(pixels)
    index = found.status.tolist().index(CLUMP)
    parted = finder.parted(pixels, found, index)
    old, new = np.delete(found.boxes, index, axis=0), parted.boxes[len(found.status) - 1 :]
    assert len(new) >= 2 and np.array_equal(parted.boxes[: len(old)], old)
    assert overlaps(new, old).max() < 0.5
    assert (new[:, 2:].prod(axis=1) < 1.9 * DIAMETER**2).all()


def test_where_there_is_no_cell_to_the_network_a_disc_is_added(finder):
    pixels = heaped_field()
    found = finder.find(pixels)
    outline = finder.at(pixels, found, 220.0, 290.0).outlines[-1]  # bare ground
    away = np.hypot(*(outline - (220, 290)).T)
    assert away.min() > 0.9 * away.max() and 2 * away.mean() == pytest.approx(found.diameter, rel=0.05)
    x, y, w, h = found.boxes[0]
    again = finder.at(pixels, found, float(x + w / 2 + 8), float(y + h / 2)).boxes[-1]  # a cell stays its own
    assert overlaps(again[None], found.boxes[:1])[0, 0] > 0.9
