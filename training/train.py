"""The training loop: one optimizer over the joint loss, averaged weights, validation, exact resume, any processes."""

import json
import math
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.checkpoints import load_checkpoint
from jdm_core.diffusion import add_noise
from jdm_core.files import replace_file
from jdm_core.network import JointDiffusionNetwork
from jdm_core.normalisation import CLEAN, NOISY, DataNorm
from jdm_core.precision import bf16_is_fast, half_precision
from training.augment import augment
from training.data import Cells, Split, batches, half_labelled_batches, labelled_subset, load_cells, split_cells
from training.grow import grown_weights
from training.log import RunLog
from training.loss import UNLABELLED, Batch, JointLoss, draw_batch
from training.recipe import Recipe, RecipeError
from training.sheets import sample_sheet
from training.state import STATE_FILE, RunState, StateError, read_state, restore, save_state
from training.throughput import measure
from training.validate import validate

SAVE_SECONDS, LOG_STEPS = 120, 50
STATISTICS_BATCHES = 20
STATISTICS_STEP = 10**9  # seeds from here on are of no step of a run


class NonFiniteLoss(RuntimeError):
    """The loss or its gradient is no number any more; the message names the step and the cells of the batch."""


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rate at a step: a linear warm-up, a plateau, then linearly to zero over the last share of the run."""
    seen = (step + 1) * recipe.batch_size
    left = (recipe.steps - step) / max(1.0, recipe.steps * recipe.decay_share)
    return recipe.learning_rate * min(1.0, seen / max(1, recipe.warmup_images), left)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights towards the network's, with a decay that warms up as (1 + k) / (10 + k)."""
    weight = 1 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)


@dataclass(frozen=True)
class Schedule:
    """What a call of `train` decides beside the recipe; none of it changes what the run computes."""

    max_minutes: float | None = None
    accumulate: int = 1  # parts that a process cuts its share of a batch into, for less memory
    compile: bool = False


