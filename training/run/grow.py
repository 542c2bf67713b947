"""A network at twice the side that starts where a smaller one stands: the same verdicts, detail still to learn."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from jdm_core.model.architecture import Architecture


def grown_weights(weights: Mapping[str, Tensor], small: Architecture, large: Architecture) -> dict[str, Tensor]:
    """The weights with which `large` predicts, of 2×2 means, what `small` does with `weights`, and linearly the detail.

    Only the folding differs: the stem reads the mean of four pixels where it read one, and the output says of all
    four what it said of one. Raises ValueError where the two are not otherwise alike.
    """
    doubled = replace(
        small, image_size=2 * small.image_size, fold=2 * small.fold, detail_variance=large.detail_variance
    )
    if small.detail_variance or not large.detail_variance or doubled != large:
        raise ValueError(
            "only a network with a detail variance, twice the side and the folding of a network without one, and "
            f"otherwise alike, can start from it; these are {large} and {small}"
        )
    grown = dict(weights)
    of_input, of_output = "stem.weight", "out.2"
    grown[of_input] = _repeat(weights[of_input].transpose(0, 1), small).transpose(0, 1).contiguous() / 4
    for name in (f"{of_output}.weight", f"{of_output}.bias"):
        grown[name] = _repeat(weights[name], small)
    return grown


def _repeat(value: Tensor, small: Architecture) -> Tensor:
    """Folded channels (C·f², ...) repeated over 2×2 pixels each: (C·(2f)², ...), in the order of pixel_unshuffle."""
    grid = value.unflatten(0, (small.image_channels, small.fold, small.fold))
    return grid.repeat_interleave(2, 1).repeat_interleave(2, 2).flatten(0, 2)
