"""Predict and explain cell images. Research use only, not for diagnosis."""

import argparse
import csv
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jdm_core import CellImageError, CheckpointError, Explainer
from jdm_core.cells import content_sha256, image_files, on_one_line
from jdm_core.files import replace_file
from jdm_core.finding import Finding, found_fields, prepare
from jdm_core.report import NOTICE, Explanation, is_report_picture, model_fields, verdict_fields, write_report
from jdm_core.shards import Shards, shards
from jdm_core.spreadsheet import harmless

# What passes the network together moves the last digits of its numbers. So it is decided by the list of files alone:
# neighbours, few enough for several processes to share a small folder.
BATCH = 4
INDEX_COLUMNS = (
    "file", "label", "probability", "posterior", "elbo_difference", "elbo_difference_standard_error", "familiar",
    "found", "target", "flipped", "changed_fraction", "report", "error", "notice",
)  # fmt: skip
LONGEST_NAME = 200  # bytes
UNFAMILIAR = "does not look like the cells that the model knows: not to be trusted"

Findings = list[tuple[Path, Finding]]


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; 0 when every file was done, 1 when any could not be, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    try:
        with shards() as group:
            explainer = Explainer.load(options.checkpoint, group.device(options.device))
            return options.function(explainer, options, group)
    except (CheckpointError, ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m jdm_core", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("files", nargs="+", metavar="FILE_OR_FOLDER", help="images, or folders of them")
    common.add_argument("--checkpoint", default="malaria-64", help="manifest entry, or folder (default: malaria-64)")
    common.add_argument("--device", default="auto", help="auto, cpu, cuda, mps (default: auto)")
    common.add_argument("--draws", type=int, default=32, help="draws of the likelihood scores (default: 32)")
    common.add_argument("--seed", type=int, default=0)
    common.add_argument("--as-given", action="store_true", help="read pictures whole, without looking for the cell")

    predict = commands.add_parser("predict", parents=[common], help="verdicts of head and likelihood")
    predict.add_argument("--json", action="store_true", help="one JSON object a line")
    predict.set_defaults(function=_predict)

    explain = commands.add_parser("explain", parents=[common], help="verdicts, evidence map and edit, as files")
    explain.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for reports and index.csv")
    explain.add_argument("--target", help="label to edit towards (default: the other than predicted)")
    explain.add_argument("--overwrite", action="store_true", help="do files again that are done already")
    explain.set_defaults(function=_explain)
    return parser


def _predict(explainer: Explainer, options: argparse.Namespace, group: Shards) -> int:
    if group.count > 1:
        raise ValueError("predict prints in the order of its files, in one process; torchrun is for explain")
    files, failed = _files(options.files)
    unsure_below = explainer.checkpoint.thresholds["unsure_below"]
    with _bar(len(files)) as bar:
        for batch, errors in _read(_batches(files), bar, explainer.finds_cells and not options.as_given):
            failed += len(errors)
            if not batch:
                continue
            cells = [finding.cell for _, finding in batch]
            prediction = explainer.predict(cells)
            elbo = explainer.elbo(cells, options.draws, options.seed)
            for i, (path, finding) in enumerate(batch):
                fields = verdict_fields(on_one_line(str(path)), prediction, elbo, i, unsure_below)
                fields |= found_fields(finding, fields["familiar"])
                if options.json:
                    line = json.dumps(fields, ensure_ascii=False)
                else:
                    label = fields["label"]
                    line = (
                        f"{fields['file']}: {label} {fields['probabilities'][label]:.1%}, "
                        f"posterior {fields['posterior'][label]:.1%}, "
                        f"ELBO difference {fields['elbo_difference']:+.1f} ± "
                        f"{fields['elbo_difference_standard_error']:.1f} nats"
                    )
                    if not fields["familiar"]:
                        line += f"; {UNFAMILIAR}"
                    if finding.status != "as given":
                        line += f"; {finding.note}"
                bar.write(line, file=sys.stdout)
            bar.update(len(batch))
    return 1 if failed else 0


def _explain(explainer: Explainer, options: argparse.Namespace, group: Shards) -> int:
    if options.target is not None and options.target not in explainer.labels:
        raise ValueError(f"--target {options.target}: known labels are {', '.join(explainer.labels)}")
    files, empty = group.from_first(lambda: _files(options.files))  # reports may soon appear beside the images
    places = _places(options.files, files)
    stems = _stems(places, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    rows: dict[Path, dict[str, Any]] = {}
    share = group.share(_batches(files))
    with _bar(sum(map(len, share)), group.first) as bar:
        for batch, errors in _read(share, bar, explainer.finds_cells and not options.as_given):
            for error, path in errors:
                rows[path] = {"error": error.reason}
            for path, report in _explain_batch(explainer, batch, stems, options, bar):
                rows[path] = _row(report, stems[path], options.out)
                name = on_one_line(str(path))
                if not report["familiar"]:
                    bar.write(f"{name}: {UNFAMILIAR}", file=sys.stderr)
                if report.get("found") in ("several", "none"):
                    bar.write(f"{name}: {report['found_note']}", file=sys.stderr)
    gathered = group.gather(rows)
    if not group.first:
        return 0  # the first process's status is that of all: torchrun ends it when another fails before
    rows = {path: row for part in gathered for path, row in part.items()}
    named = [{"file": on_one_line(places[path].as_posix())} | rows[path] for path in files]
    _write_index(named, options.out / "index.csv")
    return 1 if empty or any("error" in row for row in rows.values()) else 0


def _explain_batch(
    explainer: Explainer, batch: Findings, stems: dict[Path, Path], options: argparse.Namespace, bar: tqdm
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The reports of a batch: those of an earlier run as they are, the others written as they are yielded."""
    done = [None if options.overwrite else _done(explainer, found, stems[path], options) for path, found in batch]
    if None in done:
        # All of them, so that the numbers are those of a run without a stop.
        cells = [finding.cell for _, finding in batch]
        prediction = explainer.predict(cells)
        elbo = explainer.elbo(cells, options.draws, options.seed)
        edit = explainer.counterfactual(cells, options.target, options.seed)
    for i, (path, finding) in enumerate(batch):
        report = done[i]
        if report is None:
            explanation = Explanation(on_one_line(path.name), finding.cell, i, prediction, elbo, edit, finding)
            report = write_report(explainer, explanation, stems[path], options.seed)
        yield path, report
        bar.update()


def _files(arguments: list[str]) -> tuple[list[Path], int]:
    """The images of the arguments, each once; and how many arguments hold none, each named on stderr."""
    files, empty = [], 0
    for argument in arguments:
        found = image_files([argument])
        if os.path.isdir(argument):
            found = [path for path in found if not is_report_picture(path)]  # of reports that were written there
        if not found:
            print(f"{argument}: a folder without images", file=sys.stderr)
            empty += 1
        files += found
    return list(dict.fromkeys(files)), empty


def _bar(total: int, shown: bool = True) -> tqdm:
    return tqdm(total=total, unit="cell", file=sys.stderr, disable=None if shown else True)


def _batches(files: list[Path]) -> list[list[Path]]:
    return [files[start : start + BATCH] for start in range(0, len(files), BATCH)]


def _read(
    batches: Sequence[list[Path]], bar: tqdm, find: bool
) -> Iterator[tuple[Findings, list[tuple[CellImageError, Path]]]]:
    """The readable cells of each batch, with the errors of the others, each of which is one line on stderr."""
    for batch in batches:
        findings, errors = [], []
        for path in batch:
            try:
                findings.append((path, prepare(path, find=find)))
            except CellImageError as error:
                errors.append((error, path))
                bar.write(str(error), file=sys.stderr)
                bar.update()
        yield findings, errors


def _places(arguments: list[str], files: list[Path]) -> dict[Path, Path]:
    """Each file's path below the folder that was given, or its mere name."""
    folders = [Path(argument) for argument in arguments if os.path.isdir(argument)]
    return {
        path: path.relative_to(next((folder for folder in folders if path.is_relative_to(folder)), path.parent))
        for path in files
    }


def _stems(places: dict[Path, Path], out: Path) -> dict[Path, Path]:
    """Where each file's report goes: by its place, never two in one, be it on a disk that takes a for A."""
    stems: dict[Path, Path] = {}
    taken: set[str] = set()
    for path, place in places.items():
        below = place.with_name(_shortened(place.name))
        numbered = (below.with_name(f"{below.name}-{n}") for n in range(2, len(places) + 2))
        candidates = chain([below.with_suffix(""), below], numbered)
        stem = next(name for name in candidates if str(name).casefold() not in taken)
        taken.add(str(stem).casefold())
        stems[path] = out / stem
    return stems


def _shortened(name: str) -> str:
    """A file name that leaves room for what a report adds to it, within the 255 bytes of most disks."""
    raw = os.fsencode(name)
    if len(raw) <= LONGEST_NAME:
        return name
    return raw[: LONGEST_NAME - 9].decode(errors="ignore") + "-" + hashlib.sha256(raw).hexdigest()[:8]


def _done(explainer: Explainer, finding: Finding, stem: Path, options: argparse.Namespace) -> dict[str, Any] | None:
    """The report of an earlier run, if it is of this image, model and settings."""
    try:
        report = json.loads(stem.with_name(f"{stem.name}.json").read_text(encoding="utf-8"))
        same = (
            report["input_sha256"] == content_sha256(finding.cell)
            and report.get("found", "as given") == finding.status  # older reports read every picture as it was
            and report["model"] == model_fields(explainer)
            and (report["seed"], report["draws"]) == (options.seed, options.draws)
            and isinstance(report["familiar"], bool)  # older reports do not say it
            and report["counterfactual"]["target"] == (options.target or _other(explainer.labels, report["label"]))
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return report if same else None


def _other(labels: Sequence[str], label: str) -> str:
    """What an edit turns a cell to unless told; of more than two labels one must be named."""
    return next(other for other in labels if other != label)


def _row(report: dict[str, Any], stem: Path, out: Path) -> dict[str, Any]:
    label, edit = report["label"], report["counterfactual"]
    return {
        "label": label, "probability": report["probabilities"][label],
        "posterior": report["posterior"][label], "elbo_difference": report["elbo_difference"],
        "elbo_difference_standard_error": report["elbo_difference_standard_error"],
        "familiar": report["familiar"], "found": report.get("found", "as given"),
        "target": edit["target"], "flipped": edit["flipped"], "changed_fraction": edit["changed_fraction"],
        "report": on_one_line(stem.with_name(f"{stem.name}.json").relative_to(out).as_posix()),
    }  # fmt: skip


def _write_index(rows: list[dict[str, Any]], path: Path) -> None:
    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, INDEX_COLUMNS, restval="")
            writer.writeheader()
            writer.writerows({key: harmless(value) for key, value in row.items()} | {"notice": NOTICE} for row in rows)

    replace_file(path, write)


if __name__ == "__main__":
    sys.exit(main())
