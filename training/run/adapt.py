"""Fine-tuning of a checkpoint on cells without labels, by the diffusion loss alone, in any number of processes.

The head is kept: its weights stand still, and only what it reads moves, as encoder and decoder learn the new
stain and optics under "no class". Whether that helps the verdicts, the study of other microscopes measures, told to
adapt (`training.studies.shift.microscopes`).
"""

import hashlib
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.model.network import JointDiffusionNetwork
from training.data.augment import augment
from training.data.cells import load_images
from training.data.split import batches
from training.run.log import RunLog
from training.run.loss import UNLABELLED, Batch, diffusion_loss, draw_batch
from training.run.recipe import Recipe
from training.run.state import STATE_FILE, StateError, read_state, restore, save_state
from training.run.step import Stepper, join_processes, learning_rate, set_rate, settle
from training.run.trainer import STATISTICS_BATCHES, STATISTICS_STEP

LEARNING_RATE = 1e-4  # a sixth of training's: enough to take up a stain, too little to lose what was learnt
WARMUP_SHARE = 0.1
BATCH = 64
SAVE_SECONDS, LOG_STEPS = 120, 10


@dataclass(frozen=True)
class Adaptation:
    """What a run of adapting reads and writes, how many augmented images it sees, and when it stops before."""

    folder: Path  # of images, in any layout
    run: Path
    images: int
    seed: int
    device: torch.device
    max_minutes: float | None = None
    should_stop: Callable[[], bool] = field(default=lambda: False, repr=False)
    resume: bool = False  # the state in `run`


@dataclass(frozen=True)
class Adapted:
    """Averaged weights on the CPU, images found and seen, and this call's mean loss in its first and last tenth."""

    average: JointDiffusionNetwork
    recipe: Recipe
    found: int
    seen: int
    seconds: float
    first_loss: float
    last_loss: float
    leads: bool  # whether this process is the one that writes


class DiffusionLoss(nn.Module):
    """The joint loss's first term, over a network whose head stands still."""

    def __init__(self, network: JointDiffusionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """w(λ) ‖v - v̂‖², a scalar."""
        return {"loss": diffusion_loss(self.network, batch)[0]}


def adaptation_recipe(source: Recipe, images: int, found: int, seed: int) -> Recipe:
    """The source's recipe with the rates and the length of adapting; ValueError for less to see than one batch."""
    batch = min(BATCH, found)
    if images < batch:
        raise ValueError(f"number of images: {images}, where one batch is {batch}")
    return replace(
        source,
        seed=seed,
        images=images,
        batch_size=batch,
        learning_rate=LEARNING_RATE,
        warmup_images=round(WARMUP_SHARE * images),
    )


def adapt(network: JointDiffusionNetwork, source: Recipe, origin: str, wanted: Adaptation) -> Adapted:
    """Fine-tunes a network, trained by the recipe `source`, until the wanted augmented images of a folder are seen.

    Or until the minutes are over or it should stop: the state in the run then goes on with `resume`, bit-equal, as long
    as the images and `origin`, which names the weights, are the same. Raises DataError, StateError and NonFiniteLoss.
    """
    started, run = time.monotonic(), wanted.run
    architecture = network.architecture
    pixels = load_images(wanted.folder, architecture.image_size, architecture.image_channels)
    recipe = adaptation_recipe(source, wanted.images, len(pixels), wanted.seed)
    accelerator, device = join_processes(wanted.device)
    network = network.to(device).train().requires_grad_(True)
    network.head.requires_grad_(False)
    average = deepcopy(network).requires_grad_(False).eval()
    moving = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(moving, LEARNING_RATE, betas=(0.9, 0.99), weight_decay=recipe.weight_decay)
    digest = hashlib.sha256(origin.encode() + pixels.numpy().tobytes()).hexdigest()
    half = recipe.precision == "bf16"
    step, seconds_before = 0, 0.0
    if wanted.resume:
        state = read_state(run)
        if (state.recipe, state.split_digest) != (recipe, digest):
            raise StateError(f"{run}: its state is of other images, numbers or weights; another --run starts anew")
        restore(state, network, average, optimizer)
        step, seconds_before = state.step, state.seconds
    elif (run / STATE_FILE).exists():
        raise StateError(f"{run}: holds a run already; --resume continues it, another --run starts a new one")
    stepper = Stepper(
        DiffusionLoss(network),
        optimizer,
        lambda step: set_rate(optimizer, learning_rate(recipe, step)),
        accelerator,
        device,
        batch_size=recipe.batch_size,
        half=half,
        average=(average, recipe.ema_decay),
        clip=1.0,
    )
    leads = accelerator.is_main_process
    if leads:
        run.mkdir(parents=True, exist_ok=True)

    def batch(index: Tensor, step: int) -> Batch:
        return _batch(pixels[index].to(device), network.no_class, recipe, step)

    def save() -> None:
        save_state(run, recipe, step, seconds_before + time.monotonic() - started, digest, network, average, optimizer)

    losses: list[float] = []
    saved, stopped = time.monotonic(), False
    indices = batches(len(pixels), recipe.batch_size, recipe.seed, step)
    bar = tqdm(total=recipe.steps * recipe.batch_size, unit="img", desc="adapting", disable=not leads)
    with RunLog(run, step) if leads else nullcontext() as log, bar:
        bar.update(step * recipe.batch_size)
        while step < recipe.steps and not stopped:
            over = wanted.max_minutes is not None and time.monotonic() - started > 60 * wanted.max_minutes
            values, (stops,) = stepper(
                step, batch(next(indices), step), lambda: f"of {wanted.folder}", (float(over or wanted.should_stop()),)
            )
            losses.append(values["loss"])
            stopped, step = stops > 0, step + 1
            if log is None:
                continue
            bar.update(recipe.batch_size)
            if step % LOG_STEPS == 0:
                recent = float(np.mean(losses[-LOG_STEPS:]))
                bar.set_postfix(loss=f"{recent:.4f}")
                log.figures(step, step * recipe.batch_size, {"diffusion": round(recent, 6)})
            if stopped or step == recipe.steps or time.monotonic() - saved > SAVE_SECONDS:
                save()
                saved = time.monotonic()
    order = batches(len(pixels), recipe.batch_size, recipe.seed, 0)
    steps = range(STATISTICS_STEP, STATISTICS_STEP + STATISTICS_BATCHES)
    settle(average, average, (batch(next(order), step) for step in steps), half)
    accelerator.end_training()
    tenth = max(1, len(losses) // 10)
    first, last = (float(np.mean(part)) if part else float("nan") for part in (losses[:tenth], losses[-tenth:]))
    seconds = seconds_before + time.monotonic() - started
    return Adapted(average.cpu(), recipe, len(pixels), step * recipe.batch_size, seconds, first, last, leads)


def _batch(pixels: Tensor, no_class: int, recipe: Recipe, step: int) -> Batch:
    """Augmented images with their draws, all of which follow from the seed and the step."""
    generator = torch.Generator(pixels.device).manual_seed(recipe.seed * 1_000_003 + step)
    labels = torch.full((len(pixels),), UNLABELLED, device=pixels.device)
    return draw_batch(
        augment(pixels, recipe.stain_jitter, generator, recipe.symmetries, recipe.translate),
        labels,
        no_class,
        recipe.label_dropout,
        generator,
        recipe.architecture.logsnr_shift,
    )
