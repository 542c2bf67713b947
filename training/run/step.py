"""One optimizer step, the same for every kind of training: shares of a batch, clipping, rate, averaged weights."""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from typing import Protocol, Self, cast

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from jdm_core.model.device import half_precision
from jdm_core.model.diffusion import add_noise
from jdm_core.model.network import JointDiffusionNetwork
from jdm_core.model.normalisation import CLEAN, NOISY, DataNorm
from training.run.loss import Batch
from training.run.recipe import Recipe, RecipeError


class NonFiniteLoss(RuntimeError):
    """The loss or its gradient is no number any more; the message names the step and the cells of the batch."""


class Shareable(Protocol):
    """A batch that divides into equal parts, whose mean loss is the loss of the whole."""

    def shares(self, count: int) -> list[Self]:
        """`count` equal parts."""
        ...


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rate at a step: a linear warm-up, a plateau, then linearly to zero until the leg's end.

    A leg ends at a restart, where the head begins to learn alone, and with the run.
    """
    seen, steps = (step + 1) * recipe.batch_size, recipe.steps
    turns = {images // recipe.batch_size for images in recipe.restarts} | {recipe.head_alone_step or 0}
    begin = max((turn for turn in turns if turn <= step), default=0)
    end = min((turn for turn in turns if step < turn < steps), default=steps)
    left = (end - step) / max(1.0, (end - begin) * recipe.decay_share)
    return recipe.learning_rate * min(1.0, seen / max(1, recipe.warmup_images), left)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Gives every group of parameters the same learning rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def one_cycle(
    network: nn.Module, peak: float, weight_decay: float, steps: int, rising: float = 0.3
) -> tuple[torch.optim.Optimizer, Callable[[int], None]]:
    """AdamW for a network, and what sets its rate before each of so many steps: one cycle that ends near zero.

    The rate rises to its peak over the share `rising` of the steps (Smith & Topin 2018, arXiv 1708.07120).
    """
    optimizer = torch.optim.AdamW(network.parameters(), peak, weight_decay=weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, total_steps=steps, pct_start=rising)
    return optimizer, lambda step: schedule.step() if step else None


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights towards the network's, with a decay that warms up as (1 + k) / (10 + k).

    `torch.optim.swa_utils.AveragedModel` copies the weights in its first update instead, and names them otherwise.
    """
    decay = min(decay, (1 + step) / (10 + step))
    get_ema_multi_avg_fn(decay)(list(average.parameters()), list(network.parameters()), step)


def join_processes(device: torch.device) -> tuple[Accelerator, torch.device]:
    """The processes that torchrun started, or this one alone, and the device of this one."""
    accelerator = Accelerator(cpu=device.type == "cpu", device_placement=False)
    return accelerator, accelerator.device if accelerator.num_processes > 1 else device


class Stepper:
    """Moves a network down the gradient of a loss, and its averaged weights after it.

    `loss(batch)` gives scalars by name, of which "loss" is minimised. Every process makes the same batch and computes
    its own share, in `parts` for less memory, so that only gradients travel. `rate(step)` sets the learning rate
    before each step. `average` is (module, decay) or None. Raises RecipeError where `batch_size` does not divide.
    """

    def __init__(
        self,
        loss: nn.Module,
        optimizer: torch.optim.Optimizer,
        rate: Callable[[int], None],
        accelerator: Accelerator,
        device: torch.device,
        *,
        batch_size: int,
        half: bool = True,
        average: tuple[nn.Module, float] | None = None,
        clip: float = math.inf,
        parts: int = 1,
    ) -> None:
        if batch_size % (accelerator.num_processes * parts):
            raise RecipeError(
                f"batch_size {batch_size} does not divide among {accelerator.num_processes} processes "
                f"with {parts} parts each"
            )
        self._network = loss.get_submodule("network")
        self._loss = accelerator.prepare_model(loss)
        self._optimizer, self._rate, self._average = optimizer, rate, average
        self._accelerator, self._device, self._half = accelerator, device, half
        self._clip, self._parts = clip, parts

    def __call__(
        self, step: int, batch: Shareable, names: Callable[[], str], told: Sequence[float] = ()
    ) -> tuple[dict[str, float], list[float]]:
        """One step; the losses of the whole batch, and the mean over the processes of what each one tells.

        Raises NonFiniteLoss, which says `names()`, before any weight has moved.
        """
        accelerator = self._accelerator
        mine = batch.shares(accelerator.num_processes)[accelerator.process_index]
        parts = mine.shares(self._parts)
        self._optimizer.zero_grad(set_to_none=True)
        values: dict[str, Tensor] = {}
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            with nullcontext() if last else accelerator.no_sync(self._loss):
                with half_precision(self._device, self._half):
                    losses = self._loss(part)
                (losses["loss"] / len(parts)).backward()
            for name, value in losses.items():
                values[name] = values.get(name, 0) + value.detach().float() / len(parts)
        norm = nn.utils.clip_grad_norm_(self._network.parameters(), self._clip)
        mine_told = torch.tensor([float(value) for value in told], device=self._device)
        both = torch.cat([torch.stack([*values.values()]), mine_told])
        together = cast(Tensor, accelerator.reduce(both, "mean")).tolist()  # of a tensor it makes a tensor
        means = dict(zip(values, together, strict=False))
        if not math.isfinite(means["loss"]) or not math.isfinite(float(norm)):
            raise NonFiniteLoss(
                f"step {step}: the loss is {means['loss']}, its gradient {float(norm)}; the batch was {names()}"
            )
        self._rate(step)
        self._optimizer.step()
        if self._average is not None:
            average, decay = self._average
            update_average(average, self._network, decay, step)
        return means, together[len(values) :]


@torch.no_grad()
def settle(average: JointDiffusionNetwork, learnt: nn.Module, batches: Iterable[Batch], half: bool) -> None:
    """Takes the statistics of the data anew for averaged weights; those met while training are of other weights.

    In the part of the network that has learnt, or all of it; nothing is done where its layers keep none.
    """
    layers = [module for module in learnt.modules() if isinstance(module, DataNorm)]
    if not layers:
        return
    learnt.train()
    for i, batch in enumerate(batches):
        for layer in layers:
            layer.momentum = 1 / (i + 1)
        with half_precision(batch.images.device, half):
            average.classify(average.encode(add_noise(batch.images, batch.noise, batch.logsnr), batch.logsnr), NOISY)
            average.classify(average.encode_clean(batch.read), CLEAN)
    average.eval()
