"""Train, pack, export, evaluate, study and adapt a joint diffusion model of cells."""

import argparse
import sys
import traceback
from pathlib import Path

from jdm_core import CheckpointError

USUAL_ORDER = (
    "From data to a shipped checkpoint: train, export, evaluate --record, edits --record, examples, card. "
    "COMMAND --help explains the arguments of each."
)
ROOT = Path(__file__).resolve().parents[2]
EXTRA = ("accelerate", "captum", "torchvision")  # what the page does without, of the extra "train"


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it succeeded, 1 after a one-line reason on stderr.

    An error that did not arise in this project's own code, and every error with --debug, is told with its place.
    """
    try:
        return _run(arguments)
    except ModuleNotFoundError as error:
        if error.name not in EXTRA:
            raise
        print(f'error: {error.name} is not installed; training needs: pip install "plasmolens[train]"', file=sys.stderr)
        return 1


def _run(arguments: list[str] | None) -> int:
    from training.cli import data, familiarity, finder, publish, reading, run, studies
    from training.run.step import NonFiniteLoss

    prog = None if Path(sys.argv[0]).stem == "plasmolens-train" else "python -m training"
    parser = argparse.ArgumentParser(prog=prog, description=__doc__, epilog=USUAL_ORDER)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for family in (run, finder, publish, familiarity, reading, data, studies):
        family.register(commands)
    for command in commands.choices.values():
        command.add_argument("--debug", action="store_true", help="show where an error arose")
    options = parser.parse_args(arguments)
    try:
        return options.function(options)
    except (CheckpointError, NonFiniteLoss, ValueError, OSError) as error:
        if options.debug or not _expected(error):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return 1


def _expected(error: Exception) -> bool:
    """Whether an error says what is wrong with what a person gave: it was raised here, or the system raised it."""
    place = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
    return (
        isinstance(error, OSError) or place.is_relative_to(ROOT / "training") or place.is_relative_to(ROOT / "jdm_core")
    )
