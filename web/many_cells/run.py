"""The cells of a batch through the network, many at a time, one result a file."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from jdm_core import CellImageError, Explainer
from jdm_core.checkpoint.familiarity import NO_RED_CELL, OTHER
from jdm_core.explain.likelihood import POSTERIOR_DRAWS
from jdm_core.explain.matching import AS_NEEDED, ColourChoice
from jdm_core.images.find import Finding
from jdm_core.report.fields import colour_fields
from jdm_core.report.words import (
    DISAGREE,
    ENGLISH,
    NOT_A_CELL,
    TOO_SMALL,
    UNCLEAR,
    Language,
    found_words,
    noop,
    too_small,
    verdict_kind,
)
from web.compute.shared import PIECE
from web.many_cells.uploads import Item, read_item
from web.parts.pictures import data_uri
from web.parts.reading import find

CHUNK = 16  # cells that pass through the network together, between two looks at the page
THUMBNAIL = 96  # pixels on the longer side, shown at half of that
COLOUR_SAMPLE = 32  # cells, evenly spread over a batch, that say what colours all have in common
UNFAMILIAR = noop("unfamiliar")
FOREIGN = noop("other stain")
OPEN, STRANGE = noop("Unclear"), noop("Not a cell?")  # what stands for a verdict where there is none
_SHOWN = {UNCLEAR: OPEN, DISAGREE: OPEN, TOO_SMALL: OPEN, NOT_A_CELL: STRANGE}


@dataclass(frozen=True)
class Result:
    """What is known of one file: probabilities (K) of head and likelihood, and what speaks against trusting them.

    `error` says why there is none; `found` and `count` are those of the Finding; `colours` is what the choice of the
    batch came to for this cell; `thumbnail` is a data URI.
    """

    item: Item
    error: str = ""
    verdict: str = ""
    head: tuple[float, ...] = ()
    posterior: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()
    found: str = "as given"
    count: int = 1
    colours: str = ""
    thumbnail: str = ""

    def note(self, say: Language = ENGLISH) -> str:
        """How the cell was obtained; nothing of a picture that is read as it is."""
        if self.found == "as given":
            return ""
        return found_words(self.found, self.count, UNFAMILIAR not in self.flags, say)


@dataclass(frozen=True)
class Batch:
    """A batch as the page keeps it: its files, what its numbers depend on, and the results so far, in files' order.

    `total` is how many pictures the uploads held, of which `items` are the first, beside `others` that are none by
    their names; `colours`, in which the model sees them.
    """

    items: tuple[Item, ...]
    settings: dict[str, Any]
    total: int
    results: tuple[Result, ...] = ()
    colours: ColourChoice = AS_NEEDED
    others: int = 0

    @property
    def done(self) -> list[Result]:
        """The results of the files that could be read."""
        return [result for result in self.results if not result.error]


def batch_colours(explainer: Explainer, items: Sequence[Item]) -> ColourChoice:
    """The colours that cells of the batch have in common, to be matched from; as needed, where there are none."""
    last, cells = len(items) - 1, []
    for i in sorted({round(k * last / (COLOUR_SAMPLE - 1)) for k in range(COLOUR_SAMPLE)}) if items else ():
        with suppress(CellImageError):  # whoever reads it for its result says so
            cells.append(find(read_item(items[i]), items[i].name).cell)
    return (explainer.measure_colours(cells) if cells else None) or AS_NEEDED


def run(
    explainer: Explainer, items: Sequence[Item], seed: int, colours: ColourChoice = AS_NEEDED
) -> Iterator[list[Result]]:
    """The results of the items, in their order, a few at a time; a file that cannot be read spoils no other."""
    for start in range(0, len(items), CHUNK):
        yield from _chunk(explainer, items[start : start + CHUNK], seed, colours)


def _chunk(explainer: Explainer, items: Sequence[Item], seed: int, colours: ColourChoice) -> Iterator[list[Result]]:
    findings: list[Finding | CellImageError] = []
    for item in items:
        try:
            findings.append(find(read_item(item), item.name))
        except CellImageError as error:
            findings.append(error.with_traceback(None))  # whose frames hold what was read
    cells = [finding.cell for finding in findings if isinstance(finding, Finding)]
    readings, read = _readings(explainer, cells, seed, colours), 0
    results: list[Result] = []
    for item, finding in zip(items, findings, strict=True):
        if isinstance(finding, CellImageError):
            results.append(Result(item, finding.reason))
            continue
        results.append(_result(explainer, item, finding, colours, *next(readings)))
        read += 1
        if read % PIECE == 0:
            yield results
            results = []
    if results:
        yield results


def _readings(explainer: Explainer, cells: Sequence[np.ndarray], seed: int, colours: ColourChoice) -> Iterator[tuple]:
    """Head, posterior and kind of each cell; the likelihood, which takes longest, of a few cells at a time."""
    if not cells:
        return
    prediction = explainer.predict(cells, colours)
    for start in range(0, len(cells), PIECE):
        piece = slice(start, start + PIECE)
        posterior = explainer.posterior(cells[piece], POSTERIOR_DRAWS, seed, colours)
        readings = prediction.probabilities[piece], posterior, prediction.kind[piece]
        yield from zip(*(reading.tolist() for reading in readings), strict=True)


def _result(
    explainer: Explainer,
    item: Item,
    finding: Finding,
    colours: ColourChoice,
    head: list[float],
    posterior: list[float],
    kind: str,
) -> Result:
    best = int(np.argmax(head))
    unsure_below = explainer.checkpoint.thresholds.unsure_below
    small = too_small(finding.cell.shape)
    verdict = verdict_kind(explainer.labels, head, posterior, unsure_below, kind != NO_RED_CELL, small)
    flags = {
        noop("too few pixels"): small,
        noop("verdicts disagree"): best != int(np.argmax(posterior)),
        noop("not sure"): head[best] < unsure_below,
        UNFAMILIAR: kind == NO_RED_CELL,
        FOREIGN: kind == OTHER,
        noop("several cells"): finding.status == "several",
        noop("no cell found"): finding.status == "none",
    }
    return Result(
        item,
        "",
        _SHOWN.get(verdict, verdict),
        tuple(head),
        tuple(posterior),
        tuple(flag for flag, up in flags.items() if up),
        finding.status,
        finding.count,
        colour_fields(explainer.seen_in(finding.cell, colours))["colours"],
        thumbnail(finding.cell),
    )


def thumbnail(cell: np.ndarray) -> str:
    """A small picture of a cell uint8 (H, W, 3) as a data URI, which leaves nothing on the server."""
    picture = Image.fromarray(cell)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return data_uri(picture, "WEBP", quality=80)
