"""The study of causes: parasites and decoys laid into healthy cells, so that the truth is known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from jdm_core import Explainer
from training.data.cells import as_pixels, load_cells
from training.data.doubted import read_doubted, sure_labels
from training.data.marks import find_marks, read_marks
from training.data.microscopes.places import MPIDB
from training.run.recipe import part_of, split_of
from training.studies.causal.measure import Ground, Scene, alone, beside, ground_of, lay_out, read, removed, save_sheet
from training.studies.causal.paste import SIDE
from training.studies.causal.things import DECOYS, PARASITES, every_thing
from training.studies.stain import fit_proxy
from training.studies.study import Findings, Inputs, Study
from training.tables import Cell, Figure, Table

BCCD = MPIDB.parent / "bccd"
STAINED = 600  # healthy cells whose stain is looked for
SHOWN = 3  # cells of each kind on the sheet
ALONE = {
    "classifier turned": "head_turned",
    "likelihood turned": "posterior_turned",
    "evidence points at it": "evidence_points",
    "colour points at it": "colour_points",
    "energy of evidence": "evidence_energy",
    "of colour": "colour_energy",
}
BESIDE = {
    "evidence: on the parasite": "evidence_on_parasite",
    "on the decoy": "evidence_on_decoy",
    "colour: on the parasite": "colour_on_parasite",
    "on the decoy ": "colour_on_decoy",
}
REMOVED = {
    "passes its own check": "own_check",
    "change at the parasite": "inside",
    "brought back": "brought_back",
    "decoy stays": "decoy_kept",
}
SHARES = {*ALONE.values(), *BESIDE.values(), "own_check", "decoy_kept"} - {"evidence_energy", "colour_energy"}


@dataclass(frozen=True)
class Causal(Study):
    """Parasites and decoys whose place is known, because they were laid there."""

    cells: int = 150  # healthy ones, into each of which every kind of thing is laid
    pairs: int = 150  # of them, in which a decoy is laid beside a parasite
    draws: int = 16
    marks: str = "test.csv"  # a file, or one of training/marks

    name = "causal"
    title = "What causes the verdict, with known truth"
    question = """Laid into a healthy cell, does a parasite turn the verdicts, do the maps light it and not what else
        lies there, and does removing take it out alone?"""
    setup = """Healthy cells of the test slides that both verdicts read so; the same ones for every kind. Into them are
        laid, in optical density and with a soft edge, turned and at a place drawn at random, each as often as there
        are cells: *parasites*, cut from other test cells by their [boxes](../../training/marks/README.md), and from
        the fields of MP-IDB, another microscope; and *decoys*: BCCD's boxed platelets, the heaviest stain of cells
        that are labelled healthy and whose label nothing contradicts, soft round dots drawn in the colour of
        chromatin, and drawn dark specks of no colour. *Turned*: reads as infected now. *Points at it*: the greatest
        value of the map lies in the thing's box. *Energy*: the map's share there. *Colour* is a baseline without a
        model: how much more of green a pixel absorbs, beyond the cell's median, the rim left out. *Change at the
        parasite*: the share of the squared change by removing that lies in its box and the 3 pixels of 64 around.
        *Brought back*: 1 less the distance of the edit to the cell as it was, over that of the cell with the
        parasite, there. *Decoy stays*: removing moves its box by at most 10 of 255 on average. A stain of a healthy
        cell may be a parasite that nobody labelled. Intervals are by the healthy cell's slide."""
    conclusion = """**Where there is a parasite, the evidence is on it**: its maximum lies on what was laid in, of
        another microscope's parasites too, where purple alone does nearly as well. **It does not always tell a parasite
        from what looks like one**: a platelet alone in a cell turns the classifier nearly as often as a parasite of
        another microscope does, and the likelihood in half of the cells; a painted purple dot turns both nearly always.
        Specks of dirt turn hardly any. Beside a parasite, platelets, stain and dirt seldom draw the evidence away; a
        painted dot does in half of the cells. **The edit takes the parasite out, and more**: beside it platelets, dots
        and dirt go as well, and only the stain that healthy cells have stays. So an edit shows what the model takes for
        a parasite, and a dark thing that it took is no proof of one."""
    concluded_on: ClassVar = {"malaria-64": 8}
    needs = ("cells", "microscopes")
    edits = True

    def measure(self, inputs: Inputs) -> Findings:
        """Lays out every kind alone, and every decoy beside a parasite; reads all, and removes."""
        explainer, data, sets = inputs.load(), inputs.data["cells"], inputs.data["microscopes"]
        keep, test_set = part_of(explainer, data, "test")
        found = load_cells(data, explainer.labels, SIDE, keep)
        sure = (found.labels == 1).numpy() & sure_labels(found.names, read_doubted())
        healthy = found.take(np.random.default_rng(inputs.seed).permutation(np.flatnonzero(sure)).tolist())
        pixels, proxy = as_pixels(healthy), fit_proxy(explainer, data, split_of(explainer, data).train, inputs.seed)
        drawn = self.cells + self.cells // 4  # some are read as infected
        ground = ground_of(explainer, pixels[:drawn], healthy.slides, self.draws, inputs.seed).first(self.cells)
        folders = {"mpidb": sets / MPIDB, "bccd": sets / BCCD}
        marks = read_marks(find_marks(self.marks))
        things = every_thing(data, marks, folders, pixels[drawn : drawn + STAINED], proxy, self.cells, inputs.seed)
        measured: dict[str, Any] = {"things": {k: len(v) for k, v in things.items()}, "alone": {}, "removed": {}}
        measured["beside"] = {}
        columns, pairs = [], ground.first(self.pairs)
        for name in (*PARASITES, *DECOYS):
            scene = lay_out(ground, [things[name]], inputs.seed)
            if not scene.laid:
                continue
            measured["alone"][name], columns_of = self._alone(explainer, ground, scene, inputs.seed)
            if name in PARASITES:
                measured["removed"][name], _ = removed(explainer, ground, scene, inputs.seed)
            columns += columns_of
        for name in DECOYS:
            scene = lay_out(pairs, [things[PARASITES[0]], things[name]], inputs.seed)
            if not scene.laid:
                continue
            slides = [ground.slides[i] for i in scene.of]
            seen = read(explainer, scene.cells, self.draws, inputs.seed)
            measured["beside"][name] = beside(seen, scene, slides, explainer.size)
            measured["removed"][f"beside {name}"], edited = removed(explainer, pairs, scene, inputs.seed)
            columns += [(ground.cells[scene.of[i]], scene.cells[i], edited[i]) for i in range(min(SHOWN, len(edited)))]
        save_sheet(columns, inputs.folder / f"{self.name}.png")
        counted = f"n {len(ground.cells)} healthy cells of {len(set(ground.slides))} slides ({test_set})"
        return Findings(self.tables(measured), counted, measured)

    def _alone(
        self, explainer: Explainer, ground: Ground, scene: Scene, seed: int
    ) -> tuple[dict[str, Any], list[tuple[np.ndarray, ...]]]:
        slides = [ground.slides[i] for i in scene.of]
        seen = read(explainer, scene.cells, self.draws, seed)
        shown = [
            (ground.cells[scene.of[i]], scene.cells[i], explainer.draw.evidence(scene.cells[i], seen.evidence[i], SIDE))
            for i in range(min(SHOWN, len(scene.of)))
        ]
        return alone(seen, scene, slides, explainer.size), shown

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """One thing in a cell, a decoy beside a parasite, and what removing takes out."""
        return [
            self._table(measured["alone"], ALONE, "One thing in a healthy cell"),
            self._table(measured["beside"], BESIDE, "A decoy beside a parasite: where a map is greatest"),
            self._table(measured["removed"], REMOVED, "Removed, where the classifier reads infected"),
        ]

    def _table(self, measured: Mapping[str, Any], columns: Mapping[str, str], title: str) -> Table:
        rows: list[list[Cell]] = []
        for name, f in measured.items():
            values = [Figure.of(f, key, f["n"] if key in SHARES else None) for key in columns.values()]
            rows.append([name, f"{f['n']} ({f['slides']})", *values])
        return Table.make(("", "n (slides)", *columns), rows, title=title)
