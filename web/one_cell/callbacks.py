"""What happens behind the page when a cell comes or goes: uploads in, updates of the page out. No layout here."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from jdm_core import CellImageError, Explainer
from jdm_core.explain.matching import AS_GIVEN, MATCHED
from jdm_core.report.report import Explanation
from jdm_core.report.words import Language
from web.one_cell.edits import ready
from web.one_cell.newest import Newest
from web.one_cell.panels import (
    evidence_scale,
    evidence_words,
    found_view,
    is_cell,
    reduced_note,
    strange_panel,
    verdict_panel,
)
from web.one_cell.view import Reading, View, empty
from web.parts.charts import elbo_panel, magnitude_legend
from web.parts.html import note
from web.parts.pictures import SHOWN, like
from web.parts.reading import find, read_upload
from web.parts.static import EXAMPLES
from web.parts.updates import alert, gone, hidden, picture, shown
from web.words import sentences
from web.words.language import say_for
from web.words.refusals import refusal

DRAWS = (8, 16, 32, 64)
USUAL_DRAWS = 32
NOT_SHOWN_BY_BROWSERS = {".tif", ".tiff"}


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
        """Puts the example of the clicked button, which bears its file's name as id, in the place of an upload."""
        file = EXAMPLES / f"{Path(str(event.target and event.target.elem_id)).name}.png"
        upload = {"path": str(file), "orig_name": file.name}
        views = self._read(upload, draws, seed, as_given, matched, say_for(request))
        shown = (view if number else view._replace(upload=str(file)) for number, view in enumerate(views))
        yield from self.newest.only(request, shown)

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
            views = self._explain(name, pixels, draws, seed, as_given, matched, say_for(request))
            for number, view in enumerate(views):
                yield view if number else view._replace(upload=like(pixels, pixels))

        yield from self.newest.only(request, explained())

    def clear(self, request: gr.Request | None = None) -> View:
        """The page after its cell was taken away."""
        self.newest.drop(request)
        return empty()

    def gradient(self, reading: Reading | None, button: str | None, request: gr.Request | None = None) -> View:
        """The gradient saliency of the classifier under the evidence, or gone, as the button says."""
        say = say_for(request)
        if reading is None:
            return empty()._replace(status=alert(say(sentences.LOST)))
        if button == say(sentences.NO_GRADIENT):
            return View(gradient=gr.update(value=say(sentences.GRADIENT)), saliency=gone(), saliency_scale="")
        cell = reading.explanation.cell
        saliency = self.explainer.saliency(cell, reading.explanation.colours)[0]
        drawn = self.explainer.draw.saliency(self.explainer.model_view(cell), saliency, SHOWN)
        words = say(
            "gradient saliency of {file}: yellow where the classifier’s score depends most on the pixel",
            file=reading.explanation.file,
        )
        return View(
            gradient=gr.update(value=say(sentences.NO_GRADIENT)),
            saliency=picture(like(drawn, cell), words),
            saliency_scale=magnitude_legend(say("weak gradient"), say("strong gradient"))
            + note(say(sentences.SALIENCY_NOTE)),
        )

    def _read(
        self,
        upload: dict[str, Any] | None,
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        matched: bool | None,
        say: Language,
    ) -> Iterator[View]:
        if upload is None:
            yield empty()
            return
        try:
            name, pixels = read_upload(upload)
        except CellImageError as error:
            yield _refused(error, say)
            return
        for number, view in enumerate(self._explain(name, pixels, draws, seed, as_given, matched, say)):
            unseen = number == 0 and Path(name).suffix.lower() in NOT_SHOWN_BY_BROWSERS
            yield view._replace(upload=like(pixels, pixels)) if unseen else view

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
        colours = MATCHED if matched else AS_GIVEN
        finding = find(pixels, name, bool(as_given))
        cell, smaller = finding.cell, reduced_note(finding, say)
        prediction = self.explainer.predict(cell, colours)
        known = is_cell(prediction)
        title = say("The cell") if known else say("The picture")
        words = say("the cell in {file}", file=name) if known else say("the picture {file}", file=name)
        yield found_view(pixels, finding, name, known, say)._replace(
            intro=hidden(),
            results=shown(),
            anyway=gr.update(open=known),
            cell=picture(like(cell, cell), words) | {"label": title},
            verdict=verdict_panel(self.explainer, name, prediction, None, say) + smaller,
            strange=strange_panel(self.explainer, prediction, None, say),
        )
        elbo = self.explainer.elbo(cell, draws, seed, colours)
        evidence = self.explainer.draw.evidence(self.explainer.model_view(cell), elbo.evidence[0], SHOWN)
        reading = Reading(Explanation(name, cell, 0, prediction, elbo, finding=finding, colours=colours), seed, pixels)
        paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
        yield ready(reading, say)._replace(
            reading=reading,
            verdict=verdict_panel(self.explainer, name, prediction, elbo.posterior[0].tolist(), say) + smaller,
            strange=strange_panel(self.explainer, prediction, elbo.posterior[0].tolist(), say),
            evidence=picture(like(evidence, cell), evidence_words(self.explainer, name, elbo.evidence[0], say)),
            evidence_scale=evidence_scale(self.explainer, elbo.evidence[0], say),
            elbo=elbo_panel(elbo.labels, elbo.elbo[0], elbo.standard_error[0], paired, draws, say, elbo.posterior[0]),
            gradient=gr.update(value=say(sentences.GRADIENT), visible=True),
            saliency=gone(),
            saliency_scale="",
        )


def _refused(error: CellImageError, say: Language) -> View:
    return empty()._replace(upload=None, status=alert(f"{error.name}: {refusal(error.reason, say)}"))


def _seed(value: float | None) -> int:
    return min(max(int(value or 0), 0), 2**31 - 1)
