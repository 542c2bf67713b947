"""python -m training card: the figures of README.md and MODEL_CARD.md, from the manifest and docs/studies alone."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.files import replace_file
from training.publish.abroad import areas, at_home, beside_rival, fair_rival, that_report
from training.publish.fits.red_cells import kinds_table
from training.tables import NOTHING, Cell, Figure, Table

DOCUMENTS = ("README.md", "MODEL_CARD.md")
SHIPPED = ("malaria-64", "malaria-128")  # what the tables are of, the default first
END = "<!-- end of figures -->"
_BLOCK = re.compile(
    r"(<!-- figures of (\S+): written by `python -m training card` -->\n).*?" + re.escape(END), re.DOTALL
)
_EDITS = (("Parasitized", "remove the parasite"), ("Uninfected", "add a parasite"))
_VERDICTS = (("head", "classifier"), ("posterior", "likelihood"))


@dataclass(frozen=True)
class Sources:
    """Where figures come from: the manifest's entries, and the folder of the studies' JSON."""

    checkpoints: Mapping[str, Checkpoint]
    studies: Path

    def metrics(self, name: str) -> Mapping[str, Any]:
        """What is recorded of a checkpoint; ValueError for one that the manifest does not have."""
        if name not in self.checkpoints:
            raise ValueError(f"figures of {name} are asked for, which is no checkpoint")
        return self.checkpoints[name].metrics

    def tables(self, study: str) -> list[Table]:
        """The tables of a study; ValueError where it has not been run."""
        path = self.studies / f"{study}.json"
        if not path.exists():
            raise ValueError(f"{path}: figures of a study that is not there")
        return [Table.from_json(values) for values in json.loads(path.read_text(encoding="utf-8"))["tables"]]


def summary(sources: Sources) -> str:
    """How good the default checkpoint is, in one table: verdicts, edits, another microscope."""
    m = sources.metrics(SHIPPED[0])
    edits = m["edits"]
    abroad = that_report(sources.tables("microscopes"))
    rival, sets = fair_rival(abroad)
    accuracy, area = at_home(sources.tables("compare")[0], rival)
    unseen = f"accuracy, {m['n']:,} cells of {m['slides']} unseen slides"
    rows: list[list[Cell]] = [
        [unseen, *(Figure.of(m[key], "accuracy") for key, _ in _VERDICTS), accuracy],
        ["AUROC on them", *(Figure.of(m[key], "auroc") for key, _ in _VERDICTS), area],
    ]
    for label, words in _EDITS:
        f = edits[f"from_{label}"]
        rows.append(
            [
                f"edits that {words} and turn the verdict, {f['n']} cells",
                *(_rate(f, who) for who in ("head", "posterior", "judge")),
            ]
        )
    for words, *figures in areas(abroad[0], rival):
        rows.append([f"AUROC on another microscope, {words}", *figures])
    note = (
        f"`{SHIPPED[0]}`; 95 % intervals over slides, or fields. Plain CNNs are small networks: of cells one that "
        f"trained on {sets}, and taught the model's classifier; of edits the judge, which took no part in either."
    )
    return Table.make(("", "Classifier", "Likelihood", "Plain CNN"), rows, note=note).markdown()


def verdicts(sources: Sources) -> str:
    """Accuracy, AUROC, calibration error and the spread over slides, of every checkpoint that ships."""
    rows, agreements = [], []
    for name in SHIPPED:
        m = sources.metrics(name)
        for key, title in _VERDICTS:
            by = m["per_slide"][key]
            spread = ", ".join(f"{by[step]:.3f}" for step in ("lowest", "lower_quartile", "median"))
            rows.append(
                [f"`{name}`: {title}", *(Figure.of(m[key], what) for what in ("accuracy", "auroc", "ece")), spread]
            )
        agreement = m["agreement"]
        agreements.append(
            f"`{name}` {agreement['share']:.1%} ({agreement['accuracy_where_agreed']:.1%} of those right)"
        )
    m = sources.metrics(SHIPPED[0])
    note = (
        f"{m['n']:,} cells of {m['slides']} slides, none of them seen in training; {m['draws']} draws. 95 % intervals "
        f"are from 2,000 bootstrap samples of whole slides. The two verdicts agree on: {'; '.join(agreements)}."
    )
    header = ("Verdict", "Accuracy", "AUROC", "ECE", "Accuracy over slides: lowest, quartile, median")
    return Table.make(header, rows, note=note).markdown()


def worth(sources: Sources) -> str:
    """What the classifier's verdict is worth where fewer cells are infected, and how it spreads over slides."""
    w = sources.metrics(SHIPPED[0])["worth"]["head"]
    rows: list[list[Cell]] = [
        [f"{100 * row['prevalence']:g} %", Figure.of(row, "infected"), Figure.of(row, "healthy", digits=5)]
        for row in w["at"]
    ]
    notes = [f"Sensitivity {Figure.of(w, 'sensitivity')}, specificity {Figure.of(w, 'specificity')}"]
    for what, by in w.get("per_slide", {}).items():
        steps = ", ".join(f"{by[step]:.3f}" for step in ("lowest", "lower_quartile", "median", "upper_quartile"))
        notes.append(f"{what} over {by['slides']} slides, lowest and quartiles: {steps}")
    header = ("Infected cells", "*Parasitized* is right", "*Uninfected* is right")
    return Table.make(header, rows, note=f"{'; '.join(notes)}.").markdown()


