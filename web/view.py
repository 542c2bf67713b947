"""What the page of one cell shows: its state between callbacks, and the updates that callbacks send it."""

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import gradio as gr
import numpy as np
from markupsafe import Markup

from jdm_core.report.report import Explanation
from web.parts.html import render


@dataclass(frozen=True)
class Reading:
    """What the page knows of the cell that it shows: its explanation, and the upload (H, W, 3) that it came from."""

    explanation: Explanation
    seed: int
    upload: np.ndarray


def view_of(components: str) -> type:
    """What a callback changes: a named tuple with a field for each component; one left out stays as it is."""
    return namedtuple("View", components, defaults=[gr.skip()] * len(components.split()))


View = view_of(
    "upload found outline found_note reading status intro results verdict cell evidence evidence_scale elbo "
    "anyway strange gradient saliency saliency_scale flip remove add stop reason progress frame edited check slider "
    "change change_scale animation variants strengths reports pdf pdf_file archive archive_file"
)

OFF = {"interactive": False, "variant": "secondary"}
ON = {"interactive": True, "variant": "secondary"}
MAIN = {"interactive": True, "variant": "primary"}


def empty() -> View:
    """The page without a cell."""
    return no_edit()._replace(
        found=hidden(), outline=None, found_note="", reading=None, status="", intro=gr.update(visible=True),
        results=hidden(), verdict="", strange="", cell=None, evidence=None, evidence_scale="", elbo="",
        gradient=gr.update(visible=False), saliency=gone(), saliency_scale="", flip=gr.update(**OFF),
        remove=gr.update(**OFF), add=gr.update(**OFF), stop=hidden(), reason="", progress="", frame=gone(),
        reports=hidden(),
    )  # fmt: skip


def no_edit() -> View:
    """The page without an edit."""
    return View(
        edited=hidden(), check="", slider="", change=None, change_scale="", animation=hidden(), variants=hidden(),
        strengths="",
    )  # fmt: skip


def hidden() -> dict[str, Any]:
    """A component put out of sight."""
    return gr.update(visible=False)


def gone() -> dict[str, Any]:
    """A picture put out of sight and dropped."""
    return gr.update(value=None, visible=False)


def picture(value: Any, words: str) -> dict[str, Any]:
    """A picture with what it shows in words."""
    return gr.update(value=value, visible=True, alt_text=words)


def alert(message: str) -> Markup:
    """What went wrong."""
    return Markup('<p class="alert" role="alert">{}</p>').format(message)


def status(message: str) -> Markup:
    """What happened."""
    return Markup('<p role="status">{}</p>').format(message)


def progress_bar(words: str, done: float) -> Markup:
    """Words over a bar of which a share, from 0 to 1, is full."""
    return render("progress", words=words, done=done)
