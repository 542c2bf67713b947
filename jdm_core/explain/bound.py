"""The bound in nats: at which noise levels it is drawn, what a draw counts, and the error of what it says.

-ELBO_c = ½ ∫ E ‖ε - ε̂_c‖² dλ + terms that no class changes, over λ from λ_min to λ_max (Kingma et al. 2021, arXiv
2107.00630, equation 17): a bound on log p(x_λmax | c), the cell under as little noise as λ_max leaves. λ_max belongs to
the checkpoint: above it the network says nothing of the classes that holds.
"""

import math

import torch
from torch import Tensor

from jdm_core.model.diffusion import LOGSNR_MIN

HALVINGS = 30  # of a range of 24: to the last bit of a float32


def strata(count: int) -> list[int]:
    """How many of `count` draws fall into each stratum: two, of an odd number three into the last one."""
    sizes = [2] * max(1, count // 2)
    sizes[-1] += count - sum(sizes)
    return sizes


def bound_logsnr(u: Tensor, logsnr_max: float) -> Tensor:
    """λ of u in [0, 1) by a density that is half even from λ_min to λ_max, and half as the amplitude s = α/σ = e^(λ/2).

    Errors, and what classes differ by, grow with λ about as s does: so what varies most is drawn most. The even half
    keeps every level within twice the cost of even draws, whatever a network makes of it.
    """
    low, high = torch.full_like(u, LOGSNR_MIN), torch.full_like(u, logsnr_max)
    for _ in range(HALVINGS):  # the share of draws below λ has no inverse in closed form
        middle = (low + high) / 2
        below = _share_below(middle, logsnr_max) < u
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return low


def bound_weight(logsnr: Tensor, logsnr_max: float) -> Tensor:
    """½ over the density of λ in `bound_logsnr`, which makes ‖ε - ε̂‖² there a draw of ½ ∫ ‖ε - ε̂‖² dλ."""
    even = 1 / (logsnr_max - LOGSNR_MIN)
    steep = torch.exp(logsnr / 2) / (2 * (math.exp(logsnr_max / 2) - math.exp(LOGSNR_MIN / 2)))
    return 1 / (even + steep)


def _share_below(logsnr: Tensor, logsnr_max: float) -> Tensor:
    even = (logsnr - LOGSNR_MIN) / (logsnr_max - LOGSNR_MIN)
    first, last = math.exp(LOGSNR_MIN / 2), math.exp(logsnr_max / 2)
    return (even + (torch.exp(logsnr / 2) - first) / (last - first)) / 2


def draw_levels(count: int, logsnr_max: float, generator: torch.Generator) -> Tensor:
    """λ (count,) of the bound's draws, in the strata of `strata`, each as wide as it has draws."""
    sizes = torch.tensor(strata(count))
    first = (sizes.cumsum(0) - sizes).repeat_interleave(sizes)
    u = (first + sizes.repeat_interleave(sizes) * torch.rand(count, generator=generator)) / count
    return bound_logsnr(u, logsnr_max)


def elbo_of_errors(errors: Tensor, logsnr: Tensor, logsnr_max: float) -> tuple[Tensor, Tensor]:
    """ELBO in nats and its standard error, each (B, K), of ‖ε - ε̂_c‖² (B, D, K) at the levels (B, D) of `draw_levels`.

    Of differences of two classes' errors at the same draws, the paired difference and its error.
    """
    nats = -bound_weight(logsnr, logsnr_max)[:, :, None] * errors
    return nats.mean(dim=1), standard_error(nats)


def standard_error(values: Tensor) -> Tensor:
    """Standard error of the mean over draws, dimension 1, of values (B, D, ...) in the strata of `strata`.

    From what differs within a stratum (Cochran 1977, Sampling Techniques, section 5.5), so that its square is unbiased
    whatever the trend over levels. Needs two draws.
    """
    parts = values.split(strata(values.shape[1]), dim=1)
    squares = torch.stack([part.shape[1] * part.var(dim=1) for part in parts]).sum(0)
    return squares.sqrt() / values.shape[1]
