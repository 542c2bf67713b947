"""The training loop: one optimizer over the joint loss, averaged weights, validation, exact resume, any processes."""

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from tqdm import tqdm

from jdm_core.files import replace_file
from training.data.cells import Cells, load_cells, shuffled
from training.data.split import Split, half_labelled_batches
from training.run.classifier import load_teachers
from training.run.log import RunLog, sample_sheet
from training.run.loss import UNLABELLED
from training.run.recipe import Recipe, RecipeError, cells_abroad, kept_labels, split_cells
from training.run.state import STATE_FILE, RunState, StateError, read_state, restore, save_state
from training.run.throughput import Budget
from training.run.trainer import Schedule, Trainer
from training.run.validate import validate

SAVE_SECONDS, LOG_STEPS = 120, 50
REHEARSED_CELLS = 32


def train(
    recipe: Recipe,
    data: Path,
    run: Path,
    device: torch.device,
    schedule: Schedule,
    resumed: RunState | None,
    should_stop: Callable[[], bool] = lambda: False,
    microscopes: Path | None = None,
) -> bool:
    """Trains in the run folder until the recipe's images are seen, the minutes are over or `should_stop()`.

    With a budget the number of images is chosen so that the rate has fallen to zero when its minutes, those before a
    resumption among them, are over; the state's recipe records it. Returns True when the recipe was completed. Under
    torchrun every process calls this and the first one writes state.safetensors, recipe.json, split.json and what
    RunLog writes. `microscopes` is the folder of other microscopes' sets, where the recipe trains on some.
    """
    started = time.monotonic()
    cells = load_cells(data, recipe.labels, recipe.architecture.image_size, channels=recipe.architecture.image_channels)
    split = split_cells(cells, recipe)
    if resumed is not None and resumed.split_digest != split.digest:
        raise StateError(f"{run}: its state comes from another split of the slides (other data, shares or seed)")
    training, validation = cells.of_slides(split.train), _validation_cells(cells, split, recipe)
    keep = kept_labels(training, recipe)
    training = replace(training, labels=torch.where(keep, training.labels, UNLABELLED))

    abroad = None
    if recipe.abroad:
        if microscopes is None:
            raise RecipeError(
                f"{recipe.name}: trains on {', '.join(recipe.abroad)} too; --microscopes says where they lie"
            )
        abroad = cells_abroad(microscopes, training, recipe)
    trainer = Trainer(recipe, training, device, schedule, abroad, load_teachers(recipe, split.digest))
    step, seconds_before = (0, 0.0) if resumed is None else (resumed.step, resumed.seconds)
    validate_steps = max(1, recipe.validate_every // recipe.batch_size)
    budget = None
    if schedule.budget_minutes is not None:
        ends = started + 60 * schedule.budget_minutes - seconds_before
        budget = Budget(ends, validate_steps, trainer.rehearse(), _rehearse_pause(trainer, validation))
    if resumed is not None:
        restore(resumed, trainer.network, trainer.average, trainer.optimizer)
    leads = trainer.accelerator.is_main_process

    def record() -> None:
        if leads:
            _write_json(run / "recipe.json", trainer.recipe.as_dict())

    if leads:
        if recipe.precision == "bf16" and not trainer.half:
            print("no hardware for bf16 here: the passes run in fp32", file=sys.stderr)
        run.mkdir(parents=True, exist_ok=True)
        parts = {part: getattr(split, part) for part in split.__annotations__}
        _write_json(run / "split.json", {"digest": split.digest, **parts})
    record()

    def save() -> None:
        seconds = seconds_before + time.monotonic() - started
        now = trainer.recipe
        save_state(run, now, step, seconds, split.digest, trainer.network, trainer.average, trainer.optimizer)

    indices = half_labelled_batches(keep, recipe.batch_size, recipe.seed, step)
    saved, busy, counted, stopped = time.monotonic(), 0.0, 0, False
    lap, paused = 0.0, 0.0
    bar = tqdm(unit="img", desc=recipe.name, smoothing=0.05, mininterval=2, disable=not leads)
    with RunLog(run, step) if leads else nullcontext() as log, bar:
        bar.initial = bar.n = step * recipe.batch_size
        while step < trainer.recipe.steps and not stopped:
            bar.total = trainer.recipe.steps * recipe.batch_size
            began = time.monotonic()
            if budget is not None and lap:
                budget.took(began - lap - paused)
            lap, paused = began, 0.0
            planner = budget if budget is not None and budget.open(trainer.recipe, step) else None
            plan = planner.plan(trainer.recipe, step) if planner is not None else trainer.recipe.steps
            over = schedule.max_minutes is not None and began - started > 60 * schedule.max_minutes
            over |= schedule.max_images is not None and (step + 1) * recipe.batch_size >= schedule.max_images
            losses, stopped, plan = trainer.step(step, next(indices), over or should_stop(), plan)
            busy, counted = busy + time.monotonic() - began, counted + recipe.batch_size
            step += 1
            if planner is not None:
                trainer.recipe = replace(trainer.recipe, images=plan * recipe.batch_size)
                if not planner.open(trainer.recipe, step):
                    record()
            last = step == trainer.recipe.steps
            pause = time.monotonic()
            if stopped or step % validate_steps == 0 or last:
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
            if step % validate_steps == 0 or last:
                figures = validate(trainer.average, validation, trainer.device)
                log.figures(step, seen, figures)
                log.sheet(step, seen, sample_sheet(trainer.average, trainer.device))
                words = ", ".join(f"{name} {value}" for name, value in figures.items())
                bar.write(f"{seen} images: {words}", file=sys.stderr)  # stdout is for figures
                paused = time.monotonic() - pause
                if budget is not None:
                    budget.paused(paused)
            if stopped or last or time.monotonic() - saved > SAVE_SECONDS:
                save()
                saved = time.monotonic()
    trainer.accelerator.end_training()
    return step == trainer.recipe.steps


def _rehearse_pause(trainer: Trainer, validation: Cells) -> float:
    """Seconds that a validation will take, from one of a few cells."""
    few = validation.take(range(min(REHEARSED_CELLS, len(validation))))
    began = time.monotonic()
    trainer.settle_average()
    settled = time.monotonic()
    validate(trainer.average, few, trainer.device)
    measured = time.monotonic()
    sample_sheet(trainer.average, trainer.device)
    return settled - began + (measured - settled) * len(validation) / len(few) + time.monotonic() - measured


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


def _validation_cells(cells: Cells, split: Split, recipe: Recipe) -> Cells:
    """A fixed sample of the validation slides' cells, for the figures while training."""
    return shuffled(cells.of_slides(split.validation), recipe.seed, recipe.validation_cells)


def _write_json(path: Path, value: object) -> None:
    replace_file(path, lambda partial: partial.write_text(json.dumps(value, indent=1), encoding="utf-8"))
