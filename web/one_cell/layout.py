"""The layout of the page for one cell, and which callback answers to what."""

from typing import Any, NamedTuple

import gradio as gr

from jdm_core import Explainer
from jdm_core.report.words import noop
from web.one_cell.callbacks import DRAWS, USUAL_DRAWS, Callbacks
from web.one_cell.change_map import OPACITY, THRESHOLD
from web.one_cell.downloads import Downloads
from web.one_cell.edits import Edits
from web.one_cell.view import View
from web.parts.static import EXAMPLES, script
from web.parts.updates import QUIET, ends
from web.words import sentences
from web.words.browser import block, caption, label
from web.words.language import say_for

DRAW = {"concurrency_id": "draw", "concurrency_limit": 2}  # maps drawn anew need not wait for an edit
Parts = dict[str, Any]


class OneCell(NamedTuple):
    """What another tab needs to have a cell explained in this one; a new cell ends the `edits` that run."""

    callbacks: Callbacks
    settings: list[Any]
    outputs: list[Any]
    edits: list[Any]


def add_one_cell(explainer: Explainer, compute: dict[str, Any], kept_seconds: int) -> OneCell:
    """Adds upload, verdicts, evidence and edit of one cell to the surrounding tab; forgotten after some seconds."""
    parts: Parts = {"reading": gr.State(time_to_live=kept_seconds)}
    with gr.Row(elem_id="main"):
        with gr.Column(scale=1, min_width=280, elem_id="input"):
            parts |= _input_section(explainer.checkpoint.calibration.colours is not None)
            controls = _advanced(explainer.edit.steps)
        with gr.Column(scale=3, min_width=300, elem_id="output"):
            parts["status"] = gr.HTML(elem_id="status")
            parts["intro"] = gr.HTML(block("introduction"), elem_id="intro")
            with gr.Column(visible=False, elem_id="results") as parts["results"]:
                parts |= _verdict_section() | _edit_section()
    return _wire(Callbacks(explainer), Edits(explainer), parts, controls, compute)


def _input_section(matches: bool) -> Parts:
    parts: Parts = {}
    parts["upload"] = gr.Image(
        format="png",
        sources=["upload", "clipboard"],
        label=label("Cell"),
        height=220,
        buttons=[],
        elem_id="upload",
        placeholder=label("Drop a cell image here or click to upload: PNG, JPEG, TIFF, WebP, BMP"),
        alt_text="the uploaded cell",
    )
    with gr.Column(visible=False, elem_id="found") as parts["found"]:
        parts["outline"] = _picture(noop("What was found"), "outline")
        parts["found_note"] = gr.HTML(elem_id="found_note")
    whole = label("Use the picture as it is"), label("Do not cut the cell out of its background")
    parts["as_given"] = _switch(*whole, "as-given")
    parts["matched"] = _switch(label(sentences.MATCH), label(sentences.MATCH_ONE), "matched", matches)
    files = sorted(EXAMPLES.glob("*.png"))
    if files:
        gr.HTML(str(label("Synthetic examples, drawn by the model (no patients)")), elem_classes="note")
    with gr.Row(elem_id="examples"):
        parts["examples"] = [
            gr.Button(caption(file.stem), icon=file, size="sm", min_width=60, elem_id=file.stem) for file in files
        ]
    return parts


def _advanced(steps: int) -> Parts:
    controls: Parts = {}
    with gr.Accordion(label("Advanced"), open=False, elem_id="advanced"):
        controls["draws"] = gr.Radio(
            list(DRAWS), value=USUAL_DRAWS, label=label("Draws"), info=label("More are slower and more precise")
        )
        controls["seed"] = gr.Number(
            0,
            label=label("Seed"),
            info=label("Same seed, same numbers; another one, then “Explain again”, gives another edit"),
            precision=0,
            minimum=0,
        )
        controls["again"] = gr.Button(label("Explain again"), size="sm", elem_id="again")
        controls["mode"] = gr.Radio(
            [(label(mode), mode) for mode in (sentences.MILDEST, sentences.FIXED)],
            value=sentences.MILDEST,
            label=label("Strength of the edit"),
            elem_id="mode",
        )
        controls["start"] = gr.Slider(
            1, steps, steps, step=1, label=label("Starting noise, in steps"), visible=False, elem_id="start"
        )
        controls["guidance"] = gr.Slider(
            0.5, 6, 2, step=0.5, label=label("Guidance"), visible=False, elem_id="guidance"
        )
    return controls


