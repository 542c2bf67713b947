"""What happens behind the tab for fields: uploads read, fields and cells opened, readings counted. No layout here."""

from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from jdm_core import Explainer
from jdm_core.explain.matching import AS_GIVEN, MATCHED, ColourChoice
from jdm_core.report.kinds import abroad
from jdm_core.report.words import Language
from web.field import panels
from web.field.card import card
from web.field.latest import Latest
from web.field.reading import MOST, PAGE_DRAWS, add, read_entry
from web.field.readings import Readings, known, parsed, red_cells, totals_of
from web.field.smear import Entry, Smear
from web.field.view import View, empty
from web.parts.static import EXAMPLES
from web.parts.updates import alert, hidden, progress_bar, status
from web.words.language import say_for

EXAMPLE = EXAMPLES / "field.png"


class FieldCallbacks:
    """The callbacks of one tab around one explainer; viewer is the path in the cache of the viewer's code."""

    def __init__(self, explainer: Explainer, viewer: str) -> None:
        self.explainer, self.viewer, self.latest = explainer, viewer, Latest()
        self.known, self.worth = known(explainer.checkpoint), abroad(explainer.checkpoint.metrics)

    def read(
        self,
        uploads: list[dict[str, Any]] | None,
        smear: Smear | None = None,
        matched: bool | None = True,
        sent: str | None = None,
        red: float | None = None,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Reads uploads as further fields of the smear, in matched colours or not; results are shown as they come."""
        if not uploads:
            yield View()
            return
        smear = smear or Smear()
        begin = len(smear.entries)
        add(smear, uploads)
        smear.shown = min(begin, len(smear.entries) - 1)
        yield from self._read(smear, matched, parsed(sent), red, say_for(request))

    def again(
        self,
        smear: Smear | None,
        matched: bool | None = True,
        sent: str | None = None,
        red: float | None = None,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Reads the same fields once more, in the other colours; cells that a person added must be added again."""
        if smear is None:
            yield View()
            return
        entries = [Entry(entry.name, entry.path, picture=entry.picture) for entry in smear.entries]
        anew = Smear(entries, smear.shown, smear.left_out)
        yield from self._read(anew, matched, parsed(sent), red, say_for(request))

    def example(
        self,
        smear: Smear | None = None,
        matched: bool | None = True,
        sent: str | None = None,
        red: float | None = None,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Reads the example, a field that was drawn from generated cells."""
        uploads = [{"path": str(EXAMPLE), "orig_name": EXAMPLE.name}]
        yield from self.read(uploads, smear, matched, sent, red, request)

    def stop(self, smear: Smear | None, sent: str | None, red: float | None, request: gr.Request | None = None) -> View:
        """The tab after a reading was stopped, with all that was read until then."""
        if smear is None:
            return empty()
        say = say_for(request)
        return self.stop_words(smear, parsed(sent), red, say, status(say("Stopped. The fields that were read stay.")))

    def stop_words(self, smear: Smear, readings: Readings, red: float | None, say: Language, words: str) -> View:
        """The tab with the fields that were read, and words on why there are no more."""
        smear.entries = [entry for entry in smear.entries if entry.done]
        if not smear.entries:
            return empty()._replace(status=words)
        smear.shown = min(smear.shown, len(smear.entries) - 1)
        view = self.shown(smear, readings, red, say)
        return view._replace(status=words, stop=hidden(), anew=gr.update(visible=True))

    def open_field(
        self,
        smear: Smear | None,
        sent: str | None,
        red: float | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> View:
        """Shows the field of the smear whose button was pressed."""
        number = getattr(event, "number", None)
        if smear is None or not isinstance(number, int) or not 0 <= number < len(smear.entries):
            return View()
        smear.shown = number
        return self.shown(smear, parsed(sent), red, say_for(request))

    def open_cell(
        self, smear: Smear | None, event: gr.EventData, request: gr.Request | None = None
    ) -> Generator[View, None, None]:
        """Explains the cell that was chosen; whoever goes on to another ends this one's."""
        place, digest = str(getattr(event, "place", "")), str(getattr(event, "digest", ""))
        entry = smear.named(digest) if smear else None
        index = entry.index_of(place) if entry else None
        if smear is None or entry is None or index is None:
            yield View()
            return
        if (ready := smear.cards.get((digest, place))) is not None:
            yield from self.latest.only(request, (View(card=html) for html in [ready]), View())
            return
        yield from self.latest.only(request, self._explained(smear, entry, index, place, say_for(request)), View())

    def count(
        self,
        smear: Smear | None,
        sent: str | None,
        red: float | None,
        request: gr.Request | None = None,
    ) -> View:
        """What the readings come to now."""
        if smear is None:
            return View()
        readings, say = parsed(sent), say_for(request)
        return View(strip=panels.strip(smear, readings, say), tally=self._tally(smear, readings, red, say))

    def clear(self) -> View:
        """The tab after its files were taken away."""
        return empty()

    def _explained(
        self, smear: Smear, entry: Entry, index: int, place: str, say: Language
    ) -> Generator[View, None, None]:
        html = ""
        steps = card(self.explainer, entry, index, say)
        try:
            for html in steps:
                yield View(card=html)
        finally:
            steps.close()
        smear.keep(entry.digest, place, html)

    def _read(
        self, smear: Smear, matched: bool | None, readings: Readings, red: float | None, say: Language
    ) -> Iterator[View]:
        """The fields one after the other; the first that can be shown is, and then whichever a person opens."""
        colours = MATCHED if matched and self.explainer.checkpoint.calibration.colours else AS_GIVEN
        bar = progress_bar(say("Finding the cells …"), 0)
        yield View(smear=smear, files=None, status=bar, stop=gr.update(visible=True), intro=hidden())
        try:
            yield from self._steps(smear, colours, readings, red, say)
        except Exception:  # whose watch tells of it: here the bar goes, and Stop with it
            yield self.stop_words(smear, readings, red, say, alert(say("A field could not be read.")))
            raise
        yield self._finished(smear, readings, red, say)

    def _steps(
        self, smear: Smear, colours: ColourChoice, readings: Readings, red: float | None, say: Language
    ) -> Iterator[View]:
        for number, entry in enumerate(smear.entries):
            if entry.done:
                continue
            count = len(smear.entries)
            for result in read_entry(self.explainer, entry, PAGE_DRAWS, colours):
                words = say("{done} of {total} fields read", done=number + (result.done >= 1), total=count)
                words = words if count > 1 else say("Reading the cells …")
                bar = progress_bar(words, (number + result.done) / count)
                if smear.here is entry:
                    yield self.shown(smear, readings, red, say)._replace(status=bar)
                else:
                    yield View(smear=smear, status=bar, strip=panels.strip(smear, readings, say))
            if smear.here is entry and (entry.error or entry.read is None):
                yield self.shown(smear, readings, red, say)

    def _finished(self, smear: Smear, readings: Readings, red: float | None, say: Language) -> View:
        words = "".join(
            alert(f"{entry.name}: {panels.refused(entry, say)}")
            for entry in smear.entries
            if entry.error and entry is not smear.here
        )
        if smear.left_out:
            words += alert(
                say.plural(
                    "{count} file was left out: a smear has room for {most} fields.",
                    "{count} files were left out: a smear has room for {most} fields.",
                    smear.left_out,
                    most=say.number(MOST),
                )
            )
        return View(
            smear=smear,
            status=words,
            stop=hidden(),
            anew=gr.update(visible=True),
            strip=panels.strip(smear, readings, say),
            tally=self._tally(smear, readings, red, say),
        )

    def shown(self, smear: Smear, readings: Readings, red: float | None, say: Language, choose: str = "") -> View:
        """The tab with the field that is shown, as far as it was read."""
        return View(
            smear=smear,
            alone=gr.update(visible=bool(smear.here and smear.here.read and smear.here.read.trouble)),
            strip=panels.strip(smear, readings, say),
            counts=panels.counts(smear, self.worth, say),
            data=panels.field_data(smear, self.viewer, say, choose),
            gallery=panels.gallery(smear, say),
            tally=self._tally(smear, readings, red, say),
        )

    def alone(self, smear: Smear | None) -> dict[str, str] | None:
        """The shown picture as an upload, for whoever takes it for one cell."""
        entry = smear.here if smear else None
        return None if entry is None else {"path": entry.path, "orig_name": entry.name}

    def _tally(self, smear: Smear, readings: Readings, red: float | None, say: Language) -> str:
        machine = totals_of(smear, readings).estimate(self.known)
        return panels.tally(smear, readings, red_cells(red), machine, say)


def example_is_there() -> bool:
    """Whether the example ships with this page."""
    return Path(EXAMPLE).is_file()
