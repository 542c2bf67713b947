"""python -m training compare: checkpoints and classifiers alone on the same cells, disputed ones apart."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from jdm_core import Explainer
from training.data import load_cells
from training.metrics import accuracy, slide_spread, summarise
from training.studies.verdicts import (
    accuracy_gain,
    classifier_verdict,
    count_agreeing,
    gather_verdicts,
    read_verdicts,
    verdict_figures,
)

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
    explainer: Explainer, others: Sequence[Explainer], classifiers: Sequence[Path], judge: Path, data: Path,
    keep: Callable[[str], bool] | None, draws: int, seed: int,
) -> dict[str, object]:  # fmt: skip
    """Figures of checkpoints and classifiers on the cells of `data` whose slide `keep` wants; plain JSON values.

    All are given on the cells whose label the judge, a network apart, does not dispute as well. Such figures favour
    whatever errs as the judge does, so the judge's own would say nothing.
    """
    cells = load_cells(data, explainer.labels, explainer.size, keep)
    images, labels = cells.images.permute(0, 2, 3, 1).numpy(), cells.labels.numpy()
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
