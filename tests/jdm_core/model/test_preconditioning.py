"""Twice the side from a smaller network: exact on 2×2 means, linear on the detail beside them."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from jdm_core.model import preconditioning
from jdm_core.model.diffusion import LOGSNR_MAX, add_noise, alpha_sigma, cosine_logsnr, predicted_image, predicted_noise
from jdm_core.model.network import JointDiffusionNetwork
from training.run.recipe import load_recipe
from training.run.trainer import grown_weights

LEVELS = torch.tensor([-9.0, -3.0, 0.0, 2.0, 5.0, 8.0])


@pytest.fixture(scope="module")
def grown(explainer):
    small, large = explainer.checkpoint.architecture, load_recipe("malaria-128").architecture
    network = JointDiffusionNetwork(large).eval().requires_grad_(False)
    network.load_state_dict(grown_weights(explainer.network.state_dict(), small, large))
    return network


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_grown_network_says_of_the_means_what_the_small_one_does(network, grown, label):
    generator = torch.Generator().manual_seed(label)
    x = F.interpolate(torch.rand(6, 3, 32, 32, generator=generator) * 2 - 1, scale_factor=4, mode="bilinear")
    noisy = add_noise(x, torch.randn(x.shape, generator=generator), LEVELS)
    labels = torch.full((6,), label)
    v = grown.decode(grown.encode(noisy, LEVELS), LEVELS, labels)

    # The means are a picture with half the noise; both networks must see the same clean one in it.
    small_levels = preconditioning.means_logsnr(LEVELS)
    alpha, sigma = alpha_sigma(LEVELS)
    as_small = F.avg_pool2d(noisy, 2) / (alpha**2 + sigma**2 / 4).sqrt()
    of_small = network.decode(network.encode(as_small, small_levels), small_levels, labels)
    expected_noise = predicted_noise(as_small, of_small, small_levels) / 2
    torch.testing.assert_close(
        F.avg_pool2d(predicted_image(noisy, v, LEVELS), 2),
        predicted_image(as_small, of_small, small_levels),
        atol=2e-5,
        rtol=1e-4,
    )
    torch.testing.assert_close(F.avg_pool2d(predicted_noise(noisy, v, LEVELS), 2), expected_noise, atol=2e-4, rtol=1e-3)


def test_a_grown_network_classifies_as_the_small_one(network, grown):
    x = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    clean = torch.full((3,), LOGSNR_MAX)
    small, large = network.encode(F.avg_pool2d(x, 2), clean), grown.encode(x, clean)
    torch.testing.assert_close(grown.classify(large), network.classify(small), atol=1e-4, rtol=1e-4)
    assert len(grown.levels(large)) == len(small)


@pytest.mark.parametrize("level", [-6.0, 0.0, 4.0, 8.0])
def test_the_linear_estimate_of_the_detail_is_wieners(level):
    variance, logsnr = 0.01, torch.tensor([level])
    generator = torch.Generator().manual_seed(1)
    picture = torch.randn(1, 1, 256, 256, generator=generator)
    detail = (picture - preconditioning.means(picture)) * variance**0.5
    noisy = add_noise(detail, torch.randn(detail.shape, generator=generator), logsnr)
    noisy_detail = noisy - preconditioning.means(noisy)
    estimate = predicted_image(noisy_detail, preconditioning.linear_velocity(noisy_detail, logsnr, variance), logsnr)
    least = (estimate - detail).pow(2).mean()
    for factor in (0.8, 1.25):  # no other multiple of the noisy detail comes closer
        assert (factor * estimate - detail).pow(2).mean() > least


def test_a_shifted_schedule_is_one_of_the_means():
    time = torch.linspace(0.05, 0.95, 10)
    shifted = cosine_logsnr(time, preconditioning.LOGSNR_SHIFT)
    torch.testing.assert_close(preconditioning.means_logsnr(shifted), cosine_logsnr(time))
    assert cosine_logsnr(torch.tensor([1.0]), preconditioning.LOGSNR_SHIFT) == -12


def test_a_network_grows_only_into_its_double(explainer):
    small, large = explainer.checkpoint.architecture, load_recipe("malaria-128").architecture
    weights = explainer.network.state_dict()
    for other in (replace(large, detail_variance=0.0), replace(large, widths=(64, 128, 192)), small):
        with pytest.raises(ValueError, match="twice the side"):
            grown_weights(weights, small, other)
