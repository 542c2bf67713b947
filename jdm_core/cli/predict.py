"""python -m jdm_core predict: verdicts of classifier and likelihood, one line a file."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import NO_RED_CELL
from jdm_core.cli.inputs import Findings, batch_colours, batches, given_files, passed_over, progress_bar, read_batches
from jdm_core.explain.matching import ColourChoice
from jdm_core.images.find import Finding
from jdm_core.images.refused import on_one_line
from jdm_core.processes import Shards
from jdm_core.report.fields import colour_fields, found_fields, verdict_fields
from jdm_core.report.kinds import abroad, kind_warning
from jdm_core.report.words import elbo_figure, found_note, too_small, verdict_words


def run(explainer: Explainer, options: argparse.Namespace, group: Shards) -> int:
    """Prints each file's verdicts in the order of the files; 1 where one could not be read. Raises ValueError."""
    if group.count > 1:
        raise ValueError("predict prints in the order of its files, in one process; torchrun is for explain")
    files, failed = given_files(options.files)
    find = explainer.finds_cells and not options.as_given
    colours = batch_colours(explainer, files, options.colours, find)
    with progress_bar(len(files)) as bar:
        for batch, errors in read_batches(batches(files), bar, find):
            failed += len(errors)
            if not batch:
                continue
            for fields, finding in _read(explainer, batch, options, colours):
                line = json.dumps(fields, ensure_ascii=False) if options.json else _sentence(explainer, fields, finding)
                bar.write(line, file=sys.stdout)
            bar.update(len(batch))
    if others := passed_over(options.files):
        print(f"{others} passed over: no pictures by their names.", file=sys.stderr)
    return 1 if failed else 0


def _read(
    explainer: Explainer, batch: Findings, options: argparse.Namespace, colours: ColourChoice
) -> list[tuple[dict[str, Any], Finding]]:
    cells = [finding.cell for _, finding in batch]
    prediction = explainer.predict(cells, colours)
    elbo = explainer.elbo(cells, options.draws, options.seed, colours)
    unsure_below = explainer.checkpoint.thresholds.unsure_below
    told = []
    for i, (path, finding) in enumerate(batch):
        fields = verdict_fields(_name(path), prediction, elbo, i, unsure_below, too_small(finding.cell.shape))
        seen = colour_fields(explainer.seen_in(finding.cell, colours))
        told.append((fields | found_fields(finding, fields["kind"] != NO_RED_CELL) | seen, finding))
    return told


def _name(path: Path) -> str:
    return on_one_line(str(path))


def _sentence(explainer: Explainer, fields: dict[str, Any], finding: Finding) -> str:
    """One cell's line, in the words of the page; of what is no red cell no figure."""
    labels = list(fields["probabilities"])
    head, posterior = ([fields[key][label] for label in labels] for key in ("probabilities", "posterior"))
    verdict = verdict_words(fields["verdict"], labels, head, posterior, explainer.checkpoint.thresholds.unsure_below)
    known = fields["kind"] != NO_RED_CELL
    parts = [f"{fields['file']}: {verdict.title}.", verdict.detail]
    if known:
        figure = elbo_figure(labels, fields["elbo_difference"], fields["elbo_difference_standard_error"])
        parts += [f"{figure}.", kind_warning(fields["kind"], abroad(explainer.checkpoint.metrics))]
    return " ".join(part for part in [*parts, found_note(finding, known)] if part)
