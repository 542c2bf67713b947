"""Gradient saliency of the head."""

import numpy as np
import pytest
import torch

from jdm_core.explain.saliency import logit_gradient, saliency_map
from jdm_core.model.architecture import Architecture
from jdm_core.model.network import JointDiffusionNetwork


@pytest.fixture(scope="module")
def toy_network():
    """A small network, its head not at zero."""
    torch.manual_seed(0)
    shape = Architecture(
        image_size=16, image_channels=3, fold=2, widths=(16, 32), blocks=(1, 1), attention=(1,), embedding=32, classes=2
    )
    network = JointDiffusionNetwork(shape).eval().requires_grad_(False)
    for parameter in network.parameters():  # residual branches start at zero, which would hide most of the network
        parameter.add_(0.05 * torch.randn_like(parameter))
    return network


def test_gradient_of_the_target_logit_equals_finite_differences(toy_network):
    def logits(x):
        return toy_network.classify(toy_network.encode(x, torch.full((len(x),), 12.0)))

    x, target, step = torch.rand(2, 3, 16, 16) - 0.5, torch.tensor([0, 1]), 0.01
    with torch.inference_mode():
        gradient = logit_gradient(logits, x, target)
    for image, channel, row, column in [(0, 0, 3, 4), (0, 2, 8, 8), (1, 1, 0, 15), (1, 2, 12, 5)]:
        moved = torch.zeros_like(x)
        moved[image, channel, row, column] = step
        change = (logits(x + moved) - logits(x - moved))[image, target[image]] / (2 * step)
        assert float(gradient[image, channel, row, column]) == pytest.approx(float(change), rel=0.02, abs=1e-4)
    assert gradient.abs().max() > 0.01  # far above what the comparison lets pass


def test_map_takes_the_largest_channel():
    gradient = torch.zeros(1, 3, 2, 2)
    gradient[0, :, 0, 1] = torch.tensor([0.5, -2.0, 1.0])
    assert saliency_map(gradient).tolist() == [[[0.0, 2.0], [0.0, 0.0]]]


def test_explainer_gives_the_saliency_of_the_predicted_class(explainer, cells):
    maps = explainer.saliency(cells[:2])
    assert maps.shape == (2, explainer.size, explainer.size) and maps.min() >= 0
    assert np.allclose(maps[1], explainer.saliency(cells[1])[0], atol=1e-4 * maps.max())
    x = explainer.verdicts.tensor(cells[:1])
    k = int(explainer.predict(cells[0]).probabilities[0].argmax())
    row, column = np.unravel_index(maps[0].argmax(), maps[0].shape)
    differences = []
    for channel in range(3):
        moved = torch.zeros_like(x)
        moved[0, channel, row, column] = 0.02
        with torch.inference_mode():
            differences.append(
                abs(float((explainer.verdicts.logits(x + moved) - explainer.verdicts.logits(x - moved))[0, k]) / 0.04)
            )
    assert max(differences) == pytest.approx(float(maps[0].max()), rel=0.1)
    picture = explainer.draw.saliency(explainer.model_view(cells[0]), maps[0], 128)
    assert picture.shape == (128, 128, 3) and picture.dtype == np.uint8
    at = (np.array([row, column]) + 0.5) * 128 / explainer.size
    brightest = picture[tuple(at.astype(int))].astype(int)
    assert brightest[0] > 150 and brightest[1] > 130 and brightest[2] < 120  # yellow, where the saliency is strongest
