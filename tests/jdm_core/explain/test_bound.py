"""The bound: levels in strata, draws that add up to the integral, an error that is told as it is."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.bound_error import told_over_true
from jdm_core.explain.bound import bound_logsnr, draw_levels, elbo_of_errors, standard_error, strata
from jdm_core.explain.likelihood import draw, error_per_draw
from jdm_core.model.diffusion import LOGSNR_MAX, LOGSNR_MIN
from tests.support.gaussian import GaussianNetwork


@pytest.mark.parametrize(("count", "sizes"), [(1, [1]), (2, [2]), (3, [3]), (8, [2] * 4), (9, [2, 2, 2, 3])])
def test_two_draws_share_a_stratum_and_of_an_odd_number_three_the_last(count, sizes):
    assert strata(count) == sizes
    for seed in range(20):
        levels = draw_levels(count, 4.0, torch.Generator().manual_seed(seed))
        ends = bound_logsnr(torch.tensor([0, *sizes]).cumsum(0) / count, 4.0)
        inside = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
        assert (levels >= ends[inside] - 1e-4).all() and (levels <= ends[inside + 1] + 1e-4).all()


@pytest.mark.parametrize("top", [2.0, LOGSNR_MAX])
def test_levels_run_from_the_noisiest_to_where_the_bound_ends(top):
    levels = draw([0], 4000, (1, 1, 1), top).logsnr[0]
    assert levels.min() == pytest.approx(LOGSNR_MIN, abs=2.0) and levels.min() >= LOGSNR_MIN - 1e-4
    assert levels.max() == pytest.approx(top, abs=0.01) and levels.max() <= top + 1e-4


@pytest.mark.parametrize("top", [1.0, 3.0, LOGSNR_MAX])
def test_draws_add_up_to_half_the_integral_over_log_snr(top):
    logsnr = draw_levels(4000, top, torch.Generator().manual_seed(0))[None]
    errors = torch.stack([torch.ones_like(logsnr), 5 * torch.sigmoid(logsnr)], dim=2)
    elbo, _ = elbo_of_errors(errors[:, :, 1:], logsnr, top)
    whole = 5 * (math.log1p(math.exp(top)) - math.log1p(math.exp(LOGSNR_MIN)))
    assert elbo.item() == pytest.approx(-0.5 * whole, rel=0.01)


@torch.inference_mode()
@pytest.mark.parametrize("top", [0.0, 3.0, LOGSNR_MAX])
def test_gaussians_have_the_likelihood_of_the_cell_under_the_noise_where_the_bound_ends(top):
    # x_λ is N(α μ_c, I): log p(x_λ | c) differs by α² of what log p(x | c) differs by, in the mean over x_λ of x.
    generator = torch.Generator().manual_seed(0)
    gaussian = GaussianNetwork(torch.randn(2, 1, 4, 4, generator=generator))
    x = torch.randn(4, 1, 4, 4, generator=generator)
    draws = draw(range(4), 4000, x.shape[1:], top)
    errors = error_per_draw(gaussian, x, draws)
    found, error = elbo_of_errors(errors[:, :, :1] - errors[:, :, 1:], draws.logsnr, top)
    true = torch.sigmoid(torch.tensor(top)) - torch.sigmoid(torch.tensor(LOGSNR_MIN))
    true = true * gaussian.log_likelihood(x).diff(dim=1)[:, 0].neg()
    assert ((found[:, 0] - true) / error[:, 0]).abs().max() < 3.5
    assert (error[:, 0] < 0.15 * true.abs().mean()).all()


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 8, 16, 33])
def test_standard_error_is_the_spread_of_repeated_estimates_whatever_the_trend(count, monkeypatch):
    monkeypatch.setattr("jdm_core.explain.bound.HALVINGS", 12)  # levels to a hundredth, where the trend takes a tenth
    generator = torch.Generator().manual_seed(0)
    repeats = 1000
    u = torch.stack([draw_levels(count, 4.0, generator) for _ in range(repeats)])
    values = 400 * torch.exp(-(u - 3).square() * 40) + 3 * torch.randn(repeats, count, generator=generator)
    told = standard_error(values[:, :, None])[:, 0]
    spread = values.mean(1).std()
    assert told.square().mean().sqrt() / spread == pytest.approx(1, abs=0.08)


def test_told_over_true_is_one_where_the_spread_is_told():
    estimates = np.random.default_rng(0).normal(0, [1.0, 3.0], (400, 2))
    ratio, true = told_over_true(estimates, np.broadcast_to([1.0, 3.0], (400, 2)))
    assert (ratio, true) == (pytest.approx(1, abs=0.1), pytest.approx(5**0.5, abs=0.2))
    assert told_over_true(estimates, np.broadcast_to([2.0, 6.0], (400, 2)))[0] == pytest.approx(2 * ratio)


@torch.inference_mode()
def test_the_explainer_ends_the_bound_where_its_checkpoint_does(explainer, cells):
    from jdm_core import Explainer

    checkpoint = explainer.checkpoint
    ends = replace(checkpoint, calibration=replace(checkpoint.calibration, elbo_logsnr_max=2.0))
    short = Explainer(explainer.network, ends, "short", explainer.device).elbo(cells[:2], draws=4)
    whole = explainer.elbo(cells[:2], draws=4)
    assert short.elbo_logsnr_max == 2.0 and whole.elbo_logsnr_max == checkpoint.calibration.elbo_logsnr_max
    assert (np.abs(short.elbo) < 0.75 * np.abs(whole.elbo)).all()
    np.testing.assert_array_equal(short.posterior, whole.posterior)
    with pytest.raises(ValueError, match="elbo_logsnr_max"):
        replace(checkpoint.calibration, elbo_logsnr_max=13.0)
