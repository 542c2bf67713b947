"""Augmentation: what a stain varies, together and channel by channel, what a camera adds, what both leave alone."""

import numpy as np
import pytest
import torch

from training.data.augment import NOISE, add_grain, jitter_stain


def test_the_stain_varies_together_and_each_channel_a_little_alone():
    gray = torch.full((4000, 3, 1, 1), 0.0)  # half the light: a density of log 2
    varied = jitter_stain(gray, 0.1, torch.Generator().manual_seed(0))
    gamma = (((varied + 1) / 2).log() / torch.log(torch.tensor(0.5))).log()[:, :, 0, 0]  # log of the density's scale
    assert float(gamma.std(0).mean()) == pytest.approx(0.1 * (1 + 0.25) ** 0.5, rel=0.1)
    apart = gamma - gamma.mean(1, keepdim=True)
    assert float(apart.square().sum(1).mean() / 2) ** 0.5 == pytest.approx(0.05, rel=0.1)
    black_and_white = torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 3, 1, 1)
    torch.testing.assert_close(jitter_stain(black_and_white, 0.5, torch.Generator().manual_seed(1)), black_and_white)


def flat(count: int, side: int = 32) -> torch.Tensor:
    """Gray squares on black ground."""
    images = torch.full((count, 3, side, side), -1.0)
    images[:, :, 4:-4, 4:-4] = 0.2
    return images


def test_a_share_of_the_pictures_changes_and_never_the_ground():
    images = flat(400)
    grained = add_grain(images, 0.3, torch.Generator().manual_seed(0))
    changed = (grained != images).flatten(1).any(1)
    assert 0.22 < changed.float().mean() < 0.38
    assert torch.equal(grained[images == -1], images[images == -1])
    assert grained.abs().max() <= 1 and grained.dtype == images.dtype
    assert torch.equal(add_grain(images, 0.3, torch.Generator().manual_seed(0)), grained)
    assert torch.equal(add_grain(images, 0.0, torch.Generator().manual_seed(0)), images)


def test_its_strengths_span_the_range_and_half_is_saved_as_jpeg():
    grained = add_grain(flat(400), 1.0, torch.Generator().manual_seed(1))[:, :, 4:-4, 4:-4]
    deviations = (grained / 2).flatten(1).std(1).numpy()  # of light in [0, 1]
    low, high = NOISE
    assert 0.5 * low < np.quantile(deviations, 0.05) < 2 * low < 0.6 * high < deviations.max() < 1.2 * high
    # Without JPEG, what two channels differ by differs from pixel to pixel twice as much as one channel varies.
    colour = grained[:, 0] - grained[:, 2]
    apart = (colour[:, :, 1:] - colour[:, :, :-1]).flatten(1).std(1) / grained[:, 1].flatten(1).std(1)
    assert 0.4 < (apart < 1).float().mean() < 0.6 and (apart > 1.7).float().mean() > 0.4
