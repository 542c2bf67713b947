"""Ends a server that was told to stop and does not, whatever code holds its interpreter: a small process of its own."""

import json
import os
import shutil
import signal
import sys
import time

GRACE = 8.0  # seconds that an orderly stop takes beyond those that jobs are given
POLL = 0.1
STOPS = (signal.SIGTERM, signal.SIGINT)


def guard(stop_seconds: float, folder: str | os.PathLike[str]) -> None:
    """Starts the watchdog of this process, whose `folder` it deletes should the process die without doing so.

    No Python code needs to run here for it to work. The C handler of a signal writes the signal's number into a pipe
    that the watchdog reads; when the time is over, the watchdog sends SIGALRM, whose handler is the C library's
    `_exit`. (A handler, and not SIGKILL alone, as the first process of a container cannot be killed from within it.)
    Call it in the main thread.
    """
    import ctypes
    import subprocess

    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    command = [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(stop_seconds + GRACE), os.fspath(folder)]
    subprocess.Popen(command, stdin=reads, stdout=subprocess.DEVNULL, start_new_session=True)
    os.close(reads)
    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = [ctypes.c_int, ctypes.c_void_p], ctypes.c_void_p
    libc.signal(signal.SIGALRM, ctypes.cast(libc._exit, ctypes.c_void_p))
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)


def watch(server: int, seconds: float, folder: str) -> None:
    """Waits for a stop or the death of the server, its parent; ends it where a stop takes too long."""
    for number in (*STOPS, signal.SIGHUP):  # a supervisor may tell all processes of a group
        signal.signal(number, signal.SIG_IGN)
    while (told := os.read(0, 1)) and told[0] not in STOPS:
        pass
    if told and not _gone(server, seconds):
        line = {"level": "error", "event": "ended by force", "after_seconds": seconds}
        print(json.dumps(line), file=sys.stderr, flush=True)
        os.kill(server, signal.SIGALRM)
        if not _gone(server, 1.0):
            os.kill(server, signal.SIGKILL)
    if _gone(server, 10.0):
        shutil.rmtree(folder, ignore_errors=True)


def _gone(server: int, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while os.getppid() == server:
        if time.monotonic() >= until:
            return False
        time.sleep(POLL)
    return True


if __name__ == "__main__":
    watch(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])