def calls(sources: Sources) -> str:
    """Which cells the classifier calls, what it keeps so, and how far; accuracy on cells of sure label; the bound."""
    rows: list[list[Cell]] = []
    for name in SHIPPED:
        m, thresholds = sources.metrics(name), sources.checkpoints[name].thresholds
        promise = thresholds.promise
        wanted = NOTHING if promise is None else f"at most {promise.wrong:.0%} wrong on {promise.slides:.0%} of slides"
        called, sure, bound = m.get("called", {}), m.get("sure_label"), m.get("elbo", {})
        rows.append(
            [
                f"`{name}`",
                f"{thresholds.unsure_below:g}",
                wanted,
                *(Figure.of(called, what) for what in ("coverage", "error", "kept")),
                NOTHING if sure is None else f"{Figure.of(sure['head'], 'accuracy')}, n {sure['n']:,}",
                Figure.of(bound, "parts"),
            ]
        )
    header = (
        "",
        "Called from",
        "Promise",
        "Called",
        "Of these wrong",
        "Slides that keep it",
        "Right on cells of sure label",
        "ELBO and likelihood part",
    )
    note = (
        "Chosen on validation cells of sure label, measured on all test cells. Of sure label: not contradicted by "
        "networks trained without the cell; hard cells are left out with wrong labels."
    )
    return Table.make(header, rows, note=note).markdown()


def edits(sources: Sources) -> str:
    """How often edits turn each verdict and convince the judge, and how much they change."""
    rows = []
    for name in SHIPPED:
        for label, words in _EDITS:
            f = sources.metrics(name)["edits"][f"from_{label}"]
            rates = (_rate(f, who) for who in ("judge", "head", "posterior", "search"))
            rows.append(
                [f"`{name}`: {words}", f"{f['n']} ({f['slides']})", *rates, f"{f['changed_fraction_median']:.3f}"]
            )
    note = (
        "Cells drawn at random from the test slides, counted where classifier and judge both read the cell as "
        "labelled. An edit passes its own check where the classifier is as sure as of 98 % of real cells "
        "(`flip_head`), of the edit at the upload's own resolution too, and the likelihood reaches 50 %."
    )
    header = (
        "Edit",
        "n (slides)",
        "Judge turns",
        "Classifier turns",
        "Likelihood turns",
        "Passes its own check",
        "Median share changed",
    )
    return Table.make(header, rows, note=note).markdown()


