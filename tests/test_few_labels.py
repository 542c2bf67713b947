"""The study of few labels: both networks learn from the same labels, and nothing is trained twice."""

import json

import pytest

from tests.toy import TINY_OPTIONS, write_toy_zip
from training.__main__ import main
from training.run.loss import UNLABELLED
from training.run.train import Trainer


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip")


def command(toy, folder, *more):
    return ["few-labels", "--data", str(toy), "--runs", str(folder / "runs"), "--out", str(folder / "figures.json"),
            "--part", "test", "--device", "cpu", *TINY_OPTIONS, "--set", "images=32", *more]  # fmt: skip


def test_table_of_shares_and_seeds(toy, tmp_path, monkeypatch, capsys):
    known = []
    original = Trainer.__init__

    def watch(self, recipe, training, *arguments):
        known.append((recipe.label_share, recipe.seed, int((training.labels != UNLABELLED).sum()), len(training)))
        original(self, recipe, training, *arguments)

    monkeypatch.setattr(Trainer, "__init__", watch)
    assert main(command(toy, tmp_path, "--shares", "1", "0.25", "--seeds", "0", "1")) == 0
    figures = json.loads((tmp_path / "figures.json").read_text())
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
    table = capsys.readouterr().out
    assert table.startswith("| labels |")  # and nothing of the training
    assert "| 25 % |" in table
    assert "| 100 % |" in table

    assert main(command(toy, tmp_path, "--shares", "1", "0.25", "--seeds", "0", "1")) == 0
    assert len(known) == 4  # nothing was trained again
    assert json.loads((tmp_path / "figures.json").read_text()) == figures


def test_run_of_another_recipe_is_refused(toy, tmp_path, capsys):
    assert main(command(toy, tmp_path, "--shares", "1", "--seeds", "0")) == 0
    assert main(command(toy, tmp_path, "--shares", "1", "--seeds", "0", "--set", "clean_weight=0.5")) == 1
    assert "holds a run of another recipe" in capsys.readouterr().err
