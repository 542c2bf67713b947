"""Per-class likelihood scores: shared draws, their noise errors, the posterior, and the evidence for each pixel."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from jdm_core.checkpoint.calibration import Window
from jdm_core.explain.bound import draw_levels
from jdm_core.model.device import half_precision
from jdm_core.model.diffusion import LOGSNR_MAX, add_noise, cosine_logsnr, predicted_noise
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.symmetries import COUNT, restore, transform

PASS_BATCH = 32  # noisy images a network pass: larger ones gain nothing on two cores
ELBO_DRAWS = 32  # unless told otherwise, of each kind
POSTERIOR_DRAWS = 16  # unless told otherwise: with so many it is calibrated, checked and measured


@dataclass(frozen=True)
class Draws:
    """Noise levels (B, D), stratified, noise (B, D, C, S, S) and symmetries (D,), for every class.

    The noise is that of the picture as it lies; a noisy picture is denoised under its symmetry.
    """

    logsnr: Tensor
    noise: Tensor
    symmetries: Tensor


def spread_symmetries(count: int, window: Window | None) -> Tensor:
    """The symmetry (count,) of each draw: all in turn over a window that has them, none elsewhere."""
    index = torch.arange(count)
    turns = index + index // COUNT  # so that levels that come back every eight draws meet all of them
    return turns % COUNT if window is not None and window.symmetries else torch.zeros_like(index)


def draw(seeds: Sequence[int], count: int, shape: Sequence[int], levels: Window | float = LOGSNR_MAX) -> Draws:
    """`count` stratified draws for each image, decided by its seed alone, on the CPU.

    Levels are uniform in cosine time over a window, one a stratum of equal width; of a number, they are those of the
    bound that ends there (`bound.draw_levels`).
    """
    window = levels if isinstance(levels, Window) else None
    logsnr, noise = [], []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        if isinstance(levels, Window):
            u = (torch.arange(count) + torch.rand(count, generator=generator)) / count
            logsnr.append(cosine_logsnr(levels.low + u * (levels.high - levels.low)))
        else:
            logsnr.append(draw_levels(count, levels, generator))
        noise.append(torch.randn(count, *shape, generator=generator))
    return Draws(torch.stack(logsnr), torch.stack(noise), spread_symmetries(count, window))


def noise_errors(
    network: JointDiffusionNetwork, x: Tensor, draws: Draws, bf16: bool = False
) -> Iterator[tuple[slice, Tensor]]:
    """Squared noise errors summed over channels: (slice of the flattened B·D draws, (n, K, S, S)), as they come.

    x (B, C, S, S) on the network's device. Each draw costs one encoder pass and K decoder passes. bf16 allows
    them half precision where that is fast.
    """
    count = draws.logsnr.shape[1]
    labels = torch.arange(network.architecture.classes, device=x.device)
    logsnr, noise = draws.logsnr.flatten(), draws.noise.flatten(0, 1)
    for start in range(0, len(logsnr), PASS_BATCH):
        part = slice(start, min(start + PASS_BATCH, len(logsnr)))
        image = torch.arange(part.start, part.stop) // count
        level, epsilon = logsnr[part].to(x.device), noise[part].to(x.device)
        noisy = add_noise(x[image.to(x.device)], epsilon, level)
        which = draws.symmetries[torch.arange(part.start, part.stop) % count]
        with half_precision(x.device, bf16):
            v = network.decode_classes(network.encode(transform(noisy, which), level), level, labels)
        v = restore(v.float(), which)
        predicted = torch.stack([predicted_noise(noisy, v_c, level) for v_c in v.unbind(1)], dim=1)
        yield part, (epsilon[:, None] - predicted).square().sum(dim=2)


def error_per_draw(network: JointDiffusionNetwork, x: Tensor, draws: Draws, bf16: bool = False) -> Tensor:
    """‖ε - ε̂_c‖² of every draw, (B, D, K); in fp32 unless bf16 is allowed, which nearly clean levels do not bear."""
    sums = [errors.sum(dim=(2, 3)) for _, errors in noise_errors(network, x, draws, bf16)]
    return torch.cat(sums).unflatten(0, draws.logsnr.shape)


@dataclass(frozen=True)
class WindowScores:
    """S_c = -E[w ‖ε - ε̂_c‖²] of every class as a map over the pixels (B, K, S, S)."""

    maps: Tensor

    @property
    def scores(self) -> Tensor:
        """S (B, K): the sum of the maps."""
        return self.maps.sum(dim=(2, 3))

    def evidence(self, positive: int | Tensor, negative: int | Tensor) -> Tensor:
        """Evidence (B, S, S) for class `positive` against `negative`, or one an image (B,): S_positive - S_negative."""
        images = torch.arange(len(self.maps), device=self.maps.device)
        return self.maps[images, positive] - self.maps[images, negative]


def window_scores(network: JointDiffusionNetwork, x: Tensor, draws: Draws, window: Window) -> WindowScores:
    """Scores that the posterior reads, with their maps, for draws made over the same window.

    In bf16 where that is fast: it moves the scores by far less than one draw's noise does.
    """
    b, count = draws.logsnr.shape
    k, s = network.architecture.classes, network.architecture.image_size
    weights = window.weights(draws.logsnr).flatten().to(x.device)
    maps = torch.zeros(b, k, s, s, device=x.device)
    image = torch.arange(b, device=x.device).repeat_interleave(count)
    for part, errors in noise_errors(network, x, draws, bf16=True):
        maps.index_add_(0, image[part], -weights[part, None, None, None] * errors / count)
    return WindowScores(maps)


def compared_classes(scores: Tensor) -> Tensor:
    """The pair (B, 2) whose difference is told of scores (B, K): both of two, of more the best and the second best."""
    if scores.shape[1] == 2:
        return torch.arange(2, device=scores.device).expand(len(scores), 2)
    return scores.topk(2, dim=1).indices


def posterior(scores: Tensor, temperature: float, bias: float) -> Tensor:
    """p(c|x) (B, K) of scores S (B, K): softmax(S/τ) with b added to the first class; σ((S_0 - S_1)/τ + b) for two."""
    logits = scores.cpu().double() / temperature  # not every device has such numbers
    logits[:, 0] += bias
    return logits.softmax(dim=1).float().to(scores.device)
