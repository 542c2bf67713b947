"""The figures of other microscopes as documents show them, from the tables of the study that measures them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from training.tables import Cell, Figure, Table

REPORTS = "The part that reports: "  # how the titles begin of tables of the half on which no choice rests
NAME, COLOURS, COUNTED, AUROC, _, FALSE_POSITIVES, BALANCED, STRICT, LIKELIHOOD, UNITS = range(10)  # their columns


def that_report(tables: Sequence[Table]) -> list[Table]:
    """The checkpoint's table of the part that reports, then its rivals', all without the training's own microscope."""
    own = [table for table in tables if table.title.startswith(REPORTS) and " less " not in table.title]
    return [replace(t, rows=tuple(row for row in t.rows if not str(row[UNITS]).startswith("slide"))) for t in own]


def areas(table: Table) -> Iterator[tuple[str, Cell, Cell]]:
    """Of each set with infected cells: its name, and how colours are taken; AUROC of classifier and of likelihood."""
    for row in table.rows:
        if isinstance(row[AUROC], Figure):
            matched = ", colours matched" if row[COLOURS] == "matched" else ""
            yield f"{row[NAME]}{matched}", row[AUROC], row[LIKELIHOOD]


def beside_rivals(tables: Sequence[Table]) -> Table:
    """The checkpoint's rows, each with the AUROC of every rival."""
    own, *rivals = tables
    rows = []
    for i, row in enumerate(own.rows):
        of_rivals = [table.rows[i][AUROC] for table in rivals]
        figures = (row[LIKELIHOOD], row[FALSE_POSITIVES], row[BALANCED], row[STRICT])
        rows.append([row[NAME], row[COLOURS], row[COUNTED], row[AUROC], *of_rivals, *figures])
    header = (
        "Microscope",
        "Colours",
        "n (infected)",
        "Classifier AUROC",
        *(f"{table.title.removeprefix(REPORTS)} AUROC" for table in rivals),
        "Likelihood AUROC",
        "False positives",
        "Balanced accuracy",
        "Sensitivity at 1 % false positives",
    )
    note = "The half of each set on which no choice rests. 95 % intervals are over fields, or cells where few."
    return Table.make(header, rows, note=note)
