"""What happens behind the tab for many cells: a table that fills as results come, and what can be taken away of it."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import CellImageError, Explainer
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.matching import AS_NEEDED, ColourChoice
from jdm_core.report.report import colour_fields
from jdm_core.version import VERSION
from web.many_cells.detail import detail
from web.many_cells.reports import write_reports
from web.many_cells.run import Batch, Result, batch_colours, run
from web.many_cells.summary import progress, report_progress, summary
from web.many_cells.table import rule, table_csv, table_head, table_rows
from web.many_cells.uploads import Limits, list_uploads, read_item
from web.parts.reading import find
from web.parts.updates import alert, hidden, progress_bar, status
from web.words.language import say_for

SEED = 0
SKIP = gr.skip()
ROWS_AT_ONCE = 8  # a table grows by at least such a part of it


class View(NamedTuple):
    """What a callback changes of the tab, component by component; one left out stays as it is."""

    batch: Any = SKIP
    status: Any = SKIP
    table: Any = SKIP
    rule: Any = SKIP
    stop: Any = SKIP
    taking: Any = SKIP
    csv: Any = SKIP
    reports: Any = SKIP
    archive: Any = SKIP
    detail: Any = SKIP


class BatchCallbacks:
    """The callbacks of one tab around one explainer."""

    def __init__(self, explainer: Explainer, limits: Limits) -> None:
        self.explainer, self.limits = explainer, limits

    def read(
        self, uploads: list[dict[str, Any]], matched: bool | None = False, request: gr.Request | None = None
    ) -> Iterator[View]:
        """Reads every cell of the uploads, in matched colours or as it needs; the table grows as results come."""
        say = say_for(request)
        items, total, others = list_uploads(uploads, self.limits)
        if not items:
            yield empty()._replace(status=alert(say("None of these files is a picture by its name.")))
            return
        colours = batch_colours(self.explainer, items) if matched else AS_NEEDED
        batch = Batch(tuple(items), self._settings(colours), total, colours=colours, others=others)
        rows = table_head(self.explainer.labels, say)
        yield empty()._replace(
            batch=batch,
            table=rows,
            stop=gr.update(visible=True),
            rule=rule(self.explainer.checkpoint.thresholds.unsure_below, say),
            status=progress_bar(progress(0, len(items), 0, say), 0),
        )
        began, sent = time.monotonic(), 0
        for results in run(self.explainer, items, SEED, colours):
            rows += table_rows(results, self.explainer.labels, len(batch.results), say)
            batch = replace(batch, results=(*batch.results, *results))  # a new one: Stop may come at any time
            done = len(batch.results)
            words = progress(done, len(items), time.monotonic() - began, say)
            # The table goes whole to the page: the longer it is, the more rows it waits for.
            table = SKIP
            if done == len(items) or done - sent >= sent // ROWS_AT_ONCE:
                table, sent = rows, done
            yield View(batch, progress_bar(words, done / len(items)), table)
        yield self._finished(batch, status(summary(batch, say)))

    def stop(self, batch: Batch | None, request: gr.Request | None = None) -> View:
        """The tab after a run was stopped, with all that was done until then."""
        if batch is None:
            return empty()
        say = say_for(request)
        words = say("Stopped. What was done stays: {summary}", summary=summary(batch, say))
        rows = table_head(self.explainer.labels, say) + table_rows(batch.results, self.explainer.labels, 0, say)
        return self._finished(batch, status(words))._replace(table=rows)

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
            for done in write_reports(self.explainer, batch, edits, SEED, path, say):
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
        settings = POSTERIOR_DRAWS, SEED, batch.colours if batch else AS_NEEDED
        return View(detail=detail(self.explainer, name, row, finding, *settings, say_for(request)))

    def close(self) -> View:
        """The tab without the explanation of a cell."""
        return View(detail="")

    def _settings(self, colours: ColourChoice) -> dict[str, Any]:
        """What the numbers depend on, as columns of the CSV."""
        e = self.explainer
        return {
            "draws": POSTERIOR_DRAWS,
            "seed": SEED,
            "colours": colour_fields(colours)["colours"],
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
        table="",
        rule="",
        stop=hidden(),
        taking=hidden(),
        csv=None,
        archive=hidden(),
        detail="",
    )
