"""python -m benchmarks.latency: how long a person waits for one cell, warm, with the network passes behind it."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from jdm_core import Explainer
from jdm_core.cells import read_cell
from jdm_core.explainer import CHECK_DRAWS

ROUNDS, DRAWS = 5, 16
EXAMPLES = Path(__file__).parent.parent / "web" / "examples"
LIMITS = {"prediction": 0.3, "scores": 2.0, "edit": 6.0}  # seconds on two CPU cores


def timed(action: Callable[[], object]) -> float:
    """Median seconds of an action after one warm-up."""
    action()
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def main() -> None:
    """Times prediction, scores and edit on the example cells and prints each with its passes."""
    explainer = Explainer.load()
    cells = [read_cell(path) for path in sorted(EXAMPLES.glob("*.png"))]
    classes = len(explainer.labels)
    edits = [explainer.counterfactual(cell).settings for cell in cells]
    decoded = [settings["decoded_steps"][0] for settings in edits]
    longest = cells[int(np.argmax(decoded))]
    inversion, attempts = explainer.edit.steps + 1, max(settings["attempts"][0] for settings in edits)
    checks = 1 + 2 * attempts + attempts * CHECK_DRAWS
    rows = {
        "prediction": (timed(lambda: explainer.predict(cells[0])), "1 encoder"),
        "scores": (
            timed(lambda: explainer.elbo(cells[0], draws=DRAWS)),
            f"{2 * DRAWS} encoder, {2 * DRAWS * classes} decoder, half for the bound and half for the posterior",
        ),
        "edit": (
            timed(lambda: explainer.counterfactual(longest)),
            f"{inversion + max(decoded)} encoder, {inversion + 2 * max(decoded)} decoder for the edit; "
            f"{checks} encoder, {attempts * CHECK_DRAWS * classes} decoder to check its {attempts} attempts",
        ),
    }
    for name, (seconds, passes) in rows.items():
        print(f"{name:10} {seconds:6.3f} s (limit {LIMITS[name]} s): {passes}")
    print(f"edit: the longest search of {len(cells)} example cells; device {explainer.device}")


if __name__ == "__main__":
    main()
