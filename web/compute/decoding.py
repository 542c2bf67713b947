"""Uploads decoded in processes of their own: kept warm, watched, and replaced when a picture passes its limits.

The command line decodes within its own process instead, behind the same checks of `jdm_core.images.announced`:
whoever runs it chose the files, waits for nobody else, and may break it off.
"""

import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import numpy as np

from jdm_core.images.announced import announced
from jdm_core.images.decoder import ANSWERED, ASKED, KINDS, READ, READY, REFUSED, SHAPE
from jdm_core.images.limits import DECODERS, OF_CELL, SMALL_PIXELS, WALL_FACTOR, Bounds, decoding_seconds
from jdm_core.images.read import checked_bytes, read_bytes
from jdm_core.images.refused import CellImageError
from web.logs import note

START_SECONDS = 60  # in which a process must start, on a machine that is very busy
# What a process that handles strangers' files is told of the server's environment: how to start, and no secret.
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "PYTHONHOME")


class DecodingFault(RuntimeError):
    """A fault of the program in decoding, and not of the picture."""


class Decoder:
    """One process that decodes. It ends when it is closed, and by itself when the process that started it does."""

    def __init__(self) -> None:
        self._socket, other = socket.socketpair()
        # Started anew rather than forked: it shares no memory, threads or locks with the server, and imports no page.
        with other:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-m", "jdm_core.images.decoder"],
                stdin=other.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,  # codecs' remarks
                env=_environment(),
                start_new_session=True,  # a Ctrl-C is the server's to handle
            )
        try:
            self._until = time.monotonic() + START_SECONDS
            if self._receive(len(READY)) != READY:
                raise DecodingFault("the decoder said something else than that it is ready")
        except (OSError, EOFError) as error:
            self.close()
            raise DecodingFault(f"the decoder does not start (status {self.process.returncode})") from error

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    def read(self, data: bytes, name: str, seconds: int, bounds: Bounds = OF_CELL) -> np.ndarray:
        """The pixels (H, W, 3) uint8 of a file, in at most so many seconds of the processor. Raises CellImageError.

        Raises DecodingFault for faults of the program. Where the process did not answer, it is closed.
        """
        self._until = time.monotonic() + WALL_FACTOR * seconds
        try:
            self._left()
            self._socket.sendall(ASKED.pack(len(data), seconds, KINDS.index(bounds)))
            self._socket.sendall(data)
            kind, length = ANSWERED.unpack(self._receive(ANSWERED.size))
            if kind != READ:
                words = self._receive(length).decode()
            else:
                height, width = SHAPE.unpack(self._receive(SHAPE.size))
                pixels = np.empty((height, width, 3), np.uint8)
                self._fill(memoryview(pixels.data).cast("B"))
                return pixels
        except TimeoutError:
            kind, words = REFUSED, "takes too long to decode"
            self.close()
        except (OSError, EOFError):
            self.close()
            late = self.process.returncode == -signal.SIGXCPU
            kind, words = REFUSED, "takes too long to decode" if late else "cannot be decoded safely"
        except BaseException:  # half an answer would be taken for the next one
            self.close()
            raise
        if kind == REFUSED:
            raise CellImageError(name, words)
        note("fault", logging.ERROR, error="DecodingFault", place=words)  # the words name a line of ours, and no file
        raise DecodingFault(words)

    def close(self) -> None:
        """Ends the process, whatever it is doing."""
        self._socket.close()
        with suppress(subprocess.TimeoutExpired):  # one that its own limit has ended says so in its status
            self.process.wait(0.2)
        self.process.kill()
        self.process.wait()

    def _receive(self, length: int) -> bytes:
        received = bytearray(length)
        self._fill(memoryview(received))
        return bytes(received)

    def _fill(self, view: memoryview) -> None:
        while view:
            self._left()
            count = self._socket.recv_into(view)
            if not count:
                raise EOFError
            view = view[count:]

    def _left(self) -> None:
        """Lets the next call on the socket wait until the time is over. Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


class Decoders:
    """At most `count` pictures decoded at once, by as many processes, started when they are needed; others wait.

    Large pictures take turns at all processes but one, so that a small one, as cells are, never waits for them.
    """

    def __init__(self, count: int = DECODERS) -> None:
        self._places, self._large = threading.BoundedSemaphore(count), threading.BoundedSemaphore(max(1, count - 1))
        self._idle: list[Decoder] = []
        self._lock, self._count = threading.Lock(), count

    def read(self, source: str | Path | bytes, name: str, bounds: Bounds = OF_CELL) -> np.ndarray:
        """The upright RGB pixels (H, W, 3) uint8 of a file or its bytes, as `read_cell` gives them within bounds.

        What is not to be decoded is refused before it waits for a process. Raises CellImageError, DecodingFault.
        """
        data = checked_bytes(source, name, bounds) if isinstance(source, bytes) else read_bytes(source, name, bounds)
        said = announced(data, name, bounds)
        pixels = said.width * said.height
        with self._large if pixels > SMALL_PIXELS else nullcontext(), self._decoder() as decoder:
            return decoder.read(data, name, decoding_seconds(pixels), bounds)

    def warm(self) -> None:
        """Starts the processes, so that nobody waits for that later."""
        missing = self._count - len(self._idle)
        started = [Decoder() for _ in range(missing)]
        with self._lock:
            self._idle += started

    def close(self) -> None:
        """Ends the processes that wait for work; the others end with what they do, or with this process."""
        with self._lock:
            idle, self._idle = self._idle, []
        for decoder in idle:
            decoder.close()

    @contextmanager
    def _decoder(self) -> Iterator[Decoder]:
        with self._places:
            with self._lock:
                decoder = self._idle.pop() if self._idle else None
            if decoder is None or not decoder.alive:
                decoder = Decoder()
            try:
                yield decoder
            finally:
                with self._lock:
                    if decoder.alive and len(self._idle) < self._count:
                        self._idle.append(decoder)
                        decoder = None
                if decoder is not None:
                    decoder.close()


PAGE = Decoders()


def read_pixels(source: str | Path | bytes, name: str, bounds: Bounds = OF_CELL) -> np.ndarray:
    """`Decoders.read` by the processes that the whole page shares."""
    return PAGE.read(source, name, bounds)


def _environment() -> dict[str, str]:
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    root = str(Path(__file__).parents[2])
    # Threads of a library for matrices, of which decoding has none, would take address space.
    return passed | {"PYTHONPATH": root, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
