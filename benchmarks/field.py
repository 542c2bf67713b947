"""python -m benchmarks field: what a whole field costs, found and read as the page does, by its size and its cells.

The example field as it is, a half and a whole one more beside it, and enlarged as a large camera would take it.
"""

import time

import numpy as np
from PIL import Image

from benchmarks.latency import counted
from jdm_core import Explainer
from jdm_core.images.read import read_cell
from training.tables import Figure, Table
from web.field.reading import PAGE_DRAWS
from web.parts.static import EXAMPLES

RUNS = 3  # of which the median is told
LARGE = 2592  # pixels of the longer side


def measure() -> Table:
    """Seconds until everything is found and until everything is read, and passes of the encoder."""
    explainer = Explainer.load()
    field = read_cell(EXAMPLES / "field.png")
    height, width = field.shape[:2]
    large = Image.fromarray(field).resize((LARGE, round(LARGE * height / width)), Image.Resampling.BICUBIC)
    pictures = (
        ("example", field),
        ("half of it beside it", np.hstack([field, field[:, : width // 2]])),
        ("two beside each other", np.hstack([field, field])),
        ("large", np.asarray(large)),
    )
    explainer.field(field)  # warm
    rows = []
    for name, picture in pictures:
        finding, reading = [], []
        for _ in range(RUNS):
            start = time.perf_counter()
            results = explainer.stream_field(picture, PAGE_DRAWS)
            next(results)
            finding.append(time.perf_counter() - start)
            *_, last = results
            reading.append(time.perf_counter() - start)
        size = f"{picture.shape[1]} × {picture.shape[0]}"
        seconds = [Figure(float(np.median(some)), digits=2) for some in (finding, reading)]
        asked = int((~np.isnan(last.posterior[:, 0])).sum())
        encoder, _ = counted(explainer, lambda picture=picture: explainer.field(picture, PAGE_DRAWS))
        rows.append((name, size, len(last.order), asked, *seconds, encoder))
    columns = ("Field", "Pixels", "Cells read", "Likelihood asked", "Found (s)", "Found and read (s)", "Encoder passes")
    return Table.make(columns, rows)


if __name__ == "__main__":
    print(measure().markdown())
