"""python -m training adapt: fine-tunes a checkpoint on cells without labels, by the diffusion loss alone.

The head is kept: its weights stand still, and only what it reads moves, as encoder and decoder learn the new
stain and optics under "no class". Whether that helps the verdicts, `python -m training shift` measures.
"""

import hashlib
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from jdm_core import CheckpointError, Explainer
from jdm_core.cells import CellImageError, image_files, to_tensor, to_uint8
from jdm_core.checkpoints import MANIFEST, Checkpoint, load_checkpoint, pack_weights
from jdm_core.files import replace_file
from jdm_core.network import JointDiffusionNetwork
from jdm_core.precision import half_precision
from training.augment import augment
from training.data import DataError, batches, draw_some, read_members
from training.digits import TEST_PREFIX, holds_digits, read_digits
from training.export import current_commit, write_manifest
from training.log import RunLog
from training.loss import UNLABELLED, Batch, diffusion_loss, draw_batch
from training.recipe import Recipe, recipe_from_dict
from training.state import StateError
from training.train import NonFiniteLoss, learning_rate, update_average

LEARNING_RATE = 1e-4  # a sixth of training's: enough to take up a stain, too little to lose what was learnt
WARMUP_SHARE = 0.1
BATCH = 64
LOG_STEPS = 10


@dataclass(frozen=True)
class Adapted:
    """What came of it: the weights' file, the images found and seen, the mean loss of the first and last tenth."""

    weights: Path
    found: int
    seen: int
    first_loss: float
    last_loss: float


def load_images(folder: Path, size: int, channels: int = 3, at_most: int | None = None, seed: int = 0) -> Tensor:
    """Every readable image below a folder, in any layout, uint8 (N, channels, size, size); names others on stderr.

    Of digits, the training part. Of more than `at_most`, so many are drawn by `seed`. Raises DataError where none is
    left.
    """
    if holds_digits(folder):
        names = [name for name in read_digits(folder).names if not name.startswith(TEST_PREFIX)]
    elif not folder.is_dir():
        raise DataError(f"{folder}: " + ("not a folder" if folder.exists() else "no such folder"))
    else:
        names = [path.relative_to(folder).as_posix() for path in image_files([folder])]
    names = draw_some(names, at_most, seed)
    images, bad = [], 0
    for cell in tqdm(read_members(folder, names), total=len(names), desc="reading cells", unit="cell"):
        if isinstance(cell, CellImageError):
            tqdm.write(str(cell), file=sys.stderr)
            bad += 1
        else:
            images.append(to_uint8(to_tensor([cell], size, channels))[0].permute(2, 0, 1))
    if not images:
        raise DataError(f"{folder}: no images" + (f" that can be read, of {bad}" if bad else ""))
    if bad:
        print(f"{folder}: {bad} of {len(names)} images cannot be read; the rest is used", file=sys.stderr)
    return torch.stack(images)


def adaptation_recipe(source: Recipe, images: int, found: int, seed: int) -> Recipe:
    """The source's recipe with the rates and the length of adapting; ValueError for less to see than one batch."""
    batch = min(BATCH, found)
    if images < batch:
        raise ValueError(f"number of images: {images}, where one batch is {batch}")
    return replace(
        source, seed=seed, images=images, batch_size=batch, learning_rate=LEARNING_RATE,
        warmup_images=round(WARMUP_SHARE * images),
    )  # fmt: skip


