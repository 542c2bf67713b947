"""The layout of the page for one cell, and which callback answers to what."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from jdm_core import Explainer
from jdm_core.report.words import ENGLISH, Language
from web.one_cell.callbacks import DRAWS, USUAL_DRAWS, Callbacks
from web.one_cell.change_map import THRESHOLD
from web.one_cell.downloads import Downloads
from web.one_cell.edits import Edits
from web.one_cell.opening import NAME, opener
from web.one_cell.opening import read as read_opening
from web.one_cell.stage import waiting
from web.one_cell.view import View
from web.parts.html import render
from web.parts.pictures import thumbnail
from web.parts.static import EXAMPLES, script
from web.parts.updates import QUIET, ends
from web.words import sentences
from web.words.browser import block, label, with_numbers
from web.words.language import say_for

DRAW = {"concurrency_id": "draw", "concurrency_limit": 2}  # maps drawn anew need not wait for an edit
OPTIONS = {"preprocess": False, **QUIET}
TILES = ("cell", "evidence", "edited", "change")
Parts = dict[str, Any]


class OneCell(NamedTuple):
    """What others need to have a cell explained in this tab; a new cell ends the `edits` that run."""

    callbacks: Callbacks
    settings: list[Any]
    outputs: list[Any]
    edits: list[Any]

    def follow(self, event: Callable[..., Any], upload: gr.State, compute: dict[str, Any]) -> None:
        """Has what `upload` holds explained upon an event."""
        inputs = [upload, *self.settings]
        event(self.callbacks.explain, inputs, self.outputs, trigger_mode="multiple", **OPTIONS, **compute)


def add_examples() -> gr.HTML | None:
    """Adds the examples to the surrounding page, if there are any; a press of one is a `select` with its name."""
    files = sorted(EXAMPLES.glob("*-*.png"))
    if not files:
        return None
    pictures = [(file.stem, thumbnail(file)) for file in files]

    def examples(say: Language) -> str:
        named = [(stem, uri, sentences.example(stem, say)) for stem, uri in pictures]
        return str(render("examples", say, examples=named, opened=NAME))

    return gr.HTML(with_numbers("examples", examples), elem_id="examples", js_on_load=script("examples"))


def add_one_cell(
    explainer: Explainer, compute: dict[str, Any], kept_seconds: int, examples: gr.HTML | None = None
) -> OneCell:
    """Adds answer, stage and figures of one cell to the surrounding tab; forgotten after some seconds.

    It opens with the example that was made for these weights, and without, where there is none.
    """
    opening = read_opening(explainer)
    parts: Parts = {"reading": gr.State(time_to_live=kept_seconds)}
    parts["status"] = gr.HTML(elem_id="status")
    parts["said"] = gr.HTML(elem_id="said", elem_classes="unseen", js_on_load=script("said"))
    parts["intro"] = gr.HTML(block("introduction"), visible=opening is None, elem_id="intro")
    with gr.Column(visible=opening is not None, elem_id="results") as parts["results"]:
        with gr.Row(elem_classes="card", elem_id="answer"):
            parts["verdict"] = gr.HTML(elem_id="verdict", js_on_load=script("answer"))
            with gr.Column(elem_id="edit", min_width=200):
                parts |= _action(opening is not None)
        with gr.Column(elem_classes="card", elem_id="show"):
            with gr.Row(elem_id="stage"):
                for name in TILES:
                    moves = script("strength") if name == "edited" else None
                    parts[name] = gr.HTML(str(waiting("", "")), elem_id=name, js_on_load=moves)
            gr.HTML(block("stage"), elem_id="stage-tools", js_on_load=script("stage"))
            parts |= _outcome()
        parts["found"] = gr.HTML(elem_id="found")
        controls = _another(explainer.checkpoint.calibration.colours is not None)
        with gr.Accordion(label("For researchers"), open=False, elem_id="research"):
            parts |= _figures()
            controls |= _settings(explainer.edit.steps)
            parts["repeat"] = gr.HTML(elem_id="repeat")
    one_cell = _wire(Callbacks(explainer), Edits(explainer), parts, controls, examples, compute)
    if opening is not None:
        opened = opener(explainer, opening)
        opened(ENGLISH)  # drawn before anybody waits for it
        gr.on(None, _opens(opened), None, one_cell.outputs, queue=False, **QUIET)
    return one_cell


def _opens(opened: Callable[[Language], View]) -> Callable[..., View]:
    """The callback of a page that was loaded."""

    def opens(request: gr.Request | None = None) -> View:
        return opened(say_for(request))

    return opens


def _action(edited: bool) -> Parts:
    """The one button, of a page that opens with an edit or without a cell.

    A slow browser loses the words that come with a button's first appearance, so that those of the opening are there.
    """
    words = sentences.ANOTHER if edited else sentences.HEALTHY
    parts: Parts = {"flip": gr.Button(label(words), variant="primary", visible=False, elem_id="flip")}
    parts["stop"] = gr.Button(label("Stop"), variant="stop", visible=False, elem_id="stop")
    parts["progress"] = gr.HTML(elem_id="progress", js_on_load=script("focus"))
    return parts


def _outcome() -> Parts:
    parts: Parts = {"check": gr.HTML(elem_id="check"), "several": gr.HTML(elem_id="several")}
    with gr.Row(elem_classes="buttons", elem_id="take"):
        parts["variants"] = gr.Button(label("Show four different edits"), size="sm", visible=False, elem_id="variants")
        parts["animation"] = gr.Button(label(sentences.ANIMATION), size="sm", visible=False, elem_id="animation")
        parts["animation_file"] = gr.DownloadButton(label(sentences.ANIMATION), elem_id="animation_file")
        with gr.Row(visible=False, elem_classes="buttons", elem_id="reports") as parts["reports"]:
            for name, words in (("pdf", sentences.PDF), ("archive", sentences.FILES)):
                parts[name] = gr.Button(label(words), size="sm", elem_id=name)
                file = f"{name}_file"
                parts[file] = gr.DownloadButton(label(words), elem_id=file)  # out of sight: what save.js saves
    return parts


def _another(matches: bool) -> Parts:
    with gr.Accordion(label("Another stain or background?"), open=False, elem_id="another"):
        return {
            "as_given": gr.Checkbox(
                False,
                label=label("Use the picture as it is"),
                info=label("Do not cut the cell out of its background"),
                elem_id="as-given",
                container=False,
            ),
            "matched": gr.Checkbox(
                False,
                label=label(sentences.MATCH),
                info=label(sentences.MATCH_ONE),
                elem_id="matched",
                container=False,
                visible=matches,
            ),
        }


def _figures() -> Parts:
    parts: Parts = {"figures": gr.HTML(elem_id="figures"), "elbo": gr.HTML(elem_id="elbo")}
    parts["gradient"] = gr.Button(label(sentences.GRADIENT), size="sm", visible=False, elem_id="gradient")
    parts["saliency"] = gr.HTML(elem_id="saliency")
    return parts


def _settings(steps: int) -> Parts:
    controls: Parts = {}
    with gr.Row(elem_id="settings"):
        with gr.Column(min_width=280):
            controls["draws"] = gr.Radio(
                list(DRAWS),
                value=USUAL_DRAWS,
                label=label("Draws"),
                info=label("More are slower and more precise"),
                elem_id="draws",
            )
            controls["seed"] = gr.Number(
                0,
                label=label("Seed"),
                info=label("Same seed, same numbers; another one, then “Explain again”, gives another edit"),
                precision=0,
                minimum=0,
                elem_id="seed",
            )
            controls["again"] = gr.Button(label("Explain again"), size="sm", elem_id="again")
        with gr.Column(min_width=280):
            controls["mode"] = gr.Radio(
                [(label(mode), mode) for mode in (sentences.WEAKEST, sentences.FIXED)],
                value=sentences.WEAKEST,
                label=label("Strength of the edit"),
                elem_id="mode",
            )
            controls["start"] = gr.Slider(
                1, steps, steps, step=1, label=label("Starting noise, in steps"), visible=False, elem_id="start"
            )
            controls["guidance"] = gr.Slider(
                0.5, 6, 2, step=0.5, label=label("Guidance"), visible=False, elem_id="guidance"
            )
            controls["threshold"] = gr.Slider(
                0, 60, THRESHOLD, step=1, label=label("Hide changes below (of 255)"), elem_id="threshold"
            )
            controls["border"] = gr.Checkbox(
                False, label=label("Outline what changed visibly"), elem_id="border", container=False
            )
    return controls


def _wire(
    callbacks: Callbacks,
    edits: Edits,
    parts: Parts,
    controls: Parts,
    examples: gr.HTML | None,
    compute: dict[str, Any],
) -> OneCell:
    page = [parts[name] for name in View._fields]
    reading = parts["reading"]
    reads = [controls[name] for name in ("draws", "seed", "as_given", "matched")]
    maps = [controls[name] for name in ("threshold", "border")]
    strength = [controls[name] for name in ("mode", "start", "guidance")]
    running = [
        parts["flip"].click(edits.flip, [reading, *strength, *maps], page, **OPTIONS, **compute),
        parts["variants"].click(edits.variants, [reading], page, **OPTIONS, **compute),
        parts["gradient"].click(callbacks.gradient, [reading, parts["gradient"]], page, **OPTIONS, **compute),
    ]
    redraw = {"trigger_mode": "always_last", **OPTIONS, **DRAW}  # while one is drawn, only the last wish is kept
    gr.on([part.input for part in maps], edits.redraw, [reading, *maps], page, **redraw)
    controls["mode"].input(_strength_controls, [controls["mode"]], strength[1:], queue=False, **QUIET)
    for name in ("animation", "pdf", "archive"):
        made = parts[name].click(getattr(Downloads(callbacks.explainer), name), [reading], page, **OPTIONS)
        made.success(None, [parts[f"{name}_file"]], None, js=script("save"), **QUIET)
    clicks = [examples.select] if examples is not None else []
    anew = [controls["again"].click, controls["as_given"].input, controls["matched"].input]
    ends(running, [parts["stop"].click, *anew, *clicks])
    # Where one explanation follows another, `Newest` picks: the server ends a listener's jobs of a visitor together.
    gr.on(anew, callbacks.again, [reading, *reads], page, **OPTIONS, **compute)
    if clicks:
        gr.on(clicks, callbacks.example, reads, page, trigger_mode="multiple", **OPTIONS, **compute)
    parts["stop"].click(edits.stop, [reading], page, **OPTIONS)
    return OneCell(callbacks, reads, page, running)


def _strength_controls(mode: str) -> list[dict[str, Any]]:
    return [gr.update(visible=mode == sentences.FIXED)] * 2
