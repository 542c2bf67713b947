"""python -m training objectives: what each loss lays open in the encoder's features, over noise levels and its levels.

One network, trained three ways from the same weights on the same cells: jointly, by the diffusion loss alone and by the
classification of clean cells alone. Deja et al. 2023 (arXiv 2301.13622) build on it that a denoiser's features tell
classes apart already, and share them with a classifier.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from tqdm import tqdm

from jdm_core.network import JointDiffusionNetwork
from training.data import Cells, Split, load_cells, split_cells
from training.metrics import accuracy, summarise
from training.run.classifier import complete_encoder, encoder_of
from training.run.recipe import Recipe
from training.run.train import complete_run
from training.state import averaged_network
from training.studies.features.probes import (
    ALL_LEVELS,
    COLOURS,
    LOGSNR,
    MARKERS,
    draw_accuracy,
    read_features,
    sample_cells,
)
from training.studies.verdicts import accuracy_gain, average

JOINT, DIFFUSION, CLASSIFICATION = "joint", "diffusion alone", "classification alone"


def train_objectives(
    recipe: Recipe, data: Path, cells: Cells, split: Split, runs: Path, device: torch.device,
    should_stop: Callable[[], bool],
) -> dict[str, JointDiffusionNetwork]:  # fmt: skip
    """A network of every objective, of one seed. What `runs` holds already is not trained again.

    Without the head's losses the decoder still learns under the cells' classes, which the encoder never sees.
    `cells` and `split` are those of `data`. Raises InterruptedError once `should_stop()`.
    """
    networks = {}
    for name, one in ((JOINT, recipe), (DIFFUSION, replace(recipe, clean_weight=0.0, noisy_weight=0.0))):
        state = complete_run(one, data, runs / f"{name.split()[0]}-{recipe.seed}", device, should_stop)
        networks[name] = averaged_network(state, device)
    training, validation = cells.of_slides(split.train), cells.of_slides(split.validation)
    path = runs / f"classification-{recipe.seed}.safetensors"
    networks[CLASSIFICATION] = encoder_of(complete_encoder(recipe, training, validation, split.digest, path, device))
    return networks


def compare_objectives(
    recipe: Recipe, data: Path, seeds: Sequence[int], count: int, runs: Path, device: torch.device,
    should_stop: Callable[[], bool],
) -> dict[str, object]:  # fmt: skip
    """Accuracy of probes at each λ of each encoder level, for every objective; plain JSON values.

    Probes are fitted on at most `count` training cells and measured on at most as many validation cells, the same for
    all. Values are means over the seeds, with intervals clustered by slide; `accuracy_gain` is the joint training's
    over that objective, paired. Raises InterruptedError once `should_stop()`.
    """
    cells = load_cells(data, recipe.labels, recipe.architecture.image_size, channels=recipe.architecture.image_channels)
    split = split_cells(cells, recipe)
    networks = [
        train_objectives(replace(recipe, seed=seed), data, cells, split, runs, device, should_stop) for seed in seeds
    ]
    training = sample_cells(cells.of_slides(split.train), count, recipe.seed)
    validation = sample_cells(cells.of_slides(split.validation), count, recipe.seed)
    labels, slides = validation.labels.numpy(), validation.slides
    series: dict[str, dict[str, list[dict[str, object]]]] = {name: {} for name in networks[0]}
    for logsnr in tqdm(LOGSNR, desc="probing", unit="level"):
        read = {
            name: [
                read_features(own[name], training, validation, logsnr, recipe.seed, device).probes for own in networks
            ]
            for name in series
        }
        for level in read[JOINT][0]:
            over_seeds = {name: np.stack([one[level] for one in own], axis=1) for name, own in read.items()}
            for name, probabilities in over_seeds.items():
                point = {"logsnr": logsnr, **summarise(probabilities, labels, slides, {"accuracy": average(accuracy)})}
                point["per_seed"] = [round(accuracy(p, labels), 5) for p in probabilities.swapaxes(0, 1)]
                if name != JOINT:
                    point |= accuracy_gain(over_seeds[JOINT], probabilities, labels, slides)
                series[name].setdefault(level, []).append(point)
    return {
        "recipe": recipe.as_dict(), "training_cells": len(training), "n": len(validation), "slides": len(set(slides)),
        "seeds": list(seeds), "larger_class": round(float(np.bincount(labels).max() / len(labels)), 5),
        "series": series,
    }  # fmt: skip


def draw_objectives(figures: Mapping[str, object], path: Path) -> None:
    """Accuracy over λ as PNG: a panel an encoder level and one for all, in each a line an objective."""
    series = figures["series"]
    levels = list(series[JOINT])
    figure = Figure(figsize=(3.4 * len(levels), 3.8), layout="constrained", dpi=120)
    for level, axis in zip(levels, figure.subplots(1, len(levels), sharey=True), strict=True):
        for i, (name, of_level) in enumerate(series.items()):
            draw_accuracy(axis, of_level[level], name, 0.12 * (i - 1), color=COLOURS[i], marker=MARKERS[i])
        axis.axhline(figures["larger_class"], color="gray", linewidth=1, linestyle=":")
        axis.set(title=level, xlabel="log-SNR (left: more noise)", xticks=LOGSNR)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
        if level == levels[0]:
            axis.set_ylabel("accuracy on unseen slides")
        if level == ALL_LEVELS:
            axis.legend(frameon=False, loc="lower right")
    figure.suptitle(
        f"What each training lays open: {figures['n']} cells of {figures['slides']} slides, "
        f"{len(figures['seeds'])} seeds; dotted: the larger class"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
