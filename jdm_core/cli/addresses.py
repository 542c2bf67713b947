"""What an archive holds: fields and slide scans, on this machine or any file system that fsspec knows."""

import sys
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from jdm_core import CellImageError
from jdm_core.cli.inputs import stems_of
from jdm_core.cli.slides import is_slide, tiles_of
from jdm_core.cli.smears import smear_names
from jdm_core.images.inputs import read_field
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.read import IMAGE_EXTENSIONS
from jdm_core.report.report import is_report_picture


@dataclass(frozen=True)
class Item:
    """A field of an archive, or a slide scan: its address, local or one that fsspec knows, its place and its smear.

    tile is x, y, width and height of a tile of a scan, and empty for all else.
    """

    address: str
    place: str
    stem: str
    smear: str
    tile: tuple[int, ...] = ()

    @property
    def folder(self) -> Path:
        """Where a scan's tiles go until all are read."""
        return Path(f"{self.stem}.tiles")


def listed(arguments: list[str], out: Path) -> tuple[list[Item], int]:
    """The fields of the arguments, and how many arguments hold none, each told on stderr."""
    from fsspec.core import url_to_fs

    addresses: dict[Path, str] = {}
    places: dict[Path, Path] = {}
    empty = 0
    for argument in arguments:
        system, root = url_to_fs(argument)
        remote = "://" in argument
        folder = system.isdir(root)
        names = [name for name in sorted(system.find(root)) if _is_field(name, root)] if folder else [root]
        if not names:
            print(f"{argument}: a folder without images", file=sys.stderr)
            empty += 1
        for name in names:
            place = Path(name).relative_to(root) if folder else Path(Path(name).name)
            if remote or not is_report_picture(Path(name)):
                addresses.setdefault(Path(name), system.unstrip_protocol(name) if remote else name)
                places.setdefault(Path(name), place)
    stems, smears = stems_of(places, out.resolve()), smear_names(list(places), places)
    items = []
    for path, address in addresses.items():
        tiles = _tiles(address) if is_slide(address) else [()]
        items += [Item(address, places[path].as_posix(), str(stems[path]), smears[path], tile) for tile in tiles]
    return items, empty


def _tiles(address: str) -> list[tuple[int, ...]]:
    """The tiles of a scan; one, of nothing, of what cannot be opened, so that whoever reads it says why."""
    try:
        return [astuple(tile) for tile in tiles_of(address)]
    except CellImageError:
        return [(0, 0, 0, 0)]


def _is_field(name: str, root: str) -> bool:
    below = Path(name).relative_to(root)
    known = below.suffix.lower() in IMAGE_EXTENSIONS or is_slide(name)
    return known and not any(part.startswith(".") for part in below.parts)


def pixels_of(address: str) -> np.ndarray:
    """The pixels (H, W, 3) uint8 of a field at an address. Raises CellImageError."""
    if "://" not in address:
        return read_field(address)
    import fsspec

    try:
        with fsspec.open(address, "rb") as file:
            data = file.read(OF_FIELD.file_bytes + 1)  # type: ignore[union-attr]
    except OSError as error:
        raise CellImageError(address, f"cannot be read ({error})") from error
    return read_field(data, address)
