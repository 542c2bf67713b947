"""python -m benchmarks.latency: how long a person waits for one cell, warm, with the network passes behind it."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.images.read import read_cell
from training.tables import Table

ROUNDS, DRAWS = 5, 16
EXAMPLES = Path(__file__).parent.parent / "web" / "examples"
LIMITS = (0.3, 2.0, 6.0)  # seconds on two CPU cores, of prediction, scores and edit


def timed(action: Callable[[], object]) -> float:
    """Median seconds of an action after one warm-up."""
    action()
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def counted(explainer: Explainer, action: Callable[[], object]) -> tuple[int, int]:
    """Images that an action passes through encoder and decoder."""
    network, images = explainer.network, {"encode": 0, "decode": 0}

    def counting(name: str) -> Callable[..., object]:
        original = getattr(network, name)

        def call(inputs: object, logsnr: Tensor, *more: Tensor | int) -> object:
            labels = more[0] if more else logsnr  # it decodes under; the encoder is told a kind of pass there
            images[name] += len(labels if isinstance(labels, Tensor) else logsnr)
            return original(inputs, logsnr, *more)

        return call

    for name in images:
        setattr(network, name, counting(name))
    try:
        action()
    finally:
        for name in images:
            delattr(network, name)
    return images["encode"], images["decode"]


def measure() -> Table:
    """Seconds of prediction, scores and edit on the example cells, each with its passes."""
    explainer = Explainer.load()
    cells = [read_cell(path) for path in sorted(EXAMPLES.glob("*-*.png"))]
    classes = len(explainer.labels)
    edits = [explainer.counterfactual(cell).settings for cell in cells]
    passes = [settings["encoder_passes"][0] for settings in edits]
    longest = int(np.argmax(passes))
    own, attempts = passes[longest], edits[longest]["attempts"][0]
    encoder, decoder = counted(explainer, lambda: explainer.counterfactual(cells[longest]))
    rows = {
        "Prediction": (timed(lambda: explainer.predict(cells[0])), "1 encoder"),
        f"Scores, {DRAWS} draws, bound and likelihood": (
            timed(lambda: explainer.elbo(cells[0], draws=DRAWS)),
            f"{2 * DRAWS} encoder, {2 * DRAWS * classes} decoder",
        ),
        f"Edit, the longest search of {len(cells)} example cells": (
            timed(lambda: explainer.counterfactual(cells[longest])),
            f"{own} encoder, {2 * own} decoder; to check its attempts ({attempts}), "
            f"{encoder - own} encoder, {decoder - 2 * own} decoder",
        ),
    }
    times = [[name, f"{seconds:.2g}", passes] for name, (seconds, passes) in rows.items()]
    limits = ", ".join(f"{limit:g}" for limit in LIMITS)
    note = f"On {explainer.device}, {torch.get_num_threads()} threads. Two CPU cores should take at most {limits} s."
    return Table.make(("", "Seconds", "Network passes"), times, note=note)


def main() -> None:
    """Prints the table."""
    print(measure().markdown())


if __name__ == "__main__":
    main()