def _verdict_section() -> Parts:
    parts: Parts = {}
    with gr.Column(elem_classes="card"):
        parts["verdict"] = gr.HTML(elem_id="verdict")
    # The style sheet hides the accordion's head unless the picture is no cell: then it starts closed.
    with gr.Accordion(label("Show the figures anyway"), elem_id="anyway") as parts["anyway"]:
        parts["strange"] = gr.HTML(elem_id="strange")
        with gr.Row(elem_id="glance"):
            with gr.Column(elem_classes="card", elem_id="why", scale=5, min_width=300):
                parts |= _evidence_section()
            with gr.Column(elem_classes="card", elem_id="likelihood", scale=4, min_width=300):
                parts["elbo"] = gr.HTML(elem_id="elbo")
    return parts


def _evidence_section() -> Parts:
    parts: Parts = {}
    gr.HTML(block("evidence"))
    with gr.Row(elem_classes="pair"):
        parts["cell"] = _picture(noop("The cell"), "cell")
        parts["evidence"] = _picture(noop("Evidence map"), "evidence")
    parts["evidence_scale"] = gr.HTML(elem_id="evidence_scale")
    parts["gradient"] = gr.Button(label(sentences.GRADIENT), size="sm", visible=False, elem_id="gradient")
    parts["saliency"] = _picture(noop("Gradient saliency"), "saliency", visible=False)
    parts["saliency_scale"] = gr.HTML(elem_id="saliency_scale")
    return parts


def _edit_section() -> Parts:
    parts: Parts = {}
    with gr.Column(elem_classes="card", elem_id="edit"):
        gr.HTML(block("change"))
        with gr.Row(elem_classes="buttons"):
            parts["flip"] = _button(sentences.FLIP, "flip")
            parts["remove"] = _button(noop("Remove the parasite"), "remove")
            parts["add"] = _button(noop("Add a parasite"), "add")
            parts["stop"] = gr.Button(label("Stop"), variant="stop", visible=False, elem_id="stop", min_width=80)
        parts["reason"] = gr.HTML(elem_id="reason", elem_classes="note")
        parts["progress"] = gr.HTML(elem_id="progress", js_on_load=script("focus"))
        parts["frame"] = _picture(noop("The edit so far"), "frame", visible=False)
        with gr.Column(visible=False, elem_id="edited") as parts["edited"]:
            parts["check"] = gr.HTML(elem_id="check")
            with gr.Row(elem_id="comparison"):
                with gr.Column(min_width=260):
                    parts["slider"] = gr.HTML(elem_id="slider", js_on_load=script("compare"))
                with gr.Column(min_width=260, elem_classes="framed"):
                    parts["change"] = _picture(noop("Change map"), "change")
            parts["change_scale"] = gr.HTML(elem_id="change_scale")
            parts |= _map_controls()
            parts["several"] = gr.HTML(elem_id="several")
            with gr.Row(elem_classes="buttons"):
                parts["variants"] = gr.Button(
                    label("Show four different edits"), size="sm", visible=False, elem_id="variants"
                )
                parts["animation"] = gr.DownloadButton(
                    label("Save before and after (animated WebP)"), size="sm", visible=False, elem_id="animation"
                )
    with gr.Column(visible=False, elem_id="reports") as parts["reports"]:
        with gr.Row(elem_classes="buttons"):
            for name, words in (("pdf", sentences.PDF), ("archive", sentences.FILES)):
                parts[name] = gr.Button(label(words), size="sm", elem_id=name)
                file = f"{name}_file"
                parts[file] = gr.DownloadButton(label(words), elem_id=file)  # out of sight: what save.js saves
        words = label(
            "PDF: this cell on one page. ZIP: its pictures, the page as PNG and PDF, and a JSON with every setting."
        )
        gr.HTML(str(words), elem_classes="note")
    return parts


