"""The study of maps: its question, its table and what it concludes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from training.data.marks import find_marks, read_marks
from training.run.recipe import split_of
from training.studies.heatmaps.attributions import (
    by_chance,
    colour,
    edit_difference,
    evidence,
    stain,
    usual_attributions,
)
from training.studies.heatmaps.measure import study_heatmaps
from training.studies.heatmaps.sheet import draw_sheet
from training.studies.stain import fit_proxy
from training.studies.study import Findings, Inputs, Study, digests
from training.tables import Figure, Table

COLUMNS = {
    "energy in boxes": "energy",
    "AP": "average_precision",
    "pointing": "pointing",
    "deletion": "deletion",
    "insertion": "insertion",
    "deletion, judge": "judge_deletion",
    "insertion, judge": "judge_insertion",
    "energy, first over this": "energy_ratio",
}


@dataclass(frozen=True)
class Heatmaps(Study):
    """Maps against hand-marked parasites."""

    draws: tuple[int, ...] = (16, 32)  # of the evidence maps
    marks: str = "test.csv"  # a file, or one of training/marks

    name = "heatmaps"
    title = "What the maps point at"
    question = "Do the model's maps lie where an eye finds the parasite, and do other maps lie there better?"
    setup = """Boxes around the parasites of 97 test cells, drawn by a vision-language model that did not see the maps
        ([how](../../training/marks/README.md)): they say where something that looks at the picture sees a parasite,
        not where a microscopist does. *Energy* is the share of a map that lies in the boxes, *AP* the average
        precision of its pixels, *pointing* whether its maximum lies in a box; *energy, first over this* is the
        first row's energy over this row's. Deletion (lower is better) and insertion (higher) follow the
        classifier's and the judge's probability while the map's strongest pixels are taken away or put in.
        Correlations are with the map of the same cell blurred, with noise, as JPEG, and with another seed, on 8
        cells. The usual attributions are captum's, of the classifier's log-odds, against the cell's mean colour.
        *Colour, no model*: how much more of green a pixel absorbs than of the other channels, beyond the cell's
        median, the rim left out. Intervals of shares are exact where all cells agree."""
    conclusion = """Of the maps that the model gives, the evidence is the one to look at: the most precise pixels,
        never a maximum beside a box, and hardly moved by blur, noise, JPEG or seed. Integrated gradients hold as much
        energy in the boxes where they are smoothed alike (the evidence 0.990 times theirs, 0.967 to 1.011), point as
        well, and their pixels are less precise (0.65 against 0.76). Deletion favours the difference of the edit by the
        classifier, and by the judge that and mere purple alike; insertion favours integrated gradients. But a rule that
        knows no model, how purple a pixel is beyond the cell's median, holds more energy than any map (0.97 against
        0.83) and points as well, for parasites are what is stained here; its pixels are less precise. So that a map
        lies on the parasite proves little on cells such as these. What the evidence alone says is which score the
        likelihood reads there: its pixels add up to it. Smoothing it, chosen on 30 validation cells, is worth 0.05 of
        energy. Grad-CAM points at the parasite in 93 cells of 100, with half of its energy beside the box."""
    concluded_on: ClassVar = {"malaria-64": 8}
    edits = True

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """The judge decides the figures too."""
        return digests([inputs.judge])

    def measure(self, inputs: Inputs) -> Findings:
        """Draws every map of every marked cell, and measures."""
        explainer, data = inputs.load(), inputs.data["cells"]
        marks = read_marks(find_marks(self.marks))
        proxy = fit_proxy(explainer, data, split_of(explainer, data).train, inputs.seed)
        methods = [
            *(evidence(explainer, draws) for draws in self.draws),
            edit_difference(explainer),
            usual_attributions(explainer),
            stain(proxy, explainer.size),
            colour(explainer.size),
            by_chance(explainer.size),
        ]
        measured, cells, maps = study_heatmaps(explainer, methods, inputs.judge, data, marks, inputs.seed)
        measured |= {"marks": Path(self.marks).name, "stain_direction": proxy.direction.tolist()}
        boxes = [boxes for boxes in marks.values() if boxes]
        draw_sheet(cells, boxes, maps, inputs.seed, inputs.folder / f"{self.name}.png")
        counted = (
            f"n {measured['n']} cells of {measured['slides']} slides that the head reads as {explainer.labels[0]}, of "
            f"{measured['marked']} marked; {measured['no_parasite_visible']} more show no parasite"
        )
        return Findings([self.table(measured)], counted, measured)

    def table(self, measured: Mapping[str, Any]) -> Table:
        """A row a method."""
        n, stable = measured["n"], {name: f for name, f in measured["stability"].items() if name != "n"}
        conditions = [name for name in next(iter(stable.values())) if not name.endswith("_interval")]
        rows = [
            [
                name,
                *(Figure.of(f, key, n if key == "pointing" else None) for key in COLUMNS.values()),
                *(Figure.of(stable[name], condition) for condition in conditions),
            ]
            for name, f in measured["methods"].items()
        ]
        note = (
            f"By chance: energy {measured['boxes_of_picture']:.3f}, pointing "
            f"{Figure.of(measured, 'pointing_by_chance')}."
        )
        return Table.make(("", *COLUMNS, *(f"correlation, {name}" for name in conditions)), rows, note=note)
