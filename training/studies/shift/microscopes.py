"""Verdicts on another microscope's cells, adapted to it or not, beside cheap rivals."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.images.pixels import as_images, from_uint8
from training.data.cells import Cells, draw_some, load_cells, load_images
from training.data.fields import cut
from training.data.split import Split
from training.metrics import Json, accuracy, balanced_accuracy, first_class_auroc, summarise
from training.publish.adapted import complete_adaptation
from training.run.classifier import load_classifier
from training.run.recipe import split_of
from training.studies.shift.colours import Colours, match_colours, measure_colours, renew_batch_statistics
from training.studies.study import Findings, Inputs, Study
from training.studies.verdicts import Verdict, accuracy_gain, classifier_verdict, gather_verdicts, read_verdicts
from training.tables import Figure, Table

STATISTICS_CELLS = 2000  # cells of a set behind its colours or batch statistics
# Neither depends on how rare infected cells are, which differs from smear to smear and in the sample.
FIGURES = {"auroc": first_class_auroc, "balanced_accuracy": balanced_accuracy}


def shift(
    explainer: Explainer,
    adapted: Explainer | None,
    judge: Path,
    images: Path,
    data: Path,
    split: Split,
    healthy: int,
    draws: int,
    seed: int,
) -> dict[str, object]:
    """Figures of every verdict on the cells of `images`/test, under every matching of colours; plain JSON values.

    `images` holds the parts "adapt", in any layout, and "test" as `cut` writes it; of the healthy test cells at most
    `healthy` are drawn. Statistics are of adapt cells, or of each test field's own cells; no label enters them. `data`
    are the cells of the checkpoint's own training: its training slides' colours are what is matched, and its validation
    slides show what adapting forgets.
    """
    labels, size = explainer.labels, explainer.size
    training = load_cells(data, labels, size, set(split.train).__contains__, STATISTICS_CELLS, seed)
    validation = load_cells(data, labels, size, set(split.validation).__contains__, healthy, seed)
    target = load_images(images / "adapt", size, at_most=STATISTICS_CELLS, seed=seed)
    ours = measure_colours(training.images)
    everything = load_cells(images / "test", labels, size)
    chosen = _chosen(everything, healthy, seed)
    test = everything.take(chosen)
    views = {
        "as they are": test.images,
        "matched": match_colours(test.images, measure_colours(target), ours),
        "matched by field": _match_fields(everything, ours)[chosen],
    }

    models = {explainer.name: gather_verdicts(explainer, [], draws, seed)}
    models["judge"] = {
        "classifier": classifier_verdict(explainer, judge),
        "batch statistics": _renewed(explainer, judge, target),
    }
    if adapted is not None:
        models["adapted"] = gather_verdicts(adapted, [], draws, seed)
    rows, references = [], {}
    verdicts = [(model, name, verdict) for model, named in models.items() for name, verdict in named.items()]
    for (model, name, verdict), (colours, pixels) in tqdm(list(product(verdicts, views.items())), desc="measuring"):
        p = verdict.read(_squares(pixels))
        reference = references.setdefault("posterior" if name == "posterior" else "head", p)  # the first row's
        rows.append({"model": model, "verdict": name, "colours": colours, **_figures(p, reference, test)})
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "adapted_sha256": adapted.sha256 if adapted is not None else None,
        "n": len(test),
        "infected": int((test.labels == 0).sum()),
        "fields": len(set(test.slides)),
        "draws": draws,
        "seed": seed,
        "rows": rows,
        "own_validation": _own(models, validation),
    }


def _chosen(cells: Cells, healthy: int, seed: int) -> list[int]:
    """Where the infected cells stand, and at most `healthy` of the others."""
    infected = (cells.labels == 0).nonzero().flatten().tolist()
    others = (cells.labels != 0).nonzero().flatten().tolist()
    return sorted(infected + draw_some(others, healthy, seed))


def _match_fields(cells: Cells, ours: Colours) -> torch.Tensor:
    """Images (N, 3, S, S) uint8, each matched by the colours of all cells of its own field."""
    matched = cells.images.clone()
    fields = np.asarray(cells.slides)
    for field in np.unique(fields):
        index = torch.from_numpy(np.flatnonzero(fields == field))
        matched[index] = match_colours(cells.images[index], measure_colours(cells.images[index]), ours)
    return matched


def _renewed(explainer: Explainer, judge: Path, target: torch.Tensor) -> Verdict:
    """The judge with the batch statistics of the images that others adapt to."""
    classifier = load_classifier(judge)
    network = renew_batch_statistics(classifier.network, as_images(target), explainer.device)

    def read(cells: np.ndarray) -> np.ndarray:
        x = from_uint8(torch.from_numpy(cells)).to(explainer.device)
        return (network(x) / classifier.temperature).softmax(1).cpu().numpy()

    return Verdict(read, classifier.temperature)


def _squares(images: torch.Tensor) -> np.ndarray:
    """What verdicts read: uint8 (N, S, S, 3) of images (N, 3, S, S)."""
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def _figures(p: np.ndarray, reference: np.ndarray, test: Cells) -> Json:
    """The figures of probabilities (N, K) with intervals, their paired gain on a reference, and recall by kind."""
    labels = test.labels.numpy()
    figures: Json = {**summarise(p, labels, test.slides, FIGURES)}
    if p is not reference:
        gains = {
            f"{name}_gain": lambda both, truth, metric=metric: metric(both[:, 0], truth) - metric(both[:, 1], truth)
            for name, metric in FIGURES.items()
        }
        figures |= summarise(np.stack([p, reference], axis=1), labels, test.slides, gains)
    kinds = np.array([PurePosixPath(name).stem.split("_")[-1] for name in test.names])
    right = p.argmax(1) == labels
    figures["right_by_kind"] = {str(kind): round(float(right[kinds == kind].mean()), 4) for kind in np.unique(kinds)}
    return figures


def _own(models: Mapping[str, Mapping[str, Verdict]], validation: Cells) -> Json:
    """Accuracy of every head on cells like those of its training, and the paired gain of the adapted one."""
    labels, slides = validation.labels.numpy(), validation.slides
    figures: Json = {"n": len(validation), "slides": len(set(slides))}
    pixels = _squares(validation.images)
    heads = read_verdicts({model: named["head"] for model, named in models.items() if "head" in named}, pixels)
    for model, p in heads.items():
        figures[model] = summarise(p, labels, slides, {"accuracy": accuracy, "auroc": first_class_auroc})
    if "adapted" in heads:
        before, after = list(heads.values())
        figures["adapted"] |= accuracy_gain(after[:, None], before[:, None], labels, slides)
    return figures


@dataclass(frozen=True)
class Shift(Study):
    """Verdicts on another microscope's cells."""

    images: int = 12_800  # augmented, seen while adapting
    test_share: float = 0.5  # of the fields
    cells: int = 1000  # at most so many healthy test cells, and cells of the own validation slides
    draws: int = 8

    name = "shift"
    title = "Another microscope"
    question = """How well are cells of another microscope and stain read, and does adapting without labels help?"""
    setup = """The IML set ([arXiv 2102.08708](https://arxiv.org/abs/2102.08708)): 237 fields of another microscope and
        stain. `cut` gave 11,302 cells to adapt to and 14,777 of other fields to test on; *adapted* saw 12,800
        augmented images of the first, without a label. Measured are all 216 infected cells and 1,000 healthy ones
        drawn at random, likelihoods with 8 draws. Gains are paired: of classifiers with the first row, of likelihoods
        with the first likelihood; intervals are over fields. Colours are as they are, matched to the NIH set's as a
        whole, or field by field."""
    conclusion = """The likelihood suffers most from a new stain and gains most from adapting: adapted without a label,
        the likelihood ranks these cells best by far (AUROC 0.971, from 0.869), and its balanced accuracy, 0.890 to
        0.921, is above every classifier's. Most of that costs nothing: with each field's colours matched to the NIH
        set's, the likelihood that was not adapted has 0.960. The classifier ranks as the judge does, a small
        classifier alone; adapting did not improve its ranking and made it more cautious at its old threshold. **After
        adapting, read the likelihood rather than the classifier.** Nothing shows that NIH cells are forgotten.
        Matching the whole set's colours at once does harm to classifiers, perhaps because its fields differ so much
        among themselves. One seed, one set."""
    concluded_on: ClassVar = {"malaria-64": 3}
    needs = ("cells", "fields")

    def measure(self, inputs: Inputs) -> Findings:
        """Cuts and adapts where that is not done yet, and measures."""
        explainer, data = inputs.load(), inputs.data["cells"]
        images, run = inputs.folder / "other-microscope", inputs.folder / "on-other-microscope"
        if not images.exists():
            cut(inputs.data["fields"], images, self.test_share)
        adapted = complete_adaptation(explainer, inputs.manifest, images / "adapt", run, self.images, inputs.seed)
        measured = shift(
            explainer,
            adapted,
            inputs.judge,
            images,
            data,
            split_of(explainer, data),
            self.cells,
            self.draws,
            inputs.seed,
        )
        counted = f"n {measured['n']} cells, {measured['infected']} of them infected, of {measured['fields']} fields"
        return Findings(self.tables(measured), counted, measured)

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """Every verdict under every matching of colours, and the heads on their own microscope."""
        columns = ("auroc", "auroc_gain", "balanced_accuracy", "balanced_accuracy_gain")
        rows = [
            [f"{row['model']}: {row['verdict']}", row["colours"], *(Figure.of(row, column) for column in columns)]
            for row in measured["rows"]
        ]
        own = measured["own_validation"]
        heads = [
            [f"{model}: head", Figure.of(own[model], "accuracy"), Figure.of(own[model], "accuracy_gain")]
            for model in own
            if isinstance(own[model], dict)
        ]
        return [
            Table.make(("Verdict", "Colours", "AUROC", "gained", "Balanced accuracy", "gained"), rows),
            Table.make(("Verdict", "accuracy", "gained"), heads, f"{own['n']} validation cells of its own microscope"),
        ]
