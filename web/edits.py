"""What happens behind the page when an edit is asked for: frames while it grows, then the checked result."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import gradio as gr
import numpy as np
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import Explainer, Frame
from jdm_core.counterfactual import Strength
from jdm_core.results import Counterfactual
from web import text
from web.charts import SHOWN, legend, like
from web.checks import check_panel, variant
from web.compare import animation, comparison
from web.text import Say
from web.translation import say_for
from web.view import MAIN, OFF, ON, Reading, View, alert, empty, gone, hidden, no_edit, picture, progress_bar, status

FRAMES_PER_SECOND = 8
THRESHOLD, OPACITY = 0, 90  # of the change map: out of 255, and percent
STEPS_APART, TIMES_APART = 2, 1.5  # of a weaker or stronger variant: steps of starting noise, factor of guidance
_VARIANT = 256  # pixels a side


class Edits:
    """The callbacks of the edits on one page."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer
        self.thresholds = explainer.checkpoint.thresholds
        parasitized, uninfected = explainer.labels[:2]
        self.flip, self.remove, self.add = map(self._towards, (None, uninfected, parasitized))

    def stop(self, reading: Reading | None, request: gr.Request | None = None) -> View:
        """The page after an edit was stopped."""
        if reading is None:
            return empty()
        say = say_for(request)
        return ready(reading, say)._replace(progress=status(say(text.STOPPED)))

    def redraw(
        self, reading: Reading | None, threshold: float | None, opacity: float | None, outline: bool | None,
        request: gr.Request | None = None,
    ) -> View:  # fmt: skip
        """The change map of the kept difference, drawn anew; nothing is edited again."""
        if reading is None or reading.explanation.edit is None:
            return View()
        name, edit, say = reading.explanation.file, reading.explanation.edit, say_for(request)
        level, cover = _within(threshold, THRESHOLD, 0, 255), _within(opacity, OPACITY, 0, 100)
        drawn = self.explainer.draw.difference(
            edit.original[0], edit.difference[0], SHOWN, level / 255, cover / 100, bool(outline)
        )
        return View(change=picture(like(drawn, reading.explanation.cell), _change_words(name, edit, say)))

    def variants(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """A weaker and a stronger edit than the one shown, beside it, each with its check."""
        say = say_for(request)
        if reading is None or reading.explanation.edit is None:
            yield empty()._replace(status=alert(say(text.LOST)))
            return
        edit, cell = reading.explanation.edit, reading.explanation.cell
        target, own = edit.labels[int(edit.target[0])], _strength_of(edit)
        steps = edit.settings["steps"]
        weaker = replace(own, start=max(1, own.start - STEPS_APART))
        stronger = replace(
            own, start=min(steps, own.start + STEPS_APART), guidance=round(own.guidance * TIMES_APART, 2)
        )
        busy = gr.update(interactive=False)
        yield View(
            flip=busy, remove=busy, add=busy, stop=gr.update(visible=True), variants=hidden(),
            progress=progress_bar(say("Two more strengths …"), 0),
        )  # fmt: skip
        figures = {"Weaker": "", "As above": self._variant("As above", edit, cell, say), "Stronger": ""}
        for done, (name, strength) in enumerate((("Weaker", weaker), ("Stronger", stronger))):
            with closing(self.explainer.stream(cell, target, reading.seed, strength)) as frames:
                for frame in frames:
                    share = (done + frame.step / max(1, frame.steps)) / 2
                    if frame.result is None:
                        yield View(progress=progress_bar(say("Two more strengths …"), share))
            figures[name] = self._variant(name, frame.result, cell, say)
        panel = f'<p class="note">{say(text.VARIANTS_NOTE)}</p><div class="variants">{"".join(figures.values())}</div>'
        yield ready(reading, say)._replace(strengths=panel, variants=hidden())

    def _towards(self, target: str | None) -> Callable[..., Iterator[View]]:
        """The callback that edits a cell to a label, or with None to the one that the classifier does not give it."""

        def edit(
            reading: Reading | None, mode: str | None = None, start: float | None = None,
            guidance: float | None = None, request: gr.Request | None = None,
        ) -> Iterator[View]:  # fmt: skip
            yield from self._edit(reading, target, self._strength(mode, start, guidance), say_for(request))

        return edit

    def _edit(self, reading: Reading | None, target: str | None, strength: Strength | None, say: Say) -> Iterator[View]:
        if reading is None:
            yield empty()._replace(status=alert(say(text.LOST)))
            return
        explanation = replace(reading.explanation, edit=None)
        cell = explanation.cell
        busy = gr.update(interactive=False)
        yield no_edit()._replace(
            reading=replace(reading, explanation=explanation), status="", reason="",
            flip=busy, remove=busy, add=busy, stop=gr.update(visible=True),
            progress=progress_bar(say(text.INVERTING), 0), frame=gr.update(value=None, visible=True),
            prepare=hidden(), report=hidden(),
        )  # fmt: skip
        begun = time.monotonic()
        with closing(self.explainer.stream(cell, target, reading.seed, strength)) as frames:
            for frame in _paced(frames):
                if frame.result is None:
                    done = (frame.attempt - 1 + frame.step / frame.steps) / frame.attempts
                    left = (time.monotonic() - begun) * (1 - done) / done
                    words = text.progress(frame, left, say)
                    alt = f"{say('the edit so far')}, {text.progress(frame, say=say)}"
                    yield View(progress=progress_bar(words, done), frame=picture(like(frame.image, cell), alt))
        reading = replace(reading, explanation=replace(explanation, edit=frame.result))
        yield ready(reading, say)._replace(reading=reading, **self._result(reading, frame, say))

    def _result(self, reading: Reading, frame: Frame, say: Say) -> dict:
        """What the page shows of a finished edit, by field of the view."""
        edit, cell, name = frame.result, reading.explanation.cell, reading.explanation.file
        before, after = like(cell, cell), like(edit.full_resolution[0], cell)
        target = say(edit.labels[int(edit.target[0])])
        words = name, say("{file}, edited to {target}").format(file=name, target=target)
        change = self.explainer.draw.difference(edit.original[0], edit.difference[0], SHOWN)
        return {
            "edited": gr.update(visible=True),
            "slider": comparison(before, after, words, say),
            "change": picture(like(change, cell), _change_words(name, edit, say)),
            "change_scale": self._scale(edit, say),
            "check": check_panel(reading.explanation, self.thresholds, frame.attempts, say),
            "animation": gr.update(value=_kept_animation(name, before, after, say), visible=True),
            "variants": gr.update(visible=edit.settings["attempts"][0] > 0),
            "strengths": "",
        }

    def _scale(self, edit: Counterfactual, say: Say) -> str:
        full = round(255 * self.explainer.draw.difference_scale(edit.difference[0]))
        return legend(
            f"−{full}: {say('now darker')}", f"0: {say('unchanged')}", f"+{full}: {say('now brighter')}",
            say("change in luminance, of 255"),
        )  # fmt: skip

    def _variant(self, name: str, edit: Counterfactual, cell: np.ndarray, say: Say) -> str:
        change = self.explainer.draw.difference(edit.original[0], edit.difference[0], _VARIANT)
        pictures = like(edit.full_resolution[0], cell, _VARIANT), like(change, cell, _VARIANT)
        return variant(name, edit, pictures, say)

    def _strength(self, mode: str | None, start: float | None, guidance: float | None) -> Strength | None:
        """The one strength that was asked for; None searches the smallest that flips."""
        if mode != text.FIXED:
            return None
        steps = self.explainer.edit.steps
        return Strength(round(_within(start, steps, 1, steps)), _within(guidance, 2.0, 0.0, 10.0))


def ready(reading: Reading, say: Say) -> View:
    """The page with no edit running: one edit on offer, the other with the reason why not."""
    labels, head = reading.explanation.prediction.labels, reading.explanation.prediction.probabilities[0]
    says = int(head.argmax())
    return View(
        flip=gr.update(**MAIN), remove=gr.update(**(ON if says == 0 else OFF)),
        add=gr.update(**(ON if says == 1 else OFF)),
        stop=hidden(), reason=text.why_off(labels[says], say), progress="", frame=gone(),
        prepare=gr.update(visible=True), report=hidden(),
    )  # fmt: skip


def _strength_of(edit: Counterfactual) -> Strength:
    settings = edit.settings
    start = round(settings["start_time"][0] / settings["inversion_time"] * settings["steps"])
    return Strength(start, settings["guidance"][0], settings["region"][0], settings["single"][0])


def _change_words(name: str, edit: Counterfactual, say: Say) -> str:
    """The change map in words: towards what, and where it changed most."""
    moved = edit.difference[0].mean(axis=2)
    height, side = text.place(np.abs(moved), say)
    how = say("brighter" if moved.flat[np.abs(moved).argmax()] > 0 else "darker")
    words = say("map of what changed in {file}, edited to {target}: most at {height} {side}, which became {how}")
    target = say(edit.labels[int(edit.target[0])])
    return words.format(file=name, target=target, height=height, side=side, how=how)


def _kept_animation(name: str, before: object, after: object, say: Say) -> str:
    stem = re.sub(r"[^\w-]+", "_", Path(name).stem)[:60] or "cell"
    with TemporaryDirectory() as folder:
        path = Path(folder, f"{stem}-edit.webp")
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


def _within(value: float | None, otherwise: float, low: float, high: float) -> float:
    return min(max(float(otherwise if value is None else value), low), high)
