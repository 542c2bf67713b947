"""Scores: evidence that adds up, draws that are shared and stratified, standard errors, the posterior."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from jdm_core.checkpoint.calibration import Calibration, Window
from jdm_core.explain.bound import standard_error
from jdm_core.explain.likelihood import draw, error_per_draw, posterior, window_scores
from jdm_core.explain.verdicts import Verdicts, next_seed
from tests.support.gaussian import GaussianNetwork

WINDOW = Window(0.25, 0.55, "epsilon")


def test_draws_differ_between_seeds():
    draws = draw([1, 2], 8, (3, 4, 4))
    assert not torch.equal(draws.noise[0], draws.noise[1])
    again = draw([2], 8, (3, 4, 4))
    assert torch.equal(again.noise[0], draws.noise[1])
    assert torch.equal(again.logsnr[0], draws.logsnr[1])


def test_window_draws_stay_in_the_window():
    times = 2 / math.pi * torch.atan(torch.exp(-draw([0], 64, (1, 2, 2), WINDOW).logsnr / 2))
    assert times.min() >= 0.25
    assert times.max() < 0.55
    assert times.min() < 0.26
    assert times.max() > 0.54


def test_draws_turn_where_the_window_says_so():
    turning = Window(0.25, 0.55, "epsilon", symmetries=True)
    assert draw([0, 1], 16, (1, 2, 2), turning).symmetries.tolist() == [*range(8), *range(1, 8), 0]
    assert not draw([0], 16, (1, 2, 2), WINDOW).symmetries.any()
    assert not draw([0], 16, (1, 2, 2)).symmetries.any()  # the bound is that of the picture as it lies


def verdicts_of(**fitted) -> Verdicts:
    """Those of two Gaussian classes whose calibration is plain but for what is told."""
    network = GaussianNetwork(torch.stack([torch.full((3, 8, 8), mean) for mean in (-0.2, 0.3)]))
    plain = Calibration(temperature=1.0, posterior_temperature=1.0, posterior_bias=0.0, window=WINDOW)
    return Verdicts(network, replace(plain, **fitted), torch.device("cpu"))


def test_each_verdict_has_its_own_temperature():
    x = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 0.4
    plain, fitted = verdicts_of(), verdicts_of(temperature=2.5, posterior_temperature=4.0, posterior_bias=0.7)
    torch.testing.assert_close(logits_of(fitted.head(x)), logits_of(plain.head(x)) / 2.5)
    torch.testing.assert_close(fitted.head(x), fitted.probabilities(fitted.logits(x)))
    seeds = [1, 2, 3, 4]
    expected = logits_of(plain.posterior(x, seeds, 3)) / 4.0 + 0.7
    torch.testing.assert_close(logits_of(fitted.posterior(x, seeds, 3)), expected, rtol=1e-3, atol=1e-3)


def logits_of(probabilities: torch.Tensor) -> torch.Tensor:
    """What the first of two classes is ahead of the second."""
    return probabilities[:, 0].log() - probabilities[:, 1].log()


def test_seeds_that_follow_each_other_end_far_apart():
    seeds = sorted(next_seed(7, number) for number in range(64))
    assert min(after - before for before, after in pairwise(seeds)) > 2**50
    assert seeds[0] >= 0 and seeds[-1] < 2**63
    assert next_seed(7, 0) == 7


@pytest.mark.parametrize("weight", ["epsilon", "v", "x"])
def test_maps_add_up_to_the_mean_weighted_error(network, weight):
    window = Window(0.3, 0.6, weight)
    x = torch.rand(3, 3, 64, 64) * 2 - 1
    draws = draw([5, 6, 7], 4, x.shape[1:], window)
    found = window_scores(network, x, draws, window)
    errors = error_per_draw(network, x, draws, bf16=True)
    expected = -(window.weights(draws.logsnr)[:, :, None] * errors).mean(1)
    torch.testing.assert_close(found.scores, expected, rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(
        found.evidence(0, 1).sum((1, 2)), found.scores[:, 0] - found.scores[:, 1], rtol=1e-4, atol=1e-2
    )


@pytest.mark.slow
@torch.inference_mode()
def test_half_precision_moves_a_score_less_than_a_draw_does(explainer, cells):
    x = explainer.verdicts.tensor(cells)
    window = explainer.checkpoint.calibration.window
    draws = draw(range(len(x)), 8, x.shape[1:], window)
    exact = error_per_draw(explainer.network, x, draws).diff(dim=2)[:, :, 0]
    half = error_per_draw(explainer.network, x, draws, bf16=True).diff(dim=2)[:, :, 0]
    assert (half.mean(1) - exact.mean(1)).abs().max() < 0.25 * standard_error(exact).mean()


def test_weights_are_those_of_the_named_error():
    logsnr = torch.tensor([-2.0, 0.0, 3.0])
    alpha2, sigma2 = torch.sigmoid(logsnr), torch.sigmoid(-logsnr)
    torch.testing.assert_close(Window(0, 1, "v").weights(logsnr), 1 / alpha2)
    torch.testing.assert_close(Window(0, 1, "x").weights(logsnr), sigma2 / alpha2)


def test_posterior_of_two_classes_is_the_calibrated_sigmoid():
    scores = torch.tensor([[-10.0, -14.0], [-9.0, -3.0]])
    p = posterior(scores, temperature=2.0, bias=0.3)
    torch.testing.assert_close(p[:, 0], torch.sigmoid(torch.tensor([4 / 2 + 0.3, -6 / 2 + 0.3])))


@pytest.mark.parametrize("window", [(0.5, 0.5, "v"), (0.2, 1.2, "v"), (0.2, 0.4, "huber")])
def test_impossible_window_is_refused(window):
    with pytest.raises(ValueError, match="window"):
        Window(*window)


def test_explainer_evidence_adds_up_and_batch_equals_single(explainer, cells):
    together = explainer.elbo(cells[:3], draws=4, seed=3)
    np.testing.assert_allclose(together.evidence.sum((1, 2)), together.score_difference, rtol=1e-4)
    alone = explainer.elbo(cells[1], draws=4, seed=3)
    np.testing.assert_allclose(alone.elbo[0], together.elbo[1], rtol=1e-4)
    np.testing.assert_allclose(alone.evidence[0], together.evidence[1], atol=1e-2)
    np.testing.assert_allclose(alone.difference, alone.elbo[:, 0] - alone.elbo[:, 1], rtol=1e-3, atol=0.05)


def test_same_seed_same_numbers_other_seed_other_noise(explainer, cells):
    first, second, other = (explainer.elbo(cells[0], draws=4, seed=seed) for seed in (0, 0, 1))
    assert np.array_equal(first.elbo, second.elbo)
    assert np.array_equal(first.evidence, second.evidence)
    assert not np.array_equal(first.elbo, other.elbo)


def test_posterior_alone_is_the_posterior_of_the_scores(explainer, cells):
    np.testing.assert_allclose(
        explainer.posterior(cells[:2], draws=4), explainer.elbo(cells[:2], draws=4).posterior, atol=1e-5
    )


def test_too_few_draws_are_refused(explainer, cells):
    with pytest.raises(ValueError, match="at least 3"):
        explainer.elbo(cells[0], draws=2)
