"""What a person mends in a field: a cell that was missed is added, a clump parted, saved readings taken up again."""

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from jdm_core import CellImageError
from jdm_core.field.results import Field
from jdm_core.report.field.readings import FieldReadings, ReadingsError, load_readings, matched
from jdm_core.report.words import Language
from web.field.callbacks import FieldCallbacks
from web.field.reading import pixels_of
from web.field.readings import LETTERS, parsed
from web.field.smear import Entry, Smear
from web.field.view import View
from web.parts.updates import alert, status
from web.words.language import say_for
from web.words.refusals import refusal

KEYS = {reading: letter for letter, reading in LETTERS.items()}


class Corrections:
    """The callbacks that change what was found in a field."""

    def __init__(self, callbacks: FieldCallbacks) -> None:
        self.callbacks, self.explainer = callbacks, callbacks.explainer

    def add(
        self,
        smear: Smear | None,
        sent: str | None,
        red: float | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> View:
        """Finds, reads and outlines the cell at the place that was pressed."""
        say, entry = say_for(request), _entry(smear, event)
        x, y = (getattr(event, name, None) for name in ("x", "y"))
        if smear is None or entry is None or not isinstance(x, int | float) or not isinstance(y, int | float):
            return View()
        new, words = self._changed(entry, lambda field, pixels: self.explainer.field_with(pixels, field, x, y), say)
        refused, done = words or say("No cell could be outlined there."), say("A cell was added.")
        return self._mended(smear, new, status(done) if new else alert(refused), sent, red, say)

    def part(
        self,
        smear: Smear | None,
        sent: str | None,
        red: float | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> View:
        """Parts the clump that was chosen into cells, which are read."""
        say, entry = say_for(request), _entry(smear, event)
        index = entry.index_of(str(getattr(event, "place", ""))) if entry else None
        if smear is None or entry is None or index is None:
            return View()
        new, words = self._changed(entry, lambda field, pixels: self.explainer.field_parted(pixels, field, index), say)
        refused = words or say("This clump cannot be parted.")
        done = say.plural("Parted into {count} cell.", "Parted into {count} cells.", len(new))
        return self._mended(smear, new, status(done) if new else alert(refused), sent, red, say)

    def _mended(
        self, smear: Smear, new: list[str], words: str, sent: str | None, red: float | None, say: Language
    ) -> View:
        """The tab with the first of the new cells chosen, and words on what became of them; the words alone of none."""
        if not new:
            return View(status=words)
        return self.callbacks.shown(smear, parsed(sent), red, say, choose=new[0])._replace(status=words)

    def load(
        self,
        smear: Smear | None,
        sent: str | None,
        red: float | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> View:
        """Gives the readings of a saved file to the cells of the fields here, and adds cells that were added then."""
        say = say_for(request)
        if smear is None:
            return View()
        try:
            loaded = load_readings(str(getattr(event, "text", "")).encode())
        except ReadingsError as error:
            return View(status=alert(say(str(error))))
        taken: dict[str, dict[str, str]] = {}
        lost = strange = 0
        for one in loaded:
            entry = smear.named(one.sha256)
            if entry is None:
                strange += 1
                continue
            taken[entry.digest], missing = self._taken(entry, one, say)
            lost += missing
        count = sum(map(len, taken.values()))
        told = [say.plural("{count} reading was loaded.", "{count} readings were loaded.", count)]
        if lost:
            told.append(
                say.plural(
                    "{count} reading is of a cell that is not found now.",
                    "{count} readings are of cells that are not found now.",
                    lost,
                )
            )
        if strange:
            told.append(
                say.plural(
                    "{count} field of the file is not among those here.",
                    "{count} fields of the file are not among those here.",
                    strange,
                )
            )
        merged = {**parsed(sent)}
        for digest, letters in taken.items():
            merged[digest] = {**merged.get(digest, {}), **letters}
        view = self.callbacks.shown(smear, merged, red, say)
        return view._replace(status=status(" ".join(told)), incoming=json.dumps(taken))

    def _taken(self, entry: Entry, one: FieldReadings, say: Language) -> tuple[dict[str, str], int]:
        """The letters of one field's readings by place, and how many found no cell."""
        if entry.read is None:
            return {}, len(one.cells)
        found = matched(one, entry.read, entry.digest)
        places = entry.places
        letters = {places[i]: KEYS[reading] for i, reading in found.readings.items()}
        lost = len(found.lost)
        for cell in found.added:
            x, y, w, h = cell.box.tolist()
            middle = x + w / 2, y + h / 2
            new, _ = self._changed(
                entry, lambda field, pixels, at=middle: self.explainer.field_with(pixels, field, *at), say
            )
            if new:
                letters[new[0]] = KEYS[cell.reading]
            else:
                lost += 1
        return letters, lost

    def _changed(self, entry: Entry, change: Callable[[Field, Any], Field], say: Language) -> tuple[list[str], str]:
        """The places of the cells that a change of a field brought, or why there are none."""
        if entry.read is None:
            return [], ""
        before = set(entry.places)
        try:
            entry.read = change(entry.read, pixels_of(entry))
        except CellImageError as error:
            return [], f"{entry.name}: {refusal(error.reason, say)}"
        except ValueError:  # there is nothing at this place
            return [], ""
        new = [place for place in entry.places if place not in before]
        entry.added |= set(new)
        return new, ""


def _entry(smear: Smear | None, event: gr.EventData) -> Entry | None:
    return smear.named(str(getattr(event, "digest", ""))) if smear else None
