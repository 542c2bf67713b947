"""The reports of a batch in one ZIP: the table, all pages in one PDF, and for each cell its pictures, PDF and JSON."""

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from jdm_core import CellImageError, Explainer
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.matching import ColourChoice
from jdm_core.images.find import Finding
from jdm_core.report.language import ENGLISH, Language
from jdm_core.report.report import Explanation, write_report
from jdm_core.report.sheet import sheet_book
from jdm_core.report.words import NOTICE
from jdm_core.version import VERSION
from web.many_cells.run import Batch, Result
from web.many_cells.table import table_csv
from web.many_cells.uploads import read_item
from web.parts.reading import find, plain_stem

CHUNK = 4  # cells whose scores and edits pass through the network together, before others are let in


def write_reports(
    explainer: Explainer, batch: Batch, edits: bool, seed: int, path: Path, say: Language = ENGLISH
) -> Iterator[int]:
    """Writes the ZIP, whose pages speak the language of `say`, and yields how many cells are in it.

    It is whole once the iterator is at its end. One cell's files at a time are on disk, and the PDF of all, in folders
    that are gone afterwards.
    """
    done, taken = batch.done, set[str]()
    with (
        TemporaryDirectory() as whole,
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,  # pictures do not shrink
    ):
        archive.writestr("batch.csv", table_csv(batch.results, explainer.labels, batch.settings))
        pages = Path(whole, "all-cells.pdf")
        with sheet_book(pages, say(NOTICE), f"PlasmoLens {VERSION}") as book:
            for start in range(0, len(done), CHUNK):
                for explanation in _explained(explainer, done[start : start + CHUNK], edits, seed, batch.colours):
                    stem = _stem(explanation.file, taken)
                    with TemporaryDirectory() as folder:
                        write_report(explainer, explanation, Path(folder, stem), seed, ("pdf",), book, say)
                        for file in sorted(Path(folder).iterdir()):
                            archive.write(file, f"{stem}/{file.name}")
                    yield len(taken)
        if taken:
            archive.write(pages, pages.name)


def _explained(
    explainer: Explainer, results: list[Result], edits: bool, seed: int, colours: ColourChoice
) -> Iterator[Explanation]:
    found: list[tuple[Result, Finding, str]] = []
    for result in results:
        try:
            data = read_item(result.item)
            found.append((result, find(data, result.item.name), hashlib.sha256(data).hexdigest()))
        except CellImageError:  # the upload is no longer kept: the table has its numbers
            continue
    if not found:
        return
    cells = [finding.cell for _, finding, _ in found]
    prediction, elbo = explainer.predict(cells, colours), explainer.elbo(cells, POSTERIOR_DRAWS, seed, colours)
    edit = explainer.counterfactual(cells, seed=seed, colours=colours) if edits else None
    for i, (result, finding, digest) in enumerate(found):
        own = edit if prediction.is_cell[i] else None  # as for one cell, what is no red cell gets no edit
        yield Explanation(result.item.name, finding.cell, i, prediction, elbo, own, finding, digest, colours)


def _stem(name: str, taken: set[str]) -> str:
    """A plain stem that no other cell of the batch has."""
    plain = plain_stem(name)
    stem, number = plain, 1
    while stem.lower() in taken:
        number += 1
        stem = f"{plain}-{number}"
    taken.add(stem.lower())
    return stem
