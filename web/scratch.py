"""Where uploads and pictures lie while a session lasts: a folder of this process alone, swept on a schedule."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

PREFIX = "plasmolens-"


class Scratch:
    """A folder that only this user can read, gone with the process; what an earlier, killed process left goes now.

    Raises OSError where it cannot be made, or not be locked.
    """

    def __init__(self, kept_seconds: float, parent: Path | None = None) -> None:
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

    def keep_all(self, pictures: Iterable[Path] = ()) -> None:
        """Takes what lies there now for the page's own, and copies of its pictures whenever they come; then sweeps."""
        self._own = set(self.folder.rglob("*"))
        self._pictures = {(path.name, path.stat().st_size) for path in pictures}
        threading.Thread(target=self._sweep_on_schedule, daemon=True, name="sweep").start()

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
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    def _sweep_on_schedule(self) -> None:
        while not self._closed.wait(min(self.kept_seconds / 4, 60)):
            self.sweep()


def _remove_if_abandoned(folder: Path) -> None:
    try:
        if folder.stat().st_uid != os.getuid():
            return
        with (folder / ".lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
    except OSError:  # another process holds it, or is just making it
        return
