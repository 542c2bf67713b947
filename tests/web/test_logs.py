"""The log: the way to a fault is kept in it, and what names a visitor's file is not, unless all of it is wanted."""

import json
import logging

import pytest

import app
from web import logs


@pytest.fixture
def as_before(monkeypatch):
    """Puts the log back as it was."""
    monkeypatch.setattr(logs, "_debug", False)
    root, level = logging.getLogger(), logs.LOG.level
    handlers = root.handlers[:]
    yield
    root.handlers[:] = handlers
    logs.LOG.setLevel(level)


def outer():
    inner()


def inner():
    raise OSError("/uploads/somebody's cell.png: no room")


@pytest.mark.parametrize("debug", [False, True])
def test_a_fault_says_where_it_is_and_what_led_there(as_before, capsys, debug):
    logs.set_up_logs("info", debug)
    try:
        outer()
    except OSError as error:
        logs.note("fault", logging.ERROR, **logs.fault(error))
        logs.LOG.error("fault", exc_info=error)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    for line in lines:
        assert line["error"] == "OSError" and line["place"].startswith("test_logs.py:")
        assert line["traceback"].count("test_logs.py") == 3
        assert ("somebody" in line["traceback"]) == debug
        if not debug:
            assert line["traceback"].startswith(line["place"]) and line["traceback"].count(" < ") == 2
    assert len(lines) == 2


def test_a_start_that_fails_shows_its_traceback_where_that_is_wanted(as_before, capsys):
    for options, shown in (([], False), (["--debug"], True)):
        assert app.main(["--checkpoint", "nothing", *options]) == 1
        error = capsys.readouterr().err
        assert error.rstrip().splitlines()[-1].startswith("error: ") and "nothing" in error
        assert ("Traceback (most recent call last)" in error) == shown
