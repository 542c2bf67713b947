"""The layout of the tab for many cells, and which callback answers to what."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from jdm_core import Explainer
from jdm_core.report.words import Language
from web.many_cells.callbacks import BatchCallbacks, View
from web.many_cells.table import TEMPLATE
from web.many_cells.uploads import Limits
from web.parts.html import note
from web.parts.static import script
from web.parts.updates import QUIET, ends
from web.words import sentences
from web.words.browser import block, label, with_numbers


class ManyCells(NamedTuple):
    """What others need of this tab: where a batch is kept, where a cell of it is shown, and what a new drop ends."""

    callbacks: BatchCallbacks
    batch: gr.State
    detail: gr.HTML
    matched: gr.Checkbox
    outputs: list[Any]
    running: list[Any]
    stop: gr.Button

    def follow(self, event: Callable[..., Any], uploads: gr.State, compute: dict[str, Any]) -> None:
        """Has what `uploads` hold read upon an event; Stop ends it."""
        options = {"trigger_mode": "always_last", "preprocess": False, **QUIET}
        inputs = [uploads, self.matched]
        reading = event(self.callbacks.read, inputs, self.outputs, **options, **compute)
        ends([reading, *self.running], [self.stop.click])
        self.stop.click(self.callbacks.stop, [self.batch], self.outputs, preprocess=False, **QUIET)


def add_batch_tab(explainer: Explainer, compute: dict[str, Any], kept_seconds: int, limits: Limits) -> ManyCells:
    """Fills the surrounding tab: table, downloads, detail; a batch is forgotten seconds after its last change.

    `compute` says in which queue its work waits.
    """
    callbacks = BatchCallbacks(explainer, limits)
    parts: dict[str, Any] = {"batch": gr.State(time_to_live=kept_seconds)}
    gr.HTML(block("many_cells"), elem_id="batch-intro")
    parts["matched"] = gr.Checkbox(
        False,
        label=label(sentences.MATCH),
        info=label(sentences.MATCH_MANY),
        elem_id="batch-matched",
        container=False,
        visible=explainer.checkpoint.calibration.colours is not None,
    )
    gr.HTML(with_numbers("limits", lambda say: _limits(limits, say)), elem_id="batch-limits")
    with gr.Row(elem_classes="buttons"):
        parts["stop"] = gr.Button(label("Stop"), variant="stop", visible=False, elem_id="batch-stop", min_width=80)
    parts["status"] = gr.HTML(elem_id="batch-status")
    with gr.Row(visible=False, elem_classes="buttons", elem_id="batch-take") as parts["taking"]:
        parts["csv"] = gr.DownloadButton(label("Download table (CSV)"), size="sm", elem_id="batch-csv")
        parts["reports"] = gr.Button(label("Prepare reports (ZIP)"), size="sm", elem_id="batch-prepare")
        edits = gr.Checkbox(
            False,
            label=label("Include an edit of every cell in the reports (takes longer)"),
            container=False,
            elem_id="batch-edits",
        )
        parts["archive"] = gr.DownloadButton(
            label("Download reports (ZIP)"), size="sm", visible=False, elem_id="batch-zip"
        )
    with gr.Column(elem_id="batch-both"):  # the table stays where it is; a cell of it comes beside or below it
        parts["table"] = gr.HTML(
            "",
            html_template=TEMPLATE,
            js_on_load=script("batch"),
            apply_default_css=False,
            elem_id="batch-table",  # never `visible=False`: rows that came while Gradio mounted it would be lost
        )
        parts["detail"] = gr.HTML(elem_id="batch-detail", js_on_load=script("batch_detail"))
    parts["rule"] = gr.HTML(elem_id="batch-rule")
    return _wire(callbacks, parts, edits, compute)


def _limits(limits: Limits, say: Language) -> str:
    most = say(
        "PNG, JPEG, TIFF, WebP, BMP, GIF, ZIP; at most {images} images, at most {megabytes} MB",
        images=say.number(limits.images),
        megabytes=say.number(limits.unpacked_bytes // 2**20),
    )
    return str(note(most))


def _wire(callbacks: BatchCallbacks, parts: dict[str, Any], edits: gr.Checkbox, compute: dict[str, Any]) -> ManyCells:
    tab = [parts[name] for name in View._fields]
    batch, options = parts["batch"], {"preprocess": False, **QUIET}
    reports = parts["reports"].click(callbacks.prepare, [batch, edits], tab, **options, **compute)
    parts["table"].select(callbacks.explain, [batch], tab, **options, **compute)
    parts["detail"].clear(callbacks.close, None, tab, **options)
    return ManyCells(callbacks, batch, parts["detail"], parts["matched"], tab, [reports], parts["stop"])
