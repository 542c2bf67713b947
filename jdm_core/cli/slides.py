"""Slide scans, tile by tile with an overlap: each cell is the tile's in whose core its middle lies, and is told once.

Memory holds a tile, and of each cell of a scan its suspicion. A tile's cells stand in a file of its own until all are
read, from which the scan's own files are made.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from jdm_core import CellImageError, Explainer
from jdm_core.checkpoint.reading import readings as known_readings
from jdm_core.cli.field import Task
from jdm_core.cli.smears import Told
from jdm_core.field.found import READ, STATUSES
from jdm_core.field.rows import kept_rows
from jdm_core.files import replace_file
from jdm_core.images.pixels import content_sha256
from jdm_core.report.field.entry import NOTHING, FieldEntry, Smear, Totals
from jdm_core.report.field.geojson import feature_collection
from jdm_core.report.field.record import field_json, known_from, totals_json
from jdm_core.report.field.save import as_json
from jdm_core.report.field.tables import field_row
from jdm_core.report.report import model_fields
from jdm_core.report.words import NOTICE

ENDINGS = (".svs", ".ndpi", ".scn", ".bif", ".ome.tif", ".ome.tiff")
CORE = 2048  # pixels a side that are a tile's own
MARGIN = 192  # pixels beyond them: more than a red cell at any magnification of today's scanners
SEAM = 6.0  # pixels: a middle so near a core's side may be found on either, and both tiles tell of the cell


Seams = dict[tuple[int, int], list[tuple[float, float, float, "Tile"]]]  # middles and reaches, by squares of MARGIN


@dataclass(frozen=True)
class Tile:
    """A tile's own part of a scan, in pixels of its largest level."""

    x: int
    y: int
    width: int
    height: int

    @property
    def name(self) -> str:
        """How its file is called."""
        return f"x{self.x}_y{self.y}"

    def owns(self, boxes: np.ndarray) -> np.ndarray:
        """Which boxes (N, 4) of x, y, w, h have their middle in it or near its sides: (N,) bool."""
        x, y = (boxes[:, :2] + boxes[:, 2:] / 2).T
        across = (x >= self.x - SEAM) & (x < self.x + self.width + SEAM)
        return np.asarray(across & (y >= self.y - SEAM) & (y < self.y + self.height + SEAM))


def is_slide(name: str) -> bool:
    """Whether a file is a slide scan, by its name."""
    return name.lower().endswith(ENDINGS)


def tiles_of(address: str, core: int = CORE) -> list[Tile]:
    """The tiles of a scan, row by row, with cores of at most so many pixels a side. Raises CellImageError."""
    width, height = _opened(address).dimensions
    return cut(width, height, core)


