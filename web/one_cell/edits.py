"""What happens behind the page when an edit is asked for: frames while it grows, then the checked result."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import gradio as gr

from jdm_core import Explainer, Frame
from jdm_core.bounds import RANGES
from jdm_core.explain.edit import Strength
from jdm_core.explain.results import Counterfactual
from web.one_cell.change_map import Wanted, within
from web.one_cell.shown import VARIANTS, edited_view, ready, says, variants_panel
from web.one_cell.stage import change_tile, frame_tile, waiting_tiles
from web.one_cell.view import Reading, View, empty, no_edit
from web.parts.updates import alert, hidden, progress_bar, shown, status
from web.words import sentences
from web.words.language import say_for

FRAMES_PER_SECOND = 8


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
        wanted = edit.seed, reading.strength, reading.explanation.colours, VARIANTS
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
        """The frames of an edit to the other class, and its result; the edit before it is kept until then.

        The edit that is on the page already is not made again: the next seed gives another one.
        """
        say = say_for(request)
        if reading is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        explanation, strength = reading.explanation, self._strength(mode, start, guidance)
        seed = _seed(reading, strength)
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
        with closing(self.explainer.stream(cell, None, seed, strength, explanation.colours, 1)) as frames:
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
        """The one strength that was asked for; None searches the weakest that changes both verdicts."""
        if mode != sentences.FIXED:
            return None
        steps = self.explainer.edit.steps
        return Strength(round(within(start, steps, 1, steps)), within(guidance, 2.0, 0.0, 10.0))


def finished(frame: Frame) -> Counterfactual:
    """The result that the last frame of an edit bears."""
    if frame.result is None:
        raise RuntimeError("the frames of an edit ended without its result")
    return frame.result


def _seed(reading: Reading, strength: Strength | None) -> int:
    """The seed of the next edit of that strength, which is not the one on the page."""
    edit = reading.explanation.edit
    if edit is None:
        return reading.seed
    return edit.seed if strength != reading.strength else (edit.seed + 1) % (RANGES["seed"][1] + 1)


def _paced(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Frames not faster than a page can show; always the last of each attempt, which is checked, and the very last."""
    due = 0.0
    for frame in frames:
        if frame.result is not None or frame.step == frame.steps or time.monotonic() >= due:
            due = time.monotonic() + 1 / FRAMES_PER_SECOND
            yield frame
