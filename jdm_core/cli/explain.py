"""python -m jdm_core explain: a report a file and an index of all, in one process or in several."""

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.cli.inputs import (
    REMARKS,
    Findings,
    batch_colours,
    batches,
    given_files,
    places_of,
    progress_bar,
    read_batches,
    stems_of,
)
from jdm_core.explain.matching import ColourChoice
from jdm_core.files import replace_file
from jdm_core.images.find import Finding
from jdm_core.images.pixels import content_sha256
from jdm_core.images.refused import on_one_line
from jdm_core.processes import Shards
from jdm_core.report.report import NOTICE, Explanation, colour_fields, model_fields, write_report
from jdm_core.report.spreadsheet import harmless

INDEX_COLUMNS: tuple[str, ...] = (
    "file",
    "label",
    "probability",
    "posterior",
    "elbo_difference",
    "elbo_difference_standard_error",
    "familiar",
    "kind",
    "found",
    "target",
    "flipped",
    "changed_fraction",
    "report",
    "error",
    "notice",
)


def run(explainer: Explainer, options: argparse.Namespace, group: Shards) -> int:
    """Writes the reports that are not there yet, and index.csv; 1 where a file could not be read. Raises ValueError."""
    if options.target is not None and options.target not in explainer.labels:
        raise ValueError(f"--target {options.target}: known labels are {', '.join(explainer.labels)}")
    files, empty = group.from_first(lambda: given_files(options.files))  # reports may soon appear beside the images
    places = places_of(options.files, files)
    stems = stems_of(places, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    rows: dict[Path, dict[str, Any]] = {}
    share = group.share(batches(files))
    find = explainer.finds_cells and not options.as_given
    colours = batch_colours(explainer, files, options.colours, find)
    with progress_bar(sum(map(len, share)), group.first) as bar:
        for batch, errors in read_batches(share, bar, find):
            for error, path in errors:
                rows[path] = {"error": error.reason}
            for path, report in _explain_batch(explainer, batch, stems, options, colours, bar):
                rows[path] = _row(report, stems[path], options.out)
                name = on_one_line(str(path))
                if report["kind"] in REMARKS:
                    bar.write(f"{name}: {REMARKS[report['kind']]}", file=sys.stderr)
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
    explainer: Explainer,
    batch: Findings,
    stems: dict[Path, Path],
    options: argparse.Namespace,
    colours: ColourChoice,
    bar: tqdm,
) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The reports of a batch: those of an earlier run as they are, the others written as they are yielded."""
    done = [
        None if options.overwrite else _done(explainer, found, stems[path], options, colours) for path, found in batch
    ]
    explanations = _explanations(explainer, batch, options, colours) if None in done else []
    for i, ((path, _), report) in enumerate(zip(batch, done, strict=True)):
        if report is None:
            report = write_report(explainer, explanations[i], stems[path], options.seed)
        yield path, report
        bar.update()


def _explanations(
    explainer: Explainer, batch: Findings, options: argparse.Namespace, colours: ColourChoice
) -> list[Explanation]:
    """All of a batch, though one alone were wanted, so that the numbers are those of a run without a stop."""
    cells = [finding.cell for _, finding in batch]
    prediction = explainer.predict(cells, colours)
    elbo = explainer.elbo(cells, options.draws, options.seed, colours)
    edit = explainer.counterfactual(cells, options.target, options.seed, colours=colours)
    return [
        Explanation(on_one_line(path.name), finding.cell, i, prediction, elbo, edit, finding, colours=colours)
        for i, (path, finding) in enumerate(batch)
    ]


def _done(
    explainer: Explainer, finding: Finding, stem: Path, options: argparse.Namespace, colours: ColourChoice
) -> dict[str, Any] | None:
    """The report of an earlier run, if it is of this image, model and settings."""
    told = {"matched_from": None} | colour_fields(colours)
    try:
        report = json.loads(stem.with_name(f"{stem.name}.json").read_text(encoding="utf-8"))
        same = (
            report["input_sha256"] == content_sha256(finding.cell)
            and report.get("found", "as given") == finding.status  # older reports read every picture as it was
            and report["model"] == model_fields(explainer)
            and (report["seed"], report["draws"]) == (options.seed, options.draws)
            and isinstance(report["familiar"], bool)  # older reports say neither this nor the kind
            and isinstance(report["kind"], str)
            and {key: report.get(key) for key in ("colours", "matched_from")} == told
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
        "label": label,
        "probability": report["probabilities"][label],
        "posterior": report["posterior"][label],
        "elbo_difference": report["elbo_difference"],
        "elbo_difference_standard_error": report["elbo_difference_standard_error"],
        "familiar": report["familiar"],
        "kind": report["kind"],
        "found": report.get("found", "as given"),
        "target": edit["target"],
        "flipped": edit["flipped"],
        "changed_fraction": edit["changed_fraction"],
        "report": on_one_line(stem.with_name(f"{stem.name}.json").relative_to(out).as_posix()),
    }


def _write_index(rows: list[dict[str, Any]], path: Path) -> None:
    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, INDEX_COLUMNS, restval="")
            writer.writeheader()
            writer.writerows({key: harmless(value) for key, value in row.items()} | {"notice": NOTICE} for row in rows)

    replace_file(path, write)
