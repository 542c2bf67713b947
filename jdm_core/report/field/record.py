"""A field's JSON: its cells, its counts and where they come from. Tables are made of it, in this run or a later one."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from jdm_core.checkpoint.reading import Reading
from jdm_core.explain.matching import AS_GIVEN
from jdm_core.field.estimate import Estimate
from jdm_core.field.found import STATUSES
from jdm_core.report.field.entry import FieldEntry, Smear, Totals
from jdm_core.report.field.geojson import finite
from jdm_core.report.fields import colour_fields
from jdm_core.report.words import NOTICE
from jdm_core.version import VERSION


def field_json(entry: FieldEntry, smear: Smear) -> dict[str, Any]:
    """The whole record of one field as plain JSON values; the same for the same input, but for the time it took."""
    f = entry.field
    return {
        "file": entry.file,
        "smear": smear.name,
        "input_sha256": entry.sha256,
        "size": {"height": f.found.size[0], "width": f.found.size[1]},
        "trouble": f.trouble,
        "diameter": finite(f.found.diameter),
        **totals_json(entry.totals(), smear.known, smear.red_cells_per_ul),
        "cells": [_cell(entry, cell, rank) for cell, rank in _ranked(entry)],
        "labels": list(f.labels),
        **colour_fields(AS_GIVEN if f.measured is None else f.measured),
        "draws": f.draws,
        "seed": f.seed,
        "seconds": None if entry.seconds is None else round(entry.seconds, 3),
        "model": dict(smear.model),
        "software": f"PlasmoLens {VERSION}",
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "notice": NOTICE,
    }


def totals_json(totals: Totals, known: Mapping[str, Reading], red_cells: float) -> dict[str, Any]:
    """The counts of a field or a smear: found, by status, suspicious; the machine's estimate and the reviewed count.

    `totals` are what `Totals(**...)` takes, and `known` what the estimate rests on.
    """
    estimate, reviewed = totals.estimate(known), totals.reviewed_share()
    return {
        "found": totals.found,
        "counts": {status: totals.counts[status] for status in STATUSES},
        "read": totals.read,
        "suspicious": totals.suspicious,
        "estimate": _share(estimate, red_cells) if estimate else None,
        "reviewed": {"cells": totals.reviewed, "infected": totals.infected, **_share(reviewed, red_cells)}
        if reviewed
        else None,
        "red_cells_per_ul": red_cells,
        "totals": asdict(totals),
        "known": {kind: asdict(reading) for kind, reading in known.items()},
    }


def known_from(record: Mapping[str, Any]) -> dict[str, Reading]:
    """How well cells of each kind are read, by a record."""
    return {kind: Reading(**values) for kind, values in record["known"].items()}


def _share(estimate: Estimate, red_cells: float) -> dict[str, Any]:
    told: dict[str, Any] = {name: finite(getattr(estimate, name)) for name in ("share", "low", "high")}
    blood = estimate.per_microlitre(red_cells)
    per = {f"{name}_per_ul": finite(getattr(blood, name)) for name in ("share", "low", "high")}
    return told | per | {"told_from_none": estimate.tells}


def _ranked(entry: FieldEntry) -> list[tuple[int, int | None]]:
    ranks = entry.ranks
    return [(cell, ranks.get(cell)) for cell in range(len(entry.field.status))]


def _cell(entry: FieldEntry, cell: int, rank: int | None) -> dict[str, Any]:
    f, label = entry.field, entry.label_of(cell)
    index = f.labels.index(label) if label else 0
    return {
        "cell": cell,
        **{name: round(float(value), 2) for name, value in zip("xywh", entry.box(cell), strict=True)},
        "status": str(f.status[cell]),
        "label": label or None,
        "probability": finite(f.probabilities[cell, index]),
        "posterior": finite(f.posterior[cell, index]),
        "probabilities": {name: finite(value) for name, value in zip(f.labels, f.probabilities[cell], strict=True)},
        "posteriors": {name: finite(value) for name, value in zip(f.labels, f.posterior[cell], strict=True)},
        "unfamiliarity": finite(f.unfamiliarity[cell]),
        "kind": str(f.kind[cell]) or None,
        "suspicion": finite(f.suspicion[cell]),
        "suspicious": bool(f.suspicious[cell]),
        "rank": rank,
        "reading": entry.readings.get(cell),
        "added": cell in entry.added,
    }
