"""What the page of one cell shows: its state between callbacks, and the updates that callbacks send it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from jdm_core.explain.edit import Strength
from jdm_core.report.report import Explanation
from web.parts.updates import hidden, shown

SKIP = gr.skip()


@dataclass(frozen=True)
class Reading:
    """What the page knows of the cell that it shows: its explanation, and the upload (H, W, 3) that it came from.

    strength is the one that its edit was asked for with, None where it was searched.
    """

    explanation: Explanation
    seed: int
    upload: np.ndarray
    strength: Strength | None = None


class View(NamedTuple):
    """What a callback changes of the page, component by component; one left out stays as it is."""

    reading: Any = SKIP
    status: Any = SKIP
    intro: Any = SKIP
    results: Any = SKIP
    said: Any = SKIP
    verdict: Any = SKIP
    found: Any = SKIP
    cell: Any = SKIP
    evidence: Any = SKIP
    edited: Any = SKIP
    change: Any = SKIP
    figures: Any = SKIP
    elbo: Any = SKIP
    repeat: Any = SKIP
    gradient: Any = SKIP
    saliency: Any = SKIP
    flip: Any = SKIP
    stop: Any = SKIP
    progress: Any = SKIP
    check: Any = SKIP
    animation: Any = SKIP
    animation_file: Any = SKIP
    variants: Any = SKIP
    several: Any = SKIP
    reports: Any = SKIP
    pdf: Any = SKIP
    pdf_file: Any = SKIP
    archive: Any = SKIP
    archive_file: Any = SKIP


def empty() -> View:
    """The page without a cell."""
    return no_edit()._replace(
        reading=None,
        status="",
        intro=shown(),
        results=hidden(),
        said="",
        verdict="",
        found="",
        cell="",
        evidence="",
        edited="",
        change="",
        figures="",
        elbo="",
        repeat="",
        gradient=hidden(),
        saliency="",
        flip=hidden(),
        stop=hidden(),
        progress="",
        reports=hidden(),
    )


def no_edit() -> View:
    """The page without an edit."""
    return View(check="", animation=hidden(), variants=hidden(), several="")
