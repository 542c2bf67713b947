"""python -m jdm_core field --cluster: an archive of fields on the machines of a Ray cluster, one worker a device.

Ray Data deals the files out, starts a worker that died anew and gives what it held to another. A field's files are
those of one process, to the last digit. Whatever was done is not done again, so that a run whose driver was killed goes
on with the same command.
"""

import argparse
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jdm_core import CellImageError, Explainer
from jdm_core.cli.field import Task, read_pixels, refused_readings, task_of
from jdm_core.cli.inputs import stems_of
from jdm_core.cli.smears import Outcome, Told, mixed_names, smear_names, summary, told_of, write_tables
from jdm_core.files import replace_file
from jdm_core.images.inputs import read_field
from jdm_core.images.limits import OF_FIELD
from jdm_core.images.read import IMAGE_EXTENSIONS
from jdm_core.images.refused import on_one_line
from jdm_core.report.field.tables import CELL_COLUMNS, FIELD_COLUMNS
from jdm_core.report.report import is_report_picture

LOCAL = "local"  # this machine alone, with a Ray of its own that ends with the command
BLOCK = 2  # fields that are dealt out together: few wait for a slow one, and few are read again after a worker's end
RETRIES = 3  # of a block whose worker died; then its fields are told as not read, and the rest is done
_TEXTS = {"file", "status", "label", "kind", "reading", "smear", "report", "trouble", "error", "notice"}
_FLAGS = {"suspicious", "added"}  # of a cell; in a table of fields the first is a count


@dataclass(frozen=True)
class Item:
    """A field of an archive: its address, local or of a file system that fsspec knows, and its place and smear."""

    address: str
    place: str
    stem: str
    smear: str


class Reader:
    """A worker: it loads the network once, and reads one field after the other."""

    def __init__(self, checkpoint: str, device: str, task: Task, out: str) -> None:
        self._explainer, self._task, self._out = Explainer.load(checkpoint, device), task, Path(out)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A field's outcome and what stands of it in the tables."""
        item = Item(*(str(row[name]) for name in ("address", "place", "stem", "smear")))
        place, stem = Path(item.place), Path(item.stem)
        try:
            pixels = _pixels(item.address)
        except CellImageError as error:
            outcome = Outcome(error=error.reason)
        else:
            name = on_one_line(place.as_posix())
            outcome = read_pixels(self._explainer, pixels, name, stem, item.smear, self._task)
        (told,) = told_of([(place, stem, item.smear, outcome)], self._out)
        return {"index": int(row["index"]), "told": json.dumps((outcome.__dict__, *told))}


