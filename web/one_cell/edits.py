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
from PIL import Image

from jdm_core import Explainer, Frame
from jdm_core.explain.edit import Strength
from jdm_core.explain.results import Counterfactual
from jdm_core.report.words import Language, noop
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
WEAKER, STRONGER, WIDER = 0.5, 1.5, 1.4  # of a variant: factors of guidance, and how much farther the stronger reaches
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
            strengths="",
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
        """A weaker and a stronger edit than the one shown, beside it, each with its check."""
        say = say_for(request)
        edit = reading.explanation.edit if reading else None
        own = edit.efforts[0].strength if edit else None
        if reading is None or edit is None or own is None:
            yield empty()._replace(status=alert(say(sentences.LOST)))
            return
        cell, target = reading.explanation.cell, edit.labels[int(edit.target[0])]
        colours = reading.explanation.colours
        weaker = replace(own, guidance=own.guidance * WEAKER)
        stronger = replace(own, guidance=own.guidance * STRONGER, region=own.region * WIDER)
        busy = gr.update(interactive=False)
        yield View(
            flip=busy,
            remove=busy,
            add=busy,
            stop=shown(),
            variants=hidden(),
            progress="",
            strengths=progress_bar(say(sentences.TWO_MORE), 0),
        )
        figures = [self._variant(noop("As above"), edit, cell, say)]
        for done, (name, strength) in enumerate(((noop("Weaker"), weaker), (noop("Stronger"), stronger))):
            with closing(self.explainer.stream(cell, target, reading.seed, strength, colours)) as frames:
                for frame in frames:
                    share = (done + frame.step / max(1, frame.steps)) / 2
                    if frame.result is None:
                        yield View(strengths=progress_bar(say(sentences.TWO_MORE), share))
            figures.insert(2 * done, self._variant(name, finished(frame), cell, say))  # on either side of the one above
        panel = render("variants", say, note=say(sentences.VARIANTS_NOTE), figures=figures)
        yield ready(reading, say)._replace(strengths=panel, variants=hidden())

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
            progress=progress_bar(say(sentences.INVERTING), 0),
            frame=gone(),
            reports=hidden(),
        )
        begun = time.monotonic()
        with closing(self.explainer.stream(cell, target, reading.seed, strength, colours)) as frames:
            for frame in _paced(frames):
                if frame.result is None:
                    done = (frame.attempt - 1 + frame.step / frame.steps) / frame.attempts
                    left = (time.monotonic() - begun) * (1 - done) / done
                    words = sentences.progress(frame, left, say)
                    alt = say("the edit so far, {progress}", progress=sentences.progress(frame, say=say))
                    yield View(progress=progress_bar(words, done), frame=picture(like(frame.image, cell), alt))
        reading = replace(reading, explanation=replace(explanation, edit=finished(frame)))
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
            "strengths": "",
        }

    def _variant(self, name: str, edit: Counterfactual, cell: np.ndarray, say: Language) -> str:
        change = self.explainer.draw.difference(edit.original[0], edit.difference[0], _VARIANT)
        pictures = like(edit.full_resolution[0], cell, _VARIANT), like(change, cell, _VARIANT)
        return variant(name, edit, pictures, self.thresholds, say)

    def _strength(self, mode: str | None, start: float | None, guidance: float | None) -> Strength | None:
        """The one strength that was asked for; None searches the smallest that flips."""
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
