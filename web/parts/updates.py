"""Updates that callbacks send to components, and how listeners are wired where their order matters."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from web.parts.html import render

OFF = {"interactive": False, "variant": "secondary"}
ON = {"interactive": True, "variant": "secondary"}
MAIN = {"interactive": True, "variant": "primary"}
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def ends(running: Sequence[Any], triggers: Sequence[Callable[..., Any]]) -> None:
    """Lets each of the triggers end what `running` listeners started; to be wired before their other listeners.

    The page runs the listeners of a trigger one after the other, and the `cancels` of one comes only after its own
    callback is done: what was to end would go on meanwhile, and its results would come into those of the new one.
    """
    gr.on(list(triggers), None, cancels=list(running), **QUIET)


def hidden() -> dict[str, Any]:
    """A component put out of sight."""
    return gr.update(visible=False)


def shown() -> dict[str, Any]:
    """A component put in sight."""
    return gr.update(visible=True)


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
