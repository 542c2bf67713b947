"""A person's readings: as the browser sends them, what they come to, and as a file that is loaded again."""

import json
from types import SimpleNamespace

import pytest

from jdm_core.field import trouble
from jdm_core.field.estimate import reviewed_share
from jdm_core.report.field.entry import Smear as ReportedSmear
from jdm_core.report.field.readings import dump_readings
from jdm_core.report.words import ENGLISH
from web.field import panels, words
from web.field.corrections import Corrections
from web.field.readings import RED_CELLS, parsed, red_cells, reported, totals
from web.field.view import View
from web.words.language import say_in


@pytest.fixture
def sent(one_read):
    """Readings of the first four cells: P, U, ? and X."""
    places = [one_read.places[i] for i in one_read.read.order[:4]]
    return {one_read.digest: dict(zip(places, "PU?X", strict=True))}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (None, {}),
        ("no JSON", {}),
        ("[1]", {}),
        ('{"a": 1, "b": {"1,2,3,4": "P", "5,6,7,8": "Q", "x": {}}}', {"b": {"1,2,3,4": "P"}}),
    ],
)
def test_what_a_browser_sends_is_read_as_far_as_it_goes(text, read):
    assert parsed(text) == read


def test_readings_come_to_a_count_in_which_what_nobody_looked_at_is_healthy(one_read, sent):
    told, read = totals(one_read, sent), int(one_read.read.read.sum())
    assert (told.reviewed, told.infected, told.unsure, told.counted) == (4, 1, 1, read - 2)
    assert totals(one_read, {"another": {}}).reviewed == 0
    assert reported(one_read, {"another": {}}).readings == {}


def test_the_count_is_told_with_its_interval_and_per_microlitre(callbacks, smear, sent, one_read):
    view = callbacks.count(smear, json.dumps(sent), 4_000_000)
    counted = totals(one_read, sent).counted
    share = reviewed_share(1, counted)
    assert f"1 infected of {counted} cells" in view.tally
    assert words.share_words(share, ENGLISH) in view.tally and "95% interval" in view.tally
    assert "4\u202f000\u202f000 red cells per µL" in view.tally
    assert 'aria-live="polite"' in view.tally
    before = callbacks.count(smear, "{}", None)
    assert "infected of" not in before.tally and "press P" in before.tally


def test_the_machines_estimate_never_stands_alone(smear, sent):
    machine = SimpleNamespace(share=0.2, low=0.0, high=0.4, tells=False)
    assert "own estimate" not in panels.tally(smear, {}, RED_CELLS, machine, ENGLISH)
    told = panels.tally(smear, sent, RED_CELLS, machine, ENGLISH)
    assert "own estimate" in told and "cannot tell from none" in told
    machine.tells, machine.low = True, 0.1
    assert "cannot tell from none" not in panels.tally(smear, sent, RED_CELLS, machine, ENGLISH)


@pytest.mark.parametrize(
    ("given", "taken"), [(None, RED_CELLS), (0, RED_CELLS), (-1, RED_CELLS), (1e9, RED_CELLS), (4e6, 4e6)]
)
def test_red_cells_are_taken_where_they_can_be(given, taken):
    assert red_cells(given) == taken


def test_a_saved_file_is_loaded_again_and_says_what_it_lost(callbacks, smear, sent, one_read):
    told = ReportedSmear("smear", (reported(one_read, sent),), {})
    corrections, text = Corrections(callbacks), dump_readings(told).decode()
    view = corrections.load(smear, "{}", None, SimpleNamespace(text=text))
    assert json.loads(view.incoming) == sent and "4 readings were loaded." in view.status
    moved = text.replace(one_read.digest, "0" * 64)
    view = corrections.load(smear, "{}", None, SimpleNamespace(text=moved))
    assert json.loads(view.incoming) == {} and "1 field of the file is not among those here." in view.status
    far = json.loads(text)
    far["fields"][0]["readings"][0]["box"] = [5000, 5000, 20, 20]
    view = corrections.load(smear, "{}", None, SimpleNamespace(text=json.dumps(far)))
    assert "3 readings were loaded." in view.status and "1 reading is of a cell that is not found now." in view.status
    view = corrections.load(smear, "{}", None, SimpleNamespace(text="no JSON"))
    assert 'role="alert"' in view.status and view == View(status=view.status)


def test_every_trouble_of_a_picture_is_said_in_other_languages():
    told = {getattr(trouble, name) for name in ("NOTHING", "NO_FIELD", "ONE_CELL", "GRAY", "CLUMPS")}
    assert told == set(words.TROUBLES)
    assert all(say_in(code)(sentence) != sentence for code in ("fr", "pt") for sentence in told)


def test_the_headline_says_how_many_of_how_many(one_read):
    told = totals(one_read, {})
    assert words.headline(told, ENGLISH) == f"{told.suspicious} of {told.read} cells to look at"
    assert "cellules" in words.headline(told, say_in("fr"))