def adapt(
    name: str, manifest: Path, folder: Path, run: Path, images: int, seed: int, device: torch.device,
    max_minutes: float | None = None, should_stop: Callable[[], bool] = lambda: False,
) -> Adapted:  # fmt: skip
    """Fine-tunes checkpoint `name` until `images` augmented images are seen, the minutes are over or it should stop.

    Writes what there is then: RUN/manifest.json with the one entry, RUN/weights/NAME.safetensors (the average, fp16)
    and RUN/metrics.jsonl. Raises CheckpointError, DataError, StateError for a run that holds a checkpoint, and
    NonFiniteLoss.
    """
    if (run / MANIFEST.name).exists():
        raise StateError(f"{run}: holds a checkpoint already; another --run starts a new one")
    started = time.monotonic()
    network, checkpoint = load_checkpoint(name, device, manifest)
    pixels = load_images(folder, checkpoint.architecture.image_size, checkpoint.architecture.image_channels)
    source = recipe_from_dict(checkpoint.provenance.recipe, f"{name}: recipe")
    recipe = adaptation_recipe(source, images, len(pixels), seed)
    run.mkdir(parents=True, exist_ok=True)

    network.train().requires_grad_(True)
    network.head.requires_grad_(False)
    average = deepcopy(network).requires_grad_(False).eval()
    moving = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(moving, LEARNING_RATE, betas=(0.9, 0.99), weight_decay=recipe.weight_decay)
    indices, losses = batches(len(pixels), recipe.batch_size, seed, 0), []
    with RunLog(run, 0) as log, tqdm(total=recipe.steps * recipe.batch_size, unit="img", desc="adapting") as bar:
        for step in range(recipe.steps):
            batch = _batch(pixels[next(indices)].to(device), network.no_class, recipe, step)
            losses.append(_step(network, moving, optimizer, batch, recipe, step))
            with torch.no_grad():
                update_average(average, network, recipe.ema_decay, step)
            bar.update(recipe.batch_size)
            if len(losses) % LOG_STEPS == 0:
                recent = float(np.mean(losses[-LOG_STEPS:]))
                bar.set_postfix(loss=f"{recent:.4f}")
                log.figures(len(losses), len(losses) * recipe.batch_size, {"diffusion": round(recent, 6)})
            if should_stop() or (max_minutes is not None and time.monotonic() - started > 60 * max_minutes):
                break
    seen = len(losses) * recipe.batch_size
    facts = {"found": len(pixels), "seen": seen, "seconds": time.monotonic() - started, "folder": folder.resolve().name}
    path = _save(average, name, manifest, checkpoint, recipe, facts, run, device)
    tenth = max(1, len(losses) // 10)
    return Adapted(path, len(pixels), seen, float(np.mean(losses[:tenth])), float(np.mean(losses[-tenth:])))


def load_adapted(run: str, source: Explainer) -> Explainer:
    """The checkpoint of a run that adapted `source`; CheckpointError for another, or an earlier version of it."""
    explainer = Explainer.load(run, str(source.device))
    if _origin(source.checkpoint) not in explainer.checkpoint.provenance.source:
        raise CheckpointError(f"{run}: not adapted from {source.name} as it is now; adapt that into another folder")
    return explainer


def _batch(pixels: Tensor, no_class: int, recipe: Recipe, step: int) -> Batch:
    """Augmented images with their draws, all of which follow from the seed and the step."""
    generator = torch.Generator(pixels.device).manual_seed(recipe.seed * 1_000_003 + step)
    labels = torch.full((len(pixels),), UNLABELLED, device=pixels.device)
    return draw_batch(
        augment(pixels, recipe.stain_jitter, generator, recipe.symmetries, recipe.translate), labels, no_class,
        recipe.label_dropout, generator, recipe.architecture.logsnr_shift,
    )  # fmt: skip


def _step(
    network: JointDiffusionNetwork, moving: Sequence[nn.Parameter], optimizer: torch.optim.Optimizer, batch: Batch,
    recipe: Recipe, step: int,
) -> float:  # fmt: skip
    """One optimizer step; its loss."""
    with half_precision(batch.images.device):
        loss, *_ = diffusion_loss(network, batch)
    value = loss.item()
    if not math.isfinite(value):
        raise NonFiniteLoss(f"step {step}: the loss is {value}")
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(recipe, step)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(moving, 1.0)
    optimizer.step()
    return value


def _save(
    average: nn.Module, name: str, manifest: Path, checkpoint: Checkpoint, recipe: Recipe, facts: dict[str, Any],
    run: Path, device: torch.device,
) -> Path:  # fmt: skip
    """Writes the weights and, last, a manifest with the source's entry, changed where these weights are others.

    Calibration but for what is familiar, thresholds and the recipe, which says how NIH was split, stay; figures were
    measured on other weights.
    """
    before, data = checkpoint.provenance, pack_weights(average.cpu().state_dict())
    digest = hashlib.sha256(data).hexdigest()
    provenance = asdict(before) | {
        "source": (
            f"{before.source}; then {facts['found']} images of {facts['folder']!r} without labels, by the diffusion "
            f"loss alone ({facts['seen']} seen, learning rate {recipe.learning_rate}, seed {recipe.seed}), "
            f"from {name} {_origin(checkpoint)}"
        ),
        "licence": f"{before.licence}; images of {facts['folder']!r} under their owner's terms",
        "commit": current_commit(),
        "device": device.type,
        "seconds": round(before.seconds + facts["seconds"], 1),
        "images": before.images + facts["seen"],
    }
    entry = json.loads(manifest.read_text(encoding="utf-8"))["checkpoints"][name] | {
        "files": [{"path": f"weights/{name}.safetensors", "bytes": len(data), "sha256": digest}],
        "metrics": {},
        "provenance": provenance,
    }
    entry["calibration"] |= {"familiarity": None}  # it was fitted on what other weights make of other cells
    path = run / "weights" / f"{name}.safetensors"
    path.parent.mkdir(exist_ok=True)
    replace_file(path, lambda partial: partial.write_bytes(data))
    write_manifest(run / MANIFEST.name, {name: entry})
    return path


def _origin(checkpoint: Checkpoint) -> str:
    """How a provenance names what was adapted."""
    return f"version {checkpoint.version}, sha256 {checkpoint.files[0].sha256[:12]}"
