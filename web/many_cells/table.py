"""The results of a batch as rows: of the page's table, and of a CSV file."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from jdm_core.report.fields import exact
from jdm_core.report.spreadsheet import harmless
from jdm_core.report.words import ENGLISH, HEAD, NOTICE, POSTERIOR, Language
from web.many_cells.run import FOREIGN, OPEN, STRANGE, Result
from web.parts.html import note, render
from web.words.refusals import refusal

SHOWN_CHARACTERS = 34  # of a name: its end, where names of one series differ, is as telling as its beginning
TEMPLATE = '<table role="table" aria-labelledby="batch-results">${value}</table>'  # which its head says


def table_head(labels: Sequence[str], say: Language = ENGLISH) -> Markup:
    """What stands before the first row of the table: a box that hides rows, and headings, each a button that sorts."""
    shares = [say("{reading}: {label}", reading=say(reading), label=say(labels[0])) for reading in (HEAD, POSTERIOR)]
    return render(
        "table_head",
        say,
        hide=say("Hide cells that both verdicts call {label}, without remarks but of the stain", label=say(labels[1])),
        headings=(say("Cell"), say("File"), say("Verdict"), *shares, say("Remarks")),
        shares=shares,
    )


def rule(unsure_below: float, say: Language = ENGLISH) -> Markup:
    """What the verdicts that name no class mean, and how to see first what deserves a second look."""
    words = (
        say(
            "“{verdict}”: the two verdicts disagree, or the classifier gives neither class {least}.",
            verdict=say(OPEN),
            least=say.percent(unsure_below),
        ),
        say("“{verdict}”: nothing like it was in training; its figures mean nothing.", verdict=say(STRANGE)),
        say(
            "“{remark}”: a red cell, but not as in training; on such cells the model errs more often.",
            remark=say(FOREIGN),
        ),
        say("Press “{heading}” to see suspicious cells first.", heading=say("Verdict")),
    )
    return note(" ".join(words))


def table_rows(results: Sequence[Result], labels: Sequence[str], first: int, say: Language = ENGLISH) -> Markup:
    """The table's rows of results, the first of which has number `first`: rows to come are added at the end."""
    return Markup("").join(_row(result, number, labels, say) for number, result in enumerate(results, start=first))


def shortened(name: str) -> str:
    """A name that fits into its column, its middle left out where it is long."""
    if len(name) <= SHOWN_CHARACTERS:
        return name
    half = (SHOWN_CHARACTERS - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _row(result: Result, number: int, labels: Sequence[str], say: Language) -> Markup:
    if result.error:
        why = refusal(result.error, say)
        names = {"name": result.item.name, "short": shortened(result.item.name)}
        return render("table_row", say, result=result, number=number, kind="bad", why=why, **names)
    strange = result.verdict == STRANGE
    settled = result.verdict == labels[1] and set(result.flags) <= {FOREIGN}
    return render(
        "table_row",
        say,
        result=result,
        number=number,
        name=result.item.name,
        short=shortened(result.item.name),
        kind="strange" if strange else "settled" if settled else "",
        tone=labels.index(result.verdict) if result.verdict in labels else "unsure",
        urgency=(labels[0], OPEN, STRANGE, *labels[1:]).index(result.verdict),
        shares=((HEAD, result.head[0]), (POSTERIOR, result.posterior[0])),
        counts=not strange,  # a figure that means nothing is not sorted by
        remarks=", ".join(map(say, result.flags)),
        note="" if (result.found, result.count) == ("cut out", 1) else result.note(say),  # as is usual
    )


def table_csv(results: Sequence[Result], labels: Sequence[str], settings: dict[str, Any]) -> str:
    """The results as CSV (RFC 4180), a line a file; texts that a spreadsheet would take for a formula get a quote.

    Each line repeats the settings, of "colours" what they came to for its cell.
    """
    buffer = io.StringIO()
    columns = [
        "file",
        "verdict",
        *(f"classifier_{label}" for label in labels),
        *(f"likelihood_{label}" for label in labels),
        "remarks",
        "note",
        "error",
        *settings,
        "notice",
    ]
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for r in results:
        shares = [*exact(r.head), *exact(r.posterior)] if r.head else [""] * (2 * len(labels))
        own = settings | ({"colours": r.colours} if r.colours else {})
        texts = [r.item.name, r.verdict], ["; ".join(r.flags), r.note(), r.error, *own.values(), NOTICE]
        writer.writerow([*map(harmless, texts[0]), *shares, *map(harmless, texts[1])])
    return buffer.getvalue()
