"""What can be taken away of a smear: every export in one ZIP, GeoJSON and PDF alone; made when it is asked for."""

import zipfile
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from jdm_core import CellImageError, Explainer
from jdm_core.report.field.entry import Smear as ReportedSmear
from jdm_core.report.field.save import EXPORTS, save
from jdm_core.report.report import model_fields
from web.field.reading import pixels_of
from web.field.readings import known, parsed, red_cells, reported
from web.field.smear import Entry, Smear
from web.field.view import View
from web.parts.reading import plain_stem

NAME = "PlasmoLens-fields"
MARKED = "marked"  # the one that takes the pictures' pixels: made of one field at a time


class Downloads:
    """The callbacks that make files."""

    def __init__(self, explainer: Explainer) -> None:
        self.explainer = explainer
        self.known = known(explainer.checkpoint)

    def archive(
        self, smear: Smear | None, sent: str | None, red: float | None, request: gr.Request | None = None
    ) -> View:
        """Every export of every field, with the readings so far, in one ZIP."""
        told = self._told(smear, sent, red)
        if told is None or smear is None:
            return View()
        with TemporaryDirectory() as folder:
            path = Path(folder, f"{told.name}-field.zip" if len(told.fields) == 1 else f"{told.name}.zip")
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                for kind in EXPORTS:
                    if kind != MARKED:
                        _add(archive, kind, told)
                entries = {entry.digest: entry for entry in smear.entries}
                for field in told.fields:
                    marked = replace(field, pixels=_pixels(entries[field.sha256]))
                    _add(archive, MARKED, replace(told, fields=(marked,)))
            return View(archive_file=save_file_to_cache(path, get_upload_folder()))

    def geojson(
        self, smear: Smear | None, sent: str | None, red: float | None, request: gr.Request | None = None
    ) -> View:
        """The cells as QuPath takes them."""
        return View(geojson_file=self._one("geojson", smear, sent, red))

    def pdf(self, smear: Smear | None, sent: str | None, red: float | None, request: gr.Request | None = None) -> View:
        """The count and the suspects with their readings on pages."""
        return View(pdf_file=self._one("pdf", smear, sent, red))

    def _one(self, kind: str, smear: Smear | None, sent: str | None, red: float | None) -> Any:
        """The path in the session's cache of one export."""
        told = self._told(smear, sent, red)
        if told is None:
            return gr.skip()
        with TemporaryDirectory() as folder:
            return save_file_to_cache(save(kind, told, Path(folder)), get_upload_folder())

    def _told(self, smear: Smear | None, sent: str | None, red: float | None) -> ReportedSmear | None:
        """The fields that were read as reports take them; None where there is none."""
        readings = parsed(sent)
        entries = [entry for entry in smear.entries if entry.done] if smear else []
        fields = tuple(told for entry in entries if (told := reported(entry, readings)))
        if not fields:
            return None
        name = plain_stem(fields[0].file) if len(fields) == 1 else NAME
        return ReportedSmear(name, fields, model_fields(self.explainer), self.known, red_cells(red))


def _add(archive: zipfile.ZipFile, kind: str, told: ReportedSmear) -> None:
    with TemporaryDirectory() as folder:
        file = save(kind, told, Path(folder))
        archive.write(file, file.name)


def _pixels(entry: Entry) -> Any:
    try:
        return pixels_of(entry)
    except CellImageError as error:
        raise gr.Error(str(error), print_exception=False) from error
