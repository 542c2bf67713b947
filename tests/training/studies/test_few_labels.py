"""The study of few labels: both networks learn from the same labels, and nothing is trained twice."""

from dataclasses import replace

import pytest

from tests.support.toy import TINY
from training.run.loss import UNLABELLED
from training.run.train import Trainer
from training.studies.few_labels import FewLabels
from training.studies.study import Inputs

STUDY = FewLabels(changes=(*TINY, "images=32"), shares=(1.0, 0.25), seeds=(0, 1), part="test")


@pytest.mark.slow
def test_table_of_shares_and_seeds(toy_cells, tmp_path, monkeypatch):
    known = []
    original = Trainer.__init__

    def watch(self, recipe, training, *arguments):
        known.append((recipe.label_share, recipe.seed, int((training.labels != UNLABELLED).sum()), len(training)))
        original(self, recipe, training, *arguments)

    monkeypatch.setattr(Trainer, "__init__", watch)
    inputs = Inputs({"cells": toy_cells}, tmp_path / "runs", device="cpu")
    found = STUDY.measure(inputs)
    figures = found.measured
    n = known[0][3]
    assert known == [(0.25, 0, n // 4, n), (0.25, 1, n // 4, n), (1.0, 0, n, n), (1.0, 1, n, n)]
    assert [row["share"] for row in figures["rows"]] == [0.25, 1.0]
    assert [row["labelled_cells"] for row in figures["rows"]] == [n // 4, n]
    assert figures["seeds"] == [0, 1]
    assert figures["slides"] == 2
    for row in figures["rows"]:
        for role in ("joint", "alone"):
            assert row[role]["accuracy"] == pytest.approx(sum(row[role]["per_seed"]) / 2, abs=1e-4)
        assert row["accuracy_gain"] == pytest.approx(row["joint"]["accuracy"] - row["alone"]["accuracy"], abs=2e-5)
    (table,) = found.tables
    assert [row[0] for row in table.rows] == ["25 %", "100 %"]
    assert found.sample == "n 16 cells of 2 slides (test slides of cells.zip), 2 seeds"

    assert STUDY.measure(inputs).measured == figures
    assert len(known) == 4  # nothing was trained again
    with pytest.raises(ValueError, match="holds a run of another recipe"):
        replace(STUDY, changes=(*STUDY.changes, "clean_weight=0.5")).measure(inputs)
