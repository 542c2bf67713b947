"""Guides of the sampler: what each reduces to, which way the head pushes, and the figures on sets made by hand."""

import numpy as np
import pytest
import torch
from PIL import Image

from jdm_core.model.sampling import denoise, initial_noise, sample
from tests.support.toy import write_toy_zip
from training.studies.generation import GUIDES, Generation, precision_and_recall
from training.studies.guidance import KINDS, Guide, reader, towards
from training.studies.study import Inputs

LABELS, SEEDS = torch.tensor([0, 1]), (3, 4)


def made(explainer, guide, steps=3):
    noise = initial_noise(explainer.network, SEEDS, explainer.device)
    return denoise(reader(explainer.network, guide, LABELS), noise, steps)


@pytest.mark.slow
def test_guidance_by_class_is_that_of_the_sampler(explainer):
    for w in (0.0, 2.0):
        own = sample(explainer.network, LABELS, SEEDS, steps=3, guidance=w)
        torch.testing.assert_close(made(explainer, Guide("class", w)), own)


@pytest.mark.slow
def test_without_scale_every_guide_is_the_unconditional_model(explainer):
    plain = made(explainer, Guide("class", 0.0))
    for kind in KINDS[1:]:
        torch.testing.assert_close(made(explainer, Guide(kind, 0.0)), plain, atol=1e-5, rtol=0)
        assert (made(explainer, Guide(kind, 50.0)) - plain).abs().max() > 1e-3, kind


def test_a_constant_step_goes_up_the_heads_gradient(explainer):
    x, level = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)), torch.zeros(2)
    with torch.no_grad():
        z = explainer.network.encode(x, level)
    likelihoods = [
        explainer.network.classify(towards(explainer.network, z, LABELS, step, normalised=False))
        .log_softmax(1)
        .gather(1, LABELS[:, None])
        .detach()
        for step in (-20.0, 0.0, 20.0)
    ]
    assert (likelihoods[0] < likelihoods[1]).all() and (likelihoods[1] < likelihoods[2]).all()


def test_precision_and_recall_of_sets_made_by_hand():
    generator = np.random.default_rng(0)
    real = np.concatenate([generator.normal(0, 1, (60, 2)), generator.normal(50, 1, (60, 2))])
    one_mode = generator.normal(0, 1, (80, 2))
    precise, recalled = precision_and_recall(real, one_mode)
    assert precise.shape == (80,) and recalled.shape == (120,)
    assert precise.mean() > 0.8 and recalled[:60].mean() > 0.8 and not recalled[60:].any()
    precise, recalled = precision_and_recall(real, generator.normal(500, 1, (80, 2)))
    assert not precise.any() and not recalled.any()


@pytest.mark.slow
def test_every_guide_has_a_row(tmp_path, monkeypatch, few_resamples):
    few = (GUIDES[0], Guide("head on Z", 0.1))
    monkeypatch.setattr("training.studies.generation.study_generation.__defaults__", (few,))
    monkeypatch.setattr("training.studies.generation.part_of", lambda *_: (None, "all slides"))
    inputs = Inputs({"cells": write_toy_zip(tmp_path / "cells.zip", 4, 2)}, tmp_path, device="cpu")
    found = Generation(cells=4, steps=2).measure(inputs)
    figures = found.measured
    assert figures["n"] == 8 and list(figures["guides"]) == ["real", *(guide.name for guide in few)]
    assert figures["guides"]["real"]["frechet"] < figures["guides"]["class, 0"]["frechet"]
    assert all(0 <= row["recall"] <= 1 for row in figures["guides"].values())
    assert [row[0] for row in found.tables[0].rows] == ["real", *(guide.name for guide in few)]
    assert Image.open(tmp_path / "generation.png").size == (8 * 64, 3 * 64)
    with pytest.raises(ValueError, match="fewer than 10 of Parasitized, Uninfected"):
        Generation(cells=5, steps=2).measure(inputs)


def test_an_unknown_guide_is_refused():
    with pytest.raises(ValueError, match="guide: 'magic'"):
        Guide("magic", 1.0)
