"""How listeners are wired where the order in which the page runs them matters."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr

QUIET = {"show_progress": "hidden", "api_visibility": "private"}


def ends(running: Sequence[Any], triggers: Sequence[Callable[..., Any]]) -> None:
    """Lets each of the triggers end what `running` listeners started; to be wired before their other listeners.

    The page runs the listeners of a trigger one after the other, and the `cancels` of one comes only after its own
    callback is done: what was to end would go on meanwhile, and its results would come into those of the new one.
    """
    gr.on(list(triggers), None, cancels=list(running), **QUIET)
