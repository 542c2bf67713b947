"""The one place where pictures are dropped, and the view that each drop is for."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
import torch

from jdm_core.field.finder import CELL_SIDE, finder_on, what_shows
from jdm_core.images.announced import announced
from jdm_core.images.limits import OF_CELL, OF_FIELD
from jdm_core.images.read import IMAGE_EXTENSIONS, read_bytes
from jdm_core.images.refused import CellImageError
from jdm_core.report.words import Language
from web.compute.decoding import read_pixels
from web.field.layout import FIELD
from web.many_cells.archives import is_archive
from web.many_cells.opening import ONE_CELL
from web.many_cells.uploads import PICTURES_NOT_READ, Limits, list_items, printable
from web.parts.static import script
from web.parts.updates import QUIET, status
from web.words.browser import block
from web.words.language import say_for

MANY_CELLS = "many-cells"  # the id of its tab
FIELD_SIDE = 400  # pixels of the shorter side: where neither several cells nor one are seen, so large a one is a field
LOOKED_AT = 3  # files of a drop, so that a person does not wait for a hundred
LOOK = {"concurrency_id": "look", "concurrency_limit": 4}  # at what was dropped, which does not wait for the device
Upload = dict[str, Any]  # a file as a browser hands it on: `path` and `orig_name`


class Looks:
    """The drop of each visitor that is being looked at, until that visitor drops or chooses something else."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._newest: dict[str | None, int] = {}  # by session

    def begin(self, request: gr.Request | None) -> int:
        """The number of a look, in the place of the one before it."""
        look = next(self._numbers)
        self._newest[_session(request)] = look
        return look

    def ends(self, request: gr.Request | None, look: int) -> bool:
        """Forgets a look that is over; whether what was seen still counts."""
        counts = self._newest.get(_session(request)) is look
        if counts:
            self.give_up(request)
        return counts

    def give_up(self, request: gr.Request | None) -> None:
        """Lets a look that is under way count no more."""
        self._newest.pop(_session(request), None)


def _session(request: gr.Request | None) -> str | None:
    return request.session_hash if request else None


class Drop(NamedTuple):
    """The drop zone: `files` that were just dropped, what was `seen` in them, and what each view is to take of them.

    The state of a view changes with each drop that is for it, and with no other: its `change` is the view's event.
    """

    looks: Looks
    files: gr.File
    seen: gr.HTML
    one: gr.State
    many: gr.State
    fields: gr.State

    def gives_way(self, chosen: Callable[..., Any], tabs: gr.Tabs, **options: Any) -> None:
        """Lets the choice of a cell shown elsewhere bring its tab to the front, whatever is still being looked at.

        To be wired before the other listeners of that choice, for which it would wait.
        """

        def front(request: gr.Request | None = None) -> tuple[Any, ...]:
            self.looks.give_up(request)
            return gr.update(selected=ONE_CELL), ""

        chosen(front, None, [tabs, self.seen], queue=False, **QUIET, **options)


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
    return Drop(Looks(), files, seen, *(gr.State(time_to_live=kept_seconds) for _ in range(3)))


def wire_drop(drop: Drop, tabs: gr.Tabs, limits: Limits) -> None:
    """Lets a drop go to the state of its view."""
    outputs = [drop.one, drop.many, drop.fields, drop.seen, tabs, drop.files]
    options = {"trigger_mode": "multiple", "preprocess": False, "js": script("newest_drop"), **QUIET, **LOOK}
    drop.files.upload(router(limits, drop.looks), [drop.files], outputs, **options)


def router(limits: Limits, looks: Looks) -> Callable[..., Iterator[tuple[Any, ...]]]:
    """The callback that empties the zone for the next drop, tells what was dropped, and brings its tab to the front.

    A view's state holds the uploads of the last drop that was for it, each with the drop's number: the same file
    dropped twice is another drop. What its visitor has overtaken by a drop or choice meanwhile goes nowhere.
    """

    def route(uploads: list[Upload] | None, request: gr.Request | None = None) -> Iterator[tuple[Any, ...]]:
        if not uploads:
            yield *[gr.skip()] * 5, None
            return
        say, look = say_for(request), looks.begin(request)
        yield *[gr.skip()] * 3, status(say("Looking at what was dropped …")), gr.skip(), None
        try:
            view = view_of(uploads)
        except Exception:  # whose watch tells of it
            yield *[gr.skip()] * 3, "", gr.skip(), None
            raise
        finally:
            counts = looks.ends(request, look)
        if counts:
            numbered = [upload | {"drop": look} for upload in uploads]
            one = numbered[0] if view == ONE_CELL else gr.skip()
            many, fields = (numbered if view == wanted else gr.skip() for wanted in (MANY_CELLS, FIELD))
            yield one, many, fields, status(seen_words(uploads, view, limits, say)), gr.update(selected=view), gr.skip()

    return route


def seen_words(uploads: list[Upload], view: str, limits: Limits, say: Language) -> str:
    """What was dropped, as a person counts it."""
    if view == FIELD:
        return say.plural("{count} field", "{count} fields", len(uploads))
    if view == ONE_CELL:
        name = printable(str(uploads[0].get("orig_name") or ""))
        one = say("One picture: {name}", name=name)
        return one if _is_picture(uploads[0]["path"], name) else say("Not a picture: {name}", name=name)
    return say.plural("{count} picture", "{count} pictures", list_items(uploads, limits)[1])


def _is_picture(path: str, name: str) -> bool:
    """Whether a file is a picture, by its name or by what is in it."""
    if Path(name).suffix.lower() in IMAGE_EXTENSIONS | PICTURES_NOT_READ:
        return True
    try:
        announced(read_bytes(path, "", OF_CELL), "", OF_CELL)
    except CellImageError:
        return False
    return True
