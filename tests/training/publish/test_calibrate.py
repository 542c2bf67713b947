"""Calibration finds what was put in."""

import numpy as np
import pytest
import torch

from jdm_core.checkpoint.calibration import Window
from jdm_core.explain.likelihood import POSTERIOR_DRAWS, draw, window_scores
from jdm_core.images.pixels import as_images
from tests.support.gaussian import GaussianNetwork
from tests.support.toy import few_windows
from training.data.cells import Cells
from training.data.doubted import read_doubted
from training.publish.calibrate import EDGES, _errors, _thresholds, calibrate, choose_window, evenly_spread
from training.publish.fits.promise import PROMISE
from training.publish.fits.sureness import fit_flip_head
from training.temperature import fit_platt, fit_temperature, log_loss


@pytest.fixture(autouse=True)
def all_windows(monkeypatch):
    """Those that ship, which other tests of training choose fewer of."""
    monkeypatch.setattr("training.publish.calibrate.EDGES", EDGES)


def test_temperature_of_overconfident_logits():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 2, generator=generator) * 2
    labels = (torch.rand(20_000, generator=generator) > logits.softmax(1)[:, 0]).long()
    assert abs(fit_temperature(3 * logits, labels) - 3) < 0.15


def test_log_loss_is_the_mean_cross_entropy_in_nats():
    logits, positive = np.array([0.0, 0.0, 2.0, -1.0]), np.array([True, False, True, True])
    expected = -np.log([0.5, 0.5, 1 / (1 + np.exp(-2)), 1 / (1 + np.exp(1))]).mean()
    assert log_loss(logits, positive) == pytest.approx(expected)


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
    assert len(table) > 100 and not window.symmetries


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


@pytest.fixture(scope="module")
def gaussian_cells() -> Cells:
    """Dim and bright pictures, which overlap, each of a slide of its own."""
    generator, labels = torch.Generator().manual_seed(0), torch.arange(40) % 2
    grey = 127.5 + 12.0 * torch.where(labels == 0, -1.0, 1.0) + 16 * torch.randn(40, generator=generator)
    images = grey[:, None, None, None] + 20 * torch.randn(40, 3, 8, 8, generator=generator)
    names = [f"{i}.png" for i in range(40)]
    return Cells(images.round().clamp(0, 255).to(torch.uint8), labels, names, names)


def gaussian_network() -> GaussianNetwork:
    return GaussianNetwork(torch.stack([torch.full((3, 8, 8), mean) for mean in (-0.15, 0.1)]))


def test_every_part_is_fitted_to_what_verdicts_will_read(gaussian_cells):
    """Head and posterior as users compute them, of the same cells: their own fits find what calibration found."""
    network, cpu = gaussian_network(), torch.device("cpu")
    with few_windows(), torch.inference_mode():
        found = calibrate(network, gaussian_cells, 36, False, cpu)
        x = as_images(gaussian_cells.images)
        logits = network.classify(network.encode_clean(x))
        order = torch.randperm(40, generator=torch.Generator().manual_seed(1))[:36]
        draws = draw(range(36), POSTERIOR_DRAWS, x.shape[1:], found.calibration.window)
        scores = window_scores(network, x[order], draws, found.calibration.window).scores
    assert found.calibration.temperature == pytest.approx(fit_temperature(logits, gaussian_cells.labels), rel=1e-3)
    tau, bias = fit_platt((scores[:, 0] - scores[:, 1]).numpy(), (gaussian_cells.labels[order] == 0).numpy())
    assert found.calibration.posterior_temperature == pytest.approx(tau, rel=0.02)
    assert found.calibration.posterior_bias == pytest.approx(bias, abs=0.02) and abs(bias) > 0.1
    best = min(found.windows, key=lambda row: row["log_loss"])
    assert (found.calibration.window.low, found.calibration.window.high) == (best["low"], best["high"])
    highest = max((row["balanced_accuracy"], row["logsnr_max"]) for row in found.ends)
    assert found.calibration.elbo_logsnr_max == highest[1]
    head = (logits / found.calibration.temperature).softmax(1).numpy()
    assert found.thresholds.flip_head == fit_flip_head(head, gaussian_cells.labels.numpy()) > 0.53


def test_errors_are_those_of_one_draw_in_each_stratum_of_the_window(gaussian_cells):
    network, window = gaussian_network(), Window(0.2, 0.6, "epsilon")
    times, errors = _errors(network, gaussian_cells, window, 8, torch.device("cpu"))
    assert times.shape == (40, 8) and errors.shape == (40, 8, 2)
    assert torch.equal(((times - 0.2) / 0.4 * 8).floor(), torch.arange(8.0).expand(40, 8))
    assert len(times.unique(dim=0)) == 40  # every cell has draws of its own
