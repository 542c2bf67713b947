"""The square's eight symmetries: all apart, undone exactly, and no matter to a score but through the network."""

from dataclasses import replace

import pytest
import torch

from jdm_core.checkpoint.calibration import Window
from jdm_core.explain.likelihood import draw, error_per_draw, spread_symmetries, window_scores
from jdm_core.model.symmetries import COUNT, restore, transform
from training.studies.scores.draws import Weighting, class_errors, make_draws

TURNING = Window(0.25, 0.55, "epsilon", symmetries=True)


def test_all_eight_differ_and_are_undone():
    image = torch.arange(2.0 * 3 * 3).view(1, 2, 3, 3)
    every = transform(image.expand(COUNT, -1, -1, -1), torch.arange(COUNT))
    assert len({tuple(picture.flatten().tolist()) for picture in every}) == COUNT
    assert torch.equal(every[0], image[0])
    assert every[1, 0].tolist() == [[2, 5, 8], [1, 4, 7], [0, 3, 6]]  # a quarter turn to the left
    assert every[4, 0].tolist() == [[2, 1, 0], [5, 4, 3], [8, 7, 6]]  # the mirror image
    assert torch.equal(restore(every, torch.arange(COUNT)), image.expand(COUNT, -1, -1, -1))
    more = torch.rand(5, 2, 3, 4, 4)
    which = torch.tensor([7, 0, 5, 5, 2])
    assert torch.equal(restore(transform(more, which), which), more)


def test_draws_meet_every_symmetry_at_levels_spread_over_the_window():
    which = spread_symmetries(64, TURNING)
    for start in range(0, 64, 8):
        assert sorted(which[start : start + 8].tolist()) == list(range(8))
    assert len({(i % 8, int(s)) for i, s in enumerate(which)}) == 64
    assert not spread_symmetries(64, replace(TURNING, symmetries=False)).any()
    assert not spread_symmetries(64, None).any()  # the bound is that of the picture as it lies


@torch.inference_mode()
def test_a_draw_under_a_symmetry_is_that_of_the_picture_turned(network):
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    draws = draw([0, 1], 3, x.shape[1:], TURNING)
    draws = replace(draws, symmetries=torch.tensor([6, 3, 1]))
    found = window_scores(network, x, draws, TURNING).maps
    expected = torch.zeros_like(found)
    for i, symmetry in enumerate([6, 3, 1]):
        which = torch.full((2,), symmetry)
        one = replace(
            draws,
            logsnr=draws.logsnr[:, i : i + 1],
            symmetries=torch.zeros(1, dtype=torch.long),
            noise=transform(draws.noise[:, i], which)[:, None],
        )
        turned = window_scores(network, transform(x, which), one, TURNING).maps
        expected += restore(turned, which) / 3
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-2)
    upright = window_scores(network, x, replace(draws, symmetries=torch.zeros(3, dtype=torch.long)), TURNING).maps
    assert (upright - found).abs().max() > 0.1


@pytest.mark.slow
@torch.inference_mode()
def test_errors_of_wanted_classes_turn_alike(network):
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    draws = make_draws([(0, 1), (0, 2)], 9, x.shape[1:], Weighting("window", TURNING), balanced=True)
    assert sorted(draws.symmetries[:8].tolist()) == list(range(8))
    wanted = torch.tensor([[True, True], [False, True]])
    found, every = class_errors(network, x, draws, wanted), error_per_draw(network, x, draws)
    torch.testing.assert_close(found[0], every[0], rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(found[1, :, 1], every[1, :, 1], rtol=1e-4, atol=1e-2)
    assert found[1, :, 0].isnan().all()
