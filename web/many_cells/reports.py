"""The reports of a batch in one ZIP: the table, all pages in one PDF, and for each cell its pictures, PDF and JSON."""

import hashlib
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from jdm_core import CellImageError, Explainer
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.matching import ColourChoice
from jdm_core.images.find import Finding
from jdm_core.report.language import ENGLISH, Language
from jdm_core.report.report import Explanation, write_report
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

    It is whole once the iterator is at its end. One cell's files at a time are on disk, in a folder that is gone
    afterwards; the pages of all in memory.
    """
    from pypdf import PdfWriter  # here, since it is wanted by few

    done, taken = batch.done, set[str]()
    chunks = (done[start : start + CHUNK] for start in range(0, len(done), CHUNK))
    explained = partial(_explained, explainer, edits=edits, seed=seed, colours=batch.colours)
    pages = PdfWriter()
    pages.metadata = {
        "/Title": "PlasmoLens reports",
        "/Subject": say(NOTICE),
        "/Creator": f"PlasmoLens {VERSION}",
    }
    # Pictures do not shrink.
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("batch.csv", table_csv(batch.results, explainer.labels, batch.settings))
        for explanations in map(explained, chunks):
            for explanation in explanations:
                stem = _stem(explanation.file, taken)
                with TemporaryDirectory() as folder:
                    own = Path(folder, stem)
                    write_report(explainer, explanation, own, seed, ("pdf",), say)
                    pages.append(own.with_name(f"{stem}.pdf"))
                    for file in sorted(Path(folder).iterdir()):
                        archive.write(file, f"{stem}/{file.name}")
                yield len(taken)
        if taken:
            with TemporaryDirectory() as folder:
                whole = Path(folder, "all-cells.pdf")
                pages.write(whole)
                archive.write(whole, whole.name)


def _explained(
    explainer: Explainer, results: list[Result], edits: bool, seed: int, colours: ColourChoice
) -> list[Explanation]:
    found: list[tuple[Result, Finding, str]] = []
    for result in results:
        try:
            data = read_item(result.item)
            found.append((result, find(data, result.item.name), hashlib.sha256(data).hexdigest()))
        except CellImageError:  # the upload is no longer kept: the table has its numbers
            continue
    if not found:
        return []
    cells = [finding.cell for _, finding, _ in found]
    prediction, elbo = explainer.predict(cells, colours), explainer.elbo(cells, POSTERIOR_DRAWS, seed, colours)
    edit = explainer.counterfactual(cells, seed=seed, colours=colours) if edits else None
    # As for one cell, what is no red cell gets no edit.
    own = [edit if known else None for known in prediction.is_cell]
    return [
        Explanation(
            result.item.name,
            finding.cell,
            i,
            prediction,
            elbo,
            own[i],
            finding,
            digest,
            explainer.seen_in(finding.cell, colours),
        )
        for i, (result, finding, digest) in enumerate(found)
    ]


def _stem(name: str, taken: set[str]) -> str:
    """A plain stem that no other cell of the batch has."""
    plain = plain_stem(name)
    stem, number = plain, 1
    while stem.lower() in taken:
        number += 1
        stem = f"{plain}-{number}"
    taken.add(stem.lower())
    return stem
