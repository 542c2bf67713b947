"""Targets that read uploads: pictures, here and in the page's own processes, their metadata, and zips of them."""

import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.fuzz.archives import archives, read_upload
from benchmarks.fuzz.damage import damaged
from benchmarks.fuzz.pictures import pictures
from jdm_core import CellImageError
from jdm_core.images.find import prepare
from jdm_core.images.read import read_cell
from web.compute.decoding import Decoders
from web.server.metadata import strip_metadata


class _Damaged:
    def __init__(self, files: list[bytes]) -> None:
        self._files = files

    def make(self, rng: random.Random) -> bytes:
        return damaged(self._files, rng)


class Pictures(_Damaged):
    """Reads a picture and looks for its cell."""

    def read(self, data: bytes) -> str:
        try:
            prepare(data, "upload")
        except CellImageError as error:
            if not str(error).isprintable() or not str(error).startswith("upload: "):
                raise ValueError(f"reason {str(error)!r}") from error
            return "refused"
        return "read"


class Decoded(_Damaged):
    """Reads a picture as the page does, in a process that is lost where a codec breaks."""

    def __init__(self, files: list[bytes], decoders: Decoders) -> None:
        super().__init__(files)
        self._decoders = decoders

    def read(self, data: bytes) -> str:
        try:
            self._decoders.read(data, "upload")
        except CellImageError as error:
            if not str(error).isprintable() or not str(error).startswith("upload: "):
                raise ValueError(f"reason {str(error)!r}") from error
            return "refused"
        return "read"


class Metadata(_Damaged):
    """Takes the words out of a stored picture, which must show the same afterwards, or cannot be read before either."""

    def __init__(self, files: list[bytes], folder: Path) -> None:
        super().__init__(files)
        self._path = folder / "upload"

    def read(self, data: bytes) -> str:
        self._path.write_bytes(data)
        changed = strip_metadata(self._path)
        if changed and len(data) < 2**14 and (before := _pixels(data)) is not None:
            after = _pixels(self._path.read_bytes())
            if after is None or after != before:
                raise ValueError("another picture without its words")
        return "read" if changed else "refused"


class Zips(_Damaged):
    """Lists a zip and reads its first members, as the page for many cells does."""

    def read(self, data: bytes) -> str:
        return read_upload(data)


@contextmanager
def pictures_target() -> Iterator[Pictures]:
    """Damaged pictures."""
    yield Pictures(pictures())


@contextmanager
def decoders_target() -> Iterator[Decoded]:
    """The same, for the processes of the page."""
    decoders = Decoders()
    decoders.warm()
    try:
        yield Decoded(pictures(), decoders)
    finally:
        decoders.close()


@contextmanager
def metadata_target() -> Iterator[Metadata]:
    """The same, to be stripped where they lie."""
    with tempfile.TemporaryDirectory() as folder:
        yield Metadata(pictures(), Path(folder))


@contextmanager
def zips_target() -> Iterator[Zips]:
    """Damaged zips."""
    yield Zips(archives(pictures()))


def _pixels(data: bytes) -> bytes | None:
    try:
        return read_cell(data, "upload").tobytes()
    except CellImageError:
        return None
