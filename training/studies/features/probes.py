"""What the encoder's features know of the label, over noise levels and encoder levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from tqdm import tqdm

from jdm_core import Explainer
from training.data.cells import load_cells, sample_cells
from training.data.digits import part_name
from training.data.split import Split
from training.metrics import Summary, sample, summarise
from training.run.recipe import split_of
from training.studies.features.figure import ProbeFigures, draw_probes
from training.studies.features.probing import LOGSNR, read_features
from training.studies.study import Findings, Inputs, Study
from training.tables import Figure, Table


class ProbeFindings(ProbeFigures):
    """What is drawn, and what it was measured on."""

    sha256: str
    training_cells: int
    seed: int


def probe_network(explainer: Explainer, data: Path, split: Split, count: int, seed: int) -> ProbeFindings:
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
    series: dict[str, list[Summary]] = {}
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


@dataclass(frozen=True)
class Probes(Study):
    """What the features of a checkpoint know of the label."""

    cells: int = 2000  # at most, to fit on and to read

    name = "probes"
    title = "What the features know"
    question = "At which noise levels and in which levels of the encoder is a parasite told from none?"
    setup = """Logistic probes on the mean-pooled features of each encoder level, fitted on 2,000 training cells and
        read on 2,000 validation cells, at nine noise levels; beside them the classifier, which saw noisy cells in
        training. All of one joint training, one seed."""
    conclusion = """What tells a parasite is in every level, in the finest only where noise is weak. It survives down to
        a log-SNR of about 2; at 0, where signal and noise are equally strong, three cells of four are still told. From
        0 on the classifier, which reads the maximum over positions, stands above every linear map of the mean features,
        by 0.03 at most and within the intervals."""
    concluded_on: ClassVar = {"malaria-64": 8}

    def measure(self, inputs: Inputs) -> Findings:
        """Probes, and draws the curves."""
        explainer, data = inputs.load(), inputs.data["cells"]
        measured = probe_network(explainer, data, split_of(explainer, data), self.cells, inputs.seed)
        picture = f"{self.name}.png"
        draw_probes(measured, explainer.checkpoint.architecture.widths, inputs.folder / picture)
        counted = f"fitted on {measured['training_cells']} cells; {sample(measured)} ({part_name('validation', data)})"
        return Findings([self.table(measured)], counted, measured, [picture])

    def table(self, measured: Mapping[str, Any]) -> Table:
        """A row a noise level."""
        series = measured["series"]
        rows = [
            [f"{points[0]['logsnr']:g}", *(Figure.of(point, "accuracy") for point in points)]
            for points in zip(*series.values(), strict=True)
        ]
        return Table.make(("log-SNR", *series), rows)
