"""Reads a field: finds its cells, asks both verdicts, and ranks what was read."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from jdm_core.explain.matching import AS_GIVEN, MATCHED, ColourChoice
from jdm_core.field.finder import find
from jdm_core.field.results import Field

if TYPE_CHECKING:
    from jdm_core.explain.explainer import Explainer

FIELD_DRAWS = 16
BATCH = 64  # cells between two partial results


def read_field(
    explainer: "Explainer", pixels: np.ndarray, draws: int, seed: int, colours: ColourChoice
) -> Iterator[Field]:
    """The field of pixels uint8 (H, W, 3) as it is read: what was found, then the classifier's part by part, then all."""
    found = find(pixels)
    count, labels = len(found.status), explainer.labels
    probabilities = np.full((count, len(labels)), np.nan, np.float32)
    posterior, unfamiliarity = probabilities.copy(), np.full(count, np.nan, np.float32)
    kind = np.full(count, "", dtype="<U16")
    read = np.flatnonzero(found.status == "read") if not found.trouble else np.empty(0, int)
    chosen: ColourChoice | None = colours
    if colours == MATCHED and len(read):
        chosen = explainer.measure_colours([found.cells[i] for i in read])
    said = colours if isinstance(colours, str) else MATCHED

    def result(done: float) -> Field:
        suspicion = np.log(probabilities[:, 0] / probabilities[:, 1])
        suspicious = probabilities[:, 0] >= 0.5
        known = read[~np.isnan(suspicion[read])]
        order = known[np.argsort(-suspicion[known], kind="stable")]
        arrays = (probabilities, posterior, unfamiliarity, kind, suspicion, suspicious, order)
        return Field(labels, found, *(a.copy() for a in arrays), said, draws, seed, done)

    yield result(0.1)
    for start in range(0, len(read), BATCH):
        part = read[start : start + BATCH]
        prediction = explainer.predict([found.cells[i] for i in part], chosen or AS_GIVEN)
        probabilities[part], unfamiliarity[part] = prediction.probabilities, prediction.unfamiliarity
        kind[part] = prediction.kind
        yield result(0.1 + 0.6 * min(1, (start + BATCH) / len(read)))
    asked = read[probabilities[read, 0] > 0.2]
    if len(asked):
        cells = [found.cells[i] for i in asked]
        posterior[asked] = explainer.posterior(cells, draws, seed, chosen or AS_GIVEN)
    yield result(1.0)
