"""What a command is to read: its files in order, in batches that decide no number twice, and where their reports go."""

import hashlib
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path
from shutil import get_terminal_size

import numpy as np
import torch
from tqdm import tqdm

from jdm_core import CellImageError, Explainer
from jdm_core.explain.matching import AS_GIVEN, MATCHED, ColourChoice
from jdm_core.field.finder import CELL_SIDE, finder_on
from jdm_core.images.find import Finding, located, prepare
from jdm_core.images.read import image_files, other_files, read_cell
from jdm_core.report.report import is_report_picture

# What passes the network together moves the last digits of its numbers. So it is decided by the list of files alone:
# neighbours, few enough for several processes to share a small folder.
BATCH = 4
COLOUR_SAMPLE = 32  # files, evenly spread over all of them, that say what colours their cells have in common
SEVERAL_CELLS = "it shows several cells; `python -m jdm_core field` reads each of them"
LONGEST_NAME_BYTES = 200  # which leaves room for what a report adds to it, within the 255 bytes of most disks

Findings = list[tuple[Path, Finding]]


def given_files(arguments: list[str]) -> tuple[list[Path], int]:
    """The images of the arguments, each once; and how many arguments hold none, each named on stderr."""
    files, empty = [], 0
    for argument in arguments:
        found = image_files([argument])
        if os.path.isdir(argument):
            found = [path for path in found if not is_report_picture(path)]  # of reports that were written there
        if not found:
            print(f"{argument}: a folder without images", file=sys.stderr)
            empty += 1
        files += found
    return list(dict.fromkeys(files)), empty


def passed_over(arguments: list[str]) -> int:
    """How many files in the folders of the arguments are no images by their names, such as Thumbs.db and notes."""
    return sum(len(other_files(argument)) for argument in dict.fromkeys(arguments) if os.path.isdir(argument))


def progress_bar(total: int, shown: bool = True, words: str | None = None) -> tqdm:
    """A bar on stderr that counts cells, with the time that is left; on a terminal alone."""
    size = get_terminal_size()  # of a terminal that tells none, as many in containers do, the bar would show nothing
    where = {"file": sys.stderr, "disable": None if shown else True, "ncols": size.columns, "nrows": size.lines}
    return tqdm(total=total, desc=words, unit="cell", **where)


def batches(files: list[Path]) -> list[list[Path]]:
    """The files in the batches in which they pass the network."""
    return [files[start : start + BATCH] for start in range(0, len(files), BATCH)]


def read_batches(
    wanted: Sequence[list[Path]], bar: tqdm, find: bool
) -> Iterator[tuple[Findings, list[tuple[CellImageError, Path]]]]:
    """The readable cells of each batch, with the errors of the others, each of which is one line on stderr.

    So is a word on what shows several cells: it is read as if it were one.
    """
    for batch in wanted:
        findings, errors = [], []
        for path in batch:
            try:
                pixels = read_cell(path)
                findings.append((path, located(pixels, find)))
                if find and _shows_several(pixels):
                    bar.write(f"{path}: {SEVERAL_CELLS}", file=sys.stderr)
            except CellImageError as error:
                errors.append((error, path))
                bar.write(str(error), file=sys.stderr)
                bar.update()
        yield findings, errors


def _shows_several(pixels: np.ndarray) -> bool:
    return min(pixels.shape[:2]) >= CELL_SIDE and finder_on(torch.device("cpu")).sees_several(pixels)


def batch_colours(explainer: Explainer, files: Sequence[Path], choice: str, find: bool) -> ColourChoice:
    """What a choice of colours is for files: if they are matched, what a sample decided by their list has in common.

    Files that cannot be read do not count here: whoever reads them all tells of them. Raises ValueError.
    """
    if choice != MATCHED or not files:
        return choice
    cells = []
    for i in sorted({round(k * (len(files) - 1) / max(1, COLOUR_SAMPLE - 1)) for k in range(COLOUR_SAMPLE)}):
        with suppress(CellImageError):
            cells.append(prepare(files[i], find=find).cell)
    return (explainer.measure_colours(cells) if cells else None) or AS_GIVEN


def places_of(arguments: list[str], files: list[Path]) -> dict[Path, Path]:
    """Each file's path below the folder that was given, or its mere name."""
    folders = [Path(argument) for argument in arguments if os.path.isdir(argument)]
    return {
        path: path.relative_to(next((folder for folder in folders if path.is_relative_to(folder)), path.parent))
        for path in files
    }


def stems_of(places: dict[Path, Path], out: Path) -> dict[Path, Path]:
    """Where each file's report goes: by its place, never two in one, be it on a disk that takes a for A."""
    stems: dict[Path, Path] = {}
    taken: set[str] = set()
    for path, place in places.items():
        below = place.with_name(_shortened(place.name))
        numbered = (below.with_name(f"{below.name}-{n}") for n in range(2, len(places) + 2))
        candidates = chain([below.with_suffix(""), below], numbered)
        stem = next(name for name in candidates if str(name).casefold() not in taken)
        taken.add(str(stem).casefold())
        stems[path] = out / stem
    return stems


def _shortened(name: str) -> str:
    raw = os.fsencode(name)
    if len(raw) <= LONGEST_NAME_BYTES:
        return name
    return raw[: LONGEST_NAME_BYTES - 9].decode(errors="ignore") + "-" + hashlib.sha256(raw).hexdigest()[:8]
