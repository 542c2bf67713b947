"""The training loop: one optimizer over the joint loss, averaged weights, validation, exact resume."""

import json
import math
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core.diffusion import LOGSNR_MAX, add_noise, cosine_logsnr, min_snr_weight, squared_error, velocity
from jdm_core.files import replace_file
from jdm_core.network import JointDiffusionNetwork
from training.augment import augment
from training.data import Cells, Split, batches, load_cells, split_slides
from training.recipe import Recipe
from training.state import RunState, StateError, restore, save_state
from training.validate import validate

SAVE_SECONDS = 120
METRICS_FILE = "metrics.jsonl"


class NonFiniteLoss(RuntimeError):
    """The loss is no number any more; the message names the step and the cells of the batch."""


def joint_loss(
    network: JointDiffusionNetwork, images: Tensor, labels: Tensor, recipe: Recipe, generator: torch.Generator
) -> dict[str, Tensor]:
    """The joint loss and its parts for images (B, C, S, S) in [-1, 1] and labels (B,).

    w(λ) ‖v - v̂‖² + s·CE(head(clean)) + s'·CE(head(noisy)) (Deja et al. 2023, equation 8, with v-prediction);
    the times are stratified over the batch, one a stratum, which lowers the variance of the loss.
    """
    b, device = len(images), images.device
    time_ = (torch.arange(b, device=device) + torch.rand((), generator=generator, device=device)) / b
    logsnr = cosine_logsnr(time_[torch.randperm(b, generator=generator, device=device)])
    noise = torch.randn(images.shape, generator=generator, device=device)
    dropped = torch.rand(b, generator=generator, device=device) < recipe.label_dropout

    z = network.encode(add_noise(images, noise, logsnr), logsnr)
    v = network.decode(z, logsnr, torch.where(dropped, network.no_class, labels))
    diffusion = (min_snr_weight(logsnr) * squared_error(v.float(), velocity(images, noise, logsnr))).mean()
    noisy_logits = network.classify(z)
    clean_logits = network.classify(network.encode(images, torch.full_like(logsnr, LOGSNR_MAX)))
    clean = F.cross_entropy(clean_logits.float(), labels, label_smoothing=recipe.label_smoothing)
    noisy = F.cross_entropy(noisy_logits.float(), labels, label_smoothing=recipe.label_smoothing)
    total = diffusion + recipe.clean_weight * clean + recipe.noisy_weight * noisy
    return {"loss": total, "diffusion": diffusion, "clean": clean, "noisy": noisy}


def learning_rate(recipe: Recipe, step: int) -> float:
    """Rate at a step: a linear warm-up, a plateau, then linearly to zero over the last share of the run."""
    seen = (step + 1) * recipe.batch_size
    left = (recipe.steps - step) / max(1.0, recipe.steps * recipe.decay_share)
    return recipe.learning_rate * min(1.0, seen / max(1, recipe.warmup_images), left)


def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Moves the averaged weights towards the network's, with a decay that warms up as (1 + k) / (10 + k)."""
    weight = 1 - min(decay, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), weight)


