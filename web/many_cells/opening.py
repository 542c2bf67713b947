"""A cell of a batch taken to the tab for one cell, where it is explained with more draws and can be edited."""

from collections.abc import Iterator
from typing import Any

import gradio as gr

from web.compute.decoding import read_pixels
from web.many_cells.callbacks import pressed
from web.many_cells.run import Batch
from web.many_cells.uploads import read_item
from web.one_cell.layout import OneCell
from web.one_cell.view import View
from web.parts.updates import QUIET, ends

ONE_CELL = "one-cell"  # the id of its tab


def open_in_one_cell(batch: gr.State, detail: gr.HTML, one_cell: OneCell, compute: dict[str, Any]) -> None:
    """Lets the detail of a batch's cell have that cell explained in the tab for one cell."""
    options = {"preprocess": False, **QUIET}
    ends(one_cell.edits, [detail.select])
    detail.select(opener(one_cell), [batch, *one_cell.settings], one_cell.outputs, **options, **compute)


def opener(one_cell: OneCell) -> Any:
    """The callback that explains the cell of the row that an event names as if it had been uploaded alone."""

    def opened(
        batch: Batch | None,
        draws: int | None,
        seed: float | None,
        as_given: bool | None,
        matched: bool | None,
        event: gr.EventData,
        request: gr.Request | None = None,
    ) -> Iterator[View]:
        result = pressed(batch, event)
        if result is None:
            yield View()
            return
        item = result.item
        yield from one_cell.callbacks.show(
            lambda: (item.name, read_pixels(read_item(item), item.name)), draws, seed, as_given, matched, request
        )

    return opened
