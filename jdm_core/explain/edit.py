"""The edit: exact inversion under the source class, guided decoding to the target where the classes differ."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from jdm_core.explain.region import class_shift, region_of
from jdm_core.images.pixels import cell_mask
from jdm_core.model.diffusion import alpha_sigma, cosine_logsnr, ddim_step, predicted_image
from jdm_core.model.network import JointDiffusionNetwork

_DARKEST = 0.35 * 2 - 1  # brightest channel of the darkest stain, in [-1, 1]: guidance makes nothing darker


@dataclass(frozen=True)
class Strength:
    """How far an edit goes: the step of the inversion that it starts from, the guidance scale w, and where.

    It may change the pixels whose x̂ the class moves by at least `region` of what it moves most; `single` leaves
    only the piece that holds the peak. region = 0 is the whole cell.
    """

    start: int
    guidance: float
    region: float = 0.25
    single: bool = False


@dataclass(frozen=True)
class EditSettings:
    """The grid of the inversion and the strengths that the search tries, weakest first.

    steps equal steps of cosine time lead from 0 to `time`; every strength starts at one of them.
    """

    steps: int
    time: float
    ladder: tuple[Strength, ...]
    logsnr_shift: float = 0.0  # `Architecture.logsnr_shift`: a time hides as much of a large picture as of a small one

    def __post_init__(self) -> None:
        if not self.ladder or any(not 1 <= strength.start <= self.steps for strength in self.ladder):
            raise ValueError("edit: every strength must start at a step of the inversion")
        if any(not 0 <= strength.region <= 1 for strength in self.ladder):
            raise ValueError("edit: a region is a share of the largest shift, from 0 to 1")

    def logsnr(self, device: torch.device) -> Tensor:
        """The levels (steps + 1,), from nearly clean to the noisiest."""
        return cosine_logsnr(torch.linspace(0, self.time, self.steps + 1, device=device), self.logsnr_shift)


# Chosen on validation slides by the flips that an independent network confirms, by what is left unchanged, and by how
# near what is added comes to real parasites: one piece first, so that one parasite is added where one does, and no
# more strongly than it takes; then all; then wider, and from more noise.
DEFAULT_EDIT = EditSettings(
    steps=7,
    time=0.7,
    ladder=(
        Strength(6, 1.5, region=0.5, single=True),
        Strength(6, 2.0),
        Strength(7, 2.0, region=0.1),
        Strength(7, 3.0, region=0.1),
    ),
)


@dataclass(frozen=True)
class Inversion:
    """A trajectory x_0 … x_m, each (B, C, S, S), that source-class steps with their residuals retrace exactly.

    own and other are x̂ under source and target class at the states that the network has read; residuals[i] is
    what the step from x_{i+1} must be given to arrive at x_i. source and target are classes (B,), mask (B, 1, S, S)
    the cell.
    """

    logsnr: Tensor
    source: Tensor
    target: Tensor
    mask: Tensor
    states: tuple[Tensor, ...]
    own: tuple[Tensor, ...] = ()
    other: tuple[Tensor, ...] = ()
    residuals: tuple[Tensor, ...] = ()

    def take(self, images: Tensor) -> "Inversion":
        """The inversion of some images of the batch."""
        chosen = {name: getattr(self, name)[images] for name in ("source", "target", "mask")}
        for name in ("states", "own", "other", "residuals"):
            chosen[name] = tuple(values[images] for values in getattr(self, name))
        return replace(self, **chosen)


def uninverted(x: Tensor, source: Tensor, target: Tensor, logsnr: Tensor) -> Inversion:
    """The inversion of x (B, C, S, S) before its first step, along levels (n + 1,)."""
    return Inversion(logsnr, source, target, cell_mask(x)[:, None], (x,))


def invert(network: JointDiffusionNetwork, inversion: Inversion, level: int) -> Inversion:
    """DDIM inversion under the source classes as far as x_level is reached and read; what is there already stays.

    Inverting DDIM takes the noise at x_i for the noise at x_{i+1} (Song et al. 2021, section 4.3); the error of
    each step is the residual, and adding it back makes the way down exact. One encoder pass and two decoder
    passes a state.
    """
    logsnr, b = inversion.logsnr, len(inversion.source)
    states, residuals = list(inversion.states), list(inversion.residuals)
    own, other = list(inversion.own), list(inversion.other)
    for i in range(len(own), level + 1):
        here = logsnr[i].expand(b)
        if i > 0:
            image = _hold(own[i - 1])
            states.append(ddim_step(image, _noise_of(states[i - 1], image, logsnr[i - 1].expand(b)), here))
        for kept, image in zip((own, other), _read(network, states[i], here, inversion), strict=True):
            kept.append(image)
        if i > 0:
            image = _hold(own[i])
            back = ddim_step(image, _noise_of(states[i], image, here), logsnr[i - 1].expand(b))
            residuals.append(states[i - 1] - back)
    return replace(inversion, states=tuple(states), own=tuple(own), other=tuple(other), residuals=tuple(residuals))


def editable(inversion: Inversion, strength: Strength) -> Tensor:
    """The weight in [0, 1] (B, 1, S, S) with which a strength may change each pixel, 0 outside the cell.

    From the mean of what the class moves over the states up to its start.
    """
    if strength.region == 0:
        return inversion.mask.float()
    read = range(strength.start + 1)
    shift = torch.stack([class_shift(inversion.own[i], inversion.other[i], inversion.mask) for i in read]).mean(0)
    return region_of(shift, strength.region, strength.single) * inversion.mask


def decode_edit(network: JointDiffusionNetwork, inversion: Inversion, strength: Strength) -> Iterator[Tensor]:
    """Frames x̂ (B, C, S, S) of the guided way down to the target classes; the last one is the edited image.

    x̂ = x̂_source + w (x̂_target - x̂_source) in the region; outside it the way down is that of the inversion, so
    that nothing changes. A residual brings back what the cell was, so in a region it is given up by min(w, 1): kept
    whole it leaves a ghost. With w = 0, or the target that was the source, the last frame is the inverted image.
    The inversion must have reached `start`, whose reading is used again; then one encoder pass and two decoder
    passes a step.
    """
    area, b = editable(inversion, strength), len(inversion.source)
    kept = 1 - min(strength.guidance, 1.0) * area if strength.region else torch.ones_like(area)
    y = inversion.states[strength.start]
    for i in range(strength.start, 0, -1):
        here = inversion.logsnr[i].expand(b)
        again = i == strength.start
        own, other = (inversion.own[i], inversion.other[i]) if again else _read(network, y, here, inversion)
        image = _without_specks(_hold(own + strength.guidance * (other - own)), inversion.own[i])
        y = ddim_step(image, _noise_of(y, image, here), inversion.logsnr[i - 1].expand(b))
        y = torch.lerp(inversion.states[i - 1], y + kept * inversion.residuals[i - 1], area)
        yield (torch.lerp(inversion.states[0], image, area) if i > 1 else y).clamp(-1, 1)


def _read(network: JointDiffusionNetwork, y: Tensor, logsnr: Tensor, inversion: Inversion) -> Iterator[Tensor]:
    """x̂ (B, C, S, S) of states y under the source classes, then under the target classes."""
    classes = torch.stack([inversion.source, inversion.target], dim=1)
    v = network.decode_classes(network.encode(y, logsnr), logsnr, classes)
    return (predicted_image(y, v_c, logsnr) for v_c in v.unbind(1))


def _hold(image: Tensor) -> Tensor:
    """x̂ held within the range of images: guidance that overshoots leaves black and white specks."""
    return image.clamp(-1, 1)


def _without_specks(image: Tensor, own: Tensor) -> Tensor:
    """x̂ no darker than the darkest stain, unless the inversion's x̂ was: what is almost black is not of a cell.

    Gray pictures have no stain, and may be black anywhere.
    """
    if image.shape[1] == 1:
        return image
    lowest = own.amax(1, keepdim=True).clamp(max=_DARKEST)
    return image + (lowest - image.amax(1, keepdim=True)).clamp(min=0)


def _noise_of(noisy: Tensor, image: Tensor, logsnr: Tensor) -> Tensor:
    """The ε that, with x̂, makes x_λ."""
    alpha, sigma = alpha_sigma(logsnr)
    return (noisy - alpha * image) / sigma
