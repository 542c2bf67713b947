"""python -m training reading: how well infected cells are told to be suspicious, and how far slides part in it."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.checkpoint.familiarity import FAMILIAR, OTHER
from jdm_core.checkpoint.reading import Reading
from jdm_core.explain.matching import AS_GIVEN
from jdm_core.field.ranking import rank, worth_asking
from training.data.cells import as_pixels, load_cells
from training.data.microscopes.places import PLACES, UPLOADS
from training.data.microscopes.sample import Sample
from training.metrics import Json

FEWEST = 5  # cells of a label on a slide whose share says something
INFECTED, HEALTHY = 0, 1  # the labels' order


@dataclass(frozen=True)
class Alike:
    """Cells uint8 (h, w, 3) photographed alike, their labels (N,), 0 of infected ones, and the unit that they count to.

    kind is what the model takes most of them for, "familiar" or "other"; a unit is a slide, or another microscope;
    whole says that they are all the cells of a field.
    """

    kind: str
    unit: str
    cells: Sequence[np.ndarray]
    labels: np.ndarray
    whole: bool = False


def own_slides(explainer: Explainer, data: Path, slides: set[str], at_most: int, seed: int) -> Iterator[Alike]:
    """Slides of the training's own microscope, each with at most so many cells of a label."""
    cells = load_cells(data, explainer.labels, explainer.size, slides.__contains__)
    pixels, labels, of_slide = as_pixels(cells), cells.labels.numpy(), np.array(cells.slides)
    order = np.random.default_rng(seed).permutation(len(labels))
    for slide in np.unique(of_slide):
        there = order[of_slide[order] == slide]
        chosen = np.sort(np.concatenate([there[labels[there] == k][:at_most] for k in (INFECTED, HEALTHY)]))
        yield Alike(FAMILIAR, str(slide), list(pixels[chosen]), labels[chosen])


def other_microscopes(folder: Path, at_most: int, fields: int, seed: int) -> Iterator[Alike]:
    """The developers' part of every microscope's set below the folder. Raises DataError.

    At most so many whole fields, where every cell has a box; elsewhere at most so many cells of a label.
    """
    for place in PLACES:
        if place.read_whole is not None:
            sample = place.read_whole(folder / place.path, "developer", fields, seed)
            yield from _batches(sample, [known.field for known in sample.known], whole=True)
        elif place.path != UPLOADS:  # of many microscopes, and reports
            sample = place.read(folder / place.path, at_most, seed)
            yield from _batches(sample, [known.batch for known in sample.known], whole=False)


def _batches(sample: Sample, alike: Sequence[str], whole: bool) -> Iterator[Alike]:
    chosen, names = sample.where("developer", "infected", "healthy"), np.array(alike)
    for name in np.unique(names[chosen]):
        batch = chosen[names[chosen] == name]
        labels = np.array([HEALTHY if sample.known[i].role == "healthy" else INFECTED for i in batch])
        yield Alike(OTHER, sample.title, [sample.cells[i] for i in batch], labels, whole)


def suspicious(explainer: Explainer, one: Alike, draws: int, seed: int) -> np.ndarray:
    """Which of the cells are to be looked at, (N,) bool: as in a field, whose colours are those of its healthy cells.

    What is no whole field has more infected cells than one, and is read without a field's budget.
    """
    healthy = [cell for cell, label in zip(one.cells, one.labels, strict=True) if label == HEALTHY]
    colours = explainer.measure_colours(healthy or one.cells) or AS_GIVEN
    said = explainer.predict(one.cells, colours)
    posterior = np.full_like(said.probabilities, np.nan)
    asked = np.flatnonzero(worth_asking(said.probabilities, most=None if one.whole else len(one.cells)))
    if len(asked):
        posterior[asked] = explainer.posterior([one.cells[i] for i in asked.tolist()], draws, seed, colours)
    return rank(said.probabilities, posterior, said.kind).suspicious


def measure_reading(explainer: Explainer, batches: Sequence[Alike], draws: int, seed: int) -> Json:
    """What is recorded of a reading: `Reading` of each kind of cells, and every unit's counts; plain JSON values."""
    units: dict[tuple[str, str], np.ndarray] = {}
    for one in tqdm(batches, desc="reading", unit="batch"):
        found = suspicious(explainer, one, draws, seed)
        right = np.where(one.labels == INFECTED, found, ~found)
        counts = [[right[one.labels == k].sum(), (one.labels == k).sum()] for k in (INFECTED, HEALTHY)]
        units[one.kind, one.unit] = units.get((one.kind, one.unit), 0) + np.array(counts)
    fitted = {kind: fit_reading([c for (of, _), c in units.items() if of == kind]) for kind in (FAMILIAR, OTHER)}
    rows = []
    for (kind, unit), ((found, infected), (kept, healthy)) in units.items():
        counted = {"found": int(found), "infected": int(infected), "kept": int(kept), "healthy": int(healthy)}
        rows.append({"kind": kind, "unit": unit, **counted})
    return {
        "checkpoint": explainer.name,
        "sha256": explainer.sha256,
        "draws": draws,
        "seed": seed,
        "kinds": {kind: asdict(reading) for kind, reading in fitted.items() if reading is not None},
        "units": rows,
    }


def fit_reading(units: Sequence[np.ndarray]) -> Reading | None:
    """The reading behind units' counts (2, 2), of infected and healthy cells those told rightly and all.

    None where fewer than two units have `FEWEST` cells of a label.
    """
    infected, healthy = ([(k, n) for k, n in (u[label] for u in units) if n >= FEWEST] for label in (0, 1))
    if min(len(infected), len(healthy)) < 2:
        return None
    (found, found_spread), (kept, kept_spread) = share_and_spread(infected), share_and_spread(healthy)
    return Reading(found, found_spread, kept, kept_spread, len(infected), len(healthy))


def share_and_spread(counts: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """The mean of two or more units' shares, k of n each, and the standard deviation of one more unit's round it.

    Variance between units by the method of moments, what counting n cells gives taken off (DerSimonian & Laird 1986),
    and the mean's own variance.
    """
    shares, sizes = np.array([k / n for k, n in counts]), np.array([n for _, n in counts])
    mean, total = float(shares.mean()), float(shares.var(ddof=1))
    between = max(0.0, total - mean * (1 - mean) * float((1 / sizes).mean()))
    return round(mean, 5), round(math.sqrt(between + total / len(shares)), 5)
