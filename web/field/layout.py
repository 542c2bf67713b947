"""The layout of the tab for fields, and which callback answers to what."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import Explainer
from jdm_core.field.estimate import RED_CELLS
from web.field.callbacks import FieldCallbacks, example_is_there
from web.field.corrections import Corrections
from web.field.downloads import Downloads
from web.field.readings import MOST_RED_CELLS
from web.field.view import View
from web.parts.static import STATIC, script
from web.parts.updates import QUIET, ends
from web.words import sentences
from web.words.browser import block, label

FIELD = "field"  # the id of the tab
VIEWER = STATIC / "vendor" / "openseadragon.min.js"
COUNT = {"concurrency_id": "count", "concurrency_limit": 4}  # figures and files need not wait for the device
Parts = dict[str, Any]


class FieldTab(NamedTuple):
    """What the page's drop zone needs to have files read in this tab."""

    callbacks: FieldCallbacks
    settings: list[Any]
    outputs: list[Any]
    stop: gr.Button
    alone: gr.Button
    batch: dict[str, Any]

    def follow(self, event: Callable[..., Any], uploads: gr.State) -> None:
        """Has what `uploads` hold (path, orig_name) read as fields of the smear upon an event."""
        options = {"trigger_mode": "always_last", "preprocess": False, **QUIET}
        reading = event(self.callbacks.read, [uploads, *self.settings], self.outputs, **options, **self.batch)
        ends([reading], [self.stop.click])

    def opened_alone(self, one: gr.State, tabs: gr.Tabs, tab: str) -> Any:
        """What comes after `one` holds a picture that is no field, and the tab for one cell is in front."""
        smear, options = self.settings[0], {"queue": False, **QUIET}
        held = self.alone.click(self.callbacks.alone, [smear], [one], **options)
        return held.then(lambda: gr.update(selected=tab), None, [tabs], **options)


def add_field_tab(explainer: Explainer, compute: dict[str, Any], batch: dict[str, Any], kept_seconds: int) -> FieldTab:
    """Adds the tab for whole fields; they are forgotten seconds after their last change.

    `compute` says in which queue a cell's explanation waits, `batch` in which the reading of fields.
    """
    parts: Parts = {}
    with gr.Tab(label("A field"), id=FIELD, elem_id="a-field"):
        parts["smear"] = gr.State(time_to_live=kept_seconds)
        parts["readings"] = _html("field-readings", "field_store", html_template="<span hidden></span>", value="{}")
        parts["incoming"] = _html("field-incoming", "field_incoming", html_template="<span hidden></span>")
        parts["intro"] = gr.HTML(block("field_intro"), elem_id="field-intro")
        _inputs(parts, explainer.checkpoint.calibration.colours is not None)
        parts["status"] = gr.HTML(elem_id="field-status")
        parts["strip"] = _html("field-strip", "field_strip")
        parts["counts"] = gr.HTML(elem_id="field-counts")
        with gr.Row(elem_id="field-review"):
            with gr.Column(scale=6, min_width=300, elem_id="field-left"):
                parts["tools"] = _html("field-tools", "field_tools", value=block("field_tools"))
                shell = '<div class="field-stage"></div>'
                parts["data"] = _html("field-data", "field_view", html_template=shell, value="")
                parts["tally"] = gr.HTML(elem_id="field-tally")
                _downloads(parts)
            with gr.Column(scale=5, min_width=300, elem_id="field-right"):
                parts["gallery"] = _html("field-gallery", "field_gallery")
                parts["look"] = _html("field-look", "field_look", value=block("field_look"))
                parts["card"] = _html("field-card", "field_card")
    callbacks = FieldCallbacks(explainer, save_file_to_cache(VIEWER, get_upload_folder()))
    return _wire(callbacks, parts, compute, batch)


def _html(elem_id: str, code: str, **options: Any) -> gr.HTML:
    return gr.HTML(elem_id=elem_id, js_on_load=script(code), apply_default_css=False, **options)


