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
from jdm_core.checkpoint.familiarity import NO_RED_CELL, OTHER
from jdm_core.cli.inputs import (
    Findings,
    batch_colours,
    batches,
    given_files,
    passed_over,
    places_of,
    progress_bar,
    read_batches,
    stems_of,
)
from jdm_core.cli.summary import summary
from jdm_core.explain.matching import ColourChoice
from jdm_core.files import replace_file
from jdm_core.images.find import Finding
from jdm_core.images.pixels import content_sha256
from jdm_core.images.refused import on_one_line
from jdm_core.processes import Shards
from jdm_core.report.fields import colour_fields
from jdm_core.report.kinds import abroad, kind_warning
from jdm_core.report.report import NOTICE, Explanation, model_fields, write_report
from jdm_core.report.spreadsheet import harmless
from jdm_core.report.words import UNPROVEN

READINGS = ("classifier", "likelihood")  # of each of which the index has a column a label
INDEX_COLUMNS: tuple[str, ...] = (
    "file",
    "verdict",
    "label",
    "probability",
    "posterior",
    *READINGS,
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
    # Before anything is written, for reports may soon appear beside the images.
    (files, empty), others = group.from_first(lambda: (given_files(options.files), passed_over(options.files)))
    places = places_of(options.files, files)
    stems = stems_of(places, options.out)
    options.out.mkdir(parents=True, exist_ok=True)
    rows: dict[Path, dict[str, Any]] = {}
    share, kept = group.share(batches(files)), 0
    find = explainer.finds_cells and not options.as_given
    colours = batch_colours(explainer, files, options.colours, find)
    with progress_bar(sum(map(len, share)), group.first, "Reports") as bar:
        for batch, errors in read_batches(share, bar, find):
            for error, path in errors:
                rows[path] = {"error": error.reason}
            for path, report, was_done in _explain_batch(explainer, batch, stems, options, colours, bar):
                rows[path] = _row(report, stems[path], options.out)
                kept += was_done
                if report.get("found") in ("several", "none"):
                    bar.write(f"{on_one_line(str(path))}: {report['found_note']}", file=sys.stderr)
    gathered = group.gather((rows, kept))
    if not group.first:
        return 0  # the first process's status is that of all: torchrun ends it when another fails before
    rows = {path: row for part, _ in gathered for path, row in part.items()}
    named = [{"file": on_one_line(places[path].as_posix())} | rows[path] for path in files]
    index = options.out / "index.csv"
    _write_index(named, explainer.labels, index)
    warning = f"{kind_warning(OTHER, abroad(explainer.checkpoint.metrics))} {UNPROVEN}"
    print(summary(named, sum(done for _, done in gathered), others, warning, index))
    return 1 if empty or any("error" in row for row in rows.values()) else 0


def _explain_batch(
    explainer: Explainer,
    batch: Findings,
    stems: dict[Path, Path],
    options: argparse.Namespace,
    colours: ColourChoice,
    bar: tqdm,
) -> Iterator[tuple[Path, dict[str, Any], bool]]:
    """The reports of a batch: those of an earlier run as they are (True), the others written as they are yielded."""
    done = [
        None if options.overwrite else _done(explainer, found, stems[path], options, colours) for path, found in batch
    ]
    explanations = _explanations(explainer, batch, options, colours) if None in done else []
    for i, ((path, _), report) in enumerate(zip(batch, done, strict=True)):
        written = report or write_report(explainer, explanations[i], stems[path], options.seed)
        yield path, written, report is not None
        bar.update()


def _explanations(
    explainer: Explainer, batch: Findings, options: argparse.Namespace, colours: ColourChoice
) -> list[Explanation]:
    """All of a batch, though one alone were wanted, so that the numbers are those of a run without a stop.

    As on the page, what is no red cell gets no edit, unless a target was asked for.
    """
    cells = [finding.cell for _, finding in batch]
    prediction = explainer.predict(cells, colours)
    elbo = explainer.elbo(cells, options.draws, options.seed, colours)
    edited = prediction.is_cell | (options.target is not None)
    edit = explainer.counterfactual(cells, options.target, options.seed, colours=colours) if edited.any() else None
    return [
        Explanation(
            on_one_line(path.name),
            finding.cell,
            i,
            prediction,
            elbo,
            edit if edited[i] else None,
            finding,
            colours=explainer.seen_in(finding.cell, colours),
        )
        for i, (path, finding) in enumerate(batch)
    ]


def _done(
    explainer: Explainer, finding: Finding, stem: Path, options: argparse.Namespace, colours: ColourChoice
) -> dict[str, Any] | None:
    """The report of an earlier run, if it is of this image, model and settings."""
    told = {"matched_from": None} | colour_fields(explainer.seen_in(finding.cell, colours))
    try:
        report = json.loads(stem.with_name(f"{stem.name}.json").read_text(encoding="utf-8"))
        same = (
            report["input_sha256"] == content_sha256(finding.cell)
            and report.get("found", "as given") == finding.status  # older reports read every picture as it was
            and report["model"] == model_fields(explainer)
            and (report["seed"], report["draws"]) == (options.seed, options.draws)
            and isinstance(report["familiar"], bool)  # older reports say neither this nor what follows
            and isinstance(report["kind"], str)
            and isinstance(report["likelihood"], dict)
            and {key: report.get(key) for key in ("colours", "matched_from")} == told
            and report.get("counterfactual", {}).get("target") == _wanted(explainer.labels, report, options.target)
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return report if same else None


def _wanted(labels: Sequence[str], report: dict[str, Any], target: str | None) -> str | None:
    """What an edit turns a cell to unless told, None where it gets no edit; of more than two labels one is named."""
    if target is None and report["kind"] == NO_RED_CELL:
        return None
    return target or next(other for other in labels if other != report["label"])


def _row(report: dict[str, Any], stem: Path, out: Path) -> dict[str, Any]:
    label, edit = report["label"], report.get("counterfactual", {})
    readings = {f"{name}_{key}": share for name in READINGS for key, share in report[name].items()}
    return readings | {
        "verdict": report["verdict"],
        "label": label,
        "probability": report["probabilities"][label],
        "posterior": report["posterior"][label],
        "elbo_difference": report["elbo_difference"],
        "elbo_difference_standard_error": report["elbo_difference_standard_error"],
        "familiar": report["familiar"],
        "kind": report["kind"],
        "found": report.get("found", "as given"),
        **{key: edit.get(key, "") for key in ("target", "flipped", "changed_fraction")},
        "report": on_one_line(stem.with_name(f"{stem.name}.json").relative_to(out).as_posix()),
    }


def _write_index(rows: list[dict[str, Any]], labels: Sequence[str], path: Path) -> None:
    columns = [
        column
        for name in INDEX_COLUMNS
        for column in ([f"{name}_{label}" for label in labels] if name in READINGS else [name])
    ]

    def write(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, restval="")
            writer.writeheader()
            writer.writerows({key: harmless(value) for key, value in row.items()} | {"notice": NOTICE} for row in rows)

    replace_file(path, write)
