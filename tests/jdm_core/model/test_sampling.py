"""Cells out of noise, where the denoiser is known in closed form: levels, steps, guidance and seeds."""

import pytest
import torch

from jdm_core.model.diffusion import LOGSNR_MIN, alpha_sigma, cosine_logsnr
from jdm_core.model.sampling import denoise, initial_noise, sample
from tests.support.gaussian import GaussianNetwork


@pytest.fixture
def gaussian() -> GaussianNetwork:
    """Two classes, and "no class" between them."""
    network = GaussianNetwork(torch.stack([torch.full((3, 8, 8), mean) for mean in (-0.6, 0.5, 0.1)]))
    network.no_class = 2
    return network


@pytest.mark.parametrize("shift", [0.0, 1.5])
def test_the_levels_are_equal_steps_of_time_from_the_noisiest(shift):
    seen = []
    noise = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    found = denoise(lambda x, level: seen.append((x, level)) or torch.full_like(x, 3.0), noise, 4, shift)
    expected = cosine_logsnr(torch.tensor([1, 0.75, 0.5, 0.25]), shift)
    torch.testing.assert_close(torch.stack([level for _, level in seen]), expected[:, None].expand(4, 2))
    assert seen[0][0] is noise and expected[0] == pytest.approx(LOGSNR_MIN, abs=1e-3)
    torch.testing.assert_close(found, torch.ones_like(found), atol=0.02, rtol=0)  # held within the range of pictures
    assert found.max() == 1


def test_a_step_goes_to_the_next_level_with_the_noise_that_is_there():
    noise = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    image = torch.tensor([-0.3, 0.4])[:, None, None, None].expand_as(noise)
    seen = []
    denoise(lambda x, level: seen.append(x) or image, noise, 3)
    levels = cosine_logsnr(torch.linspace(1, 0, 4))
    alpha, sigma = (part.flatten() for part in alpha_sigma(levels))
    kept = (noise - alpha[0] * image) / sigma[0]
    for step in (1, 2):
        torch.testing.assert_close(seen[step], alpha[step] * image + sigma[step] * kept)


@pytest.mark.parametrize("guidance", [0.0, 1.0, 2.5])
def test_guidance_goes_from_no_class_to_the_wanted_one_and_beyond(gaussian, guidance):
    labels, seeds = torch.tensor([0, 1]), (3, 4)
    none, wanted = gaussian.means[[2, 2]], gaussian.means[labels]

    def read(x, level):  # x̂ = α x_λ + σ² μ
        alpha, sigma = alpha_sigma(level)
        return alpha * x + sigma**2 * (none + guidance * (wanted - none))

    noise = initial_noise(gaussian, seeds, torch.device("cpu"))
    found = sample(gaussian, labels, seeds, steps=5, guidance=guidance)
    torch.testing.assert_close(found, denoise(read, noise, 5))
    assert gaussian.encoded == 2 * 5 and gaussian.decoded == 2 * 2 * 5
    assert not torch.equal(found, sample(gaussian, labels, (3, 5), steps=5, guidance=guidance))


def test_the_noise_of_an_image_is_its_seeds_alone(gaussian):
    noise = initial_noise(gaussian, (5, 6, 5), torch.device("cpu"))
    assert noise.shape == (3, 3, 8, 8) and torch.equal(noise[0], noise[2]) and not torch.equal(noise[0], noise[1])
    assert torch.equal(initial_noise(gaussian, (6,), torch.device("cpu"))[0], noise[1])
    assert float(noise.mean()) == pytest.approx(0, abs=0.15) and float(noise.std()) == pytest.approx(1, abs=0.1)
