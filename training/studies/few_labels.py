"""The joint model against its encoder alone, when only a share of the cells is labelled.

Deja et al. 2023 (arXiv 2301.13622, section 5) claim that a joint model with 5 % of the labels classifies almost as
well as with all. Both networks start from the same weights, see as many images, and know the labels of the same cells;
the joint model sees the other cells too, without their labels, for half of its batches. Neither is calibrated.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from jdm_core.images.pixels import as_images
from training.data.cells import load_cells
from training.data.digits import part_name
from training.metrics import METRICS, accuracy, sample, summarise
from training.run.classifier import Classifier, EncoderClassifier
from training.run.fit_classifier import complete_encoder
from training.run.recipe import Recipe, labelled_cells, load_recipe, split_cells
from training.run.state import averaged_weights
from training.run.train import complete_run
from training.studies.study import Findings, Inputs, Study
from training.studies.verdicts import accuracy_gain, average
from training.tables import Figure, Table


def few_labels(
    recipe: Recipe,
    data: Path,
    shares: Sequence[float],
    seeds: Sequence[int],
    part: str,
    runs: Path,
    device: torch.device,
    should_stop: Callable[[], bool],
) -> dict[str, object]:
    """Trains both networks at every share with every seed, and measures them on a part of the split; plain JSON.

    What the folder `runs` holds already is not trained again. Accuracy, AUROC and the gain in accuracy are means over
    the seeds, with intervals clustered by slide; the spread over seeds, which these do not hold, is in `per_seed`.
    Raises InterruptedError once `should_stop()`.
    """
    cells = load_cells(data, recipe.labels, recipe.architecture.image_size, channels=recipe.architecture.image_channels)
    split = split_cells(cells, recipe)
    training, validation, measured = (cells.of_slides(s) for s in (split.train, split.validation, getattr(split, part)))
    images, labels = as_images(measured.images), measured.labels.numpy()
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
        summaries = {
            name: {
                **summarise(probabilities, labels, measured.slides, metrics),
                "per_seed": [round(accuracy(p, labels), 5) for p in read[name]],
            }
            for name, probabilities in over_seeds.items()
        }
        gain = accuracy_gain(over_seeds["joint"], over_seeds["alone"], labels, measured.slides)
        rows.append({"share": share, "labelled_cells": len(labelled_cells(training, one)), **summaries, **gain})
    return {
        "recipe": recipe.as_dict(),
        "part": part,
        "n": len(measured),
        "slides": len(set(measured.slides)),
        "seeds": list(seeds),
        "rows": rows,
    }


def _joint(recipe: Recipe, data: Path, run: Path, device: torch.device, should_stop: Callable[[], bool]) -> Classifier:
    """Encoder and head of a joint run, trained as far as it is not yet."""
    state = complete_run(recipe, data, run, device, should_stop)
    network = EncoderClassifier(recipe.architecture)
    weights = {f"network.{name}": value for name, value in averaged_weights(state).items()}
    network.load_state_dict({name: weights[name] for name in network.state_dict()})
    return Classifier(network.to(device).eval(), "joint", recipe.labels, 1.0, state.split_digest)


@dataclass(frozen=True)
class FewLabels(Study):
    """The joint model against its encoder alone, on a share of the labels."""

    recipe: str = "malaria-32"
    changes: tuple[str, ...] = ("images=46_080",)
    shares: tuple[float, ...] = (0.01, 0.05, 0.1, 1.0)
    seeds: tuple[int, ...] = (0, 1, 2)
    part: str = "validation"

    name = "few-labels"
    title = "Few labels"
    question = "With few labelled cells, does the joint model classify better than its encoder alone?"
    setup = """Deja et al. 2023 claim that a joint model with 5 % of the labels classifies almost as well as with all.
        Here both networks start from the same weights and see 46,080 images (recipe `malaria-32`, three seeds a
        share). The joint model also sees the cells without a label, for half of its batches. Measured on validation
        slides."""
    conclusion = """The claim does not show on these cells: with 5 % of the labels the joint model is right on 0.886,
        with all on 0.948. The classifier alone, without any unlabelled cell, has 0.940 and 0.948. With few labels the
        joint model is behind by 0.05 to 0.14 and differs much from seed to seed: its classifier starts to learn later.
        Whether longer training narrows that was not measured. With all labels there is no difference (-0.006 to
        0.004)."""
    reads = ()
    data_name = "cells"

    def measure(self, inputs: Inputs) -> Findings:
        """Trains what is not there yet."""
        data, recipe = inputs.data[self.data_name], load_recipe(self.recipe, self.changes)
        measured = few_labels(
            recipe,
            data,
            self.shares,
            self.seeds,
            self.part,
            inputs.folder / self.name,
            inputs.torch_device,
            inputs.should_stop,
        )
        counted = f"{sample(measured)} ({part_name(self.part, data)}), {len(self.seeds)} seeds"
        return Findings([self.table(measured)], counted, measured)

    def table(self, measured: Mapping[str, Any]) -> Table:
        """A row a share."""
        rows = []
        for row in measured["rows"]:
            each = (" ".join(f"{value:.3f}" for value in row[name]["per_seed"]) for name in ("joint", "alone"))
            accuracies = (Figure.of(row[name], "accuracy") for name in ("joint", "alone"))
            gains = (*accuracies, Figure.of(row, "accuracy_gain"))
            rows.append([f"{100 * row['share']:g} %", row["labelled_cells"], *gains, *each])
        header = ("labels", "labelled cells", "joint", "alone", "gain", "joint, each seed", "alone, each seed")
        return Table.make(header, rows)


@dataclass(frozen=True)
class FewLabelsOfDigits(FewLabels):
    """The same of MNIST's digits."""

    recipe: str = "mnist-28"
    changes: tuple[str, ...] = (  # a fourth of the weights, few images: there are many runs
        "architecture.widths=[32, 64]",
        "images=16_000",
        "batch_size=32",
        "validate_every=16_000",
        "validation_cells=128",
        "warmup_images=1_000",
        "ema_decay=0.995",
        "clean_weight=0.1",
        "focus=[]",
        "margin_weight=0",
    )
    shares: tuple[float, ...] = (0.001, 0.01, 0.05, 0.1, 1.0)
    part: str = "test"

    name = "few-labels-digits"
    title = "Few labels: digits"
    question = "With few labelled digits, does the joint model classify better than its encoder alone?"
    setup = """As for [cells](few-labels.md), on all 10,000 test digits of MNIST: a network of a fourth of `mnist-28`'s
        weights, 16,000 images seen, three seeds a share."""
    conclusion = """The claim that 5 % of the labels do almost as well as all does not show here either: the joint
        model is right on 0.955 with 5 % and on 0.974 with all; the classifier alone has 0.966 and 0.968. The joint
        model is ahead where labels are very few (53 of them: by 0.022) and where all are known (by 0.006), and 0.01
        behind in between. Half of its images have no label there, so its classifier has seen half as many as the
        classifier alone."""
    needs = ("digits",)
    data_name = "digits"
