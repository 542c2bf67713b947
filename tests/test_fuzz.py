"""Some seconds of `python -m benchmarks.fuzz`, always the same inputs; and that it sees what is over budget."""

import random

import pytest

from benchmarks.fuzz import budget
from benchmarks.fuzz.__main__ import TARGETS, main
from tests.support.misbehaving import NAMES, misbehaving, unable
from tests.support.one_server import json_and_requests

# Some two seconds of each on two idle cores: so many on any machine, so that a seed means the same everywhere.
COUNTS = {
    "pictures": 600,
    "decoders": 300,
    "metadata": 400,
    "zips": 600,
    "checkpoints": 100,
    "json": 80,
    "requests": 250,
}
pytestmark = pytest.mark.slow


def test_every_target_is_tried():
    assert list(COUNTS) == list(TARGETS)


SHARES = pytest.mark.parametrize("share", [5, pytest.param(1, marks=pytest.mark.long)], ids=["a fifth", "all"])
SERVED = ("json", "requests")  # to a server, whose start is most of what a fifth of them takes


@SHARES
@pytest.mark.parametrize("name", [name for name in TARGETS if name not in SERVED])
def test_hostile_input_ends_soon_with_a_result_or_one_line(name, share):
    outcome = budget.run(TARGETS[name], 250, seed=1, count=COUNTS[name] // share)
    assert not outcome.broken, "\n".join(outcome.broken)
    assert outcome.ended["refused"] > 0 and outcome.ended["read"] > 0, outcome


@SHARES
def test_hostile_requests_end_soon_with_an_answer(share):
    outcome = budget.run(json_and_requests, 500, seed=1, count=sum(COUNTS[name] // share for name in SERVED))
    assert not outcome.broken, "\n".join(outcome.broken)
    for name in SERVED:
        assert outcome.ended[f"{name} refused"] > 0 and outcome.ended[f"{name} read"] > 0, outcome


@pytest.mark.parametrize("name", ["pictures", "metadata", "zips", "checkpoints"])
def test_a_seed_makes_the_same_inputs_again(name):
    made = []
    for _ in range(2):
        with TARGETS[name]() as target:
            made.append([target.make(random.Random(f"3 {number}")) for number in range(30)])
    assert made[0] == made[1] and len(set(made[0])) > 20


def test_what_passes_its_budget_is_named_and_the_rest_goes_on(monkeypatch):
    monkeypatch.setattr(budget, "SECONDS", 0.5)
    monkeypatch.setattr(budget, "PATIENCE", 6.0)
    monkeypatch.setattr(budget, "MEMORY", 100 * 2**20)
    outcome = budget.run(misbehaving, 200, seed=7, count=len(NAMES))
    told = dict(line.removeprefix("input ").split(": ", 1) for line in outcome.broken)
    assert list(told) == ["1", "2", "3", "4", "5", "6", "7"]
    assert told["1"].startswith("KeyError: 'lost' (misbehaving.py:") and told["6"] == "the process died"
    assert "s of the processor" in told["2"] and told["5"] == "not done after 6 s"
    assert all("MiB above idle" in told[number] for number in "347") and told["4"].endswith("and ended")
    assert (outcome.tried, outcome.ended["read"], outcome.ended["refused"]) == (10, 2, 1)
    assert outcome.slowest > 1 and outcome.largest > 150 * 2**20


def test_a_target_that_does_not_start_is_told():
    with pytest.raises(RuntimeError, match="does not start: OSError: no such thing"):
        budget.run(unable, 5)


def test_the_command_prints_what_became_of_the_inputs(capsys):
    assert main(["--target", "zips", "--seconds", "60", "--count", "20", "--seed", "1"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("zips: 20 tried, ") and "refused" in printed and "MiB above idle" in printed
