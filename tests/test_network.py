"""The network: a label-free encoder and head, a decoder that hears the class, one batch for all classes."""

import pytest
import torch

from jdm_core.network import Architecture


def test_features_and_logits_do_not_depend_on_the_class(network):
    x, logsnr = torch.rand(2, 3, 64, 64) * 2 - 1, torch.tensor([12.0, 0.5])
    with torch.enable_grad():
        for parameter in network.parameters():
            parameter.requires_grad_(True)
        z = network.encode(x, logsnr)
        total = network.classify(z).sum() + sum(level.sum() for level in z)
        hears_class = [p for name, p in network.named_parameters() if name.startswith("decoder")]
        reached = torch.autograd.grad(total, hears_class, allow_unused=True)
        for parameter in network.parameters():
            parameter.requires_grad_(False)
    assert hears_class
    assert all(gradient is None for gradient in reached)


def test_decoder_hears_the_class_and_no_class(network):
    x, logsnr = torch.rand(1, 3, 64, 64) * 2 - 1, torch.tensor([0.0])
    v = network.decode_classes(network.encode(x, logsnr), logsnr, torch.tensor([0, 1, network.no_class]))[0]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (v[first] - v[second]).abs().max() > 1e-3


def test_all_classes_in_one_batch_equal_one_by_one(network):
    x, logsnr = torch.rand(3, 3, 64, 64) * 2 - 1, torch.tensor([-3.0, 0.0, 3.0])
    z = network.encode(x, logsnr)
    together = network.decode_classes(z, logsnr, torch.arange(2))
    for label in (0, 1):
        alone = network.decode(z, logsnr, torch.full((3,), label))
        torch.testing.assert_close(together[:, label], alone, atol=1e-4, rtol=1e-4)


def test_ships_within_the_size_limit(network):
    assert sum(p.numel() for p in network.parameters()) <= 8_388_608


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"widths": (64, 128)}, "block counts"),
        ({"widths": (60, 128, 256)}, "multiples of 16"),
        ({"attention": (3,)}, "attention"),
        ({"image_size": 60}, "multiple of 8"),
    ],
)
def test_impossible_architecture_is_refused(change, reason):
    values = {
        "image_size": 64, "image_channels": 3, "fold": 2, "widths": (64, 128, 256), "blocks": (1, 1, 2),
        "attention": (2,), "embedding": 256, "classes": 2,
    }  # fmt: skip
    with pytest.raises(ValueError, match=reason):
        Architecture(**(values | change))
