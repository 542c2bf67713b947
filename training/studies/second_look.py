"""Are the cells that no network reads as labelled labelled rightly? An eye, blinded.

Cells whose label no verdict gives, and as many of the same label that every verdict gives, come in an order that says
nothing, without label or file name: an annotator says of each whether a parasite is seen. Were the networks at fault,
parasites would be seen in both kinds alike; where the labels are, an eye sides with the networks.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from PIL import Image, ImageDraw

from jdm_core import Explainer
from jdm_core.files import replace_file
from training.data.cells import Cells, as_pixels, load_cells, squares
from training.data.marks import find_marks, read_rows, write_rows
from training.data.members import DataError, chunks, read_all, slide_of
from training.metrics import METRICS, summarise
from training.run.recipe import part_of
from training.studies.study import Findings, Inputs, Study, digests
from training.studies.verdicts import count_agreeing, gather_verdicts, read_verdicts
from training.tables import Figure, Table

COLUMNS = ("file", "slide", "seen")
ANSWERS = ("yes", "unsure", "no")
WIDE, HIGH, PICTURE, LINE = 8, 5, 160, 16  # cells of a sheet, pixels of a cell and of the line above it

Looks = dict[str, str]  # of each file what was seen, "" where nobody has looked


@dataclass(frozen=True)
class Readings:
    """Cells, and the probabilities (N, K) that each verdict reads of them."""

    cells: Cells
    probabilities: dict[str, np.ndarray]

    @property
    def agreeing(self) -> np.ndarray:
        """How many verdicts give each cell's label, (N,)."""
        return count_agreeing(np.stack([*self.probabilities.values()], axis=1), self.cells.labels.numpy())


def take_readings(
    explainer: Explainer,
    others: Sequence[Explainer],
    classifiers: Sequence[Path],
    data: Path,
    keep: Callable[[str], bool] | None,
    seed: int,
) -> Readings:
    """What head, other checkpoints' heads and classifiers read of the cells of `data` whose slide `keep` wants."""
    verdicts = gather_verdicts(explainer, classifiers, 0, seed, others)
    cells = load_cells(data, explainer.labels, explainer.size, keep)
    return Readings(cells, read_verdicts(verdicts, as_pixels(cells)))


def draw_looks(readings: Readings, count: int, seed: int) -> Looks:
    """For each label at most `count` cells that no verdict reads so and as many that every one does, all shuffled."""
    order, agreeing = np.random.default_rng(seed), readings.agreeing
    labels, drawn = readings.cells.labels.numpy(), []
    for label in np.unique(labels):
        missed = order.permutation(np.flatnonzero((labels == label) & (agreeing == 0)))[:count]
        every = (labels == label) & (agreeing == len(readings.probabilities))
        drawn += [*missed, *order.permutation(np.flatnonzero(every))[: len(missed)]]
    return {readings.cells.names[i]: "" for i in order.permutation(drawn)}


def summarise_looks(looks: Looks, readings: Readings, labels: Sequence[str]) -> dict[str, object]:
    """What was seen in cells that no verdict and that every verdict reads as labelled; plain JSON values.

    For each label shares with intervals clustered by slide, of `n` looked at of `cells` such cells. `contradicted` are
    those labelled as infected in which none is seen, and the other way round; `verdicts` gives every verdict's
    accuracy and AUROC on `all` cells and on all `others` than these. Raises DataError where a file is not among the
    cells or nobody has looked at it.
    """
    cells, agreeing, count = readings.cells, readings.agreeing, len(readings.probabilities)
    truth, slides = cells.labels.numpy(), np.array(cells.slides)
    index = {name: i for i, name in enumerate(cells.names)}
    if missing := [name for name in looks if name not in index]:
        raise DataError(f"{len(missing)} of the files looked at are not among the cells, the first {missing[0]}")
    if blank := [name for name, seen in looks.items() if not seen]:
        raise DataError(f"nobody has looked at {len(blank)} of {len(looks)} files, the first {blank[0]}")
    looked = np.array([index[name] for name in looks])
    answers = np.array([*looks.values()])
    shares = {seen: lambda v, _, seen=seen: float((v == seen).mean()) for seen in ANSWERS}
    rows = []
    for label, name in enumerate(labels):
        for given in (0, count):
            such = (truth == label) & (agreeing == given)
            taken = such[looked]
            if taken.any():
                of_such = slides[looked[taken]].tolist()
                figures = summarise(answers[taken], answers[taken], of_such, shares)
                facts = {"cells": int(such.sum()), "n": int(taken.sum()), "slides": len(set(of_such))}
                rows.append({"label": name, "verdicts": given, **facts, **figures})
    contradicted = np.zeros(len(cells), dtype=bool)
    contradicted[looked] = answers == np.where(truth[looked] == 0, "no", "yes")  # the first label is the infected one
    metrics = {name: METRICS[name] for name in ("accuracy", "auroc")}
    verdicts = {
        name: {
            part: summarise(p[kept], truth[kept], slides[kept].tolist(), metrics)
            for part, kept in (("all", np.ones(len(cells), dtype=bool)), ("others", ~contradicted))
        }
        for name, p in readings.probabilities.items()
    }
    return {
        "n": len(looks),
        "cells": len(cells),
        "rows": rows,
        "contradicted": int(contradicted.sum()),
        "verdicts": verdicts,
    }


