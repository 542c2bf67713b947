"""The layout of the tab for many cells, and which callback answers to what."""

from typing import Any

import gradio as gr

from jdm_core import Explainer
from jdm_core.images.read import IMAGE_EXTENSIONS
from jdm_core.report.words import Language
from web.many_cells.callbacks import BatchCallbacks, View
from web.many_cells.table import TEMPLATE
from web.many_cells.uploads import Limits
from web.parts.html import note
from web.parts.static import script
from web.parts.updates import QUIET, ends
from web.words import sentences
from web.words.browser import block, label, with_numbers


def add_batch_tab(
    explainer: Explainer, compute: dict[str, Any], kept_seconds: int, limits: Limits
) -> tuple[gr.State, gr.HTML]:
    """Fills the surrounding tab: upload, table, downloads, detail; a batch is forgotten seconds after its last change.

    `compute` says in which queue its work waits. Gives back where the batch is kept and where a cell of it is shown.
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
    files = gr.File(
        file_count="multiple",
        file_types=[*sorted(IMAGE_EXTENSIONS), ".zip"],
        label=label("Images, or a ZIP of them"),
        height=160,
        elem_id="batch-files",
    )
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
    parts["detail"] = gr.HTML(elem_id="batch-detail", js_on_load=script("batch_detail"))
    parts["table"] = gr.HTML(
        "",
        html_template=TEMPLATE,
        js_on_load=script("batch"),
        apply_default_css=False,
        visible=False,
        elem_id="batch-table",
    )
    parts["rule"] = gr.HTML(elem_id="batch-rule")
    _wire(callbacks, parts, files, edits, compute)
    return parts["batch"], parts["detail"]


def _limits(limits: Limits, say: Language) -> str:
    most = say(
        "PNG, JPEG, TIFF, WebP, BMP, GIF, ZIP; at most {images} images, at most {megabytes} MB",
        images=say.number(limits.images),
        megabytes=say.number(limits.unpacked_bytes // 2**20),
    )
    return str(note(most))


def _wire(
    callbacks: BatchCallbacks, parts: dict[str, Any], files: gr.File, edits: gr.Checkbox, compute: dict[str, Any]
) -> None:
    tab = [parts[name] for name in View._fields]
    batch, options = parts["batch"], {"preprocess": False, **QUIET}
    reports = parts["reports"].click(callbacks.prepare, [batch, edits], tab, **options, **compute)
    ends([reports], [files.upload])
    reading = files.upload(
        callbacks.read, [files, parts["matched"]], tab, trigger_mode="always_last", **options, **compute
    )
    ends([reading, reports], [parts["stop"].click, files.clear])
    parts["stop"].click(callbacks.stop, [batch], tab, **options)
    files.clear(callbacks.clear, None, tab, **options)
    parts["table"].select(callbacks.explain, [batch], tab, **options, **compute)
    parts["detail"].clear(callbacks.close, None, tab, **options)
