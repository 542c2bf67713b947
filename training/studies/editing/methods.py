"""Ways of editing that push a cell's pixels: what is kept of it on the way to the noise, and guided on the way back.

One strength each and no search, so that the methods differ in themselves and in nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from jdm_core.draw.maps import smooth
from jdm_core.images.pixels import cell_mask
from jdm_core.model.diffusion import add_noise, alpha_sigma, cosine_logsnr, ddim_step, predicted_image
from jdm_core.model.network import JointDiffusionNetwork

WAYS = ("ddim", "residuals", "edit-friendly")
STEPS, TIME = 6, 0.6  # of the way up, equal in cosine time
_SIDE, _BLUR, _MARGIN = 64, 1.0, 2  # pixels of a picture's side, of the region's blur and of its margin


@dataclass(frozen=True)
class Method:
    """One way of editing: `way` to the noise, scale `guidance` back, `region` that may change.

    Ways: "ddim" inverts (Song et al. 2021, section 4.3); "residuals" keeps the error of each of its steps and gives it
    back; "edit-friendly" noises every level independently and keeps what stochastic steps between them lack
    (Huberman-Spiegelglas et al. 2024, arXiv 2304.06140, algorithm 1). x̂ = x̂_source + w (x̂_target - x̂_source). region is
    the share of the largest shift by the class from which pixels may change, 0 the whole cell; what kept of a cell is
    given up there.
    """

    way: str
    guidance: float
    region: float = 0.0

    def __post_init__(self) -> None:
        if self.way not in WAYS:
            raise ValueError(f"edit method: {self.way!r}")

    @property
    def name(self) -> str:
        """What tables call it."""
        where = f", regions from {self.region:g}" if self.region else ""
        return f"{self.way}, w {self.guidance:g}{where}"


@dataclass(frozen=True)
class Edited:
    """Edited images (B, C, S, S) in [-1, 1], and the encoder's passes for each; every pass decodes two classes."""

    images: Tensor
    encoder_passes: int


def levels(network: JointDiffusionNetwork, device: torch.device) -> Tensor:
    """The log-SNR (n + 1,) of the way up."""
    return cosine_logsnr(torch.linspace(0, TIME, STEPS + 1, device=device), network.architecture.logsnr_shift)


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
    passes = 0

    def read(y: Tensor, at: Tensor) -> tuple[Tensor, Tensor]:
        """x̂ of states y under source and target."""
        nonlocal passes
        passes += 1
        v = network.decode_classes(network.encode(y, at), at, torch.stack([source, target], dim=1))
        own, other = (predicted_image(y, v_c, at) for v_c in v.unbind(1))
        return own, other

    n, b = len(logsnr) - 1, len(x)
    level = [value.expand(b) for value in logsnr]
    mask = cell_mask(x)[:, None]

    def down(y: Tensor, image: Tensor, i: int) -> Tensor:
        if method.way == "edit-friendly":
            return ancestral_mean(y, image, level[i], level[i - 1])
        return ddim_step(image, _noise_of(y, image, level[i]), level[i - 1])

    if method.way == "edit-friendly":
        states = [x, *(add_noise(x, noise(i), level[i]) for i in range(1, n + 1))]
        reads = [read(state, at) for state, at in zip(states, level, strict=True)]
    else:
        states, reads = [x], [read(x, level[0])]
        for i in range(1, n + 1):
            image = reads[-1][0].clamp(-1, 1)
            states.append(ddim_step(image, _noise_of(states[-1], image, level[i - 1]), level[i]))
            reads.append(read(states[-1], level[i]))
    area = mask.float()
    if method.region:
        shift = torch.stack([(other - own).abs().mean(1) for own, other in reads]).mean(0)
        area = _region(shift, mask, method.region) * mask
    kept = 1 - area if method.region else torch.ones_like(area)
    y = states[n]
    for i in range(n, 0, -1):
        own, other = reads[i] if i == n else read(y, level[i])
        y = down(y, (own + method.guidance * (other - own)).clamp(-1, 1), i)
        if method.way != "ddim":
            y = y + kept * (states[i - 1] - down(states[i], reads[i][0].clamp(-1, 1), i))
        y = torch.lerp(states[i - 1], y, area)
    return Edited(y.clamp(-1, 1), passes)


def ancestral_mean(y: Tensor, image: Tensor, here: Tensor, there: Tensor) -> Tensor:
    """The mean of x_there given x_here = y and x̂, each λ (B,): DDPM's posterior (Song et al. 2021, η = 1)."""
    (alpha, sigma), (alpha_there, sigma_there) = alpha_sigma(here), alpha_sigma(there)
    variance = (sigma_there / sigma) ** 2 * (1 - (alpha / alpha_there) ** 2)
    return alpha_there * image + (sigma_there**2 - variance).clamp(min=0).sqrt() * _noise_of(y, image, here)


def _region(shift: Tensor, mask: Tensor, share: float) -> Tensor:
    """The weight in [0, 1] (B, 1, S, S) of each pixel's change: where the class moves it by a share of the peak."""
    scale = shift.shape[-1] / _SIDE
    shift = smooth(shift, _BLUR * scale) * mask[:, 0]
    strong = (shift >= share * shift.amax((1, 2), keepdim=True)).float()
    margin = round(_MARGIN * scale)
    wide = F.max_pool2d(strong[:, None], 2 * margin + 1, stride=1, padding=margin)
    return smooth(wide[:, 0], _BLUR * scale)[:, None].clamp(max=1)


def _noise_of(noisy: Tensor, image: Tensor, logsnr: Tensor) -> Tensor:
    alpha, sigma = alpha_sigma(logsnr)
    return (noisy - alpha * image) / sigma
