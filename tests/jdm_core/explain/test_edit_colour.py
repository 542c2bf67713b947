"""Colour of what is made anew is as smooth as a photograph's, and its light as fine as it was made."""

from dataclasses import replace

import pytest
import torch

from jdm_core.explain.edit import DEFAULT_EDIT, Strength, with_smooth_colour
from jdm_core.images.pixels import luminance


def test_colour_is_smoothed_and_light_is_not():
    """Grain of each channel alone is grain of colour too, which no camera shows so fine; black does not tint a rim."""
    generator = torch.Generator().manual_seed(0)
    picture = torch.full((1, 3, 64, 64), -1.0)
    own = torch.tensor([0.6, 0.2, 0.3])[:, None, None]
    picture[0, :, 16:48, 16:48] = own + 0.05 * torch.randn(3, 32, 32, generator=generator)
    smoothed = with_smooth_colour(picture, 0.6)
    torch.testing.assert_close(luminance(smoothed), luminance(picture), atol=1e-5, rtol=0)
    inside, rim = smoothed[0, :, 17:47, 17:47], smoothed[0, :, 16, 16:48] + 1
    assert _colour_grain(inside) < 0.6 * _colour_grain(picture[0, :, 17:47, 17:47])
    assert (rim.mean(1) / (own[:, 0, 0] + 1)).std() < 0.02
    large = picture.repeat_interleave(2, 2).repeat_interleave(2, 3)  # lengths follow the side
    halved = with_smooth_colour(large, 0.6).unflatten(2, (64, 2)).unflatten(4, (64, 2)).mean((3, 5))
    assert (halved - smoothed).abs().mean() < 0.35 * (picture - smoothed).abs().mean()
    assert torch.equal(with_smooth_colour(picture[:, :1], 0.6), picture[:, :1])


@pytest.mark.slow
def test_what_is_made_anew_has_no_finer_colour_than_a_photograph(explainer, cells, monkeypatch):
    made = {}
    for blur in (0.01, DEFAULT_EDIT.colour_blur):  # of the first nothing is smoothed
        monkeypatch.setattr(explainer, "edit", replace(explainer.edit, colour_blur=blur))
        made[blur] = torch.from_numpy(explainer.counterfactual(cells[:3], strength=Strength(6, 3.0)).images).float()
    rough, smooth = ([_colour_grain(picture.permute(2, 0, 1)) for picture in pictures] for pictures in made.values())
    assert all(after < before for after, before in zip(smooth, rough, strict=True))


def _colour_grain(picture):
    """The deviation between neighbours of a picture's (3, H, W) colour beside its light."""
    colour = picture - luminance(picture[None])
    return float((colour[:, 1:, 1:] - colour[:, :-1, :-1]).std())
