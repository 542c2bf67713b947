"""python -m training doubts: cells whose label networks trained without them contradict (confident learning)."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from jdm_core.images.pixels import as_images
from training.data.cells import Cells
from training.data.members import chunks
from training.data.split import Split
from training.run.classifier import load_classifier
from training.run.fit_classifier import plain_recipe, train_classifier
from training.run.recipe import Recipe

CHUNK = 512  # cells that are read together


def folds_of(slides: Sequence[str], infected: Sequence[bool], count: int) -> list[set[str]]:
    """Slides in `count` folds, those with infected cells and those without spread evenly; slides and infected per cell.

    Raises ValueError for fewer than two folds, or fewer slides than folds.
    """
    with_infected = {slide for slide, sick in zip(slides, infected, strict=True) if sick}
    order = sorted(set(slides), key=lambda s: (s not in with_infected, hashlib.sha256(s.encode()).hexdigest()))
    if not 2 <= count <= len(order):
        raise ValueError(f"folds: {count} of {len(order)} slides")
    return [set(order[i::count]) for i in range(count)]


def contradicted(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which labels (N,) out-of-sample probabilities (N, K) contradict, (N,) bool.

    Those off the diagonal of the confident joint (Northcutt et al. 2021, arXiv 1911.00068, equation 1): another class
    is the most probable of those that reach the mean probability that cells of that label are given for it. A class
    that no cell is labelled as contradicts none.
    """
    classes = probabilities.shape[1]
    usual = np.array([probabilities[labels == k, k].mean() if (labels == k).any() else np.inf for k in range(classes)])
    reached = np.where(probabilities >= usual, probabilities, -1.0)
    return (reached.max(1) >= 0) & (reached.argmax(1) != labels)


def out_of_fold(
    recipe: Recipe, cells: Cells, split: Split, folds: int, images: int, folder: Path, device: torch.device
) -> np.ndarray:
    """Probabilities (N, K) of plain networks, each trained on `images` augmented cells of all training folds but one.

    A training cell is read by the one network that saw nothing of its slide; cells of other slides, from which no
    network learns, by the mean of all. So a test slide decides nothing of a training cell's label. Weights go into
    `folder`.
    """
    training, validation = cells.of_slides(split.train), cells.of_slides(split.validation)
    infected = (training.labels == 0).tolist()
    slides = np.asarray(cells.slides)
    others = ~np.isin(slides, split.train)
    found = np.zeros((len(cells), len(recipe.labels)))
    for number, fold in enumerate(folds_of(training.slides, infected, folds)):
        learnt = training.of_slides(set(split.train) - fold)
        settings, path = plain_recipe(recipe, images, recipe.seed + number), folder / f"fold-{number}.safetensors"
        settings = replace(settings, batch_size=min(settings.batch_size, len(learnt)))
        train_classifier(settings, learnt, validation, split.digest, path, device)
        network = load_classifier(path)
        network.network.to(device)
        for wanted, share in ((np.isin(slides, list(fold)), 1.0), (others, 1 / folds)):
            index = np.flatnonzero(wanted)
            for part in chunks(len(index), CHUNK):
                x = as_images(cells.take(index[part].tolist()).images)
                found[index[part]] += share * network.probabilities(x, device)
    return found
