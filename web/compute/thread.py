"""The one thread that computes: whatever the users of a page ask for, one piece of work after the other.

One thread, since every thread that computes keeps memory of its own: heaps, scratch space of convolutions, helpers.
"""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass, field
from threading import Condition, Thread
from typing import Any

PAUSE = 1.0  # seconds for which a job in steps stays on between two of them; whoever left it does not bar the way


@dataclass(eq=False)
class _Piece:
    """Work for the thread; that of one job in several pieces has the same `job`."""

    work: Callable[[], Any]
    job: object | None
    first: bool
    answer: Future[Any] = field(default_factory=Future)


class ComputeThread:
    """Works off a line in order. The thread starts with the first piece and ends with the process."""

    def __init__(self) -> None:
        self._line: deque[_Piece] = deque()
        self._changed = Condition()
        self._job: object | None = None
        self._until = 0.0
        self._thread: Thread | None = None

    def run(self, work: Callable[[], Any], job: object | None = None, first: bool = False) -> Any:
        """What `work` returns or raises there. `first` goes to the head of the line: for what takes a moment.

        Pieces of a `job` follow each other, but for such moments, until it is done or pauses for too long.
        """
        context = copy_context()  # libraries look there for the request that they work for
        piece = _Piece(lambda: context.run(work), job, first)
        with self._changed:
            if self._thread is None:
                self._thread = Thread(target=self._work, name="compute", daemon=True)
                self._thread.start()
            self._line.appendleft(piece) if first else self._line.append(piece)
            self._changed.notify()
        return piece.answer.result()

    def done(self, job: object) -> None:
        """Lets others at the device after a job in several pieces."""
        with self._changed:
            if self._job is job:
                self._job = None
                self._changed.notify()

    def _work(self) -> None:
        while True:
            with self._changed:
                while (piece := self._next()) is None:
                    left = max(self._until - time.monotonic(), 0)  # the job's time may have ended since
                    self._changed.wait(left if self._line else None)
            try:
                piece.answer.set_result(piece.work())
            except BaseException as error:  # whatever it is, it belongs to whoever asked
                piece.answer.set_exception(error)
            with self._changed:
                if piece.job is not None:
                    self._job, self._until = piece.job, time.monotonic() + PAUSE
            del piece  # its answer may be large

    def _next(self) -> _Piece | None:
        """Takes a piece out of the line: the first, or while a job has the device only one of its own or a moment's."""
        if self._job is not None and time.monotonic() >= self._until:
            self._job = None
        if self._job is None:
            return self._line.popleft() if self._line else None
        for piece in self._line:
            if piece.job is self._job or piece.first:
                self._line.remove(piece)
                return piece
        return None
