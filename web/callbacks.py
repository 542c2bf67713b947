"""What happens behind the page: uploads in, updates of the page out. No layout here."""

import re
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path, PureWindowsPath
from shutil import make_archive
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import CellImageError, Explainer, Frame
from jdm_core.cells import read_cell
from jdm_core.report import Explanation, write_report
from web import text
from web.charts import SHOWN, bars, elbo_panel, like
from web.checks import check_panel

EXAMPLES = Path(__file__).parent / "examples"
DRAWS = (8, 16, 32, 64)
FRAMES_PER_SECOND = 8
NOT_SHOWN_BY_BROWSERS = {".tif", ".tiff"}
_SKIP = gr.skip()


@dataclass(frozen=True)
class Reading:
    """What the page knows of the cell that it shows."""

    explanation: Explanation
    seed: int


class View(NamedTuple):
    """What a callback changes; each field names a component of the page, and one left out stays as it is."""

    upload: Any = _SKIP
    reading: Any = _SKIP
    status: Any = _SKIP
    intro: Any = _SKIP
    results: Any = _SKIP
    verdict: Any = _SKIP
    cell: Any = _SKIP
    evidence: Any = _SKIP
    elbo: Any = _SKIP
    remove: Any = _SKIP
    add: Any = _SKIP
    stop: Any = _SKIP
    reason: Any = _SKIP
    progress: Any = _SKIP
    frame: Any = _SKIP
    edited: Any = _SKIP
    slider: Any = _SKIP
    after: Any = _SKIP
    change: Any = _SKIP
    check: Any = _SKIP
    prepare: Any = _SKIP
    report: Any = _SKIP


class Callbacks:
    """The callbacks of one page around one explainer."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer
        self.thresholds = explainer.checkpoint.thresholds

    def explain(self, upload: dict[str, Any] | None, draws: int | None, seed: float | None) -> Iterator[View]:
        """Reads the upload, or says why that cannot be done, and explains it."""
        if upload is None:
            yield empty()
            return
        try:
            name, cell = read_upload(upload)
        except CellImageError as error:
            gr.Warning(escape(str(error)), duration=6)
            yield empty()._replace(upload=None, status=_alert(str(error)))
            return
        for number, view in enumerate(self._explain(name, cell, draws, seed)):
            unseen = number == 0 and Path(name).suffix.lower() in NOT_SHOWN_BY_BROWSERS
            yield view._replace(upload=like(cell, cell)) if unseen else view

    def again(self, reading: Reading | None, draws: int | None, seed: float | None) -> Iterator[View]:
        """Explains the cell once more, with other settings."""
        if reading is None:
            yield empty()._replace(status=_alert(text.LOST))
        else:
            yield from self._explain(reading.explanation.file, reading.explanation.cell, draws, seed)

    def _explain(self, name: str, cell: np.ndarray, draws: int | None, seed: float | None) -> Iterator[View]:
        """The head's verdict at once, then the likelihood's with evidence map and ELBO."""
        draws, seed = draws if draws in DRAWS else 32, _seed(seed)
        prediction = self.explainer.predict(cell)
        yield empty()._replace(
            intro=gr.update(visible=False), results=gr.update(visible=True), cell=_picture(like(cell, cell), name),
            verdict=self._verdict(name, prediction.probabilities[0].tolist(), None),
        )  # fmt: skip
        elbo = self.explainer.elbo(cell, draws, seed)
        evidence = self.explainer.draw_evidence(self.explainer.model_view(cell), elbo.evidence[0], SHOWN)
        reading = Reading(Explanation(name, cell, 0, prediction, elbo), seed)
        paired = float(elbo.difference[0]), float(elbo.difference_standard_error[0])
        yield self._ready(reading)._replace(
            reading=reading,
            verdict=self._verdict(name, prediction.probabilities[0].tolist(), elbo.posterior[0].tolist()),
            evidence=_picture(like(evidence, cell), f"evidence map of {name}"),
            elbo=elbo_panel(elbo.labels, elbo.elbo[0], elbo.standard_error[0], paired, draws),
        )

    def example(self, draws: int | None, seed: float | None, event: gr.EventData) -> Iterator[View]:
        """Puts the example of the clicked button, which bears its file's name as id, in the place of an upload."""
        file = EXAMPLES / f"{Path(event.target.elem_id).name}.png"
        for number, view in enumerate(self.explain({"path": str(file), "orig_name": file.name}, draws, seed)):
            yield view if number else view._replace(upload=str(file))

    def remove(self, reading: Reading | None) -> Iterator[View]:
        """Edits the cell to the second label, Uninfected."""
        yield from self._edit(reading, self.explainer.labels[1])

    def add(self, reading: Reading | None) -> Iterator[View]:
        """Edits the cell to the first label, Parasitized."""
        yield from self._edit(reading, self.explainer.labels[0])

    def clear(self) -> View:
        """The page after its cell was taken away."""
        return empty()

    def stop(self, reading: Reading | None) -> View:
        """The page after an edit was stopped."""
        if reading is None:
            return empty()
        return self._ready(reading)._replace(progress=_status(text.STOPPED))

    def report(self, reading: Reading | None) -> View:
        """A ZIP of everything that the page shows of the cell."""
        if reading is None:
            return empty()
        stem = re.sub(r"[^\w-]+", "_", Path(reading.explanation.file).stem)[:60] or "cell"
        with TemporaryDirectory() as folder:
            write_report(self.explainer, reading.explanation, Path(folder, "report", stem), reading.seed)
            archive = make_archive(str(Path(folder, f"{stem}-report")), "zip", Path(folder, "report"))
            kept = save_file_to_cache(archive, get_upload_folder())
        return View(prepare=gr.update(visible=False), report=gr.update(value=kept, visible=True))

    def _edit(self, reading: Reading | None, target: str) -> Iterator[View]:
        if reading is None:
            yield empty()._replace(status=_alert(text.LOST))
            return
        explanation = replace(reading.explanation, edit=None)
        cell, name = explanation.cell, explanation.file
        yield View(
            reading=replace(reading, explanation=explanation), status="", reason="",
            edited=gr.update(visible=False), slider=None, after=None, change=None, check="",
            remove=gr.update(interactive=False), add=gr.update(interactive=False), stop=gr.update(visible=True),
            progress=_progress("Looking for the way back to noise …", 0), frame=gr.update(value=None, visible=True),
            prepare=gr.update(visible=False), report=gr.update(visible=False),
        )  # fmt: skip
        with closing(self.explainer.stream(cell, target, reading.seed)) as frames:
            for frame in _paced(frames):
                if frame.result is None:
                    done = (frame.attempt - 1 + frame.step / frame.steps) / frame.attempts
                    yield View(
                        progress=_progress(text.progress(frame), done),
                        frame=_picture(like(frame.image, cell), f"the edit so far, {text.progress(frame)}"),
                    )
        edit = frame.result
        reading = replace(reading, explanation=replace(explanation, edit=edit))
        change = self.explainer.draw_difference(edit.original[0], edit.difference[0], SHOWN)
        yield self._ready(reading)._replace(
            reading=reading,
            edited=gr.update(visible=True),
            slider=(like(cell, cell), like(edit.full_resolution[0], cell)),
            after=_picture(like(edit.full_resolution[0], cell), f"{name}, edited to {target}"),
            change=_picture(like(change, cell), f"map of what changed in {name}, edited to {target}"),
            check=check_panel(reading.explanation, self.thresholds, frame.attempts),
        )

    def _verdict(self, name: str, head: list[float], posterior: list[float] | None) -> str:
        labels = self.explainer.labels
        verdict = text.verdict(labels, head, posterior, self.thresholds["unsure_below"])
        readings = {text.HEAD: head, text.POSTERIOR: posterior}
        return (
            f'<p class="file">{escape(name)}</p><h2 class="verdict tone-{verdict.tone}">{escape(verdict.title)}</h2>'
            f'<p role="status">{escape(verdict.detail)}</p>{bars(labels, readings)}'
        )

    def _ready(self, reading: Reading) -> View:
        """The page with no edit running: one edit on offer, the other with the reason why not."""
        says = int(reading.explanation.prediction.probabilities[0].argmax())
        labels = self.explainer.labels
        on, off = {"interactive": True, "variant": "primary"}, {"interactive": False, "variant": "secondary"}
        return View(
            remove=gr.update(**(on if says == 0 else off)), add=gr.update(**(on if says == 1 else off)),
            stop=gr.update(visible=False), reason=text.why_off(labels[says], labels[says]),
            progress="", frame=gr.update(value=None, visible=False),
            prepare=gr.update(visible=True), report=gr.update(visible=False),
        )  # fmt: skip


