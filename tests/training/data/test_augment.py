"""Augmentation: what a stain varies, together and channel by channel, and what it leaves alone."""

import pytest
import torch

from training.data.augment import jitter_stain


def test_the_stain_varies_together_and_each_channel_a_little_alone():
    gray = torch.full((4000, 3, 1, 1), 0.0)  # half the light: a density of log 2
    varied = jitter_stain(gray, 0.1, torch.Generator().manual_seed(0))
    gamma = (((varied + 1) / 2).log() / torch.log(torch.tensor(0.5))).log()[:, :, 0, 0]  # log of the density's scale
    assert float(gamma.std(0).mean()) == pytest.approx(0.1 * (1 + 0.25) ** 0.5, rel=0.1)
    apart = gamma - gamma.mean(1, keepdim=True)
    assert float(apart.square().sum(1).mean() / 2) ** 0.5 == pytest.approx(0.05, rel=0.1)
    black_and_white = torch.tensor([-1.0, 1.0])[:, None, None, None].expand(2, 3, 1, 1)
    torch.testing.assert_close(jitter_stain(black_and_white, 0.5, torch.Generator().manual_seed(1)), black_and_white)
