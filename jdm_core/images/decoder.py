"""python -m jdm_core.images.decoder: decodes pictures for another process, over the socket that is its standard input.

A codec that hangs, takes too much memory or breaks takes this process with it and no other. It needs no torch, is small
and starts at once.

    asked      17 bytes, the length of a file, the seconds of the processor that it may take and what it is to be
               (a place in `KINDS`), and the file
    answered   9 bytes, what became of it (READ, REFUSED or FAULT) with the length of what follows:
               for READ height and width, 4 bytes each, and the pixels; for REFUSED the reason;
               for FAULT, a fault of this program and not of the picture, the error's type and its place
    first      1 byte, once it can be asked
"""

import os
import resource
import select
import socket
import struct
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np

from jdm_core.images.limits import DECODER_BYTES, OF_CELL, OF_FIELD
from jdm_core.images.refused import CellImageError

READY = b"+"
ASKED, ANSWERED, SHAPE = struct.Struct("<QQB"), struct.Struct("<BQ"), struct.Struct("<II")
READ, REFUSED, FAULT = range(3)
KINDS = (OF_CELL, OF_FIELD)


def main() -> None:
    """Decodes what comes, one picture after the other, until the other end is closed."""
    _bound()
    asking = socket.socket(fileno=0)
    threading.Thread(target=_end_with, args=(asking.fileno(),), daemon=True).start()
    with suppress(ConnectionError), asking.makefile("rb") as file:
        from jdm_core.images.read import read_cell  # within the limits, as all that it does

        asking.sendall(READY)
        while len(head := file.read(ASKED.size)) == ASKED.size:
            length, seconds, kind = ASKED.unpack(head)
            _allow(seconds)
            _answer(asking, file.read(length), partial(read_cell, name="", bounds=KINDS[kind]))


def _answer(asking: socket.socket, data: bytes, read: Callable[[bytes], np.ndarray]) -> None:
    try:
        pixels = read(data)
    except CellImageError as error:
        reason = error.reason.encode()
        asking.sendall(ANSWERED.pack(REFUSED, len(reason)) + reason)
    except Exception as error:  # its words may quote the file
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} in {os.path.basename(last.filename)}:{last.lineno}".encode()
        asking.sendall(ANSWERED.pack(FAULT, len(place)) + place)
    else:
        asking.sendall(ANSWERED.pack(READ, SHAPE.size + pixels.nbytes) + SHAPE.pack(*pixels.shape[:2]))
        asking.sendall(pixels.data.cast("B"))


def _allow(seconds: int) -> None:
    """Ends this process once it has computed for that long from now on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))


def _bound() -> None:
    """Limits on memory, and no files: nothing is written, not even what a crash leaves."""
    for kind, most in (("AS", DECODER_BYTES), ("FSIZE", 0), ("CORE", 0)):
        with suppress(OSError, ValueError):  # not every system knows each
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


def _end_with(descriptor: int) -> None:
    """Ends this process with the one that asks, even in the middle of a picture."""
    poll = select.poll()
    poll.register(descriptor, 0)  # nothing but the other end's closing
    poll.poll()
    os._exit(0)


if __name__ == "__main__":
    main()
