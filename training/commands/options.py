"""What several commands share: their arguments, the slides that these mean, and how figures are written."""

import argparse
import json
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jdm_core import Explainer
from jdm_core.checkpoints import MANIFEST
from jdm_core.files import replace_file
from training.data import DataError, Split, list_members, slide_of, split_by_recipe
from training.digits import holds_digits
from training.metrics import without_nan
from training.run.recipe import recipe_from_dict

Commands = Any  # argparse's registry of commands, whose class has no public name
JUDGE = MANIFEST.parent / "weights" / "judge-64.safetensors"
DATA = {"type": Path, "required": True, "metavar": "ZIP_OR_FOLDER", "help": "cells in the NIH layout, or digits"}
DEVICE = {"default": "auto", "help": "auto, cpu, cuda, or a torch device (default: auto)"}


def checkpoint_options() -> argparse.ArgumentParser:
    """The arguments that say which checkpoint is loaded, and how."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--checkpoint", default="malaria-64", help="manifest entry, or folder (default: malaria-64)")
    parser.add_argument("--manifest", type=Path, default=MANIFEST)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", **DEVICE)
    return parser


def judge_options() -> argparse.ArgumentParser:
    """The argument that says which network judges."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--judge", type=Path, default=JUDGE, help="weights of the judge (default: the bundled ones)")
    return parser


def slides_options(record: bool = True) -> argparse.ArgumentParser:
    """The arguments that say on which slides of which data it is measured, and where the figures go."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--data", **DATA)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--slides", type=Path, metavar="FILE", help="only these slides, one id a line")
    which.add_argument("--part", choices=("train", "validation", "test"), help="only this part of the training split")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    if record:
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
    part = getattr(split_of(explainer, options.data), options.part)
    return set(part).__contains__, part_name(options.part, options.data)


def read_slides(path: Path, data: Path, labels: Sequence[str]) -> set[str]:
    """The slide ids of a file, one a line; those that the data do not have are named on stderr."""
    wanted = {line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()} - {""}
    unknown = sorted(wanted - {slide_of(member) for member, _ in list_members(data, labels)})
    if unknown:
        some = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
        print(f"{path}: {len(unknown)} of {len(wanted)} slides are not in {data}: {some}", file=sys.stderr)
    return wanted


def part_name(part: str, data: Path) -> str:
    """How to call a part of the split of some data; every digit is a slide of its own."""
    return f"{part} {'digits' if holds_digits(data) else 'slides'} of {data.name}"


def split_of(explainer: Explainer, data: Path) -> Split:
    """The split that the checkpoint was trained on; DataError where the data are others and split otherwise."""
    provenance = explainer.checkpoint.provenance
    recipe = recipe_from_dict(provenance.recipe, f"{explainer.name}: recipe")
    found = list_members(data, explainer.labels)
    split = split_by_recipe([slide_of(member) for member, _ in found], [label for _, label in found], recipe)
    if split.digest != provenance.split_digest:
        raise DataError(f"{data}: splits into other slides than the checkpoint's data did; use --slides")
    return split


def stop_on_signal() -> Callable[[], bool]:
    """From now on Ctrl-C and SIGTERM only ask to stop in good order; the function tells whether they did."""
    received: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda which, _: received.append(which))
    return lambda: bool(received)


def write_figures(path: Path, figures: dict[str, object]) -> None:
    """Writes figures as JSON, atomically, in a folder that is made where it is missing; what is undefined as null."""
    text = json.dumps(without_nan(figures), indent=1, allow_nan=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8"))
