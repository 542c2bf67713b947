"""Probes find what is laid open linearly and nothing else; the command writes figures and a plot."""

import json
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from jdm_core.images.pixels import as_images
from jdm_core.model.diffusion import LOGSNR_MAX
from jdm_core.model.network import JointDiffusionNetwork
from tests.support.toy import TINY, write_toy_zip
from training.data.cells import load_cells
from training.data.split import split_slides
from training.run.recipe import load_recipe
from training.studies.features import probes, probing
from training.studies.features.figure import draw_probes
from training.studies.features.probes import probe_network
from training.studies.features.probing import fit_probe, pooled_features

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    return write_toy_zip(tmp_path_factory.mktemp("data") / "cells.zip")


@pytest.fixture(scope="module")
def tiny():
    """What a probe asks of an explainer, around an untrained network."""
    recipe = load_recipe("malaria-64", TINY)
    torch.manual_seed(0)
    network = JointDiffusionNetwork(recipe.architecture).eval().requires_grad_(False)
    checkpoint = SimpleNamespace(calibration=SimpleNamespace(temperature=1.0))
    return SimpleNamespace(
        network=network, labels=recipe.labels, size=16, device=CPU, name="tiny", sha256="", checkpoint=checkpoint
    )


def right(probe, features, labels):
    return (probe.probabilities(features).argmax(1) == labels.numpy()).mean()


def test_probe_reads_what_is_linear_and_not_what_is_not():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 5, generator=generator) * torch.tensor([1.0, 1000.0, 0.01, 1.0, 1.0])
    separable = (x[:, 2] > 0.002).long()
    crossed = ((x[:, 0] > 0) ^ (x[:, 3] > 0)).long()
    assert right(fit_probe(x, separable, 2), x, separable) > 0.99
    assert right(fit_probe(x, crossed, 2), x, crossed) < 0.65


def test_probe_of_features_that_say_nothing_tells_the_shares():
    labels = torch.tensor([0, 0, 0, 1])
    p = fit_probe(torch.ones(4, 3), labels, 2).probabilities(torch.ones(1, 3))
    assert p[0] == pytest.approx([0.75, 0.25], abs=1e-3)


def test_probe_is_at_the_optimum_of_its_problem():
    generator = torch.Generator().manual_seed(1)
    x, labels = torch.randn(200, 4, generator=generator), torch.randint(3, (200,), generator=generator)
    probe = fit_probe(x, labels, 3)
    weight = probe.weight.clone().requires_grad_(True)
    logits = (x.double() - probe.mean) / probe.scale @ weight + probe.bias
    loss = torch.nn.functional.cross_entropy(logits, labels) + probing.PENALTY * weight.square().sum()
    assert torch.autograd.grad(loss, weight)[0].abs().max() < 1e-4


def test_pooled_features_are_those_that_the_head_reads(tiny, toy):
    cells = load_cells(toy, tiny.labels, 16).take(range(6))
    features, logits = pooled_features(tiny.network, cells, LOGSNR_MAX, 0, CPU)
    assert [part.shape for part in features] == [(6, 16), (6, 32)]
    torch.testing.assert_close(tiny.network.head(torch.cat(features, dim=1)), logits)
    clean = tiny.network.classify(tiny.network.encode(as_images(cells.images), torch.full((6,), LOGSNR_MAX)))
    torch.testing.assert_close(logits, clean, atol=1e-2, rtol=0)
    noisy, _ = pooled_features(tiny.network, cells, -8.0, 0, CPU)
    assert (noisy[0] - features[0]).abs().max() > 0.01
    again, _ = pooled_features(tiny.network, cells, -8.0, 0, CPU)
    assert torch.equal(noisy[0], again[0])


@pytest.mark.slow
def test_probing_fits_and_measures_on_slides_apart(tiny, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(probes, "LOGSNR", (-8.0, 8.0))
    monkeypatch.setattr("training.metrics.RESAMPLES", 20)
    cells = load_cells(toy, tiny.labels, 16)
    split = split_slides(cells.slides, cells.labels.tolist(), 0.2, 0.3, 0)
    asked = []
    monkeypatch.setattr(
        probing,
        "pooled_features",
        lambda network, part, *more: asked.append(set(part.slides)) or pooled_features(network, part, *more),
    )
    figures = probe_network(tiny, toy, split, 30, 0)
    assert [slides <= set(part) for slides, part in zip(asked, (split.train, split.validation) * 2, strict=True)] == [
        True
    ] * 4
    assert (figures["training_cells"], figures["n"], figures["larger_class"]) == (30, 16, 0.5)
    assert list(figures["series"]) == ["level 0", "level 1", "all levels", "head"]
    for points in figures["series"].values():
        assert [point["logsnr"] for point in points] == [-8.0, 8.0]
        for point in points:
            assert point["accuracy_interval"][0] <= point["accuracy"] <= point["accuracy_interval"][1]
    json.dumps(figures)
    draw_probes(figures, (16, 32), tmp_path / "plots" / "probes.png")
    with Image.open(tmp_path / "plots" / "probes.png") as picture:
        assert picture.width > 800
