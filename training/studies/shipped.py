"""What a checkpoint ships with: its verdicts, its edits and what it finds familiar, as the manifest records them."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from jdm_core.checkpoint.familiarity import FAMILIAR, NO_RED_CELL, OTHER
from training.metrics import sample
from training.studies.study import Findings, Inputs, Study
from training.tables import Figure, Table

KINDS = {"Parasitized": "Remove parasite", "Uninfected": "Add parasite"}


class OfCheckpoints(Study):
    """A study of what the manifest records of several checkpoints: nothing is measured again, so it is never older."""

    checkpoints: tuple[str, ...]
    needs: ClassVar[tuple[str, ...]] = ()

    @property
    def reads(self) -> tuple[str, ...]:
        """Those checkpoints."""
        return self.checkpoints

    @abstractmethod
    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """The tables of the figures by checkpoint."""

    def facts(self, inputs: Inputs) -> Sequence[object]:
        """The figures themselves."""
        return [self.recorded(inputs)]

    def measure(self, inputs: Inputs) -> Findings:
        """Reads what was recorded."""
        measured = self.recorded(inputs)
        counted = "; ".join(f"{name}: {self.sample(m)}" for name, m in measured.items())
        return Findings(self.tables(measured), counted, measured)

    def recorded(self, inputs: Inputs) -> dict[str, Any]:
        """The figures by checkpoint, of those that have any."""
        found = {name: self.figures(inputs.entry(name)[1].metrics) for name in self.checkpoints}
        return {name: figures for name, figures in found.items() if figures}

    def figures(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those of the study among a checkpoint's: under its name."""
        return metrics.get(self.name, {})

    def sample(self, figures: Mapping[str, Any]) -> str:
        """How many cells of which part the figures of a checkpoint are of."""
        return f"{sample(figures)}, {figures['test_set']}"


