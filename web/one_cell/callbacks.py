"""What happens behind the page when a cell comes or goes: uploads in, updates of the page out. No layout here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from jdm_core import CellImageError, Explainer
from jdm_core.explain.matching import AS_NEEDED, MATCHED
from jdm_core.report.report import Explanation
from jdm_core.report.words import Language
from web.one_cell.newest import Newest
from web.one_cell.research import saliency_panel
from web.one_cell.shown import explained_view, read_view
from web.one_cell.view import Reading, View, empty
from web.parts.reading import find, read_upload
from web.parts.static import EXAMPLES
from web.parts.updates import alert
from web.words import sentences
from web.words.language import say_for
from web.words.refusals import refusal

DRAWS = (8, 16, 32, 64)
USUAL_DRAWS = 32


class Callbacks:
    """The callbacks of one page around one explainer, but for those of its edits."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer, self.newest = explainer, Newest()

    def explain(
        self,
        upload: dict[str, Any] | None,
        draws: int | None,
        seed: float | None,
        as_given: bool | None = False,
        matched: bool | None = False,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Reads the upload, or says why that cannot be done, and explains the cell that it shows."""
        if upload is None:  # the field that was to be opened as one cell is gone
            yield View()
            return
        yield from self.newest.only(request, self._read(upload, draws, seed, as_given, matched, say_for(request)))

    def again(
        self,
        reading: Reading | None,
        draws: int | None,
        seed: float | None,
        as_given: bool | None = False,
        matched: bool | None = False,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Explains the same upload once more, with other settings."""
        say = say_for(request)
        if reading is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        views = self._explain(reading.explanation.file, reading.upload, draws, seed, as_given, matched, say)
        yield from self.newest.only(request, views)

    def example(
        self,
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        matched: bool | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Puts the example whose name the event bears in the place of an upload."""
        file = EXAMPLES / f"{Path(str(event.name)).name}.png"
        upload = {"path": str(file), "orig_name": file.name}
        yield from self.newest.only(request, self._read(upload, draws, seed, as_given, matched, say_for(request)))

    def show(
        self,
        read: Callable[[], tuple[str, np.ndarray]],
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        matched: bool | None,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Puts a picture that is read elsewhere, a name and uint8 (H, W, 3), in the place of an upload."""

        def explained() -> Iterator[View]:
            try:
                name, pixels = read()
            except CellImageError as error:
                yield _refused(error, say_for(request))
                return
            yield from self._explain(name, pixels, draws, seed, as_given, matched, say_for(request))

        yield from self.newest.only(request, explained())

    def gradient(self, reading: Reading | None, button: str | None, request: gr.Request | None = None) -> View:
        """The gradient saliency of the classifier beside the figures, or gone, as the button says."""
        say = say_for(request)
        if reading is None:
            return empty()._replace(status=alert(say(sentences.LOST)))
        if button == say(sentences.NO_GRADIENT):
            return View(gradient=gr.update(value=say(sentences.GRADIENT)), saliency="")
        cell = reading.explanation.cell
        saliency = self.explainer.saliency(cell, reading.explanation.colours)[0]
        return View(
            gradient=gr.update(value=say(sentences.NO_GRADIENT)),
            saliency=saliency_panel(self.explainer, cell, reading.explanation.file, saliency, say),
        )

    def _read(
        self,
        upload: dict[str, Any],
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        matched: bool | None,
        say: Language,
    ) -> Iterator[View]:
        try:
            name, pixels = read_upload(upload)
        except CellImageError as error:
            yield _refused(error, say)
            return
        yield from self._explain(name, pixels, draws, seed, as_given, matched, say)

    def _explain(
        self,
        name: str,
        pixels: np.ndarray,
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        matched: bool | None,
        say: Language,
    ) -> Iterator[View]:
        """The head's verdict at once, then the likelihood's with evidence map and ELBO."""
        draws, seed = draws if draws in DRAWS else USUAL_DRAWS, _seed(seed)
        colours = MATCHED if matched else AS_NEEDED
        finding = find(pixels, name, bool(as_given))
        cell = finding.cell
        prediction = self.explainer.predict(cell, colours)
        yield read_view(self.explainer, name, pixels, finding, prediction, say)
        elbo = self.explainer.elbo(cell, draws, seed, colours)
        seen = self.explainer.seen_in(cell, colours)
        explanation = Explanation(name, cell, 0, prediction, elbo, finding=finding, colours=seen)
        yield explained_view(self.explainer, Reading(explanation, seed, pixels), say)


def _refused(error: CellImageError, say: Language) -> View:
    return empty()._replace(status=alert(f"{error.name}: {refusal(error.reason, say)}"))


def _seed(value: float | None) -> int:
    return min(max(int(value or 0), 0), 2**31 - 1)
