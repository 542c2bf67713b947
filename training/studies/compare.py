"""Checkpoints and classifiers alone on the same cells, disputed ones apart."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jdm_core import Explainer
from training.data.cells import as_pixels, load_cells
from training.metrics import accuracy, sample, slide_spread, summarise
from training.run.classifier import CHOOSER
from training.run.recipe import part_of
from training.studies.study import Findings, Inputs, Study, digests
from training.studies.verdicts import (
    accuracy_gain,
    classifier_verdict,
    count_agreeing,
    gather_verdicts,
    read_verdicts,
    verdict_figures,
)
from training.tables import Figure, Table

CONFIDENT = 0.95  # a judge at least as sure as this, and against the label, disputes it


def disputed_labels(judged: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Which labels (N,) a judge's probabilities (N, K) dispute: (N,) bool."""
    return (judged.argmax(1) != labels) & (judged.max(1) >= CONFIDENT)


def right_by_any(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Share of cells whose label at least one of J verdicts gives, of probabilities (N, J, K) and labels (N,).

    What networks of other architectures and other aims all miss is likelier to lie in the labels than in one of them.
    """
    return float((count_agreeing(probabilities, labels) > 0).mean())


def compare(
    explainer: Explainer,
    others: Sequence[Explainer],
    classifiers: Sequence[Path],
    judge: Path,
    data: Path,
    keep: Callable[[str], bool] | None,
    draws: int,
    seed: int,
) -> dict[str, object]:
    """Figures of checkpoints and classifiers on the cells of `data` whose slide `keep` wants; plain JSON values.

    All are given on the cells whose label the judge, a network apart, does not dispute as well. Such figures favour
    whatever errs as the judge does, so the judge's own would say nothing.
    """
    cells = load_cells(data, explainer.labels, explainer.size, keep)
    images, labels = as_pixels(cells), cells.labels.numpy()
    verdicts = gather_verdicts(explainer, classifiers, draws, seed, others)
    read = {name: p[:, None] for name, p in read_verdicts(verdicts, images).items()}
    disputed = disputed_labels(classifier_verdict(explainer, judge).read(images), labels)
    kept_slides = [slide for slide, apart in zip(cells.slides, disputed, strict=True) if not apart]
    figures: dict[str, object] = {}
    for name, verdict in verdicts.items():
        p = read[name]
        figures[name] = {
            "temperature": verdict.temperature,
            **verdict_figures(verdict, p, labels, cells.slides),
            **({} if name == "head" else accuracy_gain(p, read["head"], labels, cells.slides)),
            "per_slide": slide_spread(p[:, 0], labels, cells.slides),
            "undisputed": verdict_figures(verdict, p[~disputed], labels[~disputed], kept_slides),
            "disputed_accuracy": round(accuracy(p[disputed, 0], labels[disputed]), 5) if disputed.any() else None,
        }
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "others": {other.name: other.sha256 for other in others},
        "draws": draws,
        "n": len(cells),
        "slides": len(set(cells.slides)),
        **summarise(np.concatenate([*read.values()], axis=1), labels, cells.slides, {"right_by_any": right_by_any}),
        "disputed": {"judge": judge.name, "confident": CONFIDENT, "n": int(disputed.sum())},
        "verdicts": figures,
    }


def comparison_table(measured: Mapping[str, Any], title: str) -> Table:
    """A row a verdict, and below how many labels are in dispute."""
    header = (
        "",
        "accuracy",
        "less the head",
        "AUROC",
        "ECE",
        "ECE uncalibrated",
        "slides: lowest, quartile, median",
        "accuracy, undisputed",
        "AUROC, undisputed",
    )
    rows = []
    for name, f in measured["verdicts"].items():
        spread = ", ".join(f"{f['per_slide'][key]:.3f}" for key in ("lowest", "lower_quartile", "median"))
        columns = ("accuracy", "accuracy_gain", "auroc", "ece", "ece_uncalibrated")
        undisputed = (Figure.of(f["undisputed"], column) for column in ("accuracy", "auroc"))
        rows.append([name, *(Figure.of(f, column) for column in columns), spread, *undisputed])
    note = (
        f"{sample(measured)}, {measured['disputed']['n']} of them with a label that {measured['disputed']['judge']} "
        f"disputes; at least one of the {len(rows)} is right on {Figure.of(measured, 'right_by_any')}."
    )
    return Table.make(header, rows, title, note)


@dataclass(frozen=True)
class ClassifiersAlone(Study):
    """The head beside classifiers that learn nothing else."""

    name = "compare"
    title = "The joint model beside classifiers alone"
    question = "Is the joint model's classifier as good as networks that do nothing but classify?"
    setup = """Two plain CNNs of 0.4 million parameters, of the same training slides (`python -m training classifier
        --architecture cnn`); `rival-64-abroad` has met the cells of other microscopes too that the joint model trains
        on. The joint model's classifier learnt from both in its last legs, beside the labels. *Classifier* is the joint
        model's; *less the classifier* is the paired difference. *Disputed* are cells whose label the judge, a residual
        network apart from all of them, contradicts with at least 95 %."""
    conclusion = """As good, and hardly better. On the test slides the joint model's classifier, which learnt from both,
        is right on 0.968 of the cells, and either plain CNN on 0.965; the intervals of the differences end at 0. On the
        validation slides the one that knows this microscope alone is its equal, and the other a little less accurate.
        Who wants a label alone needs no joint model: what that adds is a likelihood, evidence that adds up to it, and
        edits. Whether learning to generate costs anything at equal length was measured at 32×32 pixels ([few
        labels](few-labels.md)). At least one of the three is right on 0.973 of the test cells and 0.964 of the
        validation cells. What all three miss is likelier to lie in the labels, or in 64×64 pixels, than in one network
        ([a second look](second-look.md))."""
    concluded_on: ClassVar = {"malaria-64": 8}

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """Which classifiers stand beside it decides the figures too."""
        return digests([CHOOSER, *inputs.plain_cnns])

    def measure(self, inputs: Inputs) -> Findings:
        """Compares on the test and on the validation slides."""
        explainer, data, rivals = inputs.load(), inputs.data["cells"], inputs.plain_cnns
        measured, tables = {}, []
        for part in ("test", "validation"):
            keep, name = part_of(explainer, data, part)
            measured[part] = compare(explainer, [], rivals, CHOOSER, data, keep, 0, inputs.seed)
            tables.append(comparison_table(measured[part], name[:1].upper() + name[1:]))
        return Findings(tables, sample(measured["test"]), measured)


@dataclass(frozen=True)
class Resolutions(Study):
    """Two checkpoints of one network class, at 64 and at 128 pixels a side."""

    large: str = "malaria-128"
    small: str = "malaria-64"
    draws: int = 8

    name = "resolutions"
    title = "Two resolutions"
    question = "Does a model of 128×128 pixels read cells better than one of 64×64?"
    setup = """Both checkpoints on the validation slides. The rows *classifier* and *likelihood* are those of
        `malaria-128`, which grew from version 2 of `malaria-64`; `malaria-64` reads the same cells at half the side.
        Likelihoods of 8 draws."""
    conclusion = """The classifiers are alike. The likelihood of `malaria-64` tells the classes better, AUROC 0.989
        against 0.978: it has had further legs of training, cells of other microscopes, and draws under the square's
        symmetries, which `malaria-128` has not. They were not trained alike, so this does not say what finer pixels
        bring. As it stands, the finer network wins nothing."""
    concluded_on: ClassVar = {"malaria-64": 8}

    @property
    def reads(self) -> tuple[str, ...]:
        """Both checkpoints."""
        return self.large, self.small

    def measure(self, inputs: Inputs) -> Findings:
        """Compares on the validation slides."""
        explainer, data = inputs.load(self.large), inputs.data["cells"]
        keep, name = part_of(explainer, data, "validation")
        others = [inputs.load(self.small)]
        measured = compare(explainer, others, [], CHOOSER, data, keep, self.draws, inputs.seed)
        return Findings([comparison_table(measured, "")], f"{sample(measured)} ({name})", measured)