@dataclass(frozen=True)
class Verdicts(OfCheckpoints):
    """The verdicts of every checkpoint that ships."""

    checkpoints: tuple[str, ...] = ("malaria-64", "malaria-128")

    name = "evaluate"
    title = "Verdicts on unseen slides"
    question = "How often are the classifier and the likelihood right on slides that training never saw?"
    setup = """Figures of the manifest, as `python -m training evaluate --part test --record` puts them there. All cells
        of the test slides, each read as a user's would be: squashed to the model's square, classified, and scored by
        its likelihood. The slides were split before training, by patient and never by cell."""
    conclusion = """Classifier and likelihood are right on 0.968 and 0.969 of the test cells of `malaria-64`. They
        agree on 98.8 % of the cells, so they are hardly two opinions: where one errs, the other nearly always does
        too. Slides differ: the worst has 0.79 right, the median 0.97 and 0.98."""
    concluded_on: ClassVar = {"malaria-64": 8, "malaria-128": 1}

    def figures(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """Those of the verdicts stand beside all others."""
        return metrics if "head" in metrics else {}

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """A row a verdict, and the spread over slides."""
        rows, spread = [], []
        for name, m in measured.items():
            for verdict, title in (("head", "classifier"), ("posterior", f"likelihood, {m['draws']} draws")):
                figures = (Figure.of(m[verdict], key) for key in ("accuracy", "auroc", "ece"))
                rows.append([f"{name}: {title}", m["n"], *figures])
                if by := m.get("per_slide", {}).get(verdict):
                    values = (f"{by[key]:.3f}" for key in ("lowest", "lower_quartile", "median"))
                    spread.append([f"{name}: {title}", *values])
        agreement = "; ".join(
            f"{name}: {m['agreement']['share']:.1%} agree, {m['agreement']['accuracy_where_agreed']:.1%} of those right"
            for name, m in measured.items()
        )
        note = f"The two verdicts: {agreement}."
        tables = [Table.make(("verdict", "n", "accuracy", "AUROC", "ECE"), rows, note=note)]
        header = ("verdict", "lowest", "lower quartile", "median")
        return [*tables, *([Table.make(header, spread, "Accuracy over slides")] if spread else [])]


@dataclass(frozen=True)
class VerdictsOfDigits(Verdicts):
    """The verdicts on MNIST's test digits."""

    checkpoints: tuple[str, ...] = ("mnist-28",)

    name = "evaluate-digits"
    title = "Verdicts on MNIST's test digits"
    question = "Does the same network class read digits, by its classifier and by its likelihood alone?"
    setup = """Figures of the manifest: all 10,000 test digits of MNIST, 20 draws of the likelihood. It is the third
        look at the test digits. A window of noise levels chosen by a rule that was unfair to narrow windows gave
        0.9876; window and rule were then mended on validation digits alone, for 0.9904; the second leg of training was
        chosen on validation digits too. Intervals are from 2,000 bootstrap samples of images."""
    conclusion = """Read by its likelihood alone, it gets 0.9944 right. The simple Diffusion Classifier reports 0.9827,
        0.9898 and 0.9923 for 20, 50 and 100 draws, of networks that denoise and nothing else; trained so, after the
        first leg, this one has 0.9904. What the second leg adds is discrimination: its scores say less of how likely a
        digit is than of which digit it is."""
    concluded_on: ClassVar = {"mnist-28": 3}


@dataclass(frozen=True)
class Edits(OfCheckpoints):
    """The edits of every checkpoint that ships, by an independent network."""

    checkpoints: tuple[str, ...] = ("malaria-64", "malaria-128")

    name = "edits"
    title = "Do the edits convince another network?"
    question = "When the model removes or adds a parasite, does a network that had no part in it agree?"
    setup = """Figures of the manifest, as `python -m training edits --part test --record` puts them there. Cells drawn
        at random from the test slides, counted where the classifier and the judge both read the cell as labelled. The
        judge is a plain convolutional network, `witness-64`, trained on the training slides alone; it takes no part in
        making an edit, no setting of the edit was chosen by it, and the model learnt nothing from it. A verdict flips
        where it turns at all; an edit passes its own check where the classifier is sure, of the edit in the picture at
        its own resolution too, and the likelihood turns. Dirt is a new dark and colourless piece inside the cell."""
    conclusion = """The tables say it. On a sheet of 24 cells drawn at random, removed parasites leave plausible
        cytoplasm and the cell's own texture, and what is added differs in form, place and number from cell to cell. A
        faint ring that moves no verdict may stay."""
    concluded_on: ClassVar = {"malaria-64": 8, "malaria-128": 1}

    def sample(self, figures: Mapping[str, Any]) -> str:
        """How many cells were edited, of which part."""
        counts = [figures[f"from_{source}"]["n"] for source in KINDS]
        return f"n {sum(counts)} cells, {figures['test_set']}"

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """A row a checkpoint and direction."""
        rows = []
        for name, m in measured.items():
            for source, title in KINDS.items():
                f = m[f"from_{source}"]
                flips = (_rate(f[f"{who}_flips"], f["n"]) for who in ("judge", "head", "posterior", "search"))
                changed, passes = f"{f['changed_fraction_median']:.3f}", f"{f['network_passes_mean']:.1f}"
                specks = f["cells_with_dirt"]
                rows.append([f"{name}: {title}", f"{f['n']} ({f['slides']})", *flips, changed, passes, specks])
        header = (
            "edit",
            "n (slides)",
            "judge flips",
            "head flips",
            "likelihood flips",
            "passes its own check",
            "median share of the cell changed",
            "encoder passes, mean",
            "cells with dirt",
        )
        return [Table.make(header, rows)]


@dataclass(frozen=True)
class Familiar(OfCheckpoints):
    """What a checkpoint finds familiar."""

    checkpoints: tuple[str, ...] = ("malaria-64", "malaria-128")

    name = "familiarity"
    title = "What is told from red cells"
    question = "Does the model notice that a picture is no red cell, or one of another microscope?"
    setup = """Figures of the manifest, as `python -m training familiarity --record` puts them there with what it fits:
        ellipsoids over the size of features and the hue, which hold 99 % of the cells of left-out training slides; and
        a rule on silhouette, texture, dyes and hue, which tells red cells of other stains from what else lies outside,
        or nearly so. It rests on the developers' half of sets whose licence allows it; the other half of every set is
        measured. AUROC is how well the distance tells pictures from test cells, *found* the share outside the limit,
        or without colour, *refused* what gets no verdict."""
    conclusion = """*Familiar* says that a picture is like the training cells; a red cell of another microscope often is
        not, and is read all the same, with a warning. What is refused gets no verdict. White cells and
        platelets still pass now and then: some are as pale and even as a red cell, or as round and full as one with a
        schizont. A rule that refused them all, on the means of the encoder's features, refused too many red cells of
        stains that it had not met. A picture without colour is refused by a rule of its own, a red cell too, as one of
        the uploads is: its traits alone would often pass, and the model has learnt from no such picture."""

    def tables(self, measured: Mapping[str, Any]) -> list[Table]:
        """The cells themselves, each kind of outliers, and the pictures of other microscopes."""
        own = [
            [
                name,
                m["n"],
                Figure.of(m, "familiar", m["n"]),
                *(f"{m['familiar_per_slide'][key]:.2f}" for key in ("lowest", "lower_quartile", "median")),
                *(_right(m["head_accuracy"][key]) for key in ("familiar", "unfamiliar")),
            ]
            for name, m in measured.items()
        ]
        header = (
            "test cells",
            "n",
            "familiar",
            "slides: lowest",
            "lower quartile",
            "median",
            "head right on the familiar",
            "on the others",
        )
        tables = [Table.make(header, own)]
        for name, m in measured.items():
            rows = [
                [row["kind"], row["n"], *(Figure.of(row, key, row["n"]) for key in ("auroc", "found", "refused"))]
                for row in m["outliers"]
            ]
            tables.append(Table.make(("pictures", "n", "AUROC", "found unfamiliar", "refused"), rows, name))
            kinds = [
                [row["set"], row["what"], row["n"], f"{row[FAMILIAR]:.3f}", f"{row[OTHER]:.3f}", _refused(row)]
                for row in m.get("kinds", ())
            ]
            header = ("set", "pictures", "n", "familiar", "other", "refused")
            tables += [Table.make(header, kinds, f"{name}: other microscopes")] if kinds else []
        return tables


def _refused(row: Mapping[str, Any]) -> Figure:
    """The share of pictures without a verdict, whose interval is that of what is right of them."""
    low, high = (round(bound, 5) for bound in row["right_interval"])
    if row["what"] == "red cells":
        low, high = round(1 - high, 5), round(1 - low, 5)
    return Figure(row[NO_RED_CELL], low, high)


def _rate(figures: Mapping[str, Any], n: int) -> Figure | str:
    """The figure of {rate, interval}."""
    return Figure.of({"rate": figures["rate"], "rate_interval": figures["interval"]}, "rate", n)


def _right(part: Mapping[str, Any]) -> str:
    return "none" if part["accuracy"] is None else f"{part['accuracy']:.3f} (n {part['n']})"
