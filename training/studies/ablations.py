"""python -m training ablations: what each choice of a recipe brings on the validation slides, one changed at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from training.data import load_cells, split_cells
from training.metrics import Metric, accuracy, first_class_auroc, summarise
from training.run.recipe import Recipe
from training.run.train import complete_run
from training.run.validate import read_cells
from training.state import averaged_network
from training.studies.verdicts import accuracy_gain, average


def log_loss(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Mean cross-entropy of probabilities (N, K) in nats."""
    return float(-np.log(np.maximum(probabilities[np.arange(len(labels)), labels], 1e-9)).mean())


def error_ratio(errors: np.ndarray, labels: np.ndarray) -> float:
    """Mean of the first errors over the mean of the second, errors (N, 2)."""
    return float(errors[:, 0].sum() / errors[:, 1].sum())


METRICS: dict[str, Mapping[str, Metric]] = {
    "head": {"accuracy": accuracy, "log_loss": log_loss},
    "scores": {"accuracy": accuracy, "auroc": first_class_auroc},
}


def ablate(
    recipes: Mapping[str, Recipe], data: Path, seeds: Sequence[int], runs: Path, device: torch.device,
    should_stop: Callable[[], bool],
) -> dict[str, object]:  # fmt: skip
    """Trains every recipe with every seed and measures head and scores on the validation cells; plain JSON values.

    Gains in accuracy are over the first recipe, paired; all must share size and split. Values are means over the seeds,
    with intervals clustered by slide; the spread over seeds is in `per_seed`. Scores are those of four draws, as while
    training, and so is the denoising error under the cell's own label, a multiple of the first recipe's: what a change
    costs the model of the cells. What `runs` holds already is not trained again. Raises InterruptedError once
    `should_stop()`.
    """
    first = next(iter(recipes.values()))
    cells = load_cells(data, first.labels, first.architecture.image_size)
    validation = cells.of_slides(split_cells(cells, first).validation)
    labels, slides = validation.labels.numpy(), validation.slides
    reference: dict[str, np.ndarray] = {}
    rows: dict[str, object] = {}
    for name, recipe in recipes.items():
        per_seed: dict[str, list[np.ndarray]] = {"head": [], "scores": []}
        errors = np.zeros(len(validation))
        for seed in seeds:
            run = runs / f"{name.replace(' ', '-')}-{seed}"
            state = complete_run(replace(recipe, seed=seed), data, run, device, should_stop)
            p, scores = read_cells(averaged_network(state, device), validation, device)
            per_seed["head"].append(p.numpy())
            errors -= scores.gather(1, validation.labels[:, None])[:, 0].numpy()  # a score is an error's negative
            per_seed["scores"].append((scores - scores.mean(1, keepdim=True)).numpy())  # cells are ordered by these
        row: dict[str, object] = {}
        for verdict, values in per_seed.items():
            read = np.stack(values, axis=1)
            metrics = {key: average(metric) for key, metric in METRICS[verdict].items()}
            row[verdict] = summarise(read, labels, slides, metrics)
            row[verdict]["per_seed"] = [round(accuracy(p, labels), 5) for p in values]
            if reference.setdefault(verdict, read) is not read:
                row[verdict] |= accuracy_gain(read, reference[verdict], labels, slides)
        paired = np.stack([errors, reference.setdefault("errors", errors)], axis=1)
        row["denoising"] = summarise(paired, labels, slides, {"error_ratio": error_ratio})
        rows[name] = row
    return {
        "recipe": first.as_dict(), "n": len(validation), "slides": len(set(slides)), "seeds": list(seeds), "rows": rows,
    }  # fmt: skip
