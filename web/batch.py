"""The tab for many cells: a table that fills as results come, and what can be taken away of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import CellImageError, Explainer
from jdm_core.cells import IMAGE_EXTENSIONS
from jdm_core.version import VERSION
from web.batch_detail import detail
from web.batch_reports import write_reports
from web.batch_run import DRAWS, Batch, find, progress, run, summary
from web.batch_table import SORT, table_csv, table_rows, table_template
from web.uploads import Limits, list_items
from web.view import alert, hidden, progress_bar, status

KEPT_SECONDS = 3600  # of a batch's results, after the last change
SEED = 0
SHOW = "watch('value', () => element.querySelector('section')?.focus());"  # focus scrolls it into view
QUIET = {"show_progress": "hidden", "api_visibility": "private"}
INTRO = (
    "Drop several images of one cell each, or a ZIP of them: at most {images} images, {megabytes} MB unpacked. Every "
    "cell gets its verdicts; press one in the table to see its evidence. Nothing is kept beyond the session."
)
STOPPED = "Stopped. What was done stays:"
_SKIP = gr.skip()


class View(NamedTuple):
    """What a callback changes; each field names a component of the tab, and one left out stays as it is."""

    batch: Any = _SKIP
    status: Any = _SKIP
    table: Any = _SKIP
    stop: Any = _SKIP
    taking: Any = _SKIP
    csv: Any = _SKIP
    reports: Any = _SKIP
    archive: Any = _SKIP
    detail: Any = _SKIP


class BatchCallbacks:
    """The callbacks of one tab around one explainer."""

    def __init__(self, explainer: Explainer, limits: Limits) -> None:
        self.explainer, self.limits = explainer, limits

    def read(self, uploads: list[dict[str, Any]] | None) -> Iterator[View]:
        """Reads every cell of the uploads; the table grows as results come."""
        if not uploads:
            yield empty()
            return
        items, total = list_items(uploads, self.limits)
        batch = Batch(tuple(items), self._settings())
        rows = ""
        yield empty()._replace(
            batch=batch, table=gr.update(value=rows, visible=True), stop=gr.update(visible=True),
            status=progress_bar(progress(0, len(items), 0), 0),
        )  # fmt: skip
        began = time.monotonic()
        for results in run(self.explainer, items, SEED):
            rows += table_rows(results, self.explainer.labels, len(batch.results))
            batch = replace(batch, results=(*batch.results, *results))  # a new one: Stop may come at any time
            done = len(batch.results)
            words = progress(done, len(items), time.monotonic() - began)
            yield View(batch, progress_bar(words, done / len(items)), gr.update(value=rows, visible=True))
        yield self._finished(batch, status(summary(batch, total)))

    def stop(self, batch: Batch | None) -> View:
        """The tab after a run was stopped, with all that was done until then."""
        if batch is None:
            return empty()
        return self._finished(batch, status(f"{STOPPED} {summary(batch, len(batch.items))}"))

    def prepare(self, batch: Batch | None, edits: bool) -> Iterator[View]:
        """The ZIP of reports, cell by cell."""
        if batch is None or not batch.done:
            yield View()
            return
        yield View(stop=gr.update(visible=True), reports=gr.update(interactive=False), archive=hidden())
        total, began = len(batch.done), time.monotonic()
        with TemporaryDirectory() as folder:
            path = Path(folder, "PlasmoLens-reports.zip")
            for done in write_reports(self.explainer, batch, edits, SEED, path):
                words = f"Reports: {progress(done, total, time.monotonic() - began)}"
                yield View(status=progress_bar(words, done / total))
            kept = save_file_to_cache(path, get_upload_folder())
        yield View(
            status=status("The reports are ready."), stop=hidden(), reports=gr.update(interactive=True),
            archive=gr.update(value=kept, visible=True),
        )  # fmt: skip

    def explain(self, batch: Batch | None, event: gr.EventData) -> View:
        """The evidence of the cell whose row was pressed."""
        try:
            result = batch.results[int(event.row)] if batch else None
        except (IndexError, ValueError):
            return View()
        if result is None or result.error:
            return View()
        try:
            finding = find(result.item)
        except CellImageError as error:
            return View(detail=alert(str(error)))
        return View(detail=detail(self.explainer, result.item.name, finding, DRAWS, SEED))

    def clear(self) -> View:
        """The tab after its files were taken away."""
        return empty()

    def _settings(self) -> dict[str, Any]:
        """What the numbers depend on, as columns of the CSV."""
        e = self.explainer
        return {
            "draws": DRAWS, "seed": SEED, "model": e.name, "model_version": e.checkpoint.version,
            "model_sha256": e.sha256, "software": f"PlasmoLens {VERSION}",
        }  # fmt: skip

    def _finished(self, batch: Batch, words: str) -> View:
        """The tab with no run going on, and the CSV in the session's cache."""
        with TemporaryDirectory() as folder:
            path = Path(folder, "PlasmoLens-batch.csv")
            path.write_text(table_csv(batch.results, self.explainer.labels, batch.settings), "utf-8", newline="")
            kept = save_file_to_cache(path, get_upload_folder())
        return View(
            status=words, stop=hidden(), taking=gr.update(visible=bool(batch.results)), csv=gr.update(value=kept),
            reports=gr.update(interactive=bool(batch.done)),
        )  # fmt: skip


