"""Files that are whole or not there, and files from elsewhere that are read no further than they may be."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import ELOOP, ENOTDIR
from itertools import count
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Writes beside `path` and renames over it once it is whole and on disk, so that no half file is ever read.

    Several processes may write the same path at once: each has a place of its own, and the last one's file stays.
    """
    with _own_folder(path) as folder:
        partial = folder / "partial"
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)


def read_file(path: Path, most: int) -> bytes:
    """The bytes of a regular file of at most so many.

    Raises OSError, also for a device, a pipe or a larger file, none of which is read.
    """
    facts = path.stat()
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(None, "not a regular file")
    if facts.st_size <= most:
        with path.open("rb") as file:
            data = file.read(most + 1)  # it may have grown since
        if len(data) <= most:
            return data
    raise OSError(None, f"larger than the {most} bytes that such a file may have")


@contextmanager
def _own_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` that no other writer has; it goes with the block.

    It is the first whose lock is free: the system lets go of a lock however a process ends, so that the next writer of
    this path finds and clears what a killed one left, without a look at what else lies there.
    """
    names = (f".{path.name}.partial" if number == 0 else f".{path.name}.{number}.partial" for number in count())
    try:
        folder, lock = next(found for name in names if (found := _taken(path.with_name(name))))
    except _NoLocks:
        with TemporaryDirectory(prefix=".", suffix=".partial", dir=path.parent) as folder:
            yield Path(folder)
        return
    try:
        for left in os.scandir(folder):
            os.unlink(left)
        yield folder
    finally:
        rmtree(folder, ignore_errors=True)  # a full disk gets its space back
        os.close(lock)


class _NoLocks(Exception):
    """This system or its disk cannot lock a folder."""


def _taken(folder: Path) -> tuple[Path, int] | None:
    """The folder, made if need be, and its lock; None where another writer holds it."""
    if fcntl is None:
        raise _NoLocks
    while True:
        with suppress(FileExistsError):
            folder.mkdir()
        try:
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except FileNotFoundError:  # its writer has just ended
            continue
        except OSError as error:
            if error.errno not in (ENOTDIR, ELOOP):
                raise
            with suppress(IsADirectoryError):
                folder.unlink(missing_ok=True)  # earlier versions left files of this name
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(lock), folder.stat()):
                return folder, lock
            os.close(lock)
        except FileNotFoundError:
            os.close(lock)
        except BlockingIOError:
            os.close(lock)
            return None
        except OSError as error:
            os.close(lock)
            raise _NoLocks from error
