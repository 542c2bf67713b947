"""The cells of a batch through the network, many at a time, one result a file."""

import base64
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from jdm_core import CellImageError, Explainer
from jdm_core.finding import Finding, prepare
from web.text import Say, english
from web.uploads import Item, read_item

CHUNK = 16  # cells that pass through the network together, between two looks at the page
DRAWS = 16  # of the likelihood
THUMBNAIL = 96  # pixels on the longer side, shown at half of that
UNCLEAR = "Unclear"


@dataclass(frozen=True)
class Result:
    """What is known of one file: probabilities (K) of head and likelihood, and what speaks against trusting them.

    `error` says why there is none; `thumbnail` is a data URI.
    """

    item: Item
    error: str = ""
    verdict: str = ""
    head: tuple[float, ...] = ()
    posterior: tuple[float, ...] = ()
    flags: tuple[str, ...] = ()
    note: str = ""
    thumbnail: str = ""


@dataclass(frozen=True)
class Batch:
    """A batch as the page keeps it: its files, what its numbers depend on, and the results so far, in files' order."""

    items: tuple[Item, ...]
    settings: dict[str, Any]
    results: tuple[Result, ...] = ()

    @property
    def done(self) -> list[Result]:
        """The results of the files that could be read."""
        return [result for result in self.results if not result.error]


def run(explainer: Explainer, items: Sequence[Item], seed: int) -> Iterator[list[Result]]:
    """The results of the items, in their order, as each chunk is done; a file that cannot be read spoils no other."""
    for start in range(0, len(items), CHUNK):
        yield _chunk(explainer, items[start : start + CHUNK], seed)


def find(item: Item) -> Finding:
    """The cell of an item. Raises CellImageError."""
    return prepare(read_item(item), item.name)


def _chunk(explainer: Explainer, items: Sequence[Item], seed: int) -> list[Result]:
    findings: list[Finding | CellImageError] = []
    for item in items:
        try:
            findings.append(find(item))
        except CellImageError as error:
            findings.append(error)
    cells = [finding.cell for finding in findings if isinstance(finding, Finding)]
    rows: Iterator[tuple] = iter(())
    if cells:
        prediction = explainer.predict(cells)
        posterior = explainer.posterior(cells, DRAWS, seed)
        rows = zip(prediction.probabilities.tolist(), posterior.tolist(), prediction.familiar.tolist(), strict=True)
    results = []
    for item, finding in zip(items, findings, strict=True):
        if isinstance(finding, CellImageError):
            results.append(Result(item, finding.reason))
        else:
            results.append(_result(explainer, item, finding, *next(rows)))
    return results


def _result(
    explainer: Explainer, item: Item, finding: Finding, head: list[float], posterior: list[float], familiar: bool
) -> Result:
    best = int(np.argmax(head))
    unsure = head[best] < explainer.checkpoint.thresholds["unsure_below"]
    apart = best != int(np.argmax(posterior))
    flags = {
        "verdicts disagree": apart, "not sure": unsure, "unfamiliar": not familiar,
        "several cells": finding.status == "several", "no cell found": finding.status == "none",
    }  # fmt: skip
    verdict = UNCLEAR if apart or unsure or not familiar else explainer.labels[best]
    return Result(
        item, "", verdict, tuple(head), tuple(posterior), tuple(flag for flag, up in flags.items() if up),
        "" if finding.status == "as given" else finding.note, thumbnail(finding.cell),
    )  # fmt: skip


def thumbnail(cell: np.ndarray) -> str:
    """A small picture of a cell uint8 (H, W, 3) as a data URI, which leaves nothing on the server."""
    picture = Image.fromarray(cell)
    picture.thumbnail((THUMBNAIL, THUMBNAIL))
    return data_uri(picture, "WEBP", quality=80)


def data_uri(picture: Image.Image, kind: str, **options: Any) -> str:
    """A picture within the page's own HTML."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def progress(done: int, total: int, seconds: float, say: Say = english) -> str:
    """How far a batch is, with the time that is left if the rest goes on as fast."""
    words = say("{done} of {total}").format(done=done, total=total)
    if 0 < done < total:
        left = seconds / done * (total - done)
        shown = f"{left / 60:.0f} min" if left >= 90 else f"{max(1, round(left))} s"
        words += f"; {say('about {time} left').format(time=shown)}"
    return words


def summary(batch: Batch, total: int, say: Say = english) -> str:
    """What a batch came to, in a sentence."""
    done, failed = batch.done, len(batch.results) - len(batch.done)
    verdicts = [result.verdict for result in done]
    counts = ", ".join(f"{verdicts.count(verdict)} {say(verdict)}" for verdict in dict.fromkeys(sorted(verdicts)))
    words = say("{count} cell: {verdicts}." if len(done) == 1 else "{count} cells: {verdicts}.")
    sentences = [words.format(count=len(done), verdicts=counts) if done else say("No cell could be read.")]
    if failed:
        words = "{count} file could not be read; the table says why."
        words = say(words if failed == 1 else "{count} files could not be read; the table says why.")
        sentences.append(words.format(count=failed))
    if len(batch.items) < total:
        words = say("Only the first {taken} of {total} files were taken.")
        sentences.append(words.format(taken=len(batch.items), total=total))
    return " ".join(sentences)
