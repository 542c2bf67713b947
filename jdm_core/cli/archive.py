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
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from jdm_core import CellImageError, Explainer
from jdm_core.cli.addresses import Item, listed, pixels_of
from jdm_core.cli.field import Task, read_pixels, refused_readings, task_of
from jdm_core.cli.slides import Tile, read_tile, slide_told
from jdm_core.cli.smears import Outcome, Told, mixed_names, summary, told_of, write_tables
from jdm_core.files import replace_file
from jdm_core.images.refused import on_one_line
from jdm_core.report.field.tables import CELL_COLUMNS, FIELD_COLUMNS

LOCAL = "local"  # this machine alone, with a Ray of its own that ends with the command
BLOCK = 2  # fields that are dealt out together: few wait for a slow one, and few are read again after a worker's end
RETRIES = 3  # of a block whose worker died; then its fields are told as not read, and the rest is done
Dealt = tuple[Item, Outcome, Told]
LOST: tuple[Outcome, Told] = Outcome(error="no worker lived to read it"), (None, {})
_TEXTS = {"file", "status", "label", "kind", "reading", "smear", "report", "trouble", "error", "notice"}
_FLAGS = {"suspicious", "added"}  # of a cell; in a table of fields the first is a count


class Reader:
    """A worker: it loads the network once, and reads one field after the other."""

    def __init__(self, checkpoint: str, device: str, task: Task, out: str) -> None:
        self._explainer, self._task, self._out = Explainer.load(checkpoint, device), task, Path(out)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """A field's outcome and what stands of it in the tables."""
        texts = {name: str(row[name]) for name in ("address", "place", "stem", "smear")}
        item = Item(**texts, tile=tuple(json.loads(row["tile"])))
        place, stem = Path(item.place), Path(item.stem)
        outcome = Outcome()
        try:
            if item.tile:
                tile = Tile(*item.tile)
                read_tile(self._explainer, item.address, tile, item.folder, item.smear, self._task)
            else:
                name, pixels = on_one_line(place.as_posix()), pixels_of(item.address)
                outcome = read_pixels(self._explainer, pixels, name, stem, item.smear, self._task)
        except CellImageError as error:
            outcome = Outcome(error=error.reason)
        except Exception as error:  # of one field: the others are done, and the log says where
            logging.getLogger(__name__).exception("%s", item.address)
            outcome = Outcome(error=f"a fault of this program, {type(error).__name__}")
        told = (None, {}) if item.tile else next(told_of([(place, stem, item.smear, outcome)], self._out))
        return {"index": int(row["index"]), "told": json.dumps((outcome.__dict__, *told))}


def run(options: argparse.Namespace) -> int:
    """Reads an archive on the cluster that the options name; 1 where a field could not be read or counted.

    Raises ValueError, also where Ray is not installed.
    """
    task = task_of(options)
    items, empty = listed(options.files, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    out = options.out.resolve()
    totals = write_tables(_tables(_dealt(options, task, items), out, outcomes), out)
    seen = {outcome.sha256 for outcome in outcomes}
    refused = refused_readings(options.readings, task.readings, seen)
    smears = {Path(item.address): item.smear for item in items if not item.tile}
    mixed = mixed_names(list(smears), smears)
    for words in (*mixed, *refused):
        print(words, file=sys.stderr)
    if options.parquet:
        for name, columns in (("fields", FIELD_COLUMNS), ("cells", CELL_COLUMNS)):
            _as_parquet(options.out / f"{name}.csv", columns)
    print(summary(totals, outcomes, options.out))
    return 1 if empty or refused or any(not outcome.counted for outcome in outcomes) else 0


def _dealt(options: argparse.Namespace, task: Task, items: list[Item]) -> Iterator[Dealt]:
    """What became of each item, in their order, on the cluster's workers."""
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
        rows = [{"index": index, **item.__dict__, "tile": json.dumps(item.tile)} for index, item in enumerate(items)]
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
            yield from ((item, *LOST) for item in items[given : row["index"]])
            outcome, record, line = json.loads(row["told"])
            yield items[row["index"]], Outcome(**outcome), (record, line)
            given = row["index"] + 1
        yield from ((item, *LOST) for item in items[given:])
    finally:
        ray.shutdown()


def _tables(dealt: Iterable[Dealt], out: Path, outcomes: list[Outcome]) -> Iterator[Told]:
    """What stands in the tables of each field and scan, in their order; `outcomes` grows with them."""
    for _, group in groupby(dealt, key=lambda one: one[0].address):
        parts = list(group)  # of a scan its tiles, which come one after the other
        item = parts[0][0]
        name = on_one_line(item.place)
        for _, outcome, _ in parts:
            for words in outcome.lines(on_one_line(item.address)):
                print(words, file=sys.stderr)
        if item.tile:
            good = [part.folder / f"{Tile(*part.tile).name}.json" for part, outcome, _ in parts if not outcome.error]
            record, line = slide_told(name, Path(item.stem), item.smear, good, len(parts) - len(good), out)
            outcomes.append(Outcome(error=line.get("error", ""), trouble=line.get("trouble", "")))
        else:
            _, outcome, (record, line) = parts[0]
            outcomes.append(outcome)
        yield record, line or {"file": name, "smear": item.smear, "error": outcomes[-1].error}


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
