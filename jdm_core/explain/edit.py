"""The edit: a region is forgotten and made anew under the target class, while everything around it is held."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from jdm_core.draw.maps import smooth
from jdm_core.explain.hold import Bounds
from jdm_core.images.pixels import luminance
from jdm_core.model.architecture import Architecture
from jdm_core.model.device import half_precision
from jdm_core.model.diffusion import add_noise, alpha_sigma, cosine_logsnr, predicted_image
from jdm_core.model.network import JointDiffusionNetwork

# Cosine times above which x̂ is guided. What is added is decided above the first, and below it the plain model draws how
# it looks; what is removed is seen through less noise, and guided away from what it was almost to the end.
_GUIDED_ADDING, _GUIDED_REMOVING = 0.5, 0.15
_SIDE_PIXELS = 64  # of the pictures for which lengths are given
_GRAY_TIME = 0.8  # where the whole picture is made anew, its slant and stroke should live on


@dataclass(frozen=True)
class Strength:
    """How one candidate is made: the step of the noise that it starts from, the guidance scale w, and how wide.

    `region` is a factor of lengths: of a disc's radius, or of how far around the parasite's core the region reaches.
    """

    start: int
    guidance: float
    region: float = 1.0


@dataclass(frozen=True)
class EditSettings:
    """The grid of the noise levels and the candidates that the search tries, the most natural and narrowest first.

    `steps` equal steps of cosine time lead from `time` down to 0; every strength starts at one of them. `removing` are
    the candidates where something is removed; none: those of the ladder.
    """

    steps: int
    time: float
    ladder: tuple[Strength, ...]
    removing: tuple[Strength, ...] = ()
    logsnr_shift: float = 0.0  # `Architecture.logsnr_shift`: a time hides as much of a large picture as of a small one
    colour_blur: float = 0.6  # pixels of 64: cameras and formats see colour coarser than light, and networks do not

    def __post_init__(self) -> None:
        every = (*self.ladder, *self.removing)
        if not self.ladder or any(not 1 <= strength.start <= self.steps for strength in every):
            raise ValueError("edit: every strength must start at one of the steps of the noise")
        if any(not 0 < strength.region <= 4 for strength in every):
            raise ValueError("edit: a region is a factor above 0 and at most 4")

    def candidates(self, removes: bool) -> tuple[Strength, ...]:
        """Those to remove something, or to add."""
        return self.removing if removes and self.removing else self.ladder

    def logsnr(self, device: torch.device) -> Tensor:
        """The levels (steps + 1,), from nearly clean to the noisiest."""
        return cosine_logsnr(torch.linspace(0, self.time, self.steps + 1, device=device), self.logsnr_shift)


DEFAULT_EDIT = EditSettings(
    steps=12,
    time=0.96,
    ladder=tuple(
        Strength(12, guidance, region)
        for guidance, region in (
            *((1.5, 1.0), (2.0, 1.0), (3.0, 1.1), (4.0, 1.2)),
            *((2.0, 1.1), (3.0, 1.2), (4.0, 1.3), (4.0, 1.4)),
            *((3.0, 1.2), (4.0, 1.4), (6.0, 1.4), (6.0, 1.7)),
        )
    ),
    # From so little noise that the source class would bring the parasite back: what removes it is the class. Then from
    # more, and in wider regions, at last in more than half of the cell, which few need.
    removing=(
        *(Strength(7, 3.0, 1.2), Strength(8, 3.0, 1.2), Strength(12, 3.0, 1.2)),
        *(Strength(8, 3.0, 1.4), Strength(12, 3.0, 1.4), Strength(12, 4.0, 1.7)),
        *(Strength(8, 5.0, 2.0), Strength(9, 4.0, 2.6)),
    ),
)


def settings_for(architecture: Architecture) -> EditSettings:
    """The search for networks of this shape."""
    time = _GRAY_TIME if architecture.image_channels == 1 else DEFAULT_EDIT.time
    removing = () if architecture.image_channels == 1 else DEFAULT_EDIT.removing
    return replace(DEFAULT_EDIT, time=time, removing=removing, logsnr_shift=architecture.logsnr_shift)


@dataclass(frozen=True)
class Task:
    """N regions to make anew: pictures x (N, C, S, S), `area` (N, 1, S, S) in [0, 1], classes (N,), colours' bounds.

    What lies where the area is 0 is known and stays; a soft edge is made anew and blended at the end. `removes` (N,)
    bool, where something is removed.
    """

    x: Tensor
    area: Tensor
    source: Tensor
    target: Tensor
    removes: Tensor
    bounds: Bounds

    def take(self, rows: Tensor) -> "Task":
        """Some of the tasks, by index or mask."""
        own = {name: getattr(self, name)[rows] for name in ("x", "area", "source", "target", "removes")}
        return Task(**own, bounds=self.bounds.take(rows))


def resample(
    network: JointDiffusionNetwork,
    task: Task,
    settings: EditSettings,
    strengths: Sequence[Strength],
    seeds: Sequence[int],
) -> Iterator[tuple[int, Tensor]]:
    """(step from 1, frames x̂ (N, C, S, S)) of the way down; the last frames are the edited pictures.

    At every level what is known is noised to that level (RePaint, Lugmayr et al. 2022, arXiv 2201.09865, algorithm 1),
    and the steps are ancestral. x̂ = x̂_source + w (x̂_target - x̂_source) while the noise is high (guidance over an
    interval, Kynkäänniemi et al. 2024, arXiv 2404.07724), and x̂_target below. Of the last x̂ the colour is smoothed. One
    encoder pass and up to two decoder passes a step and candidate; all noise follows from the seeds (N,).
    """
    device, n = task.x.device, len(task.x)
    logsnr, times = settings.logsnr(device), torch.linspace(0, settings.time, settings.steps + 1)
    draws = [torch.Generator().manual_seed(seed) for seed in seeds]
    starts = torch.tensor([strength.start for strength in strengths], device=device)
    scale = torch.tensor([strength.guidance for strength in strengths], device=device)[:, None, None, None]
    unknown = task.area > 0
    y, shown = task.x.clone(), task.x.clone()
    first = int(starts.max())
    for i in range(first, 0, -1):
        begun = (starts == i).nonzero().flatten()
        if len(begun):
            y[begun] = add_noise(task.x[begun], _noise(draws, begun, y), logsnr[i].expand(len(begun)))
        rows = (starts >= i).nonzero().flatten()
        own = task if len(rows) == n else task.take(rows)
        ends = torch.where(own.removes, _GUIDED_REMOVING, _GUIDED_ADDING)[:, None, None, None]
        guided = torch.where(float(times[i]) > ends, scale[rows], 1.0)
        image = _guided(network, y[rows], logsnr[i].expand(len(rows)), own, guided)
        image = own.bounds.hold(image if i > 1 else with_smooth_colour(image, settings.colour_blur))
        image = torch.where(unknown[rows], image, own.x)
        shown[rows] = torch.lerp(own.x, image, own.area)
        if i > 1:
            moved = _ancestral(y[rows], image, logsnr[i], logsnr[i - 1], _noise(draws, rows, y))
            known = add_noise(own.x, _noise(draws, rows, y), logsnr[i - 1].expand(len(rows)))
            y[rows] = torch.where(unknown[rows], moved, known)
        yield first - i + 1, shown


def with_smooth_colour(image: Tensor, sigma: float) -> Tensor:
    """Images (N, C, S, S) in [-1, 1] of the same luminance whose colour beside it is smoothed; gray ones as they are.

    `sigma` is in pixels of a side of 64. Colours count by their light, so that black around a cell has no part in them.
    """
    if image.shape[1] == 1:
        return image
    light, sigma = luminance(image)[:, None] + 1, sigma * image.shape[-1] / _SIDE_PIXELS
    colour, around = (smooth(part.flatten(0, 1), sigma).unflatten(0, part.shape[:2]) for part in (image + 1, light))
    return light * colour / around.clamp(min=1e-3) - 1


def _guided(network: JointDiffusionNetwork, y: Tensor, logsnr: Tensor, task: Task, scale: Tensor) -> Tensor:
    """x̂ (N, C, S, S) of states y under guidance `scale` (N, 1, 1, 1)."""
    with half_precision(y.device):
        z = network.encode(y, logsnr)
        if bool((scale == 1).all()):
            return predicted_image(y, network.decode(z, logsnr, task.target).float(), logsnr)
        v = network.decode_classes(z, logsnr, torch.stack([task.source, task.target], dim=1)).float()
    own, other = (predicted_image(y, v_c, logsnr) for v_c in v.unbind(1))
    return own + scale * (other - own)


def _ancestral(y: Tensor, image: Tensor, here: Tensor, there: Tensor, noise: Tensor) -> Tensor:
    """A draw of x_there given x_here = y and x̂ (DDPM's posterior; Song et al. 2021, η = 1)."""
    (alpha, sigma), (alpha_there, sigma_there) = alpha_sigma(here[None]), alpha_sigma(there[None])
    variance = (sigma_there / sigma) ** 2 * (1 - (alpha / alpha_there) ** 2)
    kept = (sigma_there**2 - variance).clamp(min=0).sqrt() * (y - alpha * image) / sigma
    return alpha_there * image + kept + variance.sqrt() * noise


def _noise(draws: Sequence[torch.Generator], rows: Tensor, like: Tensor) -> Tensor:
    """Standard normal noise (n, C, S, S) of the rows, each from its own generator."""
    own = [torch.randn(like.shape[1:], generator=draws[row]) for row in rows.tolist()]
    return torch.stack(own).to(like.device)
