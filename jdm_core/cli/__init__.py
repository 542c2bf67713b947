"""Predict and explain cell images. Research use only, not for diagnosis."""

import argparse
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from jdm_core import CellImageError, CheckpointError, Explainer
from jdm_core.bounds import RANGES, check_range
from jdm_core.checkpoint.manifest import DEFAULT_CHECKPOINT
from jdm_core.cli import explain, field, predict
from jdm_core.explain.fields import FIELD_DRAWS
from jdm_core.explain.likelihood import ELBO_DRAWS
from jdm_core.explain.matching import AS_GIVEN, AS_NEEDED, MATCHED
from jdm_core.field.estimate import RED_CELLS
from jdm_core.processes import shards

GOES_ON = ": what is done stays, and the same command goes on behind it"
OWN = Path(__file__).resolve().parents[1]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when every file was done, 1 when any could not be, 2 for wrong usage, 130 when stopped.

    An error that did not arise in this package's own code, and every error with --debug, is told with its place.
    """
    options = _parser().parse_args(arguments)
    try:
        for name in ("draws", "seed"):
            check_range(name, getattr(options, name, RANGES[name][0]))
        if getattr(options, "cluster", None):
            from jdm_core.cli import archive  # its libraries are an extra's

            return archive.run(options)
        with shards() as group:
            explainer = Explainer.load(options.checkpoint, group.device(options.device))
            return options.function(explainer, options, group)
    except (CheckpointError, ValueError, OSError) as error:
        if options.debug or not _expected(error):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"stopped{GOES_ON if hasattr(options, 'out') else ''}", file=sys.stderr)
        return 130  # as shells tell of it


def _expected(error: Exception) -> bool:
    """Whether an error says what is wrong with what a person gave: it was raised here, or the system raised it."""
    if isinstance(error, CheckpointError | CellImageError | OSError):
        return True
    return Path(traceback.extract_tb(error.__traceback__)[-1].filename).is_relative_to(OWN)


def _parser() -> argparse.ArgumentParser:
    installed = Path(sys.argv[0]).stem == "plasmolens-cells"
    parser = argparse.ArgumentParser(prog=None if installed else "python -m jdm_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    batch = "files are one batch; as needed: each by itself, and only where its own are far darker"
    common = _common(ELBO_DRAWS, (AS_NEEDED, AS_GIVEN, MATCHED), batch)
    common.add_argument("--as-given", action="store_true", help="read each picture whole, without looking for the cell")

    one = commands.add_parser("predict", parents=[common], help="verdicts of classifier and likelihood")
    one.add_argument("--json", action="store_true", help="print one JSON object a line")
    one.set_defaults(function=predict.run)

    one = commands.add_parser("explain", parents=[common], help="verdicts, evidence map and edit, as files")
    one.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the reports and index.csv")
    one.add_argument("--target", metavar="LABEL", help="label to edit towards (default: the other than predicted)")
    one.add_argument("--overwrite", action="store_true", help="do files again that are done already")
    one.set_defaults(function=explain.run)

    common = _common(FIELD_DRAWS, (MATCHED, AS_GIVEN), "those of a field together")
    one = commands.add_parser("field", parents=[common], help="the cells of whole fields: found, ranked and counted")
    add = one.add_argument
    add("--out", type=Path, required=True, metavar="DIR", help="folder for a field's files and the tables of all")
    add(
        "--red-cells-per-ul",
        type=float,
        default=RED_CELLS,
        metavar="COUNT",
        help="red cells per µL of blood, for counts per µL (default: %(default)s)",
    )
    add("--readings", type=Path, action="append", metavar="FILE", help="a person's readings, saved earlier; may repeat")
    add("--also", choices=field.ALSO, action="append", help="one more file a field; may be given several times")
    add("--overwrite", action="store_true", help="do fields again that are done already")
    add("--cluster", metavar="ADDRESS", help="read an archive on a Ray cluster; local: on this machine's processors")
    add("--parquet", action="store_true", help="with --cluster: the tables as Parquet too")
    one.set_defaults(function=field.run)
    return parser


def _common(draws: int, colours: Sequence[str], batch: str) -> argparse.ArgumentParser:
    """What all commands take, by their own defaults; that of the colours is the first."""
    common = argparse.ArgumentParser(add_help=False)
    add = common.add_argument
    add("files", nargs="+", metavar="FILE_OR_FOLDER", help="images, or folders of them")
    add(
        "--checkpoint",
        default=DEFAULT_CHECKPOINT,
        metavar="NAME_OR_FOLDER",
        help="name in the manifest, or a checkpoint's folder (default: %(default)s)",
    )
    add("--device", default="auto", help="auto, cpu, cuda or mps (default: %(default)s)")
    add("--draws", type=int, default=draws, help="draws of the likelihood, 3 to 1024 (default: %(default)s)")
    add(
        "--seed",
        type=int,
        default=0,
        help="seed of the draws, from 0; the same seed gives the same numbers (default: 0)",
    )
    add(
        "--colours",
        choices=colours,
        default=colours[0],
        help=f"matched: read the cells in the colours of the training cells; {batch} (default: %(default)s)",
    )
    add("--debug", action="store_true", help="show where an error arose")
    return common
