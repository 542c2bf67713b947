"""A run by the clock: planned anew from its speed, fixed before anything depends on it, and repeated by its number."""

import time
from dataclasses import replace

import pytest
import torch

from tests.support.toy import TINY_OPTIONS
from training.cli import main
from training.run import throughput
from training.run.recipe import load_recipe
from training.run.state import read_state
from training.run.step import learning_rate
from training.run.throughput import Budget, plateau

pytestmark = pytest.mark.train

RECIPE = replace(load_recipe("malaria-64"), teaching_from=0.0, head_alone_from=1.0, crowd_share=0.0)


def test_the_plateau_ends_where_rate_or_margin_depend_on_the_length():
    plain = replace(RECIPE, decay_share=0.4, margin_weight=0.0, margin_from=0.5)
    assert plateau(plain) == pytest.approx(0.6)
    assert plateau(replace(plain, margin_weight=0.1)) == 0.5
    assert plateau(replace(plain, margin_weight=0.1, margin_from=0.8)) == pytest.approx(0.6)
    assert plateau(replace(plain, margin_weight=0.1, margin_from=0.0)) == pytest.approx(0.6)  # it counts from the start
    assert plateau(replace(plain, decay_share=1.0)) == 0
    assert plateau(replace(plain, head_alone_from=0.5)) == pytest.approx(0.3)  # the first leg's rate falls before it


def test_the_length_follows_the_speed_until_something_depends_on_it(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(throughput.time, "monotonic", lambda: now[0])
    recipe = replace(RECIPE, decay_share=0.4, margin_weight=0.0, batch_size=1, images=100, warmup_images=4)
    budget = Budget(1100.0, validate_steps=50, step_seconds=1.0, pause_seconds=10.0)
    assert budget.plan(recipe, 0) == int(90 / 1.2)  # a validation is left out for the end, and every fiftieth step
    for _ in range(4):
        budget.took(2.0)
    now[0] = 1010.0
    assert budget.plan(recipe, 5) == 5 + int(80 / 2.2)
    budget.paused(0.0)
    assert budget.plan(recipe, 5) == 5 + 45
    assert budget.open(replace(recipe, images=50), 26) and not budget.open(replace(recipe, images=50), 27)
    now[0] = 2000.0  # too late: what is done keeps its rates all the same
    planned = budget.plan(recipe, 60)
    longer, plain = replace(recipe, images=planned), replace(recipe, images=10**6)
    assert [learning_rate(longer, step) for step in range(61)] == [learning_rate(plain, step) for step in range(61)]
    assert planned < 1.1 * 60 / 0.6


@pytest.fixture(scope="module")
def options(toy_cells):
    return [
        "--data",
        str(toy_cells),
        "--device",
        "cpu",
        *TINY_OPTIONS,
        "--set",
        "precision=fp32",
        "--set",
        "margin_weight=0.01",
        "--set",
        "margin_from=0.5",
    ]


class Clock:
    """A clock that every look at it moves on by a tenth of a second, however busy the machine is."""

    perf_counter = staticmethod(time.perf_counter)

    def __init__(self):
        self.now = 0.0

    def monotonic(self):
        self.now += 0.1
        return self.now


@pytest.fixture
def clock(monkeypatch):
    own = Clock()
    for module in ("train", "trainer", "throughput"):
        monkeypatch.setattr(f"training.run.{module}.time", own)
    return own


def assert_same(run, again):
    first, second = read_state(run), read_state(again)
    assert first.step == second.step
    assert all(torch.equal(second.tensors[name], value) for name, value in first.tensors.items())


def test_a_run_ends_with_its_time_and_is_repeated_by_its_number(options, tmp_path, clock, capsys):
    run, again = tmp_path / "run", tmp_path / "again"
    assert main(["train", "--run", str(run), *options, "--budget-minutes", "0.5"]) == 0
    assert 24 < clock.now < 33
    assert "--set images is not used: --budget-minutes chooses the number of images" in capsys.readouterr().err
    state = read_state(run)
    assert 24 < state.step == state.recipe.steps < 60  # and not the toy's own 20
    assert learning_rate(state.recipe, state.step - 1) < 0.2 * state.recipe.learning_rate
    assert f'"images": {state.recipe.images},' in (run / "recipe.json").read_text()
    assert main(["train", "--run", str(again), *options, "--set", f"images={state.recipe.images}"]) == 0
    assert_same(run, again)


def test_a_stopped_run_goes_on_within_its_time(options, tmp_path, clock):
    run, again = tmp_path / "run", tmp_path / "again"
    command = ["train", "--run", str(run), *options, "--budget-minutes", "0.5"]
    assert main([*command, "--max-minutes", "0"]) == 0
    before = read_state(run)
    assert before.step == 1
    began = clock.now
    assert main([*command, "--resume"]) == 0
    assert 24 < clock.now - began + before.seconds < 33
    state = read_state(run)
    assert state.step == state.recipe.steps
    assert main(["train", "--run", str(again), *options, "--set", f"images={state.recipe.images}"]) == 0
    assert_same(run, again)


def test_a_rate_that_falls_from_the_start_is_planned_before_it(options, tmp_path, clock):
    run, again = tmp_path / "run", tmp_path / "again"
    falling = [*options, "--set", "decay_share=1.0", "--set", "margin_weight=0"]
    assert main(["train", "--run", str(run), *falling, "--budget-minutes", "0.2"]) == 0
    state = read_state(run)
    assert 4 < state.step == state.recipe.steps
    assert main(["train", "--run", str(again), *falling, "--set", f"images={state.recipe.images}"]) == 0
    assert_same(run, again)