def _map_controls() -> Parts:
    with gr.Row(elem_id="map-controls"):
        return {
            "threshold": gr.Slider(
                0, 60, THRESHOLD, step=1, label=label("Hide changes below (of 255)"), elem_id="threshold", min_width=160
            ),
            "opacity": gr.Slider(
                0, 100, OPACITY, step=5, label=label("Opacity of the colours (%)"), elem_id="opacity", min_width=160
            ),
            "border": gr.Checkbox(
                False, label=label("Outline what changed visibly"), elem_id="border", min_width=160, container=False
            ),
        }


def _button(words: str, elem_id: str) -> gr.Button:
    return gr.Button(label(words), interactive=False, elem_id=elem_id, min_width=120)


def _switch(words: Any, info: Any, elem_id: str, visible: bool = True) -> gr.Checkbox:
    return gr.Checkbox(False, label=words, info=info, elem_id=elem_id, container=False, visible=visible)


def _picture(words: str, elem_id: str, visible: bool = True) -> gr.Image:
    return gr.Image(
        label=label(words),
        format="png",
        interactive=False,
        buttons=["fullscreen"],
        elem_id=elem_id,
        min_width=120,
        visible=visible,
    )


def _wire(callbacks: Callbacks, edits: Edits, parts: Parts, controls: Parts, compute: dict[str, Any]) -> OneCell:
    page = [parts[name] for name in View._fields]
    upload, reading = parts["upload"], parts["reading"]
    reads = [controls["draws"], controls["seed"], parts["as_given"], parts["matched"]]
    strength = [controls[name] for name in ("mode", "start", "guidance")]
    options = {"preprocess": False, **QUIET}
    maps = [parts[name] for name in ("threshold", "opacity", "border")]
    running = [
        parts[name].click(getattr(edits, name), [reading, *strength, *maps], page, **options, **compute)
        for name in ("flip", "remove", "add")
    ]
    running.append(parts["variants"].click(edits.variants, [reading], page, **options, **compute))
    running.append(
        parts["gradient"].click(callbacks.gradient, [reading, parts["gradient"]], page, **options, **compute)
    )
    redraw = {"trigger_mode": "always_last", **options, **DRAW}  # while one is drawn, only the last wish is kept
    gr.on([part.input for part in maps], edits.redraw, [reading, *maps], page, **redraw)
    controls["mode"].input(_strength_controls, [controls["mode"]], [*strength[1:], parts["flip"]], queue=False, **QUIET)
    for name in ("pdf", "archive"):
        made = parts[name].click(getattr(Downloads(callbacks.explainer), name), [reading], page, **options)
        made.success(None, [parts[f"{name}_file"]], None, js=script("save"), **QUIET)
    clicks = [example.click for example in parts["examples"]]
    anew = [controls["again"].click, parts["as_given"].input, parts["matched"].input]
    ends(running, [upload.upload, parts["stop"].click, *anew, *clicks])
    explaining = [
        upload.upload(callbacks.explain, [upload, *reads], page, trigger_mode="multiple", **options, **compute),
        gr.on(anew, callbacks.again, [reading, *reads], page, **options, **compute),
        gr.on(clicks, callbacks.example, reads, page, trigger_mode="multiple", **options, **compute),
    ]
    # Where one explanation follows another, `Newest` picks: the server ends a listener's jobs of a visitor together.
    ends([*running, *explaining], [upload.clear])
    upload.clear(callbacks.clear, None, page, **options)
    parts["stop"].click(edits.stop, [reading], page, **options)
    return OneCell(callbacks, reads, page, running)


def _strength_controls(mode: str, request: gr.Request | None = None) -> list[dict[str, Any]]:
    fixed = mode == sentences.FIXED
    words = say_for(request)(sentences.FLIP_FIXED if fixed else sentences.FLIP)
    return [gr.update(visible=fixed), gr.update(visible=fixed), gr.update(value=words)]
