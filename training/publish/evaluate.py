"""python -m training evaluate: the figures of a checkpoint on labelled cells, with intervals clustered by slide."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from jdm_core import CellImageError, Explainer
from training.data.members import choose_members, read_members, slide_of, unreadable
from training.metrics import Json, accuracy, slide_spread, summarise
from training.publish.worth import worth

CHUNK = 32


def evaluate(explainer: Explainer, data: Path, keep: Callable[[str], bool] | None, draws: int, seed: int = 0) -> Json:
    """Figures of head and posterior on the cells of `data` whose slide `keep` wants; plain JSON values.

    Every cell passes as a user's would: read, squashed, predicted, scored with `draws` draws.
    """
    found = choose_members(data, explainer.labels, keep)
    names = [member for member, _ in found]
    labels = np.array([label for _, label in found])
    slides = [slide_of(name) for name in names]
    head, posterior, chunk, bad = [], [], [], []

    def finish_chunk() -> None:
        if chunk:
            head.append(explainer.predict(chunk).probabilities)
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
    }
