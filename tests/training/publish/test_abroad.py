"""Which plain CNN the documents set beside the checkpoint on other microscopes, and what they say of it."""

import pytest

from training.publish.abroad import MET, REPORTS, areas, beside_rival, fair_rival, that_report
from training.studies.shift.tables import VERDICT_COLUMNS
from training.tables import NOTHING, Figure, Table


def verdicts(reader: str, auroc: float, note: str = "") -> Table:
    """The table of a reader: the training's own microscope, and another, whose colours are taken in two ways."""
    rows = [
        [title, colours, "10 (5)", Figure(auroc), *[NOTHING] * (len(VERDICT_COLUMNS) - 5), f"{unit} (9)"]
        for title, unit in (("NIH", "slide"), ("IML", "field"))
        for colours in ("as needed", "as given")
    ]
    return Table.make(VERDICT_COLUMNS, rows, f"{REPORTS}{reader}", note)


OWN, FAIR, OTHER = verdicts("ours", 0.9), verdicts("fair", 0.95, f"{MET}: mpidb."), verdicts("other", 0.85)


@pytest.mark.parametrize(
    ("rivals", "auroc", "said"),
    [((FAIR, OTHER), 0.95, "The rival met the same sets."), ((OTHER,), 0.85, "The rival met none of these sets.")],
)
def test_the_rival_that_met_other_microscopes_too_stands_beside_the_checkpoint(rivals, auroc, said):
    tables = that_report([OWN, *rivals, verdicts("ours less other", 0.05)])
    table, (row,) = beside_rival(tables), beside_rival(tables).rows
    assert row[:2] == ("IML", "as needed") and [cell.value for cell in row[3:5]] == [0.9, auroc]
    assert said in table.note
    ((words, own, _, beside),) = areas(tables[0], fair_rival(tables)[0])
    assert (words, own.value, beside.value) == ("IML", 0.9, auroc)


def test_without_a_rival_nothing_is_said_of_one():
    table = beside_rival([OWN])
    assert len(table.columns) == len(table.rows[0]) == 8 and "rival" not in table.note
    assert [beside for *_, beside in areas(OWN, fair_rival([OWN])[0])] == [NOTHING] * 4
