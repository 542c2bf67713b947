"""What the page says of a field: its counts, its cells, and the words that the browser puts together itself."""

import math

from jdm_core.field.estimate import Estimate
from jdm_core.field.found import CLUMP, CUT_OFF, NO_RED_CELL, READ
from jdm_core.field.results import Field
from jdm_core.report.field.entry import Totals
from jdm_core.report.words import NOTICE, Language, noop

STATES = {  # of what was found, each with the sign that it bears in the field
    "suspicious": noop("to look at"),
    READ: noop("read, not suspicious"),
    CUT_OFF: noop("cut off or written over"),
    CLUMP: noop("in a clump"),
    NO_RED_CELL: noop("not a red cell"),
}
SIGNS = {"suspicious": "▲", READ: "○", CUT_OFF: "◐", CLUMP: "∞", NO_RED_CELL: "×"}
SPOKEN = {
    "P": noop("infected"),
    "U": noop("not infected"),
    "?": noop("cannot tell"),
    "X": noop("no red cell: taken out of the count"),
}
# Said by the browser, with its own numbers.
BROWSER = {
    "said": noop("Cell {cell}: {reading}. {left} left in this list."),
    "finished": noop("Cell {cell}: {reading}. All cells of this list have a reading."),
    "undone": noop("Taken back: the reading of cell {cell}."),
    "nothing": noop("There is nothing to take back."),
    "restored": noop("{count} readings of this field were still here."),
    "lost": noop("{count} readings of this field were still here; for {lost} of them no cell is found now."),
    "forgotten": noop("All readings are forgotten."),
    "add": noop(
        "Press in the field on a cell that has no outline, or bring the cross to it with the arrow keys and press "
        "Enter. Escape ends this."
    ),
    "there": noop("There is a cell that was read already."),
    "searching": noop("Looking for the cell …"),
    "parting": noop("Parting the clump …"),
    "unread": noop("no reading yet"),
    "choose": noop("No cell chosen"),
    "place": noop("{at} of {count} in the list"),
    "stage": noop("The field, with the outline of all that was found"),
    "unseen": noop("The picture of the field cannot be shown. Load the page again."),
}
# As jdm_core says them of pictures that are no field; whatever else it says stays English.
TROUBLES = (
    noop("No red cells were found in this picture."),
    noop(
        "Red cells cannot be told apart in this picture: it is not a field of a thin blood smear, or it is out of "
        "focus. Nothing is counted."
    ),
    noop("This picture shows a single cell: open it as a cell, not as a field."),
    noop("This picture has no colour, and a parasite is told by its stain: nothing is counted."),
    noop("Nearly all cells of this field lie in clumps that cannot be parted: nothing is counted."),
)


def browser_words(say: Language) -> dict[str, object]:
    """What the browser says by itself."""
    return {
        **{name: say(words) for name, words in BROWSER.items()},
        "letters": {letter: say(words) for letter, words in SPOKEN.items()},
        "notice": say(NOTICE),
    }


def headline(totals: Totals, say: Language) -> str:
    """How many of how many cells are to be looked at."""
    return say.plural(
        "{suspicious} of {count} cell to look at",
        "{suspicious} of {count} cells to look at",
        totals.read,
        suspicious=say.number(totals.suspicious),
    )


def states(field: Field) -> list[str]:
    """What each thing found is: one of `STATES`."""
    return [
        "suspicious" if suspicious and status == READ else str(status)
        for status, suspicious in zip(field.status, field.suspicious, strict=True)
    ]


def cell_title(number: int, say: Language) -> str:
    """The name of a thing found in a field, which it keeps."""
    return say("Cell {number}", number=number)


def share_words(estimate: Estimate, say: Language) -> str:
    """A share with its interval, in percent, with as many digits as tell it from none."""
    return say(
        "{share} (95% interval {low} to {high})",
        share=_share(estimate.share, say),
        low=_share(estimate.low, say),
        high=_share(estimate.high, say),
    )


def blood_words(estimate: Estimate, red_cells: float, say: Language) -> str:
    """The same per µL of blood, for a count of red cells that is stated."""
    blood = estimate.per_microlitre(red_cells)
    return say(
        "{share} infected cells per µL ({low} to {high}) at {cells} red cells per µL",
        share=_rounded(blood.share, say),
        low=_rounded(blood.low, say),
        high=_rounded(blood.high, say),
        cells=say.number(red_cells, 0),
    )


def _share(value: float, say: Language) -> str:
    if math.isnan(value):
        return "–"
    return say.share(value, 2 if 0 < value < 0.01 else 1)


def _rounded(value: float, say: Language) -> str:
    """A number per µL to two digits: more would not be known."""
    return "–" if math.isnan(value) else say.number(float(f"{value:.2g}"), 0)
