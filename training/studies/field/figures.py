"""The study's figures: what is found, how many cells must be looked at, and how near a count comes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from jdm_core.checkpoint.reading import Reading
from jdm_core.field.estimate import Estimate, estimated_share, reviewed_share
from training.metrics import Json
from training.studies.field.readings import Read
from training.studies.intervals import Resamples, figure

WANTED = (0.95, 1.0)  # shares of the infected cells that are to be met
NEAR = 0.25  # of the truth: an estimate so near is near


def finding_figures(name: str, title: str, part: str, reads: Sequence[Read], seed: int) -> Json:
    """Of a microscope's fields of a part: what was found of what was marked, and marked of what was found."""
    fields = [str(i) for i, read in enumerate(reads) for _ in range(len(read.match.met))]
    counted = _joined(read.match.counted for read in reads)
    met = _joined(read.match.met >= 0 for read in reads)
    clumped = _joined(read.match.clumped for read in reads)
    infected = _joined(read.marked.infected for read in reads)
    apart = counted & clumped
    row: Json = {
        "set": name,
        "title": title,
        "part": part,
        "fields": len(reads),
        "marked": int(counted.sum()),
        "clumps": int(apart.sum()),
        "infected": int((counted & infected).sum()),
        "trouble": sum(bool(read.field.trouble) for read in reads),
    }
    resamples = Resamples.of(fields, "field", seed)
    for key, among, right in (
        ("recall", counted & ~apart, met),
        ("infected_recall", counted & infected, met | clumped),
    ):
        if among.any():
            row |= figure(key, resamples.take(among).share(right[among]), int(among.sum()))
    whole = _joined(read.match.whole for read in reads)
    known = _joined(read.match.known for read in reads)
    if whole.any():
        places = [str(i) for i, read in enumerate(reads) for _ in range(len(read.match.whole))]
        found = Resamples.of(places, "field", seed).take(whole)
        row |= {"found": int(whole.sum())} | figure("marked_of_found", found.share(known[whole]), int(whole.sum()))
    for status in reads[0].field.found.counts:
        row[status] = int(sum(read.field.found.counts[status] for read in reads))
    row["seconds_finding"] = round(float(np.median([read.seconds_finding for read in reads])), 2)
    row["seconds"] = round(float(np.median([read.seconds for read in reads])), 2)
    return row


def looking_figures(name: str, title: str, part: str, reads: Sequence[Read]) -> list[Json]:
    """How many cells must be looked at, in one order of all fields, until so many of the infected ones are met."""
    infected = _joined(read.infected for read in reads)
    if not infected.any():
        return []
    rows = []
    for reader in reads[0].scores:
        scores = _joined(read.scores[reader] for read in reads)
        place = 1 + np.flatnonzero(infected[np.argsort(-scores, kind="stable")])
        looks = {str(wanted): int(place[int(np.ceil(wanted * len(place))) - 1]) for wanted in WANTED}
        row = {"set": name, "title": title, "part": part, "reader": reader, "cells": len(scores)}
        aim = 2 * int(infected.sum()) + 2 * len(reads)
        rows.append(row | {"infected": int(infected.sum()), "fields": len(reads), "aim": aim, "looks": looks})
    suspicious = sum(int(read.field.suspicious.sum()) for read in reads)
    seen = sum(int((read.field.suspicious & read.match.infected).sum()) for read in reads)
    for row in rows:
        if row["reader"] == "PlasmoLens":
            row |= {"suspicious": suspicious, "infected_suspicious": seen}
    return rows


def counting_figures(name: str, title: str, reads: Sequence[Read], reading: Reading) -> list[Json]:
    """Of each smear: the share that was marked infected, and what the machine and a perfect review make of it."""
    rows = []
    for smear in sorted({read.marked.smear for read in reads}):
        own = [read for read in reads if read.marked.smear == smear and not read.field.trouble]
        cells = sum(len(read.infected) for read in own)
        if not cells:
            continue
        truth = sum(int(read.infected.sum()) for read in own)
        suspicious = sum(int(read.field.suspicious.sum()) for read in own)
        met = sum(int((read.field.suspicious & read.match.infected).sum()) for read in own)
        machine, reviewed = estimated_share(suspicious, cells, reading), reviewed_share(met, cells)
        row = {"set": name, "title": title, "smear": smear, "fields": len(own), "cells": cells, "infected": truth}
        row |= {"suspicious": suspicious, "infected_suspicious": met}
        rows.append(row | _estimate("machine", machine) | _estimate("reviewed", reviewed))
    return rows


def counting_summary(rows: Sequence[Json]) -> list[Json]:
    """Of a microscope's smears: bias, share within NEAR of the truth, and how often the interval holds it."""
    summary = []
    for name in dict.fromkeys(row["set"] for row in rows):
        own = [row for row in rows if row["set"] == name]
        truth = np.array([row["infected"] / row["cells"] for row in own])
        for way in ("machine", "reviewed"):
            share, low, high = (np.array([row[f"{way}_{key}"] for row in own]) for key in ("share", "low", "high"))
            some = truth > 0
            values: dict[str, Any] = {"set": name, "title": own[0]["title"], "way": way, "smears": len(own)}
            values["truth"], values["estimate"] = round(float(truth.mean()), 5), round(float(share.mean()), 5)
            values["bias"] = round(float((share - truth).mean()), 5)
            values["near"] = int((abs(share - truth)[some] <= NEAR * truth[some]).sum())
            values["with_infected"] = int(some.sum())
            values["held"] = int(((low <= truth) & (truth <= high)).sum())
            summary.append(values)
    return summary


def _estimate(way: str, estimate: Estimate) -> Json:
    values = {"share": estimate.share, "low": estimate.low, "high": estimate.high}
    return {f"{way}_{key}": round(float(value), 6) for key, value in values.items()}


def _joined(parts: Any) -> np.ndarray:
    return np.concatenate(list(parts))
