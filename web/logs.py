"""Logs as JSON lines, which never hold an image, a file's name or an address of a person."""

import json
import logging
import sys
import time
from typing import Any, TextIO

LOG = logging.getLogger("plasmolens")


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


class CurrentStderr(logging.StreamHandler):
    """Writes to stderr as it is at the moment: whoever hosts this process may exchange it."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _: TextIO) -> None:
        pass


def set_up_logs(level: str) -> None:
    """Sends all logs to stderr as JSON lines from a level on; those of libraries from "warning" on."""
    handler = CurrentStderr()
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [], True
    LOG.setLevel(level.upper())


def note(event: str, level: int = logging.INFO, **fields: Any) -> None:
    """One line of the log."""
    LOG.log(level, event, extra={"fields": fields})


def fault(error: BaseException) -> dict[str, str]:
    """The type of an exception and the line that raised it."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    place = f"{traceback.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{traceback.tb_lineno}" if traceback else ""
    return {"error": type(error).__name__, "place": place}
