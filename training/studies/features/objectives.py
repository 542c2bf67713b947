"""What each loss lays open in the encoder's features, over noise levels and its levels.

One network, trained three ways from the same weights on the same cells: jointly, by the diffusion loss alone and by the
classification of clean cells alone. Deja et al. 2023 (arXiv 2301.13622) build on it that a denoiser's features tell
classes apart already, and share them with a classifier.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from jdm_core.model.network import JointDiffusionNetwork
from training.data.cells import Cells, load_cells, sample_cells
from training.data.digits import part_name
from training.data.split import Split
from training.metrics import Json, Summary, accuracy, sample, summarise
from training.run.classifier import encoder_of
from training.run.fit_classifier import complete_encoder
from training.run.recipe import Recipe, load_recipe, split_cells
from training.run.state import averaged_network
from training.run.train import complete_run
from training.studies.features.figure import ObjectiveFigures, draw_objectives
from training.studies.features.probing import ALL_LEVELS, LOGSNR, read_features
from training.studies.study import Findings, Inputs, Study
from training.studies.verdicts import accuracy_gain, average
from training.tables import Figure, Table

JOINT, DIFFUSION, CLASSIFICATION = "joint", "diffusion alone", "classification alone"


class ObjectiveFindings(ObjectiveFigures):
    """What is drawn, and what it was measured on."""

    recipe: Json
    training_cells: int


def train_objectives(
    recipe: Recipe,
    data: Path,
    cells: Cells,
    split: Split,
    runs: Path,
    device: torch.device,
    should_stop: Callable[[], bool],
) -> dict[str, JointDiffusionNetwork]:
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
    recipe: Recipe,
    data: Path,
    seeds: Sequence[int],
    count: int,
    runs: Path,
    device: torch.device,
    should_stop: Callable[[], bool],
) -> ObjectiveFindings:
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
    series: dict[str, dict[str, list[Summary]]] = {name: {} for name in networks[0]}
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
                point: Summary = {
                    "logsnr": logsnr,
                    **summarise(probabilities, labels, slides, {"accuracy": average(accuracy)}),
                }
                point["per_seed"] = [round(accuracy(p, labels), 5) for p in probabilities.swapaxes(0, 1)]
                if name != JOINT:
                    point |= accuracy_gain(over_seeds[JOINT], probabilities, labels, slides)
                series[name].setdefault(level, []).append(point)
    return {
        "recipe": recipe.as_dict(),
        "training_cells": len(training),
        "n": len(validation),
        "slides": len(set(slides)),
        "seeds": list(seeds),
        "larger_class": round(float(np.bincount(labels).max() / len(labels)), 5),
        "series": series,
    }


@dataclass(frozen=True)
class Objectives(Study):
    """What each loss lays open in the features."""

    recipe: str = "malaria-32"
    changes: tuple[str, ...] = ()
    seeds: tuple[int, ...] = (0, 1)
    cells: int = 2000

    name = "objectives"
    title = "What each loss lays open"
    question = "Do the features tell a parasite because of the diffusion loss, or because of the classifier's?"
    setup = """[The same probes](probes.md) after three trainings of one network (`malaria-32`, 30,720 images, two
        seeds) from the same weights: jointly, by the diffusion loss alone, and by the classification of clean cells
        alone."""
    conclusion = """The diffusion loss by itself hardly lays the parasite open: 0.64 of nearly clean cells are told,
        where the joint training's features tell 0.92. Deja et al. 2023 build on it that a denoiser's features classify
        well; after so short a training at this size that does not hold for their means over the picture. A longer
        training was not probed. The joint features are no better than those of classification alone: as good on nearly
        clean cells (-0.012 to 0.007), behind at a log-SNR of 4 (-0.113 to -0.032). From a log-SNR of 2 down no
        training tells much, where `malaria-64`, with twelve times the images, still has 0.93 at 2."""
    reads = ()

    def measure(self, inputs: Inputs) -> Findings:
        """Trains what is not there yet, probes, and draws the curves."""
        data, picture = inputs.data["cells"], f"{self.name}.png"
        measured = compare_objectives(
            load_recipe(self.recipe, self.changes),
            data,
            self.seeds,
            self.cells,
            inputs.folder / self.name,
            inputs.torch_device,
            inputs.should_stop,
        )
        draw_objectives(measured, inputs.folder / picture)
        counted = (
            f"{ALL_LEVELS}; fitted on {measured['training_cells']} cells; {sample(measured)} "
            f"({part_name('validation', data)}), {len(self.seeds)} seeds"
        )
        return Findings([self.table(measured)], counted, measured, [picture])

    def table(self, measured: Mapping[str, Any]) -> Table:
        """A row a noise level, of all levels of the encoder together."""
        series, header = measured["series"], ["log-SNR"]
        rows: list[list[Any]] = [[f"{point['logsnr']:g}"] for point in series[JOINT][ALL_LEVELS]]
        for name, levels in series.items():
            header += [name, *(() if name == JOINT else ("gain of joint",))]
            for row, point in zip(rows, levels[ALL_LEVELS], strict=True):
                row.append(Figure.of(point, "accuracy"))
                if name != JOINT:
                    row.append(Figure.of(point, "accuracy_gain"))
        return Table.make(header, rows)
