"""What the page of one cell shows: its state between callbacks, and the updates that callbacks send it."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import gradio as gr
import numpy as np

from jdm_core.explain.edit import Strength
from jdm_core.report.report import Explanation
from web.parts.updates import OFF, gone, hidden

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

    upload: Any = SKIP
    found: Any = SKIP
    outline: Any = SKIP
    found_note: Any = SKIP
    reading: Any = SKIP
    status: Any = SKIP
    intro: Any = SKIP
    results: Any = SKIP
    verdict: Any = SKIP
    cell: Any = SKIP
    evidence: Any = SKIP
    evidence_scale: Any = SKIP
    elbo: Any = SKIP
    anyway: Any = SKIP
    strange: Any = SKIP
    gradient: Any = SKIP
    saliency: Any = SKIP
    saliency_scale: Any = SKIP
    flip: Any = SKIP
    remove: Any = SKIP
    add: Any = SKIP
    stop: Any = SKIP
    reason: Any = SKIP
    progress: Any = SKIP
    frame: Any = SKIP
    edited: Any = SKIP
    check: Any = SKIP
    slider: Any = SKIP
    change: Any = SKIP
    change_scale: Any = SKIP
    animation: Any = SKIP
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
        found=hidden(),
        outline=None,
        found_note="",
        reading=None,
        status="",
        intro=gr.update(visible=True),
        results=hidden(),
        verdict="",
        strange="",
        cell=None,
        evidence=None,
        evidence_scale="",
        elbo="",
        gradient=gr.update(visible=False),
        saliency=gone(),
        saliency_scale="",
        flip=gr.update(**OFF),
        remove=gr.update(**OFF),
        add=gr.update(**OFF),
        stop=hidden(),
        reason="",
        progress="",
        frame=gone(),
        reports=hidden(),
    )


def no_edit() -> View:
    """The page without an edit."""
    return View(
        edited=hidden(),
        check="",
        slider="",
        change=None,
        change_scale="",
        animation=hidden(),
        variants=hidden(),
        several="",
    )
