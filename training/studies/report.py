"""Runs studies and writes their pages: NAME.json with the tables, NAME.curves.json with all, NAME.md to read."""

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from jdm_core.explain.edit import DEFAULT_EDIT
from jdm_core.files import replace_file
from training.metrics import write_json
from training.publish.export import THRESHOLDS
from training.studies.ablations import Ablations
from training.studies.causal.study import Causal
from training.studies.compare import ClassifiersAlone, Resolutions
from training.studies.editing.study import EditStudy
from training.studies.features.objectives import Objectives
from training.studies.features.probes import Probes
from training.studies.few_labels import FewLabels, FewLabelsOfDigits
from training.studies.field.study import Fields
from training.studies.generation import Generation
from training.studies.heatmaps.study import Heatmaps
from training.studies.robustness import Robustness
from training.studies.scores.study import Scores, ScoresOfDigits
from training.studies.second_look import SecondLook
from training.studies.shift.digits import MnistToUsps
from training.studies.shift.microscopes import Microscopes
from training.studies.shipped import Edits, Familiar, Verdicts, VerdictsOfDigits
from training.studies.study import Inputs, Study
from training.tables import Cell, Table

PAGES = Path(__file__).resolve().parents[2] / "docs" / "studies"
STUDIES: tuple[Study, ...] = (
    Verdicts(),
    Scores(),
    Edits(),
    EditStudy(),
    Heatmaps(),
    Causal(),
    Familiar(),
    Microscopes(),
    Fields(),
    ClassifiersAlone(),
    SecondLook(),
    Resolutions(),
    Robustness(),
    Generation(),
    Probes(),
    Objectives(),
    FewLabels(),
    Ablations(),
    VerdictsOfDigits(),
    ScoresOfDigits(),
    FewLabelsOfDigits(),
    MnistToUsps(),
)
WORDS = {"head": "classifier", "posterior": "likelihood", "posteriors": "likelihoods"}
_CODE = re.compile(rf"\b({'|'.join(WORDS)})\b")
SETTINGS = "95 % intervals are from 2,000 bootstrap samples of whole slides; of shares of 0 or 1 they are exact."


