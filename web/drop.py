"""The one place where pictures are dropped, and the view that each drop is for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr

from jdm_core.report.words import Language
from web.many_cells.archives import is_archive
from web.many_cells.opening import ONE_CELL
from web.many_cells.uploads import Limits, list_items, printable
from web.parts.static import script
from web.parts.updates import QUIET, status
from web.words.browser import block
from web.words.language import say_for

MANY_CELLS = "many-cells"  # the id of its tab
Upload = dict[str, Any]  # a file as a browser hands it on: `path` and `orig_name`


class Drop(NamedTuple):
    """The drop zone: `files` that were just dropped, what was `seen` in them, and what `one` cell or `many` are for."""

    files: gr.File
    seen: gr.HTML
    one: gr.State
    many: gr.State


def view_of(uploads: list[Upload]) -> str:
    """The tab that a drop is for, by what the files are: a file alone is one cell, several or a zip are many.

    This is the only place that decides it: whoever adds a view adds its case here, and a state of its own to `Drop`.
    """
    return MANY_CELLS if len(uploads) > 1 or is_archive(uploads[0]["path"]) else ONE_CELL


def add_drop(kept_seconds: int) -> Drop:
    """Adds the drop zone to the surrounding page. What was dropped is forgotten after some seconds."""
    with gr.Column(elem_id="drop"):
        gr.HTML(block("drop"), elem_id="drop-zone", js_on_load=script("drop"))
        seen = gr.HTML(elem_id="seen")
        # Out of sight: the zone's script gives it the files, and Gradio uploads them.
        files = gr.File(file_count="multiple", visible="hidden", elem_id="drop-files")
    return Drop(files, seen, gr.State(time_to_live=kept_seconds), gr.State(time_to_live=kept_seconds))


def wire_drop(drop: Drop, tabs: gr.Tabs, limits: Limits) -> Any:
    """Lets a drop go to its view: the event after which `drop.one` and `drop.many` hold it, or None."""
    outputs = [drop.one, drop.many, drop.seen, tabs, drop.files]
    return drop.files.upload(router(limits), [drop.files], outputs, queue=False, preprocess=False, **QUIET)


def router(limits: Limits) -> Callable[..., tuple[Any, ...]]:
    """The callback that tells what was dropped, brings its tab to the front and empties the zone for the next drop."""

    def route(uploads: list[Upload] | None, request: gr.Request | None = None) -> tuple[Any, ...]:
        if not uploads:
            return None, None, gr.skip(), gr.skip(), None
        view, say = view_of(uploads), say_for(request)
        one = uploads[0] if view == ONE_CELL else None
        many = uploads if view == MANY_CELLS else None
        return one, many, status(seen_words(uploads, limits, say)), gr.update(selected=view), None

    return route


def seen_words(uploads: list[Upload], limits: Limits, say: Language) -> str:
    """What was dropped, as a person counts it."""
    if view_of(uploads) == ONE_CELL:
        return say("One picture: {name}", name=printable(str(uploads[0].get("orig_name") or "")))
    return say.plural("{count} picture", "{count} pictures", list_items(uploads, limits)[1])