def train(
    recipe: Recipe, data: Path, run: Path, device: torch.device, max_minutes: float | None, resumed: RunState | None,
    should_stop: Callable[[], bool] = lambda: False,
) -> bool:  # fmt: skip
    """Trains in the run folder until the recipe's images are seen, the minutes are over or `should_stop()`.

    Returns True when the recipe was completed. Writes state.safetensors, metrics.jsonl, recipe.json, split.json.
    """
    started = time.monotonic()
    cells = load_cells(data, recipe.labels, recipe.architecture.image_size)
    split = split_slides(
        cells.slides, cells.labels.tolist(), recipe.validation_slides, recipe.test_slides, recipe.seed
    )
    if resumed is not None and resumed.split_digest != split.digest:
        raise StateError(f"{run}: its state comes from another split of the slides (other data, shares or seed)")
    training, validation = cells.of_slides(split.train), _validation_cells(cells, split, recipe)

    torch.manual_seed(recipe.seed)
    network = JointDiffusionNetwork(recipe.architecture).to(device)
    average = deepcopy(network).requires_grad_(False).eval()
    optimizer = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, betas=(0.9, 0.99), weight_decay=recipe.weight_decay
    )
    step, seconds_before = 0, 0.0
    if resumed is not None:
        restore(resumed, network, average, optimizer)
        step, seconds_before = resumed.step, resumed.seconds

    run.mkdir(parents=True, exist_ok=True)
    _write_json(run / "recipe.json", recipe.as_dict())
    _write_json(run / "split.json", {"digest": split.digest, **{p: getattr(split, p) for p in split.__annotations__}})
    _drop_metrics_after(run / METRICS_FILE, step)

    def save() -> None:
        seconds = seconds_before + time.monotonic() - started
        save_state(run, recipe, step, seconds, split.digest, network, average, optimizer)

    validate_steps = max(1, recipe.validate_every // recipe.batch_size)
    indices: Iterator[Tensor] = batches(len(training), recipe.batch_size, recipe.seed, step)
    saved = time.monotonic()
    with (
        (run / METRICS_FILE).open("a", encoding="utf-8") as metrics,
        tqdm(total=recipe.steps * recipe.batch_size, initial=step * recipe.batch_size, unit="img", desc=recipe.name,
             smoothing=0.05, mininterval=2) as bar,
    ):  # fmt: skip
        while step < recipe.steps:
            index = next(indices)
            losses = _step(network, optimizer, training, index, recipe, step, device)
            update_average(average, network, recipe.ema_decay, step)
            step += 1
            bar.update(recipe.batch_size)
            if step % 50 == 0:
                values = {name: round(float(value), 6) for name, value in losses.items()}
                bar.set_postfix(loss=f"{values['loss']:.4f}")
                _write_line(metrics, {"step": step, "images": step * recipe.batch_size, **values})
            if step % validate_steps == 0 or step == recipe.steps:
                figures = validate(average, validation, device)
                _write_line(metrics, {"step": step, "images": step * recipe.batch_size, **figures})
                bar.write(f"{step * recipe.batch_size} images: " + ", ".join(f"{k} {v}" for k, v in figures.items()))
            over = max_minutes is not None and time.monotonic() - started > 60 * max_minutes
            if over or should_stop() or step == recipe.steps or time.monotonic() - saved > SAVE_SECONDS:
                save()
                saved = time.monotonic()
            if over or should_stop():
                break
    return step == recipe.steps


def _step(
    network: JointDiffusionNetwork, optimizer: torch.optim.Optimizer, training: Cells, index: Tensor, recipe: Recipe,
    step: int, device: torch.device,
) -> dict[str, Tensor]:  # fmt: skip
    """One optimizer step; all its random draws follow from the seed and the step, so that a resumed run repeats it."""
    generator = torch.Generator(device).manual_seed(recipe.seed * 1_000_003 + step)
    images = augment(training.images[index].to(device), recipe.stain_jitter, generator)
    labels = training.labels[index].to(device)
    with torch.autocast(device.type, dtype=torch.bfloat16):
        losses = joint_loss(network, images, labels, recipe, generator)
    if not math.isfinite(losses["loss"].item()):
        names = ", ".join(training.names[i] for i in index.tolist())
        raise NonFiniteLoss(f"step {step}: the loss is {losses['loss'].item()}; the batch was {names}")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    optimizer.zero_grad(set_to_none=True)
    losses["loss"].backward()
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return losses


def _validation_cells(cells: Cells, split: Split, recipe: Recipe) -> Cells:
    """A fixed sample of the validation slides' cells, for the figures while training."""
    validation = cells.of_slides(split.validation)
    order = torch.randperm(len(validation), generator=torch.Generator().manual_seed(recipe.seed))
    return validation.take(order[: recipe.validation_cells].tolist())


def _write_json(path: Path, value: object) -> None:
    replace_file(path, lambda partial: partial.write_text(json.dumps(value, indent=1), encoding="utf-8"))


def _write_line(file: object, values: dict[str, object]) -> None:
    file.write(json.dumps(values) + "\n")
    file.flush()


def _drop_metrics_after(path: Path, step: int) -> None:
    """Removes the lines of steps that the state had not reached: the resumed run writes them again."""
    if not path.is_file():
        return
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line)
        except (json.JSONDecodeError, KeyError):
            continue  # a line cut short when the run was killed
    replace_file(path, lambda partial: partial.write_text("".join(kept), encoding="utf-8"))
