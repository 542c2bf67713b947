"""Parts of the joint loss beside the denoising error: levels drawn in a focus, the margin between classes."""

from dataclasses import replace

import pytest
import torch

from jdm_core.model.diffusion import add_noise, cosine_logsnr, predicted_noise, squared_error, velocity
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import TINY
from training.run.loss import UNLABELLED, Batch, JointLoss, diffusion_loss, draw_batch, focused, margin_loss
from training.run.recipe import load_recipe


def test_a_focus_draws_its_share_of_the_levels_in_its_interval():
    u = (torch.arange(1000) + 0.5) / 1000
    time = focused(u, (0.5, 0.75, 0.6))
    inside = (time >= 0.5) & (time < 0.75)
    assert float(inside.float().mean()) == pytest.approx(0.6 + 0.4 * 0.25, abs=2e-3)
    assert (time.diff() > 0).all() and time[0] < 0.002 and time[-1] > 0.998
    for part in (time[inside], time[time < 0.5], time[time >= 0.75]):  # evenly in each
        torch.testing.assert_close(part.diff(), part.diff().mean().expand(len(part) - 1), atol=1e-5, rtol=1e-3)
    assert torch.equal(focused(u, ()), u)
    images, labels = torch.zeros(64, 1, 8, 8), torch.zeros(64, dtype=torch.long)
    batch = draw_batch(images, labels, 2, 0.1, torch.Generator().manual_seed(0), focus=(0.5, 0.75, 0.999))
    low, high = cosine_logsnr(torch.tensor([0.75, 0.5]))
    assert ((batch.logsnr > low) & (batch.logsnr < high)).float().mean() > 0.98


def test_the_margin_is_the_cross_entropy_of_one_draw():
    recipe = load_recipe("malaria-64", [*TINY, "margin_weight=0.5", "focus=[0.3, 0.7, 0.5]"])
    torch.manual_seed(0)
    network = JointDiffusionNetwork(recipe.architecture)
    for parameter in network.parameters():  # at first every class is decoded alike
        torch.nn.init.normal_(parameter, std=0.2)
    images, labels = torch.rand(6, 3, 16, 16) * 2 - 1, torch.tensor([0, 1, 1, UNLABELLED, 0, 1])
    time, decoded_as = torch.tensor([0.35, 0.65, 0.2, 0.5, 0.5, 0.8]), torch.tensor([0, 1, 1, 2, 2, 1])
    batch = Batch(images, labels, decoded_as, cosine_logsnr(time), torch.randn(images.shape), 5.0, 0.5)
    losses = JointLoss(network, recipe)(batch)
    # The third and the last are outside the focus, the fourth has no label and the fifth was decoded without one.
    # While training, an encoder may normalise by the statistics of the batch: so the whole batch is encoded here too.
    noisy = add_noise(images, batch.noise, batch.logsnr)
    encoded = network.encode(noisy, batch.logsnr)
    expected = torch.tensor(0.0)
    for i in (0, 1):
        level, noise, z = batch.logsnr[i : i + 1], batch.noise[i : i + 1], [part[i : i + 1] for part in encoded]
        errors = [
            (noise - predicted_noise(noisy[i : i + 1], network.decode(z, level, torch.tensor([c])), level))
            .square()
            .sum()
            for c in (int(labels[i]), 1 - int(labels[i]))
        ]
        expected = expected - torch.log_softmax(-0.5 * torch.stack(errors), 0)[0] / 6
    assert losses["margin"].item() == pytest.approx(expected.item(), rel=1e-3)
    assert expected > 0.01
    plain = losses["diffusion"] + recipe.clean_weight * losses["clean"] + recipe.noisy_weight * losses["noisy"]
    torch.testing.assert_close(losses["loss"], plain + 0.5 * losses["margin"])
    nowhere = replace(batch, decoded_as=torch.full((6,), 2))
    losses = JointLoss(network, recipe)(nowhere)
    assert losses["margin"] == 0
    losses["loss"].backward()  # a small share of a batch may well have nothing to tell apart
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_the_margin_is_to_the_wrong_class_that_the_head_finds_likeliest():
    recipe = load_recipe(
        "mnist-28", ["architecture.widths=[32]", "architecture.blocks=[1]", "architecture.attention=[]"]
    )
    torch.manual_seed(0)
    network = JointDiffusionNetwork(recipe.architecture)
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    labels = torch.tensor([3, 4])
    batch = draw_batch(torch.rand(2, 1, 28, 28) * 2 - 1, labels, 10, 0.0, torch.Generator().manual_seed(0))
    _, z, error = diffusion_loss(network, batch)
    logits = torch.zeros(2, 10)
    logits[0, 3], logits[0, 7], logits[1, 9] = 9.0, 5.0, 5.0  # the first is right, with 7 second; the second is wrong
    v = network.decode(z, batch.logsnr, torch.tensor([7, 9]))
    other = squared_error(v, velocity(batch.images, batch.noise, batch.logsnr))
    expected = torch.nn.functional.softplus(392 * torch.sigmoid(batch.logsnr) * (error - other)).mean()
    torch.testing.assert_close(margin_loss(network, batch, z, error, logits, (-12.1, 12.1)), expected)
