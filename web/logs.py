"""Logs as JSON lines, which never hold an image, a file's name or an address of a person."""

import json
import logging
import sys
import time
import traceback
from collections import OrderedDict
from typing import Any, TextIO

AT_ONCE, A_SECOND = 500, 1.0  # lines of a kind; in the long run some 20 MB a day
KINDS = 100
FRAMES = 20  # of a traceback, the innermost
LOG = logging.getLogger("plasmolens")
_debug = False


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, event, and the fields given as `extra={"fields": {...}}`."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record; of an exception its type and place, since its words may name a file."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z"
        line: dict[str, Any] = {"time": stamp, "level": record.levelname.lower()}
        ours = record.name == LOG.name
        line |= {"event": record.getMessage()} if ours else {"event": "library", "logger": record.name}
        line |= getattr(record, "fields", {})
        if record.exc_info and record.exc_info[1] is not None:
            line |= fault(record.exc_info[1])
        elif not ours:
            line["place"] = f"{record.module}:{record.lineno}"
        return json.dumps(line, ensure_ascii=False)


class NotTooMany(logging.Filter):
    """Lets through as many lines of a kind as a person reads, and says with the next how many were left out.

    A kind is an event with its level and end: what strangers send in any number neither fills a disk nor hides others.
    """

    def __init__(self, at_once: int = AT_ONCE, a_second: float = A_SECOND) -> None:
        super().__init__()
        self.at_once, self.a_second = at_once, a_second
        self._kinds: OrderedDict[tuple, list[float]] = OrderedDict()  # lines left, time of that, left out

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written; it bears `left_out` where others before it were not."""
        given = getattr(record, "fields", {})
        what = record.msg if record.name == LOG.name else record.lineno
        kind = (record.name, record.levelno, what, given.get("end"), int(given.get("status", 0)) // 100)
        now = time.monotonic()
        known = self._kinds.setdefault(kind, [self.at_once, now, 0])
        self._kinds.move_to_end(kind)
        if len(self._kinds) > KINDS:
            self._kinds.popitem(last=False)
        known[0] = min(self.at_once, known[0] + (now - known[1]) * self.a_second)
        known[1] = now
        if known[0] < 1:
            known[2] += 1
            return False
        known[0] -= 1
        if known[2]:
            record.fields = {**given, "left_out": int(known[2])}
            known[2] = 0
        return True


class CurrentStderr(logging.StreamHandler):
    """Writes to stderr as it is at the moment: whoever hosts this process may exchange it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


def set_up_logs(level: str, debug: bool = False) -> None:
    """Sends all logs to stderr as JSON lines from a level on; those of libraries from "warning" on.

    With `debug` a fault bears its whole traceback, whose words may name a file of a visitor.
    """
    global _debug
    _debug = debug
    handler = CurrentStderr()
    handler.setFormatter(JsonLines())
    handler.addFilter(NotTooMany())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    LOG.setLevel(level.upper())
    join_uvicorn()


def join_uvicorn() -> None:
    """Sends the server's own logs the same way; to be called once it is there, for it sets up its own at its start."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True


def note(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """One line of the log."""
    LOG.log(level, event, extra={"fields": fields})


def fault(error: BaseException) -> dict[str, str]:
    """The type of an exception, the line that raised it, and the lines that led there, the last one first."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in reversed(frames)]
    led = "".join(traceback.format_exception(error)) if _debug else " < ".join(places)
    return {"error": type(error).__name__, "place": places[0] if places else "", "traceback": led}
