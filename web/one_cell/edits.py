"""What happens behind the page when an edit is asked for: frames while it grows, then the checked result."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import gradio as gr
import numpy as np
from markupsafe import Markup

from jdm_core import Explainer, Frame
from jdm_core.explain.edit import Strength
from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import Language
from web.one_cell.change_map import Wanted, within
from web.one_cell.checks import check_panel, variant
from web.one_cell.kept import kept_animation
from web.one_cell.stage import change_tile, edit_tile, frame_tile, waiting_tiles
from web.one_cell.view import Reading, View, empty, no_edit
from web.parts.html import render
from web.parts.pictures import like
from web.parts.updates import alert, hidden, progress_bar, shown, status
from web.words import sentences
from web.words.language import say_for

FRAMES_PER_SECOND = 8
VARIANTS = 4
_VARIANT = 256  # pixels a side


class Edits:
    """The callbacks of the edits on one page."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer

    def stop(self, reading: Reading | None, request: gr.Request | None = None) -> View:
        """The page after an edit was stopped, with the edit before it, if there was one."""
        if reading is None:
            return empty()
        say, edit = say_for(request), reading.explanation.edit
        if edit is None:
            edited, change = waiting_tiles(says(reading), say)
            view = ready(reading, say)._replace(edited=edited, change=change)
            return view._replace(progress=status(say(sentences.STOPPED)))
        view = edited_view(self.explainer, reading, Wanted(), say)
        return view._replace(reading=gr.skip(), progress=status(say(sentences.STOPPED_AGAIN)), several="")

    def redraw(
        self,
        reading: Reading | None,
        threshold: float | None,
        outline: bool | None,
        request: gr.Request | None = None,
    ) -> View:
        """The change map of the kept difference, drawn anew; nothing is edited again."""
        edit = reading.explanation.edit if reading else None
        if reading is None or edit is None:
            return View()
        one, wanted = reading.explanation, Wanted(threshold, outline)
        return View(change=change_tile(self.explainer, one.cell, one.file, edit, wanted, say_for(request)))

    def variants(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """Four different edits to the label of the one shown, under it, each with the outcome of its check."""
        say = say_for(request)
        edit = reading.explanation.edit if reading else None
        if reading is None or edit is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        cell, target = reading.explanation.cell, edit.labels[int(edit.target[0])]
        yield View(
            flip=hidden(),
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
        yield ready(reading, say)._replace(several=variants_panel(finished(frame), cell, say), variants=hidden())

    def flip(
        self,
        reading: Reading | None,
        mode: str | None = None,
        start: float | None = None,
        guidance: float | None = None,
        threshold: float | None = None,
        outline: bool | None = None,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        """The frames of an edit to the other class, and its result; the edit before it is kept until then."""
        say = say_for(request)
        if reading is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        explanation, strength = reading.explanation, self._strength(mode, start, guidance)
        cell, title = explanation.cell, say(sentences.edited_title(says(reading)))
        edited, change = waiting_tiles(says(reading), say, say(sentences.EDITING))
        yield no_edit()._replace(
            status="",
            flip=hidden(),
            stop=shown(),
            edited=edited,
            change=change,
            progress=progress_bar(say(sentences.EDITING), 0),
            reports=hidden(),
        )
        begun = time.monotonic()
        with closing(self.explainer.stream(cell, None, reading.seed, strength, explanation.colours, 1)) as frames:
            for frame in _paced(frames):
                if frame.result is None:
                    left = (time.monotonic() - begun) * (1 - frame.done) / frame.done
                    words = sentences.progress(frame, left, say)
                    alt = say("the edit so far, {progress}", progress=sentences.progress(frame, say=say))
                    tile = frame_tile(frame.image, cell, title, alt)
                    yield View(progress=progress_bar(words, frame.done), edited=tile)
        reading = replace(reading, explanation=replace(explanation, edit=finished(frame)), strength=strength)
        yield edited_view(self.explainer, reading, Wanted(threshold, outline), say)

    def _strength(self, mode: str | None, start: float | None, guidance: float | None) -> Strength | None:
        """The one strength that was asked for; None searches the mildest that turns both verdicts."""
        if mode != sentences.FIXED:
            return None
        steps = self.explainer.edit.steps
        return Strength(round(within(start, steps, 1, steps)), within(guidance, 2.0, 0.0, 10.0))


def ready(reading: Reading, say: Language) -> View:
    """The page with no edit running: the one on offer, and none for what is no cell."""
    cell = bool(reading.explanation.prediction.is_cell[0])
    return View(
        flip=gr.update(value=say(sentences.button(says(reading))), visible=cell),
        stop=hidden(),
        progress="" if cell else status(say(sentences.NO_EDIT)),
        reports=shown(),
    )


def edited_view(explainer: Explainer, reading: Reading, wanted: Wanted, say: Language) -> View:
    """The page of a cell with its finished edit."""
    one = reading.explanation
    edit, thresholds = one.edit, explainer.checkpoint.thresholds
    if edit is None:
        raise ValueError("a cell that was not edited")
    cell, name, effort = one.cell, one.file, edit.efforts[0]
    several = edit.variants.shape[1] > 1
    return ready(reading, say)._replace(
        reading=reading,
        edited=edit_tile(cell, name, edit, thresholds, says(reading), say),
        change=change_tile(explainer, cell, name, edit, wanted, say),
        check=check_panel(one, edit, thresholds, reading.strength is not None, say),
        animation=gr.update(value=kept_animation(name, cell, edit, say), visible=True),
        variants=gr.update(visible=effort.strength is not None and not several),
        several=variants_panel(edit, cell, say) if several else "",
    )


def variants_panel(edit: Counterfactual, cell: np.ndarray, say: Language) -> Markup:
    """The edits of a cell beside each other, in its proportions, each with the outcome of its check."""
    target = edit.labels[int(edit.target[0])]
    figures = [
        variant(number, target, bool(turned), like(pixels, cell, _VARIANT), say)
        for number, (pixels, turned) in enumerate(zip(edit.variants[0], edit.variants_flipped[0], strict=True), 1)
    ]
    return render("variants", say, note=say(sentences.VARIANTS_NOTE), figures=figures)


def says(reading: Reading) -> str:
    """The label that the classifier gives the cell."""
    prediction = reading.explanation.prediction
    return prediction.labels[int(prediction.probabilities[0].argmax())]


def finished(frame: Frame) -> Counterfactual:
    """The result that the last frame of an edit bears."""
    if frame.result is None:
        raise RuntimeError("the frames of an edit ended without its result")
    return frame.result


def _paced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames not faster than a page can show; always the last of each attempt, which is checked, and the very last."""
    due = 0.0
    for frame in frames:
        if frame.result is not None or frame.step == frame.steps or time.monotonic() >= due:
            due = time.monotonic() + 1 / FRAMES_PER_SECOND
            yield frame
