"""Every marked field, found and read: what the study's figures rest on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.field.results import Field
from jdm_core.images.colours import Colours, map_between
from training.data.annotations import read_pixels
from training.data.cells import squares
from training.studies.field.marked import Marked, MarkedSet
from training.studies.field.matching import Match, match
from training.studies.stain import colour_maps
from training.studies.verdicts import Verdict

READERS = ("PlasmoLens", "plain CNN", "colour alone", "at random")


@dataclass(frozen=True)
class Read:
    """A field, what was marked and found in it, what each of `READERS` says of its n cells read, and the seconds.

    scores (n,) by reader, higher for a cell that is suspected more; infected (n,) bool by the marks.
    """

    marked: Marked
    field: Field
    match: Match
    scores: dict[str, np.ndarray]
    infected: np.ndarray
    seconds_finding: float
    seconds: float


def read_all(
    sets: Sequence[MarkedSet], explainer: Explainer, rival: Verdict | None, draws: int, seed: int
) -> dict[str, list[Read]]:
    """The fields of all sets, by the set's name."""
    random = np.random.default_rng(seed)
    done: dict[str, list[Read]] = {}
    with tqdm(total=sum(len(one.fields) for one in sets), desc="fields", unit="field") as bar:
        for one in sets:
            for marked in one.fields:
                done.setdefault(one.name, []).append(_read(marked, one.holds, explainer, rival, draws, seed, random))
                bar.update()
    return done


def _read(
    marked: Marked,
    holds: str,
    explainer: Explainer,
    rival: Verdict | None,
    draws: int,
    seed: int,
    random: np.random.Generator,
) -> Read:
    pixels = read_pixels(marked.path)
    start = time.perf_counter()
    results = explainer.stream_field(pixels, draws, seed)
    next(results)  # what was found, before anything is read
    finding = time.perf_counter() - start
    *_, field = results
    seconds = time.perf_counter() - start
    matched = match(field.found, marked, holds)
    own = np.flatnonzero(~np.isnan(field.suspicion))
    cells = [field.cells[i] for i in own]
    scores = {"PlasmoLens": field.suspicion[own], "at random": random.random(len(own))}
    if len(own):
        seen = _seen(cells, field.measured, explainer)
        if rival is not None:
            scores["plain CNN"] = rival.read(seen)[:, 0]
        scores["colour alone"] = colour_maps(seen).reshape(len(seen), -1).max(axis=1)
    else:
        scores |= {name: np.zeros(0) for name in READERS if name not in scores}
    return Read(marked, field, matched, scores, matched.infected[own], finding, seconds)


def _seen(cells: Sequence[np.ndarray], measured: Colours | None, explainer: Explainer) -> np.ndarray:
    """Cells as the networks see them, in the training cells' colours where these are matched."""
    ours = explainer.checkpoint.calibration.colours
    if measured is not None and ours is not None:
        mapped = map_between(measured, ours)
        cells = [mapped.apply(cell) for cell in cells]
    return squares(cells, explainer.size)
