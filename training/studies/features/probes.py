"""python -m training probes: what the encoder's features know of the label, over noise levels and encoder levels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.diffusion import add_noise
from jdm_core.elbo import draw
from jdm_core.network import JointDiffusionNetwork
from jdm_core.normalisation import NOISY
from training.data import Cells, Split, draw_some, load_cells
from training.metrics import summarise
from training.run.validate import as_images

LOGSNR = (-8.0, -6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 8.0, 12.0)  # from hardly a cell to hardly any noise
PENALTY = 1e-3  # of the squared weights, beside the mean cross-entropy of standardised features
CHUNK = 64
ALL_LEVELS = "all levels"
COLOURS = ("#56b4e9", "#009e73", "#d55e00", "#cc79a7")  # Okabe & Ito's, apart with any colour blindness
MARKERS = "osD^"


@dataclass(frozen=True)
class Probe:
    """A logistic regression on standardised features: logits are ((x - mean) / scale) W + b."""

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor

    def probabilities(self, features: Tensor) -> np.ndarray:
        """Probabilities (N, K) of features (N, D)."""
        return (((features - self.mean) / self.scale) @ self.weight + self.bias).softmax(1).float().numpy()


def fit_probe(features: Tensor, labels: Tensor, classes: int) -> Probe:
    """The probe of least penalised cross-entropy on features (N, D) and labels (N,), by L-BFGS: a convex problem.

    Linear on purpose (Alain & Bengio 2016, arXiv 1610.01644): it finds what a layer has laid open, and no more.
    """
    x = features.double()
    mean, scale = x.mean(0), x.std(0).clamp(min=1e-6)
    x = (x - mean) / scale
    weight = torch.zeros(x.shape[1], classes, dtype=torch.float64, requires_grad=True)
    bias = torch.zeros(classes, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(x @ weight + bias, labels) + PENALTY * weight.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return Probe(mean, scale, weight.detach(), bias.detach())


@torch.inference_mode()
def pooled_features(
    network: JointDiffusionNetwork, cells: Cells, logsnr: float, seed: int, device: torch.device
) -> tuple[list[Tensor], Tensor]:
    """Features (N, widths[i]) of every encoder level, mean over pixels, at one λ; and the head's logits (N, K).

    A cell's noise follows from `seed` and its place, and is the same at every λ.
    """
    features, logits = [], []
    for start in range(0, len(cells), CHUNK):
        x = as_images(cells.take(range(start, min(start + CHUNK, len(cells)))), device)
        noise = draw(range(seed + start, seed + start + len(x)), 1, x.shape[1:]).noise[:, 0].to(device)
        level = torch.full((len(x),), logsnr, device=device)
        z = network.encode(add_noise(x, noise, level), level)
        features.append([network.pool(level).cpu() for level in network.levels(z)])
        logits.append(network.classify(z, NOISY).cpu())
    return [torch.cat(parts) for parts in zip(*features, strict=True)], torch.cat(logits)


def sample_cells(cells: Cells, count: int, seed: int) -> Cells:
    """At most `count` of the cells, drawn by `seed`."""
    return cells.take(draw_some(list(range(len(cells))), count, seed))


@dataclass(frozen=True)
class Reading:
    """What is read at one λ of unseen cells: probabilities (N, K) by the probe of each level; the head's logits."""

    probes: dict[str, np.ndarray]
    logits: Tensor


def read_features(
    network: JointDiffusionNetwork, training: Cells, unseen: Cells, logsnr: float, seed: int, device: torch.device
) -> Reading:
    """Probes of each encoder level and of all of them together, fitted on `training` and read on `unseen` cells."""
    fitted, _ = pooled_features(network, training, logsnr, seed, device)
    features, logits = pooled_features(network, unseen, logsnr, seed + len(training), device)
    classes = logits.shape[1]
    names = [*(f"level {i}" for i in range(len(fitted))), ALL_LEVELS]
    pairs = zip([*fitted, torch.cat(fitted, dim=1)], [*features, torch.cat(features, dim=1)], strict=True)
    read = [fit_probe(x, training.labels, classes).probabilities(y) for x, y in pairs]
    return Reading(dict(zip(names, read, strict=True)), logits)


def probe_network(explainer: Explainer, data: Path, split: Split, count: int, seed: int) -> dict[str, object]:
    """Figures of a probe of each encoder level, of one of all levels and of the head, at each λ; plain JSON values.

    Probes are fitted on at most `count` cells of the training slides and measured on at most as many of the
    validation slides. The head reads the pooled levels too, by its own network, trained over all λ.
    """
    wanted = set(split.train) | set(split.validation)
    cells = load_cells(data, explainer.labels, explainer.size, wanted.__contains__)
    training = sample_cells(cells.of_slides(split.train), count, seed)
    validation = sample_cells(cells.of_slides(split.validation), count, seed)
    truth, classes = validation.labels.numpy(), len(explainer.labels)
    temperature = explainer.checkpoint.calibration.temperature
    series: dict[str, list[dict[str, object]]] = {}
    for logsnr in tqdm(LOGSNR, desc="probing", unit="level"):
        read = read_features(explainer.network, training, validation, logsnr, seed, explainer.device)
        head = (read.logits / temperature).softmax(1).numpy()
        for name, p in {**read.probes, "head": head}.items():
            series.setdefault(name, []).append({"logsnr": logsnr, **summarise(p, truth, validation.slides)})
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "training_cells": len(training),
        "n": len(validation),
        "slides": len(set(validation.slides)),
        "larger_class": round(float(np.bincount(truth, minlength=classes).max() / len(truth)), 5),
        "seed": seed,
        "series": series,
    }


def draw_accuracy(axis: Axes, points: Sequence[Mapping[str, Any]], label: str, shift: float, **style: object) -> None:
    """One line of accuracies with their intervals over λ, moved by `shift` lest intervals hide each other."""
    accuracy = np.array([point["accuracy"] for point in points])
    intervals = np.array([point["accuracy_interval"] for point in points])
    axis.errorbar(
        [point["logsnr"] + shift for point in points], accuracy,
        yerr=[accuracy - intervals[:, 0], intervals[:, 1] - accuracy],
        label=label, markersize=5, linewidth=1.6, elinewidth=1, capsize=2, **style,
    )  # fmt: skip


def draw_probes(figures: dict[str, object], widths: Sequence[int], path: Path) -> None:
    """Accuracy with its interval over λ, a line for each encoder level, for all of them and for the head, as PNG."""
    figure = Figure(figsize=(7, 4.4), layout="constrained", dpi=150)
    axis = figure.subplots()
    for i, (name, points) in enumerate(figures["series"].items()):
        style = {"color": COLOURS[i % len(COLOURS)], "marker": MARKERS[i % len(MARKERS)]}
        if name == "head":
            style = {"color": "black", "marker": "x", "linestyle": (0, (4, 2))}
        channels = f" ({widths[i]} channels)" if i < len(widths) else ""
        draw_accuracy(axis, points, name + channels, 0.09 * (i - 2), **style)
    axis.axhline(figures["larger_class"], color="gray", linewidth=1, linestyle=":")
    axis.annotate("larger class", (axis.get_xlim()[1], figures["larger_class"]), ha="right", va="bottom", color="gray")
    axis.set(
        xlabel="log-SNR of the noisy cell (left: more noise)", xticks=LOGSNR, ylabel="accuracy on unseen slides",
        title=f"What the features of {figures['checkpoint']} know: {figures['n']} cells of {figures['slides']} slides",
    )  # fmt: skip
    axis.legend(frameon=False, loc="lower right")
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
