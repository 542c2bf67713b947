"""What several commands share: their arguments, the slides that these mean, and how signals stop them."""

import argparse
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jdm_core import Explainer
from jdm_core.checkpoint.manifest import MANIFEST
from training.data.members import list_members, slide_of
from training.run.classifier import JUDGE
from training.run.recipe import part_of

Commands = Any  # argparse's registry of commands, whose class has no public name
# Arguments of `add_argument`, each of a type of its own.
DATA: dict[str, Any] = {
    "type": Path,
    "required": True,
    "metavar": "ZIP_OR_FOLDER",
    "help": "cells in the NIH layout, or digits",
}
DEVICE: dict[str, Any] = {"default": "auto", "help": "auto, cpu, cuda, or a torch device (default: auto)"}
SET: dict[str, Any] = {
    "action": "append",
    "default": [],
    "metavar": "KEY=VALUE",
    "help": "override a key of the recipe",
}


def checkpoint_options() -> argparse.ArgumentParser:
    """The arguments that say which checkpoint is loaded, and how."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--checkpoint", default="malaria-64", help="manifest entry, or folder (default: malaria-64)")
    parser.add_argument("--manifest", type=Path, default=MANIFEST, help="where it is listed (default: the bundled one)")
    parser.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default: 0)")
    parser.add_argument("--device", **DEVICE)
    return parser


def judge_options() -> argparse.ArgumentParser:
    """The argument that says which network judges."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--judge", type=Path, default=JUDGE, help="weights of the judge (default: the bundled ones)")
    return parser


def slides_options() -> argparse.ArgumentParser:
    """The arguments that say on which slides of which data it is measured, and where the figures go."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--data", **DATA)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--slides", type=Path, metavar="FILE", help="only these slides, one id a line")
    which.add_argument("--part", choices=("train", "validation", "test"), help="only this part of the training split")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json", help="for the figures")
    parser.add_argument("--record", action="store_true", help="put the figures into the manifest too")
    return parser


def wanted_slides(explainer: Explainer, options: argparse.Namespace) -> tuple[Callable[[str], bool] | None, str]:
    """Which slides --slides or --part mean, None for all, and how to call them."""
    name = options.data.name
    if options.slides:
        wanted = read_slides(options.slides, options.data, explainer.labels)
        return wanted.__contains__, f"slides of {options.slides.name} in {name}"
    if not options.part:
        return None, f"all slides of {name}"
    return part_of(explainer, options.data, options.part)


def read_slides(path: Path, data: Path, labels: Sequence[str]) -> set[str]:
    """The slide ids of a file, one a line; those that the data do not have are named on stderr."""
    wanted = {line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()} - {""}
    unknown = sorted(wanted - {slide_of(member) for member, _ in list_members(data, labels)})
    if unknown:
        some = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        print(f"{path}: {len(unknown)} of {len(wanted)} slides are not in {data}: {some}", file=sys.stderr)
    return wanted


def stop_on_signal() -> Callable[[], bool]:
    """From now on Ctrl-C and SIGTERM only ask to stop in good order; the function tells whether they did."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda which, _: received.append(which))
    return lambda: bool(received)
