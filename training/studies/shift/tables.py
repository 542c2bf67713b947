"""The tables of the study of other microscopes, from its measured values."""

from collections.abc import Mapping, Sequence
from typing import Any

from training.publish.abroad import MET
from training.studies.shift.figures import KINDS
from training.tables import Cell, Figure, Table

VERDICTS = ("auroc", "sensitivity", "false_positives", "balanced_accuracy", "strict_sensitivity", "likelihood_auroc")
VERDICT_COLUMNS = (
    "Microscope",
    "Colours",
    "n (infected)",
    "AUROC",
    "Sensitivity",
    "False positives",
    "Balanced accuracy",
    "Sensitivity at 1 % false positives",
    "Likelihood AUROC",
    "Intervals by",
)
MORE = ("auroc", "balanced_accuracy", "strict_sensitivity", "false_positives")
MORE_COLUMNS = (
    "Microscope",
    "Colours",
    "AUROC",
    "Balanced accuracy",
    "Sensitivity at 1 % false positives",
    "False positives",
)
PARTS = {"report": "The part that reports", "developer": "The developers' part"}


def tables(measured: Mapping[str, Any]) -> list[Table]:
    """Each part's verdicts by reader, differences, verdicts given and refused, uploads, evidence, and the adapted."""
    written = _verdicts(measured["rows"], "", measured.get("trained_on", {}))
    written.append(_shares(measured["shares"]))
    if measured["uploads"]:
        written.append(_uploads(measured["uploads"]))
    if measured["evidence"]:
        written.append(_evidence(measured["evidence"]))
    if "adapted" in measured:
        written += _verdicts(measured["adapted"]["rows"], ", adapted without labels", {})
    return written


def _verdicts(rows: list[Mapping[str, Any]], more: str, trained_on: Mapping[str, Sequence[str]]) -> list[Table]:
    """A table of each part and reader, in the order of the rows; below a rival's, on which sets it trained."""
    written = []
    for part, title in PARTS.items():
        of_part = [row for row in rows if row["part"] == part]
        for reader in dict.fromkeys(row["reader"] for row in of_part):
            own = [row for row in of_part if row["reader"] == reader]
            name = f"{title}{more}: {reader}"
            if " less " in reader:
                table = [
                    [row["title"], row["colours"], *(Figure.of(row, f"{key}_more") for key in MORE)] for row in own
                ]
                written.append(Table.make(MORE_COLUMNS, table, name))
            else:
                note = " ".join(part for part in (_met(trained_on.get(reader)), _note(own)) if part)
                written.append(Table.make(VERDICT_COLUMNS, [_verdict(row) for row in own], name, note))
    return written


def _verdict(row: Mapping[str, Any]) -> list[Cell]:
    # Where an AUROC is 1, every cell of the rarer class is told from all of the other: the interval of that share.
    rarer = min(row["infected"], row["n"] - row["infected"])
    figures = [Figure.of(row, key, rarer if key.endswith("auroc") and rarer else None) for key in VERDICTS]
    units = f"{row['unit']} ({row['units']})"
    return [row["title"], row["colours"], f"{row['n']} ({row['infected']})", *figures, units]


def _met(sets: Sequence[str] | None) -> str:
    """Which other microscopes' cells a rival trained on, in words; None is no rival."""
    if sets is None:
        return ""
    if not sets:
        return "Its file names no other microscope whose cells it trained on."
    return f"{MET}: the developers' parts of {', '.join(sets)}."


def _note(rows: list[Mapping[str, Any]]) -> str:
    """What the table has no column for: cells that only look infected, and how many likelihoods were asked."""
    notes = [
        f"{row['title']}, colours {row['colours']}: of {row['lookalikes']} lookalikes "
        f"{Figure.of(row, 'lookalikes_called')} are called infected."
        for row in rows
        if row["lookalikes"]
    ]
    asked = {row["title"]: row["asked"] for row in rows if row["asked"]}
    if asked:
        notes.append("Likelihoods asked: " + ", ".join(f"{title} {count}" for title, count in asked.items()) + ".")
    return " ".join(notes)


def _shares(rows: list[Mapping[str, Any]]) -> Table:
    table = [
        [row["title"], row["part"], row["what"], row["n"], *(Figure.of(row, kind) for kind in KINDS)] for row in rows
    ]
    columns = ("Microscope", "Part", "What", "n", *(kind.capitalize() for kind in KINDS))
    return Table.make(columns, table, "What gets a verdict, and what is refused")


def _uploads(rows: list[Mapping[str, Any]]) -> Table:
    table = [[row["reader"], row["colours"], row["n"], row["given"], row["right"]] for row in rows]
    columns = ("Reader", "Colours", "Red cells", "Given a verdict", "Right among those")
    return Table.make(columns, table, "Pictures of single red cells that people upload")


def _evidence(rows: list[Mapping[str, Any]]) -> Table:
    table = []
    for row in rows:
        shares = (Figure.of(row, name) for name in ("points", "colour_points"))
        table.append([row["what"], row["part"], row["colours"], row["n"], *shares, f"{row['chance']:.3f}"])
    columns = (
        "The greatest evidence lies in",
        "Part",
        "Colours",
        "n",
        "Share",
        "Of purple, without a model",
        "Its share of the picture",
    )
    return Table.make(columns, table, "Where the evidence points on infected cells")
