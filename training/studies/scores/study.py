"""How many draws the likelihood needs, when to stop, and how far its verdict is reliable: of cells and of digits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from jdm_core.checkpoint.records import build_record
from training.data.cells import load_cells, shuffled
from training.metrics import sample
from training.run.recipe import part_of
from training.studies.scores.figure import draw_scores
from training.studies.scores.measure import Fit, Sizes, study_scores
from training.studies.study import Findings, Inputs, Study
from training.tables import Figure, Table

VERDICTS = ("head", "posterior", "combination")
FEWEST = 100  # cells of a curve that says enough for a table


@dataclass(frozen=True)
class Scores(Study):
    """The likelihood scores of a checkpoint; all that is chosen, on validation cells."""

    cells: int = 300  # at most, with 100 draws of the window
    compared: int = 100  # of them with every scheme and weighting
    verdicts: int = 800  # at most, for reliability and the rule
    fitting: tuple[int, int, int] = (300, 8, 800)  # the same of validation cells

    name = "scores"
    title = "The likelihood: draws, stopping, reliability"
    question = """How many draws does the likelihood need, when may it stop, and how far can its probability be
        trusted?"""
    setup = """`elbo` is the bound, `simple` the plain error over all times, `window` the noise levels chosen on
        validation slides, `likelihood` the window with its bias. Draws are *independent* (each class its own),
        *shared* (the same for both) or *stratified* (shared, the levels spread evenly). 300 test cells in random order
        have 100 draws each, and the first 100 of them have those of every scheme and weighting; 800 are for the
        verdicts and the rule. The rule, its threshold and the combination of classifier and likelihood were fitted on
        validation cells."""
    conclusion = """The likelihood needs one draw for 95 % and two for 97 %. More draws change few verdicts (0.963 with
        one, 0.980 with 100); they steady the probability and the map.

        That both classes get the same noise matters most: with noise of its own for each class the likelihood gets
        0.566 right with one draw and 0.820 with 100. The window comes next: on the same 100 cells, with four shared
        draws, the likelihood gets 0.976 right, the bound 0.937 and the plain error 0.919; with 100 draws they get
        0.980, 0.980 and 0.960. Even levels halve the bound's standard error from two draws on; the window, whose
        levels are alike, gains less. Beside the official estimator the window errs half as often (0.020 against
        0.040), which 100 cells cannot tell from chance, and ranks them hardly better. The bound never points away from
        the likelihood.

        Stopping once the leader is half a standard error ahead, never before four draws, takes 4.05 draws and a
        fourth of the time that 16 draws take; 0.970 are right, of 0.974. The two verdicts are not independent: they
        disagree on 10 of 800 cells, each is right on five of these, and their combination gains nothing."""
    concluded_on: ClassVar = {"malaria-64": 8}
    checkpoint = ""
    data_name = "cells"

    def measure(self, inputs: Inputs) -> Findings:
        """Fits on validation cells, measures on test cells, and draws both."""
        fitted, _ = self._study(inputs, "validation", Sizes(*self.fitting), None)
        fit = build_record(Fit, fitted["fit"], "fit")
        measured, test_set = self._study(inputs, "test", Sizes(self.cells, self.compared, self.verdicts), fit)
        picture = f"{self.name}.png"
        draw_scores({"test_set": test_set, **measured}, inputs.folder / picture)
        both = {"validation": fitted, "test": measured}
        return Findings(self.tables(measured), f"{sample(measured)} ({test_set})", both, [picture])

    def _study(self, inputs: Inputs, part: str, sizes: Sizes, fit: Fit | None) -> tuple[dict[str, Any], str]:
        explainer, data = inputs.load(self.checkpoint), inputs.data[self.data_name]
        keep, name = part_of(explainer, data, part)
        channels = explainer.checkpoint.architecture.image_channels
        most = max(sizes.cells, sizes.verdicts)
        cells = load_cells(data, explainer.labels, explainer.size, keep, most, inputs.seed, channels)
        cells = shuffled(cells, inputs.seed)  # so that the first of them are of both classes and all slides
        return dict(study_scores(explainer, cells, sizes, fit, inputs.seed)), name

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """Accuracy over draws, their spread, the rules, the verdicts, and where these disagree."""
        return [
            *curve_tables(measured["curves"]),
            *stopping_tables(measured),
            *verdict_tables(measured),
            *bound_tables(measured),
        ]


@dataclass(frozen=True)
class ScoresOfDigits(Scores):
    """The same of MNIST's digits."""

    verdicts: int = 1000
    fitting: tuple[int, int, int] = (150, 4, 1000)

    name = "scores-digits"
    title = "Digits: draws, stopping, reliability"
    question = "The same of ten classes: how many draws, when to stop, how reliable?"
    setup = """`mnist-28` as [`malaria-64`](scores.md): 300 test digits with 100 draws each, 1,000 for verdicts and
        rule; window, rule and combination from validation digits. Every digit counts as a slide of its own."""
    conclusion = """20 stratified draws of the window get 0.992 of these 300 right (0.9944 of all 10,000), 100 draws
        0.993, four draws 0.979. Ten classes cost ten decoder passes a draw. Stopping early drops classes that are out
        of the race: 41 decoder passes instead of 200, and 0.992 right of 1,000. Classifier and likelihood contradict
        each other on 6 digits of 1,000."""
    concluded_on: ClassVar = {"mnist-28": 3}
    reads = ("mnist-28",)
    needs = ("digits",)
    checkpoint = "mnist-28"
    data_name = "digits"


