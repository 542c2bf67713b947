"""What can be taken away of one cell: its sheet as PDF, or everything in a ZIP, made when it is asked for."""

from collections.abc import Callable, Iterator
from pathlib import Path
from shutil import make_archive
from tempfile import TemporaryDirectory

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import Explainer
from jdm_core.report.report import write_report
from jdm_core.report.words import Language
from web.one_cell.kept import animation
from web.one_cell.view import Reading, View, empty
from web.parts.reading import plain_stem
from web.words import sentences
from web.words.language import say_for


class Downloads:
    """The callbacks of the buttons that give a file."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer

    def pdf(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """The sheet of the cell as PDF."""
        say = say_for(request)

        def make(reading: Reading, stem: Path) -> str:
            write_report(self.explainer, reading.explanation, stem, reading.seed, ("pdf",), say=say)
            return f"{stem}.pdf"

        yield from _prepared("pdf", sentences.PDF, reading, make, say)

    def animation(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """The cell through the strengths of its edit, as an animated WebP."""
        say = say_for(request)

        def make(reading: Reading, stem: Path) -> str:
            path = stem.with_name(f"{stem.name}-edit.webp")
            if reading.explanation.edit is not None:
                animation(reading.explanation.cell, reading.explanation.edit, path, say)
            return str(path)

        edited = reading if reading and reading.explanation.edit else None
        yield from _prepared("animation", sentences.ANIMATION, edited, make, say)

    def archive(self, reading: Reading | None, request: gr.Request | None = None) -> Iterator[View]:
        """A ZIP of everything that the page shows of the cell."""
        say = say_for(request)

        def make(reading: Reading, stem: Path) -> str:
            write_report(self.explainer, reading.explanation, stem.parent / "report" / stem.name, reading.seed, say=say)
            return make_archive(f"{stem}-report", "zip", stem.parent / "report")

        yield from _prepared("archive", sentences.FILES, reading, make, say)


def _prepared(
    name: str, words: str, reading: Reading | None, make: Callable[[Reading, Path], str], say: Language
) -> Iterator[View]:
    """What the button of that name offers, once `make` has written it beside a path without an ending."""
    if reading is None:
        yield empty()
        return
    yield View(**{name: gr.update(value=say(sentences.PREPARING))})
    with TemporaryDirectory() as folder:
        made = make(reading, Path(folder, plain_stem(reading.explanation.file)))
        kept = save_file_to_cache(made, get_upload_folder())
    yield View(**{name: gr.update(value=say(words)), f"{name}_file": gr.update(value=kept)})
