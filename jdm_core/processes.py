"""One command run by several processes that torchrun started: who does what, and what they tell each other."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist

T = TypeVar("T")
# How long a process waits for one that is still at work; torchrun ends the others at once when one dies.
PATIENCE = timedelta(days=7)


@dataclass(frozen=True)
class Shards:
    """A process's place among `count`, 0 the first; without torchrun it is the only one."""

    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that speaks for all."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's items: each item is one process's, and neighbours go to different ones."""
        return items[self.rank :: self.count]

    def device(self, name: str) -> str:
        """The device that "auto" and "cuda" mean here: each process of a machine takes the next GPU."""
        if self.count == 1 or name not in ("auto", "cuda") or not torch.cuda.is_available():
            return name
        return f"cuda:{int(os.environ['LOCAL_RANK']) % torch.cuda.device_count()}"

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make` returns in the first process, where alone it is called."""
        if self.count == 1:
            return make()
        box: list[Any] = [make() if self.first else None]
        dist.broadcast_object_list(box)
        return box[0]

    def gather(self, value: T) -> list[T]:
        """Every process's value, by rank, in the first process once all have come here; none in the others."""
        if self.count == 1:
            return [value]
        values: list[Any] | None = [None] * self.count if self.first else None
        dist.gather_object(value, values)
        return values or []


@contextmanager
def shards() -> Iterator[Shards]:
    """The processes of this command, able to talk until the block ends."""
    if not dist.is_torchelastic_launched():
        yield Shards()
        return
    dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield Shards(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
