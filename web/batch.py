"""The tab for many cells: a table that fills as results come, and what can be taken away of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import CellImageError, Explainer
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.images.read import IMAGE_EXTENSIONS
from jdm_core.version import VERSION
from web.batch_detail import detail
from web.batch_reports import write_reports
from web.batch_run import Batch, Result, progress, report_progress, run, summary
from web.batch_table import TEMPLATE, rule, table_csv, table_head, table_rows
from web.events import QUIET, ends
from web.found import find
from web.parts.static import script
from web.uploads import Limits, list_items, read_item
from web.view import alert, hidden, progress_bar, status, view_of
from web.words.browser import block, label
from web.words.language import say_for

SEED = 0
View = view_of("batch status table rule stop taking csv reports archive detail")


class BatchCallbacks:
    """The callbacks of one tab around one explainer."""

    def __init__(self, explainer: Explainer, limits: Limits) -> None:
        self.explainer, self.limits = explainer, limits

    def read(self, uploads: list[dict[str, Any]] | None, request: gr.Request | None = None) -> Iterator[View]:
        """Reads every cell of the uploads; the table grows as results come."""
        if not uploads:
            yield empty()
            return
        say = say_for(request)
        items, total = list_items(uploads, self.limits)
        batch = Batch(tuple(items), self._settings(), total)
        rows = table_head(self.explainer.labels, say)
        yield empty()._replace(
            batch=batch,
            table=gr.update(value=rows, visible=True),
            stop=gr.update(visible=True),
            rule=rule(self.explainer.checkpoint.thresholds.unsure_below, say),
            status=progress_bar(progress(0, len(items), 0, say), 0),
        )
        began = time.monotonic()
        for results in run(self.explainer, items, SEED):
            rows += table_rows(results, self.explainer.labels, len(batch.results), say)
            batch = replace(batch, results=(*batch.results, *results))  # a new one: Stop may come at any time
            done = len(batch.results)
            words = progress(done, len(items), time.monotonic() - began, say)
            yield View(batch, progress_bar(words, done / len(items)), gr.update(value=rows, visible=True))
        yield self._finished(batch, status(summary(batch, say)))

    def stop(self, batch: Batch | None, request: gr.Request | None = None) -> View:
        """The tab after a run was stopped, with all that was done until then."""
        if batch is None:
            return empty()
        say = say_for(request)
        words = say("Stopped. What was done stays: {summary}", summary=summary(batch, say))
        return self._finished(batch, status(words))

    def prepare(self, batch: Batch | None, edits: bool, request: gr.Request | None = None) -> Iterator[View]:
        """The ZIP of reports, cell by cell."""
        if batch is None or not batch.done:
            yield View()
            return
        say, total, began = say_for(request), len(batch.done), time.monotonic()
        tally = summary(batch, say)

        def going(done: int) -> str:
            words = report_progress(done, total, time.monotonic() - began, say)
            return status(tally) + progress_bar(words, done / total)

        yield View(
            status=going(0), stop=gr.update(visible=True), reports=gr.update(interactive=False), archive=hidden()
        )
        with TemporaryDirectory() as folder:
            path = Path(folder, "PlasmoLens-reports.zip")
            for done in write_reports(self.explainer, batch, edits, SEED, path):
                yield View(status=going(done))
            kept = save_file_to_cache(path, get_upload_folder())
        yield View(
            status=status(say("{summary} The reports are ready.", summary=tally)),
            stop=hidden(),
            reports=gr.update(interactive=True),
            archive=gr.update(value=kept, visible=True),
        )

    def explain(self, batch: Batch | None, event: gr.EventData, request: gr.Request | None = None) -> View:
        """The evidence of the cell whose row was pressed."""
        result = pressed(batch, event)
        if result is None:
            return View()
        try:
            finding = find(read_item(result.item), result.item.name)
        except CellImageError as error:
            return View(detail=alert(str(error)))
        name, row = result.item.name, int(event.row)
        return View(detail=detail(self.explainer, name, row, finding, POSTERIOR_DRAWS, SEED, say_for(request)))

    def close(self) -> View:
        """The tab without the explanation of a cell."""
        return View(detail="")

    def clear(self) -> View:
        """The tab after its files were taken away."""
        return empty()

    def _settings(self) -> dict[str, Any]:
        """What the numbers depend on, as columns of the CSV."""
        e = self.explainer
        return {
            "draws": POSTERIOR_DRAWS,
            "seed": SEED,
            "model": e.name,
            "model_version": e.checkpoint.version,
            "model_sha256": e.sha256,
            "software": f"PlasmoLens {VERSION}",
        }

    def _finished(self, batch: Batch, words: str) -> View:
        """The tab with no run going on, and the CSV in the session's cache."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "PlasmoLens-batch.csv")
            path.write_text(table_csv(batch.results, self.explainer.labels, batch.settings), "utf-8", newline="")
            kept = save_file_to_cache(path, get_upload_folder())
        return View(
            status=words,
            stop=hidden(),
            taking=gr.update(visible=bool(batch.results)),
            csv=gr.update(value=kept),
            reports=gr.update(interactive=bool(batch.done)),
        )


def pressed(batch: Batch | None, event: gr.EventData) -> Result | None:
    """The result of the row that an event names, if there is one and its file could be read."""
    try:
        result = batch.results[int(event.row)] if batch else None
    except (IndexError, ValueError):
        return None
    return None if result is None or result.error else result


def empty() -> View:
    """The tab without a batch."""
    return View(
        batch=None,
        status="",
        table=gr.update(value="", visible=False),
        rule="",
        stop=hidden(),
        taking=hidden(),
        csv=None,
        archive=hidden(),
        detail="",
    )


def add_batch_tab(
    explainer: Explainer, compute: dict[str, Any], kept_seconds: int, limits: Limits | None = None
) -> tuple[gr.State, gr.HTML]:
    """Fills the surrounding tab: upload, table, downloads, detail; a batch is forgotten seconds after its last change.

    `compute` says in which queue its work waits. Gives back where the batch is kept and where a cell of it is shown.
    """
    limits = limits or Limits()
    callbacks = BatchCallbacks(explainer, limits)
    parts: dict[str, Any] = {"batch": gr.State(time_to_live=kept_seconds)}
    gr.HTML(block("many_cells"), elem_id="batch-intro")
    kinds = "PNG, JPEG, TIFF, WebP, BMP, GIF, ZIP"  # words of no language, as the numbers depend on the settings
    most = f"≤ {limits.images} images, ≤ {limits.unpacked_bytes // 2**20} MB"
    gr.HTML(f'<p class="note">{kinds}; {most}</p>')
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


def _wire(
    callbacks: BatchCallbacks, parts: dict[str, Any], files: gr.File, edits: gr.Checkbox, compute: dict[str, Any]
) -> None:
    tab = [parts[name] for name in View._fields]
    batch, options = parts["batch"], {"preprocess": False, **QUIET}
    reports = parts["reports"].click(callbacks.prepare, [batch, edits], tab, **options, **compute)
    ends([reports], [files.upload])
    reading = files.upload(callbacks.read, [files], tab, trigger_mode="always_last", **options, **compute)
    ends([reading, reports], [parts["stop"].click, files.clear])
    parts["stop"].click(callbacks.stop, [batch], tab, **options)
    files.clear(callbacks.clear, None, tab, **options)
    parts["table"].select(callbacks.explain, [batch], tab, **options, **compute)
    parts["detail"].clear(callbacks.close, None, tab, **options)
