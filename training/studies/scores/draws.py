"""Draws of noise levels and noise as score estimators make them, and the squared noise errors of wanted classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.checkpoint.calibration import Window
from jdm_core.explain.bound import bound_logsnr, bound_weight
from jdm_core.explain.likelihood import PASS_BATCH, Draws, spread_symmetries
from jdm_core.model.device import half_precision
from jdm_core.model.diffusion import LOGSNR_MAX, add_noise, cosine_logsnr, predicted_noise
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.symmetries import restore, transform
from training.data.members import chunks

Scheme = Literal["independent", "shared", "stratified"]
SCHEMES: tuple[Scheme, ...] = ("independent", "shared", "stratified")


@dataclass(frozen=True)
class Weighting:
    """A distribution of noise levels, and the factor of ‖ε - ε̂_c‖² at each: S_c = -E[w ‖ε - ε̂_c‖²].

    Levels are uniform in cosine time over `window`, `shift` below the schedule; without a window they are those of the
    bound up to `logsnr_max`, and S is that bound in nats.
    """

    name: str
    window: Window | None
    shift: float = 0.0
    logsnr_max: float = LOGSNR_MAX

    @property
    def bf16(self) -> bool:
        """Whether half precision serves: the nearly clean levels that make the bound do not bear it."""
        return self.window is not None

    def logsnr(self, u: Tensor) -> Tensor:
        """λ of u in [0, 1), from the least noise to the most, or for the bound the other way round."""
        if self.window is None:
            return bound_logsnr(u, self.logsnr_max)
        return cosine_logsnr(self.window.low + u * (self.window.high - self.window.low), self.shift)

    def scores(self, errors: Tensor, logsnr: Tensor) -> Tensor:
        """What each draw adds to the mean S: (..., K) of errors (..., K) at λ (...)."""
        if self.window is None:
            return -bound_weight(logsnr, self.logsnr_max)[..., None] * errors
        return -self.window.weights(logsnr)[..., None] * errors


def weightings(explainer: Explainer) -> tuple[Weighting, Weighting, Weighting]:
    """elbo, the bound; simple, ‖ε - ε̂‖² uniform in time (Li et al. 2023, arXiv 2303.16203); window, the posterior's."""
    shift = explainer.checkpoint.architecture.logsnr_shift
    return (
        Weighting("elbo", None, logsnr_max=explainer.checkpoint.calibration.elbo_logsnr_max),
        Weighting("simple", Window(0.0, 1.0, "epsilon"), shift),
        Weighting("window", explainer.checkpoint.calibration.window),
    )


def balanced_points(count: int, generator: torch.Generator) -> Tensor:
    """(count,) points in [0, 1), every prefix of them spread evenly: van der Corput's, all shifted by one uniform.

    Points i·2^k to (i + 1)·2^k - 1 lie one in each of 2^k intervals of equal width, and the shift, modulo 1
    (Cranley & Patterson 1976), makes the mean over any of them unbiased.
    """
    index = torch.arange(count)
    inverse = sum(((index >> bit) & 1).double() / 2 ** (bit + 1) for bit in range(max(count, 2).bit_length()))
    return ((inverse + torch.rand((), generator=generator, dtype=torch.float64)) % 1).float().clamp(max=1 - 2**-24)


def make_draws(
    seeds: Sequence[Sequence[int]], count: int, shape: Sequence[int], weighting: Weighting, balanced: bool
) -> Draws:
    """`count` draws for each image, decided by its seed, a tuple of integers: balanced levels, or independent ones."""
    logsnr, noise = [], []
    for seed in seeds:
        state = np.random.SeedSequence(list(seed)).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
        u = balanced_points(count, generator) if balanced else torch.rand(count, generator=generator)
        logsnr.append(weighting.logsnr(u))
        noise.append(torch.randn(count, *shape, generator=generator))
    return Draws(torch.stack(logsnr), torch.stack(noise), spread_symmetries(count, weighting.window))


def class_errors(network: JointDiffusionNetwork, x: Tensor, draws: Draws, wanted: Tensor, bf16: bool = False) -> Tensor:
    """‖ε - ε̂_c‖² of every draw, (B, D, K) on the CPU, NaN for the classes of an image that are not `wanted`.

    x (B, C, S, S) on the network's device, wanted (B, K) bool. A draw costs one encoder pass, and one decoder pass
    for each wanted class.
    """
    b, count = draws.logsnr.shape
    image = torch.arange(b).repeat_interleave(count)
    logsnr, noise = draws.logsnr.flatten(), draws.noise.flatten(0, 1)
    errors = torch.full((b * count, wanted.shape[1]), torch.nan)
    for part in chunks(b * count, PASS_BATCH):
        level, epsilon = logsnr[part].to(x.device), noise[part].to(x.device)
        row, label = (index.to(x.device) for index in wanted[image[part]].nonzero(as_tuple=True))
        noisy = add_noise(x[image[part].to(x.device)], epsilon, level)
        which = draws.symmetries[torch.arange(b * count)[part] % count]
        with half_precision(x.device, bf16):
            z = network.encode(transform(noisy, which), level)
            v = restore(network.decode(z, level, label, row).float(), which[row.cpu()])
        residual = epsilon[row] - predicted_noise(noisy[row], v, level[row])
        errors[part][row.cpu(), label.cpu()] = residual.square().flatten(1).sum(1).cpu()
    return errors.unflatten(0, (b, count))
