"""Train, pack, export, evaluate, study and adapt a joint diffusion model of cells."""

import argparse
import sys

from jdm_core import CheckpointError
from training.commands import adapt, familiarity, generation, heat, measure, publish, report, run, scores, study
from training.data import DataError
from training.run.recipe import RecipeError
from training.state import StateError

USUAL_ORDER = (
    "From data to a shipped checkpoint: train, export, evaluate --record, edits --record, examples, card. "
    "COMMAND --help tells the arguments of each."
)


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it succeeded, 1 after a one-line reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__, epilog=USUAL_ORDER)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for family in (run, publish, measure, familiarity, heat, scores, study, generation, adapt, report):
        family.register(commands)
    options = parser.parse_args(arguments)
    try:
        return options.function(options)
    except (RecipeError, DataError, StateError, CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