def familiarity(sources: Sources) -> str:
    """What the default checkpoint finds unfamiliar, and what of that it takes for a red cell all the same."""
    m = sources.metrics(SHIPPED[0])["familiarity"]
    kinds = [row for row in m["outliers"] if row["n"] > 1 and "channels as" not in row["kind"]]
    alike: dict[tuple[int, str], list[str]] = {}  # kinds of which as many were found
    for row in kinds:
        alike.setdefault((row["n"], str(Figure.of(row, "found", row["n"]))), []).append(row["kind"])
    rows: list[list[Cell]] = [[", ".join(names), n, found] for (n, found), names in alike.items()]
    by = m["familiar_per_slide"]
    right = {key: f"{part['accuracy']:.3f} (n {part['n']})" for key, part in m["head_accuracy"].items()}
    note = (
        f"Of {m['n']:,} test cells {Figure.of(m, 'familiar', m['n'])} are familiar; over slides: lowest "
        f"{by['lowest']:.2f}, median {by['median']:.2f}. The classifier is right on {right['familiar']} of these, "
        f"and on {right['unfamiliar']} of the others."
    )
    return Table.make(("Pictures", "n each", "Found unfamiliar"), rows, note=note).markdown() + kinds_table(m)


def microscopes(sources: Sources) -> str:
    """Verdicts on cells of other microscopes, colours as needed and matched, and a plain CNN's beside them."""
    return beside_rival(that_report(sources.tables("microscopes"))).markdown()


def provenance(sources: Sources) -> str:
    """Version, data, recipe, commit and digest of everything that the manifest lists."""
    rows = []
    for name, checkpoint in sources.checkpoints.items():
        p, file = checkpoint.provenance, checkpoint.files[0]
        start = p.recipe.get("start_from")
        # One that goes on from its own name took what the manifest held then, the version before.
        before = f"version {checkpoint.version - 1}" if start == name else f"`{start}`"
        origin = f" from {before}" if start else ""
        training = f"{p.images:,} images{origin}, {p.seconds / 60:,.0f} min on {p.device}, seed {p.seed}"
        rows.append(
            [f"`{name}` version {checkpoint.version}", training, f"`{p.split_digest[:12]}`", f"`{file.sha256[:12]}`"]
        )
    return Table.make(("Checkpoint", "Training", "Split", "Weights, sha256"), rows).markdown()


PARTS: Mapping[str, Callable[[Sources], str]] = {
    part.__name__: part for part in (summary, verdicts, worth, calls, edits, familiarity, microscopes, provenance)
}


def with_figures(document: str, sources: Sources) -> str:
    """A document with the figures between its markers written anew; ValueError without markers, or for unknown ones."""

    def write(match: re.Match[str]) -> str:
        if match[2] not in PARTS:
            raise ValueError(f"figures of {match[2]} are asked for, which are none of {', '.join(PARTS)}")
        return f"{match[1]}{PARTS[match[2]](sources)}\n{END}"

    written, count = _BLOCK.subn(write, document)
    if not count:
        raise ValueError("no place for figures in the document")
    return written


def write_card(checkpoints: Mapping[str, Checkpoint], root: Path) -> list[Path]:
    """Rewrites the figures in the documents below `root`; returns their paths."""
    sources, written = Sources(checkpoints, root / "docs" / "studies"), []
    for document in DOCUMENTS:
        path = root / document
        text = with_figures(path.read_text(encoding="utf-8"), sources)
        replace_file(path, lambda partial, text=text: partial.write_text(text, encoding="utf-8"))
        written.append(path)
    return written


def _rate(figures: Mapping[str, Any], who: str) -> Figure | str:
    flips = figures[f"{who}_flips"]
    return Figure.of({"rate": flips["rate"], "rate_interval": flips["interval"]}, "rate", figures["n"])
