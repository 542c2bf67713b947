"""python -m benchmarks.scores: time to a given standard error of the score difference, against the naive estimator.

Naive: every class has draws of its own, and each draw passes the whole network (Li et al. 2023 as it is first written
down). Then one thing is changed at a time: noise shared among the classes, the encoder run once for all of them, levels
stratified over the window. All see the same example cells in one run, in turns, the fastest round counted. The error of
a mean of independent draws falls with the root of their number, so the naive time is that of as many as are needed.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from jdm_core import Explainer
from jdm_core.cells import read_cell, to_tensor
from jdm_core.elbo import draw, error_per_draw
from training.studies.scores.draws import Weighting, class_errors, make_draws, weightings

EXAMPLES = Path(__file__).parent.parent / "web" / "examples"
ROUNDS, DRAWS = 8, 16  # rounds of so many draws for each cell: the spread between rounds is the standard error
TARGET = 3.0  # the least ratio


class Estimators:
    """Score differences (B,) of cells x (B, C, S, S) between the first two classes, each of `DRAWS` draws."""

    def __init__(self, explainer: Explainer, x: Tensor) -> None:
        self.network, self.x = explainer.network, x
        self.window: Weighting = weightings(explainer)[2]
        self.classes = len(explainer.labels)

    def _scored(self, turn: int, stream: int, wanted: list[int]) -> Tensor:
        draws = make_draws(
            [(turn, i, stream) for i in range(len(self.x))], DRAWS, self.x.shape[1:], self.window, balanced=False
        )
        mask = torch.zeros(len(self.x), self.classes, dtype=torch.bool)
        mask[:, wanted] = True
        return self.window.scores(class_errors(self.network, self.x, draws, mask, bf16=True), draws.logsnr).mean(1)

    def _one_by_one(self, turn: int, streams: list[int]) -> Tensor:
        columns = [self._scored(turn, stream, [c])[:, c] for c, stream in enumerate(streams)]
        return columns[0] - columns[1]

    def naive(self, turn: int) -> Tensor:
        return self._one_by_one(turn, list(range(self.classes)))

    def shared_noise(self, turn: int) -> Tensor:
        return self._one_by_one(turn, [0] * self.classes)

    def shared_encoder(self, turn: int) -> Tensor:
        scores = self._scored(turn, 0, list(range(self.classes)))
        return scores[:, 0] - scores[:, 1]

    def shipped(self, turn: int) -> Tensor:
        draws = draw([turn * len(self.x) + i for i in range(len(self.x))], DRAWS, self.x.shape[1:], self.window.window)
        errors = error_per_draw(self.network, self.x, draws, bf16=True).cpu()
        scores = self.window.scores(errors, draws.logsnr).mean(1)
        return scores[:, 0] - scores[:, 1]


@torch.inference_mode()
def main() -> None:
    """Times every estimator and prints the table."""
    explainer = Explainer.load()
    cells = [read_cell(path) for path in sorted(EXAMPLES.glob("*.png"))]
    estimators = Estimators(explainer, to_tensor(cells, explainer.size).to(explainer.device))
    rows: dict[str, Callable[[int], Tensor]] = {
        "naive": estimators.naive, "+ shared noise": estimators.shared_noise,
        "+ one encoder pass": estimators.shared_encoder, "+ stratified (shipped)": estimators.shipped,
    }  # fmt: skip
    seconds = dict.fromkeys(rows, float("inf"))
    estimates: dict[str, list[np.ndarray]] = {name: [] for name in rows}
    for estimate in rows.values():
        estimate(ROUNDS)  # warms up
    for turn in range(ROUNDS):
        for name, estimate in rows.items():
            started = time.perf_counter()
            estimates[name].append(estimate(turn).numpy())
            seconds[name] = min(seconds[name], (time.perf_counter() - started) / (len(cells) * DRAWS))
    errors = {name: float(np.sqrt(np.var(found, axis=0, ddof=1).mean())) for name, found in estimates.items()}
    wanted = errors["+ stratified (shipped)"]
    print(f"{'estimator':24} {'ms a draw':>9} {'error':>8} {'draws needed':>13} {'s a cell':>9} {'ratio':>7}")
    times = {}
    for name in rows:
        needed = DRAWS * (errors[name] / wanted) ** 2
        times[name] = needed * seconds[name]
        print(
            f"{name:24} {1000 * seconds[name]:9.2f} {errors[name]:8.3f} {needed:13.0f} {times[name]:9.2f} "
            f"{times['naive'] / times[name]:7.1f}"
        )
    ratio = times["naive"] / times["+ stratified (shipped)"]
    print(f"time to a standard error of {wanted:.2f}: {ratio:.1f} times less than naive (at least {TARGET:g} wanted); "
          f"{len(cells)} cells, {torch.get_num_threads()} threads, {explainer.device}")  # fmt: skip


if __name__ == "__main__":
    main()
