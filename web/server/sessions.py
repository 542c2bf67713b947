"""The pages that visitors have open, and what the server keeps for them: bounded, and never taken from who is there.

Gradio keeps the newest hundred and forgets the others, whoever asks. Here a page whose connection is open, or for which
work is done, stays; room is made of pages that were left, first those of whoever has most; and where there is none, who
comes anew is told so.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any

import gradio as gr
from gradio.state_holder import SessionState, StateHolder

from jdm_core.report.words import noop
from web.server.bodies import Refused
from web.words.language import say_in

PAGES = 400  # 0.2 MB each, before anything is shown on it
PAGES_OF_ONE = 100  # of one address, behind which there may be a classroom
STATE_BYTES = 2**30
STATE_BYTES_OF_ONE = STATE_BYTES // 2
SWEEP_SECONDS = 5.0
NOBODY_SECONDS = 60.0  # after which no work is done for a page that nobody has open
SAMPLE = 64  # of a long list, whose other items are taken to be alike
NO_PAGE = noop("This server has as many visitors as it can keep pages for. Please try again in some minutes.")
NO_PAGE_OF_ONE = noop("You have as many pages of this server open as it keeps of one visitor. Please close some.")
NO_JOB = noop(
    "As many of your jobs wait as this server takes of one visitor; the queue is full for you until one is done."
)
NO_MEMORY = noop(
    "The server keeps as much as it can for its open pages. Please close those that you need no more, or try later."
)


@dataclass
class Page:
    """What is known of a page: visitor, language, how many connections are open, when seen, bytes of its values."""

    visitor: str
    language: str = "en"
    here: int = 0
    seen: float = field(default_factory=time.monotonic)
    sizes: dict[tuple[str, int], int] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        """Of all its values."""
        return sum(self.sizes.values())


class PageState(SessionState):
    """Gradio's state of a page, each value of which is weighed before it is kept."""

    def __init__(self, blocks: gr.Blocks, pages: "Pages", page: Page) -> None:
        super().__init__(blocks)
        self._pages, self._page = pages, page

    def __setitem__(self, key: int, value: Any) -> None:
        """Raises gr.Error where there is no room for the value."""
        if isinstance(self.blocks_config.blocks.get(key), gr.State):
            self._pages.weigh(self._page, ("state", key), value)
        super().__setitem__(key, value)

    def _update_value_in_config(self, key: int, value: Any) -> None:
        self._pages.weigh(self._page, ("shown", key), value)
        super()._update_value_in_config(key, value)


