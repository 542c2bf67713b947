"""Inputs tried in a child process, which is measured with its own children, and ended where it passes a budget."""

import multiprocessing
import os
import random
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

SECONDS = 5.0  # of the processor, within which every input ends
PATIENCE = 30.0  # by the clock, which other work on the machine may stretch
MEMORY = 600 * 2**20  # bytes above what the process held when it had read nothing hostile
START = 180.0  # seconds
LOOK = 0.02  # seconds between two looks at the memory of a child that works
TICKS = os.sysconf("SC_CLK_TCK")


class Target(Protocol):
    """What reads input: `make` gives one input, `read` says "read" or "refused"; another exception is a fault."""

    def make(self, rng: random.Random) -> bytes: ...

    def read(self, data: bytes) -> str: ...


Factory = Callable[[], AbstractContextManager[Target]]


@dataclass
class Outcome:
    """What became of the inputs: how many ended how, the slowest, the largest, and each broken promise."""

    ended: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    slowest: float = 0.0
    largest: int = 0

    @property
    def tried(self) -> int:
        return sum(self.ended.values())


def run(factory: Factory, seconds: float, seed: int = 0, first: int = 0, count: int | None = None) -> Outcome:
    """Tries inputs `first`, `first` + 1, … of a seed for so many seconds, or `count` of them where that is fewer.

    The time that a child takes to start is not counted. `factory` is called in the child. Needs Linux.
    """
    outcome, number, left = Outcome(), first, seconds
    while left > 0 and (count is None or number < first + count):
        with _Child(factory, seed) as child:
            start = time.monotonic()
            while time.monotonic() - start < left and (count is None or number < first + count):
                alive = child.try_one(number, outcome)
                number += 1
                if not alive:
                    break
        left -= time.monotonic() - start
    return outcome


class _Child:
    """A process of its own session, so that it ends with all that it started."""

    def __init__(self, factory: Factory, seed: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(factory, seed, other))
        self._process.start()
        assert self._process.pid is not None
        self._pid = self._process.pid
        other.close()
        if reason := self._pipe.recv() if self._pipe.poll(START) else f"not within {START:.0f} s":
            self._end(0)
            raise RuntimeError(f"the target does not start: {reason}")
        self._idle, self._busy = tree_memory(self._pid), False

    def __enter__(self) -> "_Child":
        return self

    def __exit__(self, *_: object) -> None:
        self._end(0 if self._busy else PATIENCE)

    def _end(self, patience: float) -> None:
        self._pipe.close()  # which the child sees, unless it is busy
        self._process.join(patience)
        with suppress(OSError):
            os.killpg(self._pid, signal.SIGKILL)
        self._process.join()

    def try_one(self, number: int, outcome: Outcome) -> bool:
        """Notes what became of one input; whether the child may try another."""
        pid, start, processor = self._pid, time.monotonic(), _processor(self._pid)
        _forget_peaks(pid)
        self._pipe.send(number)
        most, complaint = 0, ""
        while not complaint and not self._pipe.poll(LOOK):
            most = max(most, tree_memory(pid) - self._idle)
            if most > 2 * MEMORY:
                complaint = f"{most / 2**20:.0f} MiB above idle, and ended"
            elif time.monotonic() - start > PATIENCE:
                complaint = f"not done after {PATIENCE:.0f} s"
        ended = "broken"
        if alive := not complaint:
            try:
                ended, complaint = self._pipe.recv()
            except EOFError:
                alive, complaint = False, "the process died"
        used = time.monotonic() - start
        if alive:
            used = _processor(pid) - processor
            most = max(most, tree_memory(pid, peak=True) - self._idle)
            if used > SECONDS:
                complaint = complaint or f"{used:.1f} s of the processor"
            if most > MEMORY:
                complaint = complaint or f"{most / 2**20:.0f} MiB above idle"
        outcome.ended["broken" if complaint else ended] += 1
        outcome.slowest, outcome.largest = max(outcome.slowest, used), max(outcome.largest, most)
        if complaint:
            outcome.broken.append(f"input {number}: {complaint}")
        self._busy = not alive
        return alive


def _serve(factory: Factory, seed: int, pipe: Connection) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff and others remark on every damage
    with ExitStack() as stack:
        try:
            target = stack.enter_context(factory())
            target.read(target.make(random.Random(0)))  # what is imported and set up by the first is not the input's
        except BaseException as error:
            pipe.send(f"{type(error).__name__}: {error}")
            raise
        pipe.send("")
        with suppress(EOFError):
            while True:
                _try(target, random.Random(f"{seed} {pipe.recv()}"), pipe)


def _try(target: Target, rng: random.Random, pipe: Connection) -> None:
    data = target.make(rng)
    try:
        answer = target.read(data), ""
    except Exception as error:  # of any kind: it is what is looked for
        frame = traceback.extract_tb(error.__traceback__)[-1]
        answer = "broken", f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"[:500]
    pipe.send(answer)


def _tree(pid: int) -> dict[int, int]:
    """A process and all below it that are still there, each with its parent."""
    found, at = {pid: 0}, [pid]
    for parent in at:
        for listed in Path(f"/proc/{parent}/task").glob("*/children"):
            with suppress(OSError):
                for child in map(int, listed.read_text().split()):
                    found[child] = parent
                    at.append(child)
    return found


def tree_memory(pid: int, peak: bool = False) -> int:
    """Bytes that a process and all below it hold, or each of them held at most since `_forget_peaks`.

    One of the very size of its parent was just forked, shares its memory, and counts once it runs its own program.
    """
    total, sizes = 0, {}
    for one, parent in _tree(pid).items():
        with suppress(OSError, IndexError):
            status = Path(f"/proc/{one}/status").read_text()
            sizes[one], held = (
                int(status.split(f"{name}:")[1].split()[0]) for name in ("VmSize", "VmHWM" if peak else "VmRSS")
            )
            if sizes[one] != sizes.get(parent):
                total += 1024 * held
    return total


def _forget_peaks(pid: int) -> None:
    for one in _tree(pid):
        with suppress(OSError):
            Path(f"/proc/{one}/clear_refs").write_text("5")


def _processor(pid: int) -> float:
    """Seconds of the processor that the processes took, and those that they waited for."""
    total = 0.0
    for one in _tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{one}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(map(int, fields[11:15])) / TICKS
    return total
