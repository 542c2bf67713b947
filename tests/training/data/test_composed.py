"""Composed fields: silhouettes lie where the picture is stained, and the maps say what was placed."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from jdm_core.field.network import RAYS, STRIDE, directions
from tests.support.toy import toy_cell
from tests.support.toy_fields import box_of
from tests.support.toy_microscopes import write_microscopes
from training.data.composed.borrowed import borrow_cells, is_oval
from training.data.composed.debris import laid, read_debris
from training.data.composed.scene import compose
from training.data.composed.targets import NEAR, targets_of
from training.data.composed.things import drawn_cell, drawn_platelet, drawn_white_cell, from_training
from training.data.members import DataError
from training.data.microscopes.sample import part_of_field
from training.run.fit_finder import composed, turned

LIBRARY = [toy_cell(i % 2 == 0, seed=i, size=64) for i in range(8)]


def scenes(number=6, side=192):
    random = np.random.default_rng(3)
    return [compose(random, LIBRARY, [], side, 32.0) for _ in range(number)]


def test_the_same_seed_composes_the_same_field():
    once, again = scenes(2), scenes(2)
    assert all((a.picture == b.picture).all() for a, b in zip(once, again, strict=True))
    assert not (once[0].picture == once[1].picture).all()


def test_a_cell_of_training_keeps_its_silhouette_and_loses_its_black():
    thing = from_training(LIBRARY[1], 40, 40, 0.0)
    cell = LIBRARY[1].max(axis=2) > 15
    assert thing.alpha.mean() * thing.alpha.size / 1600 == pytest.approx(cell.mean(), abs=0.12)
    assert thing.density.min() >= 0 and thing.density[thing.alpha > 0.9].max() < 3


@pytest.mark.parametrize("draw", [drawn_white_cell, drawn_platelet, lambda r, d: drawn_cell(r, d, 1.1, np.ones(3))])
def test_drawn_things_have_about_the_size_asked_for(draw):
    thing = draw(np.random.default_rng(0), 40.0)
    assert 2 * np.sqrt((thing.alpha > 0.5).sum() / np.pi) == pytest.approx(40, rel=0.35)
    assert thing.density.shape == (*thing.alpha.shape, 3) and (thing.density >= 0).all()


def test_silhouettes_lie_where_the_picture_is_stained():
    darker = []
    for scene in scenes():
        height, width = scene.picture.shape[:2]
        covered = np.zeros((height, width), bool)
        for placed in [*scene.cells, *scene.others]:
            rows, columns = np.nonzero(placed.mask)
            rows, columns = rows + placed.top, columns + placed.left
            inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
            covered[rows[inside], columns[inside]] = True
        if 0.02 < covered.mean() < 0.98:
            darker.append(scene.picture[~covered].mean() - scene.picture[covered].mean())
    assert len(darker) >= 3 and np.median(darker) > 5


def test_maps_peak_in_cells_and_their_rays_end_at_the_silhouette():
    for scene in scenes(3):
        targets = targets_of(scene)
        assert targets.centres.min() >= 0 and targets.centres.max() <= 1
        assert (targets.stained[targets.centres[0] > 0] > 0).all()
        assert (targets.known == (targets.centres[0] > NEAR)).all()
    alone = scene
    alone.cells, alone.others = alone.cells[:1], []
    targets, placed = targets_of(alone), alone.cells[0]
    row, column = np.argwhere(targets.known)[0]
    u = directions().numpy()
    ends = np.array([column, row]) * STRIDE + (STRIDE - 1) / 2 + 0.8 * targets.radii[:, row, column, None] * u
    own = np.rint(ends).astype(int) - (placed.left, placed.top)
    inside = ((own >= 0) & (own < placed.mask.shape[::-1])).all(axis=1)
    assert placed.mask[own[inside, 1], own[inside, 0]].mean() > 0.85


@pytest.mark.parametrize("symmetry", range(8))
def test_rays_turn_with_the_field(symmetry):
    fields = composed(np.stack(LIBRARY), ["s"] * len(LIBRARY), [], 1, 4)
    batch = turned(fields, symmetry)
    u = directions()
    hit = total = 0
    for row, column in batch.known[0].nonzero()[::5].tolist():
        end = torch.tensor([column, row]) * STRIDE + 0.5 + 0.8 * batch.radii[0, :, row, column, None].float() * u
        x, y = (end / STRIDE).long().T
        side = batch.stained.shape[-1]
        inside = (x >= 0) & (x < side) & (y >= 0) & (y < side)
        hit += int((batch.stained[0, y[inside], x[inside]] > 0).sum())
        total += int(inside.sum())
    assert total > RAYS and hit / total > 0.85


def write_white_cells(folder):
    """Two fields, one of each half, each with a white cell of 60 pixels beside a red cell of 50."""
    names = [
        next(f"{letter}{n}.png" for n in range(100) if part_of_field(f"{letter}{n}.png") == part)
        for letter, part in (("d", "developer"), ("r", "report"))
    ]
    (folder / "fields").mkdir(parents=True)
    entries = []
    for name in names:
        pixels = np.full((160, 240, 3), (232, 226, 230), np.uint8)
        y, x = np.mgrid[:160, :240]
        pixels[np.hypot(x - 60, y - 80) < 25] = (215, 160, 170)
        pixels[np.hypot(x - 160, y - 80) < 30] = (90, 60, 150)
        Image.fromarray(pixels).save(folder / "fields" / name)
        marks = [box_of("red blood cell", 60, 80, 25), box_of("leukocyte", 160, 80, 32)]
        entries.append({"image_name": name, "objects": marks})
    (folder / "annotations.json").write_text(json.dumps(entries))


def test_cells_are_borrowed_from_the_developers_halves_of_sets_that_may_be_fitted(tmp_path):
    borrowed = borrow_cells(write_microscopes(tmp_path), seed=0)
    assert set(borrowed.counts) == {"mpidb", "chula", "bccd"} and sum(borrowed.counts.values()) == len(borrowed.cells)
    assert len(borrowed.fields) == len(borrowed.cells) > 5
    assert {part_of_field(name.split()[1]) for name in borrowed.fields} == {"developer"}
    assert all(is_oval(cell) for cell in borrowed.cells)
    with pytest.raises(DataError, match="microscopes/bccd"):
        borrow_cells(tmp_path / "none", seed=0)


def test_what_is_no_whole_cell_is_not_oval():
    y, x = np.mgrid[:60, :80] - np.array([29.5, 39.5])[:, None, None]
    whole = np.hypot(x / 40, y / 30) < 1
    bitten, hung = whole & (np.hypot(x - 36, y) > 22), whole.copy()
    hung[:20] = True
    wanted = [(whole, True), (bitten, False), (hung, False), (whole & (y < 10), False)]
    assert [is_oval(np.repeat(mask[:, :, None] * np.uint8(150), 3, axis=2)) for mask, _ in wanted] == [
        w for _, w in wanted
    ]
    assert not is_oval(np.zeros((20, 20, 3), np.uint8))


def test_debris_is_cut_from_the_developers_half_alone(tmp_path):
    write_white_cells(tmp_path)
    (one,) = read_debris(tmp_path)
    assert one.size == pytest.approx(60 / 50, abs=0.12)
    assert np.pi * 30**2 < (one.thing.alpha > 0.5).sum() < np.pi * 37**2  # with a rim round the nucleus
    assert one.thing.density.max(axis=(0, 1)) == pytest.approx(
        np.log(np.array([232, 226, 230]) / (90, 60, 150)), rel=0.02
    )
    put = laid(np.random.default_rng(0), one, 32.0)
    assert 20 < max(put.alpha.shape) < 80 and put.density.min() >= 0
