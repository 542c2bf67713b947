"""The results of a batch as rows: of the page's table, and of a CSV file."""

import csv
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from jdm_core.report import NOTICE
from jdm_core.spreadsheet import harmless
from web.batch_run import OPEN, STRANGE, Result
from web.text import HEAD, POSTERIOR, Say, english, percent

HERE = Path(__file__).parent
SORT = (HERE / "batch.js").read_text(encoding="utf-8")


HIDE = "Hide cells that both verdicts call {label}, without remarks"
TEMPLATE = '<table role="table" aria-label="Results, one row a file">${value}</table>'


def table_head(labels: tuple[str, ...], say: Say = english) -> str:
    """What stands before the first row of the table: a box that hides rows, and headings, each a button that sorts."""
    shares = [f"{say(reading)}{say(': ')}{say(labels[0])}" for reading in (HEAD, POSTERIOR)]
    heads = "".join(
        f'<th scope="col" role="columnheader"{" data-first=descending" if heading in shares else ""}>'
        f'<button type="button" class="sort">{escape(heading)}</button></th>'
        for heading in (say("Cell"), say("File"), say("Verdict"), *shares, say("Remarks"))
    )
    hide = escape(say(HIDE).format(label=say(labels[1])))
    return (
        f'<caption><label><input type="checkbox" class="leave-out"> {hide}</label></caption>'
        f'<thead role="rowgroup"><tr role="row">{heads}</tr></thead><tbody role="rowgroup">'
    )


def rule(unsure_below: float, say: Say = english) -> str:
    """What the verdicts that name no class mean, and how to see first what deserves a second look."""
    words = (
        say("“{verdict}”: the two verdicts disagree, or the classifier gives neither class {least}.").format(
            verdict=say(OPEN), least=percent(unsure_below)
        ),
        say("“{verdict}”: nothing like it was in training; its figures mean nothing.").format(verdict=say(STRANGE)),
        say("Press “{heading}” to see suspicious cells first.").format(heading=say("Verdict")),
    )
    return f'<p class="note">{escape(" ".join(words))}</p>'


def table_rows(results: Sequence[Result], labels: tuple[str, ...], first: int, say: Say = english) -> str:
    """The table's rows of results, the first of which has number `first`: rows to come are added at the end."""
    return "".join(_row(result, number, labels, say) for number, result in enumerate(results, start=first))


def _row(result: Result, number: int, labels: tuple[str, ...], say: Say) -> str:
    name = escape(result.item.name)
    if result.error:
        cells = [
            ("", ""), (f'<span class="name" title="{name}">{name}</span>', name), (escape(say("not read")), ""),
            ("", ""), ("", ""), (f'<span class="why">{escape(result.error)}</span>', ""),
        ]  # fmt: skip
    else:
        strange = result.verdict == STRANGE
        tone = labels.index(result.verdict) if result.verdict in labels else "unsure"
        urgency = (labels[0], OPEN, STRANGE, *labels[1:]).index(result.verdict)
        remarks = escape(", ".join(map(say, result.flags)))
        cells = [
            (f'<img src="{result.thumbnail}" alt="" loading="lazy">', str(number)),
            (f'<button type="button" class="open name" data-row="{number}" title="{name}">{name}</button>', name),
            (f'<span class="tone-{tone}">{escape(say(result.verdict))}</span>', str(urgency)),
            _share(HEAD, result.head[0], not strange, say), _share(POSTERIOR, result.posterior[0], not strange, say),
            (f'{remarks}<span class="note">{escape(say(result.note))}</span>', remarks),
        ]  # fmt: skip
    row = "".join(f'<td role="cell" data-key="{key}">{shown}</td>' for shown, key in cells)
    if result.error:
        kind = "bad"
    elif result.verdict == STRANGE:
        kind = "strange"
    else:
        kind = "settled" if result.verdict == labels[1] and not result.flags else ""
    return f'<tr role="row" data-number="{number}" class="{kind}">{row}</tr>'


def _share(reading: str, share: float, counts: bool, say: Say) -> tuple[str, str]:
    """A figure, which bears its heading where there is no room for a column, and what it is sorted by if it counts."""
    return f'<span data-reading="{escape(say(reading))}">{percent(share)}</span>', f"{share:.6f}" if counts else ""


def table_csv(results: Sequence[Result], labels: tuple[str, ...], settings: dict[str, Any]) -> str:
    """The results as CSV (RFC 4180), a line a file; texts that a spreadsheet would take for a formula get a quote."""
    buffer = io.StringIO()
    columns = [
        "file", "verdict", *(f"classifier_{label}" for label in labels), *(f"likelihood_{label}" for label in labels),
        "remarks", "note", "error", *settings, "notice",
    ]  # fmt: skip
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    for r in results:
        shares = [f"{share:.6f}" for share in (*r.head, *r.posterior)] or [""] * (2 * len(labels))
        texts = [r.item.name, r.verdict], ["; ".join(r.flags), r.note, r.error, *settings.values(), NOTICE]
        writer.writerow([*map(harmless, texts[0]), *shares, *map(harmless, texts[1])])
    return buffer.getvalue()
