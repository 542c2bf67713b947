"""python -m training few-labels: the joint model against its encoder alone, when only a share of the cells is labelled.

Deja et al. 2023 (arXiv 2301.13622, section 5) claim that a joint model with 5 % of the labels classifies almost as
well as with all. Both networks start from the same weights, see as many images, and know the labels of the same cells;
the joint model sees the other cells too, without their labels, for half of its batches. Neither is calibrated.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training.data import labelled_cells, load_cells, split_cells
from training.metrics import METRICS, accuracy, summarise
from training.run.classifier import Classifier, EncoderClassifier, complete_encoder
from training.run.recipe import Recipe
from training.run.train import complete_run
from training.run.validate import as_images
from training.state import averaged_weights
from training.studies.verdicts import accuracy_gain, average


def few_labels(
    recipe: Recipe, data: Path, shares: Sequence[float], seeds: Sequence[int], part: str, runs: Path,
    device: torch.device, should_stop: Callable[[], bool],
) -> dict[str, object]:  # fmt: skip
    """Trains both networks at every share with every seed, and measures them on a part of the split; plain JSON.

    What the folder `runs` holds already is not trained again. Accuracy, AUROC and the gain in accuracy are means over
    the seeds, with intervals clustered by slide; the spread over seeds, which these do not hold, is in `per_seed`.
    Raises InterruptedError once `should_stop()`.
    """
    cells = load_cells(data, recipe.labels, recipe.architecture.image_size, channels=recipe.architecture.image_channels)
    split = split_cells(cells, recipe)
    training, validation, measured = (cells.of_slides(s) for s in (split.train, split.validation, getattr(split, part)))
    images, labels = as_images(measured, torch.device("cpu")), measured.labels.numpy()
    metrics = {name: average(METRICS[name]) for name in ("accuracy", "auroc")}
    rows = []
    for share in sorted(shares):
        read: dict[str, list[np.ndarray]] = {"joint": [], "alone": []}
        for seed in seeds:
            one = replace(recipe, seed=seed, label_share=share)
            joint = _joint(one, data, runs / f"joint-{share:g}-{seed}", device, should_stop)
            path = runs / f"alone-{share:g}-{seed}.safetensors"
            alone = complete_encoder(one, training, validation, split.digest, path, device)
            read["joint"].append(joint.probabilities(images, device))
            read["alone"].append(alone.probabilities(images, device))
        over_seeds = {name: np.stack(probabilities, axis=1) for name, probabilities in read.items()}
        row: dict[str, object] = {"share": share, "labelled_cells": len(labelled_cells(training, one))}
        for name, probabilities in over_seeds.items():
            row[name] = summarise(probabilities, labels, measured.slides, metrics)
            row[name]["per_seed"] = [round(accuracy(p, labels), 5) for p in read[name]]
        row |= accuracy_gain(over_seeds["joint"], over_seeds["alone"], labels, measured.slides)
        rows.append(row)
    return {
        "recipe": recipe.as_dict(), "part": part, "n": len(measured), "slides": len(set(measured.slides)),
        "seeds": list(seeds), "rows": rows,
    }  # fmt: skip


def _joint(recipe: Recipe, data: Path, run: Path, device: torch.device, should_stop: Callable[[], bool]) -> Classifier:
    """Encoder and head of a joint run, trained as far as it is not yet."""
    state = complete_run(recipe, data, run, device, should_stop)
    network = EncoderClassifier(recipe.architecture)
    weights = {f"network.{name}": value for name, value in averaged_weights(state).items()}
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    return Classifier(network.to(device).eval(), "joint", recipe.labels, 1.0, state.split_digest)