class Trainer:
    """The weights, their average and the optimizer of a run, on this process's device, and the step that moves them."""

    def __init__(self, recipe: Recipe, training: Cells, device: torch.device, schedule: Schedule) -> None:
        # Every process makes the same network and the same draws, so that only gradients need to travel.
        self.accelerator = Accelerator(cpu=device.type == "cpu", device_placement=False)
        several = self.accelerator.num_processes > 1
        self.device = self.accelerator.device if several else device
        self.recipe, self._names, self._parts = recipe, training.names, schedule.accumulate
        if recipe.batch_size % (self.accelerator.num_processes * self._parts):
            raise RecipeError(
                f"batch_size {recipe.batch_size} does not divide among {self.accelerator.num_processes} processes "
                f"with {self._parts} parts each"
            )
        if self._parts > 1 and recipe.architecture.normalisation == "data":
            raise RecipeError("a batch cannot be computed in parts where its own statistics normalise it")
        self.half = recipe.precision == "bf16" and bf16_is_fast(self.device)
        self._images, self._labels = training.images.to(self.device), training.labels.to(self.device)
        torch.manual_seed(recipe.seed)
        self.network = initial_network(recipe).to(self.device)
        self.average = deepcopy(self.network).requires_grad_(False).eval()
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay
        )
        loss = JointLoss(self.network, recipe)
        self.throughput = measure(
            loss, self._batch(torch.arange(min(8, recipe.batch_size)), 0), self.half, self.accelerator.num_processes
        )
        self.network.load_state_dict(self.average.state_dict())  # measuring has moved running statistics
        if schedule.compile:
            loss.compile()
        self._loss = self.accelerator.prepare_model(loss)

    def step(self, step: int, index: Tensor, stop: bool) -> tuple[dict[str, float], bool]:
        """One optimizer step on the cells at `index`; the losses of the whole batch, and whether any process stops.

        All random draws follow from the seed and the step, so that a resumed run repeats them, and are the same in
        every process, which then computes its own share alone.
        """
        recipe, accelerator = self.recipe, self.accelerator
        self.network.train()
        mine = self._batch(index, step).shares(accelerator.num_processes)[accelerator.process_index]
        parts = mine.shares(self._parts)
        self.optimizer.zero_grad(set_to_none=True)
        values: dict[str, Tensor] = {}
        for i, part in enumerate(parts):
            last = i == len(parts) - 1
            with nullcontext() if last else accelerator.no_sync(self._loss):
                with half_precision(self.device, self.half):
                    losses = self._loss(part)
                (losses["loss"] / len(parts)).backward()
            for name, value in losses.items():
                values[name] = values.get(name, 0) + value.detach().float() / len(parts)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        told = torch.stack([*values.values(), torch.tensor(float(stop), device=self.device)])
        *means, stops = accelerator.reduce(told, "mean").tolist()
        if not math.isfinite(means[0]) or not math.isfinite(float(norm)):
            names = ", ".join(self._names[i] for i in index.tolist())
            raise NonFiniteLoss(
                f"step {step}: the loss is {means[0]}, its gradient {float(norm)}; the batch was {names}"
            )
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(recipe, step)
        self.optimizer.step()
        update_average(self.average, self.network, recipe.ema_decay, step)
        return dict(zip(values, means, strict=True)), stops > 0

    @torch.no_grad()
    def settle_average(self) -> None:
        """Takes the statistics of the data anew for the averaged weights, over the same training cells every time.

        Those met while training are of other weights.
        """
        layers = [module for module in self.average.modules() if isinstance(module, DataNorm)]
        if not layers:
            return
        self.average.train()
        order = batches(len(self._images), min(self.recipe.batch_size, len(self._images)), self.recipe.seed, 0)
        for i in range(STATISTICS_BATCHES):
            batch = self._batch(next(order), STATISTICS_STEP + i)
            for layer in layers:
                layer.momentum = 1 / (i + 1)
            with half_precision(self.device, self.half):
                noisy = self.average.encode(add_noise(batch.images, batch.noise, batch.logsnr), batch.logsnr)
                self.average.classify(noisy, NOISY)
                self.average.classify(self.average.encode_clean(batch.images), CLEAN)
        self.average.eval()

    def _batch(self, index: Tensor, step: int) -> Batch:
        generator = torch.Generator(self.device).manual_seed(self.recipe.seed * 1_000_003 + step)
        recipe = self.recipe
        images = augment(
            self._images[index],
            recipe.stain_jitter,
            generator,
            recipe.symmetries,
            recipe.translate,
            recipe.appearance,
        )
        return draw_batch(
            images,
            self._labels[index],
            self.network.no_class,
            recipe.label_dropout,
            generator,
            recipe.architecture.logsnr_shift,
            recipe.focus,
            recipe.margin_weight if step >= recipe.margin_from * recipe.steps else 0.0,
        )


