"""evaluate: figures beside accuracy: what is called, what the bound says, cells of sure label."""

import json

import numpy as np
import pytest

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import read_manifest
from training.cli import main
from training.data import doubted
from training.data.doubted import write_doubted
from training.publish import evaluate as module
from training.publish.evaluate import evaluate
from training.publish.fits.parting import parting

pytestmark = pytest.mark.train


def test_cells_of_doubted_label_are_left_out_of_a_figure_of_their_own(trained, tmp_path, monkeypatch, few_resamples):
    explainer, data = Explainer.load("toy", "cpu", trained / "manifest.json"), trained / "cells.zip"
    names = [f"cell_images/Parasitized/C{i}P{i}ThinF_IMG_20150101_P_cell_0.webp" for i in range(5)]
    write_doubted(path := tmp_path / "doubted.csv", names, ["Parasitized"] * 5, [0.1] * 5)
    monkeypatch.setattr(doubted, "FILE", path)
    monkeypatch.setattr(module, "FILE", path)
    found = evaluate(explainer, data, None, draws=2)
    assert found["sure_label"]["n"] == found["n"] - 5 and found["sure_label"]["doubted"] == 5
    right = round(found["head"]["accuracy"] * found["n"])
    assert right - 5 <= round(found["sure_label"]["head"]["accuracy"] * (found["n"] - 5)) <= right
    assert "elbo" not in found
    assert "sure_label" not in evaluate(explainer, data, {"C7P7"}.__contains__, draws=2)


def test_command_tells_what_is_called_and_how_bound_and_posterior_part(own, few_resamples, capsys):
    out, manifest = own / "evaluated.json", own / "manifest.json"
    options = ["--checkpoint", "toy", "--manifest", str(manifest), "--data", str(own / "cells.zip"), "--device", "cpu"]
    command = ["evaluate", *options, "--out", str(out), "--record", "--draws", "3", "--elbo-cells", "6"]
    assert main(command) == 0
    found = json.loads(out.read_text())
    prediction_least = read_manifest(manifest)["toy"].thresholds.unsure_below
    assert found["called"]["n"] == found["n"] and 0 <= found["called"]["coverage"] <= 1
    assert found["elbo"]["n"] == 6 and found["elbo"]["logsnr_max"] <= 12 and found["elbo"]["draws"] == 3
    assert found["worth"]["head"]["per_slide"]["sensitivity"]["slides"] == 0  # four cells a slide say too little
    said = capsys.readouterr().out
    assert "called: " in said and "parts from the posterior" in said
    assert 0.5 <= prediction_least <= 0.98
    assert read_manifest(manifest)["toy"].metrics["called"] == found["called"]


def test_bound_and_posterior_part_where_they_point_at_different_classes(few_resamples):
    difference = np.array([5.0, -5.0, 1.0, -1.0])
    posterior = np.array([[0.9, 0.1], [0.9, 0.1], [0.2, 0.8], [0.1, 0.9]])
    found = parting(difference, np.ones(4), posterior, np.array([0, 1, 0, 1]), list("abcd"))
    assert (found["parts"], found["parts_clearly"], found["clear"]) == (0.5, 0.25, 0.5)
    assert (found["right"], found["auroc"], found["median_nats"]) == (1.0, 1.0, 3.0)