def curve_tables(curves: Mapping[str, Any]) -> list[Table]:
    """Accuracy over the number of draws; AUROC and standard error."""
    rows, others, draws = [], [], []
    for weighting, schemes in curves.items():
        for scheme, found in schemes.items():
            if found["n"] < FEWEST:
                continue
            points, first = found["points"], [weighting, scheme, found["n"]]
            draws = [f"{point['draws']} draws" for point in points]
            needed = (str(found["draws_needed"][target] or "–") for target in ("0.95", "0.97"))
            rows.append([*first, *(Figure.of(point, "accuracy", found["n"]) for point in points), *needed])
            both = [[f"{p[key]:.3f}" if key in p else "–" for key in ("auroc", "standard_error")] for p in points]
            others.append([*first, *map(" / ".join, both)])
    header = ("weighting", "draws are", "n", *draws)
    return [
        Table.make((*header, "for 95 %", "for 97 %"), rows, "Accuracy"),
        Table.make(header, others, "AUROC, which a bias does not change, / standard error of the score difference"),
    ]


def stopping_tables(measured: Mapping[str, Any]) -> list[Table]:
    """What each threshold costs and errs, and the rule as it was run."""
    tables = []
    for limit, table in measured["stopping"].items():
        rows = [
            [
                f"{row['threshold']:g}",
                f"{row['draws']:.2f}",
                f"{row['decoder_passes']:.1f} of {row['decoder_passes_all']}",
                Figure.of(row, "accuracy", measured["n"]),
                Figure.of(row, "differs", measured["n"]),
            ]
            for row in table
        ]
        header = ("standard errors", "mean draws", "decoder passes", "accuracy", "differ from all draws")
        tables.append(Table.make(header, rows, f"Stopping early, at most {limit} draws"))
    rule, verdicts = measured["rule"], measured["verdicts"]
    row = [
        f"{rule['threshold']:g}",
        rule["n"],
        Figure.of(rule, "accuracy"),
        f"{rule['draws']:.2f}",
        f"{rule['decoder_passes']:.1f} of {rule['decoder_passes_all']}",
        f"{rule['seconds_per_cell']:.3f}",
        f"{verdicts['posterior_seconds_per_cell']:.3f}",
    ]
    every = f"s a cell, {verdicts['draws']} draws"
    header = ("standard errors", "n", "accuracy", "mean draws", "decoder passes", "s a cell", every)
    return [*tables, Table.make(header, [row], "The rule as it was run")]


def verdict_tables(measured: Mapping[str, Any]) -> list[Table]:
    """Accuracy and calibration, the reliability diagrams as tables, and where head and posterior disagree."""
    verdicts, differ, combination = measured["verdicts"], measured["disagreement"], measured["fit"]["combination"]
    read = Table.make(
        ("verdict", "accuracy", "ECE", "Brier"),
        [[name, *(Figure.of(verdicts[name], key) for key in ("accuracy", "ece", "brier"))] for name in VERDICTS],
        f"Verdicts, n {verdicts['n']}",
        f"Combination: head {combination['head']:.3f}, posterior {combination['posterior']:.3f}, bias "
        f"{combination['bias']:.3f}, fitted on validation cells.",
    )
    bins = [
        Table.make(
            ("confidence", "n", "mean confidence", "accuracy"),
            [
                [f"{b['low']:.3f} to {b['high']:.3f}", b["n"], f"{b['confidence']:.3f}", f"{b['accuracy']:.3f}"]
                for b in verdicts[name]["bins"]
            ],
            f"Reliability of the {name}",
        )
        for name in VERDICTS
    ]
    right = ("head_right", "posterior_right", "combination_right", "neither")
    row = [Figure.of(differ, "share"), differ["n"], *(Figure.of(differ, name, differ["n"]) for name in right)]
    header = ("share of the cells", "n", *(name.replace("_", " ") for name in right))
    return [read, *bins, Table.make(header, [row], "Where head and posterior disagree")]


def bound_tables(measured: Mapping[str, Any]) -> list[Table]:
    """The window beside the official estimator, and how often the bound parts from the posterior."""
    rows = [
        [
            row["estimator"],
            row["draws"],
            Figure.of(row, "auroc"),
            Figure.of(row, "error", measured["compared"]),
            f"{row['error_with_offset']:.3f}" if "error_with_offset" in row else "–",
        ]
        for row in measured["official"]
    ]
    header = ("estimator", "draws", "AUROC", "error", "balanced error, offset from other slides")
    note = (
        "As many passes for both. *official*: the Diffusion Classifier of Li et al. 2023, plain error, levels evenly "
        "over all times, the greatest score wins; *window*: what the likelihood verdict reads, with its bias."
    )
    tables = [Table.make(header, rows, f"Beside the official estimator, n {measured['compared']}", note)]
    if "parting" in measured:
        p = measured["parting"]
        row = [p["n"], *(Figure.of(p, key) for key in ("parts", "parts_clearly", "right", "auroc"))]
        header = ("n", "points away from the likelihood", "by two errors or more", "its sign is right", "AUROC")
        tables.append(Table.make(header, [row], "The bound's difference between the classes"))
    return tables
