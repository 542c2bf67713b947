"""The figures of other microscopes as documents show them, from the tables of the study that measures them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from jdm_core.explain.matching import AS_GIVEN, MATCHED
from training.tables import NOTHING, Cell, Figure, Table

REPORTS = "The part that reports: "  # how the titles begin of tables of the half on which no choice rests
MET = "It trained on cells of other microscopes too"  # stands below the table of a rival that did
NAME, COLOURS, COUNTED, AUROC, _, FALSE_POSITIVES, BALANCED, STRICT, LIKELIHOOD, UNITS = range(10)  # their columns


def that_report(tables: Sequence[Table]) -> list[Table]:
    """The checkpoint's table of the part that reports, then its rivals', without what the card has no room for.

    That is the training's own microscope, and colours as given, which nobody gets without asking for them.
    """
    own = [table for table in tables if table.title.startswith(REPORTS) and " less " not in table.title]
    return [replace(t, rows=tuple(filter(_is_shown, t.rows))) for t in own]


def _is_shown(row: Sequence[Cell]) -> bool:
    return not str(row[UNITS]).startswith("slide") and row[COLOURS] != AS_GIVEN


def fair_rival(tables: Sequence[Table]) -> tuple[Table | None, str]:
    """Of the tables of `that_report` the last rival's that trained on other microscopes too, as the checkpoint did.

    Where none did, the last rival's, and None without one; and which sets it trained on, in words.
    """
    rivals = tables[1:]
    met = [table for table in rivals if MET in table.note]
    return (met or rivals or [None])[-1], "the same sets" if met else "none of these sets"


def areas(own: Table, rival: Table | None) -> Iterator[tuple[str, Cell, Cell, Cell]]:
    """Of each set with infected cells: its name, and how colours are taken; AUROC of both verdicts and of a rival."""
    for i, row in enumerate(own.rows):
        if isinstance(row[AUROC], Figure):
            matched = ", colours matched" if row[COLOURS] == MATCHED else ""
            beside = NOTHING if rival is None else rival.rows[i][AUROC]
            yield f"{row[NAME]}{matched}", row[AUROC], row[LIKELIHOOD], beside


def at_home(comparison: Table, rival: Table | None) -> tuple[Cell, Cell]:
    """The rival's accuracy and AUROC on the training's own microscope, of the table that compares there, if in it."""
    for name, *row in comparison.rows:
        if rival is not None and rival.title == f"{REPORTS}{name}":
            figures = dict(zip(comparison.columns[1:], row, strict=True))
            return figures["accuracy"], figures["AUROC"]
    return NOTHING, NOTHING


def beside_rival(tables: Sequence[Table]) -> Table:
    """The checkpoint's rows, each with the AUROC of the rival that compares best."""
    own, (rival, sets) = tables[0], fair_rival(tables)
    rows = []
    for i, row in enumerate(own.rows):
        beside = [] if rival is None else [rival.rows[i][AUROC]]
        figures = (row[LIKELIHOOD], row[FALSE_POSITIVES], row[BALANCED], row[STRICT])
        rows.append([row[NAME], row[COLOURS], row[COUNTED], row[AUROC], *beside, *figures])
    header = (
        "Microscope",
        "Colours",
        "n (infected)",
        "Classifier AUROC",
        *([] if rival is None else [f"{rival.title.removeprefix(REPORTS)} AUROC"]),
        "Likelihood AUROC",
        "False positives",
        "Balanced accuracy",
        "Sensitivity at 1 % false positives",
    )
    met = "" if rival is None else f" The rival met {sets}."
    note = f"The half on which no choice rests.{met} 95 % intervals: fields, or cells where few."
    return Table.make(header, rows, note=note)
