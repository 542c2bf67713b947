"""What the page shows of a field and its smear: the list of fields, counts, the gallery, and the data of the viewer."""

import json
import math
from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from jdm_core.checkpoint.familiarity import NO_RED_CELL as STRANGE
from jdm_core.checkpoint.familiarity import OTHER
from jdm_core.field.estimate import Estimate, cells_needed
from jdm_core.field.found import READ
from jdm_core.field.results import Field
from jdm_core.report.field.entry import Totals
from jdm_core.report.kinds import kind_warning
from jdm_core.report.words import Language, noop
from web.field import words
from web.field.readings import Readings, totals, totals_of
from web.field.smear import Entry, Smear
from web.parts.html import render
from web.parts.updates import alert
from web.words.refusals import refusal

UNFAMILIAR = noop("unfamiliar")
DIGITS = 1  # of a pixel, of what is drawn
GOOD_WIDTH = 0.01  # of an interval that is told how to reach


def field_data(smear: Smear, viewer: str, say: Language, choose: str = "") -> str:
    """The shown field as JSON for the browser: where its picture lies, and every thing found with its outline."""
    entry = smear.here
    if entry is None or entry.read is None:
        return ""
    read, height, width = entry.read, *entry.read.found.size
    rank = {int(cell): place for place, cell in enumerate(read.order)}
    rest = [i for i in range(len(read.status)) if i not in rank]
    cells = [
        {
            "place": place,
            "number": i + 1,
            "title": words.cell_title(i + 1, say),
            "box": [round(value, DIGITS) for value in box],
            "outline": np.round(outline, DIGITS).ravel().tolist(),
            "status": str(status),
            "suspicious": bool(suspicious and status == READ),
            "added": place in entry.added,
        }
        for i, (place, box, outline, status, suspicious) in enumerate(
            zip(entry.places, read.boxes.tolist(), read.outlines, read.status, read.suspicious, strict=True)
        )
    ]
    fields = [
        {"digest": e.digest, "name": e.name, "width": e.read.found.size[1], "height": e.read.found.size[0]}
        for e in smear.entries
        if e.read is not None
    ]
    return json.dumps(
        {
            "digest": entry.digest,
            "picture": entry.picture,
            "viewer": viewer,
            "width": width,
            "height": height,
            "done": read.done,
            "choose": choose,
            "order": [*map(int, read.order), *rest],
            "cells": cells,
            "smear": fields,
            "words": words.browser_words(say),
        }
    )


def strip(smear: Smear, readings: Readings, say: Language) -> Markup:
    """The fields of the smear as buttons, each with its counts; nothing where there is one alone."""
    if len(smear.entries) < 2:
        return Markup()
    items = []
    for number, entry in enumerate(smear.entries):
        told = totals(entry, readings)
        items.append(
            {
                "name": entry.name,
                "here": number == smear.shown,
                "words": refusal(entry.error, say) if entry.error else _of_field(entry, told, say),
                "bad": bool(entry.error),
            }
        )
    return render("field_strip", say, items=items)


def _of_field(entry: Entry, told: Totals, say: Language) -> str:
    if entry.read is None:
        return say("waiting")
    if entry.read.trouble:
        return say("not counted")
    counts = words.headline(told, say)
    if not told.reviewed:
        return counts
    looked = say("{looked} of them looked at", looked=say.number(told.looked_at))
    return f"{counts}; {looked}"


def refused(entry: Entry, say: Language) -> str:
    """Why a field could not be read."""
    return refusal(entry.error, say)


def counts(smear: Smear, worth: Mapping[str, float] | None, say: Language) -> Markup:
    """The headline of the shown field, what became of everything that was found in it, and what speaks against it.

    worth is that of `kinds.abroad`: said once of a field most of whose cells are not as in training.
    """
    entry = smear.here
    if entry is None:
        return Markup()
    if entry.error:
        return alert(f"{entry.name}: {refusal(entry.error, say)}")
    if entry.read is None:
        return Markup()
    if entry.read.trouble:
        return alert(f"{entry.name}: {say(entry.read.trouble)}")
    told = totals(entry, {})
    states = words.states(entry.read)
    rows = [(state, words.SIGNS[state], say(name), states.count(state)) for state, name in words.STATES.items()]
    foreign = 2 * (entry.read.kind == OTHER).sum() > max(1, told.read)
    warning = kind_warning(OTHER, worth, say) if foreign else ""
    name = entry.name if len(smear.entries) == 1 else ""  # among several its button says it
    return render("field_counts", say, name=name, headline=words.headline(told, say), rows=rows, warning=warning)


def gallery(smear: Smear, say: Language) -> Markup:
    """Everything found in the shown field as a list, the most suspicious first."""
    entry = smear.here
    if entry is None or entry.read is None or entry.read.trouble or not len(entry.read.status):
        return Markup()
    read = entry.read
    states, places = words.states(read), entry.places
    order = dict.fromkeys(map(int, read.order))
    items = [
        {
            "index": i,
            "place": places[i],
            "state": states[i].replace(" ", "-"),
            "sign": words.SIGNS[states[i]] if states[i] != READ else "",
            "share": share,
            "words": ", ".join((words.cell_title(i + 1, say), say(words.STATES[states[i]]), *told)),
        }
        for i in [*order, *(k for k in range(len(read.status)) if k not in order)]
        for share in [_suspected(read, i, say)]
        for told in [[f"{say(read.labels[0])} {share}"] if share else []]
    ]
    filters = [(state, say(name), states.count(state)) for state, name in words.STATES.items()]
    return render("field_gallery", say, items=items, filters=filters)


def _suspected(read: Field, index: int, say: Language) -> str:
    """How much a cell is suspected, by the figure that orders the list: of both verdicts, where both were asked."""
    odds = float(read.suspicion[index])
    if math.isnan(odds):
        return ""
    return say(UNFAMILIAR) if read.kind[index] == STRANGE else say.percent(1 / (1 + math.exp(-odds)))


def tally(smear: Smear, readings: Readings, red_cells: float, machine: Estimate | None, say: Language) -> Markup:
    """The count of all fields by a person's readings, with the machine's own estimate beside it, never alone."""
    told = totals_of(smear, readings)
    if not told.read:
        return Markup()
    reviewed = told.reviewed_share()
    machine_words = ""
    if machine is not None and reviewed is not None:
        machine_words = words.share_words(machine, say)
        if not machine.tells:
            none = say("cannot tell from none")
            machine_words = f"{machine_words} · {none}"
    return render(
        "field_tally",
        say,
        told=told,
        fields=told.fields,
        waiting=told.suspicious - told.looked_at,
        rest=told.counted - told.infected,
        share=words.share_words(reviewed, say) if reviewed else "",
        blood=words.blood_words(reviewed, red_cells, say) if reviewed else "",
        machine=machine_words,
        more=_more(told, reviewed, say) if reviewed else "",
    )


def _more(told: Totals, reviewed: Estimate, say: Language) -> str:
    """How many cells an interval of a good width takes."""
    if reviewed.high - reviewed.low <= GOOD_WIDTH:
        return ""
    needed = cells_needed(reviewed.share, GOOD_WIDTH)
    return say(
        "An interval no wider than {width} takes {count} cells at this share: {more} more.",
        width=say.share(GOOD_WIDTH),
        count=say.number(needed),
        more=say.number(max(0, needed - told.counted)),
    )
