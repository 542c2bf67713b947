"""Other microscopes: all readers on the same samples, each set read where it is there, a page and a sheet."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from jdm_core import CheckpointError, Explainer
from tests.support.toy import TINY_OPTIONS
from tests.support.toy_fields import NAMES, write_fields
from tests.support.toy_microscopes import write_microscopes
from training import metrics
from training.cli import main
from training.data.microscopes.sample import Known, Sample
from training.studies import report
from training.studies.intervals import Resamples, figure
from training.studies.report import fingerprint
from training.studies.shift.figures import part_figures
from training.studies.shift.microscopes import Microscopes
from training.studies.shift.readers import Said
from training.studies.shift.tables import _verdicts
from training.tables import Figure

STUDY = Microscopes(cells=40, likelihoods=2, draws=2)


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    return write_microscopes(tmp_path_factory.mktemp("sets"))


def scores_of(n=60, seed=0):
    """Scores with ties, flags of positives, and units of five cells."""
    generator = np.random.default_rng(seed)
    positive = generator.random(n) < 0.4
    return (generator.integers(0, 8, n) + positive) / 8, positive, [f"F{i // 5}" for i in range(n)]


def repeated(resamples, row, *arrays):
    times = resamples.weights[row].astype(int)
    return [np.repeat(values, times) for values in arrays]


def test_a_sample_of_units_is_a_weight_for_each_cell(few_resamples):
    scores, positive, units = scores_of()
    resamples = Resamples.of(units, "field", 0)
    assert (resamples.unit, resamples.units, resamples.weights.shape) == ("field", 12, (21, 60))
    assert (resamples.weights[0] == 1).all() and (resamples.weights.sum(1) == 60).all()
    assert (resamples.weights.reshape(21, 12, 5).min(2) == resamples.weights.reshape(21, 12, 5).max(2)).all()
    areas, shares = resamples.auroc(scores, positive), resamples.share(positive)
    strict = resamples.sensitivity_at(0.1, scores, positive)
    for row in range(21):
        s, p = repeated(resamples, row, scores, positive)
        assert areas[row] == pytest.approx(metrics.auroc(s, p), abs=1e-9)
        assert shares[row] == pytest.approx(p.mean())
        thresholds = [t for t in [*np.unique(s), np.inf] if (s[~p] >= t).mean() <= 0.1 + 1e-9]
        assert strict[row] == pytest.approx((s[p] >= min(thresholds)).mean())


def test_few_smears_leave_each_cell_to_itself(few_resamples):
    assert Resamples.of(["A", "B"] * 20, "smear", 0).unit == "cell"
    assert Resamples.of([f"S{i % 10}" for i in range(40)], "smear", 0).unit == "smear"
    assert Resamples.of([f"S{i % 10}" for i in range(40)], "", 0).units == 40


def test_figures_have_exact_intervals_where_resampling_says_nothing():
    assert figure("share", np.ones(21), 10)["share_interval"] == [pytest.approx(0.69150, abs=1e-5), 1.0]
    assert figure("share", np.ones(21))["share_interval"] == [1.0, 1.0]
    assert figure("area", np.array([0.5, *np.linspace(0, 1, 1001)]))["area_interval"] == [0.025, 0.975]
    assert set(figure("nothing", np.full(21, np.nan))) == {"nothing"}


def drawn_sample():
    scores, positive, units = scores_of(120)
    known = [
        Known("infected" if p else "healthy", "", unit, "report")
        for p, unit in zip(positive.tolist(), units, strict=True)
    ]
    return Sample("drawn", "Drawn", "field", [], [*known, *[Known("lookalike", "", "F0", "report")] * 4]), scores


def test_readers_are_compared_on_the_same_samples(few_resamples):
    sample, scores = drawn_sample()
    own = Said(np.append(scores, [0.9, 0.1, 0.2, 0.3]), np.full(124, np.nan), None)
    worse = Said(np.append(scores[::-1], [0.9, 0.9, 0.2, 0.3]), np.full(124, np.nan), None)
    model, same, other, *more = part_figures(
        replace(sample, cells=[0] * 124), "report", "as given", {"model": own, "same": own, "other": worse}, 0
    )
    assert (model["n"], model["lookalikes"], model["lookalikes_called"], model["unit"]) == (120, 4, 0.25, "field")
    assert {**model, "reader": "same"} == same
    assert [row["reader"] for row in more] == ["model less same", "model less other"]
    assert more[0]["auroc_more_interval"] == [0, 0] == more[0]["balanced_accuracy_more_interval"]
    assert more[1]["auroc_more"] == pytest.approx(model["auroc"] - other["auroc"], abs=2e-5)
    healthy = np.array([known.role == "healthy" for known in sample.known[:120]])
    assert model["false_positives"] == pytest.approx((scores[healthy] > 0.5).mean(), abs=1e-5)
    found = (model["sensitivity"] + 1 - model["false_positives"]) / 2
    assert model["balanced_accuracy"] == pytest.approx(found, abs=2e-5)
    assert part_figures(sample, "developer", "as given", {"model": own}, 0) == []


@pytest.fixture(scope="module")
def rivals(sets, trained, tmp_path_factory):
    """Two classifiers, the second of which has met two other microscopes."""
    folder = tmp_path_factory.mktemp("rivals")
    paths = folder / "encoder.safetensors", folder / "travelled.safetensors"
    asked = ["classifier", "--architecture", "encoder", "--data", str(trained / "cells.zip"), "--images", "16"]
    abroad = ["--microscopes", str(sets), "--set", "abroad=['mpidb', 'bccd']", "--set", "abroad_share=0.5"]
    for path, more in zip(paths, ([], abroad), strict=True):
        assert main([*asked, *TINY_OPTIONS, *more, "--out", str(path), "--device", "cpu"]) == 0
    return paths


@pytest.mark.train
def test_the_command_reads_every_set_in_both_colours(
    sets, rivals, trained, tmp_path, monkeypatch, capsys, few_resamples
):
    monkeypatch.setattr(report, "STUDIES", (STUDY,))
    out, runs = tmp_path / "pages", tmp_path / "runs"
    command = ["report", "--checkpoint", "toy", "--manifest", str(trained / "manifest.json"), "--device", "cpu"]
    command += ["--microscopes", str(sets), "--rival", *map(str, rivals), "--runs", str(runs), "--out", str(out)]
    assert main([*command, "--data", str(trained / "cells.zip")]) == 0
    assert "microscopes: measured" in capsys.readouterr().out
    with Image.open(runs / "microscopes.png") as sheet:
        assert sheet.size[0] == 6 * 200 and sheet.size[1] > 3 * 130
    assert not list(out.glob("*.png"))  # no picture of data goes to the pages
    measured = json.loads((out / "microscopes.curves.json").read_text())
    rows = {(row["reader"], row["set"], row["part"], row["colours"]): row for row in measured["rows"]}
    names = ("home", "iml", "mpidb", "bbbc041", "chula", "bccd")
    readers = ("toy", "encoder", "travelled", "toy less encoder", "toy less travelled")
    parts, colours = ("report", "developer"), ("as needed", "as given", "matched")
    assert rows.keys() == {(r, n, p, c) for r in readers for n in names for p in parts for c in colours}
    iml = rows["toy", "iml", "report", "as given"]
    assert (3 * iml["infected"], iml["asked"], iml["unit"]) == (iml["n"], 4, "cell")
    assert 0 <= iml["auroc_interval"][0] <= iml["auroc"] <= iml["auroc_interval"][1] <= 1
    assert "auroc" not in rows["toy", "bccd", "report", "as given"]
    assert {row["what"] for row in measured["shares"]} == {"red cells", "leukocytes", "no red cells"}
    assert all(row["familiar"] + row["other"] + row["not a red cell"] == pytest.approx(1) for row in measured["shares"])
    of_uploads = {(row["part"], row["what"], row["n"]) for row in measured["shares"] if row["set"] == "uploads"}
    assert of_uploads == {("report", "red cells", 2), ("report", "no red cells", 1)}
    assert sum(row["n"] for row in measured["shares"] if (row["set"], row["what"]) == ("bccd", "leukocytes")) == 6
    assert {(row["reader"], row["n"]) for row in measured["uploads"]} == {(name, 2) for name in readers[:3]}
    assert {row["what"].split(":")[0] for row in measured["evidence"]} == {"MP-IDB, P. falciparum", "IML, P. vivax"}
    assert all(0 <= row["colour_points"] <= 1 for row in measured["evidence"])  # a baseline without a model
    text = (out / "microscopes.md").read_text()
    for title in ("The part that reports: toy", "The developers' part: toy less encoder", "What gets a verdict"):
        assert title in text
    assert measured["trained_on"] == {"encoder": [], "travelled": ["mpidb", "bccd"]}
    tables = {table["title"]: table for table in json.loads((out / "microscopes.json").read_text())["tables"]}
    for part in ("The part that reports", "The developers' part"):
        assert {f"{part}: {reader}" for reader in readers} <= tables.keys()
        assert tables[f"{part}: encoder"]["note"].startswith("Its file names no other microscope")
        assert tables[f"{part}: travelled"]["note"].startswith("It trained on cells of other microscopes too: the")
        assert "developers' parts of mpidb, bccd." in tables[f"{part}: travelled"]["note"]
        assert not tables[f"{part}: toy"]["note"].startswith(("Its file", "It trained"))
    assert main([*command, "--data", str(trained / "cells.zip")]) == 0
    assert "microscopes: there already" in capsys.readouterr().out


@pytest.mark.train
def test_a_set_that_is_missing_is_named_and_the_others_done(sets, inputs, rivals, tmp_path, capsys, few_resamples):
    some = tmp_path / "some"
    (some / "microscopes").mkdir(parents=True)
    (some / "microscopes/chula").symlink_to(sets / "microscopes/chula")
    own = replace(inputs, data={"microscopes": some})
    measured = STUDY.measure(own).measured
    assert {row["set"] for row in measured["rows"]} == {"chula"} and measured["evidence"] == []
    told = capsys.readouterr().err
    for path in ("iml_malaria/annotations.json", "microscopes/mpidb/cells", "microscopes/bccd", "uploads/index.csv"):
        assert str(some / path) in told
    before = fingerprint(STUDY, own)
    (some / "microscopes/bccd").symlink_to(sets / "microscopes/bccd")
    assert fingerprint(STUDY, own) != before  # what is given later is measured
    prints = [fingerprint(STUDY, replace(own, rivals=rivals[:count])) for count in range(3)]
    assert prints[0] == fingerprint(STUDY, own) and len(set(prints)) == 3
    with pytest.raises(ValueError, match="no set of another microscope"):
        STUDY.measure(replace(inputs, data={"microscopes": tmp_path}))


@pytest.mark.train
@pytest.mark.parametrize("name", ["toy", "encoder"])
def test_readers_of_one_name_are_refused(sets, inputs, rivals, tmp_path, name):
    other = tmp_path / f"{name}.safetensors"
    other.write_bytes(rivals[1].read_bytes())
    given = replace(inputs, data={"microscopes": sets}, rivals=(rivals[0], other))
    with pytest.raises(ValueError, match=f"more than one reader would be called {name}; rename a file"):
        STUDY.measure(given)


@pytest.mark.train
def test_the_command_fails_after_the_rest_where_a_set_is_missing(
    sets, trained, tmp_path, monkeypatch, capsys, few_resamples
):
    some, out = tmp_path / "some", tmp_path / "pages"
    (some / "microscopes").mkdir(parents=True)
    for name in ("microscopes/bccd", "microscopes/mpidb", "microscopes/bbbc041", "iml_malaria", "uploads"):
        (some / name).symlink_to(sets / name)
    monkeypatch.setattr(report, "STUDIES", (replace(STUDY, cells=4, likelihoods=1, draws=1),))
    command = ["report", "--checkpoint", "toy", "--manifest", str(trained / "manifest.json"), "--device", "cpu"]
    command += ["--microscopes", str(some), "--runs", str(tmp_path / "runs"), "--out", str(out)]
    for _ in range(2):  # what is there already is no more complete
        assert main(command) == 1
        told = capsys.readouterr().err
        assert "error: microscopes: measured without microscopes/chula\n" in told
        assert told.endswith("error: measured in part: microscopes\n")
        assert (out / "microscopes.md").exists()
    (some / "microscopes/chula").symlink_to(sets / "microscopes/chula")
    assert main(command) == 0


@pytest.mark.train
def test_ones_own_fields_are_adapted_to_and_measured(inputs, trained, tmp_path, few_resamples):
    fields = write_fields(tmp_path / "mine", NAMES)
    study = replace(STUDY, adapt=64, draws=0)
    own = replace(inputs, data={"microscopes": fields, "cells": trained / "cells.zip"})
    first = study.measure(own).measured
    assert {row["set"] for row in first["rows"]} == {"mine", "home"}
    adapted = first["adapted"]
    assert adapted["sha256"] == Explainer.load(str(own.folder / "on-other-microscope"), device="cpu").sha256
    assert {row["reader"] for row in adapted["rows"]} == {"adapted", "as shipped", "adapted less as shipped"}
    assert {row["set"] for row in adapted["rows"]} == {"mine", "home"}
    titles = [table.title for table in study.tables(first)]
    assert "The part that reports, adapted without labels: adapted less as shipped" in titles
    written = {path: path.stat().st_mtime_ns for path in (own.folder / "other-microscope").rglob("*.png")}
    assert study.measure(own).measured == first
    assert written == {path: path.stat().st_mtime_ns for path in (own.folder / "other-microscope").rglob("*.png")}

    manifest = json.loads(own.manifest.read_text())
    manifest["checkpoints"]["toy"]["version"] += 1  # calibrated anew, say
    other = own.manifest.with_name("other.json")  # weights are found from where a manifest lies
    other.write_text(json.dumps(manifest))
    with pytest.raises(CheckpointError, match="not adapted from toy as it is now"):
        study.measure(replace(own, manifest=other))


def test_an_auroc_of_one_has_the_interval_of_the_rarer_class():
    row = {"part": "report", "reader": "malaria-64", "title": "MP-IDB", "colours": "as given", "unit": "field"}
    row |= {"n": 225, "infected": 25, "units": 9, "lookalikes": 0, "asked": 0}
    row |= {
        "likelihood_auroc": 1.0,
        "likelihood_auroc_interval": [1.0, 1.0],
        "auroc": 0.9,
        "auroc_interval": [0.8, 1.0],
    }
    (table,) = _verdicts([row], "", {})
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    low, _ = metrics.exact_interval(25, 25)
    assert cells["Likelihood AUROC"] == Figure(1.0, low, 1.0) and cells["AUROC"] == Figure(0.9, 0.8, 1.0)
