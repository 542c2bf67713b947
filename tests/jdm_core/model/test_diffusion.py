"""Noise levels and conversions: identities that must hold at every level."""

import torch

from jdm_core.model.diffusion import (
    LOGSNR_MAX,
    LOGSNR_MIN,
    add_noise,
    alpha_sigma,
    cosine_logsnr,
    ddim_step,
    min_snr_weight,
    predicted_image,
    predicted_noise,
    velocity,
)

LEVELS = torch.tensor([-12.0, -3.0, 0.0, 0.7, 6.0, 12.0])


def test_variance_is_preserved():
    alpha, sigma = alpha_sigma(LEVELS)
    torch.testing.assert_close(alpha**2 + sigma**2, torch.ones_like(alpha))
    torch.testing.assert_close((alpha / sigma).log().flatten() * 2, LEVELS)


def test_velocity_gives_back_image_and_noise():
    x, noise = torch.rand(6, 3, 8, 8) * 2 - 1, torch.randn(6, 3, 8, 8)
    noisy, v = add_noise(x, noise, LEVELS), velocity(x, noise, LEVELS)
    torch.testing.assert_close(predicted_image(noisy, v, LEVELS), x, atol=1e-5, rtol=0)
    torch.testing.assert_close(predicted_noise(noisy, v, LEVELS), noise, atol=1e-5, rtol=0)


def test_ddim_step_with_the_truth_lands_on_the_same_noise_path():
    x, noise = torch.rand(6, 3, 8, 8) * 2 - 1, torch.randn(6, 3, 8, 8)
    torch.testing.assert_close(ddim_step(x, noise, LEVELS), add_noise(x, noise, LEVELS))


def test_cosine_time_covers_the_range_and_falls():
    logsnr = cosine_logsnr(torch.linspace(0, 1, 101))
    assert logsnr.diff().max() <= 0
    torch.testing.assert_close(logsnr[[0, 50, 100]], torch.tensor([LOGSNR_MAX, 0.0, LOGSNR_MIN]), atol=2e-2, rtol=0)


def test_min_snr_weight_is_capped():
    snr = torch.exp(LEVELS)
    torch.testing.assert_close(min_snr_weight(LEVELS), torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))
