"""Things laid into healthy cells: what is cut out and laid in, what the figures see, and the study on a toy."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.support.toy import toy_cell
from tests.support.toy_microscopes import write_microscopes
from training.data.marks import Box, box_mask, write_marks
from training.data.members import list_members
from training.publish.edits import masks_of
from training.studies.causal import measure
from training.studies.causal.measure import Ground, Read, alone, beside, lay_out
from training.studies.causal.paste import SIDE, cut, drawn, lay
from training.studies.causal.study import Causal
from training.studies.causal.things import dots, specks
from training.studies.stain import StainProxy, colour_maps

PROXY = StainProxy(np.array([-0.35, 0.81, -0.46]) / np.linalg.norm([-0.35, 0.81, -0.46]))
LABELS = ("Parasitized", "Uninfected")
Y, X = np.mgrid[:SIDE, :SIDE]
PURPLE = np.array((120, 40, 140))


def healthy(seed, deviation=2):
    cell = toy_cell(False, seed, SIDE).astype(float)
    grain = np.random.default_rng(seed).normal(0, deviation, (SIDE, SIDE, 1))
    return np.where(cell > 0, cell + grain, 0).clip(0, 255).astype(np.uint8)


def infected(seed, row=60, column=70, radius=5):
    cell = healthy(seed)
    cell[np.hypot(Y - row, X - column) <= radius] = PURPLE
    return cell


def test_a_parasite_goes_over_without_its_ground():
    donor, cell = healthy(0, deviation=8), (healthy(1) * 0.8).astype(np.uint8)  # grainy; of a darker slide
    donor[np.hypot(Y - 60, X - 70) <= 5] = PURPLE
    thing = cut(donor, masks_of(donor[None])[0], (62, 52, 79, 69))
    laid = lay(cell, masks_of(cell[None])[0], thing, np.random.default_rng(0))
    changed = np.abs(laid.cell.astype(int) - cell).max(2)
    spot = changed > 40
    assert 40 < spot.sum() < 140 and (laid.place & spot).sum() == spot.sum()
    assert changed[~laid.place].max() <= 8
    assert changed[laid.place & (changed < 40)].mean() < 3  # its ground does not come with it
    dark, was = laid.cell[spot].mean(0) / cell[spot].mean(0), PURPLE / healthy(0)[60, 40]
    assert np.abs(dark - was).max() < 0.15  # it absorbs here what it absorbed there
    rows, columns = np.flatnonzero(laid.place.any(1)), np.flatnonzero(laid.place.any(0))
    corners = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
    assert np.allclose([laid.box.left, laid.box.top, laid.box.right, laid.box.bottom], np.array(corners) / SIDE)


def test_what_hangs_over_the_rim_is_not_cut_and_nothing_is_laid_there():
    donor = infected(0, row=60, column=118)
    assert cut(donor, masks_of(donor[None])[0], (110, 52, 127, 69)) is None
    cell = healthy(1)
    mask = masks_of(cell[None])[0]
    generator = np.random.default_rng(0)
    small = drawn(np.ones((2, 2), bool), (1, 1, 1))
    for thing in (*dots(PROXY, 5, 0), small):
        first = lay(cell, mask, thing, generator)
        second = lay(first.cell, mask, thing, generator, first.place)
        assert mask[first.place].all() and not (first.place & second.place).any()
        assert np.array_equal(first.cell[~mask], cell[~mask])
    assert lay(cell, mask, drawn(np.ones((100, 100), bool), (1, 1, 1)), generator) is None  # as large as the cell


def test_dirt_has_no_colour_and_a_dot_has():
    cell = healthy(1)
    mask = masks_of(cell[None])[0]
    for things, coloured in ((dots(PROXY, 4, 0), True), (specks(4, 0), False)):
        for thing in things:
            laid = lay(cell, mask, thing, np.random.default_rng(1))
            purple = colour_maps(laid.cell[None])[0]
            assert laid.cell[laid.place][:, 1].min() < 0.8 * cell[laid.place][:, 1].mean()
            assert (purple[laid.place].max() > 0.2) == coloured
    assert colour_maps(cell[None]).max() < 0.1


def ground(count=3):
    cells = np.stack([healthy(seed) for seed in range(count)])
    return Ground(cells, masks_of(cells), [f"S{i}" for i in range(count)])


def test_figures_tell_what_the_maps_lie_on(monkeypatch):
    parasites, decoys = list(dots(PROXY, 2, 0)), list(specks(2, 0))
    scene = lay_out(ground(), [parasites, decoys], 0)
    assert len(scene.laid) == 3 and scene.of == [0, 1, 2]  # the first thing comes again after the last
    on = [[box_mask([things[k].box], 64).astype(float) for things in scene.laid] for k in (0, 1)]
    evidence, colour = np.stack(on[0]), np.stack(on[1])
    colour[0] = 0  # a map that says nothing points nowhere
    found = Read(np.array([0.9, 0.9, 0.1]), np.array([0.9, 0.2, 0.1]), evidence, colour)
    both = beside(found, scene, ["a", "a", "b"], 64)
    assert both["evidence_on_parasite"] == 1 and both["evidence_on_decoy"] == 0
    assert both["colour_on_parasite"] == 0 and both["colour_on_decoy"] == pytest.approx(2 / 3, abs=1e-4)
    single = lay_out(ground(), [parasites], 0)
    inside = np.stack([box_mask([things[0].box], 64).astype(float) for things in single.laid])
    one = alone(Read(found.head, found.posterior, inside, 1 - inside), single, ["a", "a", "b"], 64)
    assert one["head_turned"] == pytest.approx(2 / 3, abs=1e-4)
    assert one["posterior_turned"] == pytest.approx(1 / 3, abs=1e-4)
    assert one["evidence_energy"] == one["evidence_points"] == 1 and one["colour_energy"] == one["colour_points"] == 0


def test_removing_is_measured_against_the_cell_as_it_was():
    own, size = ground(2), 64
    scene = lay_out(own, [list(dots(PROXY, 2, 0)), list(specks(2, 0))], 0)
    clean, laid = (measure.squares(list(cells), size) for cells in (own.cells, scene.cells))
    wiped = laid.copy()
    wiped[0] = clean[0]  # the decoy goes too
    place = measure.box_mask([scene.laid[1][0].box], size)
    wiped[1][place] = clean[1][place]

    made = SimpleNamespace(
        images=wiped, original=laid, flipped=np.array([True, False]), settings={"encoder_passes": [11, 11]}
    )
    known = SimpleNamespace(labels=LABELS, size=size, counterfactual=lambda cells, targets, seed: made)
    figures, _ = measure.removed(known, own, scene, 0)
    assert figures["n"] == 2 and figures["own_check"] == 0.5
    assert figures["brought_back"] > 0.9 and figures["decoy_kept"] == 0.5 and figures["inside"] < 1


def test_the_study_runs_on_a_toy(inputs, tmp_path):
    found = list_members(inputs.data["cells"], LABELS)
    marks = {name: (Box(0.4, 0.4, 0.6, 0.6),) for name, label in found if label == 0}
    write_marks(tmp_path / "marks.csv", marks)
    sets = write_microscopes(tmp_path / "sets")
    path = sets / "microscopes/bccd/annotations.json"
    entries = json.loads(path.read_text())
    entries[0]["objects"][2]["type"] = "platelet"
    path.write_text(json.dumps(entries))
    own = replace(inputs, data={**inputs.data, "microscopes": sets})
    study = Causal(cells=2, pairs=1, draws=2, marks=str(tmp_path / "marks.csv"))
    found = study.measure(own)
    shown, pairs, _ = ({row[0] for row in table.rows} for table in found.tables)
    assert {"parasite", "purple dot, drawn", "dirt, drawn"} <= shown and {"purple dot, drawn", "dirt, drawn"} <= pairs
    assert found.measured["things"]["parasite"] == 2 and found.measured["alone"]["dirt, drawn"]["n"] >= 1
    assert (own.folder / "causal.png").is_file()
