"""python -m training transfer: verdicts on labelled images of another source, before and after adapting to it.

For what differs by more than colours, which `shift` matches: MNIST and USPS, say (adapt, then transfer).
"""

from pathlib import Path

import numpy as np

from jdm_core import Explainer
from training.data import Cells, Split, load_cells
from training.digits import TEST_PREFIX, holds_digits
from training.metrics import accuracy, expected_calibration_error, summarise
from training.studies.verdicts import accuracy_gain, gather_verdicts, read_verdicts

FIGURES = {"accuracy": accuracy, "ece": expected_calibration_error}


def transfer(
    explainer: Explainer, adapted: Explainer, images: Path, data: Path, split: Split, cells: int, draws: int, seed: int
) -> dict[str, object]:
    """Figures of head and posterior before and after on other images, and on validation cells; plain JSON values.

    `images` are labelled and not those adapted to: of digits the test part, else everything. `data` are the cells of
    the checkpoint's own training, and at most `cells` of its validation slides show what adapting forgets. A gain is
    paired, of the same verdict.
    """
    labels, size = explainer.labels, explainer.size
    held_out = (lambda slide: slide.startswith(TEST_PREFIX)) if holds_digits(images) else None
    other = load_cells(images, labels, size, held_out)
    own = load_cells(data, labels, size, set(split.validation).__contains__, cells, seed)
    return {
        "checkpoint": explainer.name, "sha256": explainer.sha256, "adapted_sha256": adapted.sha256,
        "draws": draws, "seed": seed,
        "other": _before_and_after(explainer, adapted, other, draws, seed),
        "own_validation": _before_and_after(explainer, adapted, own, draws, seed),
    }  # fmt: skip


def _before_and_after(
    explainer: Explainer, adapted: Explainer, cells: Cells, draws: int, seed: int
) -> dict[str, object]:
    pixels, truth = cells.images.permute(0, 2, 3, 1).numpy(), cells.labels.numpy()
    figures: dict[str, object] = {"n": len(cells), "slides": len(set(cells.slides))}
    read: dict[str, list[np.ndarray]] = {}
    for model in (explainer, adapted):
        for name, p in read_verdicts(gather_verdicts(model, [], draws, seed), pixels).items():
            read.setdefault(name, []).append(p)
    for name, (before, after) in read.items():
        gain = accuracy_gain(after[:, None], before[:, None], truth, cells.slides)
        figures[name] = {
            "before": summarise(before, truth, cells.slides, FIGURES),
            "after": summarise(after, truth, cells.slides, FIGURES) | gain,
        }
    return figures
