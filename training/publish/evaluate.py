"""python -m training evaluate: the figures of a checkpoint on labelled cells, with intervals clustered by slide."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from jdm_core import CellImageError, Explainer
from jdm_core.explain.results import merge
from training.data.cells import draw_some
from training.data.doubted import FILE, read_doubted, sure_labels
from training.data.members import choose_members, chunks, read_all, read_members, slide_of, unreadable
from training.metrics import Json, accuracy, slide_spread, summarise
from training.publish.fits.parting import parting
from training.publish.fits.promise import PROMISE, promise_figures
from training.publish.fits.worth import worth
from training.tables import Figure

CHUNK = 32


def evaluate(
    explainer: Explainer,
    data: Path,
    keep: Callable[[str], bool] | None,
    draws: int,
    seed: int = 0,
    elbo_cells: int = 0,
) -> Json:
    """Figures of head and posterior on the cells of `data` whose slide `keep` wants; plain JSON values.

    Every cell passes as a user's would: read, squashed, predicted, scored with `draws` draws. Of two classes, so do the
    bounds of `elbo_cells` of them, drawn by `seed`. Where labels of these cells are in doubt (`training.data.doubted`),
    the figures of the others stand under "sure_label".
    """
    found = choose_members(data, explainer.labels, keep)
    names = [member for member, _ in found]
    labels = np.array([label for _, label in found])
    slides = [slide_of(name) for name in names]
    head, called, posterior, chunk, bad = [], [], [], [], []

    def finish_chunk() -> None:
        if chunk:
            prediction = explainer.predict(chunk)
            head.append(prediction.probabilities)
            called.append(prediction.called)
            posterior.append(explainer.posterior(chunk, draws, seed))
            chunk.clear()

    for cell in tqdm(read_members(data, names), total=len(names), desc="evaluating", unit="cell"):
        if isinstance(cell, CellImageError):
            bad.append(cell)
            continue
        chunk.append(cell)
        if len(chunk) == CHUNK:
            finish_chunk()
    if bad:
        raise unreadable(data, bad)
    finish_chunk()
    verdicts = {"head": np.concatenate(head), "posterior": np.concatenate(posterior)}
    clustered = len(set(slides)) < len(labels)  # digits are a slide each
    diagnostic = len(explainer.labels) == 2  # infected or not: digits are neither
    agree = verdicts["head"].argmax(1) == verdicts["posterior"].argmax(1)
    right = verdicts["head"].argmax(1) == labels
    promise = explainer.checkpoint.thresholds.promise or PROMISE
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "n": len(labels),
        "slides": len(set(slides)),
        "draws": draws,
        "seed": seed,
        **{name: summarise(probabilities, labels, slides) for name, probabilities in verdicts.items()},
        "agreement": {
            "share": round(float(agree.mean()), 5),
            "accuracy_where_agreed": round(accuracy(verdicts["head"][agree], labels[agree]), 5),
        },
        **({"per_slide": {name: slide_spread(p, labels, slides) for name, p in verdicts.items()}} if clustered else {}),
        **({"worth": {name: worth(p, labels, slides) for name, p in verdicts.items()}} if diagnostic else {}),
        **({"called": promise_figures(np.concatenate(called), right, slides, promise)} if clustered else {}),
        **_sure_label(names, verdicts, labels, slides),
        **({"elbo": _bounds(explainer, data, found, elbo_cells, draws, seed)} if diagnostic and elbo_cells else {}),
    }


def told(figures: Json) -> list[str]:
    """The figures of `evaluate` in a line each."""
    lines = []
    for verdict in ("head", "posterior"):
        f = figures[verdict]
        shown = (f"{key} {Figure.of(f, key, digits=4)}" for key in ("accuracy", "auroc", "ece"))
        lines.append(f"{verdict}: {', '.join(shown)}")
    if "called" in figures:
        coverage, error, kept = (Figure.of(figures["called"], name) for name in ("coverage", "error", "kept"))
        lines.append(f"called: {coverage} of the cells, of these wrong {error}; slides that keep the promise {kept}")
    if "sure_label" in figures:
        sure = figures["sure_label"]
        shown = (
            f"{verdict} accuracy {Figure.of(sure[verdict], 'accuracy', digits=4)}" for verdict in ("head", "posterior")
        )
        lines.append(f"the {sure['n']} cells of sure label: {', '.join(shown)}")
    if "elbo" in figures:
        right, auroc, parts = (Figure.of(figures["elbo"], name) for name in ("right", "auroc", "parts"))
        lines.append(
            f"ELBO of {figures['elbo']['n']}: sign right {right}, AUROC {auroc}, parts from the posterior {parts}"
        )
    return lines


def _sure_label(
    names: Sequence[str], verdicts: Mapping[str, np.ndarray], labels: np.ndarray, slides: list[str]
) -> Json:
    """The verdicts' figures on the cells whose label nothing contradicts, where that was asked of these cells."""
    sure = sure_labels(names, read_doubted()) if FILE.is_file() else np.ones(len(names), dtype=bool)
    if sure.all() or not sure.any():
        return {}
    of_sure = np.asarray(slides)[sure].tolist()
    figures = {name: summarise(p[sure], labels[sure], of_sure) for name, p in verdicts.items()}
    return {"sure_label": {"n": int(sure.sum()), "doubted": int((~sure).sum()), **figures}}


def _bounds(explainer: Explainer, data: Path, found: list[tuple[str, int]], count: int, draws: int, seed: int) -> Json:
    """How the bounds of some of the cells stand to their labels and to the likelihood verdict."""
    drawn = draw_some(found, count, seed)
    names = [name for name, _ in drawn]
    results = []
    for part in tqdm(chunks(len(names), CHUNK), desc="bounds", unit="batch"):
        results.append(explainer.elbo(read_all(data, names[part]), max(3, draws), seed))
    elbo = merge(results)
    labels, slides = np.array([label for _, label in drawn]), [slide_of(name) for name in names]
    figures = parting(elbo.difference, elbo.difference_standard_error, elbo.posterior, labels, slides)
    return {"logsnr_max": elbo.elbo_logsnr_max, "draws": elbo.draws, **figures}
