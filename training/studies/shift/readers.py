"""Who reads the cells of other microscopes, and what each says of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from tqdm import tqdm

from jdm_core import Explainer
from jdm_core.explain.matching import AS_GIVEN, AS_NEEDED, MATCHED, ColourChoice
from jdm_core.images.colours import Colours, map_between
from training.data.cells import squares
from training.data.members import chunks
from training.data.microscopes.sample import Sample
from training.run.classifier import load_classifier
from training.studies.verdicts import classifier_verdict

CHUNK = 64


@dataclass(frozen=True)
class Said:
    """What a reader says of N cells.

    infected (N,), the classifier's probability of an infected cell; likelihood (N,), the likelihood's, NaN where it was
    not asked; kind (N,), what `Prediction` says of each picture, None of a reader that does not say.
    """

    infected: np.ndarray
    likelihood: np.ndarray
    kind: np.ndarray | None


@dataclass(frozen=True)
class View:
    """Cells of one look at a sample: batch by batch, where they stand in it and how their colours are taken."""

    colours: str
    batches: Sequence[tuple[np.ndarray, ColourChoice]]


def views(sample: Sample, explainer: Explainer) -> list[View]:
    """The sample as it is read unless one asks otherwise, as it is given, and with each batch's colours matched.

    As it is given alone where the checkpoint does not know its own colours. A batch's colours are those of its drawn
    cells: as rarely infected as they come.
    """
    everything = np.arange(len(sample.cells))
    needed, given = (View(choice, [(everything, choice)]) for choice in (AS_NEEDED, AS_GIVEN))
    if explainer.checkpoint.calibration.colours is None:
        return [given]
    names = np.array([f"{known.part}/{known.batch}" for known in sample.known])
    drawn = np.array([known.drawn for known in sample.known])
    batches: list[tuple[np.ndarray, ColourChoice]] = []
    for name in np.unique(names):
        batch = everything[names == name]
        behind = batch[drawn[batch]] if drawn[batch].any() else batch
        colours = explainer.measure_colours([sample.cells[i] for i in behind])
        batches.append((batch, AS_GIVEN if colours is None else colours))
    return [needed, given, View(MATCHED, batches)]


class Reader(Protocol):
    """One that reads cells uint8 (h, w, 3) in some view, and asks the likelihood about those `asked` (N,) bool."""

    @property
    def name(self) -> str:
        """What it is called in tables."""
        ...

    def read(self, cells: Sequence[np.ndarray], view: View, asked: np.ndarray, bar: tqdm) -> Said:
        """What it says of them; `bar` counts cells read by the classifier."""
        ...


@dataclass(frozen=True)
class JointReader:
    """Both verdicts of a checkpoint."""

    name: str
    explainer: Explainer
    draws: int
    seed: int

    def read(self, cells: Sequence[np.ndarray], view: View, asked: np.ndarray, bar: tqdm) -> Said:
        """Classifier, likelihood with `draws` draws, and what kind of picture it takes each for."""
        infected, likelihood = np.full(len(cells), np.nan), np.full(len(cells), np.nan)
        kind = np.full(len(cells), "", dtype=object)
        for chosen, colours in _parts(view):
            predicted = self.explainer.predict([cells[i] for i in chosen], colours)
            infected[chosen] = predicted.probabilities[:, 0]
            kind[chosen] = predicted.kind
            asking = chosen[asked[chosen]]
            if self.draws and len(asking):
                posterior = self.explainer.posterior([cells[i] for i in asking], self.draws, self.seed, colours)
                likelihood[asking] = posterior[:, 0]
            bar.update(len(chosen))
        return Said(infected, likelihood, kind)


class RivalReader:
    """A classifier alone, on the very pixels that the checkpoint sees.

    `trained_on` are the sets of other microscopes that its file names; a file that says nothing of it names none.
    """

    def __init__(self, path: Path, explainer: Explainer) -> None:
        self.name, self._explainer = path.stem, explainer
        self._verdict = classifier_verdict(explainer, path)
        self.trained_on = load_classifier(path).abroad

    def read(self, cells: Sequence[np.ndarray], view: View, asked: np.ndarray, bar: tqdm) -> Said:
        """Its probabilities; it has no likelihood, and refuses nothing."""
        infected = np.full(len(cells), np.nan)
        for chosen, colours in _parts(view):
            pixels = [self._seen(cells[i], colours) for i in chosen]
            infected[chosen] = self._verdict.read(squares(pixels, self._explainer.size))[:, 0]
            bar.update(len(chosen))
        return Said(infected, np.full(len(cells), np.nan), None)

    def _seen(self, cell: np.ndarray, choice: ColourChoice) -> np.ndarray:
        theirs, ours = self._explainer.seen_in(cell, choice), self._explainer.checkpoint.calibration.colours
        return map_between(theirs, ours).apply(cell) if isinstance(theirs, Colours) and ours is not None else cell


def _parts(view: View) -> Iterator[tuple[np.ndarray, ColourChoice]]:
    for batch, colours in view.batches:
        for part in chunks(len(batch), CHUNK):
            yield batch[part], colours
