"""Whole fields: which cells are found, how many must be looked at, and how near the count comes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import MANIFEST, read_finders
from jdm_core.checkpoint.reading import Reading, readings
from training.data.members import DataError
from training.data.microscopes.sample import PARTS
from training.metrics import Json
from training.studies.field.figures import counting_figures, counting_summary, finding_figures, looking_figures
from training.studies.field.marked import MarkedSet, read_marked
from training.studies.field.readings import Read, read_all
from training.studies.field.sheet import draw_fields
from training.studies.study import Findings, Inputs, Study
from training.studies.verdicts import classifier_verdict
from training.tables import Figure, Table

SHEET = "fields.png"
OTHER = "other"  # the kind of cells whose reading an estimate abroad rests on
PART_NAMES = {"report": "the part that reports", "developer": "the developers' part"}
HOLDS = {"cells": "boxes of cells", "centres": "centres", "parasites": "boxes of parasites"}


@dataclass(frozen=True)
class Fields(Study):
    """Whole fields of five microscopes, found, read, ranked and counted."""

    fields: int = 12  # of a part of a set, at most
    draws: int = 8
    sheet: int = 3  # fields of a set that are drawn

    name = "field"
    title = "Whole fields"
    question = """Does the tool find the cells of a field on any microscope, does its order bring the infected ones
        first, and how near does a count come to the truth?"""
    setup = """Fields of five microscopes, drawn at random, half of them (by a hash of their names) for choosing and
        half for reporting. The finder learnt on fields composed of cells on grounds of every colour: training cells of
        the NIH set, red cells of the developers' halves of Chula, MP-IDB and BCCD, and white cells and platelets of
        that of BCCD. So of these three the developers' part is no test of the finder. No picture of IML or BBBC041, and
        none of a reporting half, trained it.

        A marked red cell that does not touch the border is *found* if a cell that is read has a box that overlaps its
        box by one half (intersection over union), or, where centres or parasites are marked, holds the mark's middle.
        Marks whose middle lies in a clump that the tool says it cannot part are counted apart. Of infected cells, being
        in such a clump is not being lost. *Marked of found* is the share of cells read, away from the border, that
        somebody marked: annotators left many out, so it is no precision.

        All cells of a microscope's fields stand in one order, the most suspicious first. The table says how many of
        them a person looks at until 95 % and all of the infected ones that were found are met; the aim is twice as many
        as there are and two a field. The plain CNN, the purple in a cell beyond its median, and a random order do the
        same. Counts are of smears: ten neighbouring fields of IML, a field of BBBC041, a smear of MP-IDB. The machine's
        count is corrected by sensitivity and specificity of other microscopes' cells; the reviewed one takes of the
        suspicious cells those that are marked infected, as a person without error would.

        Seconds are of one thread on a machine that did much else at the time, and say little of another."""
    conclusion = """**Finding.** Of the part that reports, more than 95 % of the marked cells are read on every
        microscope. On the developers' part of BBBC041 and of BCCD, whose fields are dense and pale, it is less. Most of
        what was found and not marked are red cells that annotators left out, in heaps above all. Of infected cells few
        are lost, on IML, BBBC041 and MP-IDB one each of the part that reports: on the first two too few to say whether
        the aim of 3 % is met. On the developers' part the two that were left out were schizonts, purple and nearly
        twice as large as the other cells: purple cells of such a size are read since. The one that is left there is
        read, and suspected, with too small an outline.

        **Order.** The weight of the likelihood beside the classifier was chosen on the developers' part. A person who
        follows the order sees 95 % of the infected cells within the aim on every microscope, on both parts. One cell of
        IML stands far down: all of them are seen much later. The plain CNN orders BBBC041 better on the part that
        reports and worse on the developers', IML alike and worse, and MP-IDB worse: with a score of infected cells
        neither can be said to order better. Purple alone does as well as either on MP-IDB, whose parasites are dark,
        and fails on the other two. *To look at* are far more cells than are infected on IML and BBBC041.

        **Counts.** The machine's own count is of no use at shares of one or two infected cells in a hundred: most of
        what it suspects there is healthy, even after correction. Never read it alone. A review of the suspects brings
        the count to the truth on IML and BBBC041. On MP-IDB, where one cell in six is infected, some infected cells are
        not among the suspects, and the reviewed count is a little low: go on down the list until nothing is found any
        more."""
    needs = ("microscopes",)

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """The finder decides the figures too, and the rival."""
        finders = {name: file.sha256 for name, file in read_finders(MANIFEST).items()}
        return [*super().facts(inputs), finders, str(inputs.rival and inputs.rival.name)]

    def measure(self, inputs: Inputs) -> Findings:
        """Finds and reads the fields, and draws some into the inputs' folder."""
        explainer = inputs.load()
        sets, missing = read_marked(inputs.data["microscopes"], self.fields, inputs.seed)
        if not sets:
            raise DataError(f"{inputs.data['microscopes']}: no marked fields")
        rival = classifier_verdict(explainer, inputs.rival) if inputs.rival else None
        reads = read_all(sets, explainer, rival, self.draws, inputs.seed)
        measured: Json = {"checkpoint": explainer.name, "sha256": explainer.sha256, "draws": self.draws}
        measured |= self._figures(sets, reads, explainer, inputs.seed)
        drawn = [read for one in sets for read in reads[one.name][: self.sheet]]
        draw_fields(drawn, inputs.folder / SHEET)
        print(f"a sheet to look at: {inputs.folder / SHEET}", flush=True)
        fields = sum(len(some) for some in reads.values())
        cells = sum(len(read.infected) for some in reads.values() for read in some)
        return Findings(self.tables(measured), f"n {fields} fields, {cells} cells read", measured, missing=missing)

    def _figures(
        self, sets: Sequence[MarkedSet], reads: Mapping[str, Sequence[Read]], explainer: Explainer, seed: int
    ) -> Json:
        finding: list[Json] = []
        looking: list[Json] = []
        counting: list[Json] = []
        worth: Reading | None = readings(explainer.checkpoint).get(OTHER)
        for one in sets:
            for part in PARTS:
                own = [read for read in reads[one.name] if read.marked.part == part]
                if own:
                    finding.append(finding_figures(one.name, one.title, part, own, seed) | {"holds": one.holds})
                    looking += looking_figures(one.name, one.title, part, own)
            if worth is not None and any(read.infected.any() for read in reads[one.name]):
                counting += counting_figures(one.name, one.title, reads[one.name], worth)
        return {"finding": finding, "looking": looking, "counting": counting, "counts": counting_summary(counting)}

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """What is found, how many cells are looked at, and how near counts come."""
        written = []
        for part, name in PART_NAMES.items():
            rows = [_finding(row) for row in measured["finding"] if row["part"] == part]
            if rows:
                written.append(Table.make(FINDING, rows, f"Found, {name}"))
        for part, name in PART_NAMES.items():
            rows = [_looking(row) for row in measured["looking"] if row["part"] == part]
            if rows:
                written.append(Table.make(LOOKING, rows, f"Cells to look at, {name}"))
        if measured["counts"]:
            written.append(Table.make(COUNTING, [_counting(row) for row in measured["counts"]], "Counts of smears"))
        return written


