"""The joint loss, and the draws of a batch: all made for the whole batch, so that its shares add up to it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from jdm_core.model.diffusion import add_noise, cosine_logsnr, min_snr_weight, squared_error, velocity
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import NOISY
from training.run.recipe import Recipe

UNLABELLED = -1
SOFTENED = 2.0  # the temperature of what is learnt from teachers


@dataclass(frozen=True)
class Batch:
    """B images with everything random about their loss: what one process takes a share of."""

    images: Tensor  # (B, C, S, S) in [-1, 1]
    read: Tensor  # (B, C, S, S): the same images as the head reads them where no noise is added, with a camera's grain
    labels: Tensor  # (B,) class indices, UNLABELLED where nobody says
    decoded_as: Tensor  # (B,) class indices, K for "no class"
    logsnr: Tensor  # (B,)
    noise: Tensor  # (B, C, S, S)
    labelled: float  # what a sum of cross-entropies is divided by; over the shares it adds up to the labelled images
    margin_weight: float = 0.0  # s'' at this step of the run
    teaching_weight: float = 0.0  # of what the teachers say, at this step

    def shares(self, count: int) -> list["Batch"]:
        """`count` equal parts, whose mean loss is the loss of the whole; ValueError where B does not divide."""
        if len(self.images) % count:
            raise ValueError(f"a batch of {len(self.images)} does not divide into {count} equal shares")
        tensors = (self.images, self.read, self.labels, self.decoded_as, self.logsnr, self.noise)
        labelled, weights = self.labelled / count, (self.margin_weight, self.teaching_weight)
        return [
            Batch(images, read, labels, decoded_as, logsnr, noise, labelled, *weights)
            for images, read, labels, decoded_as, logsnr, noise in zip(*(t.chunk(count) for t in tensors), strict=True)
        ]


def focused(u: Tensor, focus: Sequence[float]) -> Tensor:
    """Cosine times of u in [0, 1), in order: a share of them between low and high, the rest evenly over [0, 1)."""
    if not focus:
        return u
    low, high, share = focus
    outside, inside = 1 - share, 1 - share + share / (high - low)  # densities of the times
    first, second = outside * low, outside * low + inside * (high - low)  # u at which low and high are reached
    within, above = low + (u - first) / inside, high + (u - second) / outside
    return torch.where(u < first, u / outside, torch.where(u < second, within, above))


def draw_batch(
    images: Tensor,
    labels: Tensor,
    classes: int,
    label_dropout: float,
    generator: torch.Generator,
    logsnr_shift: float = 0.0,
    focus: Sequence[float] = (),
    margin_weight: float = 0.0,
    teaching_weight: float = 0.0,
    read: Tensor | None = None,
) -> Batch:
    """Noise, levels and dropped labels for images (B, C, S, S) in [-1, 1] and labels (B,).

    `read` are the images as the head reads them, the same ones if None. The times are stratified over the batch, one a
    stratum, which lowers the variance of the loss.
    """
    b, device = len(images), images.device
    time = focused((torch.arange(b, device=device) + torch.rand((), generator=generator, device=device)) / b, focus)
    logsnr = cosine_logsnr(time[torch.randperm(b, generator=generator, device=device)], logsnr_shift)
    noise = torch.randn(images.shape, generator=generator, device=device)
    dropped = torch.rand(b, generator=generator, device=device) < label_dropout
    decoded_as = torch.where(dropped | (labels == UNLABELLED), classes, labels)
    labelled = float((labels != UNLABELLED).sum())
    read = images if read is None else read
    return Batch(images, read, labels, decoded_as, logsnr, noise, labelled, margin_weight, teaching_weight)


def diffusion_loss(network: JointDiffusionNetwork, batch: Batch) -> tuple[Tensor, list[Tensor], Tensor]:
    """w(λ) ‖v - v̂‖², a scalar (min-SNR, Hang et al. 2023), the Z that it was decoded from, ‖v - v̂‖² of each (B,)."""
    z = network.encode(add_noise(batch.images, batch.noise, batch.logsnr), batch.logsnr)
    v = network.decode(z, batch.logsnr, batch.decoded_as)
    error = squared_error(v.float(), velocity(batch.images, batch.noise, batch.logsnr))
    return (min_snr_weight(batch.logsnr) * error).mean(), z, error


def margin_loss(
    network: JointDiffusionNetwork,
    batch: Batch,
    z: Sequence[Tensor],
    error: Tensor,
    logits: Tensor,
    levels: tuple[float, float],
) -> Tensor:
    """-log p(y | x_λ, ε) against the most likely wrong class, a scalar: the Diffusion Classifier's own cross-entropy.

    p(c | x_λ, ε) ∝ exp(-½ ‖ε - ε̂_c‖²), one draw of what the posterior averages. Taken where λ lies between `levels`
    and the image was decoded under its label; the wrong class is the head's, of its logits (B, K) of the noisy image.
    Denoising alone says nothing of the classes that an image is not of, and the margin is made of them.
    """
    low, high = levels
    taken = ((batch.decoded_as == batch.labels) & (batch.logsnr > low) & (batch.logsnr < high)).nonzero()[:, 0]
    if not len(taken):  # torch cannot go back through a decoding of no images
        return error.new_zeros(())
    labels, logsnr = batch.labels[taken], batch.logsnr[taken]
    wrong = logits.detach()[taken].scatter(1, labels[:, None], -torch.inf).argmax(1)
    v = network.decode([level[taken] for level in z], logsnr, wrong)
    other = squared_error(v.float(), velocity(batch.images[taken], batch.noise[taken], logsnr))
    # ‖ε - ε̂‖² = α² ‖v - v̂‖², summed over the pixels
    nats = 0.5 * batch.images[0].numel() * torch.sigmoid(logsnr)
    return F.softplus(nats * (error[taken] - other)).sum() / len(batch.images)


def teaching_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """T² KL(teachers ‖ head) at a temperature T, a scalar: what they give each class teaches beside the label.

    logits (B, K), and the teachers' on the same images (B, K) (Hinton et al. 2015, arXiv 1503.02531, section 2).
    """
    ours, theirs = ((of.float() / SOFTENED).log_softmax(1) for of in (logits, taught))
    return SOFTENED**2 * F.kl_div(ours, theirs, reduction="batchmean", log_target=True)


class JointLoss(nn.Module):
    """The joint loss over a network, one forward, as wrappers for several devices and compilers want it.

    `teachers` are classifiers in evaluation mode, on the network's device.
    """

    def __init__(self, network: JointDiffusionNetwork, recipe: Recipe, teachers: Sequence[nn.Module] = ()) -> None:
        super().__init__()
        self._teachers = tuple(teachers)  # in a tuple, which PyTorch registers nothing of
        self.network, self.recipe = network, recipe
        first, last = recipe.focus[:2] or (0.0, 1.0)
        low, high = cosine_logsnr(torch.tensor([last, first]), recipe.architecture.logsnr_shift).tolist()
        self._levels = (low, high)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars.

        w(λ) ‖v - v̂‖² + s·CE(head(clean)) + s'·CE(head(noisy)) (Deja et al. 2023, equation 8, with v-prediction), and
        s'' times `margin_loss`, within the recipe's focus if it has one, and the `teaching_loss`, each with its weight
        in the batch; images without a label enter the first term, under "no class", and the last.
        """
        network = self.network
        diffusion, z, error = diffusion_loss(network, batch)
        logits = network.classify(z, NOISY)
        total, parts = self._reading(logits, network.classify(network.encode_clean(batch.read)), batch)
        total, parts = diffusion + total, {"diffusion": diffusion} | parts
        if batch.margin_weight:
            parts["margin"] = margin_loss(network, batch, z, error, logits, self._levels)
            total = total + batch.margin_weight * parts["margin"]
        return {"loss": total} | parts

    def _reading(self, noisy: Tensor, clean: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """What the head's logits (B, K) of noisy and of clean images cost, a scalar, and its parts."""
        parts = {"clean": self._cross_entropy(clean, batch), "noisy": self._cross_entropy(noisy, batch)}
        total = self.recipe.clean_weight * parts["clean"] + self.recipe.noisy_weight * parts["noisy"]
        if batch.teaching_weight:
            with torch.no_grad():
                taught = torch.stack([teacher(batch.images).float() for teacher in self._teachers]).mean(0)
            parts["teaching"] = teaching_loss(clean, taught)
            total = total + batch.teaching_weight * parts["teaching"]
        return total, parts

    def _cross_entropy(self, logits: Tensor, batch: Batch) -> Tensor:
        total = F.cross_entropy(
            logits.float(),
            batch.labels,
            ignore_index=UNLABELLED,
            reduction="sum",
            label_smoothing=self.recipe.label_smoothing,
        )
        return total / (batch.labelled or 1.0)


class HeadLoss(JointLoss):
    """The joint loss's terms of the head alone, over an encoder that stands still: nothing is decoded."""

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The loss and its parts, scalars: s·CE(head(clean)) + s'·CE(head(noisy)), and the `teaching_loss`."""
        network = self.network
        with torch.no_grad():
            z = network.encode(add_noise(batch.images, batch.noise, batch.logsnr), batch.logsnr)
            z_clean = network.encode_clean(batch.read)
        total, parts = self._reading(network.classify(z, NOISY), network.classify(z_clean), batch)
        return {"loss": total} | parts