def _inputs(parts: Parts, matches: bool) -> None:
    with gr.Row(elem_id="field-inputs", elem_classes="buttons"):
        # Out of sight: a button and the page's drop zone give it the files, and Gradio uploads them.
        parts["files"] = gr.File(file_count="multiple", visible="hidden", elem_id="field-files")
        gr.HTML(block("field_choose"), elem_id="field-choose", js_on_load=script("field_choose"))
        parts["example"] = gr.Button(
            label("Try an example"), size="sm", visible=example_is_there(), elem_id="field-example"
        )
        parts["anew"] = gr.Button(label("Begin a new smear"), size="sm", visible=False, elem_id="field-anew")
        parts["alone"] = gr.Button(label("Open it as one cell"), size="sm", visible=False, elem_id="field-alone")
        parts["stop"] = gr.Button(label("Stop"), variant="stop", size="sm", visible=False, elem_id="field-stop")
        parts["matched"] = gr.Checkbox(
            matches,
            label=label(sentences.MATCH),
            info=label(sentences.MATCH_FIELD),
            elem_id="field-matched",
            container=False,
            visible=matches,
        )


def _downloads(parts: Parts) -> None:
    with gr.Row(elem_classes="buttons", elem_id="field-take"):
        parts["red"] = gr.Number(
            RED_CELLS,
            label=label("Red cells per µL"),
            minimum=1,
            maximum=MOST_RED_CELLS,
            precision=0,
            min_width=150,
            elem_id="field-red",
        )
        for name, words in (("archive", label("All files (ZIP)")), ("geojson", "GeoJSON"), ("pdf", "PDF")):
            parts[name] = gr.Button(words, size="sm", elem_id=f"field-{name}", min_width=80)
            parts[f"{name}_file"] = gr.DownloadButton(words, elem_id=f"field-{name}-file", elem_classes="unseen")
    parts["keep"] = _html("field-keep", "field_keep", value=block("field_keep"))


def _wire(callbacks: FieldCallbacks, parts: Parts, compute: dict[str, Any], batch: dict[str, Any]) -> FieldTab:
    tab, options = [parts[name] for name in View._fields], {"preprocess": False, **QUIET}
    smear, said = parts["smear"], [parts["readings"], parts["red"]]
    settings = [smear, parts["matched"], *said]
    corrections, downloads = Corrections(callbacks), Downloads(callbacks.explainer)
    again = [parts["matched"].input]
    opening = parts["look"].opened(callbacks.open_cell, [smear], tab, trigger_mode="multiple", **options, **compute)
    ends([opening], [parts["anew"].click, *again])
    reading = [
        parts["files"].upload(
            callbacks.read, [parts["files"], *settings], tab, trigger_mode="always_last", **options, **batch
        ),
        parts["example"].click(callbacks.example, settings, tab, **options, **batch),
    ]
    ends(reading, [parts["stop"].click, parts["anew"].click, *again])
    reading.append(parts["matched"].input(callbacks.again, settings, tab, **options, **batch))
    ends(reading[-1:], [parts["stop"].click])
    parts["stop"].click(callbacks.stop, [smear, *said], tab, **options)
    parts["anew"].click(callbacks.clear, None, tab, **options)
    given = [smear, *said]
    parts["strip"].opened(callbacks.open_field, given, tab, **options, **COUNT)
    parts["readings"].counted(callbacks.count, given, tab, trigger_mode="always_last", **options, **COUNT)
    parts["red"].input(callbacks.count, given, tab, trigger_mode="always_last", **options, **COUNT)
    parts["data"].added(corrections.add, given, tab, **options, **compute)
    parts["look"].parted(corrections.part, given, tab, **options, **compute)
    parts["keep"].loaded(corrections.load, given, tab, **options, **compute)
    for name in ("archive", "geojson", "pdf"):
        made = parts[name].click(getattr(downloads, name), given, tab, **options, **COUNT)
        made.success(None, [parts[f"{name}_file"]], None, js=script("save"), **QUIET)
    return FieldTab(callbacks, settings, tab, parts["stop"], parts["alone"], batch)
