"""A Python that starts warm: one process imports torch and gradio once, and each start is a fork of it.

`warm_python()` is an executable to put where `sys.executable` stands. It takes `-m NAME`, `-c CODE` or a script, and
arguments, folder, environment, standard streams, signals and exit status are those of a process of its own; the
product's code is imported anew. The workers of a run share it. Not for tests of what an interpreter does before it runs
(PYTHONHASHSEED, an encoding, sitecustomize), of its memory, or that need the process itself by its number.
"""

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import NoReturn

PRELOADED = (
    "numpy",
    "torch",
    "PIL.Image",
    "scipy.ndimage",
    "safetensors.torch",
    "accelerate",
    "torch.distributed.run",
    "torch._dynamo",  # with the first optimiser
    "scipy.stats",
    "skimage.measure",
    "skimage.morphology",
    "matplotlib.figure",
    "fontTools.subset",
    "gradio",
)
SHARED = "WARM_PYTHON"  # where the executable is that a run started for all its workers
START = 240.0  # seconds


@cache
def warm_python() -> str:
    """The path of the executable, that of the whole run where there is one, or else of this process alone."""
    executable = os.environ.get(SHARED) or start_warm_python()
    until = time.monotonic() + START
    while not (Path(executable).parent / "socket").exists():
        assert time.monotonic() < until, "the warm Python does not start"
        time.sleep(0.02)
    return executable


def start_warm_python() -> str:
    """The path of an executable that is of use in some seconds; what is behind it ends with this process."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    address, executable = folder / "socket", folder / "python"
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GRADIO", "PYTEST"))}
    server = subprocess.Popen(
        [sys.executable, __file__, "serve", str(address)], env=plain, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    )
    executable.write_text(f"#!{sys.executable} -IS\n{_CLIENT.format(address=str(address))}")
    executable.chmod(0o700)
    atexit.register(_end, server)  # where there is none, the stream closes all the same
    return str(executable)


def _end(server: subprocess.Popen) -> None:
    server.stdin.close()
    server.wait()


# What a test starts: it hands everything over, waits, passes signals on, and ends as the other did. Little is imported.
_CLIENT = """
import json, os, signal, socket, sys
held = socket.socket(socket.AF_UNIX)
held.connect({address!r})
request = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(held, [len(request).to_bytes(4, "big")], [0, 1, 2])
held.sendall(request)
pid = int.from_bytes(held.recv(4), "big")
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(number, lambda number, _: os.kill(pid, number))
status = os.waitstatus_to_exitcode(int.from_bytes(held.recv(4) or bytes([0, 0, 1, 0]), "big"))
if status < 0:
    signal.signal(-status, signal.SIG_DFL) if -status != signal.SIGKILL else None
    os.kill(os.getpid(), -status)
os._exit(status)
"""


def _serve(address: str) -> list[str]:
    """Forks for every connection; returns in the children alone, with the arguments of a Python of theirs."""
    import importlib

    for name in PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # nothing of it is looked through in the forks
    assert threading.active_count() == 1, threading.enumerate()  # a fork keeps one thread
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(f"{address}.new")
    listening.listen(16)
    os.rename(f"{address}.new", address)  # which says that it is ready
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    whose = os.dup(0)  # ends with whoever started this
    while True:
        ready, _, _ = select.select([listening, whose], [], [])
        if whose in ready:
            shutil.rmtree(Path(address).parent)
            os._exit(0)
        held, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            os.close(whose)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            return _keep(held)
        held.close()


def _keep(held: socket.socket) -> list[str]:
    """Runs and outlives the child of one connection, tells how it ended, and ends it where nobody waits any more."""
    head, streams, _, _ = socket.recv_fds(held, 4, 3)
    wanted, request = int.from_bytes(head, "big"), b""
    while len(request) < wanted:
        request += held.recv(wanted - len(request))
    pid = os.fork()
    if pid == 0:
        held.close()
        return _become(streams, *json.loads(request))
    for stream in (*streams, 0, 1, 2):
        os.close(stream)
    held.sendall(pid.to_bytes(4, "big"))
    child = os.pidfd_open(pid)
    ready, _, _ = select.select([held, child], [], [])
    if child not in ready:
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    with suppress(OSError):
        held.sendall(status.to_bytes(4, "big"))
    os._exit(0)


def _become(streams: list[int], arguments: list[str], folder: str, environment: dict[str, str]) -> list[str]:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    sys.path[1:1] = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    time.tzset()
    return arguments


def _run(arguments: list[str]) -> None:
    """What `python` does with such arguments."""
    import runpy
    import types

    if arguments[0] == "-u":
        arguments = arguments[1:]
        sys.stdout.reconfigure(write_through=True)
    kind, *rest = arguments
    if kind == "-c":
        code, *rest = rest
        sys.argv, sys.path[0] = ["-c", *rest], ""
        module = sys.modules["__main__"] = types.ModuleType("__main__")
        exec(compile(code, "<string>", "exec"), module.__dict__)
    elif kind == "-m":
        name, *rest = rest
        sys.argv, sys.path[0] = ["-m", *rest], os.getcwd()
        runpy.run_module(name, run_name="__main__", alter_sys=True)
    else:
        sys.argv, sys.path[0] = arguments, str(Path(kind).resolve().parent)
        runpy.run_path(kind, run_name="__main__")


def _end_as_python_does(arguments: list[str]) -> NoReturn:
    """Runs, and ends with the status that Python ends with, but for taking every module apart."""
    status = 1
    try:
        _run(arguments)
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
        if isinstance(error.code, str):
            print(error.code, file=sys.stderr)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:
        traceback.print_exc()
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status & 0xFF)


if __name__ == "__main__":
    _end_as_python_does(_serve(sys.argv[2]))
