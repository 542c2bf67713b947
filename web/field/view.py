"""What a callback changes of the tab for fields, component by component."""

from typing import Any, NamedTuple

import gradio as gr

from web.parts.updates import hidden

SKIP = gr.skip()


class View(NamedTuple):
    """The tab's components; one left out stays as it is."""

    smear: Any = SKIP
    files: Any = SKIP
    status: Any = SKIP
    stop: Any = SKIP
    anew: Any = SKIP
    alone: Any = SKIP
    intro: Any = SKIP
    strip: Any = SKIP
    counts: Any = SKIP
    data: Any = SKIP
    gallery: Any = SKIP
    card: Any = SKIP
    tally: Any = SKIP
    incoming: Any = SKIP
    archive_file: Any = SKIP
    geojson_file: Any = SKIP
    pdf_file: Any = SKIP


def empty() -> View:
    """The tab without a field."""
    return View(
        smear=None,
        files=None,
        status="",
        stop=hidden(),
        anew=hidden(),
        alone=hidden(),
        intro=gr.update(visible=True),
        strip="",
        counts="",
        data="",
        gallery="",
        card="",
        tally="",
    )
