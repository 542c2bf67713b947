"""The figures of other microscopes as documents show them, from the tables of the study that measures them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from training.tables import NOTHING, Cell, Figure, Table

REPORTS = "The part that reports: "  # how the titles begin of tables of the half on which no choice rests
NAME, COLOURS, COUNTED, AUROC, _, FALSE_POSITIVES, BALANCED, STRICT, LIKELIHOOD, UNITS = range(10)  # their columns


def that_report(tables: Sequence[Table]) -> list[Table]:
    """The checkpoint's table of the part that reports, then its rivals', all without the training's own microscope."""
    own = [table for table in tables if table.title.startswith(REPORTS) and " less " not in table.title]
    return [replace(t, rows=tuple(row for row in t.rows if not str(row[UNITS]).startswith("slide"))) for t in own]


def areas(tables: Sequence[Table]) -> Iterator[tuple[str, Cell, Cell, Cell]]:
    """Of each set with infected cells: its name, and how colours are taken; AUROC of both verdicts and the last rival.

    The tables are those of `that_report`.
    """
    own, *rivals = tables
    for i, row in enumerate(own.rows):
        if isinstance(row[AUROC], Figure):
            matched = ", colours matched" if row[COLOURS] == "matched" else ""
            rival = rivals[-1].rows[i][AUROC] if rivals else NOTHING
            yield f"{row[NAME]}{matched}", row[AUROC], row[LIKELIHOOD], rival


def beside_rival(tables: Sequence[Table]) -> Table:
    """The checkpoint's rows, each with the AUROC of the last rival: the one that trained on most of what it did."""
    own, *rivals = tables
    rows = []
    for i, row in enumerate(own.rows):
        of_rival = [table.rows[i][AUROC] for table in rivals[-1:]]
        figures = (row[LIKELIHOOD], row[FALSE_POSITIVES], row[BALANCED], row[STRICT])
        rows.append([row[NAME], row[COLOURS], row[COUNTED], row[AUROC], *of_rival, *figures])
    header = (
        "Microscope",
        "Colours",
        "n (infected)",
        "Classifier AUROC",
        *(f"{table.title.removeprefix(REPORTS)} AUROC" for table in rivals[-1:]),
        "Likelihood AUROC",
        "False positives",
        "Balanced accuracy",
        "Sensitivity at 1 % false positives",
    )
    note = "The half on which no choice rests. The rival met the same sets. 95 % intervals: fields, or cells where few."
    return Table.make(header, rows, note=note)
