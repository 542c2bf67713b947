"""The edit: exact inversion under the source class, guided decoding to the target, weakest setting that flips."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from jdm_core.cells import cell_mask
from jdm_core.diffusion import alpha_sigma, cosine_logsnr, ddim_step, predicted_image
from jdm_core.network import JointDiffusionNetwork


@dataclass(frozen=True)
class Strength:
    """How far an edit goes: the step of the inversion that it starts from, and the guidance scale w."""

    start: int
    guidance: float


@dataclass(frozen=True)
class EditSettings:
    """The grid of the inversion and the strengths that the search tries, weakest first.

    steps equal steps of cosine time lead from 0 to `time`; every strength starts at one of them.
    """

    steps: int
    time: float
    ladder: tuple[Strength, ...]

    def __post_init__(self) -> None:
        if not self.ladder or any(not 1 <= strength.start <= self.steps for strength in self.ladder):
            raise ValueError("edit: every strength must start at a step of the inversion")

    def logsnr(self, device: torch.device) -> Tensor:
        """The levels (steps + 1,), from nearly clean to the noisiest."""
        return cosine_logsnr(torch.linspace(0, self.time, self.steps + 1, device=device))


# Chosen on validation slides by the flips that an independent network confirms.
DEFAULT_EDIT = EditSettings(
    steps=10,
    time=0.6,
    ladder=tuple(Strength(*s) for s in ((6, 1.5), (8, 1.5), (10, 1.5), (10, 2.0), (10, 2.5), (10, 3.0), (10, 4.0))),
)


@dataclass(frozen=True)
class Inversion:
    """A trajectory x_0 … x_n (n + 1, B, C, S, S) that source-class steps with their residuals retrace exactly.

    residuals[i] (B, C, S, S) is what the step from x_{i+1} must be given to arrive at x_i.
    """

    logsnr: Tensor
    states: Tensor
    residuals: Tensor
    source: Tensor
    mask: Tensor

    def take(self, images: Tensor) -> "Inversion":
        """The inversion of some images of the batch."""
        return Inversion(
            self.logsnr, self.states[:, images], self.residuals[:, images], self.source[images], self.mask[images]
        )


def invert(network: JointDiffusionNetwork, x: Tensor, source: Tensor, logsnr: Tensor) -> Inversion:
    """DDIM inversion of x (B, C, S, S) under classes `source` (B,) along levels (n + 1,), residuals kept.

    Inverting DDIM takes the noise at x_i for the noise at x_{i+1} (Song et al. 2021, section 4.3); the error of
    each step is the residual, and adding it back makes the way down exact. n + 1 encoder and decoder passes.
    """
    b, states, residuals = len(x), [x], []
    for i, level in enumerate(logsnr):
        here = level.expand(b)
        image = _hold(predicted_image(states[i], network.decode(network.encode(states[i], here), here, source), here))
        noise = _noise_of(states[i], image, here)
        if i > 0:
            residuals.append(states[i - 1] - ddim_step(image, noise, logsnr[i - 1].expand(b)))
        if i + 1 < len(logsnr):
            states.append(ddim_step(image, noise, logsnr[i + 1].expand(b)))
    return Inversion(logsnr, torch.stack(states), torch.stack(residuals), source, cell_mask(x)[:, None])


def decode_edit(
    network: JointDiffusionNetwork, inversion: Inversion, target: Tensor, strength: Strength
) -> Iterator[Tensor]:
    """Frames x̂ (B, C, S, S) of the guided way down to classes `target` (B,); the last one is the edited image.

    x̂ = x̂_source + w (x̂_target - x̂_source); outside the cell the way down is that of the inversion, so that the
    black background stays. With w = 0, or the target that was the source, the last frame is the inverted image.
    One encoder pass and two decoder passes a step.
    """
    y, b = inversion.states[strength.start], len(target)
    both = torch.stack([inversion.source, target], dim=1)
    for i in range(strength.start, 0, -1):
        here = inversion.logsnr[i].expand(b)
        v = network.decode_classes(network.encode(y, here), here, both)
        own, other = (predicted_image(y, v_c, here) for v_c in v.unbind(1))
        image = _hold(own + strength.guidance * (other - own))
        y = ddim_step(image, _noise_of(y, image, here), inversion.logsnr[i - 1].expand(b)) + inversion.residuals[i - 1]
        y = torch.where(inversion.mask, y, inversion.states[i - 1])
        yield (torch.where(inversion.mask, image, inversion.states[0]) if i > 1 else y).clamp(-1, 1)


def _hold(image: Tensor) -> Tensor:
    """x̂ held within the range of images: guidance that overshoots leaves black and white specks."""
    return image.clamp(-1, 1)


def _noise_of(noisy: Tensor, image: Tensor, logsnr: Tensor) -> Tensor:
    """The ε that, with x̂, makes x_λ."""
    alpha, sigma = alpha_sigma(logsnr)
    return (noisy - alpha * image) / sigma
