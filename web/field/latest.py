"""Of the cells that one visitor opens, only the newest is explained: who steps on quickly leaves no work behind."""

from collections.abc import Generator
from typing import TypeVar

import gradio as gr

Item = TypeVar("Item")


class Latest:
    """Knows of each visitor what was begun last, as long as it runs."""

    def __init__(self) -> None:
        self._begun: dict[str | None, object] = {}  # by session

    def only(
        self, request: gr.Request | None, items: Generator[Item, None, None], nothing: Item
    ) -> Generator[Item, None, None]:
        """The items as long as their visitor begins nothing else, and at least `nothing`; an end closes `items`."""
        session, token = request.session_hash if request else None, object()
        self._begun[session] = token
        try:
            for item in items:
                if self._begun.get(session) is not token:
                    break
                yield item
            else:
                return
            yield nothing  # for Gradio empties the page where a callback yields nothing at all
        finally:
            items.close()
            if self._begun.get(session) is token:
                del self._begun[session]
