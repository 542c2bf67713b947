"""Cells of other microscopes, in their own colours and in matched ones: verdicts, refusals, evidence, beside rivals."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import NO_RED_CELL
from jdm_core.explain.matching import AS_GIVEN
from training.data.fields import cut
from training.data.members import DataError
from training.data.microscopes.places import IML, MPIDB
from training.data.microscopes.sample import PARTS, TEST_SHARE, Sample
from training.metrics import Json
from training.publish.adapted import complete_adaptation
from training.studies.shift.evidence import infected_cells, parasites
from training.studies.shift.figures import part_figures, verdict_shares
from training.studies.shift.pictures import draw_sheet
from training.studies.shift.readers import JointReader, Reader, RivalReader, Said, views
from training.studies.shift.sets import HOME, places, read_home, read_sets
from training.studies.shift.tables import tables
from training.studies.study import Findings, Inputs, Study, digests
from training.tables import Table

SHEET = "microscopes.png"
UPLOADS_NAME = "uploads"


@dataclass(frozen=True)
class Microscopes(Study):
    """Verdicts on cells of other microscopes."""

    cells: int = 200  # of a role and part of a set, at most
    likelihoods: int = 40  # of a class and part of a set, at most, whose likelihood is asked
    draws: int = 8
    adapt: int = 0  # augmented images seen while adapting to the first set's developers' part; 0: nothing is adapted

    name = "microscopes"
    title = "Other microscopes"
    question = """How well are cells of other laboratories' microscopes and stains read, and does matching their colours
        help?"""
    setup = """Cells that no network was trained on. IML ([arXiv 2102.08708](https://arxiv.org/abs/2102.08708)) and
        BBBC041 (Ljosa et al. 2012) are sets of which none has seen anything: their rows count most. Of MP-IDB (Loddo et
        al. 2019), Chula (Naruenatthanaset et al. 2021) and BCCD `malaria-64` trains on the developers' parts, with
        parasites of its own training cells laid into healthy cells; a plain CNN beside it does so only where the words
        below its table name them, and without such parasites, for with them it read the developers' parts no better. In
        its last legs the head of `malaria-64` learnt from both CNNs. On these parts rests too the rule that tells red
        cells of other stains ("other") from what is no red cell. IML and BBBC041 are cut out of whole fields by their
        boxes; MP-IDB comes as crops, of which the product finds the cell; Chula and BCCD show healthy blood. The first
        rows are cells of the training's own microscope, of slides it has not seen. Half of the fields of each set, by a
        hash of their names, are the developers' part, on which choices and, of those three sets, training may rest; the
        other half *reports*. All figures are given for both.

        Cells are drawn without a look at their labels, and infected ones added. Colours are taken *as needed*, which is
        what the product does unless told otherwise: a cell that absorbs more than twice as much light in a channel as
        the training cells do is seen in their colours by its own median, and any other as it is. Or
        they are *as given*; or *matched*, as those of a batch: the drawn cells of a field, of MP-IDB those of a smear,
        of uploads each picture by itself. Of a field of IML one or two are drawn, where the product, which reads a
        whole field, has a hundred. Rivals read the same pixels. Called infected is what the classifier gives
        more than one half. *At 1 % false positives* is the share of infected cells found by a threshold that leaves so
        many healthy ones above it. Intervals are from bootstrap samples of the units that the table names, the same for
        all readers, so that differences are paired; where a set has fewer than ten smears, each cell stands for itself,
        and the interval says nothing of the next smear."""
    conclusion = """The table says for each microscope what a verdict is worth there, and the part that reports was
        looked at by no choice of weights, thresholds or colours. Read it before the model is used on a stain like one
        of these; for another, measure your own fields by the same command. Colours taken as needed ask for no batch,
        and cells are read as well as where a field's are matched; left as given, the dark cells of BBBC041 are called
        infected too often. A plain CNN that trained on the same cells of other microscopes ranks cells as well as the
        joint model's classifier, which learnt from it. At one half the joint model calls fewer than half as many of
        BBBC041's healthy cells infected as either CNN does; of IML it calls as few so as that CNN, and finds as many of
        the infected ones, fewer than the CNN that knows one microscope alone. Of BCCD's healthy cells it calls a few
        more infected than either: those that version 7 called so on the reporting part, looked at one by one, each held
        a drop that glints, a platelet or a grain of stain. What differs within its interval is no difference."""
    needs = ("microscopes",)

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """What else decides the figures: which sets are there, and the rivals."""
        folder = inputs.data.get("microscopes")
        there = [path.name for path, _ in places(folder) if path.exists()] if folder else []
        return [*super().facts(inputs), there, *digests(inputs.rivals)]

    def measure(self, inputs: Inputs) -> Findings:
        """Frames the cells, lets everybody read them, and draws a sheet into the inputs' folder.

        Raises ValueError where two readers have one name.
        """
        explainer, folder = inputs.load(), inputs.data["microscopes"]
        rivals = [RivalReader(path, explainer) for path in inputs.rivals]
        readers: list[Reader] = [JointReader(explainer.name, explainer, self.draws, inputs.seed), *rivals]
        if repeated := [name for name, count in Counter(reader.name for reader in readers).items() if count > 1]:
            raise ValueError(f"--rival: more than one reader would be called {', '.join(repeated)}; rename a file")
        samples, missing = read_sets(folder, self.cells, inputs.seed)
        data = inputs.data.get("cells", folder / HOME)
        if data.exists():
            samples.insert(0, read_home(explainer, data, self.cells, inputs.seed))
        measured: Json = {"checkpoint": explainer.name, "sha256": explainer.sha256, "draws": self.draws}
        measured["trained_on"] = {rival.name: list(rival.trained_on) for rival in rivals}
        measured |= self._read(samples, explainer, readers, inputs.seed)
        measured["evidence"] = self._evidence(explainer, samples, folder / MPIDB, inputs.seed)
        measured["left_out"] = {sample.name: dict(sample.left_out) for sample in samples}
        if self.adapt:
            measured["adapted"] = self._adapted(explainer, samples, inputs)
        others = [sample for sample in samples if sample.name not in ("home", UPLOADS_NAME)]
        draw_sheet(explainer, others, self.draws, inputs.seed, inputs.folder / SHEET)
        print(f"a sheet to look at: {inputs.folder / SHEET}", flush=True)
        counted = sum(len(sample.cells) for sample in samples)
        counted_of = f"n {counted} pictures of {len(samples)} sources"
        return Findings(self.tables(measured), counted_of, measured, missing=missing)

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """Each part's figures, verdicts given and refused, uploads, and where the evidence points."""
        return tables(measured)

    def _read(self, samples: Sequence[Sample], explainer: Explainer, readers: Sequence[Reader], seed: int) -> Json:
        """What every reader says of every sample in every view, as figures."""
        rows: list[Json] = []
        shares: list[Json] = []
        uploads: list[Json] = []
        looks = [(sample, view) for sample in samples for view in views(sample, explainer)]
        total = len(readers) * sum(len(sample.cells) for sample, _ in looks)
        with tqdm(total=total, desc="reading", unit="cell") as bar:
            for sample, view in looks:
                asked = self._asked(sample, seed)
                said = {reader.name: reader.read(sample.cells, view, asked, bar) for reader in readers}
                if view.colours == AS_GIVEN:  # a picture is known, or not, by its own colours
                    shares += [row for part in PARTS for row in verdict_shares(sample, part, said[readers[0].name])]
                if sample.name == UPLOADS_NAME:
                    uploads += _right(sample, view.colours, said)
                    continue
                for part in PARTS:
                    rows += part_figures(sample, part, view.colours, said, seed)
        return {"rows": rows, "shares": shares, "uploads": uploads}

    def _asked(self, sample: Sample, seed: int) -> np.ndarray:
        """Which cells the likelihood is asked about, (N,) bool: none of a part in which nothing is infected."""
        asked = np.zeros(len(sample.cells), dtype=bool)
        for part in PARTS:
            classes = [sample.where(part, "infected"), sample.where(part, "healthy")]
            if all(len(of_class) for of_class in classes) and sample.name != UPLOADS_NAME:
                for of_class in classes:
                    asked[np.random.default_rng(seed).permutation(of_class)[: self.likelihoods]] = True
        return asked

    def _evidence(self, explainer: Explainer, samples: Sequence[Sample], mpidb: Path, seed: int) -> list[Json]:
        rows: list[Json] = []
        if (mpidb / "parasites.json").exists():
            rows += parasites(explainer, mpidb, self.likelihoods, self.draws, seed)
        for sample in samples:
            if sample.name == "iml":
                rows += infected_cells(explainer, sample, self.likelihoods // 2, self.draws, seed)
        return rows

    def _adapted(self, explainer: Explainer, samples: Sequence[Sample], inputs: Inputs) -> Json:
        """Figures of the checkpoint adapted, without a label, to the first set's developers' part.

        On that set and, to show what is forgotten, on the training's own microscope; in whatever colours the adapted
        one knows. What is there is not made again.
        """
        (fields, _), *_ = places(inputs.data["microscopes"])
        if not (fields / "annotations.json").exists():
            raise DataError(f"{fields / 'annotations.json'}: no such file; adapting needs fields with a box per cell")
        images, run = inputs.folder / "other-microscope", inputs.folder / "on-other-microscope"
        if not images.exists():
            cut(fields, images, TEST_SHARE)
        adapted = complete_adaptation(explainer, inputs.manifest, images / "adapt", run, self.adapt, inputs.seed)
        pair = (("adapted", adapted), ("as shipped", explainer))
        readers = [JointReader(name, reader, self.draws, inputs.seed) for name, reader in pair]
        name = "iml" if fields.name == IML.name else fields.resolve().name
        chosen = [sample for sample in samples if sample.name in (name, "home")]
        return self._read(chosen, adapted, readers, inputs.seed) | {"sha256": adapted.sha256}


def _right(sample: Sample, colours: str, said: Mapping[str, Said]) -> list[Json]:
    """Of uploaded red cells: how many there are, get a verdict, and are right among those; a row a reader."""
    red = sample.where("report", "infected", "healthy")
    truth = np.array([sample.known[i].role == "infected" for i in red])
    rows = []
    for name, what in said.items():
        given = np.ones(len(red), dtype=bool) if what.kind is None else what.kind[red] != NO_RED_CELL
        right = (what.infected[red] > 0.5) == truth
        counted = {"n": len(red), "given": int(given.sum()), "right": int(right[given].sum())}
        rows.append({"reader": name, "colours": colours} | counted)
    return rows
