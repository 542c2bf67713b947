"""python -m benchmarks.reports: what the reports of one cell and of many take, warm, with the processor's own seconds.

The processor's seconds, of all cores together, hardly change with what else the machine does.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from benchmarks.start import memory
from jdm_core import Explainer
from jdm_core.images.read import read_cell
from jdm_core.report.report import Explanation, write_report
from training.tables import Figure, Table
from web.many_cells.reports import write_reports
from web.many_cells.run import Batch, run
from web.many_cells.uploads import Item
from web.parts.static import EXAMPLES

SEED, DRAWS = 0, 16
ROUNDS, CELLS = 5, 8  # reports of one cell, of which the median is told; cells of a batch


def timed(action: Callable[[], object]) -> tuple[float, float]:
    """Seconds of an action, by the clock and by the processor."""
    clock, processor = time.perf_counter(), time.process_time()
    action()
    return time.perf_counter() - clock, time.process_time() - processor


def measure() -> Table:
    """Seconds of a report by what is in it, and of each of many."""
    explainer = Explainer.load()
    paths = sorted(EXAMPLES.glob("*-*.png"))
    cells = [read_cell(path) for path in paths]
    prediction, elbo = explainer.predict(cells[:1]), explainer.elbo(cells[:1], DRAWS)
    edit = explainer.counterfactual(cells[:1])
    rows = []
    with TemporaryDirectory() as folder:
        for name, own, sheets in (
            ("one cell: PDF", None, ("pdf",)),
            ("one cell with its edit: PDF", edit, ("pdf",)),
            ("one cell with its edit: every file", edit, ("pdf", "png")),
        ):
            explanation = Explanation(paths[0].name, cells[0], 0, prediction, elbo, own)
            parts = explainer, explanation, Path(folder, "cell"), SEED, sheets
            write_report(*parts)  # warm
            rounds = sorted(timed(lambda parts=parts: write_report(*parts)) for _ in range(ROUNDS))
            rows.append((name, *rounds[ROUNDS // 2]))
        items = tuple(Item(f"{i}-{path.name}", str(path)) for i in range(CELLS // len(paths)) for path in paths)
        results = tuple(result for part in run(explainer, items, SEED) for result in part)
        batch = Batch(items, {}, len(items), results)
        for name, edits in (("each of many cells", False), ("each of many cells, with edits", True)):
            path = Path(folder, "reports.zip")
            taken = timed(lambda edits=edits, path=path: list(write_reports(explainer, batch, edits, SEED, path)))
            rows.append((f"{name}: scores, files and a page in the PDF of all", *(one / CELLS for one in taken)))
    threads, used = torch.get_num_threads(), memory(os.getpid())
    note = f"On {explainer.device}, {threads} threads; the process ends with {used:.0f} MiB."
    rows = [(name, *(Figure(one, digits=2) for one in taken)) for name, *taken in rows]
    return Table.make(("Report of", "Seconds", "Seconds of the processor"), rows, note=note)


if __name__ == "__main__":
    print(measure().markdown())