def fingerprint(study: Study, inputs: Inputs) -> str:
    """A digest of all that decides what a study finds: its arguments, the seed, the checkpoints that it reads.

    Of these less what was measured of them; what the search for edits tries and must reach counts where it matters.
    """
    entries = [replace(inputs.entry(name)[1], metrics={}, provenance=None) for name in study.reads]
    if not study.edits:
        reached = {"flip_head": THRESHOLDS.flip_head, "flip_posterior": THRESHOLDS.flip_posterior}
        entries = [replace(entry, thresholds=replace(entry.thresholds, **reached)) for entry in entries]
    facts = [study.name, asdict(study), inputs.seed, [told(entry) for entry in entries]]
    if study.edits:
        facts.append(repr(DEFAULT_EDIT))
    facts += study.facts(inputs)
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def told(value: Any) -> Any:
    """A record as plain values, less the fields at their defaults: one that is new changes no older record."""
    if isinstance(value, Mapping):
        return {key: told(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [told(item) for item in value]
    if not is_dataclass(value):
        return value
    return {f.name: told(getattr(value, f.name)) for f in fields(value) if getattr(value, f.name) != f.default}


class IncompleteError(ValueError):
    """A study was measured and written, but without some of the data that were asked for."""


def complete(study: Study, inputs: Inputs, pages: Path) -> bool:
    """Measures and writes what `pages` does not hold yet; whether there was anything to do.

    Raises IncompleteError, after all is written, where data were missing; again where that is there already.
    """
    path, wanted = pages / f"{study.name}.json", fingerprint(study, inputs)
    if path.exists():
        there = json.loads(path.read_text("utf-8"))
        if there["fingerprint"] == wanted:
            _demand_all(there.get("missing", ()))
            return False
    inputs.folder.mkdir(parents=True, exist_ok=True)
    found = study.measure(inputs)
    for picture in found.pictures:
        pages.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(inputs.folder / picture, pages / picture)
    write_json(pages / f"{study.name}.curves.json", found.measured)
    missing = {"missing": list(found.missing)} if found.missing else {}
    write_json(path, record(study, inputs, found.tables, found.sample, found.pictures) | missing)
    _demand_all(found.missing)
    return True


def _demand_all(missing: Sequence[str]) -> None:
    if missing:
        raise IncompleteError(f"measured without {', '.join(missing)}")


def record(
    study: Study, inputs: Inputs, tables: Sequence[Table], sample: str, pictures: Sequence[str] = ()
) -> dict[str, Any]:
    """What NAME.json holds: plain values."""
    read = (inputs.entry(name) for name in study.reads)
    return {
        "study": study.name,
        "fingerprint": fingerprint(study, inputs),
        "arguments": asdict(study),
        "seed": inputs.seed,
        "measured_on": {name: {"version": e.version, "sha256": e.files[0].sha256} for name, e in read},
        "sample": sample,
        "tables": [table.as_json() for table in tables],
        "pictures": list(pictures),
    }


def page(study: Study, found: Mapping[str, Any], curves: bool) -> str:
    """The page of a study as Markdown: question, set-up, tables, conclusion, and the command that repeats it."""
    versions = {name: entry["version"] for name, entry in found["measured_on"].items()}
    read = ", ".join(f"`{name}` version {version}" for name, version in versions.items())
    measured = f"Measured on {read}." if read else "Measured on networks trained for it."
    older = {name: v for name, v in study.concluded_on.items() if versions.get(name, v) != v}
    warning = "".join(
        f"\n\n*Written for version {v} of `{name}`; the tables are of version {versions[name]}.*"
        for name, v in older.items()
    )
    parts = [
        f"# {study.title}",
        f"## Question\n\n{paragraphs(study.question)}",
        f"## Set-up\n\n{paragraphs(study.setup)}\n\n{measured} {SETTINGS}",
        "## Figures\n\n" + "\n\n".join(for_people(Table.from_json(table)).markdown() for table in found["tables"]),
        f"{found['sample']}.",
        *(f"![{study.title}]({picture})" for picture in found["pictures"]),
        f"## Conclusion\n\n{paragraphs(study.conclusion)}{warning}",
        f"## Repeat it\n\n```\n{command(study)}\n```",
    ]
    if curves:
        parts.append(f"All that was measured is in [{study.name}.curves.json]({study.name}.curves.json).")
    return "\n\n".join(parts) + "\n"


def for_people(table: Table) -> Table:
    """A table in the words that people read: `head` and `posterior` are names of the code and of JSON."""

    def words(cell: Cell) -> Cell:
        return _CODE.sub(lambda name: WORDS[name[0]], cell) if isinstance(cell, str) else cell

    rows = [[words(cell) for cell in row] for row in table.rows]
    return Table.make(
        [str(words(column)) for column in table.columns], rows, *(str(words(t)) for t in (table.title, table.note))
    )


def command(study: Study) -> str:
    """The command line that runs one study."""
    options = {
        "cells": "--data cell_images.zip",
        "digits": "--digits MNIST_ROOT",
        "usps": "--usps usps.npz",
        "fields": "--fields IML_FOLDER",
        "microscopes": "--microscopes FOLDER_OF_SETS",
    }
    return " ".join(["python -m training report --only", study.name, *(options[name] for name in study.needs)])


def write_pages(pages: Path) -> list[Path]:
    """Writes the page of every study that has figures, and an index of them; the paths written."""
    written, lines = [], []
    for study in STUDIES:
        path = pages / f"{study.name}.json"
        if not path.exists():
            continue
        found = json.loads(path.read_text("utf-8"))
        curves = (pages / f"{study.name}.curves.json").exists()
        written.append(_write(pages / f"{study.name}.md", page(study, found, curves)))
        lines.append(f"| [{study.title}]({study.name}.md) | {paragraphs(study.question)} |")
    head = ["# Studies", "", "What was measured, each with its set-up, figures and conclusion.", ""]
    table = ["| Study | Question |", "| --- | --- |", *lines]
    return [*written, _write(pages / "README.md", "\n".join([*head, *table]) + "\n")]


def paragraphs(text: str) -> str:
    """A text of the code as Markdown: a line a paragraph."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def _write(path: Path, text: str) -> Path:
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))
    return path
