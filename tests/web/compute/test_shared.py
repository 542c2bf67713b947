"""One explainer for many users: order, classifications together, each user's own errors, nobody barred for ever."""

import threading
import time
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import pytest

from jdm_core import Prediction
from web.compute import shared
from web.compute import thread as compute
from web.compute.shared import SharedExplainer
from web.compute.thread import ComputeThread


@pytest.fixture
def line():
    return ComputeThread()


def started(work, *arguments) -> threading.Thread:
    """A user's thread, which is in the line once this returns."""
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    time.sleep(0.02)
    return thread


def held(line: ComputeThread) -> tuple[threading.Event, threading.Thread]:
    """The device busy until the event is set."""
    go = threading.Event()
    return go, started(line.run, go.wait)


def test_pieces_are_done_in_order_by_one_thread_and_moments_first(line):
    done, threads = [], []
    go, first = held(line)

    def note(name):
        done.append(name)
        threads.append(threading.current_thread().name)

    users = [started(line.run, lambda name=name: note(name), None, name == "moment") for name in ("a", "b", "moment")]
    go.set()
    for thread in (first, *users):
        thread.join(5)
    assert done == ["moment", "a", "b"] and set(threads) == {"compute"}


def test_an_error_goes_to_whoever_asked_and_the_next_is_served(line):
    with pytest.raises(ZeroDivisionError):
        line.run(lambda: 1 / 0)
    assert line.run(lambda: 3) == 3


def test_a_job_in_pieces_keeps_the_device_until_it_is_done(line):
    done, job = [], object()
    line.run(lambda: done.append("edit 1"), job)
    other = started(line.run, lambda: done.append("other"))
    moment = started(line.run, lambda: done.append("moment"), None, True)
    line.run(lambda: done.append("edit 2"), job)
    assert done == ["edit 1", "moment", "edit 2"]
    line.done(job)
    other.join(5)
    moment.join(5)
    assert done[-1] == "other"


def test_a_job_that_was_left_bars_nobody(line, monkeypatch):
    monkeypatch.setattr(compute, "PAUSE", 0.2)
    line.run(lambda: None, object())  # and never comes back
    start = time.monotonic()
    assert line.run(lambda: 3) == 3
    assert 0.1 < time.monotonic() - start < 5


def test_a_pause_that_ends_between_two_looks_at_the_clock_bars_nobody(line, monkeypatch):
    ticks = iter(range(1000))
    monkeypatch.setattr(compute, "time", SimpleNamespace(monotonic=lambda: 0.6 * compute.PAUSE * next(ticks)))
    go, done = threading.Event(), threading.Event()
    started(line.run, go.wait, object())  # and never comes back
    started(line.run, done.set)
    go.set()
    assert done.wait(5)


@dataclass
class Fake:
    """An explainer that says of a cell what its first pixel says; 255 is an error."""

    passes: list[int] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    labels: tuple[str, ...] = ("a", "b")

    def predict(self, cells):
        self.passes.append(len(cells))
        values = np.array([float(cell[0, 0, 0]) for cell in cells])
        if 255 in values:
            raise ValueError("255")
        return Prediction(self.labels, np.stack([values, -values], 1), values, np.full(len(values), "familiar"))

    def posterior(self, cells, draws, seed):
        self.log += [f"batch of {len(cells)}"]
        return np.array([cell[0, 0] for cell in cells])

    def elbo(self, cell):
        self.log.append("single")

    def stream(self, cell):
        try:
            yield from range(100)
        finally:
            self.log.append("closed")


def cell(value: int) -> np.ndarray:
    return np.full((8, 8, 3), value, np.uint8)


def waiting_users(explainer: SharedExplainer, values) -> dict[int, object]:
    """What becomes of users who all ask while the device is busy."""
    answers: dict[int, object] = {}

    def ask(value):
        try:
            answers[value] = explainer.predict(cell(value))
        except ValueError as error:
            answers[value] = error

    go, first = held(explainer._thread)
    users = [started(ask, value) for value in values]
    until = time.monotonic() + 30
    while len(explainer._waiting) < len(users) and time.monotonic() < until:  # a busy machine is slow to start threads
        time.sleep(0.005)
    go.set()
    for thread in (first, *users):
        thread.join(10)
    return answers


def test_classifications_that_wait_pass_together_and_each_gets_its_own():
    fake = Fake()
    answers = waiting_users(SharedExplainer(fake), range(1, 11))
    assert fake.passes == [10]
    for value, answer in answers.items():
        assert answer.probabilities.tolist() == [[value, -value]]
        assert answer.familiar.tolist() == [True] and answer.labels == fake.labels


def test_one_users_bad_image_is_his_own_error():
    fake = Fake()
    answers = waiting_users(SharedExplainer(fake), [1, 255, 3])
    assert fake.passes == [3, 1, 1, 1]
    assert str(answers.pop(255)) == "255"
    assert {value: answer.unfamiliarity.tolist() for value, answer in answers.items()} == {1: [1.0], 3: [3.0]}


def test_a_batch_is_no_larger_than_the_limit(monkeypatch):
    monkeypatch.setattr(shared, "TOGETHER", 4)
    fake = Fake()
    assert len(waiting_users(SharedExplainer(fake), range(1, 11))) == 10
    assert fake.passes == [4, 4, 2]
    assert len(SharedExplainer(fake).predict([cell(1)] * 6).probabilities) == 6  # one user's own batch stays whole


def test_a_batch_lets_others_in_between():
    fake = Fake()
    explainer = SharedExplainer(fake)
    go, _ = held(explainer._thread)
    batch = started(explainer.posterior, [cell(i) for i in range(10)], 3, 0)
    single = started(explainer.elbo, cell(0))
    go.set()
    batch.join(5)
    single.join(5)
    assert fake.log == ["batch of 4", "single", "batch of 4", "batch of 2"]
    assert explainer.posterior([cell(i) for i in range(10)], 3, 0)[:, 0].tolist() == list(range(10))


def test_closing_an_edit_ends_its_computation_and_frees_the_device():
    explainer = SharedExplainer(Fake())
    frames = explainer.stream(cell(0))
    assert [next(frames), next(frames)] == [0, 1]
    frames.close()
    start = time.monotonic()
    explainer.elbo(cell(0))
    assert explainer.log == ["closed", "single"] and time.monotonic() - start < compute.PAUSE / 2


@pytest.mark.slow
def test_together_differs_from_alone_by_rounding_only(explainer, cells):
    together = explainer.predict(cells).probabilities
    alone = np.concatenate([explainer.predict(pixels).probabilities for pixels in cells])
    np.testing.assert_allclose(together, alone, atol=1e-5, rtol=0)
    likelihood = explainer.posterior(cells, 16, 0)
    np.testing.assert_array_equal(SharedExplainer(explainer).posterior(cells, 16, 0), likelihood)
