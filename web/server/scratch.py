"""Where uploads and pictures lie while a session lasts: a folder of this process alone, swept on a schedule."""

import errno
import os
import shutil
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from jdm_core.report.words import noop
from web.settings import Settings

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

FULL = noop("The server’s disk is full. Please try again in some minutes.")
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PREFIX = "plasmolens-"
SWEEP_SECONDS, MEASURE_SECONDS = 60, 10


def is_full(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that there is no room."""
    seen = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


class Scratch:
    """A folder that only this user can read, gone with the process; what an earlier, killed process left goes now.

    Raises OSError where it cannot be made, or not be locked.
    """

    def __init__(
        self, kept_seconds: float, parent: Path | None = None, megabytes: int = Settings.disk_megabytes
    ) -> None:
        if fcntl is None:
            raise OSError("the page runs on Linux and macOS: this system cannot lock the folder of its uploads")
        parent = parent or Path(tempfile.gettempdir())
        for old in parent.glob(f"{PREFIX}*"):
            _remove_if_abandoned(old)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock: IO[str] = (self.folder / ".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # the system lets go of it however the process ends
        self.kept_seconds, self._own, self._closed = kept_seconds, set[Path](), threading.Event()
        self._pictures: set[tuple[str, int]] = set()  # names and sizes
        self._most, self._used = megabytes * 2**20, 0
        self._of, self._uploads = (
            Counter[str](),
            deque[tuple[float, str, int]](),
        )  # bytes by visitor, and when they came

    def keep_all(self, pictures: Iterable[Path] = ()) -> None:
        """Takes what lies there now for the page's own, and copies of its pictures whenever they come; then sweeps."""
        self._own = set(self.folder.rglob("*"))
        self._pictures = {(path.name, path.stat().st_size) for path in pictures}
        threading.Thread(target=self._sweep_on_schedule, daemon=True, name="sweep").start()

    def claim(self, visitor: str, size: int) -> bool:
        """Counts bytes that a visitor is sending; whether there is room for them, half of all being for one visitor."""
        if self._of[visitor] + size > self._most / 2 or self._used + size > self._most:
            return False
        self._used += size
        self._of[visitor] += size
        return True

    def settle(self, visitor: str, size: int, ended_well: bool) -> None:
        """Ends an upload for which so much was claimed: it counts until it is too old to be kept, or no more."""
        now = time.monotonic()
        if ended_well:
            self._uploads.append((now, visitor, size))
        else:
            self._used = max(self._used - size, 0)
            self._forget(visitor, size)
        while self._uploads and now - self._uploads[0][0] > self.kept_seconds:
            self._forget(*self._uploads.popleft()[1:])

    def measure(self) -> None:
        """Finds out how much lies there, which pictures and sheets of the server's own are part of."""
        sizes = 0
        for path in self.folder.rglob("*"):
            with suppress(OSError):  # gone already
                sizes += path.lstat().st_size
        self._used = sizes

    def sweep(self) -> int:
        """Deletes files older than `kept_seconds`, and folders left empty; how many files went."""
        gone = 0
        for path in sorted(self.folder.rglob("*"), reverse=True):  # what lies in a folder before the folder
            try:
                facts = path.lstat()
                old = time.time() - facts.st_ctime > self.kept_seconds
                if path in self._own or (path.name, facts.st_size) in self._pictures or not old:
                    continue
                if path.is_dir():
                    path.rmdir()
                else:
                    path.unlink()
                    gone += 1
            except OSError:  # gone already, or a folder that still holds something
                continue
        return gone

    def close(self) -> None:
        """Deletes all of it."""
        self._closed.set()
        for _ in range(10):  # work that was broken off may be writing into it still
            shutil.rmtree(self.folder, ignore_errors=True)
            if not self.folder.exists():
                break
            time.sleep(0.1)
        self._lock.close()

    def _forget(self, visitor: str, size: int) -> None:
        self._of[visitor] -= size
        if self._of[visitor] <= 0:
            del self._of[visitor]

    def _sweep_on_schedule(self) -> None:
        swept = time.monotonic()
        while not self._closed.wait(min(self.kept_seconds / 4, MEASURE_SECONDS)):
            if time.monotonic() - swept >= min(self.kept_seconds / 4, SWEEP_SECONDS):
                self.sweep()
                swept = time.monotonic()
            self.measure()


def _remove_if_abandoned(folder: Path) -> None:
    try:
        if folder.stat().st_uid != os.getuid():
            return
        with (folder / ".lock").open() as lock:
            if fcntl is None:  # where a Scratch cannot be made either
                return
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # another process holds it, or is just making it
        return
