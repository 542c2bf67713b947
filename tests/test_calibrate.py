"""Calibration finds what was put in."""

import numpy as np
import torch

from training.calibrate import choose_window, fit_platt, fit_temperature


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


def test_window_is_put_where_the_classes_differ():
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(2, (400,), generator=generator)
    times = 0.1 + 0.8 * (torch.arange(32) + torch.rand(400, 32, generator=generator)) / 32
    errors = torch.randn(400, 32, 2, generator=generator)
    informative = ((times > 0.3) & (times < 0.5)).float()
    sign = torch.where(labels == 0, 1.0, -1.0)[:, None]
    errors[:, :, 1] += sign * informative * 0.8
    window, table = choose_window(times, errors, labels)
    assert 0.25 <= window.low <= 0.35
    assert 0.45 <= window.high <= 0.55
    assert len(table) > 100