def read_looks(path: Path) -> Looks:
    """What was seen, of a CSV file, in its order; DataError that names the file, the line and the reason."""
    looks: Looks = {}

    def take(row: Mapping[str, str]) -> None:
        if row["file"] in looks:
            raise ValueError(f"{row['file']} stands there twice")
        if row["seen"] not in (*ANSWERS, ""):
            raise ValueError(f"{row['seen']!r} is none of {', '.join(ANSWERS)}, or nothing")
        looks[row["file"]] = row["seen"]

    read_rows(path, COLUMNS, take)
    return looks


def write_looks(path: Path, looks: Looks) -> None:
    """Writes them as CSV, atomically."""
    write_rows(path, COLUMNS, [(name, slide_of(name), seen) for name, seen in looks.items()])


def draw_sheets(data: Path, names: Sequence[str], folder: Path) -> list[Path]:
    """Writes PNGs of the cells, enlarged, each with the line of the CSV file that it has, and nothing else about it."""
    cells = read_all(data, names)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for part in chunks(len(cells), WIDE * HIGH):
        sheet = Image.new("RGB", (WIDE * PICTURE, HIGH * (PICTURE + LINE)), "white")
        pen = ImageDraw.Draw(sheet)
        for i, picture in enumerate(squares(cells[part], PICTURE)):
            left, top = i % WIDE * PICTURE, i // WIDE * (PICTURE + LINE)
            pen.text((left + 4, top + 2), f"line {part.start + i + 2}", fill="black")
            sheet.paste(Image.fromarray(picture), (left, top + LINE))
        paths.append(folder / f"sheet-{len(paths) + 1}.png")
        replace_file(paths[-1], lambda partial, sheet=sheet: sheet.save(partial, "PNG"))
    return paths


@dataclass(frozen=True)
class SecondLook(Study):
    """The labels that no network gives, looked at again."""

    large: str = "malaria-128"
    small: str = "malaria-64"
    looks: str = "second-look.csv"  # a file, or one of training/marks

    name = "second-look"
    title = "A second look at the labels"
    question = "Where no network reads a cell as it is labelled, is the label right?"
    setup = """Three networks read the test cells: the classifiers of `malaria-128` and `malaria-64`, and the judge. 93
        of the cells whose label none of three gave, and as many of the same labels that all three gave, were shuffled
        and looked at without label, file name or verdict, by a vision-language model and no microscopist
        ([how](../../training/marks/README.md)). They were drawn with version 2 of `malaria-64` and another judge: today
        one or two of the three read 17 of the 186 as labelled, and these are not in the first table. In the second one
        *classifier* is that of `malaria-128`."""
    conclusion = """Where the networks agree with the label, so does this eye: it sees a parasite in 58 of 62 cells
        labelled *Parasitized* and in none of 33 labelled *Uninfected*. Where they contradict the label, the eye sides
        with the networks: of 46 cells labelled *Parasitized*, 39 show no parasite to it and none does; of 28 labelled
        *Uninfected*, 10 show one and none is clear of it. The others are faint marks and dots at a rim. Without the 51
        cells whose label the eye contradicts, the classifier of `malaria-64` is right on 0.979 of the test cells
        instead of 0.968. That is kind to the classifier: wrong labels with which it agrees do not count against it."""
    concluded_on: ClassVar = {"malaria-64": 8}

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """The judge decides the figures too."""
        return digests([inputs.judge])

    @property
    def reads(self) -> tuple[str, ...]:
        """Both checkpoints."""
        return self.large, self.small

    def measure(self, inputs: Inputs) -> Findings:
        """Counts what was seen."""
        explainer, data = inputs.load(self.large), inputs.data["cells"]
        keep, test_set = part_of(explainer, data, "test")
        readings = take_readings(explainer, [inputs.load(self.small)], [inputs.judge], data, keep, inputs.seed)
        measured = summarise_looks(read_looks(find_marks(self.looks)), readings, explainer.labels)
        return Findings(self.tables(measured), f"{measured['cells']} cells ({test_set})", measured)

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """What was seen, and every verdict with and without the labels that this contradicts."""
        count = len(measured["verdicts"])
        seen = Table.make(
            ("label", "read so by", "cells", "looked at", *(f"parasite seen: {answer}" for answer in ANSWERS)),
            [
                [
                    row["label"],
                    f"{'none' if row['verdicts'] == 0 else 'all'} of {count}",
                    row["cells"],
                    f"{row['n']} ({row['slides']} slides)",
                    *(Figure.of(row, answer, row["n"]) for answer in ANSWERS),
                ]
                for row in measured["rows"]
            ],
        )
        without = f"accuracy, without the {measured['contradicted']} that the eye contradicts"
        parts = [(part, metric) for part in ("all", "others") for metric in ("accuracy", "auroc")]
        verdicts = Table.make(
            ("verdict", "accuracy", "AUROC", without, "AUROC"),
            [
                [name, *(Figure.of(f[part], metric) for part, metric in parts)]
                for name, f in measured["verdicts"].items()
            ],
        )
        return [seen, verdicts]
