"""python -m training shift: verdicts on another microscope's cells, adapted to it or not, beside cheap rivals."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.cells import from_uint8
from training.data import Cells, Split, draw_some, load_cells
from training.metrics import accuracy, balanced_accuracy, first_class_auroc, summarise
from training.run.adapt import load_images
from training.run.classifier import load_classifier
from training.studies.shift.colours import Colours, match_colours, measure_colours, renew_batch_statistics
from training.studies.verdicts import Verdict, accuracy_gain, classifier_verdict, gather_verdicts, read_verdicts

STATISTICS_CELLS = 2000  # cells of a set behind its colours or batch statistics
# Neither depends on how rare infected cells are, which differs from smear to smear and in the sample.
FIGURES = {"auroc": first_class_auroc, "balanced_accuracy": balanced_accuracy}


def shift(
    explainer: Explainer, adapted: Explainer | None, judge: Path, images: Path, data: Path, split: Split, healthy: int,
    draws: int, seed: int,
) -> dict[str, object]:  # fmt: skip
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
        "classifier": classifier_verdict(explainer, judge), "batch statistics": _renewed(explainer, judge, target)
    }  # fmt: skip
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
    network = renew_batch_statistics(classifier.network, target.float() / 127.5 - 1, explainer.device)

    def read(cells: np.ndarray) -> np.ndarray:
        x = from_uint8(torch.from_numpy(cells)).to(explainer.device)
        return (network(x) / classifier.temperature).softmax(1).cpu().numpy()

    return Verdict(read, classifier.temperature)


def _squares(images: torch.Tensor) -> np.ndarray:
    """What verdicts read: uint8 (N, S, S, 3) of images (N, 3, S, S)."""
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def _figures(p: np.ndarray, reference: np.ndarray, test: Cells) -> dict[str, object]:
    """The figures of probabilities (N, K) with intervals, their paired gain on a reference, and recall by kind."""
    labels, figures = test.labels.numpy(), summarise(p, test.labels.numpy(), test.slides, FIGURES)
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


def _own(models: Mapping[str, Mapping[str, Verdict]], validation: Cells) -> dict[str, object]:
    """Accuracy of every head on cells like those of its training, and the paired gain of the adapted one."""
    labels, slides = validation.labels.numpy(), validation.slides
    figures: dict[str, object] = {"n": len(validation), "slides": len(set(slides))}
    pixels = _squares(validation.images)
    heads = read_verdicts({model: named["head"] for model, named in models.items() if "head" in named}, pixels)
    for model, p in heads.items():
        figures[model] = summarise(p, labels, slides, {"accuracy": accuracy, "auroc": first_class_auroc})
    if "adapted" in heads:
        before, after = list(heads.values())
        figures["adapted"] |= accuracy_gain(after[:, None], before[:, None], labels, slides)
    return figures
