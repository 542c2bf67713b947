"""Maps as pictures: colours, smoothing and scale on values made by hand."""

import pytest
import torch

from jdm_core.draw import colours
from jdm_core.draw.maps import robust_scale, smooth, smooth_keeping_sum
from jdm_core.images.pixels import LUMINANCE


@pytest.mark.parametrize(("stops", "low", "high"), [(colours.EVIDENCE_STOPS, 2, 0), (colours.CHANGE_STOPS, 2, 1)])
def test_colour_tables_are_signed_and_symmetric_in_lightness(stops, low, high):
    """Blue to orange, and purple to green: which channel leads at either end."""
    table = colours.colour_table(stops, torch.device("cpu"))
    weights = torch.tensor(LUMINANCE)
    light = table @ weights
    assert light.argmax() in (127, 128)
    assert table[0].argmax() == low
    assert table[-1].argmax() == high
    assert abs(light[0] - light[-1]) < 0.1


def test_smoothing_keeps_the_sum_and_spreads():
    values = torch.zeros(1, 33, 33)
    values[0, 16, 16] = 5
    smoothed = smooth(values, 1.5)
    torch.testing.assert_close(smoothed.sum(), torch.tensor(5.0))
    assert smoothed.max() < 1


def test_smoothing_keeps_the_sum_even_at_the_border():
    values = torch.zeros(3, 16, 12)
    values[0, 0, 0], values[1, 8, 5], values[2] = 5.0, -2.0, torch.randn(16, 12)
    smoothed = smooth_keeping_sum(values, 1.5)
    assert torch.allclose(smoothed.sum((1, 2)), values.sum((1, 2)), atol=1e-4)
    assert smoothed[0].max() < 2 and smoothed[1].argmin() == values[1].argmin()


def test_overlay_shows_the_gray_cell_where_nothing_is():
    images = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64).contiguous()
    picture = colours.signed_overlay(images, torch.zeros(1, 64, 64), torch.ones(1), 64, colours.EVIDENCE_STOPS)
    expected = ((images[0].permute(1, 2, 0) + 1) * 127.5).round()
    assert (picture[0].float() - expected).abs().max() <= 1


def test_robust_scale_ignores_a_single_spike():
    values = torch.ones(1, 100, 100)
    values[0, 0, 0] = 1000
    assert robust_scale(values).item() == 1


def test_magnitude_goes_from_the_gray_cell_to_yellow():
    images, values = torch.full((1, 3, 8, 8), -1.0), torch.zeros(1, 8, 8)
    values[0, 2:6, 2:6] = 3
    picture = colours.magnitude_overlay(images, values, torch.ones(1), 8)[0].int()
    assert picture[0, 0].tolist() == [0, 0, 0]
    red, green, blue = picture[4, 4].tolist()
    assert red > 200 and green > 180 and blue < 80


def test_outline_follows_the_border_of_the_region_alone():
    region = torch.zeros(1, 16, 16, dtype=torch.bool)
    region[0, 4:12, 4:12] = True
    plain = torch.full((1, 64, 64, 3), 100, dtype=torch.uint8)
    picture = colours.outlined(plain, region)[0, :, :, 0]
    assert picture[32, 12:20].tolist() == [100, 100, 255, 255, 0, 0, 100, 100]  # the region starts at 16
    assert picture[32, 32] == 100 and picture[0, 0] == 100
    assert torch.equal(colours.outlined(plain, region & False), plain)
