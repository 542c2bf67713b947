"""What can guide the sampler to a class: the class condition, the head's gradient on pixels, or on representations."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from jdm_core.model.diffusion import alpha_sigma, predicted_image
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import NOISY

KINDS = ("class", "head on pixels", "head on Z", "head on Z, constant")


@dataclass(frozen=True)
class Guide:
    """One way to a class, with its scale.

    "class" is classifier-free guidance with w = scale, 0 the unconditional model and 1 the conditional one (Ho &
    Salimans 2022, arXiv 2207.12598); "head on pixels" adds scale · ∇_x log p(c|x_λ) to the score (Dhariwal & Nichol
    2021, arXiv 2105.05233, algorithm 2); "head on Z" moves the representations along the gradient of log p(c|Z) by
    a share `scale` of their norm, "head on Z, constant" by scale times the gradient itself (Deja et al. 2023, algorithm
    1, α). A negative scale moves away from the class, as the published code of the last does.
    """

    kind: str
    scale: float

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"guide: {self.kind!r}")

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.kind}, {self.scale:g}"


def towards(
    network: JointDiffusionNetwork, z: list[Tensor], target: Tensor, step: float, normalised: bool = True
) -> list[Tensor]:
    """Z moved up the gradient of the head's log p(target|Z), by a share `step` of the norm of each image's Z.

    Without normalising, by `step` times the gradient itself. Algorithm 1 of Deja et al. 2023 gives neither sign nor
    scale that would do for any network; the sign here raises the target's probability.
    """
    with torch.enable_grad():
        leaves = [level.detach().requires_grad_() for level in z]
        likelihood = network.classify(leaves, NOISY).log_softmax(1).gather(1, target[:, None]).sum()
        gradient = torch.autograd.grad(likelihood, leaves)
    if normalised:
        norm, length = (_norm(levels) for levels in (gradient, z))
        scale: Tensor | float = (step * length / norm.clamp(min=1e-12))[:, None, None, None]
    else:
        scale = step
    return [level + scale * slope for level, slope in zip(z, gradient, strict=True)]


def reader(network: JointDiffusionNetwork, guide: Guide, labels: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """The function x̂ = read(x_λ, λ) of a guide to the classes `labels` (B,), for `jdm_core.model.sampling.denoise`."""
    nothing = torch.full_like(labels, network.no_class)

    def by_class(x: Tensor, logsnr: Tensor) -> Tensor:
        v = network.decode_classes(network.encode(x, logsnr), logsnr, torch.stack([nothing, labels], dim=1))
        without, given = (predicted_image(x, v_c, logsnr) for v_c in v.unbind(1))
        return without + guide.scale * (given - without)

    def by_pixels(x: Tensor, logsnr: Tensor) -> Tensor:
        with torch.enable_grad():
            pixels = x.detach().requires_grad_()
            z = network.encode(pixels, logsnr)
            likelihood = network.classify(z, NOISY).log_softmax(1).gather(1, labels[:, None]).sum()
            slope = torch.autograd.grad(likelihood, pixels)[0]
        alpha, sigma = alpha_sigma(logsnr)
        image = predicted_image(x, network.decode([level.detach() for level in z], logsnr, nothing), logsnr)
        return image + guide.scale * sigma**2 / alpha * slope  # Tweedie: x̂ = (x_λ + σ² score) / α

    def by_representations(x: Tensor, logsnr: Tensor) -> Tensor:
        z = network.encode(x, logsnr)
        moved = towards(network, z, labels, guide.scale, normalised=guide.kind == "head on Z")
        return predicted_image(x, network.decode(moved, logsnr, nothing), logsnr)

    readers = (by_class, by_pixels, by_representations, by_representations)
    return torch.no_grad()(readers[KINDS.index(guide.kind)])


def _norm(levels: list[Tensor] | tuple[Tensor, ...]) -> Tensor:
    return torch.stack([level.flatten(1).square().sum(1) for level in levels]).sum(0).sqrt()
