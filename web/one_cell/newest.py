"""Of the explanations that one visitor asks for, only the newest goes on the page, whichever is done last."""

from collections.abc import Iterator

import gradio as gr

from web.one_cell.view import View


class Newest:
    """Knows of each visitor the explanation that was begun last, as long as it runs."""

    def __init__(self) -> None:
        self._begun: dict[str | None, object] = {}  # by session

    def only(self, request: gr.Request | None, views: Iterator[View]) -> Iterator[View]:
        """The views of an explanation, which ends without a change as soon as its visitor begins another."""
        session, token = _session(request), object()
        self._begun[session] = token
        try:
            for view in views:
                if self._begun.get(session) is not token:
                    yield View()  # for Gradio empties the page where a callback yields nothing at all
                    return
                yield view
        finally:
            if self._begun.get(session) is token:
                del self._begun[session]


def _session(request: gr.Request | None) -> str | None:
    return request.session_hash if request else None
