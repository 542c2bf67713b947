"""The study of the edit beside its controls and other ways: its question, its tables and what it concludes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from training.run.classifier import CHOOSER, load_judge, load_judge_of
from training.run.recipe import part_of, split_of
from training.studies.editing.figures import Judges
from training.studies.editing.measure import draw_samples, draw_sheet, draw_variants, study_edits
from training.studies.stain import fit_proxy
from training.studies.study import Findings, Inputs, Study, digests
from training.tables import Cell, Figure, Table

TURNS = {"head": "head_flips", "posterior": "posterior_flips", "judge": "judge_flips", "own check": "own_check"}
LOOKS = {
    "dirt": "dirt",
    "ghost": "ghost",
    "spread of size": "spread_size",
    "of colour": "spread_colour",
    "of place": "spread_place",
    "told from real": "told_apart",
    "outside alone": "outside_alone",
    "told, same slides": "told_same_slides",
    "outside, same slides": "outside_same_slides",
    "Fréchet": "frechet",
}
COSTS = {
    "share changed": "changed_fraction",
    "outside the change": "outside_changed",
    "outside the parasite": "outside_parasite",
    "encoder": "encoder_passes",
    "s": "seconds",
}
SHARES = (*TURNS.values(), "dirt", "ghost")  # of cells


@dataclass(frozen=True)
class EditStudy(Study):
    """The edit beside its controls and other ways."""

    cells: int = 200  # of each class
    sheet: int = 24  # cells of each class that are shown
    part: str = "test"

    name = "edit-study"
    title = "The edit beside other ways"
    question = "Which way of editing turns the verdicts, what else does it change, and would an eye believe it?"
    setup = """Cells drawn at random, those that classifier and judge both read as labelled, edited once by every way:
        the explainer's *search*; the *placebo*, the same region made anew under the class that the cell has; *without a
        model*, the stain filled in from around it, or a soft dot painted at a random place; *unedited*; DDIM inversion
        whose residuals are given up in regions, and edit-friendly DDPM inversion (Huberman-Spiegelglas et al. 2024).
        The judge is a plain network, `witness-64`, that was trained apart; no setting was chosen by it, and the model
        learnt nothing from it. Likelihoods are of 8 draws.
        *Dirt*: a new dark and colourless piece of 4 pixels or more. *Ghost*: where the stain was, more relief than in
        95 % of the same regions laid in healthy cells. *Spread*: the deviation of spots that were added over that of
        real ones.
        *Told from real*: the AUROC of a linear classifier of 16 traits of texture and stain, edited against real cells
        of the class edited to, trained on half of the slides and tested on the others; *outside alone*: by what the
        search did not touch, the region hidden in both, which no edit of a region can mend; *same slides*: both of the
        cells of slides that have real cells of either class. Fréchet distances are in
        the features of yet another network, to as many other real cells of the class edited to. *s* is seconds a cell,
        with checks for the search, which *encoder* does not count."""
    conclusion = """Turning verdicts is the lesser part: filling in the stain and painting a dot, both without a model,
        turn them nearly as often as the search does. What tells them apart is how the cells look. Where a parasite is
        removed, filling in leaves dirt in a fifth of the cells and a ghost in one of three; the search leaves no dirt
        and few ghosts. Where one is added, a plain classifier tells a painted dot from real parasites nearly always,
        and its Fréchet distance is three times that of the search, whose spots differ in size and place as real ones
        do; the search's own is far above that of real cells to each other. The placebo turns next to nothing, so it is
        the class that turns the verdicts and not being made anew. Ways that push pixels turn fewer and leave more of
        what was there. Edited cells can still be told from real ones, though less often than those of any other way. By
        what no edit touches they are told nearly as often: cells of one class come from other slides than those of the
        other, and differ in the texture of the whole cell. Little is left by these traits that an edit of a region
        could mend."""
    edits = True
    concluded_on: ClassVar = {"malaria-64": 8}

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """The judge decides the figures too."""
        return digests([inputs.judge])

    def measure(self, inputs: Inputs) -> Findings:
        """Edits by every method; those that the folder holds already are not run again."""
        explainer, data = inputs.load(), inputs.data["cells"]
        judge = load_judge_of(explainer.checkpoint, inputs.judge)
        keep, test_set = part_of(explainer, data, self.part)
        proxy = fit_proxy(explainer, data, split_of(explainer, data).train, inputs.seed)
        judges = Judges(judge, load_judge(CHOOSER, explainer.labels))
        samples = draw_samples(explainer, judge, data, keep, self.cells, inputs.seed)
        facts = {"test_set": test_set, "judge": inputs.judge.name, "features": CHOOSER.name}
        held = inputs.folder / f"{self.name}.methods.json"
        measured, pictures = study_edits(explainer, judges, proxy, samples, inputs.seed, facts, held)
        if pictures:
            draw_sheet(samples[0], pictures, self.sheet, inputs.folder / f"{self.name}.png")
        draw_variants(explainer, samples[0], self.sheet, inputs.seed, inputs.folder / f"{self.name}.variants.png")
        counted = f"medians, colours in 1/255; n {measured['cells']} cells of {measured['slides']} slides ({test_set})"
        return Findings(self.tables(measured), counted, measured)

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """Whom the edits convince, how they look and what they cost: a row a method and direction each."""
        floors = ", ".join(f"{name.removeprefix('floor_')} {measured[name]:g}" for name in measured if "floor" in name)
        return [
            self._table(measured, TURNS, "Turned"),
            self._table(measured, LOOKS, "Looks", f"Fréchet distance of real cells to other real ones: {floors}."),
            self._table(measured, COSTS, "Changed, and at what cost"),
        ]

    def _table(self, measured: Mapping[str, Any], columns: Mapping[str, str], title: str, note: str = "") -> Table:
        rows: list[list[Cell]] = []
        for name, both in measured["methods"].items():
            for source, f in both.items():
                values = [Figure.of(f, key, f["n"] if key in SHARES else None) for key in columns.values()]
                rows.append([name, source.removeprefix("from_"), *values])
        return Table.make(("method", "from", *columns), rows, title=title, note=note)
