"""Train, pack, export and evaluate a joint diffusion model of cells."""

import argparse
import sys

from jdm_core import CheckpointError
from training.commands import measure, publish, run
from training.data import DataError
from training.recipe import RecipeError
from training.state import StateError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when it succeeded, 1 after a one-line reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for family in (run, publish, measure):
        family.register(commands)
    options = parser.parse_args(arguments)
    try:
        return options.function(options)
    except (RecipeError, DataError, StateError, CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