def train(
    recipe: Recipe, data: Path, run: Path, device: torch.device, schedule: Schedule, resumed: RunState | None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:  # fmt: skip
    """Trains in the run folder until the recipe's images are seen, the minutes are over or `should_stop()`.

    Returns True when the recipe was completed. Under torchrun every process calls this and the first one writes
    state.safetensors, recipe.json, split.json and what RunLog writes.
    """
    started = time.monotonic()
    cells = load_cells(data, recipe.labels, recipe.architecture.image_size, channels=recipe.architecture.image_channels)
    split = split_cells(cells, recipe)
    if resumed is not None and resumed.split_digest != split.digest:
        raise StateError(f"{run}: its state comes from another split of the slides (other data, shares or seed)")
    training, validation = cells.of_slides(split.train), _validation_cells(cells, split, recipe)
    keep = labelled_subset(training.labels, recipe.label_share, recipe.seed)
    training = replace(training, labels=torch.where(keep, training.labels, UNLABELLED))

    trainer = Trainer(recipe, training, device, schedule)
    step, seconds_before = 0, 0.0
    if resumed is not None:
        restore(resumed, trainer.network, trainer.average, trainer.optimizer)
        step, seconds_before = resumed.step, resumed.seconds
    leads = trainer.accelerator.is_main_process
    if leads:
        if recipe.precision == "bf16" and not trainer.half:
            print("no hardware for bf16 here: the passes run in fp32", file=sys.stderr)
        run.mkdir(parents=True, exist_ok=True)
        _write_json(run / "recipe.json", recipe.as_dict())
        parts = {part: getattr(split, part) for part in split.__annotations__}
        _write_json(run / "split.json", {"digest": split.digest, **parts})

    def save() -> None:
        seconds = seconds_before + time.monotonic() - started
        save_state(run, recipe, step, seconds, split.digest, trainer.network, trainer.average, trainer.optimizer)

    validate_steps = max(1, recipe.validate_every // recipe.batch_size)
    indices = half_labelled_batches(keep, recipe.batch_size, recipe.seed, step)
    saved, busy, counted, stopped = time.monotonic(), 0.0, 0, False
    with (
        RunLog(run, step) if leads else nullcontext() as log,
        tqdm(total=recipe.steps * recipe.batch_size, initial=step * recipe.batch_size, unit="img", desc=recipe.name,
             smoothing=0.05, mininterval=2, disable=not leads) as bar,
    ):  # fmt: skip
        while step < recipe.steps and not stopped:
            over = schedule.max_minutes is not None and time.monotonic() - started > 60 * schedule.max_minutes
            began = time.monotonic()
            losses, stopped = trainer.step(step, next(indices), over or should_stop())
            busy, counted = busy + time.monotonic() - began, counted + recipe.batch_size
            step += 1
            if stopped or step % validate_steps == 0 or step == recipe.steps:
                trainer.settle_average()
            if log is None:
                continue
            bar.update(recipe.batch_size)
            seen = step * recipe.batch_size
            if step % LOG_STEPS == 0:
                rate = counted / busy
                speed = {"images_per_second": round(rate, 2), "matrix_share": round(trainer.throughput.share(rate), 4)}
                bar.set_postfix(loss=f"{losses['loss']:.4f}")
                log.figures(step, seen, {name: round(value, 6) for name, value in losses.items()} | speed)
                busy, counted = 0.0, 0
            if step % validate_steps == 0 or step == recipe.steps:
                figures = validate(trainer.average, validation, trainer.device)
                log.figures(step, seen, figures)
                log.sheet(step, seen, sample_sheet(trainer.average, trainer.device))
                words = ", ".join(f"{name} {value}" for name, value in figures.items())
                bar.write(f"{seen} images: {words}", file=sys.stderr)  # stdout is for the tables of studies
            if stopped or step == recipe.steps or time.monotonic() - saved > SAVE_SECONDS:
                save()
                saved = time.monotonic()
    trainer.accelerator.end_training()
    return step == recipe.steps


def complete_run(
    recipe: Recipe, data: Path, run: Path, device: torch.device, should_stop: Callable[[], bool]
) -> RunState:
    """The last state of a whole run in a folder, which is trained as far as it is not yet.

    Raises ValueError where the folder holds another recipe's run, InterruptedError once `should_stop()`.
    """
    state = read_state(run) if (run / STATE_FILE).exists() else None
    if state is not None and state.recipe != recipe:
        raise ValueError(f"{run}: holds a run of another recipe")
    if state is None or state.step < recipe.steps:
        if not train(recipe, data, run, device, Schedule(), state, should_stop):
            raise InterruptedError(f"{run}: stopped; the same command goes on")
        state = read_state(run)
    return state


def initial_network(recipe: Recipe) -> JointDiffusionNetwork:
    """A network with weights drawn at random, or grown from the checkpoint that the recipe starts from."""
    network = JointDiffusionNetwork(recipe.architecture)
    if recipe.start_from:
        small, checkpoint = load_checkpoint(recipe.start_from, torch.device("cpu"))
        if checkpoint.provenance.recipe.get("split_seed", 0) != recipe.split_seed:
            raise RecipeError(f"{recipe.name}: {recipe.start_from} was trained on another split of the slides")
        try:
            network.load_state_dict(grown_weights(small.state_dict(), checkpoint.architecture, recipe.architecture))
        except ValueError as error:
            raise RecipeError(f"{recipe.name}: cannot start from {recipe.start_from}: {error}") from error
    return network


def _validation_cells(cells: Cells, split: Split, recipe: Recipe) -> Cells:
    """A fixed sample of the validation slides' cells, for the figures while training."""
    validation = cells.of_slides(split.validation)
    order = torch.randperm(len(validation), generator=torch.Generator().manual_seed(recipe.seed))
    return validation.take(order[: recipe.validation_cells].tolist())


def _write_json(path: Path, value: object) -> None:
    replace_file(path, lambda partial: partial.write_text(json.dumps(value, indent=1), encoding="utf-8"))
