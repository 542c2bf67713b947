"""Reads a field: finds its cells, asks both verdicts, and ranks what was read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch

from jdm_core.checkpoint.entry import Checkpoint
from jdm_core.explain.matching import AS_GIVEN, MATCHED, ColourChoice
from jdm_core.explain.results import Prediction
from jdm_core.field.finder import Finder, finder_on, what_shows
from jdm_core.field.found import READ, Found
from jdm_core.field.ranking import rank, worth_asking
from jdm_core.field.results import Field
from jdm_core.field.trouble import ONE_CELL
from jdm_core.images.colours import Colours

FIELD_DRAWS = 16
BATCH = 32  # cells that are classified between two partial results
ASKED_AT_ONCE = 4  # cells of whose likelihood is asked between two: well under a second on two cores
FINDING, CLASSIFYING = 0.15, 0.6  # shares of the work


class CellReader(Protocol):
    """What reads the cells of a field: an explainer."""

    labels: tuple[str, ...]
    checkpoint: Checkpoint
    device: torch.device

    def predict(self, images: Sequence[np.ndarray], colours: ColourChoice) -> Prediction:
        """The classifier's probabilities, and what kind of picture each is."""
        ...

    def posterior(self, images: Sequence[np.ndarray], draws: int, seed: int, colours: ColourChoice) -> np.ndarray:
        """The likelihood's probabilities (B, K)."""
        ...

    def measure_colours(self, images: Sequence[np.ndarray]) -> Colours | None:
        """The colours that cells have in common."""
        ...


@dataclass
class _Reading:
    """What is known of N things so far: arrays as `Field` has them."""

    probabilities: np.ndarray
    posterior: np.ndarray
    unfamiliarity: np.ndarray
    kind: np.ndarray

    @classmethod
    def of(cls, things: int, classes: int) -> "_Reading":
        return cls(
            np.full((things, classes), np.nan, np.float32),
            np.full((things, classes), np.nan, np.float32),
            np.full(things, np.nan, np.float32),
            np.full(things, "", dtype="<U16"),
        )


class FieldReader:
    """Reads fields with an explainer; colours are matched by all cells of a field that are read."""

    def __init__(self, explainer: CellReader) -> None:
        self._explainer = explainer

    @property
    def finder(self) -> Finder:
        """The network that finds cells, on the explainer's device. Raises CheckpointError."""
        return finder_on(self._explainer.device)

    def read(self, pixels: np.ndarray, draws: int, seed: int, colours: ColourChoice) -> Iterator[Field]:
        """The field of pixels uint8 (H, W, 3) as it is read: what was found, then verdicts as they come, then all."""
        found = self.finder.find(pixels)
        if found.trouble and what_shows(pixels, self.finder) == "one cell":
            found = replace(found, trouble=ONE_CELL)
        reading = _Reading.of(len(found.status), len(self._explainer.labels))
        asked = np.flatnonzero(found.status == READ) if not found.trouble else np.empty(0, int)
        measured = colours if isinstance(colours, Colours) else None
        if colours == MATCHED and len(asked) and self._explainer.checkpoint.calibration.colours is not None:
            measured = self._explainer.measure_colours([found.cells[i] for i in asked])
        word = AS_GIVEN if measured is None else MATCHED
        yield from self._verdicts(found, reading, asked, (draws, seed, word, measured))

    def with_cell(self, pixels: np.ndarray, field: Field, x: float, y: float) -> Field:
        """The field with a cell more, at its end, that a person sees at a place; ValueError beyond the picture."""
        found = self.finder.at(pixels, field.found, x, y)
        return self._again(field, found, np.arange(len(field.status)))

    def with_parts(self, pixels: np.ndarray, field: Field, index: int) -> Field:
        """The field with the cells of one clump in its place, at the end."""
        found = self.finder.parted(pixels, field.found, index)
        return self._again(field, found, np.delete(np.arange(len(field.status)), index))

    def _again(self, field: Field, found: Found, kept: np.ndarray) -> Field:
        """What is known of the things that were kept, in their order, and the reading of those behind them."""
        reading = _Reading.of(len(found.status), len(field.labels))
        for name, values in vars(reading).items():
            values[: len(kept)] = getattr(field, name)[kept]
        new = np.arange(len(kept), len(found.status))
        *_, last = self._verdicts(found, reading, new, (field.draws, field.seed, field.colours, field.measured))
        return last

    def _verdicts(
        self, found: Found, reading: _Reading, asked: np.ndarray, settings: tuple[int, int, str, Colours | None]
    ) -> Iterator[Field]:
        """Fills a reading, for the things of these indices, and yields what is known each time."""
        draws, seed, _, measured = settings
        colours: ColourChoice = AS_GIVEN if measured is None else measured
        yield self._field(found, reading, settings, FINDING)
        for start in range(0, len(asked), BATCH):
            part = asked[start : start + BATCH]
            said = self._explainer.predict([found.cells[i] for i in part], colours)
            reading.probabilities[part], reading.unfamiliarity[part] = said.probabilities, said.unfamiliarity
            reading.kind[part] = said.kind
            if start + BATCH < len(asked):
                yield self._field(found, reading, settings, FINDING + CLASSIFYING * (start + BATCH) / len(asked))
        asking = asked[worth_asking(reading.probabilities)[asked]]
        asking = asking[np.argsort(-reading.probabilities[asking, 0], kind="stable")]  # what matters most comes first
        for start in range(0, len(asking), ASKED_AT_ONCE):
            done = FINDING + CLASSIFYING + (1 - FINDING - CLASSIFYING) * start / len(asking)
            yield self._field(found, reading, settings, done)
            part = asking[start : start + ASKED_AT_ONCE]
            cells = [found.cells[i] for i in part]
            reading.posterior[part] = self._explainer.posterior(cells, draws, seed, colours)
        yield self._field(found, reading, settings, 1.0)

    def _field(
        self, found: Found, reading: _Reading, settings: tuple[int, int, str, Colours | None], done: float
    ) -> Field:
        draws, seed, word, measured = settings
        r = replace(reading, **{name: values.copy() for name, values in vars(reading).items()})
        ranking = rank(r.probabilities, r.posterior, r.kind)
        return Field(
            self._explainer.labels,
            found,
            r.probabilities,
            r.posterior,
            r.unfamiliarity,
            r.kind,
            ranking.suspicion,
            ranking.suspicious,
            ranking.order,
            word,
            measured,
            draws,
            seed,
            done,
        )
