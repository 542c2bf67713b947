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
    squared_error,
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


def test_a_shift_hides_more_at_the_same_time_and_stays_within_the_range():
    time = torch.linspace(0, 1, 101)
    plain, shifted = cosine_logsnr(time), cosine_logsnr(time, 2.0)
    torch.testing.assert_close(shifted, (plain - 2).clamp(min=LOGSNR_MIN))
    assert shifted.min() == LOGSNR_MIN and shifted[50] < 0


def test_squared_error_is_a_mean_over_channels_and_pixels():
    prediction, target = torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)
    prediction[0] = 2
    prediction[1, 0] = 3
    torch.testing.assert_close(squared_error(prediction, target), torch.tensor([4.0, 3.0]))
