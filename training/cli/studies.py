"""The command that studies: report."""

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from jdm_core.checkpoint.records import RecordError, build_record
from training.cli.options import Commands, checkpoint_options, judge_options, stop_on_signal
from training.run.recipe import parse_override
from training.studies.study import Inputs, Study

EPILOG = (
    "Without --only all studies whose data are given. All together take hours on two cores; what the pages' folder "
    "holds already is not measured again, so the command can be stopped and repeated."
)
DATA_OPTIONS = {"cells": "data", "digits": "digits", "usps": "usps", "fields": "fields", "microscopes": "microscopes"}


def register(commands: Commands) -> None:
    """Adds the command."""
    report = commands.add_parser(
        "report",
        parents=[checkpoint_options(), judge_options()],
        help="run studies and write their pages",
        epilog=EPILOG,
    )
    report.add_argument("--only", nargs="+", metavar="NAME", help="these studies; --only list names them all")
    report.add_argument("--write-only", action="store_true", help="measure nothing: write the pages from their JSON")
    report.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="an argument of one --only study"
    )
    report.add_argument("--data", type=Path, metavar="ZIP_OR_FOLDER", help="cells in the NIH layout")
    report.add_argument("--digits", type=Path, metavar="ROOT", help="MNIST, as torchvision lays it out")
    report.add_argument("--usps", type=Path, metavar="FILE.npz", help="USPS")
    report.add_argument("--fields", type=Path, metavar="FOLDER", help="fields of another microscope, as for cut")
    report.add_argument(
        "--microscopes", type=Path, metavar="FOLDER", help="sets of other microscopes' cells, or fields of your own"
    )
    report.add_argument(
        "--rival",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="classifiers of `training classifier`, to compare with on them; of fields, the first",
    )
    report.add_argument("--runs", type=Path, default=Path("runs/report"), help="for what is trained, and for sheets")
    report.add_argument("--out", type=Path, metavar="FOLDER", help="for the pages (default: docs/studies)")
    report.set_defaults(function=_report)


def _report(options: argparse.Namespace) -> int:
    from training.studies.report import PAGES, STUDIES, IncompleteError, complete, write_pages

    pages, known = options.out or PAGES, {study.name: study for study in STUDIES}
    if options.only == ["list"]:
        for study in STUDIES:
            print(f"{study.name}: {study.question}")
        return 0
    if unknown := [name for name in options.only or () if name not in known]:
        raise ValueError(f"--only: no study {', '.join(unknown)} (known: {', '.join(known)})")
    chosen = [known[name] for name in options.only] if options.only else list(STUDIES)
    if options.set:
        if len(chosen) != 1:
            raise ValueError("--set: needs --only with one study")
        chosen = [_changed(chosen[0], options.set)]
    failed: list[str] = []
    partial: list[str] = []
    if not options.write_only:
        given = {name: getattr(options, option) for name, option in DATA_OPTIONS.items()}
        data = {name: path for name, path in given.items() if path is not None}
        inputs = Inputs(
            data,
            options.runs,
            options.checkpoint,
            options.manifest,
            options.device,
            options.seed,
            options.judge,
            tuple(options.rival),
            stop_on_signal(),
        )
        for study in chosen:
            if missing := set(study.needs) - set(data):
                if options.only:
                    raise ValueError(f"{study.name}: needs {', '.join(sorted(missing))}, which no option gives")
                continue
            try:
                done = complete(study, inputs, pages)
            except (ValueError, OSError) as error:  # the others are measured all the same
                print(f"error: {study.name}: {error}", file=sys.stderr)
                (partial if isinstance(error, IncompleteError) else failed).append(study.name)
                continue
            print(f"{study.name}: " + ("measured" if done else "there already"), flush=True)
    for path in write_pages(pages):
        print(path)
    if failed:
        print(f"error: not measured: {', '.join(failed)}", file=sys.stderr)
    if partial:
        print(f"error: measured in part: {', '.join(partial)}", file=sys.stderr)
    return bool(failed or partial)


def _changed(study: Study, settings: list[str]) -> Study:
    """The study with KEY=VALUE overrides of its arguments; ValueError for an unknown key or a wrong type."""
    values = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(study).items()}
    for setting in settings:
        key, value = parse_override(setting)
        values[key] = value
    try:
        return build_record(type(study), values, study.name)
    except RecordError as error:
        raise ValueError(str(error)) from error
