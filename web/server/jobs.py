"""What happens around every callback of the page: its time and end are logged, and a fault in it becomes a message."""

import functools
import inspect
import logging
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import gradio as gr

from jdm_core.report.words import Language, noop
from web.logs import fault, note
from web.server.scratch import FULL, is_full
from web.words.language import say_for

FAULT = noop("Something went wrong on the server; nothing was kept of it. The page still works: please try again.")


def watch_jobs(blocks: gr.Blocks) -> None:
    """Puts a watch around every callback of a page that is built but not launched."""
    for function in blocks.fns.values():
        if function.fn is not None:
            function.fn = _watched(function.fn, str(function.api_name or function.name))


def _watched(callback: Callable, name: str) -> Callable:
    if inspect.isgeneratorfunction(callback):

        @functools.wraps(callback)
        def frames(*arguments: Any, **options: Any) -> Iterator[Any]:
            with _watch(name, _reader(arguments)):
                yield from callback(*arguments, **options)

        return frames

    @functools.wraps(callback)
    def call(*arguments: Any, **options: Any) -> Any:
        with _watch(name, _reader(arguments)):
            return callback(*arguments, **options)

    return call


def _reader(arguments: tuple[Any, ...]) -> Language:
    """The language of whoever asked, where the callback is told."""
    return say_for(next((given for given in arguments if isinstance(given, gr.Request)), None))


def let_go(error: BaseException) -> None:
    """Drops what the frames of an error hold, which may be a picture's memory: Gradio keeps errors for a while."""
    left: BaseException | None = error
    seen: set[int] = set()
    while left is not None and id(left) not in seen:
        seen.add(id(left))
        traceback.clear_frames(left.__traceback__)
        left = left.__cause__ or left.__context__


@contextmanager
def _watch(name: str, say: Language) -> Iterator[None]:
    start = time.monotonic()

    def ended(how: str, level: int = logging.INFO, **fields: str) -> None:
        note("job", level, name=name, end=how, seconds=round(time.monotonic() - start, 3), **fields)

    try:
        yield
    except GeneratorExit:  # stopped by its user, or its user is gone
        ended("stopped")
        raise
    except gr.Error as error:  # says to the user what is wrong with what was given
        ended("refused")
        let_go(error)
        raise
    except Exception as error:
        ended("failed", logging.ERROR, **fault(error))
        words = FULL if is_full(error) else FAULT
        let_go(error)
        raise gr.Error(say(words), print_exception=False) from None
    ended("done")
