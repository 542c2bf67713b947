"""Verdicts on labelled images of another source, before and after adapting to it.

For what differs by more than colours, which `shift` matches: MNIST and USPS, say (adapt, then transfer).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from jdm_core import Explainer
from training.data.cells import Cells, as_pixels, load_cells
from training.data.digits import TEST_PREFIX, holds_digits, part_name
from training.data.split import Split
from training.metrics import accuracy, expected_calibration_error, summarise
from training.publish.adapted import complete_adaptation
from training.run.recipe import split_of
from training.studies.study import Findings, Inputs, Study
from training.studies.verdicts import accuracy_gain, gather_verdicts, read_verdicts
from training.tables import Figure, Table

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
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "adapted_sha256": adapted.sha256,
        "draws": draws,
        "seed": seed,
        "other": _before_and_after(explainer, adapted, other, draws, seed),
        "own_validation": _before_and_after(explainer, adapted, own, draws, seed),
    }


def _before_and_after(
    explainer: Explainer, adapted: Explainer, cells: Cells, draws: int, seed: int
) -> dict[str, object]:
    pixels, truth = as_pixels(cells), cells.labels.numpy()
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


@dataclass(frozen=True)
class MnistToUsps(Study):
    """What adapting to other digits without a label brings."""

    checkpoint: str = "mnist-28"
    images: int = 60_000  # augmented, seen
    cells: int = 1000  # of the own validation digits
    draws: int = 16

    name = "mnist-usps"
    title = "From MNIST to USPS without a label"
    question = "Does fine-tuning on unlabelled digits of another source help to read them?"
    setup = """`mnist-28` fine-tuned on USPS's 7,291 training digits by the diffusion loss alone (60,000 augmented
        images seen), and measured on USPS's 2,007 test digits, one seed. The temperatures stay those of MNIST, since
        adapting has no labels to fit them. Likelihoods of 16 draws."""
    conclusion = """The likelihood asks whether the whole picture looks as drawn by this source. It is lost on the
        other one's strokes (0.626) and finds most of its way back (0.935), though it adapts without labels. The
        classifier was hardly lost and gains a little. The likelihood forgets some of MNIST (-0.007), the classifier
        nothing that a thousand digits show."""
    concluded_on: ClassVar = {"mnist-28": 3}
    reads = ("mnist-28",)
    needs = ("digits", "usps")

    def measure(self, inputs: Inputs) -> Findings:
        """Adapts where that is not done yet, and measures."""
        digits, usps = inputs.data["digits"], inputs.data["usps"]
        explainer = inputs.load(self.checkpoint)
        run = inputs.folder / "mnist-28-on-usps"
        adapted = complete_adaptation(explainer, inputs.manifest, usps, run, self.images, inputs.seed)
        split = split_of(explainer, digits)
        measured = transfer(explainer, adapted, usps, digits, split, self.cells, self.draws, inputs.seed)
        names = {"other": usps.name, "own_validation": part_name("validation", digits)}
        counted = f"posterior from {self.draws} draws"
        return Findings([self.table(measured, names)], counted, measured)

    def table(self, measured: Mapping[str, Any], names: Mapping[str, str]) -> Table:
        """A row a set and verdict."""
        rows = []
        for key, name in names.items():
            part = measured[key]
            for verdict in (verdict for verdict in ("head", "posterior") if verdict in part):
                before, after = part[verdict]["before"], part[verdict]["after"]
                accuracies = (Figure.of(read, "accuracy") for read in (before, after))
                figures = (*accuracies, Figure.of(after, "accuracy_gain"))
                rows.append([f"{name}, n {part['n']}", verdict, *figures])
        return Table.make(("images", "verdict", "accuracy before", "after", "gained"), rows)
