"""What happens behind the page when an edit is asked for: frames while it grows, then the checked result."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder
from markupsafe import Markup
from PIL import Image

from jdm_core import Explainer, Frame
from jdm_core.explain.edit import Strength
from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import Language
from web.one_cell.change_map import Wanted, change_map, change_scale, within
from web.one_cell.checks import check_panel, variant
from web.one_cell.compare import animation, comparison
from web.one_cell.view import Reading, View, empty
from web.parts.html import render
from web.parts.pictures import like
from web.parts.reading import plain_stem
from web.parts.updates import MAIN, OFF, ON, alert, gone, hidden, picture, progress_bar, shown, status
from web.words import sentences
from web.words.language import say_for

FRAMES_PER_SECOND = 8
VARIANTS = 4
_VARIANT = 256  # pixels a side


class Edits:
    """The callbacks of the edits on one page."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer
        self.thresholds = explainer.checkpoint.thresholds
        parasitized, uninfected = explainer.labels[:2]
        self.flip, self.remove, self.add = map(self._towards, (None, uninfected, parasitized))

    def stop(self, reading: Reading | None, request: gr.Request | None = None) -> View:
        """The page after an edit was stopped, with the edit before it, if there was one."""
        if reading is None:
            return empty()
        say, edit = say_for(request), reading.explanation.edit
        if edit is None:
            return ready(reading, say)._replace(progress=status(say(sentences.STOPPED)))
        return ready(reading, say)._replace(
            progress=status(say(sentences.STOPPED_AGAIN)),
            edited=shown(),
            several="",
            variants=gr.update(visible=_varies(edit)),
        )

    def redraw(
        self,
        reading: Reading | None,
        threshold: float | None,
        opacity: float | None,
        outline: bool | None,
        request: gr.Request | None = None,
    ) -> View:
        """The change map of the kept difference, drawn anew; nothing is edited again."""
        edit = reading.explanation.edit if reading else None
        if reading is None or edit is None:
            return View()
        wanted, say = Wanted(threshold, opacity, outline), say_for(request)
        return View(
            change=change_map(self.explainer, reading.explanation.file, reading.explanation.cell, edit, wanted, say),
            change_scale=change_scale(self.explainer, edit, wanted, say),
        )

    def variants(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """Four different edits to the label of the one shown, under it, each with the outcome of its check."""
        say = say_for(request)
        edit = reading.explanation.edit if reading else None
        if reading is None or edit is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        cell, target = reading.explanation.cell, edit.labels[int(edit.target[0])]
        busy = gr.update(interactive=False)
        yield View(
            flip=busy,
            remove=busy,
            add=busy,
            stop=shown(),
            variants=hidden(),
            progress="",
            several=progress_bar(say(sentences.EDITING_FOUR), 0),
        )
        wanted = reading.seed, reading.strength, reading.explanation.colours, VARIANTS
        with closing(self.explainer.stream(cell, target, *wanted)) as frames:
            for frame in _paced(frames):
                if frame.result is None:
                    yield View(several=progress_bar(say(sentences.EDITING_FOUR), frame.done))
        panel = render("variants", say, note=say(sentences.VARIANTS_NOTE), figures=self._figures(frame, cell, say))
        yield ready(reading, say)._replace(several=panel, variants=hidden())

    def _towards(self, target: str | None) -> Callable[..., Iterator[View]]:
        """The callback that edits a cell to a label, or with None to the one that the classifier does not give it."""

        def edit(
            reading: Reading | None,
            mode: str | None = None,
            start: float | None = None,
            guidance: float | None = None,
            threshold: float | None = None,
            opacity: float | None = None,
            outline: bool | None = None,
            request: gr.Request | None = None,
        ) -> Iterator[View]:
            strength, wanted = self._strength(mode, start, guidance), Wanted(threshold, opacity, outline)
            yield from self._edit(reading, target, strength, wanted, say_for(request))

        return edit

    def _edit(
        self, reading: Reading | None, target: str | None, strength: Strength | None, wanted: Wanted, say: Language
    ) -> Iterator[View]:
        """The frames of an edit and its result; the edit before it is out of sight, and kept until then."""
        if reading is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        explanation = reading.explanation
        cell, colours = explanation.cell, explanation.colours
        busy = gr.update(interactive=False)
        yield View(
            status="",
            reason="",
            flip=busy,
            remove=busy,
            add=busy,
            stop=shown(),
            edited=hidden(),
            progress=progress_bar(say(sentences.EDITING), 0),
            frame=gone(),
            reports=hidden(),
        )
        begun = time.monotonic()
        with closing(self.explainer.stream(cell, target, reading.seed, strength, colours)) as frames:
            for frame in _paced(frames):
                if frame.result is None:
                    left = (time.monotonic() - begun) * (1 - frame.done) / frame.done
                    words = sentences.progress(frame, left, say)
                    alt = say("the edit so far, {progress}", progress=sentences.progress(frame, say=say))
                    yield View(progress=progress_bar(words, frame.done), frame=picture(like(frame.image, cell), alt))
        reading = replace(reading, explanation=replace(explanation, edit=finished(frame)), strength=strength)
        results = self._results(reading, finished(frame), frame.attempts, wanted, say)
        yield ready(reading, say)._replace(reading=reading, **results)

    def _results(
        self, reading: Reading, edit: Counterfactual, attempts: int, wanted: Wanted, say: Language
    ) -> dict[str, Any]:
        """What the page shows of a finished edit, by field of the view."""
        cell, name = reading.explanation.cell, reading.explanation.file
        before, after = like(cell, cell), like(edit.full_resolution[0], cell)
        target = say(edit.labels[int(edit.target[0])])
        words = name, say("{file}, edited to {target}", file=name, target=target)
        return {
            "edited": shown(),
            "slider": comparison(before, after, words, say),
            "change": change_map(self.explainer, name, cell, edit, wanted, say),
            "change_scale": change_scale(self.explainer, edit, wanted, say),
            "check": check_panel(reading.explanation, edit, self.thresholds, attempts, say),
            "animation": gr.update(value=_kept_animation(name, before, after, say), visible=True),
            "variants": gr.update(visible=_varies(edit)),
            "several": "",
        }

    def _figures(self, frame: Frame, cell: np.ndarray, say: Language) -> list[Markup]:
        """The edits of a frame's result, each with the map of its change, in the proportions of the cell."""
        edit, figures = finished(frame), []
        original, target = edit.original[0], edit.labels[int(edit.target[0])]
        for number, (pixels, turned) in enumerate(zip(edit.variants[0], edit.variants_flipped[0], strict=True), 1):
            change = self.explainer.draw.difference(original, (pixels.astype(np.float32) - original) / 255, _VARIANT)
            pictures = like(pixels, cell, _VARIANT), like(change, cell, _VARIANT)
            figures.append(variant(number, target, bool(turned), pictures, say))
        return figures

    def _strength(self, mode: str | None, start: float | None, guidance: float | None) -> Strength | None:
        """The one strength that was asked for; None searches the mildest that turns both verdicts."""
        if mode != sentences.FIXED:
            return None
        steps = self.explainer.edit.steps
        return Strength(round(within(start, steps, 1, steps)), within(guidance, 2.0, 0.0, 10.0))


def ready(reading: Reading, say: Language) -> View:
    """The page with no edit running: the one on offer with the reason, and none for what is no cell."""
    prediction = reading.explanation.prediction
    says, cell = int(prediction.probabilities[0].argmax()), bool(prediction.is_cell[0])
    reason = sentences.on_offer(prediction.labels[says], say) if cell else say(sentences.NO_EDIT)
    return View(
        flip=gr.update(**(MAIN if cell else OFF)),
        remove=gr.update(**(ON if cell and says == 0 else OFF)),
        add=gr.update(**(ON if cell and says == 1 else OFF)),
        stop=hidden(),
        reason=reason,
        progress="",
        frame=gone(),
        reports=shown(),
    )


def finished(frame: Frame) -> Counterfactual:
    """The result that the last frame of an edit bears."""
    if frame.result is None:
        raise RuntimeError("the frames of an edit ended without its result")
    return frame.result


def _varies(edit: Counterfactual) -> bool:
    """Whether there is a strength to compare others with."""
    return edit.efforts[0].strength is not None


def _kept_animation(name: str, before: Image.Image, after: Image.Image, say: Language) -> str:
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{plain_stem(name)}-edit.webp")
        animation(before, after, path, say)
        return save_file_to_cache(path, get_upload_folder())


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
