"""The network: a label-free encoder and head, a decoder that hears the class, one batch for all classes."""

import pytest
import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.decoding import decode_plainly
from jdm_core.model.architecture import Architecture
from jdm_core.model.layers import convolve_doubled
from jdm_core.model.network import JointDiffusionNetwork


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


@pytest.mark.parametrize("detail_variance", [0.0, 0.01])
@pytest.mark.parametrize("widths", [(32,), (16, 48, 32)])
def test_shared_decoding_is_the_plain_one_and_so_are_its_gradients(widths, detail_variance):
    torch.manual_seed(0)
    levels = len(widths)
    architecture = Architecture(16, 3, 2, widths, (1,) * (levels - 1) + (2,), (levels - 1,), 16, 4, detail_variance)
    network = JointDiffusionNetwork(architecture).double()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)  # some begin as zeros
    x, logsnr = torch.randn(3, 3, 16, 16, dtype=torch.float64), torch.tensor([-3.0, 0.0, 3.0], dtype=torch.float64)
    z, rows, labels = network.encode(x, logsnr), torch.tensor([2, 0, 0, 1]), torch.tensor([0, 3, 1, network.no_class])
    shared = network.decode(z, logsnr, labels, rows)
    plain = decode_plainly(network, [level[rows] for level in z], logsnr[rows], labels)
    torch.testing.assert_close(shared, plain, atol=1e-9, rtol=1e-9)
    parameters = [p for name, p in network.named_parameters() if not name.startswith("head")]
    gradients = [torch.autograd.grad(v.square().sum(), parameters, retain_graph=True) for v in (shared, plain)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5)])
def test_convolving_a_doubled_picture(shape):
    x, weight = torch.randn(2, 3, *shape, dtype=torch.float64), torch.randn(4, 3, 3, 3, dtype=torch.float64)
    torch.testing.assert_close(
        convolve_doubled(x, weight), F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), weight, padding=1)
    )


def test_classes_share_what_none_of_them_changes(network):
    """The cost of ten classes on one image is less than ten times the cost of one."""
    z, logsnr = network.encode(torch.zeros(1, 3, 64, 64), torch.zeros(1)), torch.zeros(1)
    costs = []
    for classes in (1, 10):
        with FlopCounterMode(display=False) as counter:
            network.decode_classes(z, logsnr, torch.zeros(classes, dtype=torch.long))
        costs.append(counter.get_total_flops())
    assert 6 < costs[1] / costs[0] < 8


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
        "image_size": 64,
        "image_channels": 3,
        "fold": 2,
        "widths": (64, 128, 256),
        "blocks": (1, 1, 2),
        "attention": (2,),
        "embedding": 256,
        "classes": 2,
    }
    with pytest.raises(ValueError, match=reason):
        Architecture(**(values | change))