class Pages(StateHolder):
    """The states of all pages, by session. All but `weigh` is called by the server's loop alone."""

    def __init__(self, queue: Any, kept_seconds: float, jobs_of_one: int) -> None:
        super().__init__()
        self._queue, self._kept, self._jobs_of_one = queue, kept_seconds, jobs_of_one
        self.pages: dict[str, Page] = {}
        self._swept = time.monotonic()

    def __getitem__(self, session_id: str) -> SessionState:
        """The state of a session, made where there is none: of one that nobody announced, for who asked for work."""
        if session_id not in self.session_data:
            page = self.pages.get(session_id)
            if page is None:  # a call without a session, which bears the name of its job
                event = self._queue.event_ids_to_events.get(session_id)
                client = event.request.client if event else None
                page = self.pages[session_id] = Page(client.host if client else "")
            self.session_data[session_id] = PageState(self.blocks, self, page)
        return super().__getitem__(session_id)

    def update(self, session_id: str) -> None:
        """Forgets nobody, as Gradio would here; nor is a page seen because a job looks its state up."""

    def enter(self, session_id: str, visitor: str, language: str | None = None) -> Page:
        """The page of a session, made for this visitor where there is none. Raises Refused where there is no room."""
        page = self.pages.get(session_id)
        if page is None:
            self.make_room(visitor)
            page = self.pages[session_id] = Page(visitor)
        page.language = language or page.language
        page.seen = time.monotonic()
        return page

    def make_room(self, visitor: str) -> None:
        """Room for one more page of a visitor. Raises Refused where there is none."""
        own = sum(page.visitor == visitor for page in self.pages.values())
        if own >= PAGES_OF_ONE and not self._drop_one(visitor):
            raise Refused(503, NO_PAGE_OF_ONE, headers={"retry-after": "60"})
        if len(self.pages) >= PAGES and not self._drop_one():
            raise Refused(503, NO_PAGE, headers={"retry-after": "60"})

    def check_jobs(self, visitor: str) -> None:
        """Raises Refused where as many jobs of this visitor wait as may."""
        events = list(self._queue.event_ids_to_events.values())
        owners = (self.pages.get(event.session_hash) for event in events)
        if sum(page is not None and page.visitor == visitor for page in owners) >= self._jobs_of_one:
            raise Refused(503, NO_JOB, headers={"retry-after": "10"})

    @contextmanager
    def here(self, session_id: str, visitor: str) -> Iterator[None]:
        """While a connection of the page is open. Raises Refused where there is no room for the page."""
        page = self.enter(session_id, visitor)
        page.here += 1
        try:
            yield
        finally:
            page.here -= 1
            page.seen = time.monotonic()

    def weigh(self, page: Page, key: tuple[str, int], value: Any) -> None:
        """Counts a value that is to be kept for a page. Raises gr.Error where there is no room for it."""
        size = size_of(value)
        more = size - page.sizes.get(key, 0)
        if more > 0:
            while self._bytes(page.visitor) + more > STATE_BYTES_OF_ONE:
                if not self._drop_one(page.visitor, page):
                    raise gr.Error(say_in(page.language)(NO_MEMORY), print_exception=False)
            while self._bytes() + more > STATE_BYTES:
                if not self._drop_one(None, page):
                    raise gr.Error(say_in(page.language)(NO_MEMORY), print_exception=False)
        page.sizes[key] = size

    def delete_state(self, session_id: str, expired_only: bool = False) -> None:
        """Gradio's, after which what is gone weighs nothing."""
        super().delete_state(session_id, expired_only)
        state, page = self.session_data.get(session_id), self.pages.get(session_id)
        if state is not None and page is not None:
            for kind, key in list(page.sizes):
                if kind == "state" and key not in state.state_data:
                    page.sizes.pop((kind, key), None)

    def delete_all_expired_state(self) -> None:
        """What Gradio calls every second: forgets values and pages that are too old, and ends work for nobody."""
        super().delete_all_expired_state()
        now = time.monotonic()
        if now - self._swept < SWEEP_SECONDS:
            return
        self._swept = now
        for session_id, page in list(self.pages.items()):
            if page.here:
                continue
            away = now - page.seen
            if self._is_busy(session_id):
                if away > NOBODY_SECONDS:
                    asyncio.get_running_loop().create_task(self._queue.clean_events(session_hash=session_id))
            elif away > self._kept:
                self._drop(session_id)

    def _bytes(self, visitor: str | None = None) -> int:
        return sum(page.bytes for page in list(self.pages.values()) if visitor is None or page.visitor == visitor)

    def _is_busy(self, session_id: str) -> bool:
        events = self._queue.pending_event_ids_session.get(session_id, ())
        return any(event in self._queue.event_ids_to_events for event in list(events))

    def _drop_one(self, visitor: str | None = None, but: Page | None = None) -> bool:
        """Forgets a page that was left: of whoever has most, one that holds nothing before others, oldest first."""
        pages = list(self.pages.items())
        counts = Counter(page.visitor for _, page in pages)
        left = [
            (-counts[page.visitor], bool(self._holds(name)), page.seen, name)
            for name, page in pages
            if not page.here and page is not but and visitor in (None, page.visitor) and not self._is_busy(name)
        ]
        if left:
            self._drop(min(left)[-1])
        return bool(left)

    def _holds(self, session_id: str) -> bool:
        state = self.session_data.get(session_id)
        return state is not None and any(value is not None for value in list(state.state_data.values()))

    def _drop(self, session_id: str) -> None:
        self.pages.pop(session_id, None)
        self.session_data.pop(session_id, None)
        self.time_last_used.pop(session_id, None)
        for table in (self._queue.pending_messages_per_session, self._queue.pending_event_ids_session):
            table.pop(session_id, None)


def size_of(value: Any) -> int:
    """About how many bytes of memory a value holds; of long lists a few items stand for all."""
    total, left = 0, [(value, 1.0)]
    while left:
        item, times = left.pop()
        size = getattr(item, "nbytes", None)
        if isinstance(size, int):
            total += int(size * times)
        elif isinstance(item, str | bytes):
            total += int(len(item) * times)
        elif isinstance(item, dict):
            left += _some([*item, *item.values()], times)
        elif isinstance(item, list | tuple | set | frozenset):
            left += _some(list(item), times)
        elif is_dataclass(item) and not isinstance(item, type):
            left += [(getattr(item, part.name), times) for part in fields(item)]
        else:
            total += int(32 * times)
    return total


def _some(items: list[Any], times: float) -> list[tuple[Any, float]]:
    if len(items) <= SAMPLE:
        return [(item, times) for item in items]
    step = len(items) / SAMPLE
    return [(items[int(number * step)], times * step) for number in range(SAMPLE)]
