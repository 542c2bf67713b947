"""The one place where pictures are dropped, and the view that each drop is for."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr
import torch

from jdm_core.field.alone import what_shows
from jdm_core.field.finder import finder_on
from jdm_core.images.announced import announced
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.read import read_bytes
from jdm_core.images.refused import CellImageError
from jdm_core.report.words import Language
from web.compute.decoding import read_pixels
from web.field.layout import FIELD
from web.many_cells.archives import is_archive
from web.many_cells.opening import ONE_CELL
from web.many_cells.uploads import Limits, list_items, printable
from web.parts.static import script
from web.parts.updates import QUIET, status
from web.words.browser import block
from web.words.language import say_for

MANY_CELLS = "many-cells"  # the id of its tab
CELL_SIDE = 150  # pixels: what has a shorter side than that is no field
FIELD_SIDE = 400  # pixels of the shorter side: where neither several cells nor one are seen, so large a one is a field
LOOKED_AT = 3  # files of a drop, so that a person does not wait for a hundred
Upload = dict[str, Any]  # a file as a browser hands it on: `path` and `orig_name`


class Drop(NamedTuple):
    """The drop zone: `files` that were just dropped, what was `seen` in them, and what each view is to take of them."""

    files: gr.File
    seen: gr.HTML
    one: gr.State
    many: gr.State
    fields: gr.State


def view_of(uploads: list[Upload]) -> str:
    """The tab that a drop is for: fields, by what some of the files show; else a file alone is one cell, others many.

    This is the only place that decides it: whoever adds a view adds its case here, and a state of its own to `Drop`.
    """
    if all(_is_field(upload["path"]) for upload in uploads[:: -(-len(uploads) // LOOKED_AT)]):
        return FIELD
    return MANY_CELLS if len(uploads) > 1 or is_archive(uploads[0]["path"]) else ONE_CELL


def _is_field(path: str) -> bool:
    """Whether a file's picture shows several cells, or none and is large; what cannot be read is no field."""
    try:
        said = announced(read_bytes(path, "", OF_FIELD), "", OF_FIELD)
        if min(said.width, said.height) < CELL_SIDE:
            return False
        pixels = read_pixels(path, "", OF_FIELD)
    except CellImageError:
        return False
    shown = what_shows(pixels, finder_on(torch.device("cpu")))  # a moment, for which nobody waits in the device's line
    return shown == "several cells" or (shown == "neither" and min(pixels.shape[:2]) >= FIELD_SIDE)


def add_drop(kept_seconds: int) -> Drop:
    """Adds the drop zone to the surrounding page. What was dropped is forgotten after some seconds."""
    with gr.Column(elem_id="drop"):
        gr.HTML(block("drop"), elem_id="drop-zone", js_on_load=script("drop"))
        seen = gr.HTML(elem_id="seen")
        # Out of sight: the zone's script gives it the files, and Gradio uploads them.
        files = gr.File(file_count="multiple", visible="hidden", elem_id="drop-files")
    return Drop(files, seen, *(gr.State(time_to_live=kept_seconds) for _ in range(3)))


def wire_drop(drop: Drop, tabs: gr.Tabs, limits: Limits) -> Any:
    """Lets a drop go to its view: the event after which the view's state holds it, and the others None."""
    outputs = [drop.one, drop.many, drop.fields, drop.seen, tabs, drop.files]
    return drop.files.upload(router(limits), [drop.files], outputs, queue=False, preprocess=False, **QUIET)


def router(limits: Limits) -> Callable[..., tuple[Any, ...]]:
    """The callback that tells what was dropped, brings its tab to the front and empties the zone for the next drop."""

    def route(uploads: list[Upload] | None, request: gr.Request | None = None) -> tuple[Any, ...]:
        if not uploads:
            return None, None, None, gr.skip(), gr.skip(), None
        view, say = view_of(uploads), say_for(request)
        one = uploads[0] if view == ONE_CELL else None
        many, fields = (uploads if view == wanted else None for wanted in (MANY_CELLS, FIELD))
        return one, many, fields, status(seen_words(uploads, view, limits, say)), gr.update(selected=view), None

    return route


def seen_words(uploads: list[Upload], view: str, limits: Limits, say: Language) -> str:
    """What was dropped, as a person counts it."""
    if view == FIELD:
        return say.plural("{count} field", "{count} fields", len(uploads))
    if view == ONE_CELL:
        return say("One picture: {name}", name=printable(str(uploads[0].get("orig_name") or "")))
    return say.plural("{count} picture", "{count} pictures", list_items(uploads, limits)[1])