def empty() -> View:
    """The tab without a batch."""
    return View(None, "", gr.update(value="", visible=False), hidden(), hidden(), None, _SKIP, hidden(), "")


def add_batch_tab(explainer: Explainer, compute: dict[str, Any], limits: Limits | None = None) -> None:
    """Fills the surrounding tab: upload, table, downloads, detail; `compute` joins it to the queue of the device."""
    limits = limits or Limits()
    callbacks = BatchCallbacks(explainer, limits)
    parts: dict[str, Any] = {"batch": gr.State(time_to_live=KEPT_SECONDS)}
    intro = INTRO.format(images=limits.images, megabytes=limits.unpacked_bytes // 2**20)
    gr.HTML(f"<p>{escape(intro)}</p>", elem_id="batch-intro")
    files = gr.File(
        file_count="multiple", file_types=[*sorted(IMAGE_EXTENSIONS), ".zip"], label="Images, or a ZIP of them",
        height=160, elem_id="batch-files",
    )  # fmt: skip
    with gr.Row(elem_classes="buttons"):
        parts["stop"] = gr.Button("Stop", variant="stop", visible=False, elem_id="batch-stop", min_width=80)
    parts["status"] = gr.HTML(elem_id="batch-status")
    with gr.Row(visible=False, elem_classes="buttons", elem_id="batch-take") as parts["taking"]:
        parts["csv"] = gr.DownloadButton("Download table (CSV)", size="sm", elem_id="batch-csv")
        edits = gr.Checkbox(
            False, label="with edits", info="About a second a cell more", container=False, elem_id="batch-edits"
        )
        parts["reports"] = gr.Button("Prepare reports (ZIP)", size="sm", elem_id="batch-prepare")
        parts["archive"] = gr.DownloadButton("Download reports (ZIP)", size="sm", visible=False, elem_id="batch-zip")
    parts["detail"] = gr.HTML(elem_id="batch-detail", js_on_load=SHOW)
    parts["table"] = gr.HTML(
        "", html_template=table_template(explainer.labels), js_on_load=SORT, apply_default_css=False, visible=False,
        elem_id="batch-table",
    )  # fmt: skip
    _wire(callbacks, parts, files, edits, compute)


def _wire(
    callbacks: BatchCallbacks, parts: dict[str, Any], files: gr.File, edits: gr.Checkbox, compute: dict[str, Any]
) -> None:
    tab = [parts[name] for name in View._fields]
    batch, options = parts["batch"], {"preprocess": False, **QUIET}
    reports = parts["reports"].click(callbacks.prepare, [batch, edits], tab, **options, **compute)
    reading = files.upload(
        callbacks.read, [files], tab, cancels=[reports], trigger_mode="always_last", **options, **compute
    )
    parts["stop"].click(callbacks.stop, [batch], tab, cancels=[reading, reports], **options)
    files.clear(callbacks.clear, None, tab, cancels=[reading, reports], **options)
    parts["table"].select(callbacks.explain, [batch], tab, **options, **compute)
