"""How sure of an edit the classifier must be: what it is of nearly all real cells, fitted and recorded by a command."""

import json

import numpy as np
import pytest

from training.cli import main
from training.publish.fits.sureness import SHARE, fit_flip_head


def test_nearly_all_real_cells_of_every_class_reach_it():
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 2000)
    own = np.where(labels == 0, generator.uniform(0.505, 1, 4000), generator.uniform(0.8, 1, 4000))
    own[:40] = 0.01  # misread: of these nothing follows
    probabilities = np.stack([np.where(labels == k, own, 1 - own) for k in (0, 1)], axis=1)
    least = fit_flip_head(probabilities, labels)
    right = own > 0.5
    shares = [(own[right & (labels == k)] >= least).mean() for k in (0, 1)]
    assert SHARE <= min(shares) < SHARE + 0.015
    exact = min(np.quantile(own[right & (labels == k)], 0.02) for k in (0, 1))
    assert 0 <= exact - least < 0.01 and 100 * least == pytest.approx(round(100 * least))  # down to a hundredth
    assert shares[1] == 1
    assert fit_flip_head(np.array([[0.985, 0.015]] * 4), np.zeros(4, int)) == 0.98
    assert fit_flip_head(np.array([[0.4, 0.3, 0.3]] * 4), np.zeros(4, int)) == 0.5  # no edit works that does not turn
    with pytest.raises(ValueError, match="read rightly"):
        fit_flip_head(probabilities[:40], labels[:40])


def test_the_command_writes_the_threshold_and_nothing_else(own, capsys):
    path = own / "manifest.json"
    before = json.loads(path.read_text())
    before["checkpoints"]["toy"]["thresholds"]["flip_head"] = 0.99
    before["checkpoints"]["toy"]["metrics"] |= {"n": 7}
    path.write_text(json.dumps(before))
    options = ["--checkpoint", "toy", "--manifest", str(path), "--data", str(own / "cells.zip"), "--device", "cpu"]
    assert main(["sureness", *options]) == 0
    after = json.loads(path.read_text())
    fitted = after["checkpoints"]["toy"]["thresholds"]["flip_head"]
    assert 0.5 <= fitted < 0.99 and f"flip_head {fitted}" in capsys.readouterr().out
    before["checkpoints"]["toy"]["thresholds"]["flip_head"] = fitted
    assert after == before