def cut(width: int, height: int, core: int) -> list[Tile]:
    """Tiles of about the same size that cover a scan; none is a sliver, of which nothing could be said."""
    core = min(core, 2 * min(width, height))
    columns, rows = (
        [round(part * side / parts) for part in range(parts + 1)]
        for side, parts in ((width, -(-width // core)), (height, -(-height // core)))
    )
    return [
        Tile(left, top, right - left, bottom - top)
        for top, bottom in pairwise(rows)
        for left, right in pairwise(columns)
    ]


def read_tile(explainer: Explainer, address: str, tile: Tile, folder: Path, smear: str, task: Task) -> None:
    """Reads one tile and writes what it holds, unless that is there. Raises CellImageError."""
    path = folder / f"{tile.name}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(path.read_text(encoding="utf-8"))
        asked = task.settings(record["input_sha256"]), list(astuple(tile)), model_fields(explainer)
        if not task.overwrite and (record["settings"], record["tile"], record["model"]) == asked:
            return
    slide = _opened(address)
    left, top = max(0, tile.x - MARGIN), max(0, tile.y - MARGIN)
    right, bottom = (
        min(end + MARGIN, side)
        for end, side in zip((tile.x + tile.width, tile.y + tile.height), slide.dimensions, strict=True)
    )
    try:
        pixels = np.asarray(slide.read_region((left, top), 0, (right - left, bottom - top)).convert("RGB"))
    except Exception as error:  # a decoder's own
        raise CellImageError(address, f"its tile {tile.name} is damaged") from error
    start = perf_counter()
    read = explainer.field(pixels, task.draws, task.seed, task.colours)
    own = kept_rows(read, tile.owns(read.boxes + np.array((left, top, 0, 0))))
    sha256 = content_sha256(pixels)
    entry = FieldEntry(tile.name, sha256, own, seconds=perf_counter() - start, origin=(left, top))
    known = known_readings(explainer.checkpoint)
    record = field_json(entry, Smear(smear, (entry,), model_fields(explainer), known, task.red_cells_per_ul))
    record |= {"settings": task.settings(sha256), "tile": list(astuple(tile))}
    record["features"] = feature_collection(entry)["features"]
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_bytes(as_json(record)))


@lru_cache(maxsize=2)
def _opened(address: str) -> Any:
    from tiffslide import TiffSlide  # pyright: ignore[reportMissingImports]

    try:
        return TiffSlide(address)
    except Exception as error:  # it raises what its decoders do
        raise CellImageError(address, "a slide scan that cannot be opened") from error


@dataclass
class Merged:
    """The cells of a scan's tiles, each once, and what they come to."""

    paths: list[Path]
    totals: Totals = NOTHING
    uncounted: int = 0  # tiles without cells that can be counted
    seconds: float = 0.0
    last: dict[str, Any] = field(default_factory=dict)  # the newest tile's record
    _kept: list[np.ndarray] = field(default_factory=list)
    _ranks: np.ndarray = field(default_factory=lambda: np.empty(0, int))

    def __post_init__(self) -> None:
        seams: Seams = defaultdict(list)
        suspicion: list[np.ndarray] = []
        for record in self._records():
            kept = np.array([_first(cell, Tile(*record["tile"]), seams) for cell in record["cells"]], dtype=bool)
            self._kept.append(kept)
            cells = [cell for cell, keep in zip(record["cells"], kept, strict=True) if keep]
            self.totals += _totals(cells, bool(record["trouble"]))
            self.uncounted += bool(record["trouble"])
            self.seconds += record["seconds"]
            suspicion.append(np.array([np.nan if c["rank"] is None else c["suspicion"] for c in cells], np.float32))
            self.last = record
        if self.paths:
            strength = np.concatenate(suspicion)
            self._ranks = np.zeros(len(strength), int)
            ranked = np.argsort(-strength, kind="stable")[: int((~np.isnan(strength)).sum())]
            self._ranks[ranked] = np.arange(1, len(ranked) + 1)

    def cells(self) -> Iterator[dict[str, Any]]:
        """The cells, numbered and ranked over the whole scan."""
        number = 0
        for record, kept in zip(self._records(), self._kept, strict=True):
            for cell in (cell for cell, keep in zip(record["cells"], kept, strict=True) if keep):
                yield cell | {"cell": number, "rank": int(self._ranks[number]) or None}
                number += 1

    def features(self) -> Iterator[dict[str, Any]]:
        """The same as GeoJSON's features."""
        for record, kept in zip(self._records(), self._kept, strict=True):
            yield from (feature for feature, keep in zip(record["features"], kept, strict=True) if keep)

    def _records(self) -> Iterator[dict[str, Any]]:
        return (json.loads(path.read_text(encoding="utf-8")) for path in self.paths)


def slide_told(place: str, stem: Path, smear: str, paths: list[Path], failed: int, out: Path) -> Told:
    """Writes a scan's JSON and GeoJSON from its tiles' files; returns what stands of it in the tables."""
    whole = Merged(paths)
    failure = f"{failed} of its tiles could not be read" if failed else ""
    if not paths:
        return None, {"file": place, "smear": smear, "error": failure}
    counts = totals_json(replace(whole.totals, fields=1), known_from(whole.last), whole.last["red_cells_per_ul"])
    names = ("labels", "colours", "draws", "seed", "model", "software", "notice")
    record = {"file": place, "smear": smear, "tiles": len(paths), "tiles_not_counted": whole.uncounted}
    record |= {"trouble": "", "seconds": round(whole.seconds, 3)} | counts | {name: whole.last[name] for name in names}
    if whole.uncounted == len(paths):
        record["trouble"] = whole.last["trouble"]
    replace_file(stem.with_name(f"{stem.name}.geojson"), lambda partial: _write_features(partial, place, whole))
    path = stem.with_name(f"{stem.name}.json")
    replace_file(path, lambda partial: partial.write_bytes(as_json(record)))
    row = field_row(record) | {"report": path.relative_to(out).as_posix(), "error": failure}
    return record | {"cells": whole.cells()}, row


def _write_features(path: Path, place: str, whole: Merged) -> None:
    """A FeatureCollection, a feature after the other, so that no scan's cells are in memory together."""
    with path.open("w", encoding="utf-8") as file:
        head = {"type": "FeatureCollection", "file": place, "notice": NOTICE}
        file.write(json.dumps(head, ensure_ascii=False)[:-1] + ', "features": [')
        for number, feature in enumerate(whole.features()):
            file.write((",\n" if number else "\n") + json.dumps(feature, ensure_ascii=False, allow_nan=False))
        file.write("\n]}\n")


def _first(cell: dict[str, Any], tile: Tile, seams: Seams) -> bool:
    """Whether no earlier tile told of this cell: of one at a seam, whose middle is nearer than a quarter of its box."""
    x, y, reach = cell["x"] + cell["w"] / 2, cell["y"] + cell["h"] / 2, min(cell["w"], cell["h"]) / 4
    sides = x - tile.x, y - tile.y, tile.x + tile.width - x, tile.y + tile.height - y
    if min(sides) > 2 * SEAM:
        return True
    column, row = int(x // MARGIN), int(y // MARGIN)
    near = (one for a in (-1, 0, 1) for b in (-1, 0, 1) for one in seams.get((column + a, row + b), ()))
    if any(of != tile and np.hypot(x - a, y - b) < max(reach, other) for a, b, other, of in near):
        return False
    seams[column, row].append((x, y, reach, tile))
    return True


def _totals(cells: Iterable[dict[str, Any]], trouble: bool) -> Totals:
    """What cells of a record come to, without a person's readings."""
    cells = list(cells)
    counts = {status: sum(cell["status"] == status for cell in cells) for status in STATUSES}
    if trouble:
        return Totals(1, counts)
    read = [cell for cell in cells if cell["status"] == READ]
    return Totals(
        fields=1,
        counts=counts,
        read=len(read),
        suspicious=sum(cell["suspicious"] for cell in read),
        counted=len(read),
        familiar=sum(cell["kind"] == "familiar" for cell in read),
    )