FINDING = (
    "Microscope",
    "Fields",
    "Marked",
    "Recall",
    "In clumps",
    "Infected",
    "Infected not lost",
    "Read",
    "Marked of found",
    "Cut off, clumps, no red cells",
    "Seconds (finding)",
)
LOOKING = ("Microscope", "Order by", "Cells (infected)", "Until 95 %", "Until all", "Aim", "Suspicious (infected)")
COUNTING = ("Microscope", "Count", "Smears", "Truth", "Estimate", "Bias", "Within 25 %", "Interval holds the truth")


def _finding(row: Mapping[str, Any]) -> list[Any]:
    return [
        row["title"],
        row["fields"],
        f"{row['marked']} {HOLDS[row['holds']]}",
        Figure.of(row, "recall"),
        row["clumps"],
        row["infected"],
        Figure.of(row, "infected_recall"),
        row.get("found", 0),
        Figure.of(row, "marked_of_found"),
        f"{row['cut off']}, {row['clump']}, {row['not a red cell']}",
        f"{row['seconds']} ({row['seconds_finding']})",
    ]


def _looking(row: Mapping[str, Any]) -> list[Any]:
    suspicious = f"{row['suspicious']} ({row['infected_suspicious']})" if "suspicious" in row else "–"
    cells = f"{row['cells']} ({row['infected']})"
    return [row["title"], row["reader"], cells, row["looks"]["0.95"], row["looks"]["1.0"], row["aim"], suspicious]


def _counting(row: Mapping[str, Any]) -> list[Any]:
    percent = [f"{100 * row[key]:.2f} %" for key in ("truth", "estimate", "bias")]
    near, held = f"{row['near']} of {row['with_infected']}", f"{row['held']} of {row['smears']}"
    way = "the machine's, corrected" if row["way"] == "machine" else "reviewed without error"
    return [row["title"], way, row["smears"], *percent, near, held]
