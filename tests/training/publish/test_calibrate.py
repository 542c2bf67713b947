"""Calibration finds what was put in."""

import numpy as np
import pytest
import torch

from training.data.cells import Cells
from training.data.doubted import read_doubted
from training.publish.calibrate import EDGES, _thresholds, choose_window, evenly_spread
from training.publish.fits.promise import PROMISE
from training.temperature import fit_platt, fit_temperature


@pytest.fixture(autouse=True)
def all_windows(monkeypatch):
    """Those that ship, which other tests of training choose fewer of."""
    monkeypatch.setattr("training.publish.calibrate.EDGES", EDGES)


def test_temperature_of_overconfident_logits():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 2, generator=generator) * 2
    labels = (torch.rand(20_000, generator=generator) > logits.softmax(1)[:, 0]).long()
    assert abs(fit_temperature(3 * logits, labels) - 3) < 0.15


def test_platt_finds_slope_and_bias():
    generator = np.random.default_rng(0)
    margins = generator.normal(0, 40, 20_000)
    positive = generator.random(20_000) < 1 / (1 + np.exp(-(margins / 15 + 0.7)))
    tau, bias = fit_platt(margins, positive)
    assert abs(tau - 15) < 1.5
    assert abs(bias - 0.7) < 0.1


@pytest.mark.slow
def test_window_is_put_where_a_draw_tells_most():
    # The classes differ a little everywhere: all 64 draws together tell more than the 16 inside, yet of 16 in
    # use each tells more there.
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (400,), generator=generator)
    times = 0.15 + 0.8 * (torch.arange(64) + torch.rand(400, 64, generator=generator)) / 64
    errors = torch.randn(400, 64, 2, generator=generator)
    difference = torch.where((times > 0.4) & (times < 0.6), 0.6, 0.3)
    errors[:, :, 1] += torch.where(labels == 0, 1.0, -1.0)[:, None] * difference
    window, table = choose_window(times, errors, labels)
    assert 0.35 <= window.low <= 0.45
    assert 0.55 <= window.high <= 0.65
    assert len(table) > 100


def test_evenly_spread_keeps_as_many_of_each_row():
    generator = torch.Generator().manual_seed(0)
    inside = torch.rand(200, 64, generator=generator) < 0.5
    kept = evenly_spread(inside, 16)
    assert not (kept & ~inside).any()
    assert torch.equal(kept.sum(1), inside.sum(1).clamp(max=16))
    gaps = [torch.nonzero(row[known])[:, 0].diff() for row, known in zip(kept, inside, strict=True)]
    assert max(int(gap.max() - gap.min()) for gap in gaps) <= 1


@pytest.mark.slow
def test_window_is_chosen_by_its_log_loss_and_not_by_the_order_of_the_cells(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (200,), generator=generator)
    times = 0.15 + 0.8 * (torch.arange(64) + torch.rand(200, 64, generator=generator)) / 64
    errors = torch.randn(200, 64, 2, generator=generator)
    errors[:, :, 1] += torch.where(labels == 0, 0.5, -0.5)[:, None]
    areas = iter(range(10**6))
    monkeypatch.setattr("training.publish.calibrate.mean_auroc", lambda *_: float(next(areas)))
    window, table = choose_window(times, errors, labels)
    best = min(table, key=lambda row: row["log_loss"])
    assert (window.low, window.high, window.weight) == (best["low"], best["high"], best["weight"])
    assert best["auroc"] < max(row["auroc"] for row in table)


def test_a_promise_rests_on_cells_of_sure_label():
    """One wrong label among the few cells that a slide has breaks its promise, and three slides every promise."""
    slides = [f"S{i // 30}" for i in range(600)]
    probabilities, labels = np.tile([0.99, 0.01], (600, 1)), np.zeros(600, dtype=np.int64)
    labels[[5, 35, 65]] = 1
    doubted = list(read_doubted())[:3]
    names = [f"Parasitized/{i}.png" for i in range(600)]
    images = torch.zeros(600, 3, 1, 1, dtype=torch.uint8)
    assert _thresholds(probabilities, Cells(images, torch.from_numpy(labels), slides, names)).promise is None
    for place, key in zip((5, 35, 65), doubted, strict=True):
        names[place] = f"{key}.png"
    found = _thresholds(probabilities, Cells(images, torch.from_numpy(labels), slides, names))
    assert (found.promise, found.unsure_below) == (PROMISE, 0.5)
