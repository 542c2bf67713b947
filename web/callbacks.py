"""What happens behind the page when a cell comes or goes: uploads in, updates of the page out. No layout here."""

from collections.abc import Callable, Iterator
from pathlib import Path, PureWindowsPath
from shutil import make_archive
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from markupsafe import Markup

from jdm_core import CellImageError, Explainer
from jdm_core.explain.results import Prediction
from jdm_core.images.find import Finding
from jdm_core.report.report import Explanation, write_report
from jdm_core.report.words import HEAD, POSTERIOR, Language, found_note
from web.charts import bars, elbo_panel, legend, magnitude_legend
from web.decoding import read_pixels
from web.edits import ready
from web.found import find
from web.newest import Newest
from web.parts.html import note, render
from web.parts.pictures import SHOWN, like, marked
from web.uploads import plain_stem
from web.view import Reading, View, alert, empty, gone, hidden, picture
from web.words import sentences
from web.words.language import say_for

EXAMPLES = Path(__file__).parent / "examples"
DRAWS = (8, 16, 32, 64)
USUAL_DRAWS = 32
NOT_SHOWN_BY_BROWSERS = {".tif", ".tiff"}


class Callbacks:
    """The callbacks of one page around one explainer, but for those of its edits."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer, self.newest = explainer, Newest()
        self.unsure_below = explainer.checkpoint.thresholds.unsure_below

    def explain(
        self,
        upload: dict[str, Any] | None,
        draws: int | None,
        seed: float | None,
        as_given: bool | None = False,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Reads the upload, or says why that cannot be done, and explains the cell that it shows."""
        yield from self.newest.only(request, self._read(upload, draws, seed, as_given, say_for(request)))

    def again(
        self,
        reading: Reading | None,
        draws: int | None,
        seed: float | None,
        as_given: bool | None = False,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Explains the same upload once more, with other settings."""
        say = say_for(request)
        if reading is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        views = self._explain(reading.explanation.file, reading.upload, draws, seed, as_given, say)
        yield from self.newest.only(request, views)

    def example(
        self,
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Puts the example of the clicked button, which bears its file's name as id, in the place of an upload."""
        file = EXAMPLES / f"{Path(event.target.elem_id).name}.png"
        views = self._read({"path": str(file), "orig_name": file.name}, draws, seed, as_given, say_for(request))
        shown = (view if number else view._replace(upload=str(file)) for number, view in enumerate(views))
        yield from self.newest.only(request, shown)

    def show(
        self,
        read: Callable[[], tuple[str, np.ndarray]],
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """Puts a picture that is read elsewhere, a name and uint8 (H, W, 3), in the place of an upload."""

        def views() -> Iterator[View]:
            try:
                name, pixels = read()
            except CellImageError as error:
                yield _refused(error)
                return
            for number, view in enumerate(self._explain(name, pixels, draws, seed, as_given, say_for(request))):
                yield view if number else view._replace(upload=like(pixels, pixels))

        yield from self.newest.only(request, views())

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
        drawn = self.explainer.draw.saliency(self.explainer.model_view(cell), self.explainer.saliency(cell)[0], SHOWN)
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

    def pdf(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """The sheet of the cell as PDF."""

        def make(stem: Path) -> str:
            write_report(self.explainer, reading.explanation, stem, reading.seed, ("pdf",))
            return f"{stem}.pdf"

        yield from _prepared("pdf", sentences.PDF, reading, make, say_for(request))

    def archive(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """A ZIP of everything that the page shows of the cell."""

        def make(stem: Path) -> str:
            write_report(self.explainer, reading.explanation, stem.parent / "report" / stem.name, reading.seed)
            return make_archive(f"{stem}-report", "zip", stem.parent / "report")

        yield from _prepared("archive", sentences.FILES, reading, make, say_for(request))

    def _read(
        self, upload: dict[str, Any] | None, draws: int | None, seed: float | None, as_given: bool | None, say: Language
    ) -> Iterator[View]:
        if upload is None:
            yield empty()
            return
        try:
            name, pixels = read_upload(upload)
        except CellImageError as error:
            yield _refused(error)
            return
        for number, view in enumerate(self._explain(name, pixels, draws, seed, as_given, say)):
            unseen = number == 0 and Path(name).suffix.lower() in NOT_SHOWN_BY_BROWSERS
            yield view._replace(upload=like(pixels, pixels)) if unseen else view

    def _explain(
        self, name: str, pixels: np.ndarray, draws: int | None, seed: float | None, as_given: bool | None, say: Language
    ) -> Iterator[View]:
        """The head's verdict at once, then the likelihood's with evidence map and ELBO."""
        draws, seed = draws if draws in DRAWS else USUAL_DRAWS, _seed(seed)
        finding = find(pixels, name, bool(as_given))
        cell, smaller = finding.cell, _reduced(finding, say)
        prediction = self.explainer.predict(cell)
        known = _familiar(prediction)
        title = say("The cell") if known else say("The picture")
        words = say("the cell in {file}", file=name) if known else say("the picture {file}", file=name)
        yield _found(pixels, finding, name, known, say)._replace(
            intro=hidden(),
            results=gr.update(visible=True),
            anyway=gr.update(open=known),
            cell=picture(like(cell, cell), words) | {"label": title},
            verdict=self._verdict(name, prediction, None, say) + smaller,
            strange=self._strange(prediction, None, say),
        )
        elbo = self.explainer.elbo(cell, draws, seed)
        evidence = self.explainer.draw.evidence(self.explainer.model_view(cell), elbo.evidence[0], SHOWN)
        reading = Reading(Explanation(name, cell, 0, prediction, elbo, finding=finding), seed, pixels)
        paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
        yield ready(reading, say)._replace(
            reading=reading,
            verdict=self._verdict(name, prediction, elbo.posterior[0].tolist(), say) + smaller,
            strange=self._strange(prediction, elbo.posterior[0].tolist(), say),
            evidence=picture(like(evidence, cell), self._evidence_words(name, elbo.evidence[0], say)),
            evidence_scale=self._evidence_scale(elbo.evidence[0], say),
            elbo=elbo_panel(elbo.labels, elbo.elbo[0], elbo.standard_error[0], paired, draws, say, elbo.posterior[0]),
            gradient=gr.update(value=say(sentences.GRADIENT), visible=True),
            saliency=gone(),
            saliency_scale="",
        )

    def _verdict(self, name: str, prediction: Prediction, posterior: list[float] | None, say: Language) -> Markup:
        labels, head = self.explainer.labels, prediction.probabilities[0].tolist()
        known = _familiar(prediction)
        verdict = sentences.verdict(labels, head, posterior, self.unsure_below, known, say)
        shown = bars(labels, {HEAD: head, POSTERIOR: posterior}, say) if known else ""
        return render("verdict", say, file=name, verdict=verdict, familiar=known, bars=shown)

    def _strange(self, prediction: Prediction, posterior: list[float] | None, say: Language) -> Markup:
        """The percentages of what is no cell, which stand among the figures that are shown on request."""
        if _familiar(prediction):
            return Markup()
        head = prediction.probabilities[0].tolist()
        return bars(self.explainer.labels, {HEAD: head, POSTERIOR: posterior}, say, muted=True)

    def _evidence_words(self, name: str, evidence: np.ndarray, say: Language) -> str:
        """The evidence map in words: which class it speaks for on the whole, and where it is strongest."""
        first, second = (say(label) for label in self.explainer.labels)
        height, side = sentences.place(np.abs(evidence), say)
        return say(
            "evidence map of {file}: on the whole it speaks for {label}, most strongly at {height} {side}",
            file=name,
            label=first if evidence.sum() > 0 else second,
            height=height,
            side=side,
        )

    def _evidence_scale(self, evidence: np.ndarray, say: Language) -> Markup:
        first, second = (say("speaks for {label}", label=say(label)) for label in self.explainer.labels)
        scale = float(f"{self.explainer.draw.evidence_scale(evidence):.2g}")
        unit = say("full colour: {scale} log-odds per pixel", scale=say.number(scale))
        return legend(second, say("no evidence"), first, unit)


def _refused(error: CellImageError) -> View:
    return empty()._replace(upload=None, status=alert(str(error)))


def _familiar(prediction: Prediction) -> bool:
    return bool(prediction.familiar[0])


def _prepared(
    name: str, words: str, reading: Reading | None, make: Callable[[Path], str], say: Language
) -> Iterator[View]:
    """What the button of that name offers, once `make` has written it beside a path without an ending."""
    if reading is None:
        yield empty()
        return
    yield View(**{name: gr.update(value=say(sentences.PREPARING))})
    with TemporaryDirectory() as folder:
        kept = save_file_to_cache(make(Path(folder, plain_stem(reading.explanation.file))), get_upload_folder())
    yield View(**{name: gr.update(value=say(words)), f"{name}_file": gr.update(value=kept)})


def read_upload(upload: dict[str, Any]) -> tuple[str, np.ndarray]:
    """The user's name of an uploaded file, and its pixels. Raises CellImageError, which never names the path here."""
    name, path = _named(upload)
    return name, read_pixels(path, name)


def find_upload(upload: dict[str, Any], as_given: bool) -> tuple[str, Finding]:
    """The user's name of an uploaded file, and its cell, found as the page finds it. Raises CellImageError likewise."""
    name, path = _named(upload)
    return name, find(path, name, as_given)


def _named(upload: dict[str, Any]) -> tuple[str, str]:
    path = upload.get("path")
    name = PureWindowsPath(upload.get("orig_name") or path or "").name or "image"  # parts of either kind of path go
    if not path:
        raise CellImageError(name, "not an uploaded file")
    return name, path


def _found(pixels: np.ndarray, finding: Finding, name: str, known: bool, say: Language) -> View:
    """The page before more is known of the cell than where it lies in the upload, and whether it is one at all."""
    if finding.status == "as given":
        return empty()
    alt = say("{file} with the outline of what was found in it", file=name)
    words = note(found_note(finding, known, say), "" if finding.status == "cut out" else "warning")
    drawn = marked(like(pixels, pixels), finding.outline)
    return empty()._replace(found=gr.update(visible=True), outline=picture(drawn, alt), found_note=words)


def _reduced(finding: Finding, say: Language) -> Markup:
    if finding.reduced_from is None:
        return Markup()
    now, before = (f"{width} × {height}" for height, width in (finding.cell.shape[:2], finding.reduced_from))
    words = say(
        "The cell is read, edited and reported at {now} pixels; in the upload it has {before}.", now=now, before=before
    )
    return note(words)


def _seed(value: float | None) -> int:
    return min(max(int(value or 0), 0), 2**31 - 1)
