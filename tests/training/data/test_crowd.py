"""Cells as crowded fields give them: what is laid over them, what is left of them, and that chance decides which."""

import numpy as np
import pytest

from jdm_core.images.colours import density
from training.data.composed import crowd as module
from training.data.composed.crowd import crowd

SIDE = 64
Y, X = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
HOST, OTHER = (224, 168, 190), (150, 90, 160)


def drawn(colour, radius=26):
    """A round cell of a colour on black, paler in the middle, uint8 (64, 64, 3)."""
    pallor = 40 * np.exp(-((np.hypot(Y, X) / radius) ** 2) * 8)[..., None]
    return np.where((np.hypot(Y, X) < radius)[..., None], (np.array(colour) + pallor).clip(0, 250), 0).astype(np.uint8)


@pytest.fixture
def only(monkeypatch):
    """Lets one kind of thing happen, always, and the others never."""

    def choose(name, **others):
        for kind in ("NEIGHBOUR", "GLINT", "UNEVEN"):
            monkeypatch.setattr(module, kind, float(kind == name))
        for key, value in others.items():
            monkeypatch.setattr(module, key, value)

    return choose


def views(count=20):
    host, others = drawn(HOST), [drawn(OTHER, 31)]
    return host, [crowd(host, others, np.random.default_rng(seed)) for seed in range(count)]


def test_a_neighbour_darkens_the_rim_and_never_the_middle(only):
    only("NEIGHBOUR", CUTS=0.0, KEPT=0.0)
    host, crowded = views()
    for one in crowded:
        deeper = (density(one) - density(host)).sum(2) > 0.1
        assert 0 < deeper.sum() < 0.4 * (host.max(2) > 0).sum()
        assert np.hypot(Y, X)[deeper].min() > 4
        assert ((one == 0) == (host == 0)).all(), "the silhouette is as it was"
        assert not ((density(one) - density(host)).sum(2) < -0.05).any()


def test_it_is_seen_beyond_the_rim_or_cuts_it_off(only):
    only("NEIGHBOUR", CUTS=0.0, KEPT=1.0)
    host, crowded = views()
    grown = [(one.max(2) > 0) & (host.max(2) == 0) for one in crowded]
    assert sum(more.any() for more in grown) > 15
    assert all(((one.max(2) > 0) | (host.max(2) == 0)).all() for one in crowded), "nothing is lost"
    only("NEIGHBOUR", CUTS=1.0)
    host, crowded = views()
    left = [one.max(2) > 0 for one in crowded]
    areas = np.array([own.sum() for own in left]) / (host.max(2) > 0).sum()
    assert areas.min() > 0.6 and (areas < 0.97).sum() > 10
    for one, own in zip(crowded, left, strict=True):
        np.testing.assert_array_equal(one[own], host[own])


def test_a_glint_is_small_and_bright_and_an_uneven_stain_is_smooth(only):
    only("GLINT")
    host, crowded = views()
    for one in crowded:
        change = density(one) - density(host)
        assert change.min() < -0.1 and (np.abs(change).max(2) > 0.05).mean() < 0.2
    only("UNEVEN")
    for one in views()[1]:
        ratio = (density(one) / density(host).clip(1e-6))[host.max(2) > 0]
        assert 0.02 < np.log(ratio).std() < 0.3


def test_a_neighbour_of_what_lies_at_the_edge_may_be_out_of_the_picture(only):
    only("NEIGHBOUR", CUTS=0.0, KEPT=1.0)
    sliver = np.zeros((SIDE, SIDE, 3), np.uint8)
    sliver[:, -2:] = HOST
    for seed in range(40):
        one = crowd(sliver, [drawn(OTHER, 31)], np.random.default_rng(seed))
        assert one.shape == sliver.shape and (one[:, -2:].max(2) > 0).all()


def test_chance_decides_and_something_always_happens():
    host, crowded = views(60)
    assert len({one.tobytes() for one in crowded}) == 60
    assert all((one != host).any() for one in crowded)
    again = views(3)[1]
    for one, same in zip(crowded, again, strict=False):
        np.testing.assert_array_equal(one, same)
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    assert crowd(black, [host], np.random.default_rng(0)) is black
