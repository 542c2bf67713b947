"""A target of the fuzzing that is one server for both kinds of what is sent to one; each child imports it anew."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.fuzz.server import Json, Requests, json_target

JSON = 80 / (80 + 250)  # as the counts of the tests are


class Both:
    """Bodies of JSON and requests of any kind, which it tells apart by where they come from."""

    def __init__(self, json: Json) -> None:
        self._targets = {"json": json, "requests": Requests(json.port)}
        self._name = "json"

    def make(self, rng: random.Random) -> bytes:
        self._name = "json" if rng.random() < JSON else "requests"
        return self._targets[self._name].make(rng)

    def read(self, data: bytes) -> str:
        return f"{self._name} {self._targets[self._name].read(data)}"


@contextmanager
def json_and_requests() -> Iterator[Both]:
    with json_target() as json:
        yield Both(json)
