"""How well infected cells are told to be suspicious, and how far slides and microscopes part in it."""

import json
from dataclasses import replace

import numpy as np
import pytest

from jdm_core import Explainer
from jdm_core.checkpoint.reading import Reading, readings
from jdm_core.field.ranking import rank
from training.cli import main
from training.publish.fits import reading as fitting
from training.publish.fits.reading import fit_reading, measure_reading, own_slides, share_and_spread, suspicious


def test_units_that_are_alike_but_for_counting_have_no_spread_of_their_own():
    generator = np.random.default_rng(0)
    alike = [(int(generator.binomial(40, 0.9)), 40) for _ in range(200)]
    mean, spread = share_and_spread(alike)
    assert mean == pytest.approx(0.9, abs=0.01) and spread < 0.02  # counting alone gives 0.047
    apart = [(int(generator.binomial(40, share)), 40) for share in generator.normal(0.85, 0.08, 200).clip(0, 1)]
    assert share_and_spread(apart)[1] == pytest.approx(0.08, abs=0.015)


def test_few_units_leave_the_mean_open():
    mean, spread = share_and_spread([(800, 1000), (1000, 1000)])
    # variance 0.02, less 0.9 · 0.1 / 1000 of counting, and half of 0.02 for the mean
    assert (mean, spread) == (0.9, pytest.approx(np.sqrt(0.02 - 0.00009 + 0.01), abs=1e-5))


def test_only_units_with_cells_enough_are_counted_and_one_is_none():
    unit, healthy, few = [[9, 10], [48, 50]], [[0, 0], [40, 50]], [[0, 4], [1, 4]]
    fitted = fit_reading([np.array(u) for u in (unit, unit, healthy, few)])
    assert fitted is not None
    assert (fitted.infected, fitted.healthy, fitted.sensitivity) == (2, 3, 0.9)
    assert fitted.specificity == pytest.approx((0.96 + 0.96 + 0.8) / 3, abs=1e-5)
    assert fit_reading([np.array(unit), np.array(healthy)]) is None


@pytest.mark.train
def test_cells_are_read_as_those_of_a_field_are(trained, monkeypatch):
    explainer, asked = Explainer.load("toy", "cpu", trained / "manifest.json"), []
    (slide, *_) = own_slides(explainer, trained / "cells.zip", {"C1P1", "C2P2"}, 3, 0)
    assert (slide.unit, len(slide.cells), slide.labels.tolist()) == ("C1P1", 6, sorted(slide.labels.tolist()))
    colours = explainer.measure_colours([slide.cells[i] for i in np.flatnonzero(slide.labels)])  # of the healthy ones
    said = explainer.predict(slide.cells, colours)
    posterior = explainer.posterior(slide.cells, 2, 0, colours)
    ask = explainer.posterior

    def counting(cells, draws, seed, chosen):
        asked.append((len(cells), chosen))
        return ask(cells, draws, seed, chosen)

    monkeypatch.setattr(explainer, "posterior", counting)
    monkeypatch.setattr("jdm_core.field.ranking.ASKED", 2)
    found = suspicious(explainer, slide, 2, 0)
    assert found.tolist() == rank(said.probabilities, posterior, said.kind).suspicious.tolist()
    suspicious(explainer, replace(slide, whole=True), 2, 0)
    assert asked == [(6, colours), (3, colours)]  # a field's budget is two cells and a fifth
    said_of = iter([np.array([True, False, False, True, False, True])])  # two of four infected, one of two healthy
    monkeypatch.setattr(fitting, "suspicious", lambda *asked: next(said_of))
    (row,) = measure_reading(explainer, [replace(slide, labels=np.array([0, 0, 0, 0, 1, 1]))], 2, 0)["units"]
    counted = {"found": 2, "infected": 4, "kept": 1, "healthy": 2}
    assert row == {"kind": slide.kind, "unit": "C1P1"} | counted


@pytest.mark.train
@pytest.mark.slow
def test_the_command_records_the_reading_of_own_slides_and_of_other_microscopes(
    own, sets_abroad, tmp_path, monkeypatch
):
    monkeypatch.setattr("training.publish.fits.reading.FEWEST", 1)
    manifest, out = own / "manifest.json", tmp_path / "reading.json"
    options = ["--checkpoint", "toy", "--manifest", str(manifest), "--device", "cpu", "--data", str(own / "cells.zip")]
    sizes = ["--cells", "2", "--others", "4", "--fields", "2", "--draws", "2"]
    command = ["reading", *options, *sizes, "--microscopes", str(sets_abroad), "--out", str(out), "--record"]
    assert main(command) == 0
    figures = json.loads(out.read_text())
    recorded = readings(Explainer.load("toy", "cpu", manifest).checkpoint)
    assert recorded.keys() == {"familiar", "other"} and all(isinstance(r, Reading) for r in recorded.values())
    assert json.loads(manifest.read_text())["checkpoints"]["toy"]["metrics"]["reading"] == figures
    others = [row for row in figures["units"] if row["kind"] == "other"]
    assert {row["unit"] for row in others} >= {"IML, P. vivax", "MP-IDB, P. falciparum", "Chula, no malaria"}
    of_set = {row["unit"]: row for row in others}
    assert of_set["Chula, no malaria"]["infected"] == 0 < of_set["IML, P. vivax"]["infected"] <= 8
    shares = [row["kept"] / row["healthy"] for row in others if row["healthy"]]
    assert recorded["other"].specificity == pytest.approx(np.mean(shares), abs=1e-5)
    assert recorded["other"].healthy == len(shares)
