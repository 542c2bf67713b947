"""Parts of the joint loss beside the denoising error: levels drawn in a focus, the margin between classes."""

from dataclasses import replace

import pytest
import torch

from jdm_core.model.diffusion import add_noise, cosine_logsnr, predicted_noise, squared_error, velocity
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import NOISY
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


def drawn(labels: torch.Tensor, classes: int = 2, dropout: float = 0.0, seed: int = 0, **more) -> Batch:
    """A batch of gray images of 8 pixels a side."""
    images = torch.linspace(-1, 1, 64).reshape(1, 1, 8, 8).expand(len(labels), 1, 8, 8)
    return draw_batch(images, labels, classes, dropout, torch.Generator().manual_seed(seed), **more)


def cosine_times(logsnr: torch.Tensor) -> torch.Tensor:
    return 2 / torch.pi * torch.atan(torch.exp(-logsnr / 2))


def test_a_batch_has_one_level_in_each_stratum_in_no_order():
    labels = torch.arange(64) % 2
    batch, again, other = drawn(labels), drawn(labels), drawn(labels, seed=1)
    times = cosine_times(batch.logsnr)
    ordered = times.sort().values
    assert torch.equal((ordered * 64).floor(), torch.arange(64.0))
    assert not torch.equal(times, ordered)
    assert abs(float(torch.corrcoef(torch.stack([times, torch.arange(64.0)]))[0, 1])) < 0.4
    for name in ("logsnr", "noise", "decoded_as"):
        assert torch.equal(getattr(batch, name), getattr(again, name))
    assert not torch.equal(batch.logsnr, other.logsnr) and not torch.equal(batch.noise, other.noise)
    assert batch.noise.shape == (64, 1, 8, 8)
    assert abs(float(batch.noise.mean())) < 0.05 and float(batch.noise.std()) == pytest.approx(1, abs=0.05)
    torch.testing.assert_close(drawn(labels, logsnr_shift=2.0).logsnr, batch.logsnr - 2)


def test_labels_are_dropped_and_counted():
    labels = torch.tensor([0, 1, 2, UNLABELLED] * 64)
    batch = drawn(labels, 3, dropout=0.25, margin_weight=0.5)
    dropped = batch.decoded_as != labels
    assert torch.equal(batch.labels, labels) and batch.labelled == 192 and batch.margin_weight == 0.5
    assert (batch.decoded_as[dropped] == 3).all() and (batch.decoded_as[labels == UNLABELLED] == 3).all()
    assert 0.15 < float(dropped[labels != UNLABELLED].float().mean()) < 0.35
    assert torch.equal(drawn(labels, 3).decoded_as, torch.where(labels == UNLABELLED, 3, labels))
    assert (drawn(labels, 3, dropout=1.0).decoded_as == 3).all()
    assert drawn(labels).margin_weight == 0
    bare = Batch(batch.images, batch.read, labels, batch.decoded_as, batch.logsnr, batch.noise, batch.labelled)
    assert bare.margin_weight == 0


def tiny_loss(*settings: str) -> JointLoss:
    """The loss of a tiny network that tells classes apart, without statistics of its batch."""
    torch.manual_seed(0)
    recipe = load_recipe("malaria-64", [*TINY, *settings])
    loss = JointLoss(JointDiffusionNetwork(recipe.architecture), recipe)
    for parameter in loss.network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return loss.eval()


def colour_batch(labels: torch.Tensor, **more) -> Batch:
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(len(labels), 3, 16, 16, generator=generator) * 2 - 1
    return draw_batch(images, labels, 2, 0.0, generator, **more)


def test_the_parts_of_the_loss_are_those_of_the_paper():
    loss = tiny_loss("label_smoothing=0.1", "clean_weight=0.3", "noisy_weight=0.2")
    network = loss.network
    batch = colour_batch(torch.tensor([0, 1, UNLABELLED, 1]))
    noisy = add_noise(batch.images, batch.noise, batch.logsnr)
    z = network.encode(noisy, batch.logsnr)
    v = network.decode(z, batch.logsnr, torch.tensor([0, 1, 2, 1]))
    snr = torch.exp(batch.logsnr)
    error = (v - velocity(batch.images, batch.noise, batch.logsnr)).square().mean((1, 2, 3))
    found = loss(batch)
    torch.testing.assert_close(found["diffusion"], (snr.clamp(max=5) / (snr + 1) * error).mean())
    known = torch.tensor([0, 1, 3])
    for part, logits in (
        ("clean", network.classify(network.encode_clean(batch.images))),
        ("noisy", network.classify(z, NOISY)),
    ):
        log_p = logits[known].log_softmax(1)
        expected = 0.9 * log_p[range(3), [0, 1, 1]] + 0.1 * log_p.mean(1)
        torch.testing.assert_close(found[part], -expected.mean())
    torch.testing.assert_close(found["loss"], found["diffusion"] + 0.3 * found["clean"] + 0.2 * found["noisy"])
    assert "margin" not in found


def test_a_batch_without_labels_has_the_denoising_loss_alone():
    found = tiny_loss()(colour_batch(torch.full((4,), UNLABELLED)))
    assert found["clean"] == found["noisy"] == 0
    assert found["loss"] == found["diffusion"] > 0


def test_the_mean_loss_of_shares_is_that_of_the_whole():
    loss = tiny_loss("margin_weight=0.5")
    batch = colour_batch(torch.tensor([0, 1, UNLABELLED, 1, UNLABELLED, 0]), margin_weight=0.5)
    whole, parts = loss(batch), [loss(share) for share in batch.shares(3)]
    for name in ("loss", "diffusion", "clean", "noisy", "margin"):
        torch.testing.assert_close(sum(part[name] for part in parts) / 3, whole[name], rtol=1e-4, atol=1e-5)
    assert whole["margin"] > 0
    with pytest.raises(ValueError, match="a batch of 6 does not divide into 4 equal shares"):
        batch.shares(4)


def test_the_margin_is_taken_within_the_focus_and_without_one_everywhere():
    for setting, taken in (("focus=[0.3, 0.7, 0.5]", [1, 2]), ("focus=[]", [0, 1, 2, 3])):
        loss = tiny_loss("margin_weight=1.0", setting)
        times = torch.tensor([0.25, 0.35, 0.65, 0.75])
        for i, time in enumerate(times):
            batch = replace(colour_batch(torch.tensor([1]), margin_weight=1.0), logsnr=cosine_logsnr(time[None]))
            assert bool(loss(batch)["margin"] > 0) == (i in taken)


def test_the_margin_is_the_cross_entropy_of_one_draw():
    recipe = load_recipe("malaria-64", [*TINY, "margin_weight=0.5", "focus=[0.3, 0.7, 0.5]"])
    torch.manual_seed(0)
    network = JointDiffusionNetwork(recipe.architecture)
    for parameter in network.parameters():  # at first every class is decoded alike
        torch.nn.init.normal_(parameter, std=0.2)
    images, labels = torch.rand(6, 3, 16, 16) * 2 - 1, torch.tensor([0, 1, 1, UNLABELLED, 0, 1])
    time, decoded_as = torch.tensor([0.35, 0.65, 0.2, 0.5, 0.5, 0.8]), torch.tensor([0, 1, 1, 2, 2, 1])
    batch = Batch(images, images, labels, decoded_as, cosine_logsnr(time), torch.randn(images.shape), 5.0, 0.5)
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
