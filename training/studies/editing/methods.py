"""Ways of editing side by side: what is kept of a cell on the way to the noise, and what guides the way back.

One strength each and no search, so that the methods differ in themselves and in nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jdm_core.explain.region import class_shift, region_of
from jdm_core.images.pixels import cell_mask
from jdm_core.model.diffusion import add_noise, alpha_sigma, ddim_step, predicted_image
from jdm_core.model.network import JointDiffusionNetwork
from training.studies.guidance import towards

WAYS = ("noise", "ddim", "residuals", "edit-friendly")
GUIDES = ("source", "no class", "head")
HEAD_STEP = 0.1  # of Algorithm 1: how far Z moves, as a share of its norm


@dataclass(frozen=True)
class Method:
    """One way of editing: `way` to the noise, `guide` back with scale `guidance`, `region` that may change.

    Ways: "noise" adds it and forgets the cell (SDEdit, Meng et al. 2022, arXiv 2108.01073); "ddim" inverts (Song et
    al. 2021, section 4.3); "residuals" keeps the error of each of its steps and gives it back; "edit-friendly" noises
    every level independently and keeps what stochastic steps between them lack (Huberman-Spiegelglas et al. 2024,
    arXiv 2304.06140, algorithm 1). Guides: x̂ = x̂_base + w (x̂_target - x̂_base), base the "source" class or
    "no class"; or "head", the representations moved by the head (Deja et al. 2023, algorithm 1). region is a
    `Strength`'s share, 0 the whole cell; what kept of a cell is given up there.
    """

    way: str
    guide: str
    guidance: float
    region: float = 0.0

    def __post_init__(self) -> None:
        if self.way not in WAYS or self.guide not in GUIDES:
            raise ValueError(f"edit method: {self.way!r} guided by {self.guide!r}")

    @property
    def name(self) -> str:
        """What tables call it."""
        where = f", regions from {self.region:g}" if self.region else ""
        return f"{self.way}, {self.guide}, w {self.guidance:g}{where}"


@dataclass(frozen=True)
class Edited:
    """Edited images (B, C, S, S) in [-1, 1], and the passes of encoder and decoder for each."""

    images: Tensor
    encoder_passes: int
    decoder_passes: int


class _Reader:
    """The network under a method's guide, with its passes counted."""

    def __init__(self, network: JointDiffusionNetwork, guide: str, source: Tensor, target: Tensor) -> None:
        self.network, self.guide, self.source, self.target = network, guide, source, target
        self.encoder = self.decoder = 0

    def __call__(self, y: Tensor, logsnr: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """x̂ of the guide's base, of the source and of the target, each (B, C, S, S)."""
        z = self.network.encode(y, logsnr)
        self.encoder += 1
        if self.guide == "head":
            pair = (
                self.network.decode(z, logsnr, self.source),
                self.network.decode(towards(self.network, z, self.target, HEAD_STEP), logsnr, self.source),
            )
            self.decoder += 2
            own, other = (predicted_image(y, v, logsnr) for v in pair)
            return own, own, other
        classes = [self.source, self.target]
        if self.guide == "no class":
            classes.append(torch.full_like(self.source, self.network.no_class))
        v = self.network.decode_classes(z, logsnr, torch.stack(classes, dim=1))
        self.decoder += len(classes)
        own, other, *base = (predicted_image(y, v_c, logsnr) for v_c in v.unbind(1))
        return base[0] if base else own, own, other


@torch.no_grad()
def edit_once(
    network: JointDiffusionNetwork,
    x: Tensor,
    source: Tensor,
    target: Tensor,
    logsnr: Tensor,
    method: Method,
    noise: Callable[[int], Tensor],
) -> Edited:
    """Edits x (B, C, S, S) from classes `source` to `target` (B,) along levels (n + 1,) by one method.

    noise(i) is the standard normal noise (B, C, S, S) of level i, for the ways that need any.
    """
    read, n, b = _Reader(network, method.guide, source, target), len(logsnr) - 1, len(x)
    level = [value.expand(b) for value in logsnr]
    mask = cell_mask(x)[:, None]
    stochastic = method.way == "edit-friendly"

    def down(y: Tensor, image: Tensor, i: int) -> Tensor:
        return (
            ancestral_mean(y, image, level[i], level[i - 1])
            if stochastic
            else ddim_step(image, _noise_of(y, image, level[i]), level[i - 1])
        )

    def guided(base: Tensor, image: Tensor) -> Tensor:
        return (base + method.guidance * (image - base)).clamp(-1, 1)

    states, reads = _way_up(read, x, level, method.way, noise)
    area = mask.float()
    if method.region:
        reads += [read(states[i], level[i]) for i in range(len(reads), n + 1)]
        shift = torch.stack([class_shift(own, other, mask) for _, own, other in reads]).mean(0)
        area = region_of(shift, method.region, single=False) * mask
    kept = 1 - area if method.region else torch.ones_like(area)
    replayed = method.way in ("residuals", "edit-friendly")
    y = states[n]
    for i in range(n, 0, -1):
        base, _, other = reads[i] if i == n and len(reads) > n else read(y, level[i])
        y = down(y, guided(base, other), i)
        if replayed:
            base, own, _ = reads[i]
            y = y + kept * (states[i - 1] - down(states[i], guided(base, own), i))
        y = torch.lerp(states[i - 1], y, area)
    return Edited(y.clamp(-1, 1), read.encoder, read.decoder)


def ancestral_mean(y: Tensor, image: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """The mean of x_there given x_here = y and x̂, each λ (B,): DDPM's posterior (Song et al. 2021, η = 1)."""
    (alpha, sigma), (alpha_there, sigma_there) = alpha_sigma(here), alpha_sigma(there)
    variance = (sigma_there / sigma) ** 2 * (1 - (alpha / alpha_there) ** 2)
    return alpha_there * image + (sigma_there**2 - variance).clamp(min=0).sqrt() * _noise_of(y, image, here)


def _way_up(
    read: _Reader, x: Tensor, level: list[Tensor], way: str, noise: Callable[[int], Tensor]
) -> tuple[list[Tensor], list[tuple[Tensor, Tensor, Tensor]]]:
    """The states x_0 … x_n, and what was read of them where the way needed it."""
    levels = range(1, len(level))
    if way == "noise":
        return [x, *(add_noise(x, noise(0), level[i]) for i in levels)], []
    if way == "edit-friendly":
        states = [x, *(add_noise(x, noise(i), level[i]) for i in levels)]
        return states, [read(state, at) for state, at in zip(states, level, strict=True)]
    states, reads = [x], []
    for i in levels:
        reads.append(read(states[-1], level[i - 1]))
        image = reads[-1][1].clamp(-1, 1)
        states.append(ddim_step(image, _noise_of(states[-1], image, level[i - 1]), level[i]))
    reads.append(read(states[-1], level[-1]))
    return states, reads


def _noise_of(noisy: Tensor, image: Tensor, logsnr: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(logsnr)
    return (noisy - alpha * image) / sigma