def run(options: argparse.Namespace) -> int:
    """Reads an archive on the cluster that the options name; 1 where a field could not be read or counted.

    Raises ValueError, also where Ray is not installed.
    """
    task = task_of(options)
    items, empty = listed(options.files, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    totals = write_tables(_read(options, task, items, outcomes), options.out)
    seen = {outcome.sha256 for outcome in outcomes}
    refused = refused_readings(options.readings, task.readings, seen)
    files = [Path(item.address) for item in items]
    mixed = mixed_names(files, {path: item.smear for path, item in zip(files, items, strict=True)})
    for line in (*mixed, *refused):
        print(line, file=sys.stderr)
    if options.parquet:
        for name, columns in (("fields", FIELD_COLUMNS), ("cells", CELL_COLUMNS)):
            _as_parquet(options.out / f"{name}.csv", columns)
    print(summary(totals, outcomes, options.out))
    return 1 if empty or refused or any(not outcome.counted for outcome in outcomes) else 0


def listed(arguments: list[str], out: Path) -> tuple[list[Item], int]:
    """The fields of the arguments, and how many arguments hold none, each told on stderr."""
    from fsspec.core import url_to_fs

    addresses: dict[Path, str] = {}
    places: dict[Path, Path] = {}
    empty = 0
    for argument in arguments:
        system, root = url_to_fs(argument)
        folder = system.isdir(root)
        names = [name for name in sorted(system.find(root)) if _is_field(name, root)] if folder else [root]
        if not names:
            print(f"{argument}: a folder without images", file=sys.stderr)
            empty += 1
        for name in names:
            place = Path(name).relative_to(root) if folder else Path(Path(name).name)
            remote = "://" in argument
            if not (remote is False and is_report_picture(Path(name))):
                addresses.setdefault(Path(name), system.unstrip_protocol(name) if remote else name)
                places.setdefault(Path(name), place)
    stems, smears = stems_of(places, out.resolve()), smear_names(list(places), places)
    items = [
        Item(address, places[path].as_posix(), str(stems[path]), smears[path]) for path, address in addresses.items()
    ]
    return items, empty


def _is_field(name: str, root: str) -> bool:
    below = Path(name).relative_to(root)
    return below.suffix.lower() in IMAGE_EXTENSIONS and not any(part.startswith(".") for part in below.parts)


def _pixels(address: str) -> Any:
    if "://" not in address:
        return read_field(address)
    import fsspec

    try:
        with fsspec.open(address, "rb") as file:
            data = file.read(OF_FIELD.file_bytes + 1)  # type: ignore[union-attr]
    except OSError as error:
        raise CellImageError(address, f"cannot be read ({error})") from error
    return read_field(data, address)


def _read(options: argparse.Namespace, task: Task, items: list[Item], outcomes: list[Outcome]) -> Iterator[Told]:
    """What stands in the tables of each field, in the order of the items; `outcomes` grows with them."""
    try:
        import ray  # pyright: ignore[reportMissingImports]
        import ray.data  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise ValueError('--cluster needs Ray: pip install "plasmolens[cluster]"') from None
    ray.init(
        address=None if options.cluster == LOCAL else options.cluster, logging_level=logging.ERROR, log_to_driver=False
    )
    try:
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", category=DeprecationWarning, module=__name__)
        context = ray.data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = sys.stderr.isatty()
        context.max_errored_blocks = -1
        resources = ray.cluster_resources()
        gpus = int(resources.get("GPU", 0)) if options.device in ("auto", "cuda") else 0
        workers = gpus or max(1, int(resources.get("CPU", 1)))
        device = "cuda" if gpus else ("cpu" if options.device == "auto" else options.device)
        rows = [{"index": index} | item.__dict__ for index, item in enumerate(items)]
        data = ray.data.from_items(rows, override_num_blocks=max(1, -(-len(rows) // BLOCK))).map(
            Reader,  # type: ignore[arg-type]  # an actor's class, which Ray's types leave out
            fn_constructor_args=(options.checkpoint, device, task, str(options.out.resolve())),
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=workers),
            num_cpus=0 if gpus else 1,
            num_gpus=1 if gpus else 0,
            max_restarts=-1,
            max_task_retries=RETRIES,
        )
        given = 0
        for row in data.iter_rows():
            for index in range(given, row["index"]):
                yield _told(items[index], Outcome(error="no worker lived to read it"), None, None, outcomes)
            outcome, record, line = json.loads(row["told"])
            yield _told(items[row["index"]], Outcome(**outcome), record, line, outcomes)
            given = row["index"] + 1
        for index in range(given, len(items)):
            yield _told(items[index], Outcome(error="no worker lived to read it"), None, None, outcomes)
    finally:
        ray.shutdown()


def _told(
    item: Item, outcome: Outcome, record: dict[str, Any] | None, line: dict[str, Any] | None, outcomes: list[Outcome]
) -> Told:
    outcomes.append(outcome)
    for words in outcome.lines(on_one_line(item.address)):
        print(words, file=sys.stderr)
    return record, line or {"file": on_one_line(item.place), "smear": item.smear, "error": outcome.error}


def _as_parquet(path: Path, columns: tuple[str, ...]) -> None:
    """Writes a table's columns, in numbers, flags and texts, as Parquet beside it, a part after the other."""
    import pyarrow  # pyright: ignore[reportMissingImports]
    from pyarrow import csv, parquet  # pyright: ignore[reportMissingImports]

    flags = _FLAGS if "cell" in columns else set()
    kinds = {
        name: pyarrow.string() if name in _TEXTS else pyarrow.bool_() if name in flags else pyarrow.float64()
        for name in columns
    }

    def write(partial: Path) -> None:
        with (
            csv.open_csv(path, convert_options=csv.ConvertOptions(column_types=kinds)) as rows,
            parquet.ParquetWriter(partial, rows.schema) as writer,
        ):
            for batch in rows:
                writer.write_batch(batch)

    replace_file(path.with_suffix(".parquet"), write)
