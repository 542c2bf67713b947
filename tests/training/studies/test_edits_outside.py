"""What no edit touches tells edits from real cells too: regions are hidden, and all else is seen."""

import numpy as np
import torch

from jdm_core.images.pixels import from_uint8
from tests.support.toy import toy_cell
from training.studies.editing.makers import Sample
from training.studies.editing.outside import outside_figures, parasites
from training.studies.editing.told_apart import told_apart, traits

Y, X = np.mgrid[:64, :64]


def grainy(seed, grain=3):
    """A healthy cell with the grain of a camera."""
    cell = toy_cell(False, seed, 64).astype(float)
    own = np.random.default_rng(seed).normal(0, grain, (64, 64, 1))
    return np.where(cell > 0, cell + own, 0).clip(0, 255).astype(np.uint8)


def sample_of(cells, label):
    slides = np.array([f"slide-{i % 6}" for i in range(len(cells))])
    return Sample(list(cells), from_uint8(torch.from_numpy(cells)), np.full(len(cells), label), slides)


def test_what_is_hidden_tells_nothing():
    slides = [f"slide-{i % 6}" for i in range(24)]
    real, other = (np.stack([grainy(start + i) for i in range(24)]) for start in (0, 100))
    flat = np.stack([np.where((np.hypot(Y - 32, X - 32) < 9)[..., None], (190, 150, 150), cell) for cell in other])
    flat, region = flat.astype(np.uint8), np.stack([np.hypot(Y - 32, X - 32) < 11] * 24)
    assert told_apart(flat, slides, real, slides) > 0.95
    assert 0.2 < told_apart(flat, slides, real, slides, (region, region)) < 0.8
    np.testing.assert_allclose(traits(flat, region), traits(other, region))


def test_regions_hold_the_parasite(explainer):
    infected = np.stack([toy_cell(True, seed, 64) for seed in range(2)])
    healthy = np.stack([toy_cell(False, seed, 64) for seed in range(2)])
    spot = np.abs(infected.astype(int) - healthy).max(3) > 60
    found = parasites(explainer, infected)
    assert found.shape == (2, 64, 64) and found[spot].mean() > 0.9 and found.mean() < 0.4


def test_edits_are_told_by_cells_that_differ_elsewhere(explainer):
    infected = np.stack([grainy(seed) for seed in range(24)])
    real, coarse = (np.stack([grainy(100 + seed, grain) for seed in range(24)]) for grain in (3, 12))
    edited = infected.copy()
    edited[:, 28:36, 28:36] = 0.8 * edited[:, 28:36, 28:36]
    own = sample_of(infected, 0)
    alike, other = (
        outside_figures(explainer, (own, sample_of(cells, 1)), 0, edited, seed=0)["outside_alone"]
        for cells in (real, coarse)
    )
    assert 0.2 < alike < 0.8 and other > 0.95


def test_slides_that_differ_do_not_tell_a_class_where_they_hold_both(explainer):
    """Slides 0 and 1 hold both classes and look alike; all other real cells are of a slide that is coarse."""
    edited = np.stack([grainy(seed) for seed in range(16)])
    real = np.stack([grainy(100 + seed, 3 if seed < 16 else 12) for seed in range(64)])
    own, others = sample_of(edited, 0), sample_of(real, 1)
    own.slides[:] = [f"s{i % 2}" for i in range(16)]
    others.slides[:] = [f"s{i % 2}" if i < 16 else f"t{i % 2}" for i in range(64)]
    told = outside_figures(explainer, (own, others), 0, edited.copy(), seed=0)
    assert told["outside_same_slides"] < 0.75 < 0.8 < told["outside_alone"]
    apart = sample_of(real, 1)
    apart.slides[:] = "t0"
    assert "told_same_slides" not in outside_figures(explainer, (own, apart), 0, edited.copy(), seed=0)