def empty() -> View:
    """The page without a cell."""
    off = gr.update(interactive=False, variant="secondary")
    return View(
        reading=None, status="", intro=gr.update(visible=True), results=gr.update(visible=False), verdict="", cell=None,
        evidence=None, elbo="", remove=off, add=off, stop=gr.update(visible=False), reason="", progress="",
        frame=gr.update(value=None, visible=False), edited=gr.update(visible=False), slider=None, after=None,
        change=None, check="", prepare=gr.update(visible=False), report=gr.update(visible=False),
    )  # fmt: skip


def read_upload(upload: dict[str, Any]) -> tuple[str, np.ndarray]:
    """The user's name of an uploaded file and its cell. Raises CellImageError, which never names the server's path."""
    path = upload.get("path")
    name = PureWindowsPath(upload.get("orig_name") or path or "").name or "image"  # parts of either kind of path go
    if not path:
        raise CellImageError(name, "not an uploaded file")
    return name, read_cell(path, name)


def _seed(value: float | None) -> int:
    return min(max(int(value or 0), 0), 2**31 - 1)


def _paced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames not faster than a page can show, none with an image shown before; and always the last."""
    shown: set[bytes] = set()
    due = 0.0
    for frame in frames:
        image = frame.image.tobytes()
        if frame.result is not None:
            yield frame
        elif time.monotonic() >= due and image not in shown:
            shown.add(image)
            due = time.monotonic() + 1 / FRAMES_PER_SECOND
            yield frame


def _picture(picture: Any, words: str) -> dict[str, Any]:
    return gr.update(value=picture, visible=True, alt_text=words)


def _alert(message: str) -> str:
    return f'<p class="alert" role="alert">{escape(message)}</p>'


def _status(message: str) -> str:
    return f'<p role="status">{escape(message)}</p>'


def _progress(words: str, done: float) -> str:
    return (
        f'<div class="progress" role="progressbar" aria-valuenow="{100 * done:.0f}" aria-valuetext="{escape(words)}">'
        f'<span style="width:{100 * done:.1f}%"></span></div><p>{escape(words)}</p>'
    )
