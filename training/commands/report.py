"""The command that runs the measurements one after the other and writes the documents' tables."""

import argparse
import sys
from pathlib import Path

from jdm_core import Explainer
from jdm_core.checkpoints import MANIFEST, locate, read_manifest
from training.commands.options import DATA, Commands, checkpoint_options
from training.report import STEPS, TABLES, make, tables

DOCUMENT = Path(__file__).resolve().parents[2] / "MODEL_CARD.md"


def register(commands: Commands) -> None:
    """Adds the command."""
    report = commands.add_parser(
        "report", parents=[checkpoint_options()], help="run every measurement, and write the documents' tables",
        epilog="Takes hours on two cores; what the folder holds already is not measured again, so it can be stopped.",
    )  # fmt: skip
    report.add_argument("--data", **DATA)
    report.add_argument("--digits", type=Path, metavar="ROOT", help="MNIST, for what is measured of mnist-28 (or not)")
    report.add_argument("--usps", type=Path, metavar="FILE.npz", help="USPS, for what adapting to it brings (or not)")
    report.add_argument("--fields", type=Path, metavar="FOLDER", help="of another microscope, what cut reads (or not)")
    report.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="tables, figures and report.json")
    report.add_argument(
        "--only", nargs="*", choices=[step.name for step in STEPS], metavar="NAME",
        help="these measurements (none: only write the document), of: " + ", ".join(step.name for step in STEPS),
    )  # fmt: skip
    places = "with the tables' places (default: MODEL_CARD.md)"
    report.add_argument("--document", type=Path, default=DOCUMENT, metavar="FILE.md", help=places)
    report.set_defaults(function=_report)


def _report(options: argparse.Namespace) -> int:
    name, manifest = locate(options.checkpoint, options.manifest)
    Explainer.load(name, "cpu", manifest)  # a checkpoint that does not load is told before hours have passed
    checkpoints = {**read_manifest(MANIFEST), **read_manifest(manifest)}
    loaded = ["--checkpoint", options.checkpoint, "--manifest", str(options.manifest), "--device", options.device]
    steps = [step for step in STEPS if options.only is None or step.name in options.only]
    document = options.document.read_text(encoding="utf-8")
    given = {"cells": options.data, "digits": options.digits, "usps": options.usps, "fields": options.fields}
    data = {name: path for name, path in given.items() if path is not None}
    failed = make(
        steps, [*loaded, "--seed", str(options.seed)], checkpoints[name], checkpoints, data, options.out,
        lambda line: print(line, flush=True),
    )  # fmt: skip
    options.document.write_text(TABLES.fill(document, tables(options.out).get), encoding="utf-8")
    print(f"{options.document}; {options.out / 'report.json'}")
    if failed:
        print(f"error: not measured: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)
