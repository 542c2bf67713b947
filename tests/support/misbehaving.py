"""A target that breaks every promise in turn; a module of its own, as each child imports it anew."""

import os
import random
import signal
import time
from contextlib import contextmanager


class Misbehaving:
    """Does with each input what its number says, in turn."""

    def make(self, rng: random.Random) -> bytes:
        return rng.randbytes(8)

    def read(self, data: bytes) -> str:
        how = MISDEEDS.get(data, "fine")
        if how == "raises":
            raise KeyError("lost")
        if how == "computes":
            until = time.process_time() + 0.8
            while time.process_time() < until:
                pass
        if how == "allocates":
            bytearray(b"x") * (150 * 2**20)
        if how == "fills":
            held = []
            while True:
                held.append(b"x" * 2**22)
        if how == "hangs":
            time.sleep(600)
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "begets":  # a child that allocates counts as well
            child = os.fork()
            if child == 0:
                held = b"x" * (150 * 2**20)
                time.sleep(0.5)
                os._exit(len(held) * 0)
            os.waitpid(child, 0)
        return "refused" if how == "refuses" else "read"


NAMES = ("fine", "raises", "computes", "allocates", "fills", "hangs", "dies", "begets", "refuses", "fine")
MISDEEDS = {random.Random(f"7 {number}").randbytes(8): name for number, name in enumerate(NAMES)}


@contextmanager
def misbehaving():
    yield Misbehaving()


@contextmanager
def unable():
    raise OSError("no such thing")
    yield
